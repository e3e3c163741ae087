-- What this product allows itself, inside what the engine allows anybody: at most 3 messages in 24 hours and 12 in a week, an hour apart,
-- nothing from 21:00 to 08:00, nothing without consent. A policy can only lower that.

policy "gentle" {
  why = "Two a day are enough for an application that wants to be kept.",
  per_day = 2,
  per_week = 8,
  gap = 3 * hours,
  quiet = { from = "20:30", to = "08:00" },
}
