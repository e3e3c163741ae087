-- The same question as `adherence`, asked of the last thirty days one by one: the source document's network (30 days × 10 inputs,
-- LSTM 64 and 32, dense 16; requirement D01). Which ten inputs, and why: docs/MODELS.md. The state that ships was trained by
-- `kairos train sequence` on the built-in population, which was set up by hand: it makes the path work from end to end and says
-- nothing about real people. On people it has not seen it is better than "as the last time" and not to be told from logistic
-- regression, so it is meant as a part of `adherence_blend`, not to be read alone.
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
  train = { on = "workout_planned", target = "workout_completed", within = 18 * hours, calibrate = "platt", rows = 40000 },
  golden = {
    {
      inputs = {
        daily_completed = { 0, 0, 0, 0, 0, 0, 1, 0, 0, 0 }, daily_planned = { 1, 0, 1, 1, 1, 0, 1, 1, 0, 1 },
        daily_skipped = { 0, 0, 1, 1, 0, 0, 0, 0, 0, 0 },
        daily_planned_hour = { 8, "missing", 8, 19.5, 19.5, "missing", 19.5, 19.5, "missing", 8 },
        daily_planned_in_gym = { 0, "missing", 0, 0, 0, "missing", 0, 0, "missing", 0 },
        daily_planned_outdoors = { 0, "missing", 0, 0, 1, "missing", 0, 0, "missing", 0 },
        daily_sleep_hours = { 4.25, 6.25, 4.75, 7.75, 6.75, 6.75, 7, 6.25, 7.25, 6.25 },
        daily_stress = { 10, 10, "missing", 6, 8, 6, 7, "missing", 6, "missing" }, daily_hrv = { 46, 37, 39, 48, 47, 56, 56, 51, 53, 34 },
        daily_motivation = { 5.5, 5.5, "missing", 6, 5, 5, 8, "missing", 6, "missing" },
      },
      outputs = { sequence_probability = 0.067172 },
    },
    {
      inputs = {
        daily_completed = { 0, 0, 0, 0, 1, 0, 1, 0, 1, 1, 1, 0, 0, 1, 0, 1, 1, 1, 1, 0, 1, 0, 1, 1, 1, 1, 0, 1, 0, 0 },
        daily_planned = { 0, 1, 1, 1, 1, 0, 1, 0, 1, 1, 1, 1, 0, 1, 0, 1, 1, 1, 1, 0, 1, 0, 1, 1, 1, 1, 0, 1, 0, 1 },
        daily_skipped = { 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 },
        daily_planned_hour = {
          19.5, 19.5, 19.5, 19.5, "missing", 19.5, "missing", 19.5, 19.5, 19.5, 19.5, "missing", 19.5, "missing", 19.5, 19.5, 19.5, 19.5,
          "missing", 19.5, "missing", 9, 19.5, 19.5, 19.5, "missing", 19.5, "missing", 19.5,
        },
        daily_planned_in_gym = {
          0, 0, 0, 0, "missing", 0, "missing", 0, 0, 0, 0, "missing", 0, "missing", 0, 0, 0, 0, "missing", 0, "missing", 0, 0, 0, 0,
          "missing", 0, "missing", 0,
        },
        daily_planned_outdoors = {
          1, 0, 1, 1, "missing", 0, "missing", 0, 1, 1, 0, "missing", 1, "missing", 0, 1, 0, 0, "missing", 0, "missing", 1, 0, 1, 0,
          "missing", 0, "missing", 1,
        },
        daily_sleep_hours = {
          7, 7.5, "missing", "missing", 7.25, "missing", "missing", 8.75, 7.5, 7.75, 8.25, "missing", 8.5, "missing", 8.75, 7.75, 6.5, 8,
          8.5, 7.25, "missing", 7.25, 8.25, 7, 6, 7.5, 8.5, 7, 8, "missing",
        },
        daily_stress = {
          5, 2, 4, 3, 4, "missing", 5, 3, 3, 4, 4, 3, 0, 2, 3, 2, 4, "missing", 2, 0, 1, 2, "missing", 3, 2, 3, 4, 3, 3, "missing",
        },
        daily_hrv = {
          52, 71, "missing", "missing", 62, "missing", "missing", 73, 75, 59, 64, "missing", 68, "missing", 72, 60, 75, 75, 74, 82,
          "missing", 68, 69, 75, 69, 62, 69, 64, 71, "missing",
        },
        daily_motivation = {
          5, 4.5, 6, 5.333, 6, "missing", 5, 7, 5, 5.5, 4, 3.5, 4, 5, 5.5, 4, 3.5, "missing", 6, 5, 7, 7, "missing", 7.667, 8, 6.5, 7, 7,
          6.5, "missing",
        },
      },
      outputs = { sequence_probability = 0.869568 },
    },
  },
}

-- Both views of the same question (requirement D03): six parts of the sequence, four of the regression, each clamped to 0..1.
model "adherence_blend" {
  doc = "adherence from the last thirty days and from what the user did so far, together",
  combine = { sequence_probability = 0.6, adherence_probability = 0.4 },
  outputs = { blend_probability = {}, blend_disagreement = { from = "disagreement" } },
}
