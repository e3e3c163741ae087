#!/bin/sh
# Far more than the engine can do (S4): the rest is refused with 429 and Retry-After, opt-out and kill are answered all the while, memory
# stays bounded, nothing that was answered is lost, and afterwards everything is as before. What it does to goodput is measured by
# tests/bench/run.sh overload.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
start "$work/data" --program "$KAIROS_SOURCE/tests/bench/program"
export KAIROS_URL="$url"
expect_call 200 PUT /v1/users/calm '{"timezone":"Europe/Berlin"}'
number() { sed "s/.*\"$1\":\([0-9.]*\).*/\1/" "$work/out"; }
resident() { awk '/^VmHWM:/ { print int($2 / 1024) }' "/proc/$engine/status"; }
accepted=0
flood() { # options of the generator
  run 0 timeout 300 "$KAIROS_BUILD/bench/overload" --port "$port" --seconds 5 "$@"
  has '"other_status":0,"without_retry_after":0,"urgent_not_200":0,"unanswered":0,"lost":0,'
  [ "$(number refused)" -gt 0 ] || say "nothing was refused: $(cat "$work/out")"
  [ "$(number done)" -gt 0 ] || say "nothing was done: $(cat "$work/out")"
  [ "$(number urgent)" -gt 0 ] || say "opt-out and kill were not answered: $(cat "$work/out")"
  accepted=$((accepted + $(number events_accepted)))
}
before=$(metric kairos_events_total)
flood --rate 200000 --connections 1000 --depth 16
flood --rate 20000 --batch 100 --connections 500 --depth 4
flood --rate 2000 --batch 1200 --connections 200 --depth 2
grown=$(($(metric kairos_events_total) - before))
[ "$grown" -ge "$accepted" ] || say "$accepted events were answered 200, $grown are there"
most=$([ -z "${KAIROS_SANITIZE:-}" ] && echo 1024 || echo 3072) # bodies being read may take 256 MiB, what waits for a lane 96
[ "$(resident)" -le "$most" ] || say "the engine took $(resident) MB"

# Afterwards: nobody is refused, and the one who stopped being disturbed is remembered.
run 0 "$KAIROS_BUILD/bench/load" --port "$port" --connections 16 --rate 200 --seconds 3 --count 100000 --json
has '"non_2xx":0,"lost":0,"unsent":0'
expect_call 200 GET /v1/users/user-0000000
grep -q '"consent":"withdrawn"' "$work/answer" || say "an opt-out in the flood was not kept"
expect_call 200 GET /v1/kill
grep -q '"trigger:nobody"' "$work/answer" || say "a kill in the flood was not kept: $(cat "$work/answer")"
expect_call 200 GET /metrics
grep -q '^kairos_lane_queue 0$' "$work/answer" || say "something still waits"
stop
run 0 "$KAIROS" replay --verify --data "$work/data"
has ' 0 different'
