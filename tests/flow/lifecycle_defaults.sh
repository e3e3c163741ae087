#!/bin/sh
# A fresh installation keeps its models by itself: every model of the default program that learns says when and from what it is trained
# again, as the source document asks (K02, K03, K05); its state knows what it was trained on, so drift can be seen; and it is asked at the
# events that it learns from, also where no rule wants it, so that there are outcomes to judge it by.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
export KAIROS_URL
kept="adherence trees sequence performance plateau churn"
"$KAIROS" simulate --users 20 --days 70 --seed 3 --start 2025-06-01 2>/dev/null >"$work/people"
run 0 "$KAIROS" import "$work/people" --data "$work/data" --program "$KAIROS_SOURCE"
start "$work/data" --program "$KAIROS_SOURCE"
KAIROS_URL=$url
of() { # MODEL: its object
  sed 's/{"model":"/\n&/g' "$work/out" | grep "^{\"model\":\"$1\""
}
learned() {
  run 0 "$KAIROS" models list --json
  for name in $kept; do of "$name" | grep -q '"live":{"outcomes":[1-9]' || return 1; done
}
becomes "that every model has outcomes" learned
for name in $kept; do
  of "$name" | grep -q '"retrain":{"at":"03:00","lookback_days":90,"samples":10000,"gain":0.05,' || say "$name is not kept: $(of "$name")"
  of "$name" | grep -q '"drift":{"rows":[0-9]*,"score":[^,]*,"threshold":0.3,' || say "$name has no drift: $(of "$name")"
  of "$name" | grep -q '"baseline_accuracy":0\.[0-9]' || say "$name does not know how good it was: $(of "$name")"
done
stop
run 0 "$KAIROS" replay --recompute --verify --data "$work/data"
has ' 0 different'
