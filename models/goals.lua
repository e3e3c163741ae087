-- Which goal should this person have for the next week? Nothing is trained: each call infers from the last four weeks what kind of person
-- this is (METHODS 4.4) and picks the goal that brings most steps while it is expected to be met on at least every other day. One time in
-- five it takes the goal a step above or below, and says with which probability it did, so that effects can be estimated.
model "step_goals" {
  doc = "recommended goal in steps a day, how hard it is, how likely it is met, and what kind of step it is",
  plugin = "goal_setter",
  inputs = { "daily_steps", "daily_step_goal" },
  outputs = {
    goal = {},
    goal_action = { from = "action" },
    goal_propensity = { from = "propensity" },
    goal_difficulty = { from = "difficulty" },
    goal_success_probability = { from = "success_probability" },
    goal_strategy = { from = "strategy" },
  },
  config = { method = "posterior", days = 28 },
  golden = {
    { -- meets 6 000 easily
      inputs = {
        daily_steps = { 6900, 7300, 7100, 6800, 7500, 7200, 7000, 6900, 7300, 7100, 6800, 7500, 7200, 7000 },
        daily_step_goal = { 6000, 6000, 6000, 6000, 6000, 6000, 6000, 6000, 6000, 6000, 6000, 6000, 6000, 6000 },
      },
      outputs = { goal = 6600 },
    },
    { -- six days are too few
      inputs = { daily_steps = { 6900, 7300, 7100, 6800, 7500, 7200 } },
      outputs = { goal = "missing" },
    },
  },
}
