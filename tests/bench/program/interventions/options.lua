intervention "breathing_pause" {
  why = "A minute of slow breathing lowers the pulse.",
  type = "micro", channel = "push", action = "breathe",
  effectiveness = 0.4, burden = 1, expires = 2 * hours,
  message = { en = "Sixty slow breaths, before anything else. Stress today: {stress}." },
  values = { stress = "event.stressLevel or 5" },
}

intervention "two_minute_walk" {
  why = "Two minutes are always there.",
  type = "micro", channel = "push", action = "walk",
  effectiveness = 0.5, burden = 1, expires = 2 * hours,
  accept = "not (profile.injured or false)",
  message = { en = "A two-minute walk counts. {done} sessions this week already." },
  values = { done = "round(7 * (workout_frequency_7d or 0))" },
}

intervention "easier_plan" {
  why = "A plan that is kept beats one that is not.",
  type = "adaptive_modification", channel = "push", action = "suggest_modified_workout",
  effectiveness = 0.45, burden = 2, expires = 3 * hours,
  message = { en = "Make tomorrow's session twenty minutes and easy?" },
}
