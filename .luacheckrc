-- Rules, interventions and models know the words of the language and nothing else (docs/RULES.md); the tests' own scripts are plain Lua.
max_line_length = 140
unused_args = false

stds.kairos = {
  read_globals = {
    -- nouns
    "event", "feature", "model", "segment", "trigger", "intervention", "experiment", "choose", "rollout", "policy", "metric", "journey",
    "habit", "scenario",
    -- values and units
    "nothing", "every", "silence", "follow_up", "second", "seconds", "minute", "minutes", "hour", "hours", "day", "days", "week", "weeks", "percent",
    -- the allow-list of the sandbox
    "ipairs", "pairs", "select", "tonumber", "tostring", "type", "error", "assert", "pcall", "math", "table", "utf8", "string",
  },
}
std = "kairos"
files["tests/arch"] = { std = "lua54" }
files["tests/bench/report.lua"] = { std = "lua54" }
