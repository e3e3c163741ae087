#!/bin/sh
# A rollout goes on by itself: when its condition holds on what came of those whom it reached beside those whom it did not, its stage's hold is
# over and its approvals are given; one stage at a time, as a control fact of an author of its own with its figures; the figures are those of
# the journal, so a restart has them too; a stage counts its own people only; a replay agrees.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
small_program "$work/program"
cat >"$work/program/rules/advance.lua" <<'END'
policy "paper" { why = "Signed on paper.", consent = "by_enrolment" }
event "profile_updated" { fields = { timezone = "text", age = "number" } }
event "relaxed" { fields = { minutes = "number" } }
metric "calm" { per = "user", measure = "happened", of = "relaxed", where = "event.minutes >= 5", window = 10 }
trigger "other" { why = "x", on = { "check_in" }, when = "event.stressLevel > 7", offer = { "breathe" } }
trigger "third" { why = "x", on = { "check_in" }, when = "event.stressLevel > 7", offer = { "breathe" } }
local stages = { { name = "half", share = 50 * percent }, { name = "more", share = 60 * percent }, { name = "all", share = 1 } }
rollout "goes" {
  why = "As long as it helps.", gates = "trigger:stress", stages = stages,
  advance = "users >= 120 and decisions >= 0 and calm.difference > 20 * percent and calm.lift.estimate > 20 * percent",
}
rollout "doubts" { why = "Hopes too much.", gates = "trigger:other", stages = stages, advance = "users >= 120 and calm.difference > 20 * percent" }
rollout "asks" { why = "Somebody agrees.", gates = "trigger:third", stages = stages, advance = "users >= 120", approvals = 1 }
rollout "waits" {
  why = "Patience.", gates = "trigger:third", advance = "users >= 10",
  stages = { { name = "half", share = 50 * percent, hold = 1 * hours }, { name = "all", share = 1 } },
}
END
run 0 "$KAIROS" check "$work/program"
start "$work/first" --program "$work/program"
rollout() { # NAME: what the API says of it
  expect_call 200 GET /v1/rollouts
  sed 's/},{"name":"\(goes\|doubts\|asks\|waits\)"/\n{"name":"\1"/g' "$work/answer" | grep "\"name\":\"$1\"" >"$work/out"
}
shown() { rollout "$1" && grep -q "$2" "$work/out"; }
shows() { becomes "what is to be seen of $1" shown "$1" "$2"; } # NAME PATTERN: sooner or later
seq 1 400 | sed 's/^/u/' >"$work/everybody"
stressed_people "$work/everybody"
stop
# Who is in hangs on the names alone, so it is the same in another directory; there nobody has to hurry.
"$KAIROS" replay --print --data "$work/first" >"$work/decisions" 2>/dev/null
sed -n 's/.*"user":"\([^"]*\)".*"entered":\[[^]]*"goes".*/\1/p' "$work/decisions" | sort -u >"$work/in"
[ "$(wc -l <"$work/in")" -gt 150 ] && [ "$(wc -l <"$work/in")" -lt 250 ] || say "$(wc -l <"$work/in") of 400 are in at 50 %"
grep -vxF -f "$work/in" "$work/everybody" >"$work/outside"
{ grep -v '7$' "$work/in"; grep '3$' "$work/outside"; } >"$work/calm" # most of those who are in, a few of the others
grep -v '3$' "$work/outside" >"$work/restless"

start "$work/data" --program "$work/program"
export KAIROS_URL="$url" KAIROS_DATA="$work/data"
stressed_people "$work/everybody"
each_sends "$work/calm" relaxed '{"minutes":8}'
each_sends "$work/restless" relaxed '{"minutes":3}' # too short to count
wait_for "$work/serve.log" 'goes goes on to stage more: users [0-9]*, decisions [0-9]*, calm.difference at least 0\.[0-9]* with 95 % confidence (0\.[0-9]* of [0-9]* people, 0\.[0-9]* of [0-9]* not reached)'
shows goes '"stage":1,.*"users":0,' # of this stage
rollout asks
has '"stage":0,'
run 0 "$KAIROS" rollout approve asks --by anna
wait_for "$work/serve.log" 'asks goes on to stage more' # a look more, and it looks at all four
rollout goes
has '"stage":1,'
has '"advanced_on":"users '
hasnt '"decisions":[1-9]'
rollout doubts
has '"stage":0,'
has '"metrics":{"calm":{"reached":{"n":[12][0-9][0-9],.*"not_reached":{"n":[12][0-9][0-9],'
hasnt advanced_on
run 0 "$KAIROS" rollout list
has '^     in this stage since 20.*: [12][0-9][0-9] people came in, [12][0-9][0-9] decisions$'
has '^     advance: users >= 120 and calm.difference > 20 \* percent$'
has '^          now \(false\|unknown\): users [12][0-9][0-9]'
has '^          not before 20.*, when the stage.s hold ends$'
rollout doubts
grep -o '"users":.*"stages"' "$work/out" >"$work/before"
rollout waits
has '"stage":0,'
stop_hard

start "$work/data" --program "$work/program"
export KAIROS_URL="$url"
shows doubts '"users":'
grep -o '"users":.*"stages"' "$work/out" >"$work/after"
cmp -s "$work/before" "$work/after" || say "the figures after a restart are others: $(cat "$work/before" "$work/after")"
rollout goes
has '"stage":1,'
# A journal that cannot be read is said once, and not asked for in a hurry, until it is well again.
mv "$work/data/volume-00.db" "$work/data/away"
wait_for "$work/serve.log" 'the journal could not be read'
sleep 1
mv "$work/data/away" "$work/data/volume-00.db"
wait_for "$work/serve.log" 'the journal can be read again'
equal "warnings of one journal" "$(grep -c 'the journal could not be read' "$work/serve.log")" 1
run 0 "$KAIROS" rollout list
has 'goes: running'
has 'by itself: users [0-9]*, decisions'
run 0 "$KAIROS" rollout back goes
rollout goes
hasnt advanced_on
has '"stage":0,'
stop
run 0 "$KAIROS" replay --verify --data "$work/data"
has ' 0 different'
run 0 "$KAIROS" doctor --data "$work/data"
has 'the chain of hashes is whole'
