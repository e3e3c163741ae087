#!/bin/sh
# SIGTERM and SIGINT under load end an engine with 0 and lose nothing that was answered. SIGHUP ends none that has no terminal (a service
# manager takes that for a wish, and leaves it down): it goes on, and says in a line what is read again by itself. One that was started with
# nohup stays when its terminal closes.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
command -v setsid >/dev/null || { echo "signals.sh: skipped, for there is no setsid here"; exit 77; }
small_program "$work/program"
real=$KAIROS
cat >"$work/detached" <<SH
#!/bin/sh
exec setsid "$real" "\$@"
SH
chmod +x "$work/detached"
KAIROS=$work/detached

calls_were() { [ "$(metric kairos_events_total)" -ge "$1" ]; }

sent=0
for signal in TERM INT; do
  # A shell without job control starts what runs beside it with SIGINT ignored; env gives it back.
  if [ $signal = INT ]; then
    env --default-signal=INT true 2>/dev/null || continue
    sed -i 's/^exec setsid/exec env --default-signal=INT setsid/' "$work/detached"
  fi
  start "$work/data" --program "$work/program"
  calls_begin 8 0 500
  becomes "some calls" calls_were 2000
  for n in 1 2 3; do
    kill -HUP "$engine"
    sleep 0.1
    kill -0 "$engine" 2>/dev/null || say "SIGHUP ended the engine"
  done
  wait_for "$work/serve.log" 'signal 1: going on'
  calls_go_on
  kill -$signal "$engine"
  wait "$engine" || say "SIG$signal: the engine left with $?"
  engine=
  wait "$caller" || true # it cannot go on
  caller=
  # What was answered 2xx is there. Besides, whatever came last on each of 8 connections may be there without having been answered.
  answered=$(sed -n 's/^\([0-9]*\) requests .*, \([0-9]*\) not 2xx, \([0-9]*\) without an answer.*/\1 \2 \3/p' "$work/calling.out" | awk '{ print $1 - $2 - $3 }')
  rows=$(sqlite3 "$work/data/volume-00.db" "SELECT count(*) FROM journal WHERE kind=1")
  [ "$rows" -ge $((sent + answered)) ] && [ "$rows" -le $((sent + answered + 8)) ] ||
    say "SIG$signal: $answered were answered, and $((rows - sent)) are there"
  sent=$rows
done
