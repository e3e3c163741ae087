#!/bin/sh
# The time of day leaps, by an hour and by a day, ahead and back, under a running engine, and a start finds it a year back: nobody gets a
# message more than the limits allow as the engine sees the day, no counter falls, how long it runs is not negative, it stops at once, and all
# of it is derived again byte for byte.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
small_program "$work/program"
leap() {
  ahead "$1"
  leapt=$1
  sleep 0.1
}
stress() { # STATUS PERSON OUTCOME
  expect_call "$1" POST /v1/events \
    "{\"userId\":\"$2\",\"eventType\":\"check_in\",\"timestamp\":\"$(date -u -d "@$(($(date +%s) + leapt))" +%Y-%m-%dT%H:%M:%SZ)\",\"data\":{\"stressLevel\":9}}"
  in_answer "$3"
}
counters() {
  expect_call 200 GET /metrics
  cp "$work/answer" "$work/$1"
}
engine_elsewhen
leap 0
start "$work/data" --program "$work/program"
for user in a b c d; do
  expect_call 200 PUT "/v1/users/$user" "{\"timezone\":\"$(noon_zone)\",\"demographics\":{\"age\":30}}"
  expect_call 200 POST "/v1/users/$user/opt-in"
done
stress 200 a '"outcome":"sent"'
counters before
for there in 3600 0 86400 0 -3600 0 -86400 0; do
  leap $there
  stress 200 b '"decisions":\['
  expect_call 200 GET /readyz
  counters after
  awk 'FNR == 1 { file++ } /^#/ { type[$3] = $4; next } file == 1 { was[$1] = $NF; next }
    type[$1] == "counter" && $1 in was && $NF < was[$1] { print; failed = 1 } END { exit failed }' "$work/before" "$work/after" || say "a counter fell"
  grep -q '^kairos_uptime_seconds [0-9]' "$work/after" || say "the engine runs for $(grep '^kairos_uptime' "$work/after")"
  mv "$work/after" "$work/before"
done
stress 200 a '"reason":"too_soon"' # its hour is not over, wherever the clock was
began=$(date +%s)
stop
[ $(($(date +%s) - began)) -lt 5 ] || say "the engine took $(($(date +%s) - began)) s to stop"
leap -31536000
start "$work/data" --program "$work/program"
stress 200 a '"reason":"too_soon"'
stress 200 c '"outcome":"sent"'
stop
leap 0
start "$work/data" --program "$work/program"
stress 200 d '"outcome":"sent"'
stop
KAIROS=$real
run 0 "$KAIROS" replay --verify --data "$work/data"
has ' 0 different'
run 0 "$KAIROS" doctor --data "$work/data"
