/* The daily histories: one row each, and the only place that says what they mean; docs/METHODS.md is held to it by a test.
 *   HISTORY(name, unit, day ring, rule, definition)
 * A model that takes a window of days (an input wider than 1) is given the last days of one of these, oldest first, today last. Days are
 * the user's local days. A day before the user's first event is missing in all of them. DAY_COUNT and DAY_SUM are 0 on a day without an
 * observation; DAY_MEAN is missing. */
HISTORY(daily_completed, "count", RING_DONE, DAY_COUNT, "workouts completed")
HISTORY(daily_completion_rate, "share", RING_DONE, DAY_MEAN, "mean completionRate of the completed workouts, 1 where none was said")
HISTORY(daily_skipped, "count", RING_SKIPPED, DAY_COUNT, "skips: workout_skipped, or an app_interaction that names skip reasons")
HISTORY(daily_planned, "count", RING_PLANNED, DAY_COUNT, "workouts planned")
HISTORY(daily_interactions, "count", RING_SCREEN, DAY_COUNT, "app_interaction events")
HISTORY(daily_screen_time, "seconds", RING_SCREEN, DAY_SUM, "sum of screenTime")
HISTORY(daily_barriers, "count", RING_BARRIERS, DAY_SUM, "barriers named by app_interaction events")
HISTORY(daily_events, "count", RING_ANY, DAY_COUNT, "events of any type")
HISTORY(daily_intensity, "1-10", RING_INTENSITY, DAY_MEAN, "mean intensity of the completed workouts")
HISTORY(daily_preparation_time, "minutes", RING_PREPARATION, DAY_MEAN, "mean preparationTime")
HISTORY(daily_sleep_hours, "hours", RING_SLEEP, DAY_MEAN, "mean hours slept")
HISTORY(daily_sleep_quality, "0-10", RING_SLEEP_QUALITY, DAY_MEAN, "mean sleepQuality")
HISTORY(daily_stress, "0-10", RING_STRESS, DAY_MEAN, "mean stressLevel")
HISTORY(daily_hrv, "ms", RING_HRV, DAY_MEAN, "mean heart rate variability")
HISTORY(daily_motivation, "0-10", RING_MOTIVATION, DAY_MEAN, "mean motivationLevel")
