#!/bin/sh
# An older copy of a volume in the place of the newest: it is whole in itself, and does not know who opted out since. The engine says so, sends
# nothing until an operator lifts that, and does not say it again; the doctor says it before. A restore begins a count of its own.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
small_program "$work/program"
begin
meet anna
meet ben
stop
cp "$work/data/volume-00.db" "$work/older.db"
run 0 "$KAIROS" backup "$work/copy" --data "$work/data"
begin
stress anna '"outcome":"sent"'
expect_call 200 POST /v1/users/ben/opt-out
stop_hard # not a clean end: the beginning knows enough
begin
stop
if grep -q 'older copy' "$work/serve.log"; then say "the newest volume is called an older copy"; fi
run 0 "$KAIROS" doctor --data "$work/data"
has 'was known, and is there'

rm -f "$work"/data/volume-00.db*
cp "$work/older.db" "$work/data/volume-00.db"
run 3 "$KAIROS" doctor --data "$work/data"
has 'an older copy was put in its place'
begin
wait_for "$work/serve.log" 'volume 0 ends with row .* and had row .*: an older copy was put in its place'
run 0 "$KAIROS" kill
has 'all'
stress ben '"reason":"killed"' # who had opted out, which the copy does not know
stop
begin
if grep -q 'older copy' "$work/serve.log"; then say "it is said again"; fi
run 0 "$KAIROS" kill
has 'all'
expect_call 200 POST /v1/users/ben/opt-out
run 0 "$KAIROS" kill all --lift
stress anna '"outcome":"sent"'
stress ben '"reason":"opted_out"'
stop
run 0 "$KAIROS" doctor --data "$work/data"

# Nothing is known, or nothing that reads: no reason to stop.
for text in '' '{' '{"origin":1,"volume-00.db":999999}'; do
  printf %s "$text" >"$work/data/rows.json"
  begin
  stop
  if grep -q 'older copy' "$work/serve.log"; then say "'$text' is taken for knowledge"; fi
done
grep -q '"volume-00.db":[1-9]' "$work/data/rows.json" || say "what is known was not written anew: $(cat "$work/data/rows.json")"

# Where it cannot be written (here a directory lies in its place, else the disk is full) the engine runs all the same.
rm "$work/data/rows.json"
mkdir "$work/data/rows.json"
begin
wait_for "$work/serve.log" 'how far the journals are is not noted: .*rows.json'
stress anna '"state_updated":true'
stop
rmdir "$work/data/rows.json"

# A restored directory has fewer rows than the one that the backup was taken of.
run 0 "$KAIROS" restore "$work/copy" --data "$work/restored" --master-key "$work/data/master.key" --nothing-since
start "$work/restored" --program "$work/program"
stop
if grep -q 'older copy' "$work/serve.log"; then say "a restored volume is called an older copy"; fi
