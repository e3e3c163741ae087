#!/bin/sh
# Can a model be taken at its word, and is it as good for each group of people? By a field of the profile and by a feature of the program that makes ranges; whoever tells
# nothing is counted and left out, a handful is compared with nobody, and what would be no groups is refused with the way out.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
mkdir "$work/program"
cp -r "$KAIROS_SOURCE/rules" "$KAIROS_SOURCE/interventions" "$KAIROS_SOURCE/models" "$work/program/"
echo 'feature "age_range" { doc = "age by thirties", unit = "years", value = "floor(profile.demographics.age / 30) * 30" }' >"$work/program/rules/age.lua"
run 0 "$KAIROS" simulate --users 500 --days 60 --seed 3
cp "$work/out" "$work/events"
evaluate() { # EXIT-CODE, options
  code=$1
  shift
  run "$code" "$KAIROS" evaluate trees --program "$work/program" --from "$work/events" "$@"
}
number() { sed "s/.*$1\([0-9.]*\).*/\1/" "$work/out"; }
sum() { tr '{' '\n' <"$work/out" | sed -n "s/.*\"people\":\([0-9]*\),\"rows\":\([0-9]*\),\"compared\".*/\\$1/p" | awk '{ n += $1 } END { print n }'; }

# At its word, worked out once more by awk: rows, mean distance (ECE), Wilson's interval of each tenth.
evaluate 0 --json
hasnt '"by":'
sed 's/.*"reliability":\[//' "$work/out" | tr '{' '\n' | tr -c '0-9.\n-' ' ' >"$work/bins" # from rows predicted observed low high
awk -v ece="$(number '"calibration_error":')" -v rows="$(number '"test":{"rows":')" '
  function off(x, y) { x -= y; return x < 0 ? -x : x }
  NF >= 6 {
    n = $2; p = $4; z = 1.959963984540054
    m = (p + z * z / (2 * n)) / (1 + z * z / n); w = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    if (off($5, m - w) > 1e-5 || off($6, m + w) > 1e-5) { print "Wilson: " $0; exit 1 }
    if ($3 < $1 || $3 > $1 + 0.1) { print "outside of its tenth: " $0; exit 1 }
    all += n; sum += n * off($3, $4)
  }
  END { if (all != rows || off(sum / all, ece) > 1e-5) { print all, rows, sum / all, ece; exit 1 } }' "$work/bins" || say "its word is not what came"
evaluate 0
has '^What came of its predictions for other people: 0\.[0-9]* apart on average (ECE, ten bins)'
has '^| 0\.9 to 1\.0 | [0-9]* | 0\.9[0-9]* | [01]\.[0-9]* | 0\.[0-9]* to [01]\.[0-9]* |$'

evaluate 0 --by profile.demographics.fitnessLevel
has '^## By profile.demographics.fitnessLevel$'
has '^| beginner | [0-9]* | [0-9]* | 0\.[0-9]* | 0\.[0-9]* |'
has '^- accuracy: a gap of 0\.[0-9]*, 0\.[0-9]* expected by chance (p = [01]\.[0-9]*); from 0\.[0-9]* on it would be noticed'
hasnt 'left out'
evaluate 0 --by profile.demographics.fitnessLevel --json
equal "rows of all groups" "$(sum 2)" "$(number '"test":{"rows":')"
people=$(sum 1)
before=$(sed 's/.*"by"://' "$work/out")
evaluate 0 --by profile.demographics.fitnessLevel --json
equal "the same again" "$(sed 's/.*"by"://' "$work/out")" "$before"

evaluate 0 --by age_range --json
has '"30":{"people":[0-9]*,"rows":[0-9]*,"compared":true'
has '"60":{"people":[0-9]*,"rows":[0-9]*,"compared":false'
has '"gaps":{"selection_rate":{"gap":0\.[0-9]*,"ratio":0\.[0-9]*,"expected":0\.'
has '"max_disparity":0\.'
equal "people of all ages" $(($(sum 1) + $(number '"unknown":'))) "$people"

sed '/"userId":"sim-...[0-4]"/s/"fitnessLevel":"[a-z]*"/"fitness":1/' "$work/events" >"$work/silent"
mv "$work/silent" "$work/events"
evaluate 0 --by profile.demographics.fitnessLevel --json
unknown=$(number '"unknown":')
[ "$unknown" -gt $((people / 4)) ] || say "only $unknown of $people are not known"
equal "known and not known" $(($(sum 1) + unknown)) "$people"
evaluate 0 --by profile.demographics.fitnessLevel
has "of $unknown it is not known, they are left out"

evaluate 1 --by profile.demographics.age
has 'more than 32 values: a feature that makes ranges of it'
evaluate 5 --by profile.gender
has 'of nobody with a row is profile.gender known'
evaluate 5 --by age_rang
has 'no feature of the program and no profile.… name (did you mean "age_range"?)'
evaluate 2 --by age_range --folds 3
has 'by does not go with --folds'
run 1 "$KAIROS" evaluate adherence_blend --program "$work/program" --by age_range
has 'takes no --by: ask its parts'
