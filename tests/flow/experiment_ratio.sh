#!/bin/sh
# Arms that are not filled as their weights say make every comparison worthless, here because people of one arm were erased: such an experiment
# is ended by no guardrail, and no rollout of it goes on by itself; the log, the API and the command line say so. A count still ends it.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
small_program "$work/program"
cat >"$work/program/rules/ratio.lua" <<'END'
policy "paper" { why = "Signed on paper.", consent = "by_enrolment" }
event "profile_updated" { fields = { timezone = "text", age = "number" } }
event "relaxed" { fields = { minutes = "number" } }
metric "calm" { per = "user", measure = "happened", of = "relaxed", window = 5 }
experiment "harms" {
  why = "Does it help?", revision = 1, at = "trigger:stress", randomise = "user", outcome = { metric = "calm", within = 5 },
  arms = { silence = { weight = 0.5, send = nothing }, walk = { weight = 0.5, send = "breathe" } },
}
END
seq 1 440 | sed 's/^/u/' >"$work/everybody"
start "$work/data" --program "$work/program"
export KAIROS_URL="$url" KAIROS_DATA="$work/data"
stressed_people "$work/everybody"
"$KAIROS" replay --print --data "$work/data" >"$work/decisions" 2>/dev/null
sed -n 's/.*"user":"\([^"]*\)".*"arm":"silence".*/\1/p' "$work/decisions" | sort -u >"$work/silent"
[ "$(wc -l <"$work/silent")" -gt 190 ] && [ "$(wc -l <"$work/silent")" -lt 250 ] || say "$(wc -l <"$work/silent") of 440 are in the silent arm"
keep=105 # of those who are silent: enough to be compared, and half of what the weights say
head -n "$keep" "$work/silent" | grep -v '7$' >"$work/calm"
each_sends "$work/calm" relaxed '{"minutes":8}'
tail -n "+$((keep + 1))" "$work/silent" | while read -r user; do "$KAIROS" user erase "$user" >/dev/null </dev/null || say "$user was not erased"; done
stop

sed -i 's/^  arms = /  guardrails = { calm = 10 * percent }, arms = /' "$work/program/rules/ratio.lua"
cat >>"$work/program/rules/ratio.lua" <<'END'
rollout "goes" {
  why = "As long as it helps.", gates = "experiment:harms", advance = "users >= 1",
  stages = { { name = "all", share = 1 }, { name = "still_all", share = 1 } },
}
END
start "$work/data" --program "$work/program"
export KAIROS_URL="$url"
wait_for "$work/serve.log" ' warn *experiment *harms: its arms are not filled as their weights say (p = .*): no guardrail ends it'
seq 1 4 | sed 's/^/v/' >"$work/later"
stressed_people "$work/later"
tries=0
until expect_call 200 GET /v1/experiments && grep -q '"difference":{"estimate":-0\.[0-9]*,"low":-[01]\.[0-9]*,"high":-0\.[1-9]' "$work/answer" &&
  expect_call 200 GET /v1/rollouts && grep -q '"users":4,' "$work/answer"; do
  tries=$((tries + 1))
  [ $tries -lt 300 ] || say "the harm is not to be seen: $(cat "$work/answer")"
  sleep 0.1
done
sleep 3 # it is looked at each second
expect_call 200 GET /v1/experiments
grep -q '"name":"harms",.*"ended":false,.*"held_on":"its arms are not filled as their weights say' "$work/answer" || say "$(cat "$work/answer")"
expect_call 200 GET /v1/rollouts
grep -q '"name":"goes",.*"stage":0,.*"waits_for_ratio_of":"harms"' "$work/answer" || say "$(cat "$work/answer")"
run 0 "$KAIROS" experiments show harms
has 'NOT as the weights say'
has 'held: its arms'
run 0 "$KAIROS" why --user v1 --trigger stress
has '^  experiment harms: its arms are not filled as their weights say, so no guardrail ends it'
run 0 "$KAIROS" why --user v1 --trigger stress --json
has '"experiment":{"name":"harms",.*"ratio_off":true}'
id=$("$KAIROS" replay --print --data "$work/data" 2>/dev/null | sed -n 's/^{"id":"\(d[0-9-]*\)","user":"v1".*/\1/p' | head -n 1)
run 0 "$KAIROS" why "$id" --language ru
has '^  эксперимент harms: группы заполнены не по своим долям'
run 0 "$KAIROS" why "$id" --json
has '"ratio_off_in":"harms"'
equal "warnings of it, under one program," "$(grep -c 'its arms are not filled' "$work/serve.log")" 1
cat >>"$work/program/rules/ratio.lua" <<'END'
rollout "waits" {
  why = "For few.", gates = "experiment:harms", advance = "users >= 1",
  stages = { { name = "nobody", share = 1 * percent, only = "profile.staff or false" }, { name = "all", share = 1 } },
}
END
run 0 "$KAIROS" programs publish "$work/program"
becomes "that the new rollout waits" answer_has /v1/rollouts '"name":"waits",.*"waits_for_ratio_of":"harms"'
run 0 "$KAIROS" why --user v1 --trigger stress
has '^  the rollout waits does not go on by itself while the arms are not filled as their weights say in the experiment harms$'
sed -i 's/^  guardrails = /  stop = { users = 10 }, guardrails = /' "$work/program/rules/ratio.lua"
run 0 "$KAIROS" programs publish "$work/program"
wait_for "$work/serve.log" ' info *experiment *harms has ended, everybody gets its control arm: users [0-9]* of 10'
stop
run 0 "$KAIROS" replay --verify --data "$work/data"
has ' 0 different'
