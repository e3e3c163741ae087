-- Two questions of the trial, each asked of all three plugins. There are 37 people, too few to make a model that may be served: these are
-- evaluated (`kairos evaluate --folds`), never trained into a state. The settings are the default program's and were not searched.

-- Will the next half hour be active: a hundred steps or more, which is a minute's walk?
local active = {
  on = "decision_point", target = "activity_window", where = "known(event.steps)", yes = "event.steps >= 100", unanswered = "left_out",
  within = 40 * minutes,
}
-- Is the suggestion that was sent called good, or bad? Who does not answer is neither.
local good = {
  on = "logged_decision", target = "intervention_response", where = "event.response == 'good' or event.response == 'bad'",
  yes = "event.response == 'good'", unanswered = "left_out", within = 4 * hours,
}

local now = {
  "slot", "hour_of_day", "steps_now", "steps_hour", "temperature", "study_day", "travels", "at_home", "at_work", "is_still",
  "is_weekend",
  "steps_before_7d", "steps_after_7d", "steps_after_28d", "active_7d", "active_28d", "was_active", "active_late_28d", "self_efficacy",
  "conscientiousness", "walk_minutes",
}
local asked = {
  "slot", "hour_of_day", "steps_now", "study_day", "at_home", "at_work", "is_still", "is_weekend", "suggested_a_walk", "active_7d",
  "active_28d", "answers_7d", "good_28d", "bad_28d", "was_good", "self_efficacy", "conscientiousness", "walk_minutes",
}
local days = { "steps_before_7d", "steps_after_7d", "active_7d", "points_a_day", "answers_7d", "good_28d", "bad_28d" }

-- A regression on 0/1 goes to their median, so its output has to be calibrated to be a probability; trees and network learn one as they
-- are.
local function calibrated(train)
  local copy = { calibrate = "platt" }
  for key, value in pairs(train) do copy[key] = value end
  return copy
end

local function views(name, train, inputs)
  model(name .. "_trees") {
    plugin = "gbm", inputs = inputs, outputs = { name .. "_by_trees" }, state = name .. "_trees.state", train = train,
    config = { output = { name = name .. "_by_trees" }, n_estimators = 60, max_depth = 3, learning_rate = 0.05 },
  }
  model(name .. "_machine") {
    plugin = "svr", inputs = inputs, outputs = { name .. "_by_machine" }, state = name .. "_machine.state", train = calibrated(train),
    config = { output = { name = name .. "_by_machine", low = 0, high = 1 }, C = 0.5, epsilon = 0.2, gamma = 0.01 },
  }
  -- The last two weeks, day by day. The plugin's own minimum of people is lowered, so that it can be evaluated at all; that of
  -- `kairos train` is not.
  model(name .. "_sequence") {
    plugin = "lstm", inputs = days, outputs = { name .. "_by_sequence" }, state = name .. "_sequence.state", train = train,
    config = {
      output = { name = name .. "_by_sequence", low = 0, high = 1 }, steps = 14, lstm = { 16 }, dense = { 8 }, missing_flags = true,
      least_people = 10, least_outcomes = 50,
    },
  }
end
views("active", active, now)
views("good", good, asked)
