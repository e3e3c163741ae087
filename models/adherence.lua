-- Will the workout that is planned now be done? A support vector regression (requirement D02) on what the user did so far. Its output is
-- clamped to 0..1 and is not calibrated further. The state that ships was trained by `kairos train adherence` on the built-in
-- population, which was set up by hand: it makes the path work from end to end and says nothing about real people. Train it on your own
-- journal before you trust a threshold. Figures: docs/METHODS.md.
model "adherence" {
  doc = "probability that the next planned workout is completed within 18 hours of being planned",
  plugin = "svr",
  inputs = {
    "workout_frequency_7d", "workout_frequency_30d", "success_rate", "completion_rate_trend", "streak_length", "habit_strength",
    "skip_pattern_frequency", "days_since_last_completion", "preferred_time_consistency", "weather_sensitivity",
    "sleep_debt", "sleep_hours", "sleep_quality_trend", "stress_level", "stress_level_trend", "hrv_trend",
    "goal_progress_rate", "motivation_level", "motivation_trend", "preparation_time",
  },
  outputs = {
    adherence_probability = {},
    skip_probability = { from = "adherence_probability", as = "1 - value" },
  },
  state = "adherence.state",
  config = { output = { name = "adherence_probability", low = 0, high = 1 }, C = 1, epsilon = 0.1, gamma = 0.005 },
  train = { on = "workout_planned", target = "workout_completed", within = 18 * hours, rows = 1200 },
}
