#!/bin/sh
# The default program is clean and every scenario of it holds; a program that does something else fails them, and says why; a wrong word in
# a scenario is refused. The other programs in the tree are clean as well.
set -eu
export KAIROS_SHARE="$KAIROS_SOURCE" NO_COLOR=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
say() { echo "default_program: $*" >&2; exit 1; }
expect_code() { # code, then a command
  wanted=$1; shift
  code=0
  "$@" >"$work/out" 2>"$work/err" || code=$?
  [ "$code" = "$wanted" ] || { cat "$work/out" "$work/err" >&2; say "expected exit $wanted, got $code: $*"; }
}
has() { grep -q -e "$1" "$work/out" "$work/err" || { cat "$work/out" "$work/err" >&2; say "expected \"$1\" in what was printed"; }; }

expect_code 0 "$KAIROS" check "$KAIROS_SOURCE"
has "no errors"
expect_code 0 "$KAIROS" test "$KAIROS_SOURCE"
has ", 0 failed"
count=$(grep -c '^ok ' "$work/out")
[ "$count" -ge 50 ] || say "only $count scenarios ran"
expect_code 0 "$KAIROS" test "$KAIROS_SOURCE" --format junit
has "<testsuite name=\"kairos\" tests=\"$count\" failures=\"0\" errors=\"0\">"
expect_code 0 "$KAIROS" test "$KAIROS_SOURCE" --format json
has "\"scenarios\":$count,\"failed\":0"

for program in tests/heartsteps tests/bench/program; do
  expect_code 0 "$KAIROS" check "$KAIROS_SOURCE/$program"
done

# Scenarios can fail: each change below breaks a promise that some scenario states.
breaks() { # a name, a file, a sed script, a scenario that must notice
  rm -rf "$work/program"
  expect_code 0 "$KAIROS" init "$work/program"
  sed -i "$3" "$work/program/$2"
  cmp -s "$work/program/$2" "$KAIROS_SOURCE/$2" && say "$1: the change did not change $2"
  expect_code 3 "$KAIROS" test "$work/program"
  has "^FAIL .*$4"
  has "expected: "
}
breaks "a higher threshold" rules/skip.lua 's/skip_probability > 0.6"/skip_probability > 0.95"/' "a likely skip is a decision point"
breaks "three a day" rules/safeguards.lua 's/per_day = 2/per_day = 3/' "two a day"
breaks "shorter quiet hours" rules/safeguards.lua 's/"20:30"/"21:00"/' "this program is quiet from half past eight"
breaks "a wider alpha" rules/rollout.lua 's/share = 5 \* percent/share = 10 * percent/' "alpha testing ends there"
breaks "another tier" rules/segments.lua 's/risk = "medium"/risk = "low"/' "stable users come in after a quarter"
breaks "a wider segment" rules/segments.lua 's/app_interactions_7d > 5 /app_interactions_7d > 4 /' "five times a week is not more than five"
breaks "no order" rules/rollout.lua 's/, order = "risk"//' "critical users come last"
breaks "other weights" rules/skip.lua 's/silence = { weight = 0.5/silence = { weight = 0.4/; s/shorter = { weight = 0.5/shorter = { weight = 0.6/' \
  "the draw chooses silence"
breaks "another text" interventions/micro.lua 's/Your energy seems low/Your energy is low/' "a shorter workout, with the planned minutes"

# What is wrong in a scenario is said, not ignored.
wrong() { # a scenario's text, what must be said
  rm -rf "$work/program"
  expect_code 0 "$KAIROS" init "$work/program"
  printf '%s\n' "$1" >"$work/program/rules/scenarios.lua"
  expect_code 3 "$KAIROS" test "$work/program"
  has "$2"
}
wrong 'scenario "x" { given = { feature = { stress_level = 1 } }, event = { type = "check_in" }, expect = { send = nothing } }' 'did you mean "features"?'
wrong 'scenario "x" { given = { features = { stress_levle = 1 } }, event = { type = "check_in" }, expect = { send = nothing } }' 'did you mean "stress_level"?'
wrong 'scenario "x" { event = { type = "check_in", at = "noon" }, expect = { send = nothing } }' 'event.at: expected a time'
wrong 'scenario "x" { event = { type = "check_in" }, expect = {} }' 'expect: says nothing'
wrong 'scenario "x" { event = { type = "sleep_logged", data = { sleepHours = 30 } }, expect = { send = nothing } }' '/data/sleepHours'
wrong 'scenario "x" { given = { profile = { timezone = "Mars/Olympus" } }, event = { type = "check_in" }, expect = { send = nothing } }' 'Mars/Olympus'

# A program with an error runs no scenario.
expect_code 0 "$KAIROS" init "$work/broken"
echo 'trigger "x" { why = "y", on = { "check_in" }, wen = "stress_level > 1", offer = { "barrier_prevention" } }' >"$work/broken/rules/x.lua"
expect_code 3 "$KAIROS" check "$work/broken"
has 'rules/x.lua:1: error: .*did you mean "when"'
expect_code 3 "$KAIROS" test "$work/broken"
has "no scenario was run"
expect_code 3 "$KAIROS" check "$work/broken" --json
has '"level":"error"'

# … and says so in the form that was asked for: whole JSON, whole JUnit, and a file that is not an older run's.
found='"file":"rules/x.lua","line":1,"rule":"trigger \\"x\\"","level":"error","text":"trigger \\"x\\": unknown field'
expect_code 3 "$KAIROS" check "$work/broken" --json
has "$found"
echo old >"$work/report.xml"
expect_code 3 "$KAIROS" test "$work/broken" --json --junit "$work/report.xml"
has "^{\"scenarios\":0,\"failed\":0,\"results\":\[\],\"errors\":[1-9].*$found.*}\$"
[ "$(wc -l <"$work/out")" = 1 ] || say "more than one line of JSON"
expect_code 3 "$KAIROS" test "$work/broken" --format junit
cmp -s "$work/out" "$work/report.xml" || say "--junit and --format junit say two things of a program with an error"
errors=$(grep -c '<error ' "$work/out")
has "<testsuite name=\"kairos\" tests=\"$errors\" failures=\"0\" errors=\"$errors\">"
has '<testcase classname="rules/x.lua" name="trigger &quot;x&quot;" line="1"><error message="trigger &quot;x&quot;: unknown field &quot;wen&quot;'
has '^</testsuite>$'
! command -v xmllint >"$work/which" || xmllint --noout "$work/report.xml" || say "the report is no XML"
