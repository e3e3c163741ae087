-- The same question as `adherence`, asked of boosted trees (requirement D04): they see thresholds and interactions, and may be asked why.
-- The state that ships was trained by `kairos train trees` on the built-in population, which was set up by hand: it says nothing about
-- real people, and on people it has not seen it is not to be told from logistic regression. So rules ask it beside another model.
model "trees" {
  doc = "probability that the next planned workout is completed within 18 hours of being planned, by boosted trees",
  plugin = "gbm",
  inputs = {
    "habit_automaticity", "habit_strength", "skip_pattern_frequency", "streak_length", "days_since_last_completion", "days_since_start",
    "kept_odds_5w", "kept_odds_10d", "kept_odds_then", "planned_as_preferred", "planned_hour", "usual_time", "planned_in_gym",
    "kept_in_gyms", "planned_outdoors", "out_in_the_wet", "sleep_missing", "sleep_usual", "hrv_today", "stress_now", "stress_usual",
    "motivation_1d", "motivation_3d", "motivation_8d", "preparation_time_avg", "wants_fitness", "is_advanced", "is_beginner",
  },
  outputs = { trees_probability = {} },
  state = "trees.state",
  config = { output = { name = "trees_probability" }, n_estimators = 200, max_depth = 2, learning_rate = 0.05 },
  train = { on = "workout_planned", target = "workout_completed", within = 18 * hours, calibrate = "platt", rows = 100000 },
  -- Kept by the engine: trained again each night, and served when it proves better (docs/MODELS.md, Lifecycle).
  retrain = { at = "03:00", lookback = 90 * days, samples = 10000, gain = 0.05, drift = 0.3 },
  golden = {
    {
      inputs = {
        habit_automaticity = 0.1453, habit_strength = 0.3067, skip_pattern_frequency = 0.6667, streak_length = 0,
        days_since_last_completion = 6, days_since_start = 9, kept_odds_5w = -0.1335, kept_odds_10d = -0.3137, kept_odds_then = -0.4267,
        planned_as_preferred = 1, planned_hour = 6, usual_time = 0.7143, planned_in_gym = 0, planned_outdoors = 0, out_in_the_wet = 0,
        sleep_missing = 1.188, sleep_usual = 6.812, stress_now = 7, stress_usual = 7, motivation_1d = 6, motivation_3d = 6.333,
        motivation_8d = 6, preparation_time_avg = 7.214, wants_fitness = 1, is_advanced = 1, is_beginner = 0,
      },
      outputs = { trees_probability = 0.432063 },
    },
    {
      inputs = {
        habit_automaticity = 0.3461, habit_strength = 0.3693, skip_pattern_frequency = 0.5882, streak_length = 1,
        days_since_last_completion = 1, days_since_start = 29, kept_odds_5w = -0.1568, kept_odds_10d = -0.1001, kept_odds_then = -1.041,
        planned_as_preferred = 0, planned_hour = 9.5, usual_time = 0.2778, planned_in_gym = 0, kept_in_gyms = 0, planned_outdoors = 1,
        out_in_the_wet = 0.2, sleep_missing = 0, sleep_usual = 7.131, hrv_today = 63, stress_now = 4.919, stress_usual = 4.839,
        motivation_1d = 6, motivation_3d = 5.857, motivation_8d = 5.8, preparation_time_avg = 14.5, wants_fitness = 0, is_advanced = 0,
        is_beginner = 0,
      },
      outputs = { trees_probability = 0.189911 },
    },
    {
      inputs = {
        habit_automaticity = 0.6994, habit_strength = 0.7761, skip_pattern_frequency = 0.08333, streak_length = 0,
        days_since_last_completion = 3, days_since_start = 50, kept_odds_5w = 1.586, kept_odds_10d = 1.386, kept_odds_then = 1.378,
        planned_as_preferred = 1, planned_hour = 8, usual_time = 0.7333, planned_in_gym = 0, kept_in_gyms = 0, planned_outdoors = 0,
        out_in_the_wet = 0, sleep_missing = 1.031, sleep_usual = 6.969, stress_now = 2.609, stress_usual = 2.217, motivation_1d = 6,
        motivation_3d = 4.167, motivation_8d = 3.5, preparation_time_avg = 9.079, wants_fitness = 1, is_advanced = 1, is_beginner = 0,
      },
      outputs = { trees_probability = 0.861525 },
    },
  },
}
