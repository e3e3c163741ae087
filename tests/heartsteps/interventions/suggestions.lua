-- The two families of suggestions of the trial.

intervention "active" {
  why = "A walk that disrupts the day a little.",
  type = "activity_suggestion", channel = "push", action = "suggest_walk",
  effectiveness = 0.14, burden = 1, expires = 30 * minutes,
  fits = "max(0, 1 - (event.steps30Before or 0) / 2000)",
  message = { en = "A walk now? You made {steps} steps in the last half hour, and it is {weather} outside." },
  values = { steps = "event.steps30Before or 0", weather = "event.weather or \"dry\"" },
}

intervention "sedentary" {
  why = "Standing up and moving for a moment.",
  type = "anti_sedentary_suggestion", channel = "push", action = "suggest_standing",
  effectiveness = 0.03, burden = 1, expires = 30 * minutes,
  fits = "min(1, steps_before_mean / 1000) * 0.5",
  message = { en = "It is {hour} o'clock at {place}: stand up and stretch for a minute." },
  values = { hour = "floor(event.localHour)", place = "event.location or \"this place\"" },
}
