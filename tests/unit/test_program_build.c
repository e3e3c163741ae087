/* rooms: program accept book kit */
/* Programs: every mistake is a finding with its file and line and the program may not run; the digest is of the sources and of nothing
 * else; what is stored comes back as the same program; links and other files are no sources; libraries give one program a digest. */
#include "book/book.h"
#include "decide_world.h"
#include <sys/stat.h>

static const struct program_from from = {0};
static char root[400];

static void write_file(const char *path, const char *text) {
  char full[500], folder[500];
  struct err e = {0};
  snprintf(full, sizeof full, "%s/%s", root, path);
  snprintf(folder, sizeof folder, "%s", full);
  *strrchr(folder, '/') = 0;
  if (!file_make_directory(folder, 0755, &e) || !file_write_atomic(full, str_from(text), 0644, &e)) fail_msg("%s", e.text);
}

static int fresh(void **state) {
  (void)state;
  snprintf(root, sizeof root, "%s/program-%d", KAIROS_BINARY_DIR, (int)getpid());
  file_remove_tree(root, NULL);
  return 0;
}
static int gone(void **state) {
  (void)state;
  file_remove_tree(root, NULL);
  return 0;
}

static struct program *read_program(void) {
  struct err e = {0};
  struct program *p = program_from_directory(root, &from, &e);
  if (!p) fail_msg("%s", e.text);
  return p;
}

#define GOOD                                                                                                                               \
  RULES_PING RULES_OPTION("walk", "") "trigger \"t\" { why = \"x\", on = { \"ping\" }, when = \"event.n > 3\", offer = { \"walk\" } }\n"

#define MOOD "event \"mood\" { fields = { happiness = \"number\" }, context = { weather = \"text\" } }\n"

static void test_mistakes_have_places(void **state) {
  (void)state;
  static const struct {
    const char *rules, *text;
    int line;
  } cases[] = {
      {RULES_PING "\ntrigger \"t\" { why = \"x\", on = { \"ping\" }, offer = { \"wlak\" } }\n" RULES_OPTION("walk", ""),
       "did you mean \"walk\"", 4},
      {GOOD "trigger \"u\" { why = \"x\", on = { \"pign\" }, offer = { \"walk\" } }\n",
       "\"pign\", which no event noun declares (did you mean \"ping\"?)", 5},
      {GOOD "trigger \"u\" { why = \"x\", on = { \"ping\" }, when = \"event.m > 3\", offer = { \"walk\" } }\n", "no event noun declares",
       5},
      {GOOD "trigger \"u\" { why = \"x\", on = { \"ping\" }, when = \"workout_freqency_7d > 3\", offer = { \"walk\" } }\n", "did you mean",
       5},
      {GOOD "trigger \"u\" { why = \"x\", on = { \"ping\" }, offer = { \"walk\" }, choose = \"dice\" }\n", "no choose is named", 5},
      {GOOD
       "experiment \"x\" { why = \"x\", revision = 1, at = \"trigger:nobody\", randomise = \"user\", arms = { a = { weight = 0.5, send = "
       "\"walk\" }, b = { weight = 0.5, send = nothing } }, outcome = { metric = \"n\", within = 1 * hours } }\n",
       "names no trigger", 5},
      {GOOD "rollout \"r\" { why = \"x\", gates = { \"trigger:nobody\" }, stages = { { name = \"a\", share = 1, hold = 1 * days } } }\n",
       "names nothing", 5},
      {GOOD "rollout \"r\" { why = \"x\", gates = { \"intervention:wlk\" }, stages = { { name = \"a\", share = 1, hold = 1 * days } } }\n",
       "(did you mean \"walk\"?)", 5},
      {GOOD "intervention \"w\" { why = \"x\", type = \"m\", channel = \"push\", action = \"a\", expires = 1 * hours, message = { en = "
            "\"{x}\" } }\n",
       "x", 5},
      {GOOD "this is no Lua", "rules/x.lua", 5},
      {GOOD MOOD "trigger \"u\" { why = \"x\", on = { \"mood\" }, when = \"event.hapiness > 3\", offer = { \"walk\" } }\n",
       "\"event.hapiness\": no event noun declares this field (did you mean \"event.happiness\"?)", 6},
      {GOOD MOOD "trigger \"u\" { why = \"x\", on = { \"mood\" }, when = \"event.context.wether == 'rain'\", offer = { \"walk\" } }\n",
       "(did you mean \"event.weather\"?)", 6},
      {GOOD "trigger \"u\" { why = \"x\", on = { \"ping\" }, when = \"event.local_hours > 3\", offer = { \"walk\" } }\n",
       "(did you mean \"event.local_hour\"?)", 5},
      {GOOD MOOD "feature \"glad\" { window = \"sum\", of = \"mood\", field = \"happines\", days = 3 }\n",
       "(did you mean \"event.happiness\"?)", 6},
      {GOOD
       "choose \"evenly\" { by = \"random\" }\ntrigger \"u\" { why = \"x\", on = { \"ping\" }, offer = { \"walk\" }, choose = \"evnly\" "
       "}\n",
       "no choose is named \"evnly\" (did you mean \"evenly\"?)", 6},
      {GOOD "experiment \"x\" { why = \"x\", at = \"trigger:tt\", randomise = \"user\", arms = { a = { weight = 0.5 }, b = { weight = 0.5, "
            "send = "
            "nothing } }, outcome = { metric = \"n\", within = 1 * hours } }\n",
       "names no trigger (did you mean \"t\"?)", 5},
  };
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
    write_file("rules/x.lua", cases[k].rules);
    struct program *p = read_program();
    struct buf out = {0};
    char place[40];
    program_print_findings(p, &out);
    buf_char(&out, 0);
    if (p->findings.errors == 0) fail_msg("case %zu: no error", k);
    snprintf(place, sizeof place, "rules/x.lua:%d: error: ", cases[k].line);
    if (!strstr(out.at, place) || !strstr(out.at, cases[k].text))
      fail_msg("case %zu: expected %s…%s, got %s", k, place, cases[k].text, out.at);
    buf_free(&out);
    program_free(p);
  }
}

static void test_the_digest_is_of_the_sources(void **state) {
  (void)state;
  write_file("rules/x.lua", GOOD);
  struct program *first = read_program();
  write_file("rules/notes.txt", "not a source");
  write_file("rules/.hidden.lua", "not a source either");
  write_file("README.md", "nor this");
  struct program *same = read_program();
  assert_string_equal(first->digest, same->digest);
  assert_int_equal(same->source_count, 1);
  assert_true(first->stamp != same->stamp);
  write_file("rules/x.lua", GOOD " ");
  struct program *other = read_program();
  assert_string_not_equal(first->digest, other->digest);
  write_file("rules/x.lua", GOOD);
  write_file("interventions/y.lua", "");
  struct program *more = read_program();
  assert_string_not_equal(first->digest, more->digest);
  program_free(first);
  program_free(same);
  program_free(other);
  program_free(more);
}

/* The first finding of the directory as it is now. */
static void expect_finding(const char *file, const char *words) {
  struct program *p = read_program();
  assert_true(p->findings.errors > 0);
  assert_string_equal(p->findings.at[0].file, file);
  assert_non_null(strstr(p->findings.at[0].text, words));
  program_free(p);
}

static void test_what_is_no_program(void **state) {
  (void)state;
  struct err e = {0};
  assert_null(program_from_directory(root, &from, &e));
  assert_int_equal(e.kind, ERR_MISSING);
  write_file("rules/x.lua", GOOD);
  char link[500];
  snprintf(link, sizeof link, "%s/rules/link.lua", root);
  assert_int_equal(symlink("/etc/hostname", link), 0);
  expect_finding("rules/link.lua", "symbolic link");
  unlink(link);
  char deep[500] = "rules";
  for (int i = 0; i < 12; i++) strcat(deep, "/d");
  strcat(deep, "/x.lua");
  write_file(deep, "");
  expect_finding("rules/d/d/d/d/d/d/d/d/d", "deep");
}

/* Half a file declares nothing that can be trusted: that others miss its names is no finding, and that nobody looked is a note. What is
 * wrong in other files by itself is told all the same. */
static void test_half_a_file_is_the_only_cause(void **state) {
  (void)state;
  static const char *const halves[] = {"event \"mood\" {", "local t = nil\nlocal x = t.y", "while true do end", "x = 1", "-- \377",
                                       "silense(3)"};
  write_file("rules/a.lua", "trigger \"t\" { why = \"x\", on = \"mood\", when = \"tense > 3\", offer = \"walk\" }\n"
                            "trigger \"u\" { why = \"x\", on = \"mood\", wen = \"tense > 3\", offer = \"walk\" }\n");
  for (size_t i = 0; i < sizeof halves / sizeof *halves; i++) {
    struct buf text = {0};
    buf_printf(&text, "feature \"tense\" { value = \"1\" }\n" RULES_OPTION("walk", "") "%s\n", halves[i]);
    buf_char(&text, 0);
    write_file("rules/m.lua", text.at);
    struct program *p = read_program();
    const struct finding *f = p->findings.at;
    if (p->findings.count != 3 || p->findings.errors != 2)
      fail_msg("\"%s\": %zu findings, %zu errors; the first: %s", halves[i], p->findings.count, p->findings.errors, f->text);
    assert_non_null(strstr(f[0].text, "unknown field \"wen\""));
    assert_string_equal(f[1].file, "rules/m.lua");
    assert_int_equal(f[1].level, FINDING_ERROR);
    assert_string_equal(f[2].file, "rules/m.lua");
    assert_int_equal(f[2].level, FINDING_NOTE);
    assert_int_equal(f[2].line, f[1].line);
    assert_non_null(strstr(f[2].text, "names that other files use are looked up once every file can be loaded"));
    program_free(p);
    buf_free(&text);
  }
  write_file("rules/m.lua", "feature \"tense\" { value = \"1\" }\n" RULES_OPTION("walk", ""));
  expect_finding("rules/a.lua", "no event noun declares"); /* whole again: names are looked up */
}

static void test_the_store_gives_it_back(void **state) {
  (void)state;
  char data[450];
  struct err e = {0};
  write_file("rules/x.lua", GOOD);
  write_file("interventions/sub/y.lua", RULES_OPTION("rest", ""));
  snprintf(data, sizeof data, "%s/data", root);
  if (!book_create(data, 1, &e)) fail_msg("%s", e.text);
  struct book *b = book_open(data, true, &e);
  struct program *p = read_program();
  assert_int_equal(p->findings.errors, 0);
  if (!program_store(p, b, &e) || !program_store(p, b, &e)) fail_msg("%s", e.text); /* twice is once */
  struct library *library = library_new(b, &from);
  const struct program *again = library_get(library, str_from(p->digest), &e);
  if (!again) fail_msg("%s", e.text);
  assert_string_equal(again->digest, p->digest);
  assert_int_equal(again->source_count, 2);
  assert_string_equal(again->sources[0].path, "interventions/sub/y.lua");
  assert_int_equal(rules_triggers(again->rules), 1);
  assert_ptr_equal(library_get(library, str_from(p->digest), &e), again);
  assert_ptr_equal(library_add(library, p), again); /* p is taken, and the one that was there is given */
  struct str brief = {again->digest, 16};
  assert_ptr_equal(library_brief(library, brief, &e), again);
  assert_null(library_brief(library, STR("0123456789abcdef"), &e));
  assert_int_equal(e.kind, ERR_MISSING);
  assert_null(library_get(library, STR("no digest"), &e));
  char unknown[65];
  memset(unknown, 'a', 64);
  unknown[64] = 0;
  assert_null(library_get(library, str_from(unknown), &e));
  library_free(library);
  book_close(b);
}

/* Cached values of the profile follow the profile and the program. */
static void test_profile_values_follow(void **state) {
  (void)state;
  struct world *w =
      world_new(RULES_PING RULES_OPTION("walk", "") "trigger \"t\" { why = \"x\", on = { \"ping\" }, when = \"profile.kind == \\\"a\\\"\","
                                                    " offer = { \"walk\" } }\n");
  world_event(w, "ping", "{}", at("2025-06-02T12:00:00Z"));
  assert_int_equal(w->count, 0);
  static const char *const kinds[] = {"{\"kind\":\"a\"}", "{\"kind\":\"b\"}", "{\"kind\":\"a\"}", "{\"kind\":7}", "{}"};
  for (size_t i = 0; i < 5; i++) {
    assert_true(user_set_profile(w->user, str_from(kinds[i])));
    world_event(w, "ping", "{}", at("2025-06-02T12:00:00Z"));
    assert_int_equal(w->count, i == 0 || i == 2);
  }
  assert_true(user_set_profile(w->user, STR("{\"kind\":\"b\"}")));
  world_event(w, "ping", "{}", at("2025-06-02T12:00:00Z"));
  world_reload(w, RULES_PING RULES_OPTION(
                      "walk", "") "trigger \"t\" { why = \"x\", on = { \"ping\" }, when = \"profile.other or profile.kind == \\\"b\\\"\","
                                  " offer = { \"walk\" } }\n");
  world_event(w, "ping", "{}", at("2025-06-02T12:00:00Z"));
  assert_int_equal(w->count, 1);
  world_free(w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_mistakes_have_places, fresh, gone),
      cmocka_unit_test_setup_teardown(test_the_digest_is_of_the_sources, fresh, gone),
      cmocka_unit_test_setup_teardown(test_what_is_no_program, fresh, gone),
      cmocka_unit_test_setup_teardown(test_half_a_file_is_the_only_cause, fresh, gone),
      cmocka_unit_test_setup_teardown(test_the_store_gives_it_back, fresh, gone),
      cmocka_unit_test(test_profile_values_follow),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
