#!/bin/sh
# H3: a program is replaced again and again while requests are answered: not one of them fails, nobody meets two programs, and each program
# that was said to be live is. Prints the 99th percentile of requests without and with reloads. A short form; KAIROS_RELOADS=1000
# KAIROS_CALLS=5000 is the promise's, and tests/bench measures the times on a quiet machine.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
export KAIROS_URL
reloads=${KAIROS_RELOADS:-40}
calls=${KAIROS_CALLS:-400}
p=$work/p
small_program "$p"
more_triggers "$p" 50
start "$work/data" --program "$p"
KAIROS_URL=$url
cp -r "$p" "$work/q"

connections=$((calls > 6400 ? 256 : calls < 200 ? 8 : calls / 25))
p99() { sed 's/.*p99 \([0-9.]*\) ms.*/\1/' "$1"; }
calls_begin $connections "$calls" 500
sleep 2
calls_end
cp "$work/calling.out" "$work/alone"

calls_begin $connections "$calls" 500
i=0
while [ $i -lt "$reloads" ]; do
  i=$((i + 1))
  echo "-- $i" >"$work/q/rules/number.lua"
  run 0 "$KAIROS" programs publish "$work/q"
  has '  live'
done
calls_end
cp "$work/calling.out" "$work/reloading"
grep -c ' is live (' "$work/serve.log" >"$work/lives"
[ "$(cat "$work/lives")" -ge "$reloads" ] || say "$(cat "$work/lives") programs became live, expected $reloads"
stop
run 0 "$KAIROS" replay --verify --data "$work/data"
has ' 0 different'
echo "$reloads reloads: p99 $(p99 "$work/alone") ms without, $(p99 "$work/reloading") ms with; $(cat "$work/reloading")"
