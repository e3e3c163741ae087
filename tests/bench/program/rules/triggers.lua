-- Twenty rules over forty-seven conditions. Values are drawn in tests/bench/events.c so that one event in twenty or so makes one of
-- them true, as real rules are mostly false.

trigger "low_completion" {
  why = "Little done under much stress.",
  on = { "workout_completed", "app_interaction" },
  when = [[event.completionRate < 0.22 and event.stressLevel >= 10]],
  priority = 10,
  offer = { "breathing_pause", "two_minute_walk" },
  cooldown = 20 * hours,
}

trigger "exhausted" {
  why = "Hardly slept and stressed.",
  on = { "workout_completed", "app_interaction" },
  when = [[event.sleepHours < 4.2 and event.stressLevel >= 10]],
  priority = 11,
  offer = { "two_minute_walk" },
  cooldown = 20 * hours,
}

trigger "long_session" {
  why = "An hour at high intensity.",
  on = { "workout_completed", "app_interaction" },
  when = [[event.duration > 3500 and event.intensity == "high"]],
  priority = 12,
  offer = { "easier_plan", "breathing_pause" },
  cooldown = 20 * hours,
}

trigger "heart_racing" {
  why = "The heart raced and it felt hard.",
  on = { "workout_completed", "app_interaction" },
  when = [[event.heartRateAvg > 168 and event.perceivedDifficulty >= 9]],
  priority = 13,
  offer = { "easier_plan" },
  cooldown = 20 * hours,
}

trigger "unmotivated" {
  why = "Long in the app with no wish to move.",
  on = { "workout_completed", "app_interaction" },
  when = [[event.motivationLevel <= 1 and event.screenTime > 850]],
  priority = 14,
  offer = { "breathing_pause", "two_minute_walk" },
  cooldown = 20 * hours,
}

trigger "heat" {
  why = "Outdoors in great heat.",
  on = { "workout_completed", "app_interaction" },
  when = [[event.weatherTemperature >= 95 and event.location == "outdoor"]],
  priority = 15,
  offer = { "two_minute_walk" },
  cooldown = 20 * hours,
}

trigger "newcomer" {
  why = "Few sessions so far, and a whole one now.",
  on = { "workout_completed", "app_interaction" },
  when = [[workout_frequency_30d < 0.1 and event.completionRate > 0.99]],
  priority = 16,
  offer = { "easier_plan", "breathing_pause" },
  cooldown = 20 * hours,
}

trigger "on_a_streak" {
  why = "A week without a gap, and in a good mood.",
  on = { "workout_completed", "app_interaction" },
  when = [[streak_length_current >= 7 and event.moodAfter >= 10]],
  priority = 17,
  offer = { "easier_plan" },
  cooldown = 20 * hours,
}

trigger "stress_climbs" {
  why = "Stress has been rising and is high.",
  on = { "workout_completed", "app_interaction" },
  when = [[stress_level_trend > 0.5 and event.stressLevel >= 9]],
  priority = 18,
  offer = { "breathing_pause", "two_minute_walk" },
  cooldown = 20 * hours,
}

trigger "motivation_falls" {
  why = "Motivation has been falling and is low.",
  on = { "workout_completed", "app_interaction" },
  when = [[motivation_trend < -0.5 and event.motivationLevel <= 2]],
  priority = 19,
  offer = { "two_minute_walk" },
  cooldown = 20 * hours,
}

trigger "no_time" {
  why = "Time is the barrier and preparing takes long.",
  on = { "workout_completed", "app_interaction" },
  when = [[has(event.barriers, "time") and event.preparationTime >= 30]],
  priority = 20,
  offer = { "easier_plan", "breathing_pause" },
  cooldown = 20 * hours,
}

trigger "drained" {
  why = "No energy and a low mood before.",
  on = { "workout_completed", "app_interaction" },
  when = [[event.energyLevel <= 1 and event.moodBefore <= 1]],
  priority = 21,
  offer = { "easier_plan" },
  cooldown = 20 * hours,
}

trigger "slow_start" {
  why = "Preparing takes long on average and today too.",
  on = { "workout_completed", "app_interaction" },
  when = [[preparation_time_avg > 20 and event.preparationTime >= 29]],
  priority = 22,
  offer = { "breathing_pause", "two_minute_walk" },
  cooldown = 20 * hours,
}

trigger "tired_skipper" {
  why = "Skipped from tiredness, low motivation, high stress.",
  on = { "workout_completed", "app_interaction" },
  when = [[has(event.skipReasons, "tired") and event.motivationLevel <= 2 and event.stressLevel >= 9]],
  priority = 23,
  offer = { "two_minute_walk" },
  cooldown = 20 * hours,
}

trigger "plateau" {
  why = "Completion falls though sessions are many and easy.",
  on = { "workout_completed", "app_interaction" },
  when = [[completion_rate_trend < -0.02 and workout_frequency_7d > 0.5 and event.perceivedDifficulty <= 3]],
  priority = 24,
  offer = { "easier_plan", "breathing_pause" },
  cooldown = 20 * hours,
}

trigger "night_owl" {
  why = "Long in the app in the small hours.",
  on = { "workout_completed", "app_interaction" },
  when = [[event.local_hour >= 1 and event.local_hour < 4 and event.screenTime > 880]],
  priority = 25,
  offer = { "easier_plan" },
  cooldown = 20 * hours,
}

trigger "too_ambitious" {
  why = "Long sessions that do not fit the time there is.",
  on = { "workout_completed", "app_interaction" },
  when = [[profile.constraints.availableTime < 20 and event.duration > 3000 and event.completionRate < 0.4]],
  priority = 26,
  offer = { "breathing_pause", "two_minute_walk" },
  cooldown = 20 * hours,
}

trigger "take_care" {
  why = "Over sixty, high intensity, fast heart.",
  on = { "workout_completed", "app_interaction" },
  when = [[profile.demographics.age >= 60 and event.heartRateAvg > 160 and event.intensity == "high"]],
  priority = 27,
  offer = { "two_minute_walk" },
  cooldown = 20 * hours,
}

trigger "celebrate" {
  why = "Consistent, in a good mood, much done.",
  on = { "workout_completed", "app_interaction" },
  when = [[consistency_score > 0.8 and event.moodAfter >= 9 and event.caloriesBurned > 600]],
  priority = 28,
  offer = { "easier_plan", "breathing_pause" },
  cooldown = 20 * hours,
}

trigger "sociable_dawn" {
  why = "With others very early and without energy.",
  on = { "workout_completed", "app_interaction" },
  when = [[event.socialContext == "group" and event.local_hour == 4 and event.energyLevel <= 2]],
  priority = 29,
  offer = { "easier_plan" },
  cooldown = 20 * hours,
}
