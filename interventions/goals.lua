-- Goals. The number in the message is the one that the safeguards allow.

intervention "step_goal" {
  why = "A goal a little above what the person does.",
  type = "adaptive_goal", channel = "push", action = "set_step_goal",
  effectiveness = 0.3, burden = 1, expires = 6 * hours,
  goal = "steps", goal_value = "goal", goal_usual = "daily_steps",
  message = { en = "Your goal for this week: {goal} steps a day." },
  values = { goal = "goal.offered" },
}
