#!/bin/sh
# Import of files as they come: refused lines are named and the rest is taken, a line without end is an error that names it and costs neither
# memory nor what stands before it, and whoever goes on after mending it gets the same as in one go.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
small_program "$work/program"
printf 'policy "paper" { why = "signed on paper", consent = "by_enrolment" }\n' >>"$work/program/rules/all.lua"
event() { # NUMBER LEVEL
  printf '{"id":"e%d","userId":"u%d","eventType":"check_in","timestamp":"2025-03-%02dT12:00:00Z","data":{"stressLevel":%d}}\n' "$1" $(($1 % 5)) $(($1 % 27 + 1)) "$2"
}
n=0
while [ $n -lt 60 ]; do
  n=$((n + 1))
  event $n 9
done >"$work/events"

run 0 "$KAIROS" import "$work/events" --data "$work/whole" --program "$work/program"
has '^60 taken, 0 duplicates, 0 refused, 60 decisions'

{ head -n 20 "$work/events"; event 70 11; printf 'no json\n\n'; tail -n 40 "$work/events"; } >"$work/mixed"
run 1 "$KAIROS" import "$work/mixed" --data "$work/some" --program "$work/program"
has '^60 taken, 0 duplicates, 2 refused'
has '^line 21: refused: /data/stressLevel'
has '^line 22: refused: '

{ head -n 20 "$work/events"; head -c 11000000 /dev/zero | tr '\0' x; echo; tail -n 40 "$work/events"; } >"$work/long"
run 1 "$KAIROS" import "$work/long" --data "$work/part" --program "$work/program"
has 'line 21: longer than 10485760 bytes'
run 0 "$KAIROS" replay --verify --data "$work/part"
has ' 20 decisions, 0 different'
run 0 "$KAIROS" import - --data "$work/part" # standard input is empty: nothing happens to what is there
has '^0 taken'
run 0 "$KAIROS" import "$work/events" --data "$work/part"
has '^40 taken, 20 duplicates, 0 refused'
"$KAIROS" replay --print --data "$work/whole" >"$work/a"
"$KAIROS" replay --print --data "$work/part" >"$work/b"
cmp "$work/a" "$work/b" || say "an import in two goes decided otherwise"
run 1 "$KAIROS" import "$work" --data "$work/none" --program "$work/program"
has 'got a directory'
[ ! -e "$work/none" ] || say "a wrong name left a data directory behind"

# A program whose scenarios fail is refused as the engine refuses it: with file, line, and what came; nothing is taken.
cp -r "$work/program" "$work/failing"
echo 'scenario "calm" { event = { type = "check_in", data = { stressLevel = 3 } }, expect = { send = "breathe" } }' >"$work/failing/rules/more.lua"
run 3 "$KAIROS" import "$work/events" --data "$work/refused" --program "$work/failing"
has '^rules/more.lua:1: error: scenario "calm" fails: expected: send = "breathe"; came: '
has 'the program has 1 error; no event was taken$'
run 5 "$KAIROS" import "$work/events" --data "$work/refused"
has 'no program was ever live here'
start "$work/whole"
expect_call 200 GET /v1/programs/live
export KAIROS_URL="$url"
run 3 "$KAIROS" programs publish "$work/failing"
has 'rules/more.lua:1: error: scenario "calm" fails: '
stop

# control.db knows a program before any partition does: whatever stops the import then, the next one finds it.
run 0 "$KAIROS" init --data "$work/stopped" --files 2
version=$(sqlite3 "$work/stopped/volume-01.db" "PRAGMA user_version")
sqlite3 "$work/stopped/volume-01.db" "PRAGMA user_version=99"
run 6 "$KAIROS" import "$work/events" --data "$work/stopped" --program "$work/program"
has 'volume-01.db'
sqlite3 "$work/stopped/volume-01.db" "PRAGMA user_version=$version"
run 0 "$KAIROS" import "$work/events" --data "$work/stopped"
has '^60 taken'
"$KAIROS" replay --print --data "$work/stopped" >"$work/b"
cmp "$work/a" "$work/b" || say "an import after a stopped one decided otherwise"

# A kill that only control.db has, since the engine died before any partition heard of it, stops an import too; so does its lifting.
say_in_control() { # KIND
  sqlite3 "$work/kill/control.db" "INSERT INTO facts SELECT max(number) + 1, 0, 'test', '$1', 'all',
    '{\"kind\":\"$1\",\"name\":\"all\"}', zeroblob(32) FROM facts"
}
head -n 20 "$work/events" >"$work/first"
tail -n 40 "$work/events" | head -n 20 >"$work/second"
tail -n 20 "$work/events" >"$work/third"
run 0 "$KAIROS" import "$work/first" --data "$work/kill" --program "$work/program"
say_in_control kill
run 0 "$KAIROS" import "$work/second" --data "$work/kill"
has '^20 taken, 0 duplicates, 0 refused, 20 decisions, 0 of them sends'
"$KAIROS" replay --print --data "$work/kill" >"$work/a"
equal "killed" "$(grep -c '"reason":"killed"' "$work/a")" 20
say_in_control unkill
run 0 "$KAIROS" import "$work/third" --data "$work/kill"
"$KAIROS" replay --print --data "$work/kill" >"$work/a"
equal "killed after it was lifted" "$(grep -c '"reason":"killed"' "$work/a")" 20
run 0 "$KAIROS" replay --verify --data "$work/kill"
has ' 60 decisions, 0 different'
