-- What the default program must do, moment by moment: `kairos test` runs these through the code that decides in production. Whoever is
-- not described otherwise is an adult who has consented; it is noon on a Wednesday in Berlin.

local noon = "2025-01-15T12:00:00+01:00"
local berlin = { timezone = "Europe/Berlin", constraints = { availableTime = 45 } }
local everybody = { first_interventions = "full_rollout" }
local opened = { type = "app_interaction", at = noon }

-- Everything that the two arms of shorter_workout need: a skip is likely enough for its point to be available.
local skipping = { skip_probability = 0.9 }

-- ---- the triggers (E02–E06) ----

scenario "a likely skip is a decision point" {
  given = { profile = berlin, beliefs = skipping, draw = 0.1 },
  event = opened,
  expect = { trigger = "high_skip_risk", outcome = "sent", send = "barrier_prevention" },
}

scenario "an unlikely skip is none" {
  given = { profile = berlin, beliefs = { skip_probability = 0.6 } },
  event = opened,
  expect = { trigger = nothing, send = nothing },
}

scenario "burnout goes before stress" {
  given = {
    profile = berlin, beliefs = { skip_probability = 0.5 },
    features = { burnout_risk = 0.8, stress_level = 9, social_success_rate = 0.9, solo_success_rate = 0.3, social_success_ratio = 3,
      social_success_ratio_low = 1.2 },
  },
  event = { type = "check_in", at = noon },
  expect = { trigger = "high_stress", send = "social_reinforcement" }, -- burnout_risk offers only what asks for skip_probability > 0.7
}

scenario "burnout offers a shorter workout" {
  given = { profile = berlin, features = { burnout_risk = 0.8 }, beliefs = { skip_probability = 0.75 } },
  event = { type = "check_in", at = noon },
  expect = { trigger = "burnout_risk", outcome = "outranked", because = "outranked" }, -- by the experiment's decision point
}

scenario "burnout without an experiment in the way" {
  given = {
    profile = berlin, features = { burnout_risk = 0.8 }, beliefs = { skip_probability = 0.75 },
    killed = { "trigger:high_skip_risk" },
  },
  event = { type = "check_in", at = noon },
  expect = { trigger = "burnout_risk", send = "barrier_prevention" },
}

scenario "sleep debt" {
  given = {
    profile = berlin, beliefs = { skip_probability = 0.5 }, rollouts = everybody,
    features = {
      sleep_debt = 2.5, success_rate_variance_by_time = 0.6, best_hour = 18, best_hour_rate = 0.9, worst_hour = 7, worst_hour_rate = 0.3,
    },
  },
  event = { type = "sleep_logged", at = noon },
  expect = { trigger = "sleep_debt", send = "context_optimization" },
}

scenario "two hours short of sleep are not yet a debt" {
  given = { profile = berlin, features = { sleep_debt = 2 }, rollouts = everybody },
  event = { type = "sleep_logged", at = noon },
  expect = { trigger = nothing },
}

scenario "sleep debt from logged nights" {
  given = {
    profile = berlin, beliefs = { skip_probability = 0.5 }, rollouts = everybody,
    events = {
      { type = "sleep_logged", ago = 50 * hours, data = { sleepHours = 5 } },
      { type = "sleep_logged", ago = 26 * hours, data = { sleepHours = 5 } },
    },
  },
  event = { type = "sleep_logged", at = noon, data = { sleepHours = 5 } },
  expect = { trigger = "sleep_debt", because = "no_option" },
}

scenario "high stress, for somebody who does more in company" {
  given = {
    profile = berlin, beliefs = { skip_probability = 0.5 },
    features = { stress_level = 8, social_success_rate = 0.8, solo_success_rate = 0.4, social_success_ratio = 2,
      social_success_ratio_low = 1.2 },
  },
  event = { type = "check_in", at = noon },
  expect = { trigger = "high_stress", send = "social_reinforcement" },
}

scenario "slow progress is looked at in the morning" {
  given = {
    profile = berlin, rollouts = everybody,
    features = { goal_progress_rate = 0.3, preparation_time = 25 },
  },
  event = { tick = "goal_progress_slow", at = "2025-01-15T09:30:00+01:00" },
  expect = { trigger = "goal_progress_slow", send = "preparation_optimization" },
}

scenario "slow progress, when it is reported" {
  given = {
    profile = berlin, rollouts = everybody,
    features = { goal_progress_rate = 0.3, preparation_time = 25 },
  },
  event = { type = "goal_progress", at = noon, data = { progress = 0.1 } },
  expect = { trigger = "goal_progress_slow", send = "preparation_optimization" },
}

-- ---- the interventions (E10–E13) ----

-- `n` workouts with somebody, all done, and as many alone, of which `alone` were done and the others skipped.
local function company(n, alone)
  local events = {}
  for i = 1, n do
    local social = { socialContext = "friend" }
    events[#events + 1] = { type = "workout_completed", ago = (2 * n - 2 * i + 2) * days, context = social }
    local kind = i <= alone and "workout_completed" or "workout_skipped"
    events[#events + 1] = { type = kind, ago = (2 * n - 2 * i + 1) * days, context = { socialContext = "alone" } }
  end
  return events
end

scenario "preparation over a quarter of an hour" {
  given = {
    profile = berlin, rollouts = everybody, features = { goal_progress_rate = 0, preparation_time = 22.4 },
  },
  event = { type = "goal_progress", at = noon },
  expect = {
    send = "preparation_optimization",
    message = "Getting ready took you 22 minutes lately. Lay out your things the evening before? We can remind you on Sunday evening.",
  },
}

scenario "preparation of a quarter of an hour is no barrier" {
  given = {
    profile = berlin, rollouts = everybody, features = { goal_progress_rate = 0, preparation_time = 15 },
  },
  event = { type = "goal_progress", at = noon },
  expect = { send = nothing, because = "no_option", options = { preparation_optimization = "not_accepted" } },
}

scenario "the hour decides" {
  given = {
    profile = berlin, rollouts = everybody,
    features = {
      goal_progress_rate = 0, success_rate_variance_by_time = 0.55,
      best_hour = 18, best_hour_rate = 0.85, worst_hour = 7, worst_hour_rate = 0.3,
    },
  },
  event = { type = "goal_progress", at = noon },
  expect = {
    send = "context_optimization",
    message = "Of your workouts around 18 o'clock you do 85 %, of those around 7 o'clock 30 %. Move the next one?",
  },
}

scenario "a message without its numbers is not sent" {
  given = {
    profile = berlin, rollouts = everybody, features = { goal_progress_rate = 0, success_rate_variance_by_time = 0.55 },
  },
  event = { type = "goal_progress", at = noon },
  expect = { send = nothing, options = { context_optimization = "message_incomplete" } },
}

scenario "a shorter workout, with the planned minutes of the user" {
  given = {
    profile = { timezone = "Europe/Berlin", constraints = { availableTime = 60 } }, beliefs = skipping, draw = 0.1,
  },
  event = opened,
  expect = {
    send = "barrier_prevention",
    message = "Your energy seems low today. Try this 10-minute routine instead of your planned 60-minute session.",
  },
}

scenario "the minutes of the plan go before those of the profile" {
  given = {
    profile = berlin, beliefs = skipping, draw = 0.1,
    events = { { type = "workout_planned", ago = 2 * hours, data = { plannedMinutes = 30 } } },
  },
  event = opened,
  expect = {
    send = "barrier_prevention",
    message = "Your energy seems low today. Try this 10-minute routine instead of your planned 30-minute session.",
  },
}

scenario "no planned minutes are made up" {
  given = { profile = { timezone = "Europe/Berlin" }, beliefs = skipping, draw = 0.1 },
  event = opened,
  expect = { send = nothing, options = { barrier_prevention = "message_incomplete" } },
}

scenario "company counts when it helps by .3" {
  given = {
    profile = berlin, rollouts = everybody,
    features = { goal_progress_rate = 0, social_success_rate = 0.8, solo_success_rate = 0.45, social_success_ratio = 1.78,
      social_success_ratio_low = 1.01 },
  },
  event = { type = "goal_progress", at = noon },
  expect = {
    send = "social_reinforcement",
    message = "You are 1.8 times as likely to do it in company. Shall we ask somebody to join your next session?",
  },
}

scenario "company that helps less is no reason" {
  given = {
    profile = berlin, rollouts = everybody,
    features = { goal_progress_rate = 0, social_success_rate = 0.7, solo_success_rate = 0.45, social_success_ratio = 1.56,
      social_success_ratio_low = 1.01 },
  },
  event = { type = "goal_progress", at = noon },
  expect = { send = nothing, options = { social_reinforcement = "not_accepted" } },
}

scenario "company that may have been chance is no reason" {
  given = {
    profile = berlin, rollouts = everybody,
    features = { goal_progress_rate = 0, social_success_rate = 0.8, solo_success_rate = 0.3, social_success_ratio = 2.7,
      social_success_ratio_low = 1 },
  },
  event = { type = "goal_progress", at = noon },
  expect = { send = nothing, options = { social_reinforcement = "not_accepted" } },
}

scenario "company, from nine workouts with somebody and nine alone" {
  given = {
    profile = berlin, rollouts = everybody, events = company(9, 3),
    features = { goal_progress_rate = 0, success_rate_variance_by_time = 0 },
  },
  event = { type = "goal_progress", at = noon },
  expect = {
    send = "social_reinforcement",
    message = "You are 2.1 times as likely to do it in company. Shall we ask somebody to join your next session?",
  },
}

scenario "three of each are not enough to say so" {
  given = {
    profile = berlin, rollouts = everybody, events = company(3, 0),
    features = { goal_progress_rate = 0, success_rate_variance_by_time = 0 },
  },
  event = { type = "goal_progress", at = noon },
  expect = { send = nothing, options = { social_reinforcement = "not_accepted" } },
}

-- Both options of high_stress are possible: which one is a matter of the person and of the moment (E09, E20).
local either = { skip_probability = 0.75 }
local in_company = {
  stress_level = 9, social_success_rate = 0.9, solo_success_rate = 0.4, social_success_ratio = 2.2, social_success_ratio_low = 1.5,
}
local no_experiment = { "trigger:high_skip_risk" }

scenario "who trains alone is offered less to do" {
  given = { profile = berlin, beliefs = either, features = in_company, killed = no_experiment },
  event = { type = "check_in", at = noon },
  expect = { trigger = "high_stress", send = "barrier_prevention" },
}

scenario "who has somebody to train with is offered company" {
  given = {
    profile = { timezone = "Europe/Berlin", constraints = { availableTime = 45 }, partner = "Sarah" },
    beliefs = either, features = in_company, killed = no_experiment,
  },
  event = { type = "check_in", at = noon },
  expect = { trigger = "high_stress", send = "social_reinforcement" },
}

-- ---- the experiment ----

scenario "the draw chooses the shorter workout" {
  given = { profile = berlin, beliefs = skipping, draw = 0.49 },
  event = opened,
  expect = { outcome = "sent", arm = "shorter", send = "barrier_prevention" },
}

scenario "the draw chooses silence" {
  given = { profile = berlin, beliefs = skipping, draw = 0.51 },
  event = opened,
  expect = { outcome = "silent", arm = "silence", because = "drawn", send = nothing },
}

scenario "no draw where one arm could not be carried out" {
  given = { profile = berlin, beliefs = { skip_probability = 0.65 }, draw = 0.1 },
  event = opened,
  expect = { trigger = "high_skip_risk", outcome = "unavailable", because = "not_available" },
}

scenario "no draw where another model sees them train" {
  given = { profile = berlin, beliefs = { skip_probability = 0.9, trees_probability = 0.8 }, draw = 0.1 },
  event = opened,
  expect = { trigger = "high_skip_risk", outcome = "unavailable", because = "not_available" },
}

scenario "nor where the longer look back does" {
  given = { profile = berlin, beliefs = { skip_probability = 0.9, blend_probability = 0.8 }, draw = 0.1 },
  event = opened,
  expect = { trigger = "high_skip_risk", outcome = "unavailable", because = "not_available" },
}

scenario "minors are in no experiment" {
  given = { profile = { timezone = "Europe/Berlin", age = 16, guardianConsent = true }, beliefs = skipping, draw = 0.1 },
  event = opened,
  expect = { trigger = "high_skip_risk", send = nothing, because = "minor" },
}

scenario "an experiment that was stopped draws nothing" {
  given = { profile = berlin, beliefs = skipping, draw = 0.1, killed = { "experiment:shorter_workout" } },
  event = opened,
  expect = { send = nothing, because = "killed" },
}

-- ---- the rollout's stages (J01–J04) ----

local slow = { goal_progress_rate = 0.3, preparation_time = 25 }
local reported = { type = "goal_progress", at = noon }

scenario "internal testing reaches the staff" {
  given = {
    profile = { timezone = "Europe/Berlin", staff = true }, features = slow, place = 0.005,
    rollouts = { first_interventions = "internal_testing" },
  },
  event = reported,
  expect = { send = "preparation_optimization" },
}

scenario "internal testing reaches nobody else" {
  given = { profile = berlin, features = slow, place = 0.005, rollouts = { first_interventions = "internal_testing" } },
  event = reported,
  expect = { outcome = "gated", because = "not_in_rollout", send = nothing },
}

scenario "alpha testing reaches the first twentieth" {
  given = { profile = berlin, features = slow, place = 0.04, rollouts = { first_interventions = "alpha_testing" } },
  event = reported,
  expect = { send = "preparation_optimization" },
}

scenario "alpha testing ends there" {
  given = { profile = berlin, features = slow, place = 0.06, rollouts = { first_interventions = "alpha_testing" } },
  event = reported,
  expect = { outcome = "gated", because = "not_in_rollout" },
}

-- The same place, four kinds of people (J06–J09): who bears more change comes in earlier within the two weeks.
local function alpha(name, who, ago, reached)
  local product, features = who.product, { goal_progress_rate = 0.3, preparation_time = 25 }
  for feature, value in pairs(who.features or {}) do features[feature] = value end
  scenario(name) {
    given = {
      profile = { timezone = "Europe/Berlin", product = product }, features = features, beliefs = { churn_risk = who.churn or 0.1 },
      place = 0.04, rollouts = { first_interventions = { stage = "alpha_testing", ago = ago } },
    },
    event = reported,
    expect = reached and { send = "preparation_optimization" } or { outcome = "gated", because = "not_in_rollout" },
  }
end
local early = {
  product = { featureAdoption = 0.9, supportTicketRate = 0.05, rating = 4.8 }, features = { app_interactions_7d = 6 },
}
local stable = {
  product = { stabilityPreference = "moderate" }, features = { engagement_score = 0.8, success_rate = 0.7, days_since_start = 91 },
}
local cautious = { product = { featureAdoption = 0.2, supportSensitivity = "high", disruptionSensitivity = "high" } }
local critical = {
  product = { featureAdoption = 0.9, supportTicketRate = 0.05, rating = 4.8, tier = "premium", businessCritical = true },
  features = { app_interactions_7d = 6 }, churn = 0.75,
}
alpha("early adopters come in at once", early, 1 * hours, true)
alpha("five times a week is not more than five", { product = early.product, features = { app_interactions_7d = 5 } }, 1 * hours, false)
alpha("stable users wait", stable, 3 * days, false)
alpha("stable users come in after a quarter", stable, 4 * days, true)
alpha("cautious users wait longer", cautious, 6 * days, false)
alpha("cautious users come in after half", cautious, 8 * days, true)
alpha("critical users come last, early adopters or not", critical, 10 * days, false)
alpha("critical users come in after three quarters", critical, 11 * days, true)
alpha("who does not leave is an early adopter", { product = critical.product, features = critical.features }, 1 * hours, true)

scenario "beta testing reaches the first fifth" {
  given = { profile = berlin, features = slow, place = 0.19, rollouts = { first_interventions = "beta_testing" } },
  event = reported,
  expect = { send = "preparation_optimization" },
}

scenario "beta testing ends there" {
  given = { profile = berlin, features = slow, place = 0.21, rollouts = { first_interventions = "beta_testing" } },
  event = reported,
  expect = { outcome = "gated" },
}

scenario "the full rollout reaches everybody" {
  given = { profile = berlin, features = slow, place = 0.99, rollouts = everybody },
  event = reported,
  expect = { send = "preparation_optimization" },
}

scenario "once in, in" {
  given = { profile = berlin, features = slow, place = 0.99, rollouts = { first_interventions = "entered" } },
  event = reported,
  expect = { send = "preparation_optimization" },
}

scenario "a halted rollout reaches nobody" {
  given = { profile = berlin, features = slow, place = 0, rollouts = { first_interventions = "halted" } },
  event = reported,
  expect = { outcome = "gated", because = "rollout_halted" },
}

-- ---- the safeguards ----

scenario "quiet hours win over risk" {
  given = { profile = berlin, beliefs = skipping, draw = 0.1 },
  event = { type = "app_interaction", at = "2025-01-15T22:40:00+01:00" },
  expect = { send = nothing, because = "quiet_hours" },
}

scenario "this program is quiet from half past eight" {
  given = { profile = berlin, beliefs = skipping, draw = 0.1 },
  event = { type = "app_interaction", at = "2025-01-15T20:30:00+01:00" },
  expect = { send = nothing, because = "quiet_hours" },
}

scenario "a minute before, it speaks" {
  given = { profile = berlin, beliefs = skipping, draw = 0.1 },
  event = { type = "app_interaction", at = "2025-01-15T20:29:00+01:00" },
  expect = { send = "barrier_prevention" },
}

scenario "and again from eight in the morning" {
  given = { profile = berlin, beliefs = skipping, draw = 0.1 },
  event = { type = "app_interaction", at = "2025-01-15T08:00:00+01:00" },
  expect = { send = "barrier_prevention" },
}

scenario "quiet hours are the user's own" {
  given = { profile = { timezone = "America/Los_Angeles" }, beliefs = skipping, draw = 0.1 },
  event = opened, -- noon in Berlin is three in the morning there
  expect = { send = nothing, because = "quiet_hours" },
}

scenario "two a day" {
  given = { profile = berlin, beliefs = skipping, draw = 0.1, history = { day = 2, last = 5 * hours } },
  event = opened,
  expect = { send = nothing, because = "day_cap" },
}

scenario "eight a week" {
  given = { profile = berlin, beliefs = skipping, draw = 0.1, history = { day = 0, week = 8 } },
  event = opened,
  expect = { send = nothing, because = "week_cap" },
}

scenario "three hours between two" {
  given = { profile = berlin, beliefs = skipping, draw = 0.1, history = { day = 1, last = 179 * minutes } },
  event = opened,
  expect = { send = nothing, because = "too_soon" },
}

scenario "after three hours it may speak again" {
  given = { profile = berlin, beliefs = skipping, draw = 0.1, history = { day = 1, last = 180 * minutes } },
  event = opened,
  expect = { send = "barrier_prevention" },
}

scenario "twenty hours between two of one trigger" {
  given = {
    profile = berlin, beliefs = skipping, draw = 0.1,
    history = { { ago = 19 * hours, trigger = "high_skip_risk", option = "barrier_prevention" } },
  },
  event = opened,
  expect = { trigger = "high_skip_risk", outcome = "unavailable", because = "cooldown" },
}

scenario "no word without consent" {
  given = { profile = berlin, consent = "unknown", beliefs = skipping, draw = 0.1 },
  event = opened,
  expect = { send = nothing, because = "consent_unknown" },
}

scenario "opted out is out" {
  given = { profile = berlin, consent = "withdrawn", beliefs = skipping, draw = 0.1 },
  event = opened,
  expect = { send = nothing, because = "opted_out" },
}

scenario "a minor without a guardian's consent" {
  given = { profile = { timezone = "Europe/Berlin", age = 17 }, features = slow, rollouts = everybody },
  event = reported,
  expect = { send = nothing, because = "minor" },
}

scenario "a minor with it" {
  given = {
    profile = { timezone = "Europe/Berlin", age = 17, guardianConsent = true },
    features = slow, rollouts = everybody,
  },
  event = reported,
  expect = { send = "preparation_optimization" },
}

scenario "an unknown age counts as a minor's" {
  given = { profile = berlin, age = "unknown", features = slow, rollouts = everybody },
  event = reported,
  expect = { send = nothing, because = "minor" },
}

scenario "without a time zone nobody knows when it is quiet" {
  given = { beliefs = skipping, draw = 0.1 },
  event = opened,
  expect = { send = nothing, because = "zone_unknown" },
}

scenario "the kill switch for everything" {
  given = { profile = berlin, beliefs = skipping, draw = 0.1, killed = "all" },
  event = opened,
  expect = { send = nothing, because = "killed" },
}

scenario "the kill switch for one trigger" {
  given = { profile = berlin, beliefs = skipping, draw = 0.1, killed = { "trigger:high_skip_risk" } },
  event = opened,
  expect = { trigger = "high_skip_risk", outcome = "unavailable", because = "killed" },
}

scenario "the kill switch for one intervention" {
  given = {
    profile = berlin, features = slow, rollouts = everybody, killed = { "intervention:preparation_optimization" },
  },
  event = reported,
  expect = { send = nothing, options = { preparation_optimization = "killed" } },
}

scenario "one message for one moment" {
  given = {
    profile = berlin, beliefs = skipping, draw = 0.1, rollouts = everybody,
    features = { stress_level = 9, sleep_debt = 3, burnout_risk = 0.9 },
  },
  event = opened,
  expect = { trigger = "sleep_debt", outcome = "outranked" },
}

-- ---- properties: whatever the values are ----

scenario "below its bounds nobody is spoken to" {
  repeats = 100,
  given = {
    profile = berlin, beliefs = { skip_probability = { between = { 0, 0.6 } } },
    features = { burnout_risk = { between = { 0, 0.7 } }, stress_level = { between = { 1, 7 } }, sleep_debt = { between = { 0, 2 } } },
  },
  event = { type = "app_interaction", at = { between = { "2025-01-15T00:00:00+01:00", "2025-01-16T00:00:00+01:00" } } },
  expect = { trigger = nothing, send = nothing },
}

scenario "progress of half and more is enough" {
  repeats = 50,
  given = { profile = berlin, features = { goal_progress_rate = { between = { 0.5, 2 } } } },
  event = { type = "goal_progress", at = noon },
  expect = { trigger = nothing, send = nothing },
}

scenario "nobody is woken, wherever they live" {
  repeats = 100,
  given = {
    profile = { timezone = { one_of = { "Europe/Berlin", "Europe/Paris", "Africa/Lagos" } } }, -- all an hour ahead of UTC in winter
    beliefs = { skip_probability = { between = { 0.61, 1 } } }, draw = { between = { 0, 1 } },
  },
  event = { type = "app_interaction", at = { between = { "2025-01-15T19:30:00Z", "2025-01-16T06:59:59Z" } } },
  expect = { trigger = "high_skip_risk", send = nothing, because = "quiet_hours" },
}

scenario "the two arms of the shorter workout are even" {
  repeats = 1000,
  given = { profile = berlin, beliefs = skipping },
  event = opened,
  expect = { trigger = "high_skip_risk", shares = { barrier_prevention = { 0.45, 0.55 }, nothing = { 0.45, 0.55 } } },
}

-- ---- goals (D08, C6) ----

local monday = { tick = "weekly_goal", at = "2025-01-13T09:00:00+01:00" }
local reachable = { goal_success_probability = 0.6, goal = 7300 }

scenario "a reachable goal is given on Monday morning" {
  given = { profile = berlin, beliefs = reachable, features = { daily_steps = 7000 } },
  event = monday,
  expect = { send = "step_goal", message = "Your goal for this week: 7300 steps a day." },
}

scenario "a model that asks for too much gets a tenth more" {
  given = { profile = berlin, beliefs = { goal_success_probability = 0.9, goal = 15000 }, features = { daily_steps = 7000 } },
  event = monday,
  expect = { send = "step_goal", message = "Your goal for this week: 7700 steps a day." },
}

scenario "who is ill is given no higher goal" {
  given = { profile = { timezone = "Europe/Berlin", ill = true }, beliefs = reachable, features = { daily_steps = 7000 } },
  event = monday,
  expect = { send = "step_goal", message = "Your goal for this week: 7000 steps a day." },
}

scenario "a goal out of reach is not" {
  given = { profile = berlin, beliefs = { goal_success_probability = 0.3, goal = 7300 }, features = { daily_steps = 7000 } },
  event = monday,
  expect = { trigger = nothing, send = nothing },
}

scenario "no goal without knowing what the user does" {
  given = { profile = berlin, beliefs = reachable },
  event = monday,
  expect = { send = nothing, options = { step_goal = "goal_unknown" } },
}

scenario "no goal without a model" {
  given = { profile = berlin, features = { daily_steps = 7000 } },
  event = monday,
  expect = { trigger = nothing, send = nothing },
}
