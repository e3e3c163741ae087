-- What is known of a participant at a decision point, for the models that are evaluated on the trial. The program of the trial itself reads
-- none of it.

local function newest(name, of, field) feature(name) { window = "last", of = of, field = field, days = 1 } end
local function is(name, of, where) feature(name) { window = "last", of = of, where = where, days = 1 } end

newest("slot", "decision_point", "slot")
newest("hour_of_day", "decision_point", "localHour")
newest("steps_30_before", "decision_point", "steps30Before")
newest("steps_60_before", "decision_point", "steps60Before")
newest("temperature", "decision_point", "weatherTemperature")
newest("study_day", "decision_point", "studyDay")
newest("travels", "decision_point", "travel")
is("at_home", "decision_point", "event.location == 'home'")
is("at_work", "decision_point", "event.location == 'work'")
is("is_still", "decision_point", "event.activity == 'still'")
is("is_weekend", "decision_point", "event.dayOfWeek == 'saturday' or event.dayOfWeek == 'sunday'")
is("suggested_a_walk", "logged_decision", "event.option == 'active'")

feature "steps_now" { value = "log(1 + steps_30_before)" }
feature "steps_hour" { value = "log(1 + steps_60_before)" }

-- What came of earlier points.
feature "steps_before_7d" { window = "mean", of = "decision_point", field = "steps30Before", days = 7 }
feature "steps_after_7d" { window = "mean", of = "activity_window", field = "steps", days = 7 }
feature "steps_after_28d" { window = "mean", of = "activity_window", field = "steps", days = 28, at_least = 5 }
feature "active_7d" { window = "rate", of = "activity_window", where = "event.steps >= 100", days = 7 }
feature "active_28d" { window = "rate", of = "activity_window", where = "event.steps >= 100", days = 28, at_least = 5 }
feature "was_active" { window = "last", of = "activity_window", where = "event.steps >= 100", days = 1 }
feature "active_late_28d" { window = "rate", of = "activity_window", where = "event.steps >= 100 and event.local_hour >= 17", days = 28 }
feature "points_a_day" { window = "count", of = "decision_point", days = 7 }

feature "answers_7d" { window = "count", of = "intervention_response", days = 7 }
feature "good_28d" { window = "rate", of = "intervention_response", where = "event.response == 'good'", days = 28 }
feature "bad_28d" { window = "rate", of = "intervention_response", where = "event.response == 'bad'", days = 28 }
feature "was_good" { window = "last", of = "intervention_response", where = "event.response == 'good'", days = 7 }

feature "self_efficacy" { value = "profile.selfEfficacy" }
feature "conscientiousness" { value = "profile.conscientiousness" }
feature "walk_minutes" { value = "profile.walkMinutesPerWeek" }
