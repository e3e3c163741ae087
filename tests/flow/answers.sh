#!/bin/sh
# What would go unnoticed is said: a response that belongs to no message of its user is taken, and the answer warns of it by its place, in the
# order of the list; so of what a profile does not take from a public write key. And consent of the past: with clock=event an opt-in is given
# when its timestamp says, so events behind it are decided on, those before are not; it never lifts an opt-out that the person's clock is
# already past; only a key with `operate` may say so.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
small_program "$work/program"
start "$work/data" --program "$work/program"
zone=$(noon_zone)
event() { printf '{"userId":"%s","eventType":"%s","timestamp":"%s","data":{%s}%s}' "$1" "$2" "${4:-$(now)}" "$3" "${5:-}"; }

# ---- why: what the last event said is still said when a profile and consent came behind it ----
expect_call 200 POST /v1/events "$(event carl check_in '"stressLevel":9')"
expect_call 200 PUT /v1/users/carl '{"age":40}'
expect_call 200 POST /v1/users/carl/opt-in
expect_call 200 GET "/v1/users/carl/why?trigger=stress"
in_answer '^stress: true$'
expect_call 200 POST /v1/events "$(event carl app_interaction '')"
expect_call 200 GET "/v1/users/carl/why?trigger=stress"
in_answer 'missing: event.stressLevel (the event has none)$'

# ---- responses ----
for user in anna bob; do
  expect_call 200 PUT "/v1/users/$user" "{\"timezone\":\"$zone\",\"age\":40}"
  expect_call 200 POST "/v1/users/$user/opt-in"
done
expect_call 200 POST /v1/events "$(event anna check_in '"stressLevel":9')"
in_answer '"outcome":"sent"'
sent=$(sed -n 's/.*"decisions":\[{"id":"\([^"]*\)".*/\1/p' "$work/answer")
not_in_answer '"warnings"'
answer() { event "$1" intervention_response "$2" '' "${3:-}"; }
good=$(answer anna "\"decisionId\":\"$sent\",\"response\":\"accepted\"")
expect_call 200 POST /v1/events "[$good,$(answer bob "\"decisionId\":\"$sent\""),$(answer anna '"decisionId":"d3-99999"'),$(answer anna '"decisionId":"first"'),$(
  answer anna '' ",\"decisionId\":\"$sent\""),$(answer anna '')]"
in_answer '"accepted":6,"duplicates":0,"rejected":\[\]'
in_answer '"learning_updated":true'
not_in_answer '"index":0,"pointer"'
in_answer '"warnings":\[{"index":1,"pointer":"#/data/decisionId","detail":"'"$sent"' is no message of the newest of this user: stored, and nothing was learned of it"},{"index":2,'
in_answer '{"index":3,"pointer":"#/data/decisionId","detail":"expected a decision.s id as text, like .*{"index":4,.*decisionId stands beside data, .*{"index":5,[^}]*without a decisionId'
expect_call 200 POST /v1/events "$good"
not_in_answer '"warnings"' # said twice, it is an answer still

# ---- slips in what is sent: kept, and said ----
expect_call 200 POST /v1/events "[$(event anna check_in '"stressLevl":4,"mine":1'),$(event anna check_in '"stressLevel":4,"stressLevl":4'),$(
  event anna chek_in '"stressLevl":4'),$(event anna check_in '"of_our_own":1,"stressLevel":4')]"
in_answer '"accepted":4,"duplicates":0,"rejected":\[\],"undeclared":\[{"index":2,"type":"chek_in","meant":"check_in"}\]'
in_answer '"warnings":\[{"index":0,"pointer":"#/data/stressLevl","detail":"kept, but the program declares no such field (did you mean .\?"stressLevel.\?"?)"}\]'
expect_call 200 POST /v1/events "$(event anna check_in '"stressLevl":4')"
in_answer '"pointer":"#/data/stressLevl"' # also after one that had both

# ---- consent of the past ----
past() { event "$1" check_in '"stressLevel":9' "$2"; }
consent() { expect_call "$1" POST "/v1/users/$2/opt-in?clock=event" "{\"timestamp\":\"$3\"}"; }
history() { expect_call 200 POST "/v1/events?clock=event" "$1"; }
history "$(event eva profile_updated "\"timezone\":\"Etc/UTC\",\"age\":40" 2025-03-01T08:00:00Z)"
history "$(past eva 2025-03-01T12:00:00Z)"
in_answer '"reason":"consent_unknown"'
consent 200 eva 2025-03-02T09:00:00Z
expect_call 200 GET /v1/users/eva
in_answer '"consent":"given"'
in_answer '"lastSeen":"2025-03-02T09:00:00Z"'
history "$(past eva 2025-03-03T12:00:00Z)"
in_answer '"outcome":"sent"'
consent 200 eva 2025-03-01T09:00:00Z # older than what is known: taken at the person's clock, which does not go back
expect_call 200 GET /v1/users/eva
in_answer '"lastSeen":"2025-03-03T12:00:00Z"'
expect_call 200 POST /v1/users/eva/opt-out
consent 409 eva 2025-03-04T09:00:00Z
in_answer 'consent of the past lifts no opt-out","errors":\[{"pointer":"#/timestamp"'
expect_call 200 GET /v1/users/eva
in_answer '"consent":"withdrawn"'
expect_call 200 POST /v1/users/eva/opt-in # today's does
stop
run 0 "$KAIROS" replay --verify --data "$work/data"
has ' 0 different'

run 0 "$KAIROS" key add backend --scopes ingest --data "$work/data"
key=$(cat "$work/out")
start "$work/data"
expect_call 403 POST "/v1/users/eva/opt-in?clock=event" '{"timestamp":"2025-03-04T09:00:00Z"}' "Authorization: Bearer $key"
in_answer 'urn:kairos:problem:scope-missing'
expect_call 200 POST /v1/users/eva/opt-in '' "Authorization: Bearer $key"
stop

# ---- a strict policy: what nobody declared is refused, and with what it was nearly called; what is in the journal stays ----
echo 'policy "house" { strict = true }' >"$work/program/rules/strict.lua"
start "$work/data" --program "$work/program"
says='no event noun declares \\"chek_in\\", and a policy is strict (did you mean \\"check_in\\"?)'
expect_call 400 POST /v1/events "$(event anna chek_in '"stressLevel":4')" "Authorization: Bearer $key"
in_answer "$says"
in_answer '"pointer":"#/eventType"'
expect_call 200 POST /v1/events "[$(event anna chek_in ''),$(event anna check_in '"stressLevel":4'),$(event anna profile_updated '"age":41')]" "Authorization: Bearer $key"
in_answer '"accepted":2,"duplicates":0,"rejected":\[{"index":0,"pointer":"#/eventType","detail":"'"$says"'","retryable":false}\]'
not_in_answer '"undeclared"'

# ---- what a public write key may not change is kept, changes nothing, and the answer says so ----
run 0 "$KAIROS" key add app --scopes track --data "$work/data"
public="Authorization: Bearer $(cat "$work/out")"
app_is_known() { [ "$(call POST /v1/events '[]' "$public")" = 200 ]; }
becomes "the key of the app" app_is_known
posted="[$(event anna profile_updated '"nick":"a","timezone":"Asia/Tokyo"'),$(event anna profile_updated '"ill":false'),$(event anna profile_updated '"ill":true'),$(event anna check_in '"stressLevel":4'),$(event anna profile_updated '"demographics":{"age":50}')]"
expect_call 200 POST /v1/events "$posted" "$public"
says='kept, but the profile stays as it is: a key with the scope ingest may change it, this one may not'
in_answer '"warnings":\[{"index":0,"pointer":"#/data/timezone","detail":"'"$says"'"},{"index":1,"pointer":"#/data/ill","detail":"'"$says"'"},{"index":4,"pointer":"#/data/demographics","detail":"'"$says"'"}\]'
expect_call 200 POST /v1/events "$posted" "Authorization: Bearer $key"
not_in_answer "$says"
stop
run 0 "$KAIROS" replay --verify --data "$work/data"
has ' 0 different'
