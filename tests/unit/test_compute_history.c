/* rooms: compute language kit; inside: compute */
/* Daily histories: each day of a window holds what happened on that local day; days before the first event are missing, days without an
 * observation 0 or missing as their row says; a window moves with the clock; declared features have days too. */
#include "compute_world.h"
#include "features.h"
#include "models.h"
#include <string.h>

#define DAYS 10
struct window {
  double values[DAYS];
  uint64_t valid;
};

static struct window window_of(struct world *w, const char *name, const char *when) {
  struct window out = {{0}, 0};
  struct view v;
  uint32_t number;
  int64_t clock;
  if (!history_find(w->features, str_from(name), &number)) fail_msg("no history %s", name);
  assert_true(clock_parse(str_from(when), &clock));
  view_open(&v, w->features, w->user, clock, &w->arena);
  history_read(&v, number, DAYS, out.values, &out.valid, 0);
  return out;
}

static void check(struct world *w, const char *name, const char *when, uint64_t valid, const double expected[DAYS]) {
  const struct window got = window_of(w, name, when);
  if (got.valid != valid)
    fail_msg("%s at %s: expected days %#llx, got %#llx", name, when, (unsigned long long)valid, (unsigned long long)got.valid);
  for (int i = 0; i < DAYS; i++)
    if (valid >> i & 1) assert_near(got.values[i], expected[i], 1e-6, name);
}

static struct world *five_days(void) {
  struct world *w = world_lua("event \"walk\" { fields = { minutes = \"number\" } }\n"
                              "feature \"walked\" { doc = \"d\", window = \"mean\", of = \"walk\", field = \"minutes\", days = 7 }\n"
                              "feature \"walks\" { doc = \"d\", window = \"count\", of = \"walk\", days = 7 }\n"
                              "feature \"since\" { doc = \"d\", window = \"since_last\", of = \"walk\" }\n");
  for (size_t i = 0; i < w->findings.count; i++) fail_msg("%s", w->findings.at[i].text);
  world_event(w, "workout_completed", "2025-03-06T07:00:00Z", "{\"completionRate\":0.5,\"stressLevel\":4}", NULL);
  world_event(w, "workout_skipped", "2025-03-07T07:00:00Z", NULL, NULL);
  world_event(w, "workout_completed", "2025-03-09T07:00:00Z", "{\"completionRate\":0.4}", NULL);
  world_event(w, "workout_completed", "2025-03-09T19:00:00Z", "{\"completionRate\":1,\"stressLevel\":6}", NULL);
  world_event(w, "walk", "2025-03-08T12:00:00Z", "{\"minutes\":30}", NULL);
  world_event(w, "walk", "2025-03-08T13:00:00Z", "{\"minutes\":50}", NULL);
  return w;
}

static void days_hold_what_happened_on_them(void **state) {
  (void)state;
  struct world *w = five_days();
  const char *now = "2025-03-10T08:00:00Z"; /* the 1st is the window's oldest day, the 6th the first event's */
  check(w, "daily_completed", now, 0x3E0, (double[DAYS]){[5] = 1, 0, 0, 2, 0});
  check(w, "daily_skipped", now, 0x3E0, (double[DAYS]){[5] = 0, 1, 0, 0, 0});
  check(w, "daily_completion_rate", now, 0x120, (double[DAYS]){[5] = 0.5, [8] = 0.7});
  check(w, "daily_stress", now, 0x120, (double[DAYS]){[5] = 4, [8] = 6});
  check(w, "daily_hrv", now, 0, (double[DAYS]){0});
  check(w, "daily_events", now, 0x3E0, (double[DAYS]){[5] = 1, 1, 2, 2, 0});
  world_free(w);
}

static void the_window_moves_with_the_clock(void **state) {
  (void)state;
  struct world *w = five_days();
  check(w, "daily_completed", "2025-03-12T23:59:59Z", 0x3F8, (double[DAYS]){[3] = 1, 0, 0, 2, 0, 0, 0});
  check(w, "daily_completed", "2025-03-15T00:00:00Z", 0x3FF, (double[DAYS]){1, 0, 0, 2});
  check(w, "daily_completed", "2025-06-15T00:00:00Z", 0x3FF, (double[DAYS]){0}); /* beyond what the ring keeps: nothing happened since */
  check(w, "daily_stress", "2025-06-15T00:00:00Z", 0, (double[DAYS]){0});
  world_free(w);
}

static void days_are_local(void **state) {
  (void)state;
  struct world *w = world_lua("");
  world_event(w, "profile_updated", "2025-03-05T00:00:00Z", "{\"timezone\":\"Pacific/Auckland\"}", NULL);
  world_event(w, "workout_completed", "2025-03-08T12:00:00Z", NULL, NULL); /* the 9th in Auckland */
  check(w, "daily_completed", "2025-03-10T08:00:00Z", 0x3F0, (double[DAYS]){[8] = 1});
  world_free(w);
}

static void declared_features_have_days(void **state) {
  (void)state;
  struct world *w = five_days();
  uint32_t number;
  check(w, "walked", "2025-03-10T08:00:00Z", 0x080, (double[DAYS]){[7] = 40});
  check(w, "walks", "2025-03-10T08:00:00Z", 0x3E0, (double[DAYS]){[7] = 2});
  assert_false(history_find(w->features, STR("since"), &number)); /* a single number a person */
  assert_false(history_find(w->features, STR("success_rate"), &number));
  world_free(w);
}

static void a_stranger_has_no_days(void **state) {
  (void)state;
  struct world *w = world_lua("");
  check(w, "daily_completed", "2025-03-10T08:00:00Z", 0, (double[DAYS]){0});
  world_free(w);
}

/* Windows lie one after the other in a column; reading one leaves its neighbours alone, across words of bits too. */
static void rows_do_not_touch_each_other(void **state) {
  (void)state;
  enum { ROWS = 20 };
  struct world *w = five_days();
  struct view v;
  struct model_input from = {.is_history = true};
  double values[ROWS * DAYS];
  uint64_t valid[ROWS * DAYS / 64 + 1] = {0};
  int64_t clock;
  assert_true(clock_parse(STR("2025-03-10T08:00:00Z"), &clock));
  assert_true(history_find(w->features, STR("daily_completed"), &from.history));
  for (size_t r = 0; r < ROWS; r += 2) {
    view_open(&v, w->features, w->user, clock, &w->arena);
    input_read(&from, DAYS, &v, w->slots, values + r * DAYS, valid, r * DAYS);
  }
  for (size_t i = 0; i < ROWS * DAYS; i++) {
    const bool there = valid[i / 64] >> (i % 64) & 1;
    assert_int_equal(there, i / DAYS % 2 == 0 && i % DAYS >= 5);
    if (there) assert_true(values[i] == (double)(i % DAYS == 5 ? 1 : i % DAYS == 8 ? 2 : 0));
  }
  world_free(w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(days_hold_what_happened_on_them),
      cmocka_unit_test(the_window_moves_with_the_clock),
      cmocka_unit_test(days_are_local),
      cmocka_unit_test(declared_features_have_days),
      cmocka_unit_test(a_stranger_has_no_days),
      cmocka_unit_test(rows_do_not_touch_each_other),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
