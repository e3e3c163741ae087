#!/bin/sh
# A rollout halts by itself when more people than its `halt` allows leave: on a bound, not on the first few; as a control fact of an author
# of its own, with its figures; never twice for the same people; and what nothing measures is a warning.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
small_program "$work/program"
cat >"$work/program/rules/halt.lua" <<'END'
policy "paper" { why = "Signed on paper.", consent = "by_enrolment" }
event "profile_updated" { fields = { timezone = "text", age = "number" } }
rollout "carefully" {
  why = "As long as people stay.", gates = "trigger:stress", halt = "opt_out_rate > 20 * percent or webhook_error_rate > 1.1",
  stages = { { name = "all", share = 1 }, { name = "still_all", share = 1 } },
}
END
run 0 "$KAIROS" check "$work/program"
[ ! -s "$work/out" ] || say "a rollout in order was warned of: $(cat "$work/out")"
cp -r "$work/program" "$work/wrong"
sed -i 's/opt_out_rate > 20/opt_out_rat > 20/; s/webhook_error_rate/complaint_rate/' "$work/wrong/rules/halt.lua"
run 0 "$KAIROS" check "$work/wrong"
has 'warning: rollout "carefully": halt: nothing measures "opt_out_rat" in this version, it stays unknown (did you mean "opt_out_rate"?)'
has 'nothing measures "complaint_rate"'
sed -i 's/opt_out_rat > 20 . percent/opt_out_rate + 1/' "$work/wrong/rules/halt.lua"
run 3 "$KAIROS" check "$work/wrong"
has 'rollout "carefully": halt: '

start "$work/data" --program "$work/program"
export KAIROS_URL="$url" KAIROS_DATA="$work/data"
enter() { # FROM TO: people come into the rollout
  printf '[' >"$work/events"
  for i in $(seq "$1" "$2"); do
    [ "$i" = "$1" ] || printf ',' >>"$work/events"
    printf '{"id":"p%s","userId":"u%s","eventType":"profile_updated","timestamp":"%s","data":{"timezone":"%s","age":30}},' "$i" "$i" "$(now)" "$(noon_zone)" >>"$work/events"
    printf '{"id":"e%s","userId":"u%s","eventType":"check_in","timestamp":"%s","data":{"stressLevel":9}}' "$i" "$i" "$(now)" >>"$work/events"
  done
  printf ']' >>"$work/events"
  expect_call 200 POST /v1/events "@$work/events" 'Content-Type: application/json'
}
leave() { for i in $(seq "$1" "$2"); do expect_call 200 POST "/v1/users/u$i/opt-out" '{}'; done; }
rates() { expect_call 200 GET /v1/rollouts; sed 's/.*"opt_out_rate":{\([^}]*\)}.*/\1/' "$work/answer"; }
enter 1 30
leave 1 8
equal "the rates" "$(rates)" '"bad":8,"of":30'
sleep 2.5 # two looks: 8 of 30 is more than 20 %, and proves nothing
run 0 "$KAIROS" rollout list
hasnt 'halted'
leave 9 18
wait_for "$work/serve.log" 'carefully is halted: opt_out_rate 0.[0-9]* ([0-9]* of 30)'
run 0 "$KAIROS" rollout list
has 'carefully: halted'
run 0 "$KAIROS" rollout resume carefully
equal "the rates of the stage that begins" "$(rates)" '"bad":0,"of":0'
leave 19 26
equal "the rates when those of before leave" "$(rates)" '"bad":0,"of":0'
enter 31 40
equal "the rates of those who came now" "$(rates)" '"bad":0,"of":10'
sleep 1.5
run 0 "$KAIROS" rollout list
hasnt 'halted'
stop
run 0 "$KAIROS" replay --verify --data "$work/data"
has ' 0 different'
run 0 "$KAIROS" doctor --data "$work/data"
has 'the chain of hashes is whole'
