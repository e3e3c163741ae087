#!/bin/sh
# H6: what programs need is given back. The engine's memory after many reloads of rules with their models is that after a few, while it is
# asked all the time, and no more programs are held than have a label or are being let go. KAIROS_RELOADS=10000 is the long run.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
export KAIROS_URL
reloads=${KAIROS_RELOADS:-150}
warm=300
filled=6000 # kB of journal
if [ -n "${KAIROS_SANITIZE:-}" ]; then # a sanitizer keeps what is freed: there only faults and leaks are looked for
  reloads=30
  warm=15
  filled=200
fi
mkdir "$work/p"
for part in rules interventions models; do cp -r "$KAIROS_SOURCE/$part" "$work/p/$part"; done
rm "$work/p/rules/scenarios.lua"
start "$work/data" --program "$work/p"
KAIROS_URL=$url
# Caches of pages fill first: they are bounded, and no program's.
"$KAIROS_BUILD/tests/calling" "$port" 64 0 40 >"$work/filling.out" 2>&1 &
filler=$!
helpers="$filler"
tries=0
until [ "$(find "$work/data" -name 'volume-00.db' -size "+${filled}k" | wc -l)" = 1 ]; do
  tries=$((tries + 1))
  [ $tries -lt 4000 ] || say "the journal does not grow"
  sleep 0.1
done
kill -TERM "$filler"
wait "$filler" || { cat "$work/filling.out" >&2; say "requests failed"; }
"$KAIROS_BUILD/tests/calling" "$port" 2 50 40 >"$work/calling.out" 2>&1 &
caller=$!
helpers=$caller

# Over the API, without a process for each: another program each time, and every third time the one before comes back by undo.
cp -r "$work/p" "$work/q"
memory() { awk '/^VmRSS:/ { print $2 }' "/proc/$engine/status"; }

reload() { run 0 "$KAIROS_BUILD/tests/publishing" "$port" "$work/q" "$1" "$2"; } # FROM COUNT
reload 0 $warm
before=$(memory)
done=0
while [ $done -lt "$reloads" ]; do
  step=$((reloads - done > 1000 ? 1000 : reloads - done))
  reload $((warm + done)) $step
  done=$((done + step))
  after=$(memory)
  [ $done = "$reloads" ] || echo "after $((warm + done)) reloads $after kB"
done
expect_call 200 GET /metrics
held=$(sed -n 's/^kairos_programs_held \([0-9]*\)/\1/p' "$work/answer")
echo "after $warm reloads $before kB, after $((warm + reloads)) ($(grep -c ' is live (' "$work/serve.log") activations) $after kB; $held programs in memory"
[ "$held" -le 12 ] || say "$held programs are held"
[ -n "${KAIROS_SANITIZE:-}" ] || [ $((after * 100)) -le $((before * 105)) ] || say "memory grew from $before kB to $after kB in $reloads reloads"
kill -TERM "$caller"
wait "$caller" || { cat "$work/calling.out" >&2; say "requests failed"; }
stop
