#!/bin/sh
# What a function of a rule costs in instructions, sandbox to bare protected call (L5), counted by callgrind: of 3 000 calls less those of
# 1 000, so that starting up does not count. Prints "SANDBOX BARE RATIO". usage: ratio.sh BUILD [plain|loops|counted]; exit code 77 without valgrind.
set -eu
command -v valgrind >/dev/null || exit 77
body=${2:-plain}
counted() { # kind, calls
  valgrind --tool=callgrind --callgrind-out-file=/dev/null "$1/bench/functions" --only "$2" "$3" "$body" 2>&1 | sed -n 's/.*Collected : *\([0-9]*\).*/\1/p'
}
per_call() { echo $((($(counted "$1" "$2" 3000) - $(counted "$1" "$2" 1000)) / 2000)); }
sandbox=$(per_call "$1" sandbox)
bare=$(per_call "$1" bare)
[ "$sandbox" -gt 0 ] && [ "$bare" -gt 0 ] || { echo "ratio.sh: callgrind counted nothing" >&2; exit 1; }
awk -v s="$sandbox" -v b="$bare" 'BEGIN { printf "%d %d %.3f\n", s, b, s / b }'
