/* rooms: compute language kit */
/* What is foreseen of one person: the best hours are METHODS 14's (tests/vectors/load.json), closed days are closed, weather moves odds,
 * load spikes, plateaus, strain and silence are seen where they were put and nowhere else, and a stranger gets nulls, never a number. */
#include "compute_world.h"
#include "vectors.h"
#include <string.h>

#define NOW "2025-03-01T23:30:00Z"

static struct vectors load;

static int open_vectors(void **state) {
  (void)state;
  vectors_open(&load, "load.json");
  return 0;
}

static int close_vectors(void **state) {
  (void)state;
  vectors_close(&load);
  return 0;
}

struct seen {
  struct buf text;
  struct json json;
};

/* `date`: "" asks for the next day that can still be used. */
static struct seen see_at(struct world *w, const char *weather, const char *when, const char *date) {
  struct seen s = {0};
  struct json_writer writer = json_to(&s.text);
  struct err e = {0};
  int64_t clock;
  const struct insights_ask ask = {str_from(weather), str_from(date), NULL, NULL};
  assert_true(clock_parse(str_from(when), &clock));
  json_open_object(&writer);
  if (!features_insights(w->features, w->user, clock, &ask, &writer, &w->arena, &e)) fail_msg("%s", e.text);
  json_close_object(&writer);
  if (!json_parse(&s.json, &w->arena, buf_view(&s.text), &json_limits_default, &e)) fail_msg("%s", e.text);
  return s;
}

static struct seen see(struct world *w, const char *weather) {
  return see_at(w, weather, NOW, "");
}

/* The `index`-th of a list; NaN stands for null. */
static double number_at(const struct seen *s, const char *list, uint32_t index, const char *key) {
  uint32_t at = json_path(&s->json, 0, list);
  double value = __builtin_nan("");
  if (json_type(&s->json, at) == JSON_ARRAY) {
    if (index >= s->json.tokens[at].count) fail_msg("%s has no %u", list, index);
    at = json_child(&s->json, at, index);
  }
  if (key) at = json_path(&s->json, at, key);
  if (at == JSON_NONE) fail_msg("no %s of %s", key ? key : "value", list);
  json_double(&s->json, at, &value);
  return value;
}

static double number(const struct seen *s, const char *path) {
  return number_at(s, path, 0, NULL);
}

static bool flag(const struct seen *s, const char *path) {
  bool value = false;
  if (!json_bool(&s->json, json_path(&s->json, 0, path), &value)) fail_msg("%s is neither true nor false", path);
  return value;
}

static bool is_null(const struct seen *s, const char *path) {
  return json_type(&s->json, json_path(&s->json, 0, path)) == JSON_NULL;
}

static void attempt(struct world *w, int days_ago, int hour, bool done, const char *context) {
  char when[40];
  int64_t at;
  assert_true(clock_parse(STR("2025-03-01T00:00:00Z"), &at));
  at += hour * CLOCK_HOUR - days_ago * CLOCK_DAY;
  when[clock_format(at, when)] = 0;
  world_event(w, done ? "workout_completed" : "workout_skipped", when, done ? "{\"completionRate\":0.9}" : "{}", context);
}

/* The vector's attempts by hour, over the last four weeks. */
static void live_vector(struct world *w) {
  size_t hours;
  const double *n = vectors_list(&load, "windows.n", &hours), *k = vectors_list(&load, "windows.k", &hours);
  for (size_t h = 0; h < hours; h++)
    for (int i = 0; i < (int)n[h]; i++) attempt(w, 27 - i, 6 + (int)h, i < (int)k[h], NULL);
}

static void the_best_hours_agree(void **state) {
  (void)state;
  struct world *w = world_new(NULL, 0, NULL, 0);
  live_vector(w);
  struct seen s = see(w, "");
  size_t count;
  const double *top = vectors_list(&load, "windows.top3", &count);
  assert_near(number(&s, "optimal_workout_window.overall_rate"), vectors_number(&load, "windows.prior_mean"), 1e-6, "overall rate");
  for (uint32_t i = 0; i < 3; i++) assert_near(number_at(&s, "optimal_workout_window.top", i, "hour"), top[i], 0, "top three");
  for (uint32_t h = 0; h < 16; h++) {
    const double *row = vectors_row(&load, "windows.rows", h, &count);
    assert_near(number_at(&s, "optimal_workout_window.hours", h, "hour"), row[0], 0, "hour");
    assert_near(number_at(&s, "optimal_workout_window.hours", h, "success_probability"), row[4], 1e-6, "posterior mean");
    assert_near(number_at(&s, "optimal_workout_window.hours", h, "at_least"), row[5], 1e-6, "lower end");
    const uint32_t one = json_child(&s.json, json_path(&s.json, 0, "optimal_workout_window.hours"), h);
    double above;
    bool recommended;
    assert_true(json_double(&s.json, json_get(&s.json, one, "probability_above_0.7"), &above));
    assert_true(json_bool(&s.json, json_get(&s.json, one, "recommended"), &recommended));
    assert_near(above, row[6], 1e-6, "P(rate > .7)");
    assert_int_equal(recommended, row[4] > .7 && row[6] >= .6);
  }
  const uint32_t first = json_child(&s.json, json_path(&s.json, 0, "optimal_workout_window.top"), 0);
  assert_int_equal(s.json.tokens[json_get(&s.json, first, "backup_plans")].count, 2);
  assert_non_null(strstr(s.text.at, "11 of 12 attempts at this hour were done"));
  buf_free(&s.text);
  world_free(w);
}

/* The second of March 2025 is a Sunday. */
static void a_day_that_is_not_available_is_closed(void **state) {
  (void)state;
  struct world *w = world_new(NULL, 0, NULL, 0);
  live_vector(w);
  world_event(w, "profile_updated", "2025-03-01T12:00:00Z",
              "{\"constraints\":{\"schedule\":{\"sunday\":{\"available\":false},\"monday\":{\"available\":true}}}}", NULL);
  struct seen s = see(w, "");
  assert_true(flag(&s, "context_prediction.schedule_predictor.day_is_closed"));
  for (uint32_t h = 0; h < 16; h++) assert_near(number_at(&s, "optimal_workout_window.hours", h, "success_probability"), 0, 0, "closed");
  assert_non_null(strstr(s.text.at, "schedule leaves this weekday out"));
  buf_free(&s.text);
  world_free(w);
}

static uint32_t length(const struct seen *s, const char *list) {
  return s->json.tokens[json_path(&s->json, 0, list)].count;
}

/* Hour 8 is this person's best one; at half past nine that helps nobody any more, and tomorrow it does again. */
static void hours_that_are_over_are_not_advised(void **state) {
  (void)state;
  struct world *w = world_new(NULL, 0, NULL, 0);
  for (int d = 1; d < 28; d++) attempt(w, d, d % 2 ? 8 : 18, d % 2 || d % 4, NULL);
  struct seen early = see_at(w, "", "2025-03-01T07:59:00Z", ""), late = see_at(w, "", "2025-03-01T09:30:00Z", "");
  struct seen evening = see_at(w, "", "2025-03-01T20:10:00Z", ""), tomorrow = see_at(w, "", "2025-03-01T09:30:00Z", "2025-03-02");
  assert_near(number_at(&early, "optimal_workout_window.top", 0, "hour"), 8, 0, "before it");
  assert_near(number_at(&tomorrow, "optimal_workout_window.top", 0, "hour"), 8, 0, "tomorrow");
  assert_non_null(strstr(tomorrow.text.at, "\"date\":\"2025-03-02\""));
  assert_int_equal(length(&late, "optimal_workout_window.top"), 3);
  for (uint32_t i = 0; i < 3; i++) assert_true(number_at(&late, "optimal_workout_window.top", i, "hour") > 9);
  for (uint32_t h = 0; h < 16; h++) {
    const uint32_t one = json_child(&late.json, json_path(&late.json, 0, "optimal_workout_window.hours"), h);
    bool over = false, recommended = true;
    assert_true(json_bool(&late.json, json_get(&late.json, one, "over"), &over));
    assert_true(json_bool(&late.json, json_get(&late.json, one, "recommended"), &recommended));
    assert_int_equal(over, h <= 3); /* 6, 7, 8, and 9 has begun */
    assert_true(!over || !recommended);
  }
  assert_int_equal(length(&evening, "optimal_workout_window.top"), 1); /* only nine o'clock is left */
  buf_free(&early.text);
  buf_free(&late.text);
  buf_free(&evening.text);
  buf_free(&tomorrow.text);
  world_free(w);
}

static void a_day_that_may_not_be_asked_for_is_refused(void **state) {
  (void)state;
  static const char *const wrong[] = {"2025-02-28", "2025-03-30", "tomorrow", "2025-02-30", "2025-03-02T00:00:00Z", "2025-3-02"};
  struct world *w = world_new(NULL, 0, NULL, 0);
  int64_t clock;
  assert_true(clock_parse(STR("2025-03-01T12:00:00Z"), &clock));
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    struct buf text = {0};
    struct json_writer writer = json_to(&text);
    struct err e = {0};
    const struct insights_ask ask = {.date = str_from(wrong[i])};
    json_open_object(&writer);
    if (features_insights(w->features, w->user, clock, &ask, &writer, &w->arena, &e)) fail_msg("%s is taken", wrong[i]);
    assert_int_equal(e.kind, ERR_INPUT);
    assert_non_null(strstr(e.text, "2025-03-01"));
    buf_free(&text);
  }
  struct seen last = see_at(w, "", "2025-03-01T12:00:00Z", "2025-03-29");
  buf_free(&last.text);
  world_free(w);
}

/* The profile names the hours of a Sunday: all others are taken. */
static void hours_outside_the_time_slots_are_closed(void **state) {
  (void)state;
  struct world *w = world_new(NULL, 0, NULL, 0);
  live_vector(w);
  world_event(w, "profile_updated", "2025-03-01T12:00:00Z",
              "{\"constraints\":{\"schedule\":{\"sunday\":{\"available\":true,\"timeSlots\":[\"7:00\",\"18:30-20:00\",\"noon\"]},"
              "\"monday\":{\"timeSlots\":[]},\"tuesday\":{\"timeSlots\":[\"noon\"]}}}}",
              NULL);
  struct seen sunday = see(w, ""), monday = see_at(w, "", NOW, "2025-03-03"), tuesday = see_at(w, "", NOW, "2025-03-04");
  assert_false(flag(&sunday, "context_prediction.schedule_predictor.day_is_closed"));
  assert_int_equal(length(&sunday, "context_prediction.schedule_predictor.open_hours"), 3); /* 7, 18, 19 */
  for (uint32_t h = 0; h < 16; h++) {
    const bool open = h + 6 == 7 || h + 6 == 18 || h + 6 == 19;
    assert_true((number_at(&sunday, "optimal_workout_window.hours", h, "success_probability") > 0) == open);
    assert_true(number_at(&monday, "optimal_workout_window.hours", h, "success_probability") > 0);  /* none named */
    assert_true(number_at(&tuesday, "optimal_workout_window.hours", h, "success_probability") > 0); /* none that can be read */
  }
  assert_true(is_null(&monday, "context_prediction.schedule_predictor.open_hours"));
  for (uint32_t i = 0; i < 3; i++) assert_true(number_at(&sunday, "optimal_workout_window.top", i, "success_probability") > 0);
  buf_free(&sunday.text);
  buf_free(&monday.text);
  buf_free(&tuesday.text);
  world_free(w);
}

/* A tenth more each week and never above what the profile asks for, be it once in two weeks. */
static void the_path_ends_at_the_target(void **state) {
  (void)state;
  static const struct {
    const char *profile;
    int workouts; /* in the last four weeks */
    double weeks[4];
  } cases[] = {{"{\"goals\":{\"sessionsPerWeek\":0.5}}", 0, {.5, .5, .5, .5}},
               {"{\"goals\":{\"sessionsPerWeek\":4}}", 0, {1, 1.1, 1.21, 1.331}},
               {"{\"goals\":{\"sessionsPerWeek\":3}}", 11, {3, 3, 3, 3}},
               {"{\"goals\":{\"sessionsPerWeek\":2}}", 12, {3, 3, 3, 3}}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct world *w = world_new(NULL, 0, NULL, 0);
    world_event(w, "profile_updated", "2025-01-01T12:00:00Z", cases[i].profile, NULL);
    for (int d = 1; d <= cases[i].workouts; d++) attempt(w, d, 8, true, NULL);
    struct seen s = see(w, "");
    for (uint32_t k = 0; k < 4; k++)
      assert_near(number_at(&s, "predictive_insights.optimal_progression_path.weeks", k, NULL), cases[i].weeks[k], 1e-6, cases[i].profile);
    buf_free(&s.text);
    world_free(w);
  }
}

static void weather_moves_the_odds(void **state) {
  (void)state;
  struct world *w = world_new(NULL, 0, NULL, 0);
  for (int d = 0; d < 28; d++) attempt(w, d, 8, d % 2 == 0, d % 2 == 0 ? "{\"weather\":\"clear\"}" : "{\"weather\":\"rain\"}");
  struct seen unknown = see(w, ""), rain = see(w, "rain"), clear = see(w, "clear"), hail = see(w, "hail");
  const double usual = number_at(&unknown, "optimal_workout_window.hours", 2, "success_probability");
  assert_true(number_at(&rain, "optimal_workout_window.hours", 2, "success_probability") < usual - .1);
  assert_true(number_at(&clear, "optimal_workout_window.hours", 2, "success_probability") > usual + .1);
  assert_near(number_at(&hail, "optimal_workout_window.hours", 2, "success_probability"), usual, 0, "weather that was never met");
  assert_true(number(&rain, "context_prediction.weather_impact_model.effect_log_odds") < -.5);
  assert_true(is_null(&hail, "context_prediction.weather_impact_model.effect_log_odds"));
  buf_free(&unknown.text);
  buf_free(&rain.text);
  buf_free(&clear.text);
  buf_free(&hail.text);
  world_free(w);
}

/* Days of stress on which nothing is done, with days without between them. */
static void stress_is_seen(void **state) {
  (void)state;
  struct world *w = world_new(NULL, 0, NULL, 0);
  char when[40];
  for (int d = 27; d >= 0; d--) {
    int64_t at;
    assert_true(clock_parse(STR("2025-03-01T06:00:00Z"), &at));
    when[clock_format(at - d * CLOCK_DAY, when)] = 0;
    world_event(w, "check_in", when, d % 2 ? "{\"stressLevel\":9}" : "{\"stressLevel\":2}", NULL);
    attempt(w, d, 8, d % 2 == 0, NULL);
  }
  struct seen s = see(w, "");
  assert_true(number(&s, "context_prediction.stress_predictor.effect_log_odds") < -2);
  assert_true(number(&s, "context_prediction.stress_predictor.expected") > 2 &&
              number(&s, "context_prediction.stress_predictor.expected") < 9);
  assert_true(is_null(&s, "context_prediction.energy_predictor.expected")); /* nobody said how they slept */
  buf_free(&s.text);
  world_free(w);
}

/* `intensity` of each day's workout from 35 days ago until today; 0: none that day. */
static struct seen train_as(struct world *w, double (*intensity)(int day)) {
  char when[40], data[80];
  for (int day = 0; day < 35; day++) {
    int64_t at;
    if (!(intensity(day) > 0)) continue;
    assert_true(clock_parse(STR("2025-03-01T08:00:00Z"), &at));
    when[clock_format(at - (34 - day) * CLOCK_DAY, when)] = 0;
    snprintf(data, sizeof data, "{\"completionRate\":0.9,\"intensity\":%.3f}", intensity(day));
    world_event(w, "workout_completed", when, data, NULL);
  }
  return see(w, "");
}

static double steady(int day) {
  return 5 + .04 * (day * 7 % 5 - 2);
}
static double rising(int day) {
  return 1 + .2 * day;
}
static double sudden(int day) {
  return day < 28 ? 2 + .3 * (day / 7 % 2) : 8;
}
static double even_then_double(int day) {
  return day < 28 ? 4 : 8;
}
static double even(int day) {
  return day >= 0 ? 4 : 0;
}

static void plateaus_and_spikes_are_seen_where_they_are(void **state) {
  (void)state;
  struct world *w = world_new(NULL, 0, NULL, 0);
  struct seen s = train_as(w, steady);
  assert_true(flag(&s, "predictive_insights.plateau_risk_forecast.plateau"));
  assert_false(flag(&s, "predictive_insights.injury_risk_forecast.load_spike"));
  assert_near(number(&s, "predictive_insights.injury_risk_forecast.acwr_coupled"), 1, .01, "as much as ever");
  assert_near(number(&s, "assessment.individual_predictions.plateau"), 1, 0, "said again");
  assert_near(number(&s, "predictive_insights.plateau_risk_forecast.slope_per_week_of_pairs"), 0, .02, "the median of slopes");
  assert_true(number(&s, "predictive_insights.plateau_risk_forecast.chance_of_change_in_14_days") < .25);
  assert_true(number(&s, "predictive_insights.plateau_risk_forecast.days_since_likely_change") >= 28);
  assert_true(is_null(&s, "predictive_insights.injury_risk_forecast.value")); /* nobody can say that */
  buf_free(&s.text);
  world_free(w);

  w = world_new(NULL, 0, NULL, 0);
  s = train_as(w, rising);
  assert_false(flag(&s, "predictive_insights.plateau_risk_forecast.plateau"));
  buf_free(&s.text);
  world_free(w);

  w = world_new(NULL, 0, NULL, 0);
  s = train_as(w, sudden);
  assert_true(flag(&s, "predictive_insights.injury_risk_forecast.load_spike"));
  assert_true(number(&s, "predictive_insights.injury_risk_forecast.acwr_uncoupled") > 3);
  assert_non_null(strstr(s.text.at, "ease the next week"));
  assert_non_null(strstr(s.text.at, "a caution, no forecast"));
  assert_true(is_null(&s, "assessment.individual_predictions.injury_risk")); /* a spike is no probability, and is not shown as one */
  assert_true(number(&s, "predictive_insights.plateau_risk_forecast.days_since_likely_change") <= 8);
  assert_true(number(&s, "predictive_insights.plateau_risk_forecast.chance_of_change_in_14_days") > .99);
  buf_free(&s.text);
  world_free(w);
}

/* Three weeks to the number the same: any more is beyond all deviations, and no more is none. */
static void a_spike_after_even_weeks_is_seen(void **state) {
  (void)state;
  struct world *w = world_new(NULL, 0, NULL, 0);
  struct seen s = train_as(w, even_then_double);
  assert_true(flag(&s, "predictive_insights.injury_risk_forecast.load_spike"));
  assert_near(number(&s, "predictive_insights.injury_risk_forecast.week_on_three_weeks"), 1, 1e-6, "twice as much");
  assert_true(is_null(&s, "predictive_insights.injury_risk_forecast.deviations")); /* no number is that large */
  assert_non_null(strstr(s.text.at, "a caution, no forecast"));
  buf_free(&s.text);
  world_free(w);
  w = world_new(NULL, 0, NULL, 0);
  s = train_as(w, even);
  assert_false(flag(&s, "predictive_insights.injury_risk_forecast.load_spike"));
  assert_near(number(&s, "predictive_insights.injury_risk_forecast.deviations"), 0, 0, "as ever");
  buf_free(&s.text);
  world_free(w);
}

static void check_ins(struct world *w, int days, bool worse) {
  char when[40], data[160];
  for (int day = 0; day < days; day++) {
    int64_t at;
    const bool late = worse && day >= days - 7;
    assert_true(clock_parse(STR("2025-03-01T07:00:00Z"), &at));
    when[clock_format(at - (days - 1 - day) * CLOCK_DAY, when)] = 0;
    snprintf(data, sizeof data, "{\"stressLevel\":%d,\"sleepHours\":%g,\"motivationLevel\":%d}", (late ? 8 : 3) + day % 2,
             (late ? 5 : 7.5) + .2 * (day % 3), (late ? 2 : 7) + day % 2);
    world_event(w, "check_in", when, data, NULL);
  }
}

/* The application tells the intensity only since a week ago, and of every other workout: the load is what it always was. */
static void an_intensity_that_is_told_is_no_spike(void **state) {
  (void)state;
  struct world *w = world_new(NULL, 0, NULL, 0);
  for (int d = 34; d >= 0; d--)
    for (int i = 0; i < 2; i++) {
      char when[40];
      int64_t at;
      assert_true(clock_parse(STR("2025-03-01T08:00:00Z"), &at));
      clock_format(at - d * CLOCK_DAY + i * CLOCK_HOUR, when);
      world_event(w, "workout_completed", when, d < 7 && i ? "{\"intensity\":6}" : "{}", NULL);
    }
  struct seen s = see(w, "");
  assert_false(flag(&s, "predictive_insights.injury_risk_forecast.load_spike"));
  assert_near(number(&s, "predictive_insights.injury_risk_forecast.week_on_three_weeks"), 0, 1e-6, "no more than ever");
  assert_near(number(&s, "predictive_insights.injury_risk_forecast.acwr_coupled"), 1, 1e-6, "acute by chronic");
  assert_near(number(&s, "predictive_insights.injury_risk_forecast.acute_7d"), 12, 1e-6, "two a day, each of 6");
  buf_free(&s.text);
  world_free(w);
}

/* Three weeks of skips and a week of completions: a level that rose, by no share of nothing. */
static void from_nothing_there_is_no_share(void **state) {
  (void)state;
  struct world *w = world_new(NULL, 0, NULL, 0);
  for (int d = 27; d >= 0; d--) attempt(w, d, 8, d < 8, NULL);
  struct seen s = see(w, "");
  assert_near(number(&s, "predictive_insights.plateau_risk_forecast.segment_days"), 8, 0, "it rose eight days ago");
  assert_null(strstr(s.text.at, "level_shift"));
  buf_free(&s.text);
  world_free(w);
}

static void strain_is_seen(void **state) {
  (void)state;
  struct world *w = world_new(NULL, 0, NULL, 0);
  check_ins(w, 28, false);
  struct seen s = see(w, "");
  assert_true(number(&s, "predictive_insights.burnout_risk_forecast.value") < .6);
  assert_true(number(&s, "predictive_insights.churn_risk_forecast.value") < .01);
  buf_free(&s.text);
  world_free(w);
  w = world_new(NULL, 0, NULL, 0);
  check_ins(w, 28, true);
  s = see(w, "");
  assert_true(number(&s, "predictive_insights.burnout_risk_forecast.value") > .9);
  assert_true(number(&s, "predictive_insights.burnout_risk_forecast.signs.sleep") > 1);
  assert_true(is_null(&s, "predictive_insights.burnout_risk_forecast.signs.heart_rate_variability"));
  assert_non_null(strstr(s.text.at, "a rest day"));
  buf_free(&s.text);
  world_free(w);
}

/* What is done is done as well as ever, and every other workout is not done any more: completion falls, as the features of that name do.
 */
static void skipped_workouts_are_no_completion(void **state) {
  (void)state;
  struct world *w = world_new(NULL, 0, NULL, 0);
  for (int d = 27; d >= 0; d--) attempt(w, d, 8, d >= 14 || d % 2 == 0, NULL);
  struct seen s = see(w, "");
  assert_near(number(&s, "predictive_insights.performance_forecast.days"), 28, 0, "days with an attempt");
  assert_near(number(&s, "predictive_insights.performance_forecast.value"), 0.215517241379, 1e-6, "by least squares over 28 days");
  assert_near(number(&s, "predictive_insights.performance_forecast.slope_per_week"), -0.156896551724, 1e-6, "slope");
  assert_near(number(&s, "predictive_insights.burnout_risk_forecast.signs.completion_rate"), 0.591726335414, 1e-6, "a week against three");
  buf_free(&s.text);
  world_free(w);
}

static void silence_is_seen(void **state) {
  (void)state;
  struct world *w = world_new(NULL, 0, NULL, 0);
  for (int d = 27; d >= 13; d -= 7) attempt(w, d, 8, true, NULL);
  struct seen s = see(w, "");
  assert_true(number(&s, "predictive_insights.churn_risk_forecast.value") > .5);
  assert_non_null(strstr(s.text.at, "a message that asks for nothing"));
  buf_free(&s.text);
  world_free(w);
}

static void a_stranger_gets_no_numbers(void **state) {
  (void)state;
  static const char *const nothing[] = {"predictive_insights.performance_forecast.value",
                                        "predictive_insights.injury_risk_forecast.load_spike",
                                        "predictive_insights.injury_risk_forecast.acute_7d",
                                        "predictive_insights.burnout_risk_forecast.value",
                                        "predictive_insights.plateau_risk_forecast.plateau",
                                        "predictive_insights.plateau_risk_forecast.days_since_likely_change",
                                        "predictive_insights.churn_risk_forecast.value",
                                        "assessment.individual_predictions.adherence",
                                        "assessment.individual_predictions.churn",
                                        "context_prediction.stress_predictor.effect_log_odds",
                                        "context_prediction.weather_impact_model.effect_log_odds"};
  struct world *w = world_new(NULL, 0, NULL, 0);
  struct seen s = see(w, "rain");
  for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++)
    if (!is_null(&s, nothing[i])) fail_msg("%s is known of a stranger", nothing[i]);
  assert_int_equal(s.json.tokens[json_path(&s.json, 0, "assessment.recommended_actions")].count, 0);
  for (uint32_t h = 0; h < 16; h++) {
    const uint32_t one = json_child(&s.json, json_path(&s.json, 0, "optimal_workout_window.hours"), h);
    bool recommended = true;
    assert_true(json_bool(&s.json, json_get(&s.json, one, "recommended"), &recommended) && !recommended);
  }
  buf_free(&s.text);
  world_free(w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_best_hours_agree),
      cmocka_unit_test(a_day_that_is_not_available_is_closed),
      cmocka_unit_test(hours_that_are_over_are_not_advised),
      cmocka_unit_test(a_day_that_may_not_be_asked_for_is_refused),
      cmocka_unit_test(hours_outside_the_time_slots_are_closed),
      cmocka_unit_test(the_path_ends_at_the_target),
      cmocka_unit_test(weather_moves_the_odds),
      cmocka_unit_test(stress_is_seen),
      cmocka_unit_test(plateaus_and_spikes_are_seen_where_they_are),
      cmocka_unit_test(a_spike_after_even_weeks_is_seen),
      cmocka_unit_test(an_intensity_that_is_told_is_no_spike),
      cmocka_unit_test(from_nothing_there_is_no_share),
      cmocka_unit_test(strain_is_seen),
      cmocka_unit_test(skipped_workouts_are_no_completion),
      cmocka_unit_test(silence_is_seen),
      cmocka_unit_test(a_stranger_gets_no_numbers),
  };
  return cmocka_run_group_tests(tests, open_vectors, close_vectors);
}
