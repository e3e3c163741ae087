-- Signs that somebody is doing too much, sleeping too little, or under stress (E03, E04, E05).

trigger "burnout_risk" {
  why = "Stress, lost sleep, low motivation and missed workouts come together.",
  on = { "app_interaction", "check_in" },
  when = "burnout_risk > 0.7",
  priority = 60,
  offer = { "barrier_prevention" },
  cooldown = 48 * hours,
}

trigger "sleep_debt" {
  why = "More than two hours short of sleep.",
  on = { "app_interaction", "sleep_logged" },
  when = "sleep_debt > 2",
  priority = 30,
  offer = { "barrier_prevention", "context_optimization" },
  cooldown = 24 * hours,
}

trigger "high_stress" {
  why = "Stress above seven of ten.",
  on = { "app_interaction", "check_in" },
  when = "stress_level > 7",
  priority = 40,
  offer = { "barrier_prevention", "social_reinforcement" },
  cooldown = 24 * hours,
}
