#!/bin/sh
# Models from the command line: what `kairos predict` says of rows is what the golden rows say; weights come in from libsvm's text and go
# out again the same; what a state says of itself; and the accidents of every day.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
program=$work/program
run 0 "$KAIROS" init "$program"

# ---- predict ----
cat >"$work/rows" <<'ROWS'
{"inputs": {"habit_automaticity": 0.1453, "habit_strength": 0.3067, "skip_pattern_frequency": 0.6667, "streak_length": 0, "days_since_last_completion": 6, "days_since_start": 9, "kept_odds_5w": -0.1335, "kept_odds_10d": -0.3137, "kept_odds_then": -0.4267, "planned_as_preferred": 1, "planned_hour": 6, "usual_time": 0.7143, "planned_in_gym": 0, "planned_outdoors": 0, "out_in_the_wet": 0, "sleep_missing": 1.188, "sleep_usual": 6.812, "stress_now": 7, "stress_usual": 7, "motivation_1d": 6, "motivation_3d": 6.333, "motivation_8d": 6, "preparation_time_avg": 7.214, "wants_fitness": 1, "is_advanced": 1, "is_beginner": 0}}

{"inputs": {}}
ROWS
cat >"$work/expected" <<'ROWS'
{"outputs":{"adherence_probability":0.445755,"skip_probability":0.554245}}
{"outputs":{"adherence_probability":null,"skip_probability":null},"reason":"0 of 28 inputs are known, and svr gives no answer from so little"}
ROWS
run 0 "$KAIROS" predict adherence "$work/rows" --program "$program"
cmp "$work/out" "$work/expected" || say "the first golden row and an empty row have other answers"
"$KAIROS" predict adherence --program "$program" <"$work/rows" >"$work/piped"
cmp "$work/piped" "$work/expected" || say "rows from standard input have other answers"
row=$(head -n 1 "$work/rows")
i=0
while [ $i -lt 600 ]; do echo "$row"; i=$((i + 1)); done >"$work/many"
run 0 "$KAIROS" predict adherence "$work/many" --program "$program"
equal "lines of 600 rows" "$(sort -u "$work/out" | wc -l) $(wc -l <"$work/out")" "1 600"

{ cat "$work/rows"; echo '{"inputs": {"usual_tim": 1}}'; echo '}{'; echo "$row"; } >"$work/wrong" # each line has its answer
run 1 "$KAIROS" predict adherence "$work/wrong" --program "$program"
has ':4: "usual_tim" is none of the model.s inputs (did you mean "usual_time"?)'
has '2 of 5 lines were wrong and have an error for an answer'
"$KAIROS" predict adherence "$work/wrong" --program "$program" >"$work/mixed" 2>/dev/null || true
equal "answers, one a line" "$(sed 's/^{"\([a-z]*\)":.*/\1/' "$work/mixed" | tr '\n' ' ')" "outputs outputs error error outputs "
equal "the answer after wrong lines" "$(tail -n 1 "$work/mixed")" "$(head -n 1 "$work/expected")"
for line in 'x' '[1]' '{"inputs": 3}' '{"inputs": {"usual_time": "high"}}' '{"inputs": {"usual_time": [1, 2]}}' '{"inputs": {"usual_time": 1e999}}'; do
  echo "$line" >"$work/wrong"
  run 1 "$KAIROS" predict adherence "$work/wrong" --program "$program"
  has "wrong:1:"
done
run 5 "$KAIROS" predict adherance --program "$program"
has 'did you mean "adherence"?'
run 5 "$KAIROS" predict adherence "$work/nowhere" --program "$program"
run 2 "$KAIROS" predict

# ---- import, export, show ----
cat >"$program/models/foreign.lua" <<'MODEL'
model "foreign" {
  doc = "a regression that libsvm trained",
  plugin = "svr", inputs = { "success_rate", "habit_strength" }, outputs = { "foreign_value" }, state = "foreign.state",
  config = { output = { name = "foreign_value", low = -10, high = 10 } },
  golden = { { inputs = { success_rate = 1, habit_strength = 1 }, outputs = { foreign_value = 1.75 } } },
}
MODEL
printf 'svm_type epsilon_svr\nkernel_type rbf\ngamma 0.5\nnr_class 2\ntotal_sv 2\nrho -0.25\nSV\n2 1:1 2:1 \n-0.5 1:1 2:1 \n' >"$work/foreign.model"
run 3 "$KAIROS" check "$program"
has 'foreign.state is not there'
run 0 "$KAIROS" model show foreign --program "$program" --json
has '"state":null'
run 0 "$KAIROS" model show foreign --program "$program"
has '^no state: `kairos train foreign` makes one'
run 0 "$KAIROS" model import foreign "$work/foreign.model" --format libsvm --program "$program"
run 0 "$KAIROS" check "$program" # with the golden row: 2 - 0.5 + 0.25
hasnt 'foreign.*no golden rows'
cp "$program/models/foreign.state" "$work/here.state" # one for elsewhere is held to nothing, and says so
run 0 "$KAIROS" model import foreign "$work/foreign.model" --format libsvm --program "$program" --out "$program/models/foreign.state"
run 0 "$KAIROS" check "$program"
has 'foreign.*no golden rows'
cp "$work/here.state" "$program/models/foreign.state"
run 0 "$KAIROS" model show foreign --program "$program" --json
has '"imported":{"format":"libsvm","sha256":"'
run 0 "$KAIROS" model show foreign --program "$program"
has '^  metrics.imported.format: "libsvm"$'
has '^  success_rate'
echo '{"inputs": {"success_rate": 1, "habit_strength": 1}}' >"$work/rows"
run 0 "$KAIROS" predict foreign "$work/rows" --program "$program"
equal "the foreign model's answer" "$(cat "$work/out")" '{"outputs":{"foreign_value":1.75}}'
run 0 "$KAIROS" model export foreign --format libsvm --program "$program"
cmp "$work/out" "$work/foreign.model" || say "what is exported is not what was imported"
run 0 "$KAIROS" model export foreign "$work/again" --program "$program" # the only format that svr writes
cmp "$work/again" "$work/foreign.model" || say "export into a file differs"

cp "$program/models/foreign.state" "$work/kept"
printf 'svm_type c_svc\n' >"$work/forged"
run 1 "$KAIROS" model import foreign "$work/forged" --format libsvm --program "$program"
has 'forged.*line 1'
cmp "$program/models/foreign.state" "$work/kept" || say "a refused import changed the state"
run 5 "$KAIROS" model import foreign "$work/foreign.model" --format lisbvm --program "$program"
has 'reads no "lisbvm"; it reads libsvm'
run 1 "$KAIROS" model export adherence --format libsvm --program "$program"
has 'standardise = false'
run 2 "$KAIROS" model imprt foreign "$work/foreign.model" --program "$program"
has 'did you mean "import"?'
run 2 "$KAIROS" model import foreign --program "$program"
run 5 "$KAIROS" model show nobody --program "$program"

# ---- what it is worth ----
run 0 "$KAIROS" train adherence --program "$program" --users 150 --days 42 --json --out "$work/own.state"
for key in train test test_late champions gain; do has "\"$key\":{"; done
for champion in logistic last_value; do has "\"$champion\":{\"rows\":[1-9]"; done
has 'Log loss 0\.[0-9]* on people it has not seen: .* logistic regression'
card=$work/own.card.md
grep -q '^# Model card: adherence' "$card" || say "there is no model card"
grep -q 'nothing about real people' "$card" || say "the card does not say whom it learned from"
grep -q 'logistic regression, other people' "$card" || say "the card has no champion"
sed 's/"calibration":{[^}]*},//' "$work/out" >"$work/trained" # evaluating learns none
run 0 "$KAIROS" evaluate adherence --program "$program" --users 150 --days 42 --state "$work/own.state" --json
grep -q '"reliability":\[{"from":' "$work/out" || say "evaluating says nothing of each tenth of the predictions"
sed 's/,"calibration_error":[^[]*\[[^]]*\]//' "$work/out" >"$work/evaluated" # training says nothing of them
cmp "$work/evaluated" "$work/trained" || say "evaluating what was just trained gives other figures"
run 0 "$KAIROS" evaluate adherence --program "$program" --users 150 --days 42 --seed 9
has '^Held against the built-in population (150 people, 42 days, seed 9)'
cp "$card" "$program/models/"
run 0 "$KAIROS" check "$program" # the card lies among the models and is none
"$KAIROS" simulate --users 60 --days 14 2>/dev/null >"$work/lives" || say "nobody lived"
grep -v workout_completed "$work/lives" >"$work/lazy" # nobody ever does it
run 1 "$KAIROS" train adherence --program "$program" --from "$work/lazy" --out "$work/lazy.state"
has 'all [0-9]* outcomes are no, so there is nothing to tell apart'
run 0 "$KAIROS" evaluate adherence --program "$program" --from "$work/lazy" --folds 3
has '^All [0-9]* outcomes are no, so nothing can be compared'
hasnt 'better than'
{ sed -n 1,2p "$work/lives"; echo; echo '{"userId": 3}'; grep sim-0003 "$work/lives" >"$work/one"; sed -n 9p "$work/one"; sed -n 5p "$work/one"; } >"$work/mixed"
run 1 "$KAIROS" train adherence --program "$program" --from "$work/mixed" --out "$work/lazy.state"
has 'mixed: line 6 is older than line 5 of the same person; expected each person.s events in order of time'
has '1 event was refused: line 4: '

# ---- inputs that are always the same ----
cat >"$program/rules/level.lua" <<'RULES'
feature "level" { doc = "the same for everybody", unit = "share", value = "1" }
RULES
level() { # inputs
  for plugin in svr gbm hazard; do
    cat >"$program/models/level_$plugin.lua" <<MODEL
model "level_$plugin" {
  doc = "of a ${plugin}", plugin = "$plugin", inputs = { $1 }, outputs = { level_of_$plugin = {} }, state = "level_$plugin.state", fallback = 0.5,
  config = { output = { name = "level_of_$plugin", low = 0, high = 1 } },
  train = { on = "workout_planned", target = "workout_completed", within = 18 * hours, calibrate = "platt" },
}
MODEL
  done
}
level '"level"'
for plugin in svr gbm hazard; do
  run 1 "$KAIROS" train "level_$plugin" --program "$program" --users 80 --days 30
  has 'all 1 inputs are the same in all [0-9]* rows, so there is nothing to tell by'
  has 'no state was written, and the model.s fallback 0.5 goes on answering'
  [ ! -f "$program/models/level_$plugin.state" ] || say "a model of inputs that never vary was made: $plugin"
done
level '"level", "streak_length", "workout_frequency_7d"'
run 0 "$KAIROS" train level_svr --program "$program" --users 80 --days 30
has '1 of 3 inputs are the same in all [0-9]* rows, so nothing is learned from them: level$'
run 0 "$KAIROS" model show level_svr --program "$program" --json
has '"calibration":{"method":"platt","rows":[0-9]*,"people":[1-9]'
rm "$program/models/level_svr.state"
sed -i 's/level_of_svr = {}/level_of_svr = { from = "likelihood" }/' "$program/models/level_svr.lua" # which no state makes good
run 1 "$KAIROS" train level_svr --program "$program" --users 80 --days 30
has 'models/level_svr.lua:1: output "likelihood": the plugin has no output of this name; it has "level_of_svr"$'
[ ! -f "$program/models/level_svr.state" ] || say "a model whose outputs are not the plugin's was trained"
run 3 "$KAIROS" check "$program"
has 'models/level_svr.lua:1: .*output "likelihood": the plugin has no output of this name; it has "level_of_svr"$'
sed -i 's/likelihood" }/level_of_svr" }/; s/level_of_svr = {/likelihood = {/; s/{ from = "level_of_svr" }/{}/' "$program/models/level_svr.lua"
run 3 "$KAIROS" check "$program"
has 'has "level_of_svr": write outputs = { likelihood = { from = "level_of_svr" } }$'
rm "$program"/models/level_* "$program/rules/level.lua"
run 2 "$KAIROS" evaluate
run 5 "$KAIROS" evaluate nobody --program "$program"
run 1 "$KAIROS" evaluate adherence --program "$program" --users 3 --days 3
has 'expected at least 50 and 20'
