#!/bin/sh
# The default program's own models about people who live now: the assessment's predictions come from trained models and say so, injury risk
# from a rule that says what it is; each model that answers is explained, the network by integrated gradients; and what was learned is told
# beside the ceiling of the population that it was learned on.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
run 0 "$KAIROS" init "$work/program"
"$KAIROS" simulate --users 4 --days 30 --seed 5 --start "$(date -u -d '30 days ago' +%Y-%m-%d)" >"$work/events"
run 0 "$KAIROS" import "$work/events" --data "$work/data" --program "$work/program"
start "$work/data" --program "$work/program"

told=0
for user in sim-0000 sim-0001 sim-0002 sim-0003; do
  expect_call 200 GET "/v1/users/$user/insights"
  sed 's/.*"assessment":/"assessment":/' "$work/answer" >"$work/out"
  : >"$work/err"
  has '"individual_predictions":{[^}]*"injury_risk":null'
  has '"injury_risk":"descriptive"'
  has '"injury_risk":"no number: training load describes a spike'
  for name in adherence performance plateau churn; do
    grep -q "\"explanation\":{.*\"$name\":\"\(platt\|isotonic\|none\|model, not calibrated\)\"" "$work/out" || continue
    grep -q "\"individual_predictions\":{[^}]*\"$name\":[0-9]" "$work/out" || say "$user: a model answers for $name, and no number is there"
    told=$((told + 1))
  done
done
[ $told -ge 8 ] || { cat "$work/out" >&2; say "of 16 predictions only $told come from a model"; }

expect_call 200 GET /v1/users/sim-0001
cp "$work/answer" "$work/out"
has '"sequence":{"calibration":"platt",.*"method":"integrated gradients, 50 steps, from the person.s own means","scale":"log odds"'
has '"trees":{"calibration":"platt",.*"method":"TreeSHAP'
has '"churn_risk":0\.'
has '"churn":{[^}]*"method":"slope times the distance from the training mean","scale":"log odds of the hazard in the next step"'
has '"churn":{.*"input":{"distance":[0-9.]*,"bound":[0-9.]*,"atypical":\(true\|false\),"furthest":"[a-z_0-9]*"'
stop

# ---- somebody like nobody that the model learned from ----
printf '%s\n' '{"inputs":{"workout_frequency_7d":3,"habit_frequency":0.6,"days_since_start":20,"app_interactions_7d":6}}' \
  '{"inputs":{"workout_frequency_7d":90,"habit_frequency":0.6,"days_since_start":20,"app_interactions_7d":6}}' >"$work/rows"
run 0 "$KAIROS" predict performance "$work/rows" --program "$work/program" --typical
sed -n 1p "$work/out" | grep -q '"atypical":false' || say "a usual person is called atypical: $(sed -n 1p "$work/out")"
sed -n 2p "$work/out" | grep -q '"atypical":true,"furthest":"workout_frequency_7d"' || say "90 workouts a week are no surprise: $(sed -n 2p "$work/out")"
run 0 "$KAIROS" predict performance "$work/rows" --program "$work/program"
hasnt '"input"'

# ---- how good a model of these people could be ----
run 0 "$KAIROS" evaluate trees --program "$work/program" --users 150 --days 42 --seed 3 --json
has '"ceiling":{"rows":[1-9]'
ceiling=$(sed -n 's/.*"ceiling":{[^}]*"log_loss":\([0-9.]*\).*/\1/p' "$work/out")
model=$(sed -n 's/.*"test":{[^}]*"log_loss":\([0-9.]*\).*/\1/p' "$work/out")
awk -v c="$ceiling" -v m="$model" 'BEGIN { exit !(c > 0.3 && c < m && m < 0.66) }' || say "log loss $model, ceiling $ceiling: no model is better than who knows everything"
run 0 "$KAIROS" evaluate churn --program "$work/program" --users 300 --days 84 --seed 3 --json
has '"ceiling":null'
