/* rooms: tool; inside: tool */
/* Differences are named: of two records first what was read, then what followed; of beliefs the name and both values; numbers may be 1e-6
 * apart and no more; what a model could not say then is no difference now; a decision that is only on one side is one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "again.h"
#include <stdio.h>
#include <string.h>

static struct difference of(const char *stored, const char *derived) {
  struct difference d = {0};
  difference_of_records(str_from(stored), str_from(derived), &d);
  assert_true(d.found);
  return d;
}

static void what_was_read_comes_first(void **state) {
  (void)state;
  struct difference d = of("{\"id\":\"d3-1\",\"outcome\":\"sent\",\"reads\":{\"a\":1,\"b\":0.5},\"option\":\"walk\"}",
                           "{\"id\":\"d3-1\",\"outcome\":\"unavailable\",\"reads\":{\"a\":1,\"b\":0.75}}");
  assert_string_equal(d.decision, "d3-1");
  assert_string_equal(d.name, "b");
  assert_string_equal(d.recorded, "0.5");
  assert_string_equal(d.derived, "0.75");
}

static void then_what_followed(void **state) {
  (void)state;
  struct difference d = of("{\"id\":\"d3-1\",\"outcome\":\"sent\",\"reads\":{\"a\":1},\"option\":\"walk\"}",
                           "{\"id\":\"d3-1\",\"outcome\":\"sent\",\"reads\":{\"a\":1}}");
  assert_string_equal(d.name, "option");
  assert_string_equal(d.recorded, "\"walk\"");
  assert_string_equal(d.derived, "nothing");
  d = of("{\"id\":\"d3-1\",\"reads\":{}}", "{\"id\":\"d3-1\",\"reads\":{\"new\":true}}"); /* a name that only the other one read */
  assert_string_equal(d.name, "new");
  assert_string_equal(d.recorded, "nothing");
  assert_string_equal(d.derived, "true");
}

static void one_side_alone_is_a_difference(void **state) {
  (void)state;
  struct difference d = of("", "{\"id\":\"d3-9\"}");
  assert_string_equal(d.name, "decision");
  assert_string_equal(d.recorded, "none");
  assert_string_equal(d.decision, "d3-9");
  d = of("not json", "{}");
  assert_string_equal(d.name, "decision");
  assert_string_equal(d.recorded, "not json");
  d = of("{\"a\":1}", "{\"a\":1} "); /* the same values in other bytes */
  assert_string_equal(d.name, "decision");
}

static void long_values_are_cut_between_characters(void **state) {
  (void)state;
  char stored[1200] = "{\"reads\":{\"a\":\"";
  size_t length = strlen(stored);
  for (int i = 0; i < 300; i++) length += (size_t)snprintf(stored + length, sizeof stored - length, "%s", i ? "я" : "x");
  snprintf(stored + length, sizeof stored - length, "\"}}");
  struct difference d = of(stored, "{\"reads\":{\"a\":1}}");
  length = strlen(d.recorded);
  assert_in_range(length, sizeof d.recorded - 4, sizeof d.recorded - 1);
  assert_int_equal((unsigned char)d.recorded[length - 2], 0xd1); /* a whole я */
}

/* ---- beliefs ---- */

static struct program one_model(struct models **models, struct arena *a, struct noun_model *noun, struct noun_model_output *outputs) {
  outputs[0] = (struct noun_model_output){.name = STR("risk")};
  outputs[1] = (struct noun_model_output){.name = STR("hope")};
  *noun = (struct noun_model){.at = {.name = STR("m"), .file = "models/m.lua", .line = 1},
                              .plugin = STR("svr"),
                              .outputs = outputs,
                              .output_count = 2,
                              .fallback = __builtin_nan("")};
  struct findings f = {.arena = a};
  struct symbols symbols = {.arena = a};
  const struct features *features = features_build(a, NULL, 0, NULL, &symbols, &f);
  *models = models_build(a, noun, 1, features, NULL, &f);
  assert_non_null(*models);
  return (struct program){.models = *models};
}

static bool agrees(struct value was, struct value now, struct difference *d) {
  struct arena a = {0};
  struct noun_model noun;
  struct noun_model_output outputs[2];
  struct models *models;
  struct program p = one_model(&models, &a, &noun, outputs);
  struct recorded_belief recorded[2] = {{0, value_number(0.25)}, {1, was}};
  struct recorded r = {.beliefs = recorded, .belief_count = 2};
  struct value again[2] = {value_number(0.25), now};
  *d = (struct difference){0};
  bool same = difference_of_beliefs(&p, &r, 1, again, d);
  models_free(models);
  arena_free(&a);
  return same;
}

static void beliefs_may_be_a_millionth_apart(void **state) {
  (void)state;
  struct difference d;
  assert_true(agrees(value_number(0.5), value_number(0.5), &d));
  assert_true(agrees(value_number(0.5), value_number(0.500001), &d));
  assert_true(agrees(value_number(0.5), value_number(0.499999), &d));
  assert_false(agrees(value_number(0.5), value_number(0.500002), &d));
  assert_string_equal(d.name, "hope");
  assert_string_equal(d.recorded, "0.5");
  assert_string_equal(d.derived, "0.500002");
}

static void what_was_missing_for_a_fault_is_no_difference(void **state) {
  (void)state;
  struct difference d;
  assert_true(agrees(value_missing(MISSING_FAILED), value_number(0.5), &d));
  assert_true(agrees(value_missing(MISSING_SUSPENDED), value_number(0.5), &d));
  assert_false(agrees(value_missing(MISSING_TOO_LITTLE), value_number(0.5), &d)); /* what is known of a user is a function of the journal */
  assert_true(agrees(value_missing(MISSING_TOO_LITTLE), value_missing(MISSING_TOO_LITTLE), &d));
  assert_false(agrees(value_number(0.5), value_missing(MISSING_FAILED), &d));
}

static void a_model_that_was_not_asked_is_a_difference(void **state) {
  (void)state;
  struct arena a = {0};
  struct noun_model noun;
  struct noun_model_output outputs[2];
  struct models *models;
  struct program p = one_model(&models, &a, &noun, outputs);
  struct recorded none = {0};
  struct value again[2] = {value_number(0.25), value_number(0.5)};
  struct difference d = {0};
  assert_true(difference_of_beliefs(&p, &none, 0, again, &d));
  assert_false(difference_of_beliefs(&p, &none, 1, again, &d));
  assert_string_equal(d.name, "risk");
  assert_string_equal(d.recorded, "not asked");
  models_free(models);
  arena_free(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_was_read_comes_first),
      cmocka_unit_test(then_what_followed),
      cmocka_unit_test(one_side_alone_is_a_difference),
      cmocka_unit_test(long_values_are_cut_between_characters),
      cmocka_unit_test(beliefs_may_be_a_millionth_apart),
      cmocka_unit_test(what_was_missing_for_a_fault_is_no_difference),
      cmocka_unit_test(a_model_that_was_not_asked_is_a_difference),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
