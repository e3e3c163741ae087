-- What is known of the workout that is on the plan now, and of how plans like it went: what the models of models/ look at beside the
-- built-in features. A plan's hour and place are known when it is made, and say much about whether it is kept.

-- Of today's newest event that says it.
feature "planned_hour" {
  doc = "local hour that the newest plan of the last day is for",
  unit = "hour", window = "last", of = "workout_planned", field = "plannedHour", days = 1,
}
feature "planned_in_gym" {
  doc = "1: the newest plan of the last day is for a gym",
  unit = "share", window = "last", of = "workout_planned", where = "event.location == 'gym'", days = 1,
}
feature "planned_outdoors" {
  doc = "1: the newest plan of the last day is for outdoors",
  unit = "share", window = "last", of = "workout_planned", where = "event.location == 'outdoor'", days = 1,
}
feature "slept_last_night" {
  doc = "hours slept, as the last day's newest word says",
  unit = "hours", window = "last", of = "sleep_logged", field = "sleepHours", days = 1,
}
feature "hrv_last_night" {
  doc = "heart rate variability of the last night",
  unit = "ms", window = "last", of = "sleep_logged", field = "hrv", days = 1,
}
feature "energy_now" {
  doc = "energy, as the newest check-in of the last day says",
  unit = "0-10", window = "last", of = "check_in", field = "energyLevel", days = 1,
}
feature "wet_weather" {
  doc = "1: rain or snow, as the newest app_interaction of the last day says",
  unit = "share", window = "last", of = "app_interaction", where = "event.weather == 'rain' or event.weather == 'snow'", days = 1,
}

-- How plans like it went, over five weeks.
feature "plans_in_mornings" {
  doc = "share of plans that are for before one o'clock",
  unit = "share", window = "rate", of = "workout_planned", where = "event.plannedHour < 13", days = 35, at_least = 3,
}
feature "done_in_mornings" {
  doc = "share of completions that were planned for before one o'clock",
  unit = "share", window = "rate", of = "workout_completed", where = "event.plannedHour < 13", days = 35, at_least = 3,
}
feature "plans_in_gyms" {
  doc = "share of plans that are for a gym",
  unit = "share", window = "rate", of = "workout_planned", where = "event.location == 'gym'", days = 35, at_least = 3,
}
feature "done_in_gyms" {
  doc = "share of completions that were in a gym",
  unit = "share", window = "rate", of = "workout_completed", where = "event.location == 'gym'", days = 35, at_least = 3,
}
feature "planned_for_morning" {
  doc = "1: the newest plan is for before noon, 0: for after one o'clock",
  unit = "share", value = "min(max(13 - planned_hour, 0), 1)",
}
feature "usual_time" {
  doc = "share of the plans that are for the same half of the day as the newest one",
  unit = "share", value = "planned_for_morning * plans_in_mornings + (1 - planned_for_morning) * (1 - plans_in_mornings)",
}
-- A tenth is added on both sides, so that a few plans do not say never or always.
feature "kept_at_this_time" {
  doc = "how much likelier than any plan one at this half of the day is kept",
  unit = "times",
  value = "planned_for_morning * (done_in_mornings + 0.1) / (plans_in_mornings + 0.1)"
    .. " + (1 - planned_for_morning) * (1.1 - done_in_mornings) / (1.1 - plans_in_mornings)",
}
feature "kept_in_gyms" {
  doc = "how much likelier than any plan one for a gym is kept, less 1; 0 when the newest is for elsewhere",
  unit = "times", value = "planned_in_gym * ((done_in_gyms + 0.1) / (plans_in_gyms + 0.1) - 1)",
}
feature "out_in_wet_weather" {
  doc = "1: the newest plan is for outdoors and it rains or snows; a fifth where nobody says how the weather is",
  unit = "share", value = "planned_outdoors * (wet_weather or 0.2)",
}
feature "wants_fitness" {
  doc = "1: the profile's first goal is fitness",
  unit = "share", value = "profile.goals.primary == 'fitness'",
}

-- Day by day, for models that look at sequences (the same windows as above).
feature "daily_planned_hour" {
  doc = "mean local hour that a day's plans are for",
  unit = "hour", window = "mean", of = "workout_planned", field = "plannedHour", days = 1,
}
feature "daily_planned_in_gym" {
  doc = "share of a day's plans that are for a gym",
  unit = "share", window = "rate", of = "workout_planned", where = "event.location == 'gym'", days = 1,
}
feature "daily_planned_outdoors" {
  doc = "share of a day's plans that are for outdoors",
  unit = "share", window = "rate", of = "workout_planned", where = "event.location == 'outdoor'", days = 1,
}

-- Weekly reports.
feature "goal_reached" {
  doc = "1: the newest report of the last ten days says that the goal is reached",
  unit = "share", window = "last", of = "goal_progress", where = "event.progress >= 1", days = 10,
}
feature "goals_reached_5w" {
  doc = "share of five weeks' reports that say that the goal is reached",
  unit = "share", window = "rate", of = "goal_progress", where = "event.progress >= 1", days = 35,
}
