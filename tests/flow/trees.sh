# One model that learns from simulated people, and what asks an engine which state it serves; sourced after engine.sh, not run.
program=$work/program
mkdir -p "$program/rules" "$program/interventions" "$program/models"
cat >"$program/rules/all.lua" <<'LUA'
event "workout_planned" {}
event "workout_completed" {}
trigger "doubt" { why = "A test.", on = { "workout_planned" }, when = "by_trees < 0.5", offer = { "breathe_out" } }
LUA
cat >"$program/interventions/all.lua" <<'LUA'
intervention "breathe_out" { channel = "push", expires = 2 * hours, message = { en = "Breathe." } }
LUA
model() { # FIELDS
  cat >"$program/models/all.lua" <<LUA
model "trees" {
  plugin = "gbm", outputs = { "by_trees" }, state = "trees.state", $1
  inputs = { "workout_frequency_7d", "workout_frequency_30d", "success_rate", "habit_strength", "streak_length", "stress_level" },
  train = { on = "workout_planned", target = "workout_completed", within = 18 * hours, rows = 2000 },
  config = { output = { name = "by_trees" }, n_estimators = 20 },
}
LUA
}
people() { "$KAIROS" simulate --users "$1" --days "$2" --seed "$3" --start "$4" 2>/dev/null; }
swap() { sed 's/workout_completed/XX/; s/workout_skipped/workout_completed/; s/XX/workout_skipped/'; }
send() { # FILE, in parts that a request may hold
  split -l 2000 "$1" "$work/part."
  for part in "$work"/part.*; do
    status=$(curl -s -S -o "$work/answer" -w '%{http_code}' -H 'Content-Type: application/x-ndjson' --data-binary "@$part" "$url/v1/events?clock=event")
    [ "$status" = 200 ] || { head -c 500 "$work/answer" >&2; say "expected 200, got $status"; }
    rm "$part"
  done
}
served() { run 0 "$KAIROS" models list --json && sed -n 's/.*"model":"trees","version":"\([0-9a-f]*\)".*/\1/p' "$work/out"; }

is_served() { [ "$(served)" = "$1" ]; }
serves() { becomes "$2" is_served "$1"; } # VERSION WHAT: in a moment, since the list follows the programs
version_of() { sha256sum "$1" | cut -c1-64; }
