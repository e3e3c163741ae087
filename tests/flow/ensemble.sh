#!/bin/sh
# Models that are weighed together: each is trained and calibrated on people of its own, the engine asks the parts when a rule reads the
# combination, records all of them, and replays to the same bytes; a part that is killed is left out, and the rest carries on.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
program=$work/program
small_program "$program"
mkdir -p "$program/models"
cat >>"$program/rules/all.lua" <<'LUA'
event "workout_planned" {}
event "workout_completed" {}
trigger "doubt" { why = "A test.", on = { "workout_planned" }, when = "blended < 2", offer = { "breathe_out" } }
intervention "breathe_out" { channel = "push", expires = 2 * hours, message = { en = "Breathe." } }
LUA
cat >"$program/models/all.lua" <<'LUA'
local inputs = { "workout_frequency_7d", "workout_frequency_30d", "success_rate", "habit_strength", "streak_length", "stress_level" }
local train = { on = "workout_planned", target = "workout_completed", within = 18 * hours, calibrate = "platt", rows = 600 }
model "trees" {
  plugin = "gbm", inputs = inputs, outputs = { "by_trees" }, state = "trees.state", train = train,
  config = { output = { name = "by_trees" }, n_estimators = 20 },
}
model "machine" {
  plugin = "svr", inputs = inputs, outputs = { "by_machine" }, state = "machine.state", train = train,
  config = { output = { name = "by_machine" }, C = 0.5, gamma = 0.01 },
}
model "both" {
  combine = { trees = 0.6, by_machine = 0.4 }, outputs = { blended = {}, doubt = { from = "disagreement" } },
}
LUA

# ---- training: figures, calibration, and a state that carries it ----
for model in trees machine; do
  run 0 "$KAIROS" train $model --program "$program" --users 150 --days 60 --json
  has '"calibration":{"method":"platt","rows":[0-9]*,"people":[0-9]*,"a":-'
  has '"quantile":0\.[0-9]*,"conformalRows":'
  has '"test":{"rows":'
done
run 0 "$KAIROS" train both --program "$program" --users 150 --days 60
has '^  with these weights  *[1-9][0-9]* rows, accuracy 0\.'
has '^  combine = { by_[a-z]* = 0\.[0-9]*, by_[a-z]* = 0\.[0-9]*, },$'
hasnt '"learned"'
run 0 "$KAIROS" train both --program "$program" --users 150 --days 60 --json
has '"learned":true,"given":{"by_[a-z]*":0\.[46],"by_[a-z]*":0\.[46]},"weights":{'
has '"with these weights":{"rows":'
run 0 "$KAIROS" train both --program "$program" --users 60 --days 12 --json # few people: the weights stay
has '"learned":false'
run 0 "$KAIROS" evaluate both --program "$program" --users 150 --days 60
has '^Combines 0\.[46] of `by_[a-z]*`, 0\.[46] of `by_[a-z]*`\.$'
has '^| \*\*other people\*\* | [1-9]'
has '^| its part `by_[a-z]*` alone | [1-9]'
has '^| logistic regression, other people | [1-9]'
has ' It is [a-z ]* its best part alone (`by_'
run 0 "$KAIROS" evaluate both --program "$program" --users 150 --days 60 --json
for key in test champions gain parts; do has "\"$key\":{"; done
has '"train":null'
mixed=$(sed 's/.*"test":\({[^}]*}\).*/\1/' "$work/out")
run 0 "$KAIROS" train both --program "$program" --users 150 --days 60 --json # says the same of the file's weights
has "\"with given weights\":$mixed"
run 1 "$KAIROS" evaluate both --program "$program" --folds 3
has 'both combines other models and has no weights of its own, so it takes no --folds'
run 1 "$KAIROS" predict both --program "$program"
has 'both combines other models'
run 0 "$KAIROS" model show trees --program "$program" --json
has '"method":"platt"'
run 0 "$KAIROS" check "$program"

# ---- serving ----
cp "$program/models/trees.state" "$program/models/trees.candidate.state" # beside: asked when the served one is
start "$work/data" --program "$program"
expect_call 200 PUT /v1/users/anna '{"timezone":"Etc/UTC","age":40}'
expect_call 409 POST /v1/models/both/retrain # it has no state of its own; it is there, though
i=0
while [ $i -lt 6 ]; do
  expect_call 200 POST /v1/events "{\"userId\":\"anna\",\"eventType\":\"workout_completed\",\"timestamp\":\"$(now)\",\"data\":{}}"
  i=$((i + 1))
done
plan() { expect_call 200 POST /v1/events "{\"userId\":\"anna\",\"eventType\":\"workout_planned\",\"timestamp\":\"$(now)\",\"data\":{}}"; }
plan
expect_call 200 GET /v1/users/anna
number() { sed -n "s/.*\"$1\":\([0-9.]*\).*/\1/p" "$work/answer" | head -n 1; }
explained=$(sed 's/.*"explanations"://' "$work/answer")
for words in '"trees":{"calibration":"platt","confidence":"[a-z]*","method":"TreeSHAP, path-dependent","scale":"log odds","base":-*[0-9]' \
  '"machine":{"calibration":"platt","confidence":"[a-z]*","method":"occlusion' '"factors":\[{"input":"[a-z_0-9]*","value":[0-9.-]*,"moved":-*[0-9]'; do
  echo "$explained" | grep -q -e "$words" || { echo "$explained" >&2; say "expected $words in the explanations"; }
done
check_blend() { # the combination is what its parts make it, to the last of six digits
  awk -v t="$(number by_trees)" -v m="$(number by_machine)" -v b="$(number blended)" -v d="$(number doubt)" 'BEGIN {
    apart = t > m ? t - m : m - t; off = 0.6 * t + 0.4 * m - b
    exit !(t > 0 && t < 1 && m > 0 && m < 1 && off * off < 1e-11 && (apart - d) * (apart - d) < 1e-11) }' ||
    { cat "$work/answer" >&2; say "blended is not what its parts make it"; }
}
check_blend
expect_call 200 GET "/v1/users/anna/export"
grep '"kind":"event".*"blended"' "$work/answer" | head -n 1 >"$work/row"
[ -s "$work/row" ] || { cat "$work/answer" >&2; say "no belief was recorded"; }
grep -q '"by_trees":[0-9.]*.*"by_machine":[0-9.]*' "$work/row" || grep -q '"by_machine":[0-9.]*.*"by_trees":[0-9.]*' "$work/row" ||
  say "the parts were not recorded with the combination"
grep -q '"trees.candidate.by_trees":0' "$work/row" || say "what lies beside was not asked"
cp "$work/row" "$work/answer"
check_blend

# ---- insights ----
expect_call 200 GET "/v1/users/anna/insights?weather=rain"
for name in context_prediction schedule_predictor weather_impact_model stress_predictor energy_predictor optimal_workout_window reasoning \
  backup_plans performance_forecast injury_risk_forecast burnout_risk_forecast plateau_risk_forecast breakthrough_opportunities \
  optimal_progression_path habit_strengthening_opportunities individual_predictions integrated_assessment recommended_actions \
  confidence_scores explanation; do
  grep -q "\"$name\":" "$work/answer" || { cat "$work/answer" >&2; say "no $name in the insights"; }
done
expect_call 404 GET /v1/users/nobody/insights
expect_call 400 GET "/v1/users/anna/insights?date=1999-12-31"
expect_call 400 GET "/v1/users/anna/insights?weather=$(printf '%050d' 0)"

# ---- a part is killed ----
expect_call 200 PUT /v1/kill/model/trees
plan
expect_call 200 GET "/v1/users/anna/export"
grep '"by_trees":null' "$work/answer" | head -n 1 >"$work/row"
grep -q '"trees.candidate.by_trees":null' "$work/row" || say "what lies beside a killed model was asked"
cp "$work/row" "$work/answer"
awk -v m="$(number by_machine)" -v b="$(number blended)" 'BEGIN { exit !(m > 0 && m == b) }' || { cat "$work/row" >&2; say "the part that is left is not what is said"; }
stop
run 0 "$KAIROS" replay --verify --data "$work/data"
