#!/bin/sh
# docs/RULES.md, "A first rule", as somebody follows it who has never seen Kairos: the program to start from, the rule and its scenario as they
# stand on the page, live, broken with the very line that the page promises, mended, and taken back.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
page=$KAIROS_SOURCE/docs/RULES.md
cd "$work"
run 0 "$KAIROS" init myprogram
start "$work/data" --program myprogram
export KAIROS_URL="$url"
first=$(live)

# What the page says of features holds in the program that a newcomer has: of two workouts, 39 and 49 minutes in seconds, and no stress said.
cp -r myprogram features
for name in strain training_7d; do
  awk -v first="feature \"$name\" {" '$0 == first { on = 1 } on { print } on && /^}$/ { exit }' "$page"
done >features/rules/page.lua
cat >>features/rules/page.lua <<'END'
trigger "strained" { why = "A test.", on = "pain_said", when = "training_7d == 5280 and strain > 0.39 and strain < 0.4", offer = "barrier_prevention" }
event "pain_said" {}
scenario "strain" {
  given = { events = { { type = "workout_completed", ago = 1 * days, data = { duration = 2340, completionRate = 1 } },
    { type = "workout_completed", ago = 2 * days, data = { duration = 2940, completionRate = 1 } } } },
  event = { type = "pain_said" }, expect = { trigger = "strained" },
}
END
run 0 "$KAIROS" check features
has 'no errors'
run 0 "$KAIROS" test features
has 'ok .*: strain$'
has ', 0 failed'

# The example of a silence, as it stands on the page; a day short of it nothing is due, and the scenario says so.
cp -r myprogram silence
awk '/^trigger "missed_you"/ { on = 1 } on && /^```$/ { exit } on { print }' "$page" >silence/rules/silence.lua
run 0 "$KAIROS" check silence
has 'no errors'
run 0 "$KAIROS" test silence
has '^ok .*rules/silence.lua:[0-9]*: three days of silence$'
has ', 0 failed'
sed -i 's/ago = 3 \* days/ago = 2 * days/' silence/rules/silence.lua
run 3 "$KAIROS" check silence
has '^rules/silence.lua:9: error: scenario "three days of silence": event.tick: no tick of "missed_you" is due around event.at'

awk '/^## A first rule/ { on = 1 } on && /^```$/ { exit } on && block { print } on && /^```lua$/ { block = 1 }' "$page" >rule.lua
grep -q 'trigger "late_stress"' rule.lua || say "the page has no such rule"
cp rule.lua myprogram/rules/late_stress.lua
run 0 "$KAIROS" check myprogram
has 'no errors'
run 0 "$KAIROS" test myprogram
has 'ok .*stress at six in the evening'
has ', 0 failed'
becomes "the rule" isnt_live "$first"
second=$(live)
run 0 "$KAIROS" programs list
has 'rules/late_stress.lua'

sed 's/ when = / wen = /' rule.lua >wrong.lua
mv wrong.lua myprogram/rules/late_stress.lua
run 3 "$KAIROS" check myprogram
has '^rules/late_stress.lua:1: error: trigger "late_stress": unknown field "wen" (did you mean "when"?)$'
tr '\n' ' ' <"$page" | grep -q 'rules/late_stress.lua:1: error: trigger "late_stress": unknown field "wen" (did you mean "when"?)' || say "the page promises something else"
becomes "what is wrong" programs_list_has 'unknown field "wen"'
equal "the live program" "$(live)" "$second"

sed 's/>= 7/>= 6/' rule.lua >better.lua
mv better.lua myprogram/rules/late_stress.lua
becomes "the mended rule" isnt_live "$second"
third=$(live)
run 0 "$KAIROS" programs undo
equal "the live program" "$(live)" "$second"
[ "$third" != "$second" ] || say "the mended rule never was live"
stop
