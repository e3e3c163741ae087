#!/bin/sh
# The nightly training, at three o'clock UTC wherever users live: not before, once a night, in the next night again, made up for when the
# engine was off at that hour, and not repeated because it was started again.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
. "$KAIROS_SOURCE/tests/flow/trees.sh"
engine_elsewhen TZ=Asia/Tokyo
export KAIROS_URL
tomorrow=$((($(date +%s) / 86400 + 1) * 86400))
clock() { # DAY HOUR [MINUTE]: for the engine, from here on; days from tomorrow on. The clock goes on from there.
  ahead $((tomorrow + $1 * 86400 + $2 * 3600 + ${3:-0} * 60 - $(date +%s)))
}
nights() { # COUNT: trainings by schedule since the start of the engine. One by hand first: the engine has looked at its clock by then.
  sleep 0.1 # the clock's file is looked at fifty times a second
  run 0 "$real" retrain trees
  has 'too few to learn from'
  equal "trainings by schedule" "$(grep -c 'trees: training, because of the nightly schedule' "$work/serve.log" || true)" "$1"
}
trained() { # COUNT: as many ended
  tries=0
  until [ "$(grep -c 'trees: trained because of the nightly schedule: kept: 0 rows of 0 people' "$work/serve.log")" = "$1" ]; do
    tries=$((tries + 1))
    [ $tries -lt 1200 ] || say "expected $1 nights"
    sleep 0.05
  done
}

people 60 30 3 2025-02-01 >"$work/people"
model 'retrain = { at = "03:00" },'
run 0 "$real" train trees --program "$program" --from "$work/people" --json
clock 0 1
start "$work/data" --program "$program"
KAIROS_URL=$url
nights 0
clock 0 3 1
trained 1
nights 1
clock 0 5
nights 1
clock 1 2
nights 1
clock 1 3 1
trained 2

# ---- started again in the same night: nothing; off in the next one: made up for ----
stop
clock 1 4
start "$work/data" --program "$program"
KAIROS_URL=$url
nights 0
clock 1 23
nights 0
stop
clock 2 12
start "$work/data" --program "$program"
KAIROS_URL=$url
trained 1
nights 1
stop
