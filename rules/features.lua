-- Features of the default program that are not built in.

-- An index, not a probability: no validated instrument, and nothing was fitted. Four signs that the literature on overreaching names, each
-- scaled to 0..1 by the ranges below, in equal parts. It is missing while any of the four is.
feature "burnout_risk" {
  doc = "mean of stress (of 10), nightly sleep debt (of 4 hours), lack of motivation (of 10) and share of opportunities missed",
  unit = "index",
  value = "(min(stress_level / 10, 1) + min(sleep_debt / 4, 1) + (1 - min(motivation_level / 10, 1)) + skip_pattern_frequency) / 4",
}

feature "silent_for" {
  doc = "time since the last app_interaction",
  unit = "seconds", window = "since_last", of = "app_interaction",
}

feature "energy_level" {
  doc = "mean energy of the last 7 days' check-ins",
  unit = "0-10", window = "mean", of = "check_in", field = "energyLevel", days = 7,
}

feature "daily_steps" {
  doc = "steps a day over the last 28 days, as daily_activity says",
  unit = "steps/day", window = "mean", of = "daily_activity", field = "steps", days = 28, at_least = 7,
}

feature "daily_step_goal" {
  doc = "the goals that the user saw over the last 28 days",
  unit = "steps/day", window = "mean", of = "daily_activity", field = "stepGoal", days = 28,
}
