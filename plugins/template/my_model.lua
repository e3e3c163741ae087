-- For models/ of a program. Train it with `kairos train my_model`, then add golden rows: what must come out of the state that you ship.
model "my_model" {
  doc = "probability that the next planned workout is done within 18 hours of being planned",
  plugin = "my_model",
  inputs = { "skip_pattern_frequency", "workout_frequency_7d" },
  outputs = { my_model_probability = { from = "probability" } },
  state = "my_model.state",
  train = { on = "workout_planned", target = "workout_completed", within = 18 * hours },
}
