-- The words of the bench's events (tests/bench/events.c sends them).

event "workout_completed" {
  doc = "A session was done.",
  fields = {
    workoutId = { type = "text" },
    workoutType = { type = "text" },
    duration = { type = "number", unit = "s", low = 0, high = 86400 },
    completionRate = { type = "number", low = 0, high = 1 },
    intensity = { type = "text", one_of = { "low", "moderate", "high" } },
    location = { type = "text" },
    equipment = { type = "list" },
    heartRateAvg = { type = "number", unit = "1/min", low = 20, high = 250 },
    caloriesBurned = { type = "number", unit = "kcal", low = 0 },
    perceivedDifficulty = { type = "number", low = 1, high = 10 },
    moodBefore = { type = "number", low = 1, high = 10 },
    moodAfter = { type = "number", low = 1, high = 10 },
  },
  context = {
    weatherTemperature = { type = "number" },
    timeOfDay = { type = "text" },
    dayOfWeek = { type = "text" },
    stressLevel = { type = "number", low = 1, high = 10 },
    sleepHours = { type = "number", unit = "h", low = 0, high = 24 },
    socialContext = { type = "text" },
    energyLevel = { type = "number", low = 1, high = 10 },
  },
}

event "app_interaction" {
  doc = "The app was used.",
  fields = {
    screen = { type = "text" },
    screenTime = { type = "number", unit = "s", low = 0 },
    featuresUsed = { type = "list" },
    skipReasons = { type = "list" },
    motivationLevel = { type = "number", low = 1, high = 10 },
    barriers = { type = "list" },
    preparationTime = { type = "number", unit = "min", low = 0 },
    completionRate = { type = "number", low = 0, high = 1 },
  },
  context = {
    weatherTemperature = { type = "number" },
    timeOfDay = { type = "text" },
    dayOfWeek = { type = "text" },
    stressLevel = { type = "number", low = 1, high = 10 },
    sleepHours = { type = "number", unit = "h", low = 0, high = 24 },
    socialContext = { type = "text" },
  },
}
