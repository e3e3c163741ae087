/* rooms: program accept book kit */
/* Scenarios before a program may act: each that fails is one finding, one line, at its own file and line; those that hold say nothing; the
 * program itself is not moved by being tested. */
#include "decide_world.h"
#include "program/scenario.h"

#define RULES                                                                                                                              \
  "event \"check_in\" { fields = { level = \"number\" } }\n"                                                                               \
  "trigger \"stress\" { why = \"w\", on = { \"check_in\" }, when = \"event.level > 7\", offer = { \"breathe\" } }\n"                       \
  "intervention \"breathe\" { channel = \"push\", message = { en = \"Breathe.\" } }\n"
#define SCENARIO(name, level, expect)                                                                                                      \
  "scenario \"" name "\" { given = { profile = { timezone = \"Etc/UTC\" } },\n"                                                            \
  "  event = { type = \"check_in\", data = { level = " level " } }, expect = { " expect " } }\n"

static void test_what_holds_says_nothing(void **state) {
  (void)state;
  struct program *p = world_good(RULES SCENARIO("calm", "3", "send = nothing") SCENARIO("stressed", "9", "send = \"breathe\""));
  assert_int_equal(program_test(p), 0);
  assert_int_equal(p->findings.errors, 0);
  program_free(p);
}

static void test_what_fails_is_a_finding(void **state) {
  (void)state;
  struct program *p = world_good(RULES SCENARIO("stressed", "9", "send = \"breathe\"") SCENARIO("wrong", "9", "send = nothing"));
  assert_int_equal(program_test(p), 1);
  assert_int_equal(p->findings.errors, 1);
  const struct finding *f = &p->findings.at[p->findings.count - 1];
  assert_string_equal(f->file, "rules/x.lua");
  assert_int_equal(f->line, 6);
  assert_string_equal(f->text, "scenario \"wrong\" fails: expected: send = nothing; came: trigger \"stress\": sent \"breathe\"");
  assert_int_equal(program_test(p), 0); /* a refused program is not run */
  program_free(p);
}

/* "breath" or nothing would hold of a calm user whatever the rules do. */
static void test_a_name_that_nothing_has_is_refused(void **state) {
  (void)state;
  struct program *p = world_good(RULES SCENARIO("calm", "3", "send = { \"breath\", nothing }"));
  assert_int_equal(program_test(p), 1);
  assert_string_equal(p->findings.at[p->findings.count - 1].text,
                      "scenario \"calm\" fails: expect.send: no intervention is named \"breath\" (did you mean \"breathe\"?)");
  program_free(p);
}

static void test_order_is_of_the_files(void **state) {
  (void)state;
  struct program *p = world_good(RULES SCENARIO("z", "3", "send = nothing") SCENARIO("a", "9", "send = \"breathe\""));
  struct arena a = {0};
  struct scenarios all;
  assert_true(scenarios_run(p, &a, NULL, &all));
  assert_int_equal(all.count, 2);
  assert_int_equal(all.failed, 0);
  assert_true(str_is(all.results[0].noun->at.name, "z"));
  arena_free(&a);
  program_free(p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_what_holds_says_nothing),
      cmocka_unit_test(test_what_fails_is_a_finding),
      cmocka_unit_test(test_a_name_that_nothing_has_is_refused),
      cmocka_unit_test(test_order_is_of_the_files),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
