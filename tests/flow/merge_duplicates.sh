#!/bin/sh
# One event stays one event when its person turns out to be two: what was taken under the old id and comes again after the merge, under the
# old id or the one that stays, is a duplicate; so is what came under the one after the merge and comes again under the other, and what was
# taken two merges ago, in either file, after kill -9, by an import too. Other content under the same id is refused, and other events of
# the same people are taken.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
small_program "$work/program"
run 0 "$KAIROS" init --data "$work/data" --files 4
at=$(now)
event() { printf '{"id":"%s","userId":"%s","eventType":"check_in","timestamp":"%s","data":{"stressLevel":%s}}' "$1" "$2" "$at" "$3"; }
taken() { expect_call 200 POST /v1/events "$1"; in_answer '"accepted":1,"duplicates":0'; }
known() { expect_call 200 POST /v1/events "$1"; in_answer '"accepted":0,"duplicates":1'; }
merge() { expect_call 200 POST "/v1/users/$1/merge" "{\"into\":\"$2\"}"; }

event offline o-0 1 | sed 's/"timestamp":"[^"]*"/"timestamp":"2026-01-01T10:00:00Z"/' >"$work/import"
run 0 "$KAIROS" import "$work/import" --data "$work/data" --program "$work/program"
has '1 taken'
start "$work/data" --program "$work/program" --lanes 2
people='0 1 2 3 4 5'
for i in $people; do
  taken "$(event first "o-$i" 1)"
  taken "$(event mine "n-$i" 1)"
  taken "$(event last "l-$i" 1)"
  merge "o-$i" "n-$i"
done
check() {
  for i in $people; do
    known "$(event first "o-$i" 1)"
    known "$(event first "n-$i" 1)"
    known "$(event mine "o-$i" 1)"
    expect_call 409 POST /v1/events "$(event first "o-$i" 2)"
    in_answer 'sent before with other content'
    expect_call 409 POST /v1/events "$(event mine "o-$i" 2)"
    taken "$(event "new-$1" "o-$i" 3)"
    known "$(event "new-$1" "n-$i" 3)"
    known "$(event "new-$1" "o-$i" 3)"
    expect_call 200 POST /v1/events "[$(event first "n-$i" 1),$(event "list-$1" "o-$i" 4),$(event first "o-$i" 7),$(event mine "o-$i" 1),$(event last "l-$i" 1)]"
    in_answer '"accepted":1,"duplicates":3,"rejected":\[{"index":2,'
  done
}
check a
for i in $people; do merge "n-$i" "l-$i"; done
stop_hard
start "$work/data" --program "$work/program" --lanes 1
check b
for i in $people; do
  known "$(event first "l-$i" 1)"
  expect_call 409 POST /v1/events "$(event mine "l-$i" 5)"
done
stop
for id in o-0 n-0 l-0; do
  sed "s/o-0/$id/" "$work/import" >"$work/import-$id"
  run 0 "$KAIROS" import "$work/import-$id" --data "$work/data"
  has '0 taken, 1 duplicates'
done
sed 's/"stressLevel":1/"stressLevel":2/' "$work/import" >"$work/import-other"
run 1 "$KAIROS" import "$work/import-other" --data "$work/data"
has 'sent before with other content'
run 0 "$KAIROS" replay --verify --data "$work/data"
has ' 0 different'
