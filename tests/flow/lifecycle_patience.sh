#!/bin/sh
# Outcomes that do not come: a candidate is dropped after 28 days, over restarts, and trainings go on; what was deployed settles likewise.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
. "$KAIROS_SOURCE/tests/flow/trees.sh"
engine_elsewhen
export KAIROS_URL
lies() { # ROLE, or none
  run 0 "$real" models list
  if [ "$1" = none ]; then ! grep -q '    beside: ' "$work/out"; else grep -q "    beside: $1" "$work/out"; fi
}
stays() { # ROLE WHEN: the engine looks several times a second
  sleep 2
  lies "$1" || say "$2: expected a $1 beside"
}

people 60 30 3 2025-02-01 >"$work/people"
people 60 30 4 2025-02-01 | swap >"$work/others"
model 'retrain = { at = "03:00" },'
run 0 "$real" train trees --program "$program" --from "$work/others" --json
cp "$program/models/trees.state" "$work/other.state"
run 0 "$real" train trees --program "$program" --from "$work/people" --json
# A midnight between the two clocks would put the day off by one.
[ "$(date -u +%H%M)" -lt 2358 ] || sleep 125
start "$work/data" --program "$program"
KAIROS_URL=$url
run 0 "$real" models add trees "$work/other.state"
becomes "the candidate" lies candidate
has ", no outcomes yet: given up on $(date -u -d '28 days' +%Y-%m-%d)"
ahead $((27 * 86400))
stays candidate "after 27 days"
has ", no outcomes yet: given up on $(date -u -d '28 days' +%Y-%m-%d)"
stop
start "$work/data" --program "$program"
KAIROS_URL=$url
stays candidate "started on day 27"
has ", no outcomes yet: given up on $(date -u -d '28 days' +%Y-%m-%d)"
sed -i 's/within = 18/within = 17/' "$program/models/all.lua" # other outcomes are waited for from here on, the same candidate is
edited() { grep -q 'the directory changed' "$work/serve.log"; }
becomes "the edit" edited
stays candidate "after an edit on day 27"
ahead $((29 * 86400))
becomes "nothing beside after 29 days" lies none
run 0 "$real" models history trees
has 'dropped'
has 'in 29 days 0 outcomes over 0.0 days, too few to tell: expected 200 over 7.0'
goes_on() { grep -q 'trees: trained because of the nightly schedule' "$work/serve.log"; }
becomes "a training in the next night" goes_on

# ---- what was deployed: the state before is kept beside it as long ----
run 0 "$real" models add trees "$work/other.state"
becomes "the second candidate" lies candidate
run 6 "$real" models deploy trees previous
has 'only a candidate lies beside the served state'
run 0 "$real" models deploy trees candidate
becomes "the state before" lies previous
ahead $((56 * 86400))
stays previous "27 days after"
ahead $((58 * 86400))
becomes "nothing beside 29 days after" lies none
run 0 "$real" models history trees
has 'settled'
serves "$(version_of "$work/other.state")" "what was deployed"
stop
run 0 "$real" replay --verify --data "$work/data"
has ' 0 different'
