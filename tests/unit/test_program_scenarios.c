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

/* What is misspelt is said without deciding anything; whether it holds is not asked. */
static void test_what_is_misspelt_is_found_without_a_run(void **state) {
  (void)state;
  static const struct {
    const char *scenario, *says;
  } slips[] = {
      {"event = { type = \"check_in\", data = { level = 1 } }, expect = { sned = nothing }",
       "expect: unknown field \"sned\" (did you mean \"send\"?)"},
      {"event = { type = \"check_in\", data = { level = 1 } }, expect = { trigger = \"stres\" }",
       "expect.trigger: no trigger is named \"stres\" (did you mean \"stress\"?)"},
      {"event = { type = \"check_in\", data = { level = 1 } }, expect = { send = nothing, shares = { breathe = { 0, 1 } } }",
       "expect.shares: a share needs repeats"},
      {"repeats = 5, event = { type = \"check_in\", data = { level = 1 } }, expect = { shares = { breathe = 0.5 } }",
       "expect.shares.breathe: expected { low, high }, as in { 0.4, 0.6 }"},
      {"given = { histroy = {} }, event = { type = \"check_in\" }, expect = { send = nothing }",
       "given: unknown field \"histroy\" (did you mean \"history\"?)"},
      {"given = { history = { dya = 1 } }, event = { type = \"check_in\" }, expect = { send = nothing }",
       "given.history: unknown field \"dya\" (did you mean \"day\"?)"},
      {"given = { features = { [\"event.lvel\"] = 1 } }, event = { type = \"check_in\" }, expect = { send = nothing }",
       "given.features: no condition, option or message of the program reads \"event.lvel\" (did you mean \"event.level\"?)"},
      {"event = { tpye = \"check_in\" }, expect = { send = nothing }", "event: unknown field \"tpye\" (did you mean \"type\"?)"},
      {"event = { type = \"check_in\", dta = {} }, expect = { send = nothing }", "event: unknown field \"dta\" (did you mean \"data\"?)"},
      {"repeats = 20000, event = { type = \"check_in\" }, expect = { send = nothing }", "repeats: expected 1 to 10000, got 20000"},
  };
  for (size_t i = 0; i < sizeof slips / sizeof *slips; i++) {
    char text[1000], says[400];
    snprintf(text, sizeof text, RULES "scenario \"s\" { %s }\n", slips[i].scenario);
    snprintf(says, sizeof says, "scenario \"s\": %s", slips[i].says);
    struct program *p = world_good(text);
    assert_int_equal(program_read_scenarios(p), 1);
    assert_string_equal(p->findings.at[p->findings.count - 1].text, says);
    assert_string_equal(p->findings.at[p->findings.count - 1].file, "rules/x.lua");
    assert_int_equal(p->findings.at[p->findings.count - 1].line, 4);
    program_free(p);
  }
  struct program *p = world_good(RULES SCENARIO("fails", "9", "send = nothing"));
  assert_int_equal(program_read_scenarios(p), 0);
  assert_int_equal(p->findings.errors, 0);
  program_free(p);
}

/* Under a strict policy a scenario may say what an application may, and nothing else. */
static void test_strict_rules_have_strict_scenarios(void **state) {
  (void)state;
#define BEFORE(type) "given = { events = { { type = \"" type "\", ago = 1 * hour, data = {} } } }, "
  static const struct {
    const char *scenario, *says; /* NULL: it holds */
  } cases[] = {
      {"event = { type = \"chek_in\" }",
       "scenario \"s\" fails: event: no event noun declares \"chek_in\", and a policy is strict (did you mean \"check_in\"?)"},
      {BEFORE("chek_in") "event = { type = \"check_in\", data = { level = 1 } }",
       "scenario \"s\" fails: given.events: no event noun declares \"chek_in\", and a policy is strict (did you mean \"check_in\"?)"},
      {BEFORE("profile_updated") "event = { type = \"check_in\", data = { level = 1 } }", NULL},
      {"event = { ask = \"stress\" }", NULL},
      {BEFORE("intervention_response") "event = { type = \"profile_updated\", data = { age = 40 } }", NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char text[1000];
    snprintf(text, sizeof text, RULES "policy { strict = true }\nscenario \"s\" { %s, expect = { send = nothing } }\n", cases[i].scenario);
    struct program *p = world_good(text);
    assert_int_equal(program_test(p), cases[i].says ? 1 : 0);
    if (cases[i].says) assert_string_equal(p->findings.at[p->findings.count - 1].text, cases[i].says);
    program_free(p);
  }
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
      cmocka_unit_test(test_what_is_misspelt_is_found_without_a_run),
      cmocka_unit_test(test_strict_rules_have_strict_scenarios),
      cmocka_unit_test(test_order_is_of_the_files),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
