#!/bin/sh
# An older copy of control.db in the place of the newest: it does not know what was killed since, and says of a kill that was lifted and said
# again that it is lifted. The engine says so, sends nothing until an operator lifts that, and then goes on as it is told; it does not say it again.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
small_program "$work/program"
begin
meet anna
stress anna '"outcome":"sent"'
run 0 "$KAIROS" kill trigger stress
run 0 "$KAIROS" kill trigger stress --lift
stop
cp "$work/data/control.db" "$work/older.db"
begin
run 0 "$KAIROS" kill trigger stress
stop
if grep -q 'older copy' "$work/serve.log"; then say "the newest control.db is called an older copy"; fi

rm -f "$work"/data/control.db*
cp "$work/older.db" "$work/data/control.db"
begin
wait_for "$work/serve.log" 'control.db ends with fact 3 and the journals know fact 4: an older copy'
run 0 "$KAIROS" kill
has 'all'
meet ben
stress ben '"reason":"killed"' # by the kill of before, which the copy would have lifted
stop
begin # until it is lifted, also over a restart
if grep -q 'older copy' "$work/serve.log"; then say "it is said again"; fi
run 0 "$KAIROS" kill
has 'all'
run 0 "$KAIROS" kill trigger stress
run 0 "$KAIROS" kill all --lift
meet cleo
stress cleo '"reason":"killed"'
run 0 "$KAIROS" kill trigger stress --lift
meet dora
stress dora '"outcome":"sent"'
stop
begin
if grep -q 'older copy' "$work/serve.log"; then say "it is said again"; fi
run 0 "$KAIROS" kill
hasnt ': killed'
meet ella
stress ella '"outcome":"sent"'
stop
run 0 "$KAIROS" doctor --data "$work/data"
run 0 "$KAIROS" replay --verify --data "$work/data"
has ' 0 different'
