/* rooms: compute kit */
/* docs/METHODS.md says of each built-in feature what the table in the code says: a row that differs is printed as it should stand. */
#include "compute_world.h"
#include "kit/file.h"
#include <string.h>

static void each_feature_stands_in_the_methods(void **state) {
  (void)state;
  struct buf text = {0};
  struct err e = {0};
  size_t count, missing = 0;
  if (!file_read(KAIROS_SOURCE_DIR "/docs/METHODS.md", &text, 4 << 20, &e)) fail_msg("%s", e.text);
  buf_char(&text, 0);
  const struct feature_doc *docs = feature_docs(&count);
  for (size_t i = 0; i < count; i++) {
    char row[1200], window[32] = "–";
    if (docs[i].window_days) snprintf(window, sizeof window, "%d", docs[i].window_days);
    snprintf(row, sizeof row, "| `%s` | %s | %s | %s | %s | %s |\n", docs[i].name, docs[i].definition, docs[i].unit, window,
             docs[i].missing, docs[i].requirement);
    if (strstr(text.at, row)) continue;
    missing++;
    print_message("%s", row);
  }
  buf_free(&text);
  if (missing) fail_msg("%zu of %zu rows above are not in docs/METHODS.md as they stand in the table", missing, count);
}

static void each_history_stands_in_the_methods(void **state) {
  (void)state;
  struct buf text = {0};
  struct err e = {0};
  size_t count, missing = 0;
  if (!file_read(KAIROS_SOURCE_DIR "/docs/METHODS.md", &text, 4 << 20, &e)) fail_msg("%s", e.text);
  buf_char(&text, 0);
  const struct feature_doc *docs = history_docs(&count);
  for (size_t i = 0; i < count; i++) {
    char row[600];
    snprintf(row, sizeof row, "| `%s` | %s | %s |\n", docs[i].name, docs[i].definition, docs[i].unit);
    if (strstr(text.at, row)) continue;
    missing++;
    print_message("%s", row);
  }
  buf_free(&text);
  if (missing) fail_msg("%zu of %zu rows above are not in docs/METHODS.md as they stand in the table", missing, count);
}

static void every_requirement_has_a_feature(void **state) {
  (void)state;
  const char *wanted[] = {"workout_frequency_7d",
                          "workout_frequency_30d",
                          "consistency_score",
                          "streak_length_current",
                          "streak_length_longest",
                          "time_of_day_consistency",
                          "day_of_week_consistency",
                          "completion_rate_trend",
                          "intensity_progression",
                          "workout_variety_score",
                          "preparation_time_avg",
                          "skip_pattern_frequency",
                          "barrier_frequency",
                          "streak_length",
                          "preferred_time_consistency",
                          "weather_sensitivity",
                          "social_context_impact",
                          "sleep_quality_trend",
                          "stress_level_trend",
                          "hrv_trend",
                          "goal_progress_rate",
                          "motivation_trend",
                          "sleep_debt",
                          "stress_level",
                          "success_rate_variance_by_time",
                          "social_success_rate",
                          "solo_success_rate",
                          "preparation_time",
                          "days_since_last_completion",
                          "habit_strength",
                          "workout_consistency",
                          "average_completion_rate",
                          "performance_improvement",
                          "goal_progress",
                          "engagement_score"};
  size_t count;
  const struct feature_doc *docs = feature_docs(&count);
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
    size_t k = 0;
    while (k < count && strcmp(docs[k].name, wanted[i]) != 0) k++;
    if (k == count) fail_msg("no feature %s", wanted[i]);
    assert_true(docs[k].definition[0] && docs[k].unit[0] && docs[k].missing[0] && docs[k].requirement[0]);
  }
  for (size_t i = 0; i < count; i++)
    for (size_t k = 0; k < i; k++) assert_string_not_equal(docs[i].name, docs[k].name);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(each_feature_stands_in_the_methods),
                                     cmocka_unit_test(each_history_stands_in_the_methods),
                                     cmocka_unit_test(every_requirement_has_a_feature)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
