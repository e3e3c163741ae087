-- A new goal once a week, where it is within reach. What a person is told is goal.offered: the model's proposal behind the engine's
-- safeguards, which hold a goal for seven days and change it by at most a tenth (docs/RULES.md).

trigger "weekly_goal" {
  why = "A goal that is met about every other day moves people more than a fixed one.",
  on = { every "monday" : at "09:00" },
  when = "goal_success_probability >= 0.4",
  priority = 10,
  offer = { "step_goal" },
  cooldown = 6 * days,
}
