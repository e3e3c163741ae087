#!/bin/sh
# Real people (HeartSteps V1, 37 of them): too few to make a model that may be served, enough to say what each plugin could learn. Each is
# judged by people it has not seen, beside the base rate and its champions; the same again gives the same figures; nothing is written.
# KAIROS_FOLDS=10 runs the whole table of docs/MODELS.md and prints it; the suite's form is a small part of it.
set -eu
events=${KAIROS_HEARTSTEPS:-$KAIROS_SOURCE/../shared/data/heartsteps-v1/events.ndjson}
[ -f "$events" ] || { echo "heartsteps_models: no data at $events (KAIROS_HEARTSTEPS names it): skipped"; exit 77; }
. "$KAIROS_SOURCE/tests/flow/engine.sh"
program=$work/program
mkdir -p "$program/rules" "$program/models"
cp "$KAIROS_SOURCE/tests/heartsteps/rules/vocabulary.lua" "$KAIROS_SOURCE/tests/heartsteps/evaluation/features.lua" "$program/rules/"
cp "$KAIROS_SOURCE/tests/heartsteps/evaluation/models.lua" "$program/models/"

if [ "${KAIROS_FOLDS:-}" ]; then
  for model in active_trees active_machine active_sequence good_trees good_machine good_sequence; do
    "$KAIROS" evaluate $model --program "$program" --from "$events" --folds "$KAIROS_FOLDS" 2>"$work/err" || say "$model: $(tail -1 "$work/err")"
  done
  exit 0
fi

judge() { # model: its figures lie in $work/figures
  run 0 "$KAIROS" evaluate "$1" --program "$program" --from "$events" --folds 3 --json
  grep '^{' "$work/out" >"$work/figures"
  for champion in logistic last_value base_rate; do has "\"$champion\":{\"rows\":[1-9]"; done
  has '"folds":3'
  has '"ceiling":null' # nobody knows everything of real people
}
number() { # line of figures, figure
  sed -n "s/.*\"$1\":{\"rows\":[^}]*\"$2\":\([-0-9.e]*\).*/\1/p" "$work/figures"
}
gain() { sed -n "s/.*\"$1\":\([-0-9.e]*\).*/\1/p" "$work/figures"; }

judge active_trees
has '"test":{"rows":7233,"base_rate":0.490806,"majority_accuracy":0.509194'
awk -v a="$(number test accuracy)" -v m="$(number test majority_accuracy)" -v g="$(gain over_base_rate)" -v s="$(gain over_base_rate_error)" \
  'BEGIN { exit !(a > m && g > 2 * s) }' || say "boosted trees say nothing about the next half hour that the base rate does not"
judge good_machine
judge good_sequence # where the plugin refuses to make a model, the base rate stands for it
has '"folds_refused":[0-3]'
judge good_trees
has '"test":{"rows":1962,"base_rate":0.719164'

run 0 "$KAIROS" evaluate good_trees --program "$program" --from "$events" --folds 3 # the same figures again, as a card
has 'Cross-validated: the people were dealt to 3 groups'
has "| \*\*other people\*\* | 1962 | 0.7192 | 0.7192 | $(awk -v a="$(number test accuracy)" 'BEGIN { printf "%.4f", a }') |"
has '| the base rate alone, other people | 1962 | 0.7192 |'
has 'Log loss 0.[0-9]* on people it has not seen: .* logistic regression .* the base rate alone'

# ---- they may not be served ----
run 1 "$KAIROS" train good_trees --program "$program" --from "$events"
has 'too little to learn from: 37 people, .* expected at least 50 people and 100 of it'
has 'no state was written'
[ -z "$(find "$program" -name '*.state' -o -name '*.card.md')" ] || say "a state or card was written"

# ---- slips ----
run 2 "$KAIROS" evaluate good_trees --program "$program" --from "$events" --folds 1
has 'folds: expected 2 to 1000'
run 1 "$KAIROS" evaluate good_trees --program "$program" --from "$events" --folds 40
has '37 people with rows; expected at least one in each of 40 folds'
run 2 "$KAIROS" evaluate good_trees --program "$program" --from "$events" --folds 2 --state x
has 'state does not go with --folds'
