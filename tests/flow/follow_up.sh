#!/bin/sh
# A follow-up asks how a message was: of one that never arrived nobody is asked. Live, the tick is journaled with how the delivery ended, so
# what is derived from the journal again is the same; where the engine sends no webhooks, messages reach people by its answers, which it
# cannot know, and every send is followed.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
small_program "$work/program"
sed -i 's/expires = 2 \* hours/expires = 1 * second/' "$work/program/interventions/all.lua"
cat >"$work/program/rules/after.lua" <<'LUA'
trigger "after" { why = "A test.", on = { follow_up { of = "intervention:breathe", after = 6 * seconds } }, offer = { "breathe" } }
LUA
zone=$(noon_zone)
send() { # WHO: a message is decided
  expect_call 200 PUT "/v1/users/$1" "{\"timezone\":\"$zone\",\"age\":40}"
  expect_call 200 POST "/v1/users/$1/opt-in"
  expect_call 200 POST /v1/events "{\"userId\":\"$1\",\"eventType\":\"check_in\",\"timestamp\":\"$(now)\",\"data\":{\"stressLevel\":9}}"
  in_answer '"outcome":"sent"'
}
followed() { answer_has "/v1/users/$1/timeline" '"tick.follow_up"'; } # WHO
asked() { # WHO: whether the follow-up was a decision point
  expect_call 200 GET "/v1/users/$1/timeline"
  grep -o '"trigger":"after","event"' "$work/answer" | wc -l
}

# ---- nobody answers at the webhook: the message expires, and is not asked about, over a kill as well ----
receiver --good
dead="--webhook http://127.0.0.1:1/hook --webhook-secret $secret --allow-http --allow-private"
start "$work/data" --program "$work/program" $dead
send lost
becomes "the follow-up of what expired" followed lost
in_answer '"eventType":"tick.follow_up",[^}]*"data":{[^}]*"delivery":"\(expired\|failed\)"'
equal "decisions about what never arrived" "$(asked lost)" 0
KAIROS_URL=$url run 0 "$KAIROS" user timeline lost
has 'tick.follow_up  nobody is asked: the message never arrived (\(expired\|failed\))$'
stop_hard

# ---- it arrived: asked, once; what was not asked before the kill is not asked after it ----
sed -i 's/expires = 1 \* second/expires = 2 * hours/' "$work/program/interventions/all.lua"
start "$work/data" --program "$work/program" --webhook "$hook" --webhook-secret "$secret" --allow-http --allow-private
send arrives
becomes "the follow-up of what arrived" followed arrives
not_in_answer '"delivery":'
equal "decisions about what arrived" "$(asked arrives)" 1
equal "decisions about what never arrived, later" "$(asked lost)" 0
stop

# ---- no webhooks: who reads the answers is asked ----
sed -i 's/expires = 2 \* hours/expires = 1 * second/' "$work/program/interventions/all.lua"
start "$work/data" --program "$work/program"
send reads
becomes "the follow-up of what was answered" followed reads
equal "decisions about what was answered" "$(asked reads)" 1
stop
run 0 "$KAIROS" replay --verify --data "$work/data"
has ' 0 different'
run 0 "$KAIROS" replay --program "$work/program" --against stored --verify --json --data "$work/data"
