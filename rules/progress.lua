-- Progress towards the goal (E06), looked at once a day in the user's own morning and whenever it is reported.

trigger "goal_progress_slow" {
  why = "Less than half of the progress that was planned.",
  on = { "goal_progress", every "day" : at "09:30" },
  when = "goal_progress_rate < 0.5",
  priority = 20,
  offer = { "context_optimization", "preparation_optimization", "social_reinforcement" },
  cooldown = 3 * days,
}
