experiment "pause_or_walk" {
  why = "After a night of no sleep: a pause, a walk, or silence?",
  revision = 1,
  at = "trigger:exhausted",
  randomise = "decision",
  arms = {
    silence = { weight = 0.4, send = nothing },
    pause = { weight = 0.3, send = "breathing_pause" },
    walk = { weight = 0.3, send = "two_minute_walk" },
  },
  outcome = { metric = "completionRate", within = 2 * hours },
}
