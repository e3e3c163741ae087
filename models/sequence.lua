-- The same question as `adherence`, asked of the last thirty days one by one: the source document's network (30 days × 10 inputs,
-- LSTM 64 and 32, dense 16; requirement D01). Which ten inputs, and why: docs/MODELS.md. The state that ships was trained by
-- `kairos train sequence` on the built-in population, which was set up by hand: it makes the path work from end to end and says
-- nothing about real people. On people it has not seen it is better than logistic regression on the same days; `adherence_blend` is
-- better than either of its parts.
model "sequence" {
  doc = "probability that the next planned workout is completed within 18 hours of being planned, from the last 30 days",
  plugin = "lstm",
  inputs = {
    "daily_completed", "daily_planned", "daily_skipped", "daily_planned_hour", "daily_planned_in_gym", "daily_planned_outdoors",
    "daily_sleep_hours", "daily_stress", "daily_hrv", "daily_motivation",
  },
  outputs = { sequence_probability = {} },
  state = "sequence.state",
  config = { output = { name = "sequence_probability", low = 0, high = 1 } },
  train = { on = "workout_planned", target = "workout_completed", within = 18 * hours, calibrate = "platt", rows = 100000 },
  -- Kept by the engine: trained again each night, and served when it proves better (docs/MODELS.md, Lifecycle).
  retrain = { at = "03:00", lookback = 90 * days, samples = 10000, gain = 0.05, drift = 0.3 },
  golden = {
    {
      inputs = {
        daily_completed = { 0, 0, 1, 1, 0, 0, 0, 0, 0, 0 }, daily_planned = { 1, 0, 1, 1, 1, 1, 0, 1, 0, 1 },
        daily_skipped = { 1, 0, 0, 0, 1, 1, 0, 1, 0, 0 },
        daily_planned_hour = { 6, "missing", 20, 6, 6, 6, "missing", 20, "missing", 6 },
        daily_planned_in_gym = { 0, "missing", 0, 0, 0, 0, "missing", 0, "missing", 0 },
        daily_planned_outdoors = { 1, "missing", 1, 1, 0, 0, "missing", 0, "missing", 0 },
        daily_sleep_hours = { 5.25, 6.75, 7.75, 6.5, 7.25, "missing", 7, 6.75, 7.25, "missing" },
        daily_stress = { 9, 6, 6, "missing", 7, "missing", 7, 8, 7, "missing" },
        daily_hrv = { 46, 51, 47, 49, 48, "missing", 42, 50, 43, "missing" },
        daily_motivation = { 7, 7, 4, "missing", 6.5, "missing", 7, 7, 6, "missing" },
      },
      outputs = { sequence_probability = 0.519667 },
    },
    {
      inputs = {
        daily_completed = { 0, 1, 0, 0, 0, 1, 0, 0, 1, 0, 1, 0, 1, 0, 0, 1, 0, 1, 0, 1, 0, 0, 1, 0, 1, 0, 1, 0, 0, 0 },
        daily_planned = { 0, 1, 0, 1, 0, 1, 0, 0, 1, 0, 1, 0, 1, 0, 0, 1, 0, 1, 0, 1, 0, 0, 1, 0, 1, 0, 1, 0, 0, 1 },
        daily_skipped = { 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 },
        daily_planned_hour = {
          8, "missing", 17, "missing", 8, "missing", "missing", 8, "missing", 8, "missing", 8, "missing", "missing", 8, "missing", 17,
          "missing", 17, "missing", "missing", 8, "missing", 8, "missing", 8, "missing", "missing", 8,
        },
        daily_planned_in_gym = {
          0, "missing", 0, "missing", 0, "missing", "missing", 1, "missing", 1, "missing", 0, "missing", "missing", 1, "missing", 1,
          "missing", 1, "missing", "missing", 1, "missing", 1, "missing", 0, "missing", "missing", 0,
        },
        daily_planned_outdoors = {
          0, "missing", 0, "missing", 0, "missing", "missing", 0, "missing", 0, "missing", 0, "missing", "missing", 0, "missing", 0,
          "missing", 0, "missing", "missing", 0, "missing", 0, "missing", 0, "missing", "missing", 0,
        },
        daily_sleep_hours = {
          7.5, 7.5, 7, 6.75, 8.75, 7.25, 6.5, 8, "missing", 4, "missing", 7.5, 6.25, 6, 7, 7.5, 7.5, 7.5, 5.75, 7.5, 7.5, 7.5, 6.75, 7,
          6.75, 7.75, 6, 7.25, "missing", "missing",
        },
        daily_stress = {
          3, 4, 5, 1, 2, 0, "missing", 2, 5, 4, 3, "missing", 2, 2, 4, 2, 2, 1, 0, "missing", 3, 3, 3, 1, 2, "missing", 1, 3, "missing",
        },
        daily_hrv = {
          76, 63, 59, 62, 55, 68, 87, 83, "missing", 54, "missing", 63, 69, 76, 55, 64, 77, 70, 73, 80, 65, 74, 71, 69, 72, 66, 80, 73,
          "missing", "missing",
        },
        daily_motivation = {
          5.5, 5, 5.5, 5, 5, 5, "missing", 3.5, 5, 6.5, 6, "missing", 6, 7, 7.5, 9, 7, 8.5, 7, "missing", 7, 5, 2, 3, 3, "missing", 3,
          4, "missing",
        },
      },
      outputs = { sequence_probability = 0.824530 },
    },
  },
}

-- Both views of the same question (requirement D03): six parts of the sequence, four of the regression, each clamped to 0..1.
model "adherence_blend" {
  doc = "adherence from the last thirty days and from what the user did so far, together",
  combine = { sequence_probability = 0.6, adherence_probability = 0.4 },
  outputs = { blend_probability = {}, blend_disagreement = { from = "disagreement" } },
}
