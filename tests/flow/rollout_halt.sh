#!/bin/sh
# A rollout halts by itself when more people than its `halt` allows leave: on a bound, not on the first few; as a control fact of an author
# of its own, with its figures; never twice for the same people, who are counted on over a kill and
# another program; a name that is no share is an error, and what can never act a warning.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
small_program "$work/program"
cat >"$work/program/rules/halt.lua" <<'END'
policy "paper" { why = "Signed on paper.", consent = "by_enrolment" }
event "profile_updated" { fields = { timezone = "text", age = "number" } }
rollout "carefully" {
  why = "As long as people stay.", gates = "trigger:stress", halt = "opt_out_rate > 20 * percent or webhook_error_rate > 99 * percent",
  stages = { { name = "all", share = 1 }, { name = "still_all", share = 1 } },
}
END
run 0 "$KAIROS" check "$work/program"
[ ! -s "$work/out" ] || say "a rollout in order was warned of: $(cat "$work/out")"
cp -r "$work/program" "$work/wrong"
wrong() { # CONDITION CODE SENTENCE: what check says of it
  sed -i "s/halt = \".*\"/halt = \"$1\"/" "$work/wrong/rules/halt.lua"
  run "$2" "$KAIROS" check "$work/wrong"
  has "rollout \"carefully\": halt: $3"
}
wrong 'opt_out_rate + 1' 3 ''
wrong 'opt_out_rat > 0.05' 3 '.*"opt_out_rat" is no figure of a rollout (did you mean "opt_out_rate"?)'
wrong 'opt_out_rate.estimte > 0.1' 3 '.*"opt_out_rate.estimte" is no figure .*(did you mean "opt_out_rate.estimate"?)'
wrong 'stress_level > 5' 3 '.*"stress_level" is no figure of a rollout: opt_out_rate, complaint_rate, '
wrong 'opt_out_rate > 5' 0 '"opt_out_rate > 5" can never be true, .*5 \* percent'
wrong 'opt_out_rate.estimate > 5 or webhook_error_rate > 0.1' 0 '"opt_out_rate.estimate > 5" can never be true'
hasnt '"webhook_error_rate > 0.1"'
printf 'metric "steps_walked" { doc = "Steps.", per = "decision", measure = "count", of = "check_in" }\n' >>"$work/wrong/rules/halt.lua"
wrong 'steps_walked < 3' 0 '"steps_walked" stays unknown: the metric says no `window`'
hasnt 'never be true'

start "$work/data" --program "$work/program"
export KAIROS_URL="$url" KAIROS_DATA="$work/data"
enter() { # FROM TO: people come into the rollout
  seq "$1" "$2" | sed 's/^/u/' >"$work/people"
  stressed_people "$work/people"
}
leave() { for i in $(seq "$1" "$2"); do expect_call 200 POST "/v1/users/u$i/opt-out" '{}'; done; }
rates_are() { becomes "$1" answer_has /v1/rollouts "\"opt_out_rate\":{$2}"; } # WHAT FIGURES: once the journal was read as far
enter 1 30
leave 1 8
rates_are "the rates" '"bad":8,"of":30'
sleep 2.5 # two looks: 8 of 30 is more than 20 %, and proves nothing
run 0 "$KAIROS" rollout list
hasnt 'halted'
stop_hard # who is in, and who of them left, is in the journal
sed -i 's/As long as people stay/While people stay/' "$work/program/rules/halt.lua"
start "$work/data" --program "$work/program"
export KAIROS_URL="$url"
rates_are "the rates after a kill, of another program" '"bad":8,"of":30'
expect_call 200 POST /v1/users/u1/opt-in '{}'
leave 1 1 # twice is once
leave 9 18
wait_for "$work/serve.log" 'carefully is halted: opt_out_rate 0\.[0-9]* ([0-9]* of 30), at least 0\.[0-9]* with 95 % confidence; true: opt_out_rate > 20 \* percent; unknown: webhook_error_rate > 99 \* percent'
run 0 "$KAIROS" rollout list
has 'carefully: halted'
has 'by itself: opt_out_rate 0.[0-9]* ([0-9]* of 30), at least 0.[0-9]* with 95 % confidence; true: opt_out_rate > 20 \* percent; unknown: .*, by its halt = "opt_out_rate > 20'
why_not() { # USER SENTENCE: why somebody who comes now gets nothing, of the decision and of the trigger
  expect_call 200 POST /v1/events "{\"id\":\"w$1\",\"userId\":\"$1\",\"eventType\":\"profile_updated\",\"timestamp\":\"$(now)\",\"data\":{\"timezone\":\"$(noon_zone)\",\"age\":30}}"
  expect_call 200 POST /v1/events "{\"id\":\"x$1\",\"userId\":\"$1\",\"eventType\":\"check_in\",\"timestamp\":\"$(now)\",\"data\":{\"stressLevel\":9}}"
  id=$("$KAIROS" replay --print --data "$work/data" 2>/dev/null | sed -n "s/^{\"id\":\"\(d[0-9-]*\)\",\"user\":\"$1\".*/\1/p")
  run 0 "$KAIROS" why "$id"
  has 'because the rollout was halted (carefully)'
  has "$2"
  has 'otherwise if the rollout were resumed'
  hasnt 'has not reached'
  run 0 "$KAIROS" why --user "$1" --trigger stress
  has "$2"
}
why_not late '  the rollout carefully was halted on 2[0-9-]*T[0-9:.]*Z because opt_out_rate > 20 \* percent or webhook_error_rate > 99 \* percent (rules/halt.lua:3)$'
run 0 "$KAIROS" why "$id" --language ru
has 'внедрение остановлено'
stop_hard
start "$work/data" --program "$work/program"
export KAIROS_URL="$url"
run 0 "$KAIROS" rollout list
has 'by itself: opt_out_rate 0.[0-9]* ([0-9]* of 30)' # over a restart too
run 0 "$KAIROS" rollout resume carefully
hasnt 'by itself'
rates_are "the rates of the stage that begins" '"bad":0,"of":0'
leave 19 26
rates_are "the rates when those of before leave" '"bad":0,"of":0'
enter 31 40
rates_are "the rates of those who came now" '"bad":0,"of":10'
sleep 1.5
run 0 "$KAIROS" rollout list
hasnt 'halted'
run 0 "$KAIROS" rollout halt carefully
why_not later '  the rollout carefully was halted on 2[0-9-]*T[0-9:.]*Z by hand (rules/halt.lua:3)$'
stop
run 0 "$KAIROS" replay --verify --data "$work/data"
has ' 0 different'
run 0 "$KAIROS" doctor --data "$work/data"
has 'the chain of hashes is whole'

# ---- a halt lets everybody out: who comes after it comes in by their place again, and counts ----
sed -i -e 's/rollout "carefully"/rollout "again"/' -e 's/halt = ".*"/halt = "opt_out_rate.estimate > 5 * percent"/' \
  -e 's/{ name = "all", share = 1 }/{ name = "tenth", share = 10 * percent }/' "$work/program/rules/halt.lua"
sed -i 's/channel = "push"/&, available = "profile.age > 90"/' "$work/program/interventions/all.lua" # no message closes the next hour
start "$work/again" --program "$work/program"
export KAIROS_URL="$url" KAIROS_DATA="$work/again"
drawn() { # NAME: all 30 ping; who is let through goes to the file NAME
  ping=$1
  "$KAIROS" replay --print --data "$KAIROS_DATA" >"$work/before" 2>/dev/null
  each_sends "$work/thirty" check_in '{"stressLevel":9}' "$ping"
  "$KAIROS" replay --print --data "$KAIROS_DATA" 2>/dev/null | { grep -vxF -f "$work/before" || true; } >"$work/now"
  equal "the decisions of ping $ping" "$(wc -l <"$work/now")" 30
  { grep -v '"reason":"\(not_in_rollout\|rollout_halted\)"' "$work/now" || true; } | sed 's/.*"user":"\([^"]*\)".*/\1/' | sort >"$work/$ping"
}
seq 30 | sed 's/^/u/' >"$work/thirty"
each_sends "$work/thirty" profile_updated "{\"timezone\":\"$(noon_zone)\",\"age\":30}"
drawn first
few=$(wc -l <"$work/first")
[ "$few" -gt 0 ] && [ "$few" -lt 15 ] || say "$few of 30 are in at 10 %"
run 0 "$KAIROS" rollout advance again
drawn everybody
equal "who is in at 100 %" "$(wc -l <"$work/everybody")" 30
run 0 "$KAIROS" rollout halt again
drawn halted
equal "who is in after the halt" "$(wc -l <"$work/halted")" 0
expect_call 200 GET /v1/users/u1
grep -q '"rollouts":\[\]' "$work/answer" || say "u1 is shown as in a halted rollout: $(cat "$work/answer")"
for step in 'advance again' 'advance again --from tenth' 'back again'; do # who takes a step may not know of the halt
  run 6 "$KAIROS" rollout $step
  has 'the rollout is halted: only resume begins it again'
done
expect_call 409 POST /v1/rollouts/again/advance '{"from": -1}'
drawn still_halted
equal "who is in after steps from a halt" "$(wc -l <"$work/still_halted")" 0
run 0 "$KAIROS" rollout resume again
has 'tenth'
run 0 "$KAIROS" rollout hold again
run 0 "$KAIROS" rollout resume again # what it was held for lets nobody out
stop_hard
start "$work/again" --program "$work/program" # over a restart too
export KAIROS_URL="$url"
drawn resumed
cmp -s "$work/first" "$work/resumed" || say "after the halt others came in than at first: $(tr '\n' ' ' <"$work/resumed")"
rates_are "the rates of those who came in anew" "\"bad\":0,\"of\":$few"
left_out=$(grep -vxF -f "$work/resumed" "$work/everybody" | head -n 1)
expect_call 200 GET "/v1/users/$left_out"
grep -q '"rollouts":\[\]' "$work/answer" || say "$left_out is shown as in the rollout: $(cat "$work/answer")"
while read -r user; do expect_call 200 POST "/v1/users/$user/opt-out" '{}'; done <"$work/resumed"
wait_for "$work/serve.log" 'again is halted: opt_out_rate'
stop
run 0 "$KAIROS" replay --verify --data "$work/again"
has ' 0 different'
