#!/bin/sh
# An experiment that draws for each decision ends by itself too: when what comes after the decisions of an arm is worse, beyond the
# guardrail's margin, than what comes after those of the control arm, by an error worked out over people. The figures are the journal's, so a
# restart has them; a replay agrees; and a guardrail that could never act is refused.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
small_program "$work/program"
cat >"$work/program/rules/each.lua" <<'END'
policy "paper" { why = "Signed on paper.", consent = "by_enrolment" }
event "profile_updated" { fields = { timezone = "text", age = "number" } }
event "relaxed" { fields = { minutes = "number" } }
metric "rest" { per = "decision", measure = "happened", of = "relaxed", window = 10 }
metric "pause" { per = "decision", measure = "sum", of = "relaxed", field = "minutes", window = 10 }
metric "calm" { per = "user", measure = "happened", of = "relaxed", window = 10 }
experiment "each" {
  why = "Does it help then?", revision = 1, at = "trigger:stress", randomise = "decision", outcome = { metric = "rest", within = 6 },
  arms = { silence = { weight = 0.5, send = nothing }, walk = { weight = 0.5, send = "breathe" } },
  guardrails = { rest = 10 * percent }, metrics = { "pause", "calm" },
}
END
run 0 "$KAIROS" check "$work/program"
hasnt guardrails
wrong() { # SED SENTENCE
  rm -rf "$work/wrong"
  cp -r "$work/program" "$work/wrong"
  sed -i "$1" "$work/wrong/rules/each.lua"
  run 3 "$KAIROS" check "$work/wrong"
  has "$2"
}
wrong 's/guardrails = { rest/guardrails = { calm/' 'guardrails.calm guards nothing: decisions are compared, and the metric is per = "user"'
wrong 's/silence = { weight = 0.5/silence = { weight = 0.995/
s/walk = { weight = 0.5/walk = { weight = 0.005/' 'guardrails cannot hold arm "walk": its weight must be from 0.01 to 0.99'

seq 1 320 | sed 's/^/u/' >"$work/everybody"
come() { # twice: who was sent nothing the first time is drawn for again
  each_sends "$work/everybody" profile_updated "{\"timezone\":\"$(noon_zone)\",\"age\":30}" p
  each_sends "$work/everybody" check_in '{"stressLevel":9}' first
  each_sends "$work/everybody" check_in '{"stressLevel":9}' second
}
start "$work/first" --program "$work/program"
come
stop
# A decision's arm hangs on its id, and that on the order of what came, so it is the same in another directory; there nobody has to hurry.
"$KAIROS" replay --print --data "$work/first" >"$work/decisions" 2>/dev/null
arm() { sed -n 's/.*"user":"\([^"]*\)".*"event":{"id":"'"$1"'-.*"arm":"'"$2"'".*/\1/p' "$work/decisions" | sort -u; }
arm first silence >"$work/silent"
[ "$(wc -l <"$work/silent")" -gt 110 ] && [ "$(wc -l <"$work/silent")" -lt 210 ] || say "$(wc -l <"$work/silent") of 320 are drawn to be silent"
arm second silence >"$work/twice"
[ "$(wc -l <"$work/twice")" -gt 30 ] || say "only $(wc -l <"$work/twice") are drawn to be silent again"
{ grep -v '7$' "$work/twice"; arm first walk | grep '3$'; } >"$work/rested"

start "$work/data" --program "$work/program"
export KAIROS_URL="$url" KAIROS_DATA="$work/data"
come
# As long as an end cannot be written down it is none, and nobody says that it is.
mkfifo "$work/hold"
sqlite3 "$work/data/control.db" <"$work/hold" >"$work/held" &
holder=$!
helpers="$helpers $holder"
exec 3>"$work/hold"
echo "BEGIN IMMEDIATE; SELECT 'held';" >&3
wait_for "$work/held" held
each_sends "$work/rested" relaxed '{"minutes":8}' rest
wait_for "$work/serve.log" ' error *control .*database is locked'
if grep 'has ended' "$work/serve.log" >&2; then say "an end is told that is not written down"; fi
expect_call 200 GET /v1/experiments
grep -q '"ended":false' "$work/answer" || say "an end is shown that is not written down: $(cat "$work/answer")"
exec 3>&-
wait $holder
wait_for "$work/serve.log" ' warn *experiment *each has ended, everybody gets its control arm: rest 0\.[0-9]* in arm walk ([0-9]* decisions of [0-9]* people), 0\.[0-9]* in silence ([0-9]*): worse by more than 0\.1'
equal "how often the end is told" "$(grep -c 'has ended' "$work/serve.log")" 1
shows() { # PATTERN: sooner or later
  becomes "what the experiments say" answer_has /v1/experiments "$1"
}
figures='"ended":true,"ended_on":"rest .*"metrics":{"rest":{"margin":0.1,"arms":{"silence":{"n":[12][0-9]*,"people":1[0-9]*,"mean":0\.[0-9]*},"walk":{'
shows "$figures"
grep -q '"calm"' "$work/answer" && say "people are not compared here: $(cat "$work/answer")"
grep -o '"metrics":.*' "$work/answer" >"$work/before"
stop_hard
start "$work/data" --program "$work/program"
export KAIROS_URL="$url"
shows "$figures"
grep -o '"metrics":.*' "$work/answer" >"$work/after"
cmp -s "$work/before" "$work/after" || say "the figures after a restart are others: $(cat "$work/before" "$work/after")"
seq 401 410 | sed 's/^/v/' >"$work/everybody"
come
"$KAIROS" replay --print --data "$work/data" >"$work/decisions" 2>/dev/null
equal "decisions after the end" "$(grep '"user":"v4' "$work/decisions" | grep -c '"outcome":"silent","reason":"experiment_ended"')" 20
stop
run 0 "$KAIROS" replay --verify --data "$work/data"
has ' 0 different'
