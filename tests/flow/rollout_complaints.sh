#!/bin/sh
# A complaint is somebody's word about a message, or leaving within a day of one: each person counts once, a dislike is none, and a rollout
# with too many of them halts by itself; who only disliked a message never halts it.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
small_program "$work/program"
cat >"$work/program/rules/halt.lua" <<'END'
policy "paper" { why = "Signed on paper.", consent = "by_enrolment" }
event "profile_updated" { fields = { timezone = "text", age = "number" } }
event "intervention_response" { fields = { decisionId = "text", response = "text" } }
rollout "politely" {
  why = "As long as nobody minds.", gates = "trigger:stress", halt = "complaint_rate > 20 * percent",
  stages = { { name = "all", share = 1 } },
}
END
run 0 "$KAIROS" check "$work/program"
[ ! -s "$work/out" ] || say "a rollout in order was warned of: $(cat "$work/out")"
start "$work/data" --program "$work/program"
export KAIROS_URL="$url" KAIROS_DATA="$work/data"
seq 30 | sed 's/^/u/' >"$work/people"
stressed_people "$work/people"
"$KAIROS" replay --print --data "$work/data" 2>/dev/null | sed -n 's/^{"id":"\(d[0-9-]*\)","user":"u\([0-9]*\)".*"outcome":"sent".*/\2 \1/p' >"$work/sent"
equal "messages" "$(wc -l <"$work/sent")" 30
says() { # FROM TO WORD
  for i in $(seq "$1" "$2"); do
    id=$(sed -n "s/^$i //p" "$work/sent")
    expect_call 200 POST /v1/events "{\"userId\":\"u$i\",\"eventType\":\"intervention_response\",\"timestamp\":\"$(now)\",\"data\":{\"decisionId\":\"$id\",\"response\":\"$3\"}}"
  done
}
rates_are() { becomes "$1" answer_has /v1/rollouts "\"complaint_rate\":{$2}"; } # WHAT FIGURES: once the journal was read as far
says 20 30 dismissed
rates_are "complaints of those who only disliked it" '"bad":0,"of":30'
says 1 4 spam
says 1 2 complained # again
rates_are "complaints" '"bad":4,"of":30'
for i in 1 5 6 7; do expect_call 200 POST "/v1/users/u$i/opt-out" '{}'; done # the first of them has complained already
rates_are "complaints of those who left after a message" '"bad":7,"of":30'
says_of() { expect_call 200 POST /v1/events "{\"userId\":\"u$1\",\"eventType\":\"intervention_response\",\"timestamp\":\"$(now)\",\"data\":{\"decisionId\":\"$(sed -n "s/^$2 //p" "$work/sent")\",\"response\":\"spam\"}}"; }
says_of 9 1 # somebody else's message
stop_hard
start "$work/data" --program "$work/program"
export KAIROS_URL="$url"
rates_are "complaints after a kill" '"bad":7,"of":30'
sleep 2.2 # two looks: 7 of 30 is more than 20 %, and proves nothing
run 0 "$KAIROS" rollout list
hasnt 'halted'
says 8 18 reported
wait_for "$work/serve.log" 'politely is halted: complaint_rate 0.[0-9]* ([0-9]* of 30)'
stop
run 0 "$KAIROS" replay --verify --data "$work/data"
has ' 0 different'
