#!/bin/sh
# H6: what programs need is given back. The engine's memory after many reloads of rules, of weights (churn's) and of code (svr's, in a
# process of its own) in turn is that after a few, while it is asked all the time; no more programs are held than have a label or are being
# let go, and neither plugin processes nor descriptors grow. KAIROS_RELOADS=10000 is the long run.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
export KAIROS_URL
reloads=${KAIROS_RELOADS:-60}
warm=300
filled=6000 # kB of journal
if [ -n "${KAIROS_SANITIZE:-}" ]; then # a sanitizer keeps what is freed: there only faults and leaks are looked for
  reloads=12
  warm=6
  filled=200
fi
own_plugins
find "$KAIROS_BUILD/plugins" -name '*.so' -exec cp {} "$work/bin/plugins/" \;
mkdir -p "$work/p"
for part in rules interventions models; do cp -r "$KAIROS_SOURCE/$part" "$work/p/$part"; done
rm "$work/p/rules/scenarios.lua"
start "$work/data" --program "$work/p"
KAIROS_URL=$url
# Caches of pages fill first: they are bounded, and no program's.
calls_begin 64 0 40
tries=0
until [ "$(find "$work/data" -name 'volume-00.db' -size "+${filled}k" | wc -l)" = 1 ]; do
  tries=$((tries + 1))
  [ $tries -lt 4000 ] || say "the journal does not grow"
  sleep 0.1
done
calls_end
# One connection: a second one that is never needed is closed as silent, by which the caller would end.
calls_begin 1 50 40

# Over the API, without a process for each: another program each time, and every third time the one before comes back by undo.
cp -r "$work/p" "$work/q"
zygote=$(pgrep -o -P "$engine") # the oldest: a training may run beside it
resident() { awk '/^VmRSS:/ { print $2 }' "/proc/$1/status"; }
# What it needs between two reloads: the least of two seconds in which no program comes or goes, for those that wait for the builder come
# after the last publish is answered. `held` says how many there are then.
memory() {
  held=$(metric kairos_programs_held)
  still=0
  looks=0
  while [ $still -lt 10 ] && [ $looks -lt 300 ]; do
    sleep 0.2
    looks=$((looks + 1))
    now=$(resident "$engine")
    was=$held
    held=$(metric kairos_programs_held)
    [ "$held" = "$was" ] || still=0
    [ $still -gt 0 ] && [ "$least" -le "$now" ] || least=$now
    still=$((still + 1))
  done
}
reload() { # FROM COUNT
  run 0 "$KAIROS_BUILD/tests/publishing" "$port" "$work/q" "$1" "$2" "$work/q/models/churn.state" "$work/bin/plugins/svr.so"
}
reload 0 $warm
memory
before=$least
held_before=$held
echo "after $warm reloads $before kB"
fork_before=$(resident "$zygote")
files_before=$(ls "/proc/$engine/fd" | wc -l)
done=0
while [ $done -lt "$reloads" ]; do
  step=$((reloads - done > 1000 ? 1000 : reloads - done))
  reload $((warm + done)) $step
  done=$((done + step))
  memory
  after=$least
  [ $done = "$reloads" ] || echo "after $((warm + done)) reloads $after kB"
done
fork_after=$(resident "$zygote")
files_after=$(ls "/proc/$engine/fd" | wc -l)
held_after=$held
held=13
tries=0
while [ "$held" -gt 12 ] && [ $tries -lt 600 ]; do # the builder frees them when it has nothing else to do
  tries=$((tries + 1))
  sleep 0.1
  held=$(metric kairos_programs_held)
done
hosts=$(pgrep -P "$zygote" | wc -l)
echo "after $warm reloads $before kB, after $((warm + reloads)) ($(grep -c ' is live (' "$work/serve.log") activations) $after kB ($held_before and $held_after programs held); what forks hosts" \
  "$fork_before and $fork_after kB; $files_before and $files_after descriptors; $held programs in memory, $hosts processes of plugins"
[ "$held" -le 12 ] || say "$held programs are held"
[ "$hosts" -le 12 ] || say "$hosts processes of plugins"
[ $((files_after - files_before)) -le 60 ] || say "$files_before descriptors became $files_after" # a host has a few
if [ -z "${KAIROS_SANITIZE:-}" ]; then
  # How many programs are held is bounded above; one more at the second look than at the first is no growth, but its 2 MB are there.
  more=$((held_after > held_before ? held_after - held_before : 0))
  [ $(((after - more * 2048) * 100)) -le $((before * 105)) ] || say "memory grew from $before kB to $after kB in $reloads reloads"
  [ $((fork_after - fork_before)) -le 512 ] || say "what forks hosts grew from $fork_before kB to $fork_after kB in $reloads reloads"
fi
calls_end
stop
