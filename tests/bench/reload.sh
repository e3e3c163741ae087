#!/bin/sh
# Measures reloads (H2, H3): a program of 200 rules is edited again and again while 5 000 events/s are offered. Prints one line for report.lua:
# from the last write to live (the 200 ms of silence included), from the settled files to live, and p99 of requests without and with
# reloads, one after the other on the same engine. usage: tests/bench/reload.sh BUILD SECONDS [RATE]
set -eu
source=$(cd "$(dirname "$0")/../.." && pwd)
build=$1
seconds=$2
rate=${3:-5000}
scratch=$(mktemp -d -p "${BENCH_DIR:-${TMPDIR:-/tmp}}" kairos-reload.XXXXXX)
. "$source/tests/bench/engine.sh"

p=$scratch/p
mkdir -p "$p/rules" "$p/interventions"
cat >"$p/rules/all.lua" <<'LUA'
event "check_in" { fields = { stressLevel = { type = "number", low = 0, high = 10 } } }
LUA
cat >"$p/interventions/all.lua" <<'LUA'
intervention "breathe" { channel = "push", expires = 2 * hours, message = { en = "Breathe out slowly." } }
LUA
i=0
while [ $i -lt 200 ]; do
  i=$((i + 1))
  echo "trigger \"rule_$i\" { why = \"A rule.\", on = { \"check_in\" }, when = \"event.stressLevel > 9.$i and stress_level > 8\", offer = { \"breathe\" } }" >"$p/rules/rule_$i.lua"
done
serve --program "$p"

call() { # FILE: for so many seconds
  "$build/tests/calling" "$port" 32 "$rate" 10000 >"$1" &
  caller=$!
}
enough() {
  kill -TERM $caller
  wait $caller || { cat "$1" >&2; exit 1; }
  caller=
}
p99() { sed 's/.*p99 \([0-9.]*\) ms.*/\1/' "$1"; }
call "$scratch/warm"
sleep 2
enough "$scratch/warm"
call "$scratch/alone"
sleep "$seconds"
enough "$scratch/alone"

call "$scratch/reloading"
end=$(($(date +%s) + ${seconds%.*}))
count=0
while [ "$(date +%s)" -lt $end ]; do
  count=$((count + 1))
  echo "-- $count" >>"$p/rules/rule_$((count % 200 + 1)).lua"
  written=$(date +%s%N)
  tries=0
  until [ "$(grep -c ' is live (' "$scratch/log")" -ge $count ]; do
    tries=$((tries + 1))
    [ $tries -lt 1000 ] || { cat "$scratch/log" >&2; exit 1; }
    sleep 0.01
  done
  at=$(sed -n 's/^\([^ ]*\) .* is live (.*/\1/p' "$scratch/log" | tail -n 1)
  echo "$((($(date -d "$at" +%s%N) - written) / 1000000)) $(sed -n 's/.*live after \([0-9.]*\) ms/\1/p' "$scratch/log" | tail -n 1)" >>"$scratch/times"
done
enough "$scratch/reloading"
quantile() { cut -d ' ' -f "$1" "$scratch/times" | sort -n | awk -v q="$2" '{ t[NR] = $1 } END { i = int(NR * q); print t[i < 1 ? 1 : i] }'; }
printf 'reload {"reloads":%s,"written_p50_ms":%s,"written_p99_ms":%s,"settled_p50_ms":%s,"settled_p99_ms":%s,"p99_alone_ms":%s,"p99_ms":%s,"p99_more_ms":%s}\n' \
  "$count" "$(quantile 1 0.5)" "$(quantile 1 0.99)" "$(quantile 2 0.5)" "$(quantile 2 0.99)" "$(p99 "$scratch/alone")" "$(p99 "$scratch/reloading")" \
  "$(awk -v a="$(p99 "$scratch/alone")" -v b="$(p99 "$scratch/reloading")" 'BEGIN { printf "%.2f", b - a }')"
