#!/bin/sh
# A model that fails for one person stays in service for the others; who fails for four people is suspended, and everybody who asks is told so:
# GET /v1/models, the tool, and why somebody has no decision. A program with a suspended model is not returned to. The first end of a
# plugin's process is in the log.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
export KAIROS_URL
own_plugins "$KAIROS_BUILD/tests/rogues/evil.so"
mkdir -p "$work/p/models"
small_program "$work/p"
cat >"$work/p/models/evil.lua" <<'LUA'
feature "x" { window = "mean", of = "check_in", field = "stressLevel", days = 7, at_least = 1 }
model "odd" { plugin = "evil", inputs = { "x" }, outputs = { odd_said = { from = "y" } }, config = { mode = "nan" } }
model "frail" { plugin = "evil", inputs = { "x" }, outputs = { frail_said = { from = "y" } }, config = { mode = "segfault" } }
LUA
cat >"$work/p/rules/said.lua" <<'LUA'
trigger "said" { why = "A test.", on = { "check_in" }, when = "odd_said > 1 or frail_said > 1000", offer = { "breathe" } }
LUA
check_in() { # USER STRESS
  expect_call 200 POST /v1/events \
    '{"userId":"'"$1"'","eventType":"check_in","timestamp":"'"$(now)"'","data":{"stressLevel":'"$2"'}}'
}
start "$work/data" --program "$work/p" --lanes 1
KAIROS_URL=$url

until_told() { # WORDS USER: check-ins with stress until the log says so; on a busy machine some find the plugin's process busy
  tries=0
  until grep -q "$1" "$work/serve.log"; do
    tries=$((tries + 1))
    [ $tries -lt 400 ] || say "\"$1\" was never said"
    check_in "$2$tries" 6
  done
}
for n in 1 2 3 4 5 6 7 8 9 10 11 12; do check_in one 6; done
tries=0
until grep -q 'error compute model "frail": its process ended (\(1 time\|2 times\) so far); the last time' "$work/serve.log"; do
  tries=$((tries + 1))
  [ $tries -lt 400 ] || say "the first end of a plugin's process is not in the log"
  check_in one 6
done
for n in 1 2 3 4; do expect_call 200 GET /v1/users/one; done
! grep -q 'is suspended' "$work/serve.log" || say "one person suspended a model"
check_in calm 2
run 0 "$KAIROS" models
hasnt SUSPENDED

until_told 'model "odd" is suspended: 8 batches in a row failed' other-
expect_call 200 GET /v1/models
grep -q '"model":"odd","version":null,"suspended":"8 batches in a row failed: [^"]*"' "$work/answer" || say "/v1/models does not say it: $(cat "$work/answer")"
run 0 "$KAIROS" models
has '^odd  SUSPENDED'
run 0 "$KAIROS" why --user calm
has 'model suspended'

# ---- what it would be returned to has it suspended ----
sed -i 's/high = 10/high = 4/' "$work/p/rules/all.lua"
wait_for "$work/serve.log" 'is live (.*all.lua'
post_many 30 1 late check_in '{"stressLevel":5}'
wait_for "$work/serve.log" 'events were refused (guard: 1 %); no return to [0-9a-f]*, since its model "[a-z]*" is suspended: '
equal "returns" "$(grep -c '; returning to' "$work/serve.log" || true)" 0
stop
