/* rooms: kit language accept; inside: accept */
/* JSON is accepted and rejected as RFC 8259 says (S2), by a list of cases of our own: 95 accepted and 188 refused at the least, among them
 * duplicate keys and keys with escaped NULs, which the grammar allows and the door does not. The walk that cuts a list of events apart by
 * grammar alone must agree with the tokenizer about where a value ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "event.h"
#include "kit/file.h"
#include "kit/hash.h"
#include "kit/json.h"
#include <stdlib.h>
#include <string.h>

/* %XX is a byte, ~N~text~ is N times that text. */
static void unpack_case(struct str packed, struct buf *out) {
  buf_clear(out);
  for (size_t i = 0; i < packed.len; i++) {
    unsigned char byte = 0;
    if (packed.at[i] == '%') {
      assert_true(i + 2 < packed.len && hash_unhex((struct str){packed.at + i + 1, 2}, &byte, 1));
      buf_char(out, (char)byte);
      i += 2;
    } else if (packed.at[i] == '~') {
      char *end;
      const long times = strtol(packed.at + i + 1, &end, 10);
      const char *close = memchr(end + 1, '~', packed.len - (size_t)(end + 1 - packed.at));
      assert_non_null(close);
      for (long n = 0; n < times; n++) buf_put(out, end + 1, (size_t)(close - end - 1));
      i = (size_t)(close - packed.at);
    } else {
      buf_char(out, packed.at[i]);
    }
  }
}

/* The text lies in a block of exactly its size, so that a read beyond it is seen by the sanitizer. */
static struct str exact(struct str s) {
  char *copy = malloc(s.len ? s.len : 1);
  assert_non_null(copy);
  if (s.len) memcpy(copy, s.at, s.len);
  return (struct str){copy, s.len};
}

static bool walk_covers(struct str text) {
  size_t used;
  return element_skip(text, &used) && str_trim((struct str){text.at + used, text.len - used}).len == 0;
}

static bool says_more_than_grammar(const struct err *e) {
  static const char *const faults[] = {"UTF-8", "surrogate", "deeper", "stands twice", "u0000"};
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
    if (strstr(e->text, faults[i])) return true;
  }
  return false;
}

static void check_accepted(struct str text, const struct json *j, struct arena *a) {
  struct json one;
  struct err e = {0};
  size_t used = 0, walked = 0;
  assert_true(json_parse_one(&one, a, text, &json_limits_default, &used, &e));
  assert_int_equal(one.count, j->count);
  assert_true(element_skip(text, &walked));
  assert_int_equal(used, walked);
}

static bool run_case(char fate, struct str name, struct str packed, struct buf *room) {
  struct arena a = {0};
  unpack_case(packed, room);
  const struct str text = exact(buf_view(room));
  struct json j;
  struct err e = {0};
  const bool accepted = json_parse(&j, &a, text, &json_limits_default, &e);
  bool fine = accepted == (fate == 'y');
  if (accepted && fine) check_accepted(text, &j, &a);
  if (!accepted) fine = fine && e.kind == ERR_INPUT && (walk_covers(text) ? says_more_than_grammar(&e) : fate == 'n');
  if (!fine) print_error("%c %.*s: %s %s\n", fate, STR_ARG(name), accepted ? "accepted" : "refused:", e.text);
  free((char *)(uintptr_t)text.at);
  arena_free(&a);
  return fine;
}

static void every_case_has_its_fate(void **state) {
  (void)state;
  struct buf file = {0}, room = {0};
  struct err e = {0};
  assert_true(file_read(KAIROS_SOURCE_DIR "/tests/vectors/json_cases.txt", &file, 1 << 20, &e));
  size_t accepted = 0, refused = 0, wrong = 0;
  struct str rest = buf_view(&file);
  for (struct str line, fate, name; str_split(&rest, '\n', &line);) {
    if (line.len == 0 || line.at[0] == '#') continue;
    assert_true(str_split(&line, '\t', &fate) && str_split(&line, '\t', &name) && fate.len == 1);
    accepted += fate.at[0] == 'y';
    refused += fate.at[0] != 'y';
    wrong += !run_case(fate.at[0], name, line, &room);
  }
  print_message("%zu accepted, %zu refused\n", accepted, refused);
  assert_int_equal(wrong, 0);
  assert_true(accepted >= 95 && refused >= 188);
  buf_free(&file);
  buf_free(&room);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_case_has_its_fate)};
  return cmocka_run_group_tests_name("accept: JSON as RFC 8259", tests, NULL, NULL);
}
