-- The four stages (J01–J04), moved by hand: `kairos rollout advance first_interventions`. The second reaches people in the order of
-- rules/segments.lua (J06–J09). Once in, a user stays in until the rollout is halted.

rollout "first_interventions" {
  why = "New messages reach a few people first.",
  gates = { "trigger:goal_progress_slow", "trigger:sleep_debt" },
  stages = {
    { name = "internal_testing", share = 1 * percent, hold = 1 * weeks, only = "profile.staff or false" },
    { name = "alpha_testing", share = 5 * percent, hold = 2 * weeks, order = "risk" },
    { name = "beta_testing", share = 20 * percent, hold = 4 * weeks },
    { name = "full_rollout", share = 100 * percent, hold = 2 * weeks },
  },
}
