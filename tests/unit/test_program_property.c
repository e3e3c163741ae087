/* rooms: program accept book kit */
/* Properties and coverage: a scenario with repeats draws its values anew each time, the same ones on every run; it fails with the values
 * that broke it; shares count what was sent; coverage tells the terms that were never both true and false. */
#include "decide_world.h"
#include "program/scenario.h"

#define RULES                                                                                                                              \
  "event \"check_in\" { fields = { level = \"number\" } }\n"                                                                               \
  "trigger \"stress\" { why = \"w\", on = { \"check_in\" }, when = \"event.level > 7 and not (profile.asleep or false)\",\n"               \
  "  offer = { \"breathe\" } }\n"                                                                                                          \
  "intervention \"breathe\" { channel = \"push\", message = { en = \"Breathe.\" } }\n"
#define TRIAL                                                                                                                              \
  "experiment \"pause\" { why = \"w\", revision = 1, at = \"trigger:stress\", randomise = \"decision\",\n"                                 \
  "  arms = { silence = { weight = 0.5, send = nothing }, breathe = { weight = 0.5, send = \"breathe\" } },\n"                             \
  "  outcome = { metric = \"calm\", within = 30 * minutes } }\n"
#define PROPERTY(name, repeats, level, expect)                                                                                             \
  "scenario \"" name "\" { repeats = " repeats ", given = { profile = { timezone = \"Etc/UTC\" } },\n"                                     \
  "  event = { type = \"check_in\", at = { between = { \"2025-01-15T09:00:00Z\", \"2025-01-15T19:00:00Z\" } },\n"                          \
  "    data = { level = " level " } }, expect = { " expect " } }\n"

struct tested {
  struct program *program;
  struct arena arena;
  struct coverage coverage;
  struct scenarios all;
};

static struct tested *tested_new(const char *rules) {
  struct tested *t = test_calloc(1, sizeof *t);
  t->program = world_good(rules);
  assert_true(coverage_begin(t->program, &t->arena, &t->coverage));
  assert_true(scenarios_run(t->program, &t->arena, &t->coverage, &t->all));
  coverage_end(&t->coverage);
  return t;
}

static void tested_free(struct tested *t) {
  arena_free(&t->arena);
  program_free(t->program);
  test_free(t);
}

static bool failure_has(const struct tested *t, size_t i, const char *text) {
  return strstr(t->all.results[i].failure.at, text) != NULL;
}

static void test_a_property_that_holds(void **state) {
  (void)state;
  struct tested *t = tested_new(RULES PROPERTY("stressed", "200", "{ between = { 7.01, 10 } }", "send = \"breathe\"")
                                    PROPERTY("calm", "200", "{ between = { 0, 7 }, whole = true }", "send = nothing, trigger = nothing")
                                        PROPERTY("either", "200", "{ one_of = { 1, 9 } }", "send = { \"breathe\", nothing }"));
  for (size_t i = 0; i < 3; i++) assert_string_equal(t->all.results[i].failure.at, "");
  assert_int_equal(t->all.failed, 0);
  const struct rule_seen *stress = &t->coverage.rules[t->coverage.triggers[0]];
  assert_int_equal(stress->asked, 600);
  assert_true(stress->met > 250 && stress->met < 350 && stress->sent == stress->met);
  tested_free(t);
}

static void test_a_property_that_breaks_names_its_values(void **state) {
  (void)state;
  const char *rules = RULES PROPERTY("never", "300", "{ between = { 0, 7.5 } }", "send = nothing");
  struct tested *t = tested_new(rules), *again = tested_new(rules);
  assert_int_equal(t->all.failed, 1);
  assert_true(failure_has(t, 0, "  in repeat ") && failure_has(t, 0, " of 300: event.at = \"2025-01-15T"));
  assert_true(failure_has(t, 0, ", event.data.level = 7.") && failure_has(t, 0, "expected: send = nothing"));
  assert_true(failure_has(t, 0, "came: trigger \"stress\": sent \"breathe\"") && failure_has(t, 0, " of 300 repeats failed"));
  assert_true(str_eq(t->all.results[0].failure, again->all.results[0].failure)); /* today as yesterday */
  tested_free(again);
  tested_free(t);
}

static void test_shares_of_arms(void **state) {
  (void)state;
  struct tested *t = tested_new(RULES TRIAL PROPERTY("even", "1000", "9", "shares = { breathe = { 0.45, 0.55 }, nothing = { 0.45, 0.55 } }")
                                    PROPERTY("uneven", "1000", "9", "shares = { breathe = { 0.6, 1 } }")
                                        PROPERTY("nobody", "10", "9", "shares = { breath = { 0, 1 } }"));
  assert_true(t->all.results[0].passed);
  assert_false(t->all.results[1].passed);
  assert_true(failure_has(t, 1, "expected: shares.breathe from 0.6 to 1\n  came: 0.4") || failure_has(t, 1, "came: 0.5"));
  assert_true(failure_has(t, 2, "no intervention is named \"breath\""));
  tested_free(t);
}

static void test_what_makes_no_sense_is_said(void **state) {
  (void)state;
  struct tested *t = tested_new(
      RULES PROPERTY("too often", "10001", "9", "send = nothing") PROPERTY("turned", "5", "{ between = { 9, 1 } }", "send = nothing")
          PROPERTY("mixed", "5", "{ between = { 9, \"x\" } }", "send = nothing")
              PROPERTY("none", "5", "{ one_of = {} }", "send = nothing") "scenario \"once\" { event = { type = \"check_in\", data = { "
                                                                         "level = 1 } }, expect = { shares = { breathe = { 0, 1 } } } }\n");
  assert_true(failure_has(t, 0, "repeats: expected 1 to 10000, got 10001"));
  assert_true(failure_has(t, 1, "event.data.level.between: expected { low, high }"));
  assert_true(failure_has(t, 2, "event.data.level.between: expected { low, high }"));
  assert_true(failure_has(t, 3, "event.data.level.one_of: expected a list of values"));
  assert_true(failure_has(t, 4, "a share needs repeats"));
  tested_free(t);
}

static void test_coverage_finds_the_untested_term(void **state) {
  (void)state;
  struct tested *t = tested_new(RULES PROPERTY("both", "50", "{ one_of = { 1, 9 } }", "send = { \"breathe\", nothing }"));
  const struct rule_seen *stress = &t->coverage.rules[t->coverage.triggers[0]];
  assert_int_equal(t->coverage.count, 2);
  assert_int_equal(t->coverage.whole_rules, 2);
  assert_int_equal(t->coverage.terms, 2);
  assert_int_equal(t->coverage.whole_terms, 1); /* nobody was asleep */
  assert_true(str_is(stress->conditions[0].terms[0].source, "event.level > 7") && term_seen_whole(&stress->conditions[0].terms[0]));
  assert_true(str_is(stress->conditions[0].terms[1].source, "(profile.asleep or false)"));
  assert_false(term_seen_whole(&stress->conditions[0].terms[1]));
  assert_int_equal(stress->conditions[0].terms[1].truths[TRUTH_FALSE], 50);
  tested_free(t);
  t = tested_new(RULES PROPERTY("calm", "5", "1", "send = nothing"));
  assert_int_equal(t->coverage.whole_rules, 0); /* never true, never sent */
  tested_free(t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_property_that_holds),
      cmocka_unit_test(test_a_property_that_breaks_names_its_values),
      cmocka_unit_test(test_shares_of_arms),
      cmocka_unit_test(test_what_makes_no_sense_is_said),
      cmocka_unit_test(test_coverage_finds_the_untested_term),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
