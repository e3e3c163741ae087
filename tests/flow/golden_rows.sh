#!/bin/sh
# Golden rows lie in clear in a state, in the store, in backups and in the file of a model, and no erasure reaches them: so each of their
# values comes from another row, and no row of them is what was known of any one person, neither in the state nor among those to paste.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
. "$KAIROS_SOURCE/tests/flow/trees.sh"
sed -i 's/^event "workout_planned" {}/event "workout_planned" { fields = { x = "number", y = "number" } }/' "$program/rules/all.lua"
cat >>"$program/rules/all.lua" <<'LUA'
feature "x" { doc = "a number of the newest plan", window = "last", of = "workout_planned", field = "x", days = 7 }
feature "y" { doc = "twice that, and one", window = "last", of = "workout_planned", field = "y", days = 7 }
LUA
cat >"$program/models/all.lua" <<'LUA'
model "trees" {
  plugin = "gbm", outputs = { "by_trees" }, state = "trees.state", inputs = { "x", "y", "success_rate" },
  train = { on = "workout_planned", target = "workout_completed", within = 18 * hours, rows = 2000 },
  config = { output = { name = "by_trees" }, n_estimators = 5 },
}
LUA
# Whatever was known of one person at one moment has y = 2 x + 1.
people 60 30 3 2025-02-01 | awk '/workout_planned/ { n++; x = n % 4900 + 1; sub(/"data":\{/, "\"data\":{\"x\":" x ",\"y\":" 2 * x + 1 ",") } { print }' >"$work/people"
run 0 "$KAIROS" train trees --program "$program" --from "$work/people"
sed -n 's/.*inputs = {.* x = \([0-9.]*\), y = \([0-9.]*\),.*/\1 \2/p' "$work/out" >"$work/printed"
grep -a -o '"golden":\[{"inputs":.*' "$program/models/trees.state" | grep -a -o '"x":[0-9.]*,"y":[0-9.]*' | sed 's/[^0-9.]/ /g' >"$work/kept"
for rows in printed kept; do
  equal "golden rows that are $rows" "$(wc -l <"$work/$rows")" 4
  equal "rows of one person among those $rows" "$(awk '$2 == 2 * $1 + 1' "$work/$rows")" ""
  # single values are real ones, so that the rows lie where the model was taught
  equal "values of nobody among those $rows" "$(awk '$1 % 1 || $2 % 2 != 1' "$work/$rows")" ""
done
# they hold the state all the same
sed -n '/^  golden = {/,/^  },/p' "$work/out" >"$work/golden"
sed -i '$d' "$program/models/all.lua"
{ cat "$work/golden"; echo '}'; } >>"$program/models/all.lua"
run 0 "$KAIROS" check "$program"
