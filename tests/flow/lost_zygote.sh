#!/bin/sh
# The process that starts plugin hosts is killed, again and again, while requests are answered: with it go all models in processes of their
# own. Until it is back, which nobody has to ask for, a model's fallback stands in, or nothing; then the models say what they said before.
# No request fails, no model is suspended, the one that comes in its place knows no secret, and what was decided replays byte for byte.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
own_plugins "$KAIROS_BUILD/tests/rogues/evil.so"
small_program "$work/p"
mkdir -p "$work/p/models"
cat >"$work/p/models/two.lua" <<'LUA'
feature "x" { value = "9" }
model "plain" { plugin = "evil", inputs = { "x" }, outputs = { plain_said = { from = "y" } }, config = { mode = "" } }
model "careful" { plugin = "evil", inputs = { "x" }, outputs = { careful_said = { from = "y" } }, config = { mode = "" }, fallback = 3 }
LUA
cat >"$work/p/rules/all.lua" <<'LUA'
event "check_in" { fields = { stressLevel = { type = "number", low = 0, high = 10 }, note = "text" } }
trigger "models_spoke" { why = "A test.", on = { "check_in" }, when = "plain_said > 17 and careful_said > 17", offer = { "breathe" } }
trigger "stood_in" { why = "A test.", on = { "check_in" }, when = "careful_said < 4", offer = { "breathe" } }
LUA
export KAIROS_WEBHOOK_SECRET=nobody-may-know
start "$work/data" --program "$work/p"
calls_begin 4 300

asked=0
decided_by() { # what was decided on an event of a new user
  asked=$((asked + 1))
  expect_call 200 POST /v1/events '{"userId":"asked-'$asked'","eventType":"check_in","timestamp":"'"$(now)"'","data":{"stressLevel":1}}'
  sed -n 's/.*"trigger":"\([a-z_]*\)".*/\1/p' "$work/answer"
}
wait_decided_by() {
  tries=0
  until [ "$(decided_by)" = "$1" ]; do
    tries=$((tries + 1))
    [ $tries -lt 1200 ] || { cat "$work/answer" >&2; say "nothing is decided by \"$1\""; }
    calls_go_on
    sleep 0.05
  done
}
next_is_there() { zygote_now=$(pgrep -P "$engine") && [ "$zygote_now" != "$zygote" ]; }
kill_zygote() { # and waits for the next one
  zygote=$(pgrep -P "$engine")
  kill -9 "$zygote"
  becomes "the next process that starts plugin hosts" next_is_there
}

wait_decided_by models_spoke
kill_zygote
wait_decided_by models_spoke
kill_zygote # so soon that the next one waits for its second to be over
wait_decided_by models_spoke
kill -STOP "$zygote_now" # it brings nobody back now
kill -9 $(pgrep -P "$zygote_now")
wait_decided_by stood_in
kill_zygote
wait_decided_by models_spoke
equal "processes of plugins" "$(metric kairos_plugin_hosts)" 2
equal "models suspended" "$(metric kairos_models_suspended)" 0
! tr '\0' '\n' <"/proc/$(pgrep -P "$engine")/environ" | grep -q 'nobody-may-know\|^KAIROS_' || say "secrets were handed on"
calls_end
cat "$work/calling.out"
zygote=$(pgrep -P "$engine")
stop
! kill -0 "$zygote" 2>/dev/null || say "what starts the plugins outlived the engine"
run 0 "$KAIROS" replay --verify --data "$work/data"
has ' 0 different'
