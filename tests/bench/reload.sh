#!/bin/sh
# Measures reloads (H2, H3): a program of 200 rules is edited again and again while 5 000 events/s are offered. Prints one line for report.lua:
# from the last write to live (the 200 ms of silence included), from the settled files to live, and p99 of requests without and with
# reloads, one after the other on the same engine, each in a first and a second half, so that a machine that changes its speed shows. Who
# edits and looks does so in both at the same pace: its own processes take places in the run queue too.
# usage: tests/bench/reload.sh BUILD SECONDS [RATE]
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
  "$build/tests/calling" "$port" 64 "$rate" 10000 >"$1" &
  caller=$!
}
enough() {
  kill -TERM $caller
  wait $caller || { cat "$1" >&2; exit 1; }
  caller=
}
p99() { sed 's/.*p99 \([0-9.]*\) ms.*/\1/' "$1"; }
more() { awk -v a="$(p99 "$1")" -v b="$(p99 "$2")" 'BEGIN { printf "%.2f", b - a }'; }
lives() { grep -c ' is live (' "$scratch/log" || true; }

# One edit and what is looked at after it, about three times a second. Without a program's file: only the looking.
count=0
edit() { # the file, or nothing
  if [ -z "$1" ]; then
    lives >/dev/null
    sleep 0.15
    lives >/dev/null
    sleep 0.15
    return
  fi
  count=$((count + 1))
  echo "-- $count" >>"$1"
  written=$(date +%s%N)
  tries=0
  until sleep 0.15 && [ "$(lives)" -ge $count ]; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] || { cat "$scratch/log" >&2; exit 1; }
  done
  at=$(sed -n 's/^\([^ ]*\) .* is live (.*/\1/p' "$scratch/log" | tail -n 1)
  echo "$((($(date -d "$at" +%s%N) - written) / 1000000)) $(sed -n 's/.*live after \([0-9.]*\) ms/\1/p' "$scratch/log" | tail -n 1)" >>"$scratch/times"
}
half() { # FILE of figures, edit (or empty)
  call "$1"
  end=$(($(date +%s%N) + ${seconds%.*} * 500000000))
  while [ "$(date +%s%N)" -lt $end ]; do edit "${2:+$p/rules/rule_$(((count + 1) % 200 + 1)).lua}"; done
  enough "$1"
}
call "$scratch/warm"
sleep 2
enough "$scratch/warm"
half "$scratch/alone1" ''
half "$scratch/with1" edits
half "$scratch/alone2" ''
half "$scratch/with2" edits
quantile() { cut -d ' ' -f "$1" "$scratch/times" | sort -n | awk -v q="$2" '{ t[NR] = $1 } END { i = int(NR * q); print t[i < 1 ? 1 : i] }'; }
printf 'reload {"reloads":%s,"written_p50_ms":%s,"written_p99_ms":%s,"settled_p50_ms":%s,"settled_p99_ms":%s,"p99_alone_ms":%s,"p99_alone_again_ms":%s,"p99_ms":%s,"p99_again_ms":%s,"p99_more_ms":%s,"p99_more_again_ms":%s}\n' \
  "$count" "$(quantile 1 0.5)" "$(quantile 1 0.99)" "$(quantile 2 0.5)" "$(quantile 2 0.99)" \
  "$(p99 "$scratch/alone1")" "$(p99 "$scratch/alone2")" "$(p99 "$scratch/with1")" "$(p99 "$scratch/with2")" \
  "$(more "$scratch/alone1" "$scratch/with1")" "$(more "$scratch/alone2" "$scratch/with2")"
