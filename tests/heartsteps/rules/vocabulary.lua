-- The words of HeartSteps V1 (Klasnja et al. 2019): a six-week micro-randomized trial, 37 people, up to five decision points a day.

event "profile_updated" {
  doc = "Who takes part.",
  fields = { timezone = "text", selfEfficacy = "number", conscientiousness = "number", walkMinutesPerWeek = "number" },
}

event "decision_point" {
  doc = "One of the five moments a day at which a suggestion may be sent.",
  fields = {
    slot = { type = "integer", low = 1, high = 5 },
    available = { type = "boolean", doc = "false while driving, walking, travelling, or without connection" },
    travel = "boolean", studyDay = "integer", included = "boolean",
    steps30Before = { type = "number", unit = "steps", low = 0 },
    steps60Before = { type = "number", unit = "steps", low = 0 },
  },
  context = {
    location = "text", activity = "text", weather = "text", weatherTemperature = { type = "number", unit = "degrees" },
    localHour = { type = "number", unit = "hours", low = 0, high = 24 }, dayOfWeek = "text",
  },
}

event "logged_decision" {
  doc = "What the trial's own server decided: booked as imported, outside caps.",
  fields = { decisionId = "text", option = "text", message = "text" },
}

event "intervention_response" {
  doc = "The thumbs of the participant.",
  fields = { decisionId = "text", response = "text" },
}

event "activity_window" {
  doc = "Steps in the thirty minutes after a decision point: the proximal outcome.",
  fields = { decisionId = "text", minutes = "number", steps = { type = "number", low = 0 }, stepsPhone = { type = "number", low = 0 } },
}
