#!/bin/sh
# H5 over a restart: a program that was on probation when the engine was killed is watched over for what is left of it, and the one before is
# returned to; what was returned to is not watched after a restart either; what is no worse than the one before had been stays, since how
# that had fared is written down with the change; and the events that a program refused before a restart count together with those after it,
# in that probation and no other.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
export KAIROS_URL

levels() { post_many "$1" 5 u check_in "{\"stressLevel\":$2}"; } # COUNT LEVEL
up() {
  start "$work/data" --program "$work/program"
  KAIROS_URL=$url
}
narrow() { sed -i 's/high = 10/high = 4/' "$work/program/rules/all.lua"; }

small_program "$work/program"
up
first=$(live)
levels 50 1

# ---- killed in the middle of a probation ----
narrow
becomes "the narrower vocabulary" isnt_live "$first"
second=$(live)
levels 5 6 # too few to prove anything
stop_hard
up
equal "the program after the kill" "$(live)" "$second"
levels 30 6
becomes "the return after the kill" is_live "$first"
grep -q "error program $(printf %.16s "$second"): 100 % of [0-9]* events were refused (guard: 1 %); returning to $(printf %.16s "$first")" \
  "$work/serve.log" || say "the log does not say why"

# ---- what was returned to is not watched, over a kill neither ----
stop_hard
up
levels 30 11 # refused by it as well
sleep 1
equal "the program after the return and a kill" "$(live)" "$first"
! grep -q 'events were refused (guard' "$work/serve.log" || say "what was returned to is watched"

# ---- 30 of 90 were refused before: a third is no reason to go back, also when the engine knows that from its book alone ----
levels 60 1
sed -i 's/high = 4/high = 10/' "$work/program/rules/all.lua"
echo '-- another one' >>"$work/program/rules/all.lua"
becomes "the next program" isnt_live "$first"
third=$(live)
stop_hard
up
levels 60 1
levels 30 11
sleep 1
equal "the program that is no worse than the one before was" "$(live)" "$third"
stop_hard # and counts of the one before are for that one alone
up
levels 200 11 # more than two thirds, whether or not what came before the kill was written down
becomes "the return from what is far worse" is_live "$first"
stop
run 0 "$KAIROS" doctor --data "$work/data"
has 'the chain of hashes is whole'

# ---- six and six are twelve, and neither is ten: over a kill, and over a stop ----
kept="$work/data/probation.json"
refused() { grep -q "\"events_refused\":$1}" "$kept" 2>/dev/null; }
narrower() { # WORDS: a program that is new by them
  sed -i 's/high = 10/high = 4/' "$work/program/rules/all.lua"
  echo "-- $1" >>"$work/program/rules/all.lua"
  before=$(live)
  becomes "the program with $1" isnt_live "$before"
  newest=$(live)
}
for end in stop_hard stop; do
  [ -z "$engine" ] || stop
  rm -rf "$work/data" "$work/program"
  small_program "$work/program"
  up
  first=$(live)
  levels 50 1
  narrower "a kill or a stop"
  levels 6 6
  [ $end = stop ] || becomes "what was refused, in the file" refused 6
  $end
  up
  sleep 1
  equal "the program after $end and six refused events" "$(live)" "$newest"
  levels 6 6
  becomes "the return for twelve, over $end" is_live "$first"
  grep -q ': 100 % of 12 events were refused (guard: 1 %); returning' "$work/serve.log" || say "the log does not count both"
done

# ---- and over two; but a program that is published anew begins anew, whatever the file says of its last probation ----
narrower "two restarts"
for so_far in 4 8; do
  levels 4 6
  stop
  refused $so_far || say "the file does not say that $so_far were refused before the stop: $(cat "$kept")"
  up
done
levels 1 6
run 0 "$KAIROS" programs undo
run 0 "$KAIROS" programs publish "$newest"
stop_hard
up
equal "the program that was published anew" "$(live)" "$newest"
levels 6 6
sleep 1
equal "the program that was published anew, and refused six" "$(live)" "$newest"

# ---- a file that is broken is told of, and counts nothing ----
stop
echo '{"fact":' >"$kept"
up
grep -q 'what was counted of a program on probation cannot be read' "$work/serve.log" || say "a broken file is not told of"
levels 6 6
sleep 1
equal "the program that begins anew" "$(live)" "$newest"
levels 6 6
becomes "the return after a broken file" is_live "$first"
stop
