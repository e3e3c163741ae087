#!/bin/sh
# An experiment ends by itself: one whose arm does harm beyond its guardrail's margin, one that has what its stop rule asks for. From then on
# everybody gets the control arm without a draw, over a kill -9 too, until it has another revision; figures and reason are there to read, a
# replay agrees, and what an experiment says wrong is refused.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
small_program "$work/program"
cat >"$work/program/rules/ends.lua" <<'END'
policy "paper" { why = "Signed on paper.", consent = "by_enrolment" }
event "profile_updated" { fields = { timezone = "text", age = "number" } }
event "relaxed" { fields = { minutes = "number" } }
event "asked" { fields = { n = "number" } }
metric "calm" { per = "user", measure = "happened", of = "relaxed", window = 10 }
metric "advice" { per = "decision", measure = "happened", of = "relaxed" }
metric "worth" { per = "user", value = "1 + 1" }
metric "breaks" { per = "user", measure = "sum", of = "relaxed", field = "minutes", window = 10 }
intervention "pause" { channel = "push", expires = 2 * hours, message = { en = "Take a break." } }
trigger "other" { why = "x", on = { "asked" }, offer = { "pause" } }
experiment "harms" {
  why = "Does it help?", revision = 1, at = "trigger:stress", randomise = "user", outcome = { metric = "calm", within = 6 },
  arms = { silence = { weight = 0.5, send = nothing }, walk = { weight = 0.5, send = "breathe" } },
  guardrails = { calm = 10 * percent }, metrics = { "breaks", "c1", "c2", "c3", "c4", "c5", "c6", "c7" }, -- before "calm" by name; what guards comes first
}
experiment "counts" {
  why = "Twenty are enough.", revision = 1, at = "trigger:other", randomise = "decision", outcome = { metric = "calm", within = 6 },
  arms = { control = { weight = 0.5, send = "pause" }, silence = { weight = 0.5, send = nothing } },
  stop = { decisions = 20, days = 30 },
}
END
seq 1 7 | sed 's/.*/metric "c&" { per = "user", measure = "happened", of = "relaxed", window = 10 }/' >>"$work/program/rules/ends.lua"
run 0 "$KAIROS" check "$work/program"
wrong() { # SED SENTENCE
  rm -rf "$work/wrong"
  cp -r "$work/program" "$work/wrong"
  sed -i "$1" "$work/wrong/rules/ends.lua"
  run 3 "$KAIROS" check "$work/wrong"
  has "$2"
}
wrong 's/guardrails = { calm/guardrails = { clam/' 'guardrails: no metric is named "clam" (did you mean "calm"?)'
wrong 's/guardrails = { calm = 10 \* percent/guardrails = { calm = "much"/' 'guardrails.calm: expected by how much it may be worse'
wrong 's/guardrails = { calm = 10 \* percent/guardrails = { "calm"/' 'values without a metric.s name'
wrong 's/stop = { decisions/stop = { draws/' 'stop: "draws" ends nothing: users, decisions and days do'
wrong 's/days = 30 }/days = 8 * weeks }/' 'stop.days is a count, as in days = 56, not a duration: at most 3650, got 4838400'
wrong 's/arms = { silence = { weight = 0.5, send = nothing }/arms = { calmly = { weight = 0.5 }/' 'guardrails and stop need a control arm'
wrong 's/guardrails = { calm/guardrails = { advice/' 'guardrails.advice guards nothing: people are compared, and the metric is per = "decision"'
wrong 's/guardrails = { calm/guardrails = { worth/' 'guardrails.worth guards nothing: .*not a .value.'
seq 1 9 | sed 's/.*/metric "m&" { per = "user", measure = "happened", of = "relaxed", window = 10 }/' >"$work/nine"
wrong "1r $work/nine
s/guardrails = { calm = 10 \* percent/guardrails = { m1 = 1, m2 = 1, m3 = 1, m4 = 1, m5 = 1, m6 = 1, m7 = 1, m8 = 1, m9 = 1/" 'at most 8 guardrails act, it has 9'
arms=$(seq 1 8 | sed 's/.*/m& = { weight = 0.0625, send = "breathe" }/' | paste -s -d ,)
wrong "s/walk = { weight = 0.5, send = \"breathe\" }/$arms/" 'guardrails hold at most 8 arms, it has 9'
sed 's/metrics = { "breaks"/metrics = { "brakes"/' "$work/program/rules/ends.lua" >"$work/wrong/rules/ends.lua"
run 0 "$KAIROS" check "$work/wrong"
has 'metrics: no metric is named "brakes" (did you mean "breaks"?)'

seq 1 320 | sed 's/^/u/' >"$work/everybody"
start "$work/first" --program "$work/program"
stressed_people "$work/everybody"
becomes "the count" prints ' 320 people' "$KAIROS" experiments --url "$url" # figures are those of the last look, once a second
has '^harms  *running  *320 people  *320 draws$'
has '^counts  *running  *0 people  *0 draws$'
run 0 "$KAIROS" experiments show counts --url "$url"
has "nobody was drawn yet; what is decided on the events' own time (kairos import, ?clock=event) counts nobody"
run 0 "$KAIROS" experiments show harms --url "$url"
hasnt 'nobody was drawn yet'
has '^     each user is drawn, at trigger:stress: 320 people, 320 draws, since 20'
has '^  =  silence  *50\.0 %  *[12][0-9][0-9] people  nothing is sent$'
has '^     walk  *50\.0 %  *[12][0-9][0-9] people  sends breathe$'
has '^     the arms are filled as their weights say (sample ratio, p = [01]'
has '^     calm, the outcome, higher is better, a guardrail: at most 0\.1 worse$'
has '^       walk  *of nobody the time is over yet$'
run 0 "$KAIROS" experiments show harms --json --url "$url"
drawn=$(sed 's/.*"name":"silence","weight":0.5,"silence":true,"users":\([0-9]*\)}.*/\1/' "$work/out")
run 5 "$KAIROS" experiments show harm --url "$url"
has 'the live program has no experiment "harm" (did you mean "harms"?)'
run 2 "$KAIROS" experiments list harms --url "$url"
stop
# A user's arm hangs on names alone, so it is the same in another directory; there nobody has to hurry.
"$KAIROS" replay --print --data "$work/first" >"$work/decisions" 2>/dev/null
sed -n 's/.*"user":"\([^"]*\)".*"arm":"silence".*/\1/p' "$work/decisions" | sort -u >"$work/silent"
[ "$(wc -l <"$work/silent")" -gt 110 ] && [ "$(wc -l <"$work/silent")" -lt 210 ] || say "$(wc -l <"$work/silent") of 320 are in the silent arm"
equal "people in the silent arm" "$drawn" "$(wc -l <"$work/silent")"
{ grep -v '7$' "$work/silent"; grep -vxF -f "$work/silent" "$work/everybody" | grep '3$'; } >"$work/calm"

start "$work/data" --program "$work/program"
export KAIROS_URL="$url" KAIROS_DATA="$work/data"
stressed_people "$work/everybody"
each_sends "$work/calm" relaxed '{"minutes":8}'
wait_for "$work/serve.log" ' warn *experiment *harms has ended, everybody gets its control arm: calm 0\.[0-9]* in arm walk ([0-9]* people), 0\.[0-9]* in silence ([0-9]*): worse by more than 0\.1'
head -30 "$work/silent" >"$work/more"
each_sends "$work/more" asked '{"n":1}'
wait_for "$work/serve.log" ' info *experiment *counts has ended, everybody gets its control arm: decisions [0-9]* of 20'
ended() { # who comes now, and what the API says
  expect_call 200 GET /v1/experiments
  grep -q '"name":"harms","why":"Does it help?","revision":1,"control":"silence","ended":true,"ended_on":"calm 0' "$work/answer" || say "the end is not shown: $(cat "$work/answer")"
  stressed_people "$1"
  "$KAIROS" replay --print --data "$work/data" >"$work/decisions" 2>/dev/null
  for user in $(cat "$1"); do
    grep "\"user\":\"$user\"" "$work/decisions" | grep '"outcome":"silent","reason":"experiment_ended"' | grep -q '"ended":true}' || say "$user did not get the control arm"
  done
}
seq 401 420 | sed 's/^/v/' >"$work/later"
ended "$work/later"
run 0 "$KAIROS" experiments show harms
has '^harms: ended, revision 1$'
has '^     ended 20.*, everybody gets its control arm: calm 0'
has '^       walk  *0\.[0-9]* on average of [12][0-9][0-9], -0\.[0-9]* beside the control arm, at least -[0-9.]* and at most -0\.[0-9]*, each with 95 % confidence, p = [0-9.e-]*, effect size -[0-9.]*$'
run 0 "$KAIROS" experiments
has '^harms  *ended  .* calm 0\.[0-9]* in arm walk'
run 0 "$KAIROS" experiments show counts
has '^     ends by itself at 20 decisions, 30 days$'
run 0 "$KAIROS" kill all
run 0 "$KAIROS" experiments
hasnt ' running'
run 0 "$KAIROS" kill all --lift
id=$(grep '"user":"v401"' "$work/decisions" | sed 's/.*"id":"\(d[0-9-]*\)".*/\1/')
run 0 "$KAIROS" why "$id"
has 'silent.*the experiment has ended'
has 'experiment harms, ended'
run 0 "$KAIROS" why --user v401 --trigger stress
has '^  experiment harms, ended (rules/ends.lua:[0-9]*)$'
has '^  not possible: the experiment has ended, and its control arm is silence (harms)$'
run 0 "$KAIROS" why --user v401 --trigger stress --json
has '"experiment":{"name":"harms",.*"ended":true},"obstacles":\[.*{"reason":"experiment_ended"'
each_sends "$work/later" asked '{"n":1}' # here the control arm sends
"$KAIROS" replay --print --data "$work/data" >"$work/decisions" 2>/dev/null
equal "messages of the control arm" "$(grep '"user":"v4' "$work/decisions" | grep '"trigger":"other"' | grep -c '"outcome":"sent".*"ended":true},.*"option":"pause"')" 20
stop_hard
start "$work/data" --program "$work/program"
export KAIROS_URL="$url"
seq 421 430 | sed 's/^/v/' >"$work/later"
ended "$work/later"
becomes "the figures after a restart" answer_has /v1/experiments '"breaks":{'
grep -q '"calm":{"margin":0.1,"arms":{"silence":{"n":1[0-9]*,"mean":0.[0-9]*},"walk":{"n":1[0-9]*,' "$work/answer" || say "$(cat "$work/answer")"
# Another revision is another question.
sed -i '/^experiment "harms"/,/^}/s/revision = 1/revision = 2/' "$work/program/rules/ends.lua"
run 0 "$KAIROS" programs publish "$work/program"
seq 431 450 | sed 's/^/v/' >"$work/later"
stressed_people "$work/later"
expect_call 200 GET /v1/experiments
grep -q '"name":"harms","why":"Does it help?","revision":2,"control":"silence","ended":false' "$work/answer" || say "$(cat "$work/answer")"
"$KAIROS" replay --print --data "$work/data" >"$work/decisions" 2>/dev/null
grep '"user":"v4[345][0-9]"' "$work/decisions" | grep -q '"outcome":"sent"' || say "nobody is drawn for the new revision"
stop
run 0 "$KAIROS" replay --verify --data "$work/data"
has ' 0 different'
