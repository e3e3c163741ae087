-- The same question as `adherence`, asked of boosted trees (requirement D04): they see thresholds and interactions, and may be asked why.
-- The state that ships was trained by `kairos train trees` on the built-in population, which was set up by hand: it says nothing about
-- real people, and on people it has not seen it is not to be told from logistic regression. So rules ask it beside another model.
model "trees" {
  doc = "probability that the next planned workout is completed within 18 hours of being planned, by boosted trees",
  plugin = "gbm",
  inputs = {
    "workout_frequency_7d", "workout_frequency_30d", "success_rate", "completion_rate_trend", "streak_length", "habit_strength",
    "skip_pattern_frequency", "days_since_last_completion", "sleep_hours", "stress_level", "goal_progress_rate", "motivation_level",
  },
  outputs = { trees_probability = {} },
  state = "trees.state",
  config = { output = { name = "trees_probability" }, n_estimators = 60, max_depth = 3, learning_rate = 0.05 },
  train = { on = "workout_planned", target = "workout_completed", within = 18 * hours, rows = 20000 },
  golden = {
    {
      inputs = {
        workout_frequency_7d = 3, workout_frequency_30d = 4, success_rate = 0.8, completion_rate_trend = 0.0878, streak_length = 1,
        habit_strength = 0.7189, skip_pattern_frequency = 0.2, days_since_last_completion = 1, sleep_hours = 7.375, stress_level = 8,
        goal_progress_rate = 0.75, motivation_level = 7,
      },
      outputs = { trees_probability = 0.789555 },
    },
    {
      inputs = {
        workout_frequency_7d = 0, workout_frequency_30d = 2, success_rate = 0.1053, completion_rate_trend = -0.008909,
        streak_length = 0, habit_strength = 0.08722, skip_pattern_frequency = 0.9, days_since_last_completion = 17,
        sleep_hours = 7.312, stress_level = 5, goal_progress_rate = 0, motivation_level = 4,
      },
      outputs = { trees_probability = 0.231327 },
    },
    {
      inputs = {
        workout_frequency_7d = 0, workout_frequency_30d = 3, success_rate = 0.25, completion_rate_trend = 0.01251,
        streak_length = 0, habit_strength = 0.1459, skip_pattern_frequency = 0.8571, days_since_last_completion = 8,
        sleep_hours = 6.9, stress_level = 7, goal_progress_rate = 0.2, motivation_level = 7,
      },
      outputs = { trees_probability = 0.265694 },
    },
    {
      inputs = {
        workout_frequency_7d = 1, workout_frequency_30d = 9, success_rate = 0.6, completion_rate_trend = -0.01311,
        streak_length = 0, habit_strength = 0.3862, skip_pattern_frequency = 0.4706, days_since_last_completion = 6,
        sleep_hours = 7.9, stress_level = 3, goal_progress_rate = 0.5, motivation_level = 9,
      },
      outputs = { trees_probability = 0.646908 },
    },
  },
}
