#!/bin/sh
# Twelve plugins that crash, hang, leak, lie or break out in the middle of answering, all in one program, under load: no request fails, no
# event is lost, the honest model beside them is asked as if they were not there, and what was decided replays byte for byte. Each model gets
# a thousand batches at least.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
own_plugins "$KAIROS_BUILD/tests/rogues/evil.so"
crashing="segfault abort loop leak stack beyond exit fork socket sleep"
lying="nan lies"

program=$work/program
mkdir -p "$program/models"
cp -r "$KAIROS_SOURCE/tests/bench/program/rules" "$KAIROS_SOURCE/tests/bench/program/interventions" "$program/"
rm "$program/rules/triggers.lua" "$program/rules/experiment.lua"
names=$(for mode in $crashing $lying; do printf '"%s", ' $mode; done)
terms=$(for mode in $crashing $lying; do printf '%s_said > 1000 or ' $mode; done)
cat >"$program/models/evil.lua" <<LUA
-- Of every workout above 5, from where on evil.c is evil; of values about 5 every second answer is honest, and no model falls ill.
feature "x" { window = "mean", of = "workout_completed", field = "heartRateAvg", days = 7, at_least = 1 }
for _, mode in ipairs { $names } do
  model(mode) { plugin = "evil", inputs = { "x" }, outputs = { [mode .. "_said"] = { from = "y" } }, config = { mode = mode } }
end
model "honest" { plugin = "evil", inputs = { "x" }, outputs = { honest_said = { from = "y" } }, config = { mode = "" } }
LUA
cat >"$program/rules/evil.lua" <<LUA
trigger "asks_all" {
  why = "Every model is asked; only the honest one says something.",
  on = { "workout_completed" }, when = [[$terms honest_said > 12]], offer = { "breathing_pause" }, cooldown = 2 * hours,
}
LUA
number() { sed "s/.*\"$1\":\([0-9.]*\).*/\1/" "$work/out"; }

start "$work/data" --program "$program"
zygote=$(pgrep -P "$engine")
[ "$(metric kairos_plugin_hosts)" = 13 ] || say "expected 13 processes of plugins, there are $(metric kairos_plugin_hosts)"
accepted=0
rounds=0
until [ "$(metric kairos_models_suspended)" -ge 12 ] && [ $accepted -ge 4000 ]; do # half of the events are workouts
  run 0 timeout 300 "$KAIROS_BUILD/bench/load" --port "$port" --connections 32 --rate 1000 --seconds 2 --count 4000 --json
  has '"non_2xx":0,"lost":0,"unsent":0'
  accepted=$((accepted + $(number events_accepted)))
  rounds=$((rounds + 1))
  [ $rounds -lt 60 ] || say "only $(metric kairos_models_suspended) of 12 models were suspended by $accepted events"
done
crashes=$(metric kairos_plugin_host_crashes)
[ "$crashes" -ge 30 ] || say "expected three ends of each of ten processes, there were $crashes"
few_live() { [ "$(metric kairos_plugin_hosts)" -le 3 ]; } # what hung is killed a moment after it was given up
becomes "that only the honest one and the liars live" few_live
equal "events" "$(metric kairos_events_total)" "$accepted"
for mode in $crashing $lying; do
  wait_for "$work/serve.log" "model \"$mode\" is suspended"
done
[ -n "${KAIROS_SANITIZE:-}" ] || grep -q 'the last time it tried to open a socket, which a plugin may not' "$work/serve.log" || say "why was not said"
stop
! kill -0 $zygote 2>/dev/null || say "what starts the plugins outlived the engine"

# What the honest one said was decided on, what the others did not say is recorded as such, and all of it is derived again.
run 0 "$KAIROS" replay --verify --data "$work/data"
has ' 0 different'
rows=$(sed -n 's/^\([0-9]*\) rows.*/\1/p' "$work/out" "$work/err") # the events, and the control facts
[ "$rows" -ge "$accepted" ] || say "$accepted events were taken, the journal has $rows rows"
start "$work/data" --program "$program"
zygote=$(pgrep -P "$engine")
stop_hard
tries=0
while kill -0 $zygote 2>/dev/null; do
  tries=$((tries + 1))
  [ $tries -lt 600 ] || say "what starts the plugins outlived a killed engine"
  sleep 0.05
done
