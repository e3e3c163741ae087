#!/bin/sh
# usage: short.sh FUZZER CORPUS      The suite's share of fuzzing: replays the seeds, then a fixed number of runs from a fixed seed, so that
# two runs of the suite do the same. For that the addresses must be the same too: the fuzzer learns from every value that is compared,
# pointers among them, and the time counts calls (counted_time.c). (Where a container forbids to fix them, the run still counts, but is another one each time.) New inputs go to a
# scratch directory. A crash prints the end of the fuzzer's log and the input.
set -eu
fuzzer=$1
corpus=$2
[ -n "$(ls -A "$corpus" 2>/dev/null)" ] || { echo "no seed corpus in $corpus" >&2; exit 1; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/found"
dictionary=$corpus.dict
[ ! -f "$dictionary" ] || set -- -dict="$dictionary"
[ -f "$dictionary" ] || set --
fixed=
! setarch "$(uname -m)" -R true 2>/dev/null || fixed="setarch $(uname -m) -R"
"$fuzzer" -runs=0 -artifact_prefix="$scratch/" "$corpus" 2>"$scratch/log" || { cat "$scratch/log" >&2; exit 1; }
# shellcheck disable=SC2086 # a command and its arguments, or nothing
$fixed "$fuzzer" -seed=1 -runs="${FUZZ_RUNS:-20000}" -max_len=4096 -timeout=120 -rss_limit_mb=2048 -artifact_prefix="$scratch/" \
  "$@" "$scratch/found" "$corpus" 2>"$scratch/log" || {
  tail -n 60 "$scratch/log" >&2
  for input in "$scratch"/crash-* "$scratch"/timeout-* "$scratch"/oom-* "$scratch"/leak-*; do
    [ ! -f "$input" ] || { echo "input, base64:"; base64 "$input"; }
  done
  exit 1
}
tail -n 3 "$scratch/log"
