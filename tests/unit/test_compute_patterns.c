/* rooms: compute */
/* Patterns of success and the wellbeing features: rates are shrunk, groups that are too small say nothing, trends are least squares through
 * days, and what a person is shown is what conditions read. */
#include "compute_world.h"
#include "stats/stats.h"
#include <string.h>

static void attempts_at(struct world *w, int from, int count, int done, const char *hour, const char *context) {
  char when[64], data[64];
  for (int i = 0; i < count; i++) {
    snprintf(when, sizeof when, "2025-01-%02dT%s:00Z", from + i, hour);
    snprintf(data, sizeof data, "{\"workoutType\":\"%s\"}", i % 2 ? "yoga" : "run");
    world_event(w, i < done ? "workout_completed" : "workout_skipped", when, data, context);
  }
}

static void times_of_the_day_differ(void **state) {
  (void)state;
  struct world *w = world_new(NULL, 0, NULL, 0);
  const char *at = "2025-01-20T22:00:00Z";
  world_missing(w, "success_rate_variance_by_time", at);
  attempts_at(w, 1, 8, 7, "06:30", NULL);
  world_missing(w, "success_rate_variance_by_time", at); /* one part of the day alone has no spread */
  attempts_at(w, 1, 10, 1, "19:00", NULL);
  double own = 8.0 / 18, best = (7 + 4 * own) / 12, worst = (1 + 4 * own) / 14;
  assert_near(world_read(w, "success_rate_variance_by_time", at), best - worst, 1e-12, "max less min of shrunk rates");
  assert_true(world_read(w, "success_rate_variance_by_time", at) > .4);
  double middle = (7.0 / 8 + .1) / 2, off = 7.0 / 8 - middle;
  assert_near(world_read(w, "success_rate_variance_by_time_compat", at), off * off, 1e-12, "variance as the document says");
  assert_near(world_read(w, "best_hour", at), 6, 0, "best hour");
  assert_near(world_read(w, "worst_hour", at), 19, 0, "worst hour");
  assert_near(world_read(w, "best_hour_rate", at), 7.0 / 8, 1e-12, "as counted");
  assert_near(world_read(w, "worst_hour_rate", at), .1, 1e-12, "as counted");
  assert_near(world_read(w, "success_rate_morning", at), best, 1e-12, "morning");
  assert_near(world_read(w, "success_rate_evening", at), worst, 1e-12, "evening");
  world_missing(w, "success_rate_midday", at);
  assert_near(world_read(w, "success_rate", at), own, 1e-12, "own rate");
  world_missing(w, "success_rate_variance_by_time", "2025-02-20T00:00:00Z"); /* aged out */
  world_free(w);
}

static void two_lucky_mornings_are_no_pattern(void **state) {
  (void)state;
  struct world *w = world_new(NULL, 0, NULL, 0);
  attempts_at(w, 1, 2, 2, "06:30", NULL);
  attempts_at(w, 1, 6, 3, "19:00", NULL);
  world_missing(w, "success_rate_variance_by_time", "2025-01-08T00:00:00Z");
  world_missing(w, "success_rate_morning", "2025-01-08T00:00:00Z");
  world_free(w);
}

static void company_and_weather_matter(void **state) {
  (void)state;
  struct world *w = world_new(NULL, 0, NULL, 0);
  const char *at = "2025-01-20T22:00:00Z";
  attempts_at(w, 1, 6, 2, "07:00", "{\"socialContext\":\"alone\",\"weather\":\"rain\"}");
  world_missing(w, "social_context_impact", at);
  attempts_at(w, 7, 6, 6, "07:00", "{\"socialContext\":\"friend\",\"weather\":\"clear\"}");
  double own = 8.0 / 12, social = (6 + 4 * own) / 10, solo = (2 + 4 * own) / 10;
  assert_near(world_read(w, "social_success_rate", at), social, 1e-12, "social");
  assert_near(world_read(w, "solo_success_rate", at), solo, 1e-12, "solo");
  assert_near(world_read(w, "social_context_impact", at), social - solo, 1e-12, "impact");
  assert_near(world_read(w, "social_success_ratio", at), social / solo, 1e-12, "ratio");
  assert_near(world_read(w, "social_success_ratio_low", at), 0.983239048809620, 1e-12, "ratio, at least");
  assert_near(world_read(w, "weather_sensitivity", at), social - solo, 1e-12, "weather");
  assert_near(world_read(w, "workout_variety_score", at), 1, 1e-12, "two kinds, equally often");
  assert_true(world_read(w, "day_of_week_consistency", at) >= 0 && world_read(w, "day_of_week_consistency", at) < .2);
  assert_near(world_read(w, "time_of_day_consistency", at), 1, 1e-6, "always at seven");
  world_free(w);
}

static void preferred_times_come_from_the_profile(void **state) {
  (void)state;
  struct world *w = world_new(NULL, 0, NULL, 0);
  const char *at = "2025-01-20T22:00:00Z";
  attempts_at(w, 1, 4, 4, "06:30", NULL);
  attempts_at(w, 5, 1, 1, "12:30", NULL);
  world_missing(w, "preferred_time_consistency", at);
  world_event(w, "profile_updated", "2025-01-06T00:00:00Z", "{\"preferences\":{\"preferredTimes\":[\"morning\"]}}", NULL);
  assert_near(world_read(w, "preferred_time_consistency", at), .8, 1e-12, "morning");
  assert_true(user_merge_profile(w->user, STR("{\"preferences\":{\"preferredTimes\":[\"12:00\"]}}"), true, NULL));
  assert_near(world_read(w, "preferred_time_consistency", at), .2, 1e-12, "a profile changed beside events counts at once");
  world_free(w);
}

static void sleep_stress_and_motivation(void **state) {
  (void)state;
  struct world *w = world_new(NULL, 0, NULL, 0);
  char when[64], data[128];
  const char *at = "2025-01-07T12:00:00Z";
  const double hours[] = {5, 6, 9, 5.5, 6.5};
  for (int i = 0; i < 5; i++) {
    if (i == 2) world_missing(w, "sleep_debt", "2025-01-04T23:00:00Z");
    snprintf(when, sizeof when, "2025-01-%02dT07:00:00Z", i + 3);
    snprintf(data, sizeof data, "{\"sleepHours\":%g,\"sleepQuality\":%d,\"hrv\":%d}", hours[i], 4 + i, 60 - 2 * i);
    world_event(w, "sleep_logged", when, data, NULL);
    snprintf(data, sizeof data, "{\"stressLevel\":%d,\"motivationLevel\":%d}", 4 + i, 9 - i);
    world_event(w, "check_in", when, data, NULL);
  }
  assert_near(world_read(w, "sleep_debt", at), (3 + 2 + 0 + 2.5 + 1.5) / 5, 1e-6, "nightly debt; a long night does not pay it back");
  assert_near(world_read(w, "sleep_debt_week", at), 9, 1e-6, "week's debt");
  assert_near(world_read(w, "sleep_hours", at), 6.4, 1e-6, "mean");
  assert_near(world_read(w, "sleep_quality_trend", at), 1, 1e-9, "quality");
  assert_near(world_read(w, "hrv_trend", at), -2, 1e-9, "hrv");
  assert_near(world_read(w, "stress_level_trend", at), 1, 1e-9, "stress");
  assert_near(world_read(w, "motivation_trend", at), -1, 1e-9, "motivation");
  assert_near(world_read(w, "stress_level", at), 8, 1e-9, "newest day");
  assert_near(world_read(w, "motivation_level", at), 5, 1e-9, "newest day");
  world_missing(w, "stress_level", "2025-01-14T12:00:00Z");
  world_free(w);
}

static void goals_progress_by_word_or_by_workouts(void **state) {
  (void)state;
  struct world *w = world_new(NULL, 0, NULL, 0);
  world_event(w, "profile_updated", "2025-01-01T00:00:00Z",
              "{\"constraints\":{\"schedule\":{\"monday\":{\"available\":true},\"friday\":{\"available\":true},"
              "\"sunday\":{\"available\":false}}}}",
              NULL);
  attempts_at(w, 5, 1, 1, "07:00", NULL);
  world_missing(w, "goal_progress_rate", "2025-01-07T12:00:00Z");
  assert_near(world_read(w, "goal_progress_rate", "2025-01-08T12:00:00Z"), .5, 1e-12, "one of two available days");
  world_event(w, "goal_progress", "2025-01-08T08:00:00Z", "{\"progress\":0.3,\"expected\":0.4}", NULL);
  world_event(w, "goal_progress", "2025-01-06T08:00:00Z", "{\"progress\":0.1,\"expected\":0.4}", NULL); /* late: an older word */
  assert_near(world_read(w, "goal_progress_rate", "2025-01-08T12:00:00Z"), .75, 1e-12, "as said");
  assert_near(world_read(w, "goal_progress", "2025-01-08T12:00:00Z"), .3, 1e-12, "newest");
  assert_near(world_read(w, "goal_progress_rate", "2025-01-23T12:00:00Z"), 0, 1e-12, "too old a word");
  world_free(w);
}

static void interactions_are_counted(void **state) {
  (void)state;
  struct world *w = world_new(NULL, 0, NULL, 0);
  const char *at = "2025-01-03T23:00:00Z";
  world_event(w, "app_interaction", "2025-01-01T10:00:00Z",
              "{\"screenTime\":120,\"preparationTime\":20,\"barriers\":[\"time\",\"tired\"],\"skipReasons\":null}", NULL);
  world_event(w, "app_interaction", "2025-01-03T10:00:00Z",
              "{\"screenTime\":60,\"preparationTime\":10,\"barriers\":[],\"skipReasons\":[\"ill\"]}", NULL);
  world_event(w, "workout_completed", "2025-01-02T10:00:00Z", "{\"intensity\":\"moderate\"}", NULL);
  assert_near(world_read(w, "app_interactions_7d", at), 2, 0, "count");
  assert_near(world_read(w, "app_screen_time_7d", at), 180, 0, "screen time");
  assert_near(world_read(w, "preparation_time", at), 15, 0, "mean of days");
  assert_near(world_read(w, "barrier_frequency", at), 1, 0, "barriers an interaction");
  assert_near(world_read(w, "engagement_score", at), 1, 0, "three of three days");
  assert_near(world_read(w, "engagement_score", "2025-01-06T00:00:00Z"), .5, 0, "three of six days");
  world_missing(w, "skip_pattern_frequency", at); /* two opportunities */
  world_event(w, "workout_planned", "2025-01-03T08:00:00Z", NULL, NULL);
  world_event(w, "workout_planned", "2025-01-04T08:00:00Z", NULL, NULL);
  world_missing(w, "skip_pattern_frequency", "2025-01-04T23:00:00Z"); /* today's plan is still open */
  assert_near(world_read(w, "skip_pattern_frequency", "2025-01-05T00:00:00Z"), 2.0 / 3, 1e-12, "skipped and never done");
  world_free(w);
}

static void what_is_shown_is_what_is_read(void **state) {
  (void)state;
  struct world *w = world_new(NULL, 0, NULL, 0);
  int64_t clock;
  struct buf out = {0};
  struct json_writer writer = json_to(&out);
  struct json j;
  double shown;
  attempts_at(w, 1, 14, 11, "07:00", "{\"weather\":\"rain\"}");
  assert_true(clock_parse(STR("2025-01-15T08:00:00Z"), &clock));
  json_open_object(&writer);
  features_list(w->features, w->user, clock, &writer, &w->arena);
  json_key(&writer, "patterns");
  features_describe(w->features, w->user, clock, &writer, &w->arena);
  json_close_object(&writer);
  assert_true(json_parse(&j, &w->arena, buf_view(&out), &json_limits_default, NULL));
  size_t count;
  const struct feature_doc *docs = feature_docs(&count);
  for (size_t i = 0; i < count; i++) {
    uint32_t at = json_get(&j, json_get(&j, 0, "features"), docs[i].name);
    assert_int_not_equal(at, JSON_NONE);
    struct value v = feature_read(w->features, (uint32_t)i, w->user, clock, w->slots, &w->arena);
    if (v.kind == VALUE_MISSING) {
      assert_int_equal(json_type(&j, at), JSON_NULL);
      assert_int_not_equal(json_get(&j, json_get(&j, 0, "missing"), docs[i].name), JSON_NONE);
    } else {
      assert_true(json_double(&j, at, &shown));
      assert_near(shown, v.number, 1e-6, docs[i].name);
    }
  }
  assert_true(json_double(&j, json_path(&j, 0, "patterns.habitStrength.frequency"), &shown) && shown == 1);
  assert_true(json_double(&j, json_path(&j, 0, "patterns.analytics.streakLength"), &shown));
  assert_non_null(strstr(out.at, "\"weather\":\"rain\""));
  assert_int_equal(json_get(&j, json_get(&j, 0, "patterns"), "features"), JSON_NONE); /* each thing once */
  buf_free(&out);
  world_free(w);
}

/* Three contexts: Mondays in the rain 3 of 3, Tuesday evenings 1 of 4, one Wednesday 2 of 8; 6 of 15 in all. Sure is said by the beta
 * posterior around the own rate: P(rate > .4), integrated by hand. */
static void contexts_say_how_sure_they_are(void **state) {
  (void)state;
  static const struct {
    const char *day, *weather, *place;
    double rate, frequency, confidence;
  } expected[] = {{"monday", "rain", "home", 1, .2, 0.920180},
                  {"tuesday", "clear", "gym", .25, 4.0 / 15, 0.303703},
                  {"wednesday", "snow", "park", .25, 8.0 / 15, 0.215088}};
  struct world *w = world_new(NULL, 0, NULL, 0);
  char when[40];
  for (int i = 0; i < 3; i++) {
    snprintf(when, sizeof when, "2025-01-%02dT07:00:00Z", 6 + 7 * i);
    world_event(w, "workout_completed", when, NULL, "{\"weather\":\"rain\",\"location\":\"home\"}");
  }
  for (int i = 0; i < 4; i++) {
    snprintf(when, sizeof when, "2025-01-%02dT19:00:00Z", 7 + 7 * i);
    world_event(w, i ? "workout_skipped" : "workout_completed", when, NULL, "{\"weather\":\"clear\",\"location\":\"gym\"}");
  }
  for (int i = 0; i < 8; i++) {
    snprintf(when, sizeof when, "2025-01-08T12:%02d:00Z", i);
    world_event(w, i > 1 ? "workout_skipped" : "workout_completed", when, NULL, "{\"weather\":\"snow\",\"location\":\"park\"}");
  }
  struct buf out = {0};
  struct json_writer writer = json_to(&out);
  struct json j;
  int64_t clock;
  assert_true(clock_parse(STR("2025-01-29T08:00:00Z"), &clock));
  features_describe(w->features, w->user, clock, &writer, &w->arena);
  assert_true(json_parse(&j, &w->arena, buf_view(&out), &json_limits_default, NULL));
  const uint32_t all = json_path(&j, 0, "contextPatterns"), good = json_path(&j, 0, "analytics.successfulContexts");
  assert_int_equal(j.tokens[all].count, 3);
  assert_int_equal(j.tokens[good].count, 1);
  for (uint32_t i = 0; i < 3; i++) {
    const uint32_t one = json_child(&j, all, i == 0 ? 0 : 3 - i); /* at the same rate the one with more attempts comes first */
    double number;
    assert_true(str_is(json_text(&j, json_path(&j, one, "context.dayOfWeek"), &w->arena), expected[i].day));
    assert_true(str_is(json_text(&j, json_path(&j, one, "context.weather"), &w->arena), expected[i].weather));
    assert_true(str_is(json_text(&j, json_path(&j, one, "context.location"), &w->arena), expected[i].place));
    assert_true(json_double(&j, json_get(&j, one, "successRate"), &number));
    assert_near(number, expected[i].rate, 1e-6, "rate");
    assert_true(json_double(&j, json_get(&j, one, "frequency"), &number));
    assert_near(number, expected[i].frequency, 1e-6, "frequency");
    assert_true(json_double(&j, json_get(&j, one, "confidence"), &number));
    assert_near(number, expected[i].confidence, 2e-6, "confidence");
  }
  buf_free(&out);
  world_free(w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(times_of_the_day_differ),        cmocka_unit_test(two_lucky_mornings_are_no_pattern),
      cmocka_unit_test(company_and_weather_matter),     cmocka_unit_test(preferred_times_come_from_the_profile),
      cmocka_unit_test(sleep_stress_and_motivation),    cmocka_unit_test(goals_progress_by_word_or_by_workouts),
      cmocka_unit_test(interactions_are_counted),       cmocka_unit_test(what_is_shown_is_what_is_read),
      cmocka_unit_test(contexts_say_how_sure_they_are),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
