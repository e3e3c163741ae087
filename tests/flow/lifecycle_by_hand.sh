#!/bin/sh
# Versions that people deploy by hand. A state that was trained in its place carries golden rows of its own, and is held to those of the
# model's file as long as it lies there; later, when another lies there, it can still be deployed, and its own rows hold it. What was
# deployed stands when rules are edited and after a restart, until the directory's file itself is another, or until that file's state is
# deployed again: then the directory is obeyed.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
. "$KAIROS_SOURCE/tests/flow/trees.sh"
export KAIROS_URL
golden() { # NUMBER: what the model's file says that its state must answer
  model "golden = { { inputs = { success_rate = 0.5 }, outputs = { by_trees = $1 } } },"
}
# The row that people paste: what the state that lies there answers.
paste_golden() {
  golden 7
  run 3 "$KAIROS" check "$program" --json
  got=$(sed -n 's/.*golden row 1: .*, got \([0-9.]*\).*/\1/p' "$work/out" "$work/err" | head -n 1)
  [ -n "$got" ] || say "a state in its place is not held to the rows of the model's file"
  golden "$got"
  run 0 "$KAIROS" check "$program"
}
edit() {
  edits=$((${edits:-0} + 1))
  echo "-- a word" >>"$program/rules/all.lua"
  tries=0
  until [ "$(grep -c 'the directory changed): 1 file changed: rules/all.lua' "$work/serve.log")" -ge $edits ]; do
    tries=$((tries + 1))
    [ $tries -lt 1200 ] || say "edit $edits did not become live"
    sleep 0.05
  done
}

people 60 30 3 2025-02-01 >"$work/people"
people 60 30 4 2025-02-01 | swap >"$work/others"
model ''
run 0 "$KAIROS" train trees --program "$program" --from "$work/others" --json
cp "$program/models/trees.state" "$work/third.state"
third=$(version_of "$work/third.state")
run 0 "$KAIROS" train trees --program "$program" --from "$work/people"
hasnt 'are of another state' # the file has none yet
grep -a -q '"golden":\[{"inputs":{' "$program/models/trees.state" || say "a state that was trained in its place has no golden rows"
cp "$program/models/trees.state" "$work/first.state"
first=$(version_of "$work/first.state")
paste_golden
start "$work/data" --program "$program"
KAIROS_URL=$url
serves "$first" "the directory's state"
stop

# ---- another is trained in its place; the first is deployed again ----
cp "$work/third.state" "$program/models/trees.state"
run 3 "$KAIROS" check "$program" # swapped: it does not bless itself
has 'golden row 1: '
people 60 30 5 2025-03-01 >"$work/more"
run 0 "$KAIROS" train trees --program "$program" --from "$work/more" --json
has 'The golden rows of models/all.lua are of another state: put those that `kairos train` prints without --json in their place'
second=$(version_of "$program/models/trees.state")
cp "$program/models/trees.state" "$work/second.state"
paste_golden
start "$work/data" --program "$program"
KAIROS_URL=$url
serves "$second" "the directory's other state"
run 0 "$KAIROS" models deploy trees "$first"
has 'trees: deployed: by hand'
serves "$first" "the state that was deployed"

# ---- rules are edited, the engine starts again: it stands ----
edits=0
edit
serves "$first" "the state after an edit of rules"
run 0 "$KAIROS" models
has '    beside: previous'
stop
start "$work/data" --program "$program"
KAIROS_URL=$url
serves "$first" "the state after a restart"
edits=0
edit
serves "$first" "the state after a restart and an edit"
run 0 "$KAIROS" models drop trees
edit
serves "$first" "the state after what lay beside was dropped"

# ---- the directory's own is deployed again: from here on the directory is obeyed, as whenever its file is another ----
run 0 "$KAIROS" models deploy trees "$second"
serves "$second" "the directory's state, deployed"
edit
serves "$second" "the directory's state after an edit"
model ''
cp "$work/third.state" "$program/models/trees.state"
serves "$third" "the state that was put into the directory"
run 0 "$KAIROS" models deploy trees "$first"
serves "$first" "the state that was deployed once more"
cp "$work/second.state" "$program/models/trees.state"
serves "$second" "the state that was put into the directory meanwhile"
stop
run 0 "$KAIROS" replay --verify --data "$work/data"
has ' 0 different'
