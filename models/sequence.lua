-- The same question as `adherence`, asked of the last thirty days one by one: the source document's network (30 days × 10 inputs,
-- LSTM 64 and 32, dense 16; requirement D01). Which ten inputs, and why: docs/MODELS.md. The state that ships was trained by
-- `kairos train sequence` on the built-in population, which was set up by hand: it makes the path work from end to end and says
-- nothing about real people. On people it has not seen it is better than "as the last time" and not to be told from logistic
-- regression, so it is meant as a part of `adherence_blend`, not to be read alone.
model "sequence" {
  doc = "probability that the next planned workout is completed within 18 hours of being planned, from the last 30 days",
  plugin = "lstm",
  inputs = {
    "daily_completed", "daily_planned", "daily_skipped", "daily_interactions", "daily_barriers", "daily_intensity", "daily_sleep_hours",
    "daily_stress", "daily_hrv", "daily_motivation",
  },
  outputs = { sequence_probability = {} },
  state = "sequence.state",
  config = { output = { name = "sequence_probability", low = 0, high = 1 } },
  train = { on = "workout_planned", target = "workout_completed", within = 18 * hours, rows = 20000 },
  golden = {
    {
      inputs = {
        daily_completed = { 0, 0, 1, 0, 1, 0, 1, 0, 1, 0 },
        daily_planned = { 0, 1, 1, 0, 1, 0, 1, 0, 1, 0 },
        daily_skipped = { 0, 1, 0, 0, 0, 0, 0, 0, 0, 0 },
        daily_interactions = { 1, 1, 1, 0, 1, 1, 0, 0, 1, 0 },
        daily_barriers = { 0, 0, 0, 0, 0, 1, 0, 0, 1, 0 },
        daily_intensity = { 3, "missing", 4, "missing", 4, "missing", 5, "missing" },
        daily_sleep_hours = { 8.25, 8.5, 8, "missing", 8.25, 7, 7.25, 6.75, 8, 7 },
        daily_stress = { 5, 5, 3, "missing", 4, 4, 8, 8, 8, "missing" },
        daily_hrv = { 62, 56, 66, "missing", 67, 61, 46, 49, 40, 26 },
        daily_motivation = { 7.5, 6, 7, "missing", 5.5, 7, 5, 5, 7, "missing" },
      },
      outputs = { sequence_probability = 0.538940 },
    },
    {
      inputs = {
        daily_completed = { 0, 1, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0 },
        daily_planned = { 1, 1, 1, 0, 0, 1, 0, 1, 1, 1, 0, 0, 1, 0, 1, 1, 1, 0, 0, 1, 0, 1, 1, 1, 0, 0, 1, 0, 1, 0 },
        daily_skipped = { 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 1, 0 },
        daily_interactions = { 1, 1, 2, 1, 0, 1, 0, 1, 0, 0, 1, 2, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 2, 1, 0, 0 },
        daily_barriers = { 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1, 1, 0, 1, 0, 1, 1, 1, 0, 0, 0 },
        daily_intensity = { 7, 5, "missing", "missing", "missing", "missing", 5, "missing", 7, "missing", "missing", "missing",
          "missing", "missing", 5, 6, "missing", "missing", 5, "missing", "missing", 6, 6, "missing", "missing", "missing",
          "missing", "missing", "missing" },
        daily_sleep_hours = { 8.5, 8.25, 8, 8, 7.25, 7.75, 6.25, 8.25, 8.75, 8.25, 7.5, "missing", 7, 7, 8.5, "missing", 7.5,
          6.25, 8.25, 7.75, 8.25, 9.25, 8.25, 8.25, 7.25, "missing", 8.5, 7.25, 8.25, "missing" },
        daily_stress = { 6, 6, 5, 5, "missing", 3, "missing", 3, "missing", 2, 4, 3, 4, 4, 5, 5, 3, 5, 2, 3, 4, 7, 6, "missing",
          5, 3, 2, 3, "missing", "missing" },
        daily_hrv = { 58, 61, 60, 60, 73, 62, 75, 62, 67, 62, 64, "missing", 67, 69, 63, "missing", 68, 66, 69, 59, 54, 61, 65,
          51, 67, "missing", 73, 69, 55, "missing" },
        daily_motivation = { 7, 4, 7, 7, "missing", 7.5, "missing", 7, "missing", 9, 9, 8.5, 9, 10, 10, 9.5, 9.5, 10, 10, 10, 9,
          9.5, 9, "missing", 9, 10, 10, 9, "missing", "missing" },
      },
      outputs = { sequence_probability = 0.501177 },
    },
  },
}

-- Both views of the same question (requirement D03): six parts of the sequence, four of the regression, each clamped to 0..1.
model "adherence_blend" {
  doc = "adherence from the last thirty days and from what the user did so far, together",
  combine = { sequence_probability = 0.6, adherence_probability = 0.4 },
  outputs = { blend_probability = {}, blend_disagreement = { from = "disagreement" } },
}
