-- What the applications of the default program tell the engine. Fields that no noun declares are kept, and conditions cannot read them;
-- a declared field of another type, or out of its range, is refused. The built-in features read these names (docs/METHODS.md).

local function share(doc) return { type = "number", unit = "share", low = 0, high = 1, doc = doc } end
local function level(doc) return { type = "number", unit = "0-10", low = 0, high = 10, doc = doc } end
local function text(doc) return { type = "text", doc = doc } end

local hours_slept = { type = "number", unit = "hours", low = 0, high = 24, doc = "hours slept last night" }
local planned_hour = { type = "number", unit = "hours", low = 0, high = 24, doc = "local hour it is planned for; 18.5 is half past six" }

-- Around any event.
local context = {
  weather = text "clear, rain, snow …, as the application calls it",
  weatherTemperature = { type = "number", unit = "degrees", low = -100, high = 150, doc = "in the application's own unit" },
  location = text "home, gym, work …",
  activity = text "still, walking, in_vehicle …",
  timeOfDay = text "morning, midday, evening, night, as the application sees it",
  dayOfWeek = text "as the application sees it",
  stressLevel = level "stress the user reports",
  sleepHours = hours_slept,
  socialContext = text "alone, or with whom",
}

event "workout_planned" {
  doc = "A workout is on today's plan. Sent when the plan is made, before the workout.",
  fields = {
    workoutId = "text", workoutType = "text", location = "text",
    plannedHour = planned_hour,
    plannedMinutes = { type = "number", unit = "minutes", low = 0, high = 1440, doc = "how long it is planned to be" },
  },
  context = context,
}

event "workout_completed" {
  doc = "A workout was done, fully or in part.",
  fields = {
    workoutId = "text",
    workoutType = text "run, yoga, strength …: what variety is counted over",
    duration = { type = "number", unit = "seconds", low = 0, high = 86400, doc = "time spent" },
    completionRate = share "part of the workout that was done",
    intensity = { type = "any", doc = "1 to 10, or low, moderate, high" },
    location = "text", equipment = "list",
    heartRateAvg = { type = "number", unit = "beats/minute", low = 0, high = 300 },
    caloriesBurned = { type = "number", unit = "kcal", low = 0, high = 20000 },
    preparationTime = { type = "number", unit = "minutes", low = 0, high = 1440, doc = "from the decision to the first exercise" },
    plannedHour = planned_hour,
  },
  context = context,
}

event "workout_skipped" {
  doc = "A planned workout will not be done, or was not.",
  fields = {
    workoutId = "text", workoutType = "text", location = "text",
    reason = text "why, in a word",
    plannedHour = planned_hour,
  },
  context = context,
}

event "app_interaction" {
  doc = "The user opened the application and did something.",
  fields = {
    screenTime = { type = "number", unit = "seconds", low = 0, high = 86400 },
    featuresUsed = "list",
    skipReasons = { type = "list", doc = "why a workout is skipped today; not empty counts as a missed opportunity" },
    motivationLevel = level "motivation the user reports",
    barriers = { type = "list", doc = "what stands in the way" },
    preparationTime = { type = "number", unit = "minutes", low = 0, high = 1440, doc = "from the decision to the first exercise" },
    completionRate = share "of what was begun in the application",
  },
  context = context,
}

event "sleep_logged" {
  doc = "Last night, from a wearable or from the user.",
  fields = {
    sleepHours = hours_slept,
    sleepQuality = level "how the night was",
    hrv = { type = "number", unit = "ms", low = 0, high = 1000, doc = "heart rate variability (RMSSD) at rest" },
    restingHeartRate = { type = "number", unit = "beats/minute", low = 0, high = 250 },
  },
  context = context,
}

event "check_in" {
  doc = "The user says how they are. Who is ill says so in the profile, which safeguards read.",
  fields = {
    motivationLevel = level "motivation",
    stressLevel = level "stress",
    energyLevel = level "energy",
    mood = level "mood",
    sorenessLevel = level "soreness",
    sleepHours = hours_slept,
  },
  context = context,
}

event "goal_progress" {
  doc = "How far the user's goal is reached, as the application measures it.",
  fields = {
    goal = "text",
    progress = { type = "number", unit = "share", low = 0, high = 10, doc = "reached so far; 1 is the goal" },
    expected = { type = "number", unit = "share", low = 0, high = 10, doc = "what the plan expects by now" },
  },
  context = context,
}

event "daily_activity" {
  doc = "A day's movement, sent when the day is over or as it goes on.",
  fields = {
    steps = { type = "number", unit = "steps", low = 0, high = 200000, doc = "steps of the day so far" },
    stepGoal = { type = "number", unit = "steps", low = 0, high = 200000, doc = "the goal that the user saw that day; left out: none" },
  },
  context = context,
}

event "intervention_response" {
  doc = "What the user did with an intervention.",
  fields = {
    decisionId = "text",
    response = text "good or bad; anything else is another",
    rating = { type = "number", low = 1, high = 5 },
  },
  context = context,
}

event "decision_point" {
  doc = "The application asks: would something help now?",
  fields = {
    available = { type = "boolean", doc = "the user can be reached and may be asked" },
    slot = { type = "integer", low = 0, high = 100 },
  },
  context = context,
}

event "logged_decision" {
  doc = "A decision that was made elsewhere, booked with its own propensities.",
  fields = { decisionId = "text", option = "text", propensity = "any", message = "text" },
}

-- What is known of a user. Merged key by key; conditions read it as profile.….
event "profile_updated" {
  doc = "Traits of the user that changed; null takes one away.",
  fields = {
    timezone = text "IANA name: Europe/Berlin",
    staff = "boolean",
    ["demographics.age"] = { type = "number", unit = "years", low = 0, high = 130 },
    ["demographics.gender"] = "text",
    ["demographics.height"] = { type = "number", unit = "cm", low = 0, high = 300 },
    ["demographics.weight"] = { type = "number", unit = "kg", low = 0, high = 700 },
    ["demographics.fitnessLevel"] = "text",
    ["goals.primary"] = "text",
    ["goals.secondary"] = "list",
    ["goals.sessionsPerWeek"] = { type = "number", unit = "1/week", low = 0, high = 50, doc = "workouts a week the user wants" },
    ["goals.targetWeight"] = { type = "number", unit = "kg", low = 0, high = 700 },
    ["goals.timeline"] = "text",
    ["preferences.workoutTypes"] = "list",
    ["preferences.workoutDuration"] = { type = "list", doc = "least and most minutes" },
    ["preferences.preferredTimes"] = { type = "list", doc = "morning, midday, evening, night, or 18:30" },
    ["preferences.equipment"] = "list",
    ["preferences.motivationalStyle"] = "text",
    ["constraints.availableTime"] = { type = "number", unit = "minutes", low = 0, high = 1440, doc = "minutes a session may take" },
    ["constraints.injuryHistory"] = "list",
    ["constraints.schedule"] = { type = "any", doc = "monday = { available = …, timeSlots = [ \"7:00\", \"18:00-20:30\" ] } and so on" },
    ["product.featureAdoption"] = share "features used of those that there are",
    ["product.supportTicketRate"] = { type = "number", unit = "1/week", low = 0, high = 1000, doc = "questions to the support team" },
    ["product.rating"] = { type = "number", unit = "stars", low = 1, high = 5, doc = "what the user gave the application" },
    ["product.stabilityPreference"] = text "high, moderate, low",
    ["product.supportSensitivity"] = text "high, moderate, low",
    ["product.disruptionSensitivity"] = text "high, moderate, low",
    ["product.tier"] = text "what the user pays for: premium …",
    ["product.businessCritical"] = "boolean",
    injured = "boolean", pregnant = "boolean", ill = "boolean", is_driving = "boolean",
    language = text "language of messages: en, ru …",
    partner = text "who they train with",
  },
}
