#!/bin/sh
# Two ids, one person: after a merge, events, profiles, consent and questions under either id mean the one who stays; what protected either
# protects the person (opt-out, age, what was sent in the last hour); waiting messages of the old id are withdrawn; both
# histories are read under both ids, and erased under either. All of it is there after kill -9, a move, an import, a backup and its restore,
# and a replay finds no difference. Merges that make no sense are refused.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
small_program "$work/program"
run 0 "$KAIROS" init --data "$work/data" --files 4
start "$work/data" --program "$work/program"
export KAIROS_URL="$url"
zone=$(noon_zone)
person() { # ID AGE: may be sent to
  expect_call 200 PUT "/v1/users/$1" "{\"timezone\":\"$zone\",\"age\":$2,\"note\":\"canary-profile-$1\"}"
  expect_call 200 POST "/v1/users/$1/opt-in"
}
event() { printf '{%s"userId":"%s","eventType":"check_in","timestamp":"%s","data":{"stressLevel":%s,"note":"canary-note-%s"}}' "${3:-}" "$1" "$(now)" "$2" "$1"; }
stressed() { expect_call 200 POST /v1/events "$(event "$1" 9)"; }
merge() { expect_call 200 POST "/v1/users/$1/merge" "{\"into\":\"$2\"}"; }
decision_id() { sed -n 's/.*"decisions":\[{"id":"\(d[0-9]*-[0-9]*\)".*/\1/p' "$work/answer"; }

# ---- what cannot be ----
person kim 40
person anon-1 40
expect_call 404 POST /v1/users/nobody/merge '{"into":"kim"}'
in_answer 'no user \\"nobody\\" is known here'
expect_call 404 POST /v1/users/anon-1/merge '{"into":"nobody"}'
in_answer 'no user \\"nobody\\" is known here'
expect_call 400 POST /v1/users/kim/merge '{"into":"kim"}'
in_answer 'into itself'
for body in '{}' '{"into":7}' '{"into":""}' '[' '"kim"'; do expect_call 400 POST /v1/users/anon-1/merge "$body"; done
expect_call 200 GET /v1/users/anon-1
in_answer '"userId":"anon-1"'

# ---- caps count both histories ----
stressed anon-1
in_answer '"outcome":"sent"'
sent=$(decision_id)
run 0 "$KAIROS" user merge anon-1 kim
has 'userId: kim'
expect_call 200 POST /v1/users/anon-1/merge '{"into":"kim"}' # again: as it is
in_answer '^{"merged":true,"userId":"kim","from":"anon-1"}$'
stressed kim
in_answer '"userId":"kim".*"outcome":"unavailable","reason":"too_soon"'
stressed anon-1
in_answer '"userId":"kim".*"outcome":"unavailable","reason":"too_soon"'
expect_call 200 POST /v1/events "{\"id\":\"r\",\"userId\":\"anon-1\",\"eventType\":\"intervention_response\",\"timestamp\":\"$(now)\",\"data\":{\"decisionId\":\"$sent\",\"response\":\"good\"}}"
in_answer '"learning_updated":true'
expect_call 200 POST /v1/decide '{"userId":"anon-1","dryRun":true}'
expect_call 200 PUT /v1/users/anon-1 '{"nick":"K"}'
expect_call 409 POST /v1/users/kim/merge '{"into":"anon-1"}'
in_answer 'circle'
person other 40
expect_call 409 POST /v1/users/anon-1/merge '{"into":"other"}'
in_answer 'nobody is two people'

# ---- both are read under both ----
for id in kim anon-1; do
  expect_call 200 GET "/v1/users/$id"
  in_answer '"userId":"kim"'
  in_answer '"nick":"K"'
  in_answer '"mergedFrom":\["anon-1"\]'
  in_answer "\"decision\":\"$sent\",\"at\":\"[^\"]*\",\"response\":\"good\""
  expect_call 200 GET "/v1/users/$id/timeline?limit=100"
  in_answer canary-note-kim
  in_answer canary-note-anon-1
  equal "sends in the timeline of $id" "$(grep -o '"outcome":"sent"' "$work/answer" | wc -l)" 1
  expect_call 200 GET "/v1/users/$id/export"
  in_answer canary-profile-kim
  in_answer canary-profile-anon-1
  in_answer '"kind":"alias","userId":"anon-1"'
  equal "rows of the export of $id" "$(grep -c '"kind":"\(event\|profile\|consent\|merge\)"' "$work/answer")" \
    "$(sed -n 's/^{"kind":"end","rows":\([0-9]*\).*/\1/p' "$work/answer")"
  expect_call 200 GET "/v1/users/$id/why"
  in_answer 'too little time has passed'
done
run 0 "$KAIROS" user timeline kim --limit 100
has '  merged_from anon-1$'
has '  merged_into kim$'
expect_call 200 GET "/v1/users/anon-1/timeline?limit=1"
in_answer '"eventType":"profile_updated"'
not_in_answer '"seq".*"seq"'

# ---- an opt-out of either is one of both, in time to stop what waits ----
person anon-2 40
person lee 40
stressed lee
waits=$(decision_id)
expect_call 200 POST /v1/users/anon-2/opt-out
merge anon-2 lee
expect_call 200 GET /v1/users/lee
in_answer '"consent":"withdrawn"'
expect_call 200 GET "/v1/decisions/$waits"
in_answer '"end":"withdrawn"'
person anon-3 40
person max 40
stressed anon-3
waits=$(decision_id)
merge anon-3 max
expect_call 200 GET "/v1/decisions/$waits" # it was decided for somebody of whom less was known
in_answer '"end":"withdrawn"'
expect_call 200 POST /v1/users/max/opt-out
expect_call 200 POST /v1/users/anon-3/opt-in
expect_call 200 GET /v1/users/max
in_answer '"consent":"given"'
expect_call 200 POST /v1/users/anon-3/opt-out # under the old id
stressed max
in_answer '"reason":"opted_out"'

# ---- permissions are not carried, prohibitions are ----
person anon-4 15
person nina 40
merge anon-4 nina
stressed nina
in_answer '"reason":"minor"'
person anon-5 40
expect_call 200 PUT /v1/users/otto "{\"timezone\":\"$zone\",\"age\":40}"
merge anon-5 otto
stressed otto
in_answer '"reason":"consent_unknown"'
expect_call 200 POST /v1/events "$(event new-device 3)" # knows nothing, refuses nothing
person pia 40
merge new-device pia
stressed new-device
in_answer '"userId":"pia".*"outcome":"sent"'
person anon-6 40
expect_call 200 PUT /v1/users/anon-6 '{"timezone":"Pacific/Auckland"}'
person rosa 40
merge anon-6 rosa
stressed rosa
in_answer '"reason":"zone_unknown"'

# ---- chains, batches ----
for id in a b c; do person "$id" 40; done
merge a b
merge b c
stressed a
in_answer '"userId":"c"'
expect_call 200 GET /v1/users/b
in_answer '"mergedFrom":\["a","b"\]'
expect_call 409 POST /v1/users/c/merge '{"into":"a"}'
expect_call 200 POST /v1/events "[$(event a 1),$(event kim 1),$(event b 1),$(event c 1)]"
in_answer '"accepted":4'

# ---- after kill -9; who did it is on record, whom is not ----
stop_hard
equal "merges on record" "$(sqlite3 "$work/data/control.db" "SELECT count(*) FROM facts WHERE kind='merge' AND author='local'")" 9
sqlite3 "$work/data/control.db" .dump | grep -e anon- -e canary && say "control.db names people"
start "$work/data" --lanes 1
export KAIROS_URL="$url"
stressed anon-1
in_answer '"userId":"kim".*"reason":"too_soon"'
run 0 "$KAIROS" backup "$work/backup" --data "$work/data"

# ---- erased under either id ----
person canary-old 40
person canary-new 40
person canary-side 40
stressed canary-old
merge canary-old canary-new
merge canary-side canary-new
stressed canary-side
run 0 "$KAIROS" user erase canary-old
for id in canary-old canary-new canary-side; do
  expect_call 404 GET "/v1/users/$id"
  expect_call 404 DELETE "/v1/users/$id"
done
expect_call 404 POST /v1/users/kim/merge '{"into":"canary-new"}'
clear() { grep -ral canary "$work/data" >"$work/found" || true; [ ! -s "$work/found" ] || say "in clear: $(cat "$work/found")"; }
clear
equal "merges left" "$(sqlite3 "$work/data/control.db" "SELECT count(*) FROM merges")" 9
expect_call 200 POST /v1/events "$(event canary-old 3)" # somebody new
expect_call 200 GET /v1/users/canary-old
in_answer '"userId":"canary-old"'
in_answer '"consent":"unknown"'
expect_call 404 GET /v1/users/canary-new
stop_hard
clear
run 0 "$KAIROS" replay --verify --data "$work/data"
has ' 0 different'
run 0 "$KAIROS" doctor --data "$work/data"
hasnt BAD

# ---- offline ----
run 0 "$KAIROS" move --files 1 --data "$work/data"
echo '{"id":"i","userId":"a","eventType":"check_in","timestamp":"2026-01-01T10:00:00Z","data":{"stressLevel":2}}' >"$work/import"
run 0 "$KAIROS" import "$work/import" --data "$work/data"
has '1 taken'
run 0 "$KAIROS" import "$work/import" --data "$work/data"
has '1 duplicates'
start "$work/data"
export KAIROS_URL="$url"
expect_call 200 GET "/v1/users/c/timeline?limit=100"
in_answer '"id":"i","userId":"a"'
in_answer canary-note-b
stop
run 0 "$KAIROS" replay --verify --data "$work/data"
has ' 0 different'

# ---- restored: as it was, and the erased stay erased ----
mkdir "$work/restored"
cp "$work/data/control.db" "$work/restored/"
run 0 "$KAIROS" restore "$work/backup" --data "$work/restored" --master-key "$work/data/master.key" --nothing-since
start "$work/restored"
export KAIROS_URL="$url"
stressed anon-1
in_answer '"userId":"kim".*"reason":"too_soon"'
expect_call 200 GET /v1/users/a
in_answer '"mergedFrom":\["a","b"\]'
run 0 "$KAIROS" user erase a
for id in a b c; do expect_call 404 GET "/v1/users/$id"; done
stop
run 0 "$KAIROS" replay --verify --data "$work/restored"
has ' 0 different'
