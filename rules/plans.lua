-- What is known of the workout that is on the plan now, and of how plans like it went: what the models of models/ look at beside the
-- built-in features. A plan's hour and place are known when it is made, and say much about whether it is kept.

-- Of today's newest event that says it.
feature "planned_hour" {
  doc = "local hour that the newest plan of the last day is for",
  unit = "hour", window = "last", of = "workout_planned", field = "plannedHour", days = 1,
}
feature "planned_minutes" {
  doc = "how long the newest plan of the last day is to take",
  unit = "minutes", window = "last", of = "workout_planned", field = "plannedMinutes", days = 1,
}
feature "planned_in_gym" {
  doc = "1: the newest plan of the last day is for a gym",
  unit = "share", window = "last", of = "workout_planned", where = "event.location == 'gym'", days = 1,
}
feature "planned_outdoors" {
  doc = "1: the newest plan of the last day is for outdoors",
  unit = "share", window = "last", of = "workout_planned", where = "event.location == 'outdoor'", days = 1,
}

-- How plans like it went, over five weeks.
feature "plans_in_mornings" {
  doc = "share of plans that are for before one o'clock",
  unit = "share", window = "rate", of = "workout_planned", where = "event.plannedHour < 13", days = 35, at_least = 3,
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
feature "kept_in_gyms" {
  doc = "how much likelier than any plan one for a gym is kept, less 1; 0 when the newest is for elsewhere",
  unit = "times", value = "planned_in_gym * ((done_in_gyms + 0.1) / (plans_in_gyms + 0.1) - 1)",
}
feature "wants_fitness" {
  doc = "1: the profile's first goal is fitness",
  unit = "share", value = "profile.goals.primary == 'fitness'",
}

feature "is_beginner" {
  doc = "1: the profile says beginner",
  unit = "share", value = "profile.demographics.fitnessLevel == 'beginner'",
}
feature "is_advanced" {
  doc = "1: the profile says advanced",
  unit = "share", value = "profile.demographics.fitnessLevel == 'advanced'",
}
feature "prefers_mornings" {
  doc = "1: the profile's preferred times have the morning in them",
  unit = "share", value = "has(profile.preferences.preferredTimes, 'morning')",
}
feature "planned_as_preferred" {
  doc = "1: the newest plan is for a half of the day that the profile prefers",
  unit = "share", value = "planned_for_morning * prefers_mornings + (1 - planned_for_morning) * (1 - prefers_mornings)",
}

-- How many plans were kept, as log odds: what models add up. The newest plan is still open and does not count. Few plans say little, so
-- the odds are pulled to six in ten with the weight of some plans.
local function counted(name, of, days, doc, where)
  feature(name) { doc = doc, unit = "count", window = "count", of = of, where = where, days = days }
end
counted("plans_5w", "workout_planned", 35, "plans of five weeks, the newest one included")
counted("plans_10d", "workout_planned", 10, "plans of ten days, the newest one included")
counted("done_5w", "workout_completed", 35, "workouts completed in five weeks")
counted("done_10d", "workout_completed", 10, "workouts completed in ten days")
counted("plans_morning_5w", "workout_planned", 35, "plans of five weeks for before one o'clock", "event.plannedHour < 13")
counted("done_morning_5w", "workout_completed", 35, "completions of five weeks planned for before one o'clock", "event.plannedHour < 13")
feature "missed_5w" {
  doc = "plans of five weeks before the newest one that were not kept",
  unit = "count", value = "max((plans_5w or 1) - 1 - (done_5w or 0), 0)",
}
feature "kept_odds_5w" {
  doc = "log odds that a plan was kept, over five weeks",
  unit = "nats", value = "log(((done_5w or 0) + 3.6) / (missed_5w + 2.4))",
}
feature "kept_odds_10d" {
  doc = "log odds that a plan was kept, over ten days",
  unit = "nats", value = "log(((done_10d or 0) + 1.8) / (max((plans_10d or 1) - 1 - (done_10d or 0), 0) + 1.2))",
}
feature "done_then" {
  doc = "completions of five weeks that were planned for the same half of the day as the newest plan",
  unit = "count",
  value = "planned_for_morning * (done_morning_5w or 0) + (1 - planned_for_morning) * ((done_5w or 0) - (done_morning_5w or 0))",
}
feature "missed_then" {
  doc = "plans for that half of the day that were not kept",
  unit = "count",
  value = "max(planned_for_morning * (plans_morning_5w or 0)"
    .. " + (1 - planned_for_morning) * ((plans_5w or 1) - (plans_morning_5w or 0)) - 1 - done_then, 0)",
}
feature "kept_odds_then" {
  doc = "log odds that a plan for that half of the day was kept, pulled to those of any plan, less these",
  unit = "nats",
  value = "log((done_then + 4 * (done_5w + 3) / (done_5w + missed_5w + 5))"
    .. " / (missed_then + 4 * (missed_5w + 2) / (done_5w + missed_5w + 5))) - log((done_5w + 3) / (missed_5w + 2))",
}

-- How the person is. Today's word counts; where nobody said anything today, the newest and the usual one stand in for it.
local function said(name, of, field, days, unit, doc)
  feature(name) { doc = doc, unit = unit, window = "mean", of = of, field = field, days = days }
end
said("slept_today", "sleep_logged", "sleepHours", 1, "hours", "hours slept, as today's events say")
said("sleep_usual", "sleep_logged", "sleepHours", 28, "hours", "hours slept, mean of four weeks")
said("hrv_today", "sleep_logged", "hrv", 1, "ms", "heart rate variability, as today's events say")
said("stress_checked_today", "check_in", "stressLevel", 1, "0-10", "stress, as today's check-ins say")
said("stress_told_today", "app_interaction", "stressLevel", 1, "0-10", "stress, as today's app_interactions say")
said("stress_told_4w", "app_interaction", "stressLevel", 28, "0-10", "stress, mean of four weeks' app_interactions")
feature "sleep_missing" {
  doc = "hours that last night was short of eight; a usual night where nobody said",
  unit = "hours", value = "max(0, 8 - (slept_today or sleep_usual))",
}
feature "stress_usual" {
  doc = "stress, mean of four weeks' app_interactions; the newest word where there is none",
  unit = "0-10", value = "stress_told_4w or stress_level",
}
feature "stress_now" {
  doc = "stress as today's events say; half of the newest word and half of the usual one where they say nothing",
  unit = "0-10", value = "stress_told_today or stress_checked_today or (stress_level + stress_usual) / 2",
}
local function motivation(days)
  local last, ends = days == 1 and "today" or "the last " .. days .. " days", "_" .. days .. "d"
  said("motivation_checked" .. ends, "check_in", "motivationLevel", days, "0-10", "motivation, mean of the check-ins of " .. last)
  said("motivation_told" .. ends, "app_interaction", "motivationLevel", days, "0-10", "motivation, mean of app_interactions of " .. last)
  counted("check_ins" .. ends, "check_in", days, "check-ins of " .. last)
  counted("interactions" .. ends, "app_interaction", days, "app_interactions of " .. last)
  feature("motivation" .. ends) {
    doc = "mean motivation of " .. last .. ", pulled to 6 with the weight of two words",
    unit = "0-10",
    value = ("(12 + (motivation_checked%s or 0) * (check_ins%s or 0) + (motivation_told%s or 0) * (interactions%s or 0))"):format(
      ends, ends, ends, ends) .. (" / (2 + (check_ins%s or 0) + (interactions%s or 0))"):format(ends, ends),
  }
end
motivation(1)
motivation(3)
motivation(8)

feature "wet_today" {
  doc = "share of today's app_interactions that say rain or snow",
  unit = "share", window = "rate", of = "app_interaction", where = "event.weather == 'rain' or event.weather == 'snow'", days = 1,
}
feature "out_in_the_wet" {
  doc = "1: the newest plan is for outdoors and it rains or snows; a fifth where nobody says how the weather is",
  unit = "share", value = "planned_outdoors * (wet_today or 0.2)",
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
