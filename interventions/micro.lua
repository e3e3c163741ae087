-- The four micro-interventions (E10–E13). The numbers in the messages are the user's own; where one is missing, the message is not sent.
-- Which of several possible ones is offered is a matter of the person (match), of the moment (fits) and of what was answered before (E09).

intervention "preparation_optimization" {
  why = "Long preparation stands between the plan and the workout.",
  type = "habit_stacking", channel = "push", action = "schedule_prep_reminder",
  effectiveness = 0.26, expected_impact = 0.26, burden = 1, expires = 4 * hours,
  accept = "preparation_time > 15", fits = "preparation_time / 60",
  message = {
    en = "Getting ready took you {minutes} minutes lately. Lay out your things the evening before? We can remind you on Sunday evening.",
  },
  values = { minutes = "round(preparation_time)" },
}

intervention "context_optimization" {
  why = "The hour of the day decides whether it happens.",
  type = "context_cue_strengthening", channel = "push", action = "reschedule_workouts",
  effectiveness = 0.4, burden = 1, expires = 4 * hours,
  accept = "success_rate_variance_by_time > 0.4", fits = "success_rate_variance_by_time",
  message = {
    en = "Of your workouts around {best} o'clock you do {good} %, of those around {worst} o'clock {bad} %. Move the next one?",
  },
  values = {
    best = "best_hour", worst = "worst_hour",
    good = "round(best_hour_rate * 100)", bad = "round(worst_hour_rate * 100)",
  },
}

intervention "barrier_prevention" {
  why = "A short workout keeps the habit where a skipped one breaks it.",
  type = "adaptive_modification", channel = "push", action = "suggest_modified_workout",
  effectiveness = 0.45, expected_impact = 0.45, burden = 1, expires = 3 * hours,
  accept = "skip_probability > 0.7", fits = "skip_probability",
  message = {
    en = "Your energy seems low today. Try this {minutes}-minute routine instead of your planned {planned}-minute session.",
  },
  values = { minutes = "10", planned = "round(planned_minutes or profile.constraints.availableTime)" },
}

intervention "social_reinforcement" {
  why = "This user does more in company.",
  type = "social_accountability", channel = "push", action = "setup_social_accountability",
  effectiveness = 0.4, expected_impact = 0.4, burden = 1, expires = 6 * hours,
  accept = "social_success_rate > solo_success_rate + 0.3 and social_success_ratio_low > 1",
  match = "profile.partner ~= nil and 1 or 0.5", fits = "social_success_rate",
  message = {
    en = "You are {times} times as likely to do it in company. Shall we ask somebody to join your next session?",
  },
  values = { times = "round(social_success_ratio * 10) / 10" },
}
