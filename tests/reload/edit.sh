#!/bin/sh
# A rule is edited while the engine runs: live without a restart; broken, it is refused with file and line everywhere people look, and the
# live one decides on; mended, undone, published from elsewhere, discarded; and over a clean stop, a kill and a directory that broke or went
# away the engine comes back with the last good program, and with what operators decided.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
export KAIROS_URL

# decides NAME: the live program has this trigger
decides() {
  expect_call 200 POST /v1/decide "{\"userId\":\"anna\",\"dryRun\":true,\"trigger\":\"$1\"}"
}

small_program "$work/p"
start "$work/data" --program "$work/p"
KAIROS_URL=$url
run 5 "$KAIROS" programs diff # of the first program
has 'no other program was ever live here'
expect_call 200 POST /v1/events "{\"userId\":\"anna\",\"eventType\":\"check_in\",\"timestamp\":\"$(now)\",\"data\":{\"stressLevel\":5}}"
first=$(live)
decides stress
expect_call 404 POST /v1/decide '{"userId":"anna","trigger":"late"}'

# ---- edited: by hand, and as editors do, through another file ----
echo 'trigger "late" { why = "A test.", on = { "check_in" }, when = "event.stressLevel > 3", offer = { "breathe" } }' >>"$work/p/rules/all.lua"
becomes "the edited rule" isnt_live "$first"
second=$(live)
decides late
has_change() { run 0 "$KAIROS" programs diff && has '^+trigger "late"' && hasnt '^-trigger'; }
has_change
run 0 "$KAIROS" programs list
has '  ready  previous  2 files, live until 20'
has '^    not live any more: the directory changed$'
sed 's/> 3/> 4/' "$work/p/rules/all.lua" >"$work/p/rules/.all.lua.swp"
mv "$work/p/rules/.all.lua.swp" "$work/p/rules/all.lua"
becomes "the rule edited through another file" isnt_live "$second"
third=$(live)
run 0 "$KAIROS" programs diff
has '^-trigger "late".*> 3'
has '^+trigger "late".*> 4'
run 0 "$KAIROS" programs show live rules/all.lua
cmp "$work/out" "$work/p/rules/all.lua" || say "the source shown is not the one that runs"

# ---- broken ----
cp "$work/p/rules/all.lua" "$work/good.lua"
printf 'trigger "half" {\n  why = "A test.",\n  on = { "check_' >>"$work/p/rules/all.lua"
becomes "the broken directory" programs_list_has refused
has 'rules/all.lua:[0-9]*: error: unfinished string'
grep -q 'error program rules/all.lua:[0-9]*: unfinished string' "$work/serve.log" || say "the log does not say what is wrong"
equal "the live program beside a broken directory" "$(live)" "$third"
decides late
run 0 "$KAIROS" programs show live rules/all.lua
cmp "$work/out" "$work/good.lua" || say "the source shown is not the one that runs"
expect_call 200 GET /metrics
grep -q '^kairos_program_directory_refused 1' "$work/answer" || say "the metrics do not say that the directory is refused"

# ---- killed with a broken directory: the last good one comes back; so it does without a directory ----
stop_hard
start "$work/data" --program "$work/p"
KAIROS_URL=$url
grep -q 'rules/all.lua:[0-9]*: error: unfinished string' "$work/serve.log" || say "the start does not say what is wrong"
equal "the program after a kill" "$(live)" "$third"
decides late

# ---- mended: the same as before is no change; another one is ----
cp "$work/good.lua" "$work/p/rules/all.lua"
becomes "the mended directory" programs_list_hasnt refused
equal "the program of the mended directory" "$(live)" "$third"
sed -i 's/> 4/> 2/' "$work/p/rules/all.lua"
becomes "the changed rule" isnt_live "$third"
fourth=$(live)

# ---- undone, and that stands although the directory says otherwise, over a restart too ----
run 0 "$KAIROS" programs undo
equal "the program after an undo" "$(live)" "$third"
grep ' is live (' "$work/serve.log" | tail -n 1 | grep -q 'is live (.*): 1 file changed: rules/all.lua;' || say "the log does not say what the undo changed"
stop
start "$work/data" --program "$work/p"
KAIROS_URL=$url
equal "the program after an undo and a restart" "$(live)" "$third"
run 0 "$KAIROS" programs list
has '  gone  previous  2 files'
equal "the files of which the list says that they changed" "$(grep 'changed: ' "$work/out")" '    changed: rules/all.lua'
run 0 "$KAIROS" programs undo
equal "the undo undone" "$(live)" "$fourth"
run 0 "$KAIROS" programs undo

# ---- from elsewhere ----
cp -r "$work/p" "$work/other"
sed -i 's/> 2/> 1/' "$work/other/rules/all.lua"
run 0 "$KAIROS" programs diff "$work/other"
has '^+trigger "late".*> 1'
for option in --url --key; do
  run 2 "$KAIROS" programs diff "$work/p" "$work/other" $option http://127.0.0.1:1
  has "^kairos programs diff: $option does not go with two directories: no engine is asked about \"$work/p\" and \"$work/other\"\$"
done
run 0 env KAIROS_KEY=x "$KAIROS" programs diff "$work/p" "$work/other"
has '^+trigger "late".*> 1'
run 0 "$KAIROS" programs diff live "$work/other" --url "$url"
has '^+trigger "late".*> 1'
mkdir "$work/words" "$work/words/live" # a word means a program of the engine, whatever lies about
run 0 sh -c 'cd "$1" && exec "$KAIROS" programs diff live "$2"' sh "$work/words" "$work/other"
has '^+trigger "late".*> 1'
run 5 sh -c 'cd "$1" && exec "$KAIROS" programs diff ./live "$2"' sh "$work/words" "$work/other"
has 'live holds no rules'
run 0 "$KAIROS" programs publish "$work/other"
has '  live  '
fifth=$(live)
[ "$fifth" != "$third" ] || say "what was published is not live"
run 0 "$KAIROS" programs list --json
equal "its author" "$(sed 's/},{"digest".*//; s/.*"author":"\([^"]*\)".*/\1/' "$work/out")" local # the live one is the first
echo 'trigger "y" { why = "A test.", on = { "check_in" }, ofer = { "breathe" } }' >>"$work/other/rules/all.lua"
run 3 "$KAIROS" programs publish "$work/other"
has 'rules/all.lua:[0-9]*: error: .*ofer.*did you mean'
equal "the program after a refused publish" "$(live)" "$fifth"
run 0 "$KAIROS" programs publish "$(printf %.8s "$first")"
equal "an old program published by its first digits" "$(live)" "$first"
expect_call 404 POST /v1/decide '{"userId":"anna","trigger":"late"}'
run 5 "$KAIROS" programs publish 0123456789abcdef
run 5 "$KAIROS" programs show live rules/none.lua
run 6 "$KAIROS" programs discard live
expect_call 404 POST /v1/programs/live/publsh '{}'
grep -q 'did you mean' "$work/answer" || say "a mistyped verb is not explained"
expect_call 422 POST /v1/programs '{"files":{"rules/../../x.lua":"x"}}'
expect_call 400 POST /v1/programs '{"files":[]}'

# ---- no directory at all any more ----
stop_hard
rm -r "$work/p"
start "$work/data"
KAIROS_URL=$url
equal "the program without a directory" "$(live)" "$first"
stop
start "$work/data" --program "$work/p"
KAIROS_URL=$url
equal "the program of a directory that is gone" "$(live)" "$first"
cp -r "$work/other" "$work/p"
cp "$work/good.lua" "$work/p/rules/all.lua"
becomes "the directory that came back" isnt_live "$first"
equal "a directory that came back" "$(live)" "$third"
stop
run 0 "$KAIROS" replay --verify --data "$work/data"
has ' 0 different'
run 0 "$KAIROS" doctor --data "$work/data"
