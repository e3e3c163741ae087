/* rooms: flow program accept book kit; libraries: lib_sqlite */
/* Who may say what, and what conditions see of it: ticks are the engine's own, and a profile's lists are read as they were said. */
#include "flow_world.h"

#define RULES                                                                                                                              \
  "event \"ping\" { doc = \"x\", fields = { n = \"number\" } }\n"                                                                          \
  "intervention \"rest\" { why = \"x\", message = { en = \"rest\" } }\n"                                                                   \
  "trigger \"morning\" { why = \"x\", on = { \"day_started\" }, offer = { \"rest\" } }\n"                                                  \
  "trigger \"knee\" { why = \"x\", on = { \"ping\" }, when = \"has(profile.injuries, 'knee') and profile.tier == 'gold'\",\n"              \
  "  offer = { \"rest\" } }\n"

static void test_a_posted_tick_is_refused(void **state) {
  (void)state;
  struct world *w = world_new("flow-entry-tick", 1, RULES);
  const char *const types[] = {"tick.day_started", "tick.caught_up", "tick.schedule"};
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

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_posted_tick_is_refused), cmocka_unit_test(test_lists_of_the_profile_are_read)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
