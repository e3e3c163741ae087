-- The specialised models of the assessment (requirement D14) beside `adherence`: performance, plateau and churn.
-- `GET /v1/users/{id}/insights` reads them; no rule does. The engine keeps them all the same: it asks them at each weekly report, holds the
-- answers against what came, and trains them again each night (docs/MODELS.md, Lifecycle). Injury risk has no model:
-- METHODS 13.1 allows a description of training load and no prediction (docs/MODELS.md). The states that ship were trained on the built-in
-- population, which was set up by hand.
local inputs = {
  "habit_frequency", "habit_automaticity", "habit_strength", "success_rate", "skip_pattern_frequency", "completion_rate_trend",
  "streak_length", "days_since_last_completion", "days_since_start", "workout_frequency_7d", "workout_frequency_30d", "goal_progress",
  "goal_reached", "goals_reached_5w", "app_interactions_7d", "sleep_debt", "stress_level", "motivation_level", "motivation_trend",
  "preparation_time", "wants_fitness",
}
-- Rows are person-weeks: one at each weekly report (METHODS 13.3).
local function assessed(name, doc, output, trees, train, golden)
  train.on, train.calibrate, train.rows = "goal_progress", "platt", 40000
  return {
    doc = doc, plugin = "gbm", inputs = inputs, outputs = { [output] = {} }, state = name .. ".state",
    config = { output = { name = output }, n_estimators = trees, max_depth = 2, learning_rate = 0.05 },
    train = train, golden = golden,
    retrain = { at = "03:00", lookback = 90 * days, samples = 10000, gain = 0.05, drift = 0.3 },
  }
end

model "performance" (assessed("performance", "probability that the coming week's goal is reached", "performance", 100,
  { target = "goal_progress", yes = "event.progress >= 1", unanswered = "left_out", within = 8 * days },
  {
    {
      inputs = {
        habit_frequency = 1, habit_automaticity = 0.3446, habit_strength = 0.8767, success_rate = 1, skip_pattern_frequency = 0,
        completion_rate_trend = -0.005231, streak_length = 1, days_since_last_completion = 0, days_since_start = 13,
        workout_frequency_7d = 3, workout_frequency_30d = 6, goal_progress = 1, goal_reached = 1, goals_reached_5w = 1,
        app_interactions_7d = 7, sleep_debt = 1.667, stress_level = 8, motivation_level = 8, motivation_trend = 0.08452,
        preparation_time = 3.583, wants_fitness = 1,
      },
      outputs = { performance = 0.548413 },
    },
    {
      inputs = {
        habit_frequency = 0.6875, habit_automaticity = 0.4791, habit_strength = 0.5101, success_rate = 0.7333,
        skip_pattern_frequency = 0.3125, completion_rate_trend = -0.01898, streak_length = 0, days_since_last_completion = 2,
        days_since_start = 27, workout_frequency_7d = 2, workout_frequency_30d = 11, goal_progress = 0.5, goal_reached = 0,
        goals_reached_5w = 0.25, app_interactions_7d = 5, sleep_debt = 0.5417, stress_level = 0, motivation_level = 4.5,
        motivation_trend = -0.0507, preparation_time = 4.5, wants_fitness = 1,
      },
      outputs = { performance = 0.372680 },
    },
  }))

model "plateau" (assessed("plateau", "probability that none of the next two weekly goals is reached", "plateau_risk", 100,
  { target = "goal_progress", where = "event.progress >= 1", within = 15 * days, absent = true },
  {
    {
      inputs = {
        habit_frequency = 0.5, habit_automaticity = 0.2442, habit_strength = 0.4413, success_rate = 0.5714, skip_pattern_frequency = 0.5,
        completion_rate_trend = -0.01353, streak_length = 1, days_since_last_completion = 0, days_since_start = 13,
        workout_frequency_7d = 2, workout_frequency_30d = 4, goal_progress = 0.5, goal_reached = 0, goals_reached_5w = 0,
        app_interactions_7d = 4, sleep_debt = 0.9167, stress_level = 6, motivation_level = 7.5, motivation_trend = -0.0275,
        preparation_time = 8, wants_fitness = 1,
      },
      outputs = { plateau_risk = 0.762817 },
    },
    {
      inputs = {
        habit_frequency = 0.45, habit_automaticity = 0.4039, habit_strength = 0.3556, success_rate = 0.5625,
        skip_pattern_frequency = 0.55, completion_rate_trend = -0.006563, streak_length = 1, days_since_last_completion = 1,
        days_since_start = 27, workout_frequency_7d = 2, workout_frequency_30d = 9, goal_progress = 0.4, goal_reached = 0,
        goals_reached_5w = 0, app_interactions_7d = 7, sleep_debt = 1.292, stress_level = 3, motivation_level = 4.667,
        motivation_trend = 0.03249, preparation_time = 2.5, wants_fitness = 1,
      },
      outputs = { plateau_risk = 0.667705 },
    },
  }))

-- A discrete-time hazard over person-weeks (METHODS 13.3): the chance that two weeks without opening the application begin within the next
-- four weeks. It learns in which week a silence began and is judged by who is silent four weeks on.
model "churn" {
  doc = "probability that two weeks of silence begin within the next four weeks",
  plugin = "hazard", inputs = inputs, outputs = { churn_risk = {} }, state = "churn.state",
  config = { output = { name = "churn_risk" }, time = "days_since_start", unit = 7, steps = 4, ridge = 10 },
  train = {
    on = "goal_progress", target = "app_interaction", step = 7 * days, after = 28 * days, within = 42 * days, absent = true,
    calibrate = "platt", rows = 40000,
  },
  retrain = { at = "03:00", lookback = 90 * days, samples = 10000, gain = 0.05, drift = 0.3 },
  golden = {
    {
      inputs = {
        habit_frequency = 0.8, habit_automaticity = 0.2523, habit_strength = 0.6918, success_rate = 0.8, skip_pattern_frequency = 0.2,
        completion_rate_trend = -0.0531, streak_length = 1, days_since_last_completion = 0, days_since_start = 6,
        workout_frequency_7d = 4, workout_frequency_30d = 4, goal_progress = 0.8, goal_reached = 0, goals_reached_5w = 0,
        app_interactions_7d = 4, sleep_debt = 1.4, stress_level = 4, motivation_level = 7, motivation_trend = 0.09302,
        preparation_time = 6.75, wants_fitness = 0,
      },
      outputs = { churn_risk = 0.015442 },
    },
    {
      inputs = {
        habit_frequency = 0.1667, habit_automaticity = 0.2307, habit_strength = 0.1423, success_rate = 0.25,
        skip_pattern_frequency = 0.7692, completion_rate_trend = -0.0272, streak_length = 0, days_since_last_completion = 14,
        days_since_start = 41, workout_frequency_7d = 0, workout_frequency_30d = 3, goal_progress = 0, goal_reached = 0,
        goals_reached_5w = 0, app_interactions_7d = 5, sleep_debt = 1.292, stress_level = 6, motivation_level = 6,
        motivation_trend = -0.04967, preparation_time = 11.88, wants_fitness = 0,
      },
      outputs = { churn_risk = 0.289109 },
    },
  },
}
