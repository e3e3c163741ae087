-- The risk that the next planned workout is skipped (E02, E12), as the model `adherence` sees it.

trigger "high_skip_risk" {
  why = "Predicted to skip the next planned workout.",
  on = { "app_interaction", "workout_planned", "check_in" },
  when = "skip_probability > 0.6",
  priority = 50,
  offer = { "barrier_prevention", "preparation_optimization", "context_optimization", "social_reinforcement" },
  cooldown = 20 * hours,
}

metric "workout_adherence_rate" {
  doc = "share of the decisions after which a workout was completed", unit = "share",
  per = "decision", measure = "happened", of = "workout_completed", window = 1 * days,
}

-- Half of the users are asked nothing, at every such moment anew: only so does anybody know whether the offer of a
-- shorter workout helps.
experiment "shorter_workout" {
  why = "Does offering a shorter workout beat silence when a skip is predicted?",
  revision = 1,
  at = "trigger:high_skip_risk",
  randomise = "decision",
  -- Not where another model, the longer look back or the trees, expects them to train. One that knows too little has no say.
  available = "skip_probability > 0.7 and (blend_probability or 0) < 0.7 and (trees_probability or 0) < 0.7",
  strata = { "habit_strength", "profile.fitnessLevel" },
  arms = {
    silence = { weight = 0.5, send = nothing },
    shorter = { weight = 0.5, send = "barrier_prevention" },
  },
  outcome = { metric = "workout_adherence_rate", within = 1 * days },
}
