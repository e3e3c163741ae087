/* rooms: kit language */
/* docs/RULES.md says what is: every Lua block loads, every condition compiles, every word and every field is there, with its type. */
#include "kit/file.h"
#include "language/language.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct buf manual;

static int read_manual(void **state) {
  (void)state;
  struct err e;
  if (!file_read(KAIROS_SOURCE_DIR "/docs/RULES.md", &manual, 1 << 20, &e)) return -1;
  buf_char(&manual, 0);
  return 0;
}
static int free_manual(void **state) {
  (void)state;
  buf_free(&manual);
  return 0;
}

/* The blocks between ```kind and ```, one after the other. */
static bool next_block(const char **at, const char *kind, struct str *block) {
  char fence[32];
  snprintf(fence, sizeof fence, "```%s\n", kind);
  const char *start = strstr(*at, fence);
  if (!start) return false;
  start += strlen(fence);
  const char *end = strstr(start, "```");
  assert_non_null(end);
  *block = (struct str){start, (size_t)(end - start)};
  *at = end + 3;
  return true;
}

static void every_block_loads(void **state) {
  (void)state;
  struct arena arena = {0};
  struct source sources[32] = {0};
  size_t count = 0;
  const char *at = manual.at;
  struct str block;
  for (; count < 32 && next_block(&at, "lua", &block); count++)
    sources[count] = (struct source){.path = arena_printf(&arena, "block-%02zu.lua", count + 1), .text = block};
  assert_true(count >= 5);
  struct nouns nouns;
  struct findings f = {.arena = &arena};
  if (!language_load(&arena, sources, count, &nouns, &f)) fail_msg("%s:%d: %s", f.at[0].file, f.at[0].line, f.at[0].text);
  assert_int_equal(f.count, 0);
  assert_true(nouns.trigger_count == 5 && nouns.experiment_count == 1 && nouns.scenario_count == 4 && nouns.policy_count == 1);
  assert_true(nouns.segment_count == 3 && nouns.metric_count == 1 && nouns.function_count == 2);
  arena_free(&arena);
}

static bool any_name(void *context, struct str name, struct symbol *out, struct err *e) {
  (void)context, (void)name, (void)e;
  out->kind = SYMBOL_FEATURE;
  return true;
}

static void every_condition_compiles(void **state) {
  (void)state;
  struct arena arena = {0};
  struct symbols symbols = {.arena = &arena, .find = any_name};
  const char *at = manual.at;
  struct str block, line;
  size_t count = 0;
  while (next_block(&at, "condition", &block))
    while (str_split(&block, '\n', &line)) {
      struct err e;
      if (str_trim(line).len == 0) continue;
      if (!expression_compile(&symbols, line, WANT_ANY, &e)) fail_msg("%.*s: %s", STR_ARG(line), e.text);
      count++;
    }
  assert_true(count >= 5);
  arena_free(&arena);
}

static void every_field_is_in_the_tables(void **state) {
  (void)state;
  size_t count;
  const struct field_doc *docs = language_fields(&count);
  const char *section = manual.at;
  for (size_t i = 0; i < count; i++) {
    char heading[80], type[200], row[600];
    size_t n = 0;
    for (const char *c = docs[i].type; *c; c++) {
      if (*c == '|') type[n++] = '\\';
      type[n++] = *c;
    }
    type[n] = 0;
    snprintf(heading, sizeof heading, "%s`%s`\n", strchr(docs[i].noun, '.') ? "Within: " : "### ", docs[i].noun);
    if (i == 0 || strcmp(docs[i].noun, docs[i - 1].noun) != 0) section = strstr(manual.at, heading);
    if (!section) fail_msg("no heading %s", heading);
    snprintf(row, sizeof row, "| `%s` | %s | %s | %s |\n", docs[i].field, type, docs[i].required ? "required" : "", docs[i].doc);
    if (!strstr(section, row)) fail_msg("missing under %s: %s", docs[i].noun, row);
  }
}

static void every_word_is_named(void **state) {
  (void)state;
  size_t count;
  const char *const *words = language_words(&count);
  const char *section = strstr(manual.at, "    nouns    "), *end = section ? strstr(section, "`pairs` goes") : NULL;
  assert_true(section && end);
  for (size_t i = 0; i < count; i++) {
    size_t n = strlen(words[i]);
    bool plural = words[i][n - 1] == 's' && (strstr("seconds minutes hours days weeks", words[i]) != NULL);
    const char *found = memmem(section, (size_t)(end - section), words[i], plural ? n - 1 : n);
    if (!found) fail_msg("%s is not in the manual", words[i]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_block_loads), cmocka_unit_test(every_condition_compiles),
                                     cmocka_unit_test(every_field_is_in_the_tables), cmocka_unit_test(every_word_is_named)};
  return cmocka_run_group_tests(tests, read_manual, free_manual);
}
