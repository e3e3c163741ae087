#!/bin/sh
# Slips of the hand: a wrong name leaves no data directory behind, a kill of a name that nothing has says so at once, and an event that
# pretends to be a tick is refused.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"

run 5 "$KAIROS" import "$work/no-such-file" --data "$work/new" --program "$KAIROS_SOURCE"
has 'No such file'
run 1 "$KAIROS" import "$work" --data "$work/new" --program "$KAIROS_SOURCE"
has 'got a directory'
run 5 "$KAIROS" import /dev/null --data "$work/new"
has 'name one with --program'
run 5 "$KAIROS" import /dev/null --data "$work/new" --program "$work/nowhere"
has 'nowhere'
run 5 "$KAIROS" serve --data "$work/new" --program "$work/nowhere" --listen 127.0.0.1:0
has 'nowhere'
run 5 "$KAIROS" serve --data "$work/new" --listen 127.0.0.1:0
has 'name one with --program'
[ ! -e "$work/new" ] || say "a slip left a data directory behind"
run 2 "$KAIROS" move --data "$work/new"
has '--files is missing'
# A program that is refused takes nothing; and what no engine ran on has nothing to read, which is said so.
mkdir -p "$work/wrong/rules"
echo 'trigger "x" { wen = "true" }' >"$work/wrong/rules/x.lua"
run 3 "$KAIROS" serve --data "$work/unused" --program "$work/wrong" --listen 127.0.0.1:0
has 'did you mean "when"'
run 3 "$KAIROS" import /dev/null --data "$work/unused" --program "$work/wrong"
has 'no event was taken'
for words in "replay --verify" "replay --print" "export --sqlite $work/tables" "retention --dry-run" "train adherence --program $KAIROS_SOURCE"; do
  run 5 "$KAIROS" $words --data "$work/unused"
  has 'unused/volume-00.db is not there: no engine has run on this directory yet'
done

run 0 "$KAIROS" predict --help # the example that is shown does what it says
sed -n "s/.*echo '\(.*\)' | kairos predict trees$/\1/p" "$work/out" >"$work/row"
run 0 "$KAIROS" predict trees "$work/row" --program "$KAIROS_SOURCE"
has '"trees_probability":0\.'
run 2 "$KAIROS" serve --data "$work/new" --program "$KAIROS_SOURCE" --listen 127.0.0.1:0 --webhook http://127.0.0.1:1/ --webhook-secret "whsec_$(head -c 24 /dev/urandom | base64)"
has 'expected https; `--allow-http` allows plain http'
for option in "--data $work/new" "--listen 127.0.0.1:0" "--webhook http://127.0.0.1:1/" --allow-http "--keep-events 9"; do
  run 2 "$KAIROS" serve --demo $option
  has "^kairos serve: --demo does not go with ${option%% *}\$"
done
run 0 "$KAIROS" serve --demo # an example of the help, from wherever one stands
has ' received with a good signature$'
# ---- what is temporary lies where TMPDIR says, however long its name, and does not stay ----
mkdir "$work/temporary" && temporary=$work/temporary/a-directory-whose-name-is-longer-than-thirty-letters
mkdir "$temporary"
run 0 env TMPDIR="$temporary" "$KAIROS" serve --demo
has "fresh data in $temporary/kairos-"
for words in "check $KAIROS_SOURCE" "predict trees $work/row --program $KAIROS_SOURCE" "test $KAIROS_SOURCE"; do
  run 0 env TMPDIR="$temporary" "$KAIROS" $words
done
rmdir "$temporary" || say "something temporary stays: $(ls "$temporary")"
for words in "check $KAIROS_SOURCE" "predict trees $work/row --program $KAIROS_SOURCE" "serve --demo"; do
  run 1 env TMPDIR="$temporary" "$KAIROS" $words
  has "no temporary directory can be made in $temporary (TMPDIR): No such file or directory"
done
# ---- who has seen enough of a demonstration does not wait for it ----
TMPDIR="$work/temporary" "$KAIROS" serve --demo >"$work/demo.out" 2>"$work/demo.log" &
helpers="$helpers $!"
shown=$!
wait_for "$work/demo.out" 'then one live moment each'
begun=$(date +%s)
kill -TERM "$shown"
code=0
wait "$shown" || code=$?
equal "the exit code of what was interrupted" $code 4
grep -q '^kairos: interrupted before all was played$' "$work/demo.log" || say "it is not said that it was interrupted"
[ $(($(date +%s) - begun)) -lt 60 ] || say "an interrupted demonstration went on for $(($(date +%s) - begun)) s"
[ -z "$(ls "$work/temporary")" ] || say "an interrupted demonstration leaves $(ls "$work/temporary")"
# ---- few descriptors: a sentence, not whatever then happens to fail ----
for words in "--demo" "--data $work/new --program $KAIROS_SOURCE --listen 127.0.0.1:0"; do
  run 1 sh -c 'ulimit -n 255 && exec "$@"' sh "$KAIROS" serve $words
  has 'only 255 file descriptors are allowed (ulimit -n); an engine needs 256'
done
[ ! -e "$work/new" ] || say "a directory was made all the same"
run 0 sh -c 'ulimit -n 256 && exec "$@"' sh "$KAIROS" serve --demo
has 'only 256 file descriptors are allowed (ulimit -n): no more than 128 connections at once'
rm -rf "$work/new"
mkdir -p "$work/metrics" # the default program's experiment names a metric that it declares
cp -r "$KAIROS_SOURCE/rules" "$KAIROS_SOURCE/interventions" "$KAIROS_SOURCE/models" "$work/metrics/"
echo 'metric "calls" { per = "decision", measure = "count", of = "check_in" }' >"$work/metrics/rules/calls.lua"
run 0 "$KAIROS" check "$work/metrics"
hasnt 'workout_adherence_rate'

run 0 "$KAIROS" init --data "$work/data"
start "$work/data" --program "$KAIROS_SOURCE"
export KAIROS_URL="$url"
run 5 "$KAIROS" kill trigger high_stres
has 'did you mean "high_stress"?): nothing that runs is stopped by this'
run 5 "$KAIROS" kill trigger high_str
has 'did you mean "high_stress"?'
run 0 "$KAIROS" kill trigger high_str --force # it is taken, whatever runs
[ ! -s "$work/err" ] || say "a name that is meant was doubted"
run 0 "$KAIROS" kill trigger high_str --lift
run 5 "$KAIROS" programs diff live shadow
has 'there is no shadow: no program decides beside the live one'
run 0 "$KAIROS" kill trigger high_stress
[ ! -s "$work/err" ] || say "a name that is known was doubted"
run 0 "$KAIROS" kill trigger high_stres --lift
run 0 "$KAIROS" kill
[ "$(cat "$work/out")" = "trigger:high_stress" ] || say "expected one kill, got $(cat "$work/out")"
for verb in list show; do
  run 0 "$KAIROS" rollout $verb first_interventions
  equal "rollouts of rollout $verb NAME" "$(grep -c '^[a-z_]*: ' "$work/out")" 1
  has '^first_interventions: '
  run 5 "$KAIROS" rollout $verb first_intervention
  has 'no rollout "first_intervention" (did you mean "first_interventions"?)'
done
run 2 "$KAIROS" rollout show
run 5 "$KAIROS" rollout halt first_intervention
has 'did you mean "first_interventions"?'
run 5 "$KAIROS" rollout halt nothing_like_it
hasnt 'did you mean'
expect_call 200 POST /v1/events '{"userId":"u1","eventType":"app_interaction","timestamp":"'"$(date -u +%FT%TZ)"'"}'
run 0 "$KAIROS" decide --user u1 --trigger high_stress --dry-run
has 'kairos why --user u1 --trigger high_stress`'
run 5 "$KAIROS" decide --user u1 --trigger high_stres
has 'did you mean "high_stress"?'
run 5 "$KAIROS" why --user u1 --trigger high_stres
has 'did you mean "high_stress"?'
run 2 "$KAIROS" programs show rules/skip.lua
has 'kairos programs show live rules/skip.lua'
run 0 "$KAIROS" programs show live rules/skip.lua
cp "$work/out" "$work/skip"
run 0 "$KAIROS" programs show live rules/skip.lua --json # the one that was asked for, with what the engine says of it
has '^{"path":"rules/skip.lua","bytes":[0-9]*,"sha256":"[0-9a-f]*","text":".*}$'
equal "the files shown" "$(wc -l <"$work/out")" 1
has "\"sha256\":\"$(sha256sum "$work/skip" | cut -c1-64)\""
run 5 "$KAIROS" programs show live rules/none.lua --json
run 5 "$KAIROS" programs publish "$work/nodir"
has 'nor is there a directory "'"$work/nodir"'"'
mkdir -p "$work/empty"
run 5 "$KAIROS" programs publish "$work/empty"
has "empty holds no rules: expected a program's directory, with .lua files in rules/, interventions/ or models/"
for words in 'programs list zz' 'programs undo zz' 'programs discard abcdef zz'; do
  run 2 "$KAIROS" $words
  has 'nothing takes "zz"'
done
run 0 "$KAIROS" programs list
hasnt 'by directory'
hasnt 'live  live'
expect_call 400 POST /v1/decide '{"userId":"u1","dryRun":"yes"}'
expect_call 400 POST /v1/decide '{"userId":"u1","trigger":4}'
expect_call 400 POST /v1/events '{"userId":"u1","eventType":"tick.day_started","timestamp":"'"$(date -u +%FT%TZ)"'"}'

# ---- names in a program: the one that may be meant ----
mkdir -p "$work/program/rules"
slip() { # LINE SENTENCE
  cat >"$work/program/rules/slip.lua" <<END
event "ping" { fields = { n = "number" } }
segment "newcomer" { when = "not known(profile.since)" }
intervention "walk" { message = { en = "Walk." } }
trigger "hello" { why = "x", on = "ping", when = "event.n > 1", offer = "walk" }
experiment "evening" {
  why = "x", revision = 1, at = "trigger:hello", randomise = "user", outcome = { metric = "m", within = 1 * hour },
  arms = { a = { weight = 0.5, send = "walk" }, b = { weight = 0.5, send = nothing } },
}
metric "m" { per = "decision", measure = "count", of = "ping" }
$1
END
  for verb in check ${3:-}; do
    run 3 "$KAIROS" $verb "$work/program"
    has "$2"
  done
}
trigger() { echo "trigger \"t\" { why = \"x\", on = \"ping\", when = \"$1\", offer = \"walk\" }"; }
scenario() { echo "scenario \"s\" { event = { type = \"ping\", data = { n = 2 } }, expect = { $1 } }"; }
slip "$(trigger "segment.newcmer")" 'did you mean "newcomer"?'
slip "$(trigger "arm.evenin == 'a'")" 'no experiment has this name (did you mean "arm.evening"?)'
slip 'rollout "r" { why = "x", gates = "experiment:evning", stages = { { name = "s", share = 1 } } }' 'did you mean "evening"?'
slip "$(scenario 'sned = "walk"')" '^rules/slip.lua:10: error: scenario "s": expect: unknown field "sned" (did you mean "send"?)$'
slip "$(scenario 'sned = "walk"')" 'expect: unknown field "sned" (did you mean "send"?)' test
slip 'scenario "s" { event = { type = "ping", dta = { n = 2 } }, expect = { send = nothing } }' 'event: unknown field "dta" (did you mean "data"?)' test
slip 'scenario "s" { given = { consnt = "given" }, event = { type = "ping" }, expect = { send = nothing } }' 'did you mean "consent"?' test
slip 'scenario "s" { given = { events = { { type = "ping", agoo = 5 } } }, event = { type = "ping" }, expect = { send = nothing } }' 'did you mean "ago"?' test
slip "$(scenario 'because = "quiet_hour"')" 'expect.because: no reason is "quiet_hour" (did you mean "quiet_hours"?)' test
slip "$(scenario 'outcome = "silend"')" 'did you mean "silent"?' test
slip "$(scenario 'arm = "aa"')" 'expect.arm: no arm of any experiment is named "aa" (did you mean "a"?)' test
slip "$(scenario 'trigger = "helo"')" 'no trigger is named "helo" (did you mean "hello"?)' test
slip "$(scenario 'send = "walks"')" 'no intervention is named "walks" (did you mean "walk"?)' test
slip "$(scenario 'options = { walk = "eligable" }')" 'did you mean "eligible"?' test
slip "$(scenario 'options = { wolk = "eligible" }')" 'did you mean "walk"?' test

# ---- a model that nobody named: which there are ----
for verb in train evaluate; do
  run 2 "$KAIROS" $verb --program "$KAIROS_SOURCE"
  has "^kairos $verb: MODEL is missing: expected one of .*adherence.*, trees"
  hasnt 'step_goals' # it learns from nothing
  [ ! -s "$work/out" ] || say "$verb without MODEL writes on stdout"
  run 2 "$KAIROS" $verb --program "$work/nowhere"
  has 'MODEL is missing: .*nowhere does not exist.*--program DIR'
done

# ---- numbers out of their bounds: which option, what came ----
for verb in train evaluate; do
  run 2 "$KAIROS" $verb adherence --program "$KAIROS_SOURCE" --days 0
  has "^kairos $verb: --days: expected 1 to 3660, got 0"
  run 2 "$KAIROS" $verb adherence --program "$KAIROS_SOURCE" --users 200000
  has "^kairos $verb: --users: expected 1 to 100000, got 200000"
done
run 2 "$KAIROS" simulate --users 0
has '^kairos simulate: --users: expected 1 to 1000000, got 0'
run 2 "$KAIROS" simulate --days 4000
has '^kairos simulate: --days: expected 1 to 3660, got 4000'
run 2 "$KAIROS" retention --keep-events 3
has '^kairos retention: .*got 3'
has '^kairos retention --help tells more'
run 2 "$KAIROS" serve --keep-events 3
has '^kairos serve: .*got 3'
