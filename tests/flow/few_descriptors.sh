#!/bin/sh
# File descriptors are few (a container, an old limit). So few that an engine could not read its program or open a file: it says so and does
# not begin. A few more: it takes fewer connections, and with all of them open it still reads a program that changes and answers what operators ask.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
small_program "$work/program"
for most in 24 40; do
  run 1 sh -c "ulimit -n $most && exec timeout 20 '$KAIROS' serve --data '$work/data$most' --program '$work/program' --listen 127.0.0.1:0"
  has 'file descriptors are allowed'
done
reads() { [ "$(grep -c "is live" "$work/serve.log")" -ge "$1" ]; }
real=$KAIROS
cat >"$work/limited" <<SH
#!/bin/sh
ulimit -n 300 && exec "$real" "\$@"
SH
chmod +x "$work/limited"
KAIROS=$work/limited
start "$work/data" --program "$work/program"
KAIROS=$real
grep -q 'only 300 file descriptors are allowed.*no more than [1-9][0-9]* connections' "$work/serve.log" || say "what is possible is not said"
"$KAIROS_BUILD/tests/calling" "$port" 400 0 50 >"$work/calling.out" 2>&1 & # most of its connections are turned away
caller=$!
sleep 1
for n in 1 2 3; do
  echo "-- $n" >>"$work/program/rules/all.lua"
  becomes "program $n" reads $n
done
if grep -q 'Too many open files' "$work/serve.log"; then say "the engine ran out of descriptors"; fi
kill "$caller" 2>/dev/null || true
wait "$caller" || true
caller=
export KAIROS_URL=$url
becomes "an answer" programs_list_has live
stop
