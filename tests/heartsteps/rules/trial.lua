-- The trial again, as a program: every decision point is a trigger, and an experiment that draws anew at each.

policy "heartsteps" {
  consent = "by_enrolment",
  why = "All 37 people signed the study's informed consent before they were enrolled (Klasnja et al. 2019).",
}

feature "steps_before_mean" {
  doc = "steps in the half hours before decision points, mean of a week",
  unit = "steps", window = "mean", of = "decision_point", field = "steps30Before", days = 7, at_least = 5,
}

trigger "decision_point" {
  why = "One of the five moments a day of the trial.",
  on = { "decision_point" },
  offer = { "active", "sedentary" },
}

experiment "suggestion" {
  why = "Does a suggestion beat silence in the next thirty minutes?",
  revision = 1,
  at = "trigger:decision_point",
  randomise = "decision",
  available = "event.available",
  arms = {
    none = { weight = 0.4, send = nothing },
    active = { weight = 0.3, send = "active" },
    sedentary = { weight = 0.3, send = "sedentary" },
  },
  outcome = { metric = "steps", within = 30 * minutes },
}
