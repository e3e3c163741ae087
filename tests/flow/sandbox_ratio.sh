#!/bin/sh
# L5: a function of a rule in its sandbox costs at most 1.4 times a bare protected call of the same function, also of one
# with loops of any kind. Instructions are counted, not time, so a busy machine says the same. Only optimised builds are held to it, and
# only where valgrind is.
set -eu
build=$(dirname "$KAIROS")
[ -z "${KAIROS_SANITIZE:-}" ] || exit 77
grep -q '^CMAKE_BUILD_TYPE:[A-Z]*=Rel' "$build/CMakeCache.txt" || exit 77
for body in plain loops counted; do
  counted=$("$KAIROS_SOURCE/tests/bench/ratio.sh" "$build" $body) || exit $?
  echo "instructions of a call, $body: $counted (sandbox, bare, ratio)"
  echo "$counted" | awk '{ if (!($3 <= 1.4)) { print "sandbox_ratio.sh: " $3 " times a bare protected call, expected at most 1.4"; exit 1 } }'
done
