/* rooms: compute */
/* The built-in features of requirements C01–C18 over events: windows age by time alone, late events land in their day, terms are clamped,
 * what is too little is missing and never 0, and the streak is the correct one. */
#include "compute_world.h"
#include "stats/stats.h"
#include "vectors.h"
#include <string.h>

/* 14 days of METHODS' composite: done = 11011100111101 from 2025-01-01, hours and places as in the vector. */
static void play_composite(struct world *w) {
  struct vectors habit;
  size_t days, hours;
  char when[64], data[80];
  vectors_open(&habit, "habit.json");
  uint8_t *done = vectors_flags(&habit, "composite.done", &days);
  double *hour = vectors_list(&habit, "composite.time_hours", &hours);
  world_event(w, "profile_updated", "2025-01-01T00:00:00Z", "{\"goals\":{\"sessionsPerWeek\":5}}", NULL);
  size_t k = 0;
  for (size_t d = 0; d < days; d++) {
    int minute = done[d] ? (int)(hour[k] * 60 + .5) : 20 * 60;
    snprintf(when, sizeof when, "2025-01-%02zuT%02d:%02d:00Z", d + 1, minute / 60, minute % 60);
    snprintf(data, sizeof data, "{\"location\":\"%s\"}", k < 8 ? "home" : "gym");
    world_event(w, done[d] ? "workout_completed" : "workout_skipped", when, done[d] ? data : "{\"location\":\"office\"}", NULL);
    k += done[d];
  }
  vectors_close(&habit);
}

static void habit_strength_is_the_composite(void **state) {
  (void)state;
  struct world *w = world_new(NULL, 0, NULL, 0);
  play_composite(w);
  const char *at = "2025-01-14T21:00:00Z";
  assert_near(world_read(w, "habit_frequency", at), 1, 1e-12, "frequency");
  assert_near(world_read(w, "consistency_score", at), 0.391230398218, 1e-10, "consistency");
  /* times are kept to the minute (6.7 h = 06:42 is exact), cosines as floats */
  assert_near(world_read(w, "habit_context_stability", at), 0.672529062267, 1e-6, "context");
  assert_near(world_read(w, "habit_strength", at), 0.690997971741, 1e-6, "strength");
  assert_near(world_read(w, "location_stability", at), 0.544514084996, 1e-10, "places");
  assert_near(world_read(w, "habit_frequency_compat", at), 1, 0, "compat frequency is clamped");
  world_free(w);
}

static void every_term_stays_in_its_range(void **state) {
  (void)state;
  struct world *w = world_new(NULL, 0, NULL, 0);
  char when[64];
  const char *terms[] = {"habit_strength",          "habit_frequency",   "habit_frequency_compat",
                         "habit_context_stability", "consistency_score", "engagement_score"};
  for (int i = 0; i < 60; i++) { /* far more than planned, all at one place and minute */
    snprintf(when, sizeof when, "2025-01-%02dT07:%02d:00Z", i % 10 + 1, i);
    world_event(w, "workout_completed", when, "{\"location\":\"home\"}", NULL);
  }
  for (size_t i = 0; i < sizeof terms / sizeof *terms; i++) {
    double v = world_read(w, terms[i], "2025-01-10T12:00:00Z");
    if (!(v >= 0 && v <= 1)) fail_msg("%s = %g", terms[i], v);
  }
  assert_near(world_read(w, "habit_frequency", "2025-01-10T12:00:00Z"), 1, 0, "frequency is clamped");
  world_free(w);
}

static void the_strength_renormalises_without_context(void **state) {
  (void)state;
  struct world *w = world_new(NULL, 0, NULL, 0);
  world_event(w, "workout_planned", "2025-01-01T08:00:00Z", NULL, NULL);
  world_event(w, "workout_planned", "2025-01-03T08:00:00Z", NULL, NULL);
  world_event(w, "workout_completed", "2025-01-05T08:00:00Z", NULL, NULL);
  world_missing(w, "habit_context_stability", "2025-01-07T08:00:00Z");
  double frequency = world_read(w, "habit_frequency", "2025-01-07T08:00:00Z"), consistency = 1.0 / 3;
  assert_near(frequency, 1.0 / 3, 1e-12, "one of three a week");
  assert_near(world_read(w, "habit_strength", "2025-01-07T08:00:00Z"), (frequency + consistency) / 2, 1e-12, "strength");
  world_missing(w, "habit_strength", "2025-01-06T08:00:00Z"); /* six days are too few */
  world_free(w);
}

static void windows_age_by_time_alone(void **state) {
  (void)state;
  struct world *w = world_new(NULL, 0, NULL, 0);
  world_missing(w, "workout_frequency_7d", "2025-01-01T00:00:00Z");
  world_event(w, "workout_completed", "2025-01-01T23:30:00Z", "{\"completionRate\":0.5}", NULL);
  world_event(w, "workout_completed", "2025-01-02T07:00:00Z", "{\"completionRate\":1}", NULL);
  assert_near(world_read(w, "workout_frequency_7d", "2025-01-02T08:00:00Z"), 2, 0, "both");
  assert_near(world_read(w, "average_completion_rate", "2025-01-02T08:00:00Z"), .75, 1e-12, "mean of days");
  assert_near(world_read(w, "workout_frequency_7d", "2025-01-07T23:59:59Z"), 2, 0, "seventh day");
  assert_near(world_read(w, "workout_frequency_7d", "2025-01-08T00:00:00Z"), 1, 0, "first day has left");
  assert_near(world_read(w, "workout_frequency_7d", "2025-01-09T00:00:00Z"), 0, 0, "both have left");
  assert_near(world_read(w, "workout_frequency_30d", "2025-01-30T23:00:00Z"), 2, 0, "thirtieth day");
  assert_near(world_read(w, "days_since_last_completion", "2025-01-30T23:00:00Z"), 28, 0, "recency");
  assert_near(world_read(w, "workout_frequency_30d", "2026-01-30T23:00:00Z"), 0, 0, "a year later");
  world_free(w);
}

static void a_late_event_lands_in_its_day(void **state) {
  (void)state;
  struct world *now = world_new(NULL, 0, NULL, 0), *late = world_new(NULL, 0, NULL, 0);
  const char *times[] = {"2025-01-01T07:00:00Z", "2025-01-02T07:30:00Z", "2025-01-03T08:00:00Z", "2025-01-04T07:10:00Z",
                         "2025-01-06T06:50:00Z"};
  const int order[] = {4, 1, 3, 0, 2};
  const char *names[] = {"streak_length_longest",   "streak_length_current",      "workout_frequency_7d",
                         "time_of_day_consistency", "habit_automaticity",         "consistency_score",
                         "days_since_start",        "days_since_last_completion", "completion_rate_trend"};
  for (int i = 0; i < 5; i++) world_event(now, "workout_completed", times[i], "{\"completionRate\":0.9}", NULL);
  for (int i = 0; i < 5; i++) world_event(late, "workout_completed", times[order[i]], "{\"completionRate\":0.9}", NULL);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    assert_near(world_read(late, names[i], "2025-01-06T12:00:00Z"), world_read(now, names[i], "2025-01-06T12:00:00Z"), 0, names[i]);
  assert_near(world_read(late, "streak_length_longest", "2025-01-06T12:00:00Z"), 4, 0, "joined by the late days");
  world_free(now);
  world_free(late);
}

static void days_are_the_users_own(void **state) {
  (void)state;
  struct world *w = world_new(NULL, 0, NULL, 0);
  struct err e = {0};
  assert_true(world_try(w, "profile_updated", "2025-03-01T00:00:00Z", "{\"timezone\":\"America/New_York\"}", NULL, &e));
  world_event(w, "workout_completed", "2025-03-02T02:00:00Z", NULL, NULL); /* still 1 March there, 21:00 */
  world_event(w, "workout_completed", "2025-03-03T02:00:00Z", NULL, NULL);
  assert_near(world_read(w, "days_since_last_completion", "2025-03-03T04:59:00Z"), 0, 0, "before local midnight");
  assert_near(world_read(w, "days_since_last_completion", "2025-03-03T05:00:00Z"), 1, 0, "after local midnight");
  assert_false(world_try(w, "profile_updated", "2025-03-03T00:00:00Z", "{\"timezone\":\"Mars/Olympus\"}", NULL, &e));
  assert_non_null(strstr(e.text, "timezone"));
  world_free(w);
}

static void streaks_follow_the_correct_rule(void **state) {
  (void)state;
  struct world *w = world_new(NULL, 0, NULL, 0);
  const uint8_t done[] = {1, 1, 0, 1, 1};
  const double expected[] = {1, 2, 0, 1, 2};
  char when[64];
  world_missing(w, "streak_length_current", "2025-01-01T00:00:00Z");
  for (int i = 0; i < 5; i++) {
    snprintf(when, sizeof when, "2025-01-%02dT18:00:00Z", i + 1);
    world_event(w, done[i] ? "workout_completed" : "workout_skipped", when, NULL, NULL);
    assert_near(world_read(w, "streak_length_current", when), expected[i], 0, when);
  }
  assert_near(world_read(w, "streak_length_current", "2025-01-06T23:00:00Z"), 2, 0, "an open day does not end it");
  assert_near(world_read(w, "streak_length_current", "2025-01-07T00:00:00Z"), 0, 0, "a missed day does");
  assert_near(world_read(w, "streak_length_longest", "2025-01-07T00:00:00Z"), 2, 0, "longest stays");
  assert_near(world_read(w, "streak_length", "2025-01-06T23:00:00Z"), 2, 0, "same feature, other name");
  world_free(w);
}

static void the_longest_streak_outlives_the_attempts(void **state) {
  (void)state;
  struct world *w = world_new(NULL, 0, NULL, 0);
  char when[64];
  const int order[] = {1, 2, 3, 4, 6, 7, 8, 9, 10, 5}; /* the day that joins them comes last */
  for (int i = 0; i < 10; i++) {
    snprintf(when, sizeof when, "2025-01-%02dT18:00:00Z", order[i]);
    world_event(w, "workout_completed", when, NULL, NULL);
  }
  for (int i = 0; i < ATTEMPTS_MOST + 20; i++) { /* every one of the ten is dropped from the list */
    snprintf(when, sizeof when, "2025-%02d-%02dT18:%02d:00Z", 3 + i / 28, i % 28 + 1, i % 60);
    world_event(w, "workout_skipped", when, NULL, NULL);
  }
  assert_int_equal(w->user->attempt_count, ATTEMPTS_MOST);
  assert_near(world_read(w, "streak_length_longest", "2025-09-01T00:00:00Z"), 10, 0, "longest");
  world_free(w);
}

/* A workout on each day from 1 March 2025 on, `times` a day; what was skipped beside it on the same day changes nothing. */
static void train_daily(struct world *w, int days, int times) {
  int64_t first;
  assert_true(clock_parse(STR("2025-03-01T06:00:00Z"), &first));
  for (int day = 0; day < days; day++)
    for (int i = 0; i < times; i++) {
      char when[32];
      clock_format(first + day * CLOCK_DAY + i * 3 * CLOCK_HOUR, when);
      world_event(w, "workout_completed", when, NULL, NULL);
      if (times > 1) world_event(w, "workout_skipped", when, NULL, NULL);
    }
}

/* More is done than attempts are kept: what is gone of the streak is remembered, and a gap still ends it. */
static void a_streak_outgrows_the_attempts(void **state) {
  (void)state;
  for (int times = 1; times <= 3; times++) {
    struct world *w = world_new(NULL, 0, NULL, 0);
    train_daily(w, 198, times); /* up to 14 September */
    assert_int_equal(w->user->attempt_count, ATTEMPTS_MOST);
    assert_near(world_read(w, "streak_length_current", "2025-09-15T12:00:00Z"), 198, 0, "current");
    assert_near(world_read(w, "streak_length_longest", "2025-09-15T12:00:00Z"), 198, 0, "longest");
    assert_near(world_read(w, "habit_frequency_compat", "2025-09-15T12:00:00Z"), 1, 0, "events a day, as many as are kept");
    world_event(w, "workout_completed", "2025-02-28T06:00:00Z", NULL, NULL); /* far too late to be told where it stands */
    assert_near(world_read(w, "streak_length_current", "2025-09-15T12:00:00Z"), 198, 0, "late word");
    world_event(w, "workout_completed", "2025-09-16T06:00:00Z", NULL, NULL);
    assert_near(world_read(w, "streak_length_current", "2025-09-16T12:00:00Z"), 1, 0, "after a gap");
    assert_near(world_read(w, "streak_length_longest", "2025-09-16T12:00:00Z"), 198, 0, "longest stays");
    world_event(w, "workout_completed", "2025-09-15T20:00:00Z", NULL, NULL);
    assert_near(world_read(w, "streak_length_current", "2025-09-16T12:00:00Z"), 200, 0, "the missing day was told late");
    world_free(w);
  }
}

/* West of Greenwich the first day there is lies before day 0. */
static void the_first_day_of_all_is_a_day(void **state) {
  (void)state;
  struct world *w = world_new(NULL, 0, NULL, 0);
  struct err e = {0};
  assert_true(world_try(w, "profile_updated", "1970-01-01T00:00:00Z", "{\"timezone\":\"America/New_York\"}", NULL, &e));
  world_event(w, "workout_completed", "1970-01-01T03:00:00Z", NULL, NULL);
  assert_near(world_read(w, "streak_length_longest", "1970-01-01T04:00:00Z"), 1, 0, "31 December 1969");
  world_free(w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(habit_strength_is_the_composite),
      cmocka_unit_test(every_term_stays_in_its_range),
      cmocka_unit_test(the_strength_renormalises_without_context),
      cmocka_unit_test(windows_age_by_time_alone),
      cmocka_unit_test(a_late_event_lands_in_its_day),
      cmocka_unit_test(days_are_the_users_own),
      cmocka_unit_test(streaks_follow_the_correct_rule),
      cmocka_unit_test(the_longest_streak_outlives_the_attempts),
      cmocka_unit_test(a_streak_outgrows_the_attempts),
      cmocka_unit_test(the_first_day_of_all_is_a_day),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
