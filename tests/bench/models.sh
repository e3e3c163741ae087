#!/bin/sh
# What a decision costs that asks an lstm, an svr and a gbm: single events over HTTP, 64 connections, each answered when it is durable. The
# program is the default one's models and words with one trigger that reads all three for every event and is never true, so that nothing but
# asking is added. The 500 users have lived 35 simulated days, so that windows are full. Prints `models {json}` with the models inside the
# engine, and `models_hosted {json}` with each in a process of its own; CPU seconds are those of the engine and all its processes.
# usage: models.sh BUILD_DIRECTORY SECONDS [DIRECTORY for scratch]
set -eu
build=$1
seconds=$2
source=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d -p "${3:-${TMPDIR:-/tmp}}" kairos-models.XXXXXX)
users=500
. "$source/tests/bench/engine.sh"

make_program() { # isolation
  mkdir -p "$scratch/program/rules"
  rm -rf "$scratch/program/models"
  cp -r "$source/models" "$source/interventions" "$scratch/program"
  cp "$source/rules/features.lua" "$source/rules/plans.lua" "$source/rules/vocabulary.lua" "$scratch/program/rules"
  for model in adherence sequence trees; do
    sed -i "s/^  state = \"$model.state\",/&\n  isolate = \"$1\",/" "$scratch/program/models/$model.lua"
    sed -i '/^ *retrain = {/d' "$scratch"/program/models/*.lua # nobody trains beside what is measured
  done
  cat >"$scratch/program/rules/views.lua" <<'RULES'
trigger "three_views" {
  why = "Three models see the same future, and none is ever this sure.",
  on = { "app_interaction", "workout_completed" },
  when = "adherence_probability + sequence_probability + trees_probability > 2.999",
  offer = { "barrier_prevention" },
}
RULES
}

# The last 35 days of simulated people, under the names that the load generator knows.
live() {
  "$build/kairos" simulate --users $users --days 35 --seed 7 --start "$(date -u -d '35 days ago' +%F)" |
    sed 's/"userId":"sim-\([0-9]*\)"/"userId":"user-000\1"/' | split -l 2000 - "$scratch/lived."
  for part in "$scratch"/lived.*; do
    curl -fsS -o /dev/null -H 'Content-Type: application/x-ndjson' --data-binary "@$part" "http://127.0.0.1:$port/v1/events?clock=event"
    rm "$part"
  done
  "$build/bench/load" --port "$port" --opt-in --users $users --count $users --seconds 60 >/dev/null
}

# Ticks of processor time of a process and of all that descend from it.
ticks() {
  cat /proc/[0-9]*/stat 2>/dev/null | sed 's/(.*)/x/' | awk -v root="$1" '{ parent[$1] = $4; used[$1] = $14 + $15 + $16 + $17 }
    END { for (p in parent) { for (at = p; at > 1 && at != root; at = parent[at]) continue; if (at == root) sum += used[p] } print sum + 0 }'
}

measure() { # name of the line
  "$build/bench/load" --port "$port" --users $users --connections 64 --count 20000 --seconds 5 >/dev/null # every user's models are warm
  before=$(ticks "$engine")
  "$build/bench/load" --port "$port" --users $users --connections 64 --seconds "$seconds" --count 100000000 --json >"$scratch/line"
  after=$(ticks "$engine")
  asked=$(curl -fsS "http://127.0.0.1:$port/v1/users/user-0000001" | grep -o '"\(adherence\|sequence\|trees\)_probability":[0-9.]*' | wc -l)
  events=$(sed 's/.*"events_accepted":\([0-9]*\).*/\1/' "$scratch/line")
  printf '%s {"cpu_seconds_per_100k":%s,"beliefs":%s,%s\n' "$1" \
    "$(awk -v t=$((after - before)) -v h="$(getconf CLK_TCK)" -v e="$events" 'BEGIN { printf "%.2f", t / h / e * 100000 }')" "$asked" \
    "$(sed 's/^{//; s/"cpu_seconds_per_100k":[^,}]*,\{0,1\}//' "$scratch/line")"
}

make_program none
serve --program "$scratch/program"
live
measure models
stop
make_program process
serve --program "$scratch/program"
measure models_hosted
