#!/bin/sh
# The engine is killed in the middle of a training: the process that trains ends with it, nothing of what it did is served or on record, and
# the next start trains as if nothing had been. What a training needs for the moment lies with it, in the data directory: where temporary
# files lie, nothing may be run from, or nothing may be written, and what is killed would leave it there.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
. "$KAIROS_SOURCE/tests/flow/trees.sh"
export KAIROS_URL
children() { cat /proc/"$1"/task/*/children 2>/dev/null || true; }
# The process that trains, among the engine's: it was started with --out.
trainer() {
  for child in $(children "$engine"); do
    if tr '\0' ' ' <"/proc/$child/cmdline" 2>/dev/null | grep -q '^kairos retrain trees --out '; then echo "$child"; fi
  done
}
# Beside the process that starts plugin hosts, which is there from the beginning, one more: it learns, and its parent has set its bounds.
learners() {
  hosts=
  others=
  for child in $(children "$1"); do
    if tr '\0' ' ' <"/proc/$child/cmdline" 2>/dev/null | grep -q '^kairos plugin hosts'; then hosts=$child; else others="$others $child"; fi
  done
  [ -z "$hosts" ] || echo $others
}
gone() { # PROCESS…: ended
  for process in "$@"; do
    state=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$process/status" 2>/dev/null || true)
    case $state in '' | Z | X) ;; *) return 1 ;; esac
  done
}

# An engine that ended before the process that trains had looked: it goes at once.
KAIROS_TRAINS_FOR=1 run 6 "$KAIROS" retrain trees --out "$work/orphan.state" --program "$program" --data "$work/data"
has 'the engine that this training was for has ended'

people 100 40 3 2025-02-01 | swap >"$work/old"
people 100 40 3 2025-06-01 >"$work/first"
model ''
run 0 "$KAIROS" train trees --program "$program" --from "$work/old" --json
run 0 "$KAIROS" import "$work/first" --data "$work/data" --program "$program"
kept='retrain = { samples = 300, users = 20, positives = 50, shadow = 3 * days, outcomes = 1000000 },'
model "$kept"
sed -i 's/n_estimators = 20 /n_estimators = 2000, learning_rate = 0.01 /' "$program/models/all.lua" # it takes a moment
export TMPDIR="$work/nowhere"
start "$work/data" --program "$program"
KAIROS_URL=$url
before=$(version_of "$program/models/trees.state")
serves "$before" "the directory's state"
expect_call 202 POST /v1/models/trees/retrain
training=
learning=
tries=0
until [ -n "$learning" ]; do # it has read the journal, and a process of its own learns
  training=$(trainer)
  [ -z "$training" ] || learning=$(learners "$training")
  tries=$((tries + 1))
  [ $tries -lt 6000 ] || say "nobody learns"
done
kill -STOP "$training" # for as long as it takes
[ -d "$work/data/retrain" ] || say "the live program was not written down"
[ -n "$(find "$work/data/retrain" -name '*.so')" ] || say "the plugin that learns lies elsewhere than with the training"
stop_hard
tries=0
until gone $training $learning; do
  tries=$((tries + 1))
  [ $tries -lt 1200 ] || say "the process that trains outlived the engine"
  sleep 0.05
done

model "$kept"
start "$work/data" --program "$program"
KAIROS_URL=$url
serves "$before" "the state after the kill"
run 0 "$KAIROS" models history trees
hasnt 'candidate'
hasnt ' failed'
run 0 "$KAIROS" retrain trees
has 'trees: candidate: log loss'
wait_for "$work/serve.log" 'is live (trees: candidate: log loss'
stop
[ ! -e "$work/data/retrain" ] || say "what the training wrote is still there"
run 0 "$KAIROS" replay --verify --data "$work/data"
has ' 0 different'
