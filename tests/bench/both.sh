#!/bin/sh
# Compares two builds where the machine's speed changes from minute to minute: both engines run at the same time, each with its generator
# on a processor of its own, then they change places; what is compared is the processor time that an event costs, within each round.
# usage: tests/bench/both.sh [--rounds N] [--seconds S] BUILD BUILD [load options…]      default: 6 rounds of 3 s, 64 connections
# A BUILD is a build directory (build/release); the second is divided by the first. Wants two processors and nothing else on them.
set -eu
source=$(cd "$(dirname "$0")/../.." && pwd)
rounds=6
seconds=3
while [ $# -gt 0 ]; do
  case $1 in
    --rounds) rounds=$2; shift 2 ;;
    --seconds) seconds=$2; shift 2 ;;
    -h | --help) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | sed '$d'; exit 0 ;;
    -*) echo "both.sh: unknown option $1" >&2; exit 2 ;;
    *) break ;;
  esac
done
[ $# -ge 2 ] || { echo "both.sh: two build directories are asked for (--help)" >&2; exit 2; }
first=$1 second=$2
shift 2
for tool in "$first/kairos" "$first/bench/load" "$second/kairos" "$second/bench/load"; do
  [ -x "$tool" ] || { echo "both.sh: $tool is missing; scripts/build release makes it" >&2; exit 1; }
done
meeting=$(mktemp -d -p "${BENCH_DIR:-${TMPDIR:-/tmp}}" kairos-both.XXXXXX)
one='' other=''
trap 'kill $one $other 2>/dev/null || true; rm -rf "$meeting"' EXIT
trap 'exit 130' INT TERM

ticks() { awk '{ print $14, $15 }' "/proc/$1/stat"; }

# One engine and its generator on processor $2; writes user and all microseconds an event to $meeting/$3.
side() (
  build=$1
  mine=$3
  scratch=$meeting/$mine.d
  mkdir "$scratch"
  . "$source/tests/bench/engine.sh"
  . "$source/tests/bench/people.sh"
  taskset -pc "$2" "$(sh -c 'echo $PPID')" >/dev/null
  shift 3
  serve --program "$source/tests/bench/program"
  people
  "$build/bench/load" --port "$port" --pid "$engine" --seconds 1 --count 100000000 --json "$@" >/dev/null
  touch "$meeting/$mine.ready"
  until [ -e "$meeting/go" ]; do sleep 0.02; done
  before=$(ticks "$engine")
  "$build/bench/load" --port "$port" --pid "$engine" --seconds "$seconds" --count 100000000 --json "$@" >"$scratch/line"
  events=$(sed 's/.*"events_accepted":\([0-9]*\).*/\1/' "$scratch/line")
  echo "$before $(ticks "$engine") $events $(getconf CLK_TCK)" |
    awk '{ k = 1e6 / $6 / $5; printf "%.2f %.2f\n", ($3 - $1) * k, ($3 + $4 - $1 - $2) * k }' >"$meeting/$mine"
)

echo "CPU microseconds an event, user and all: $first | $second | ratios"
round=0
while [ $round -lt "$rounds" ]; do
  side "$first" $((round % 2)) a "$@" &
  one=$!
  side "$second" $((1 - round % 2)) b "$@" &
  other=$!
  until [ -e "$meeting/a.ready" ] && [ -e "$meeting/b.ready" ]; do
    sleep 0.1
    { kill -0 $one && kill -0 $other; } 2>/dev/null || { echo "both.sh: an engine did not come up" >&2; exit 1; }
  done
  touch "$meeting/go"
  wait $one $other
  paste -d ' ' "$meeting/a" "$meeting/b" | awk '{ printf "%s %s | %s %s | %.3f %.3f\n", $1, $2, $3, $4, $3 / $1, $4 / $2 }' | tee -a "$meeting/all"
  rm -rf "$meeting/a" "$meeting/b" "$meeting"/*.ready "$meeting"/*.d "$meeting/go"
  round=$((round + 1))
done
awk '{ u += log($(NF - 1)); a += log($NF); n++ } END { printf "the second to the first, geometric means of %d: user %.3f, all %.3f\n", n, exp(u / n), exp(a / n) }' "$meeting/all"
