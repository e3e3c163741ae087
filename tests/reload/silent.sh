#!/bin/sh
# A program that is published while the engine runs reaches people who say nothing: whoever is silent is met by its silence without an event
# of theirs and without a start, and the books agree afterwards.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
export KAIROS_URL
small_program "$work/p"
start "$work/data" --program "$work/p"
KAIROS_URL=$url
post_many 5 1000 u check_in '{"stressLevel":3}'
sleep 1 # nobody waits for anything yet
cp -R "$work/p" "$work/c"
cat >>"$work/c/rules/all.lua" <<'LUA'
trigger "gone_quiet" { why = "A test.", on = { silence(5 * seconds) }, when = "true", offer = { "breathe" } }
LUA
run 0 "$KAIROS" programs publish "$work/c"
becomes "the silence of a program that was published" prints '"gone_quiet"' "$KAIROS" user timeline u3 --json
has 'tick.silence'
stop
run 0 "$KAIROS" replay --verify --data "$work/data"
has '0 different'
