/* rooms: flow program accept book kit; libraries: lib_sqlite */
/* Who may say what, and what conditions see of it: ticks are the engine's own, and a profile's lists are read as they were said. */
#include "flow_world.h"

#define RULES                                                                                                                              \
  "event \"ping\" { doc = \"x\", fields = { n = \"number\" } }\n"                                                                          \
  "intervention \"rest\" { why = \"x\", message = { en = \"rest\" } }\n"                                                                   \
  "trigger \"morning\" { why = \"x\", on = { \"day_started\" }, offer = { \"rest\" } }\n"                                                  \
  "trigger \"knee\" { why = \"x\", on = { \"ping\" }, when = \"has(profile.injuries, 'knee') and profile.tier == 'gold'\",\n"              \
  "  offer = { \"rest\" } }\n"

/* Nobody posts what only the engine may say: the hour, a yes or a no, a merge, what a window held. */
static void test_what_is_the_engines_own_is_refused(void **state) {
  (void)state;
  struct world *w = world_new("flow-entry-tick", 1, RULES);
  const char *const types[] = {"tick.day_started", "tick.caught_up", "tick.schedule",   "opt_in",        "opt_out",
                               "merged_from",      "merged_into",    "features.filled", "decision_asked"};
  world_person(w, "anna", at("2025-03-03T09:00:00Z"), false);
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    for (int history = 0; history < 2; history++) {
      struct item *item = world_say(w, world_event(w, "anna", NULL, types[i], at("2025-03-03T12:00:00Z"), history, NULL));
      assert_int_equal(item->state, ITEM_REFUSED);
      assert_int_equal(item->err.kind, ERR_INPUT);
      assert_int_equal(item->told_count, 0);
      assert_non_null(strstr(item->err.text, types[i]));
    }
  world_free(w);
}

static size_t decided(struct world *w, const char *user, const char *clock) {
  return world_say(w, world_event(w, user, NULL, "ping", at(clock), false, "{\"n\":1}"))->told_count;
}

static void say_profile(struct world *w, const char *user, const char *clock, const char *json) {
  world_say(w, world_item(w, ENTRY_PROFILE, world_envelope(w, user, NULL, "profile_updated", at(clock), json), at(clock), false));
}

static void test_lists_of_the_profile_are_read(void **state) {
  (void)state;
  struct world *w = world_new("flow-entry-list", 1, RULES);
  world_person(w, "anna", at("2025-03-03T09:00:00Z"), false);
  assert_int_equal(decided(w, "anna", "2025-03-03T10:00:00Z"), 0);
  say_profile(w, "anna", "2025-03-03T10:30:00Z", "{\"injuries\":[1,\"\",[\"hip\"],\"knee\"],\"tier\":\"gold\"}");
  for (int i = 0; i < 3; i++) assert_int_equal(decided(w, "anna", "2025-03-03T11:00:00Z"), 1); /* read once, remembered after that */
  say_profile(w, "anna", "2025-03-03T11:30:00Z", "{\"injuries\":[\"hip\"]}");
  assert_int_equal(decided(w, "anna", "2025-03-03T12:00:00Z"), 0);
  say_profile(w, "anna", "2025-03-03T12:30:00Z", "{\"injuries\":[]}");
  assert_int_equal(decided(w, "anna", "2025-03-03T13:00:00Z"), 0);
  world_free(w);
}

/* A policy may say that nothing is stored that nobody declared. What the engine itself reads is no slip. */
static void test_a_strict_policy_refuses_undeclared_types(void **state) {
  (void)state;
  struct world *w = world_new("flow-entry-strict", 1, RULES "policy \"house\" { strict = true }\n");
  world_person(w, "anna", at("2025-03-03T09:00:00Z"), false);
  struct item *item = world_say(w, world_event(w, "anna", NULL, "pnig", at("2025-03-03T10:00:00Z"), false, "{\"n\":1}"));
  assert_int_equal(item->state, ITEM_REFUSED);
  assert_int_equal(item->err.kind, ERR_INPUT);
  assert_string_equal(item->err.text, "/eventType: no event noun declares \"pnig\", and a policy is strict (did you mean \"ping\"?)");
  item = world_say(w, world_event(w, "anna", NULL, "something_else", at("2025-03-03T10:01:00Z"), false, NULL));
  assert_string_equal(item->err.text, "/eventType: no event noun declares \"something_else\", and a policy is strict");
  const char *const fine[] = {"ping", "profile_updated", "intervention_response"};
  for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
    item = world_say(w, world_event(w, "anna", NULL, fine[i], at("2025-03-03T10:02:00Z"), false, NULL));
    assert_int_equal(item->state, ITEM_TAKEN);
    assert_false(item->undeclared);
  }
  world_activate(w, world_program(w, RULES));
  item = world_say(w, world_event(w, "anna", NULL, "pnig", at("2025-03-03T10:03:00Z"), false, NULL));
  assert_true(item->state == ITEM_TAKEN && item->undeclared);
  world_activate(w, world_program(w, RULES "policy \"house\" { strict = true }\npolicy \"other\" { strict = false }\n"));
  item = world_say(w, world_event(w, "anna", NULL, "pnig", at("2025-03-03T10:04:00Z"), false, NULL));
  assert_int_equal(item->state, ITEM_REFUSED); /* a policy takes nothing back that another one says */
  world_free(w);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_what_is_the_engines_own_is_refused),
                                     cmocka_unit_test(test_lists_of_the_profile_are_read),
                                     cmocka_unit_test(test_a_strict_policy_refuses_undeclared_types)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
