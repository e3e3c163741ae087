#!/bin/sh
# Erasure (P2): after DELETE nothing of a person is left in clear in any file, in the profile, the events, the decisions or the outbox, while
# the engine runs on; nor are others touched; and what is not erased is not in clear either.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
small_program "$work/program"
run 0 "$KAIROS" init --data "$work/data" --files 2
start "$work/data" --program "$work/program"
export KAIROS_URL="$url"
zone=$(noon_zone)
people=250 # four canaries each
for n in $(seq $people); do
  echo "url = \"$url/v1/users/canary-id-$n\"
request = PUT
data = \"{\\\"timezone\\\":\\\"$zone\\\",\\\"age\\\":40,\\\"note\\\":\\\"canary-profile-$n\\\"}\"
next
url = \"$url/v1/users/canary-id-$n/opt-in\"
request = POST
data = \"{}\"
next"
done | sed '$d' >"$work/setup"
curl -s -K "$work/setup" >"$work/answers"
equal "people set up" "$(grep -o '"state_updated":true' "$work/answers" | wc -l)" $((2 * people))
for n in $(seq $people); do
  echo "{\"id\":\"canary-event-$n\",\"userId\":\"canary-id-$n\",\"eventType\":\"check_in\",\"timestamp\":\"$(now)\",\"data\":{\"stressLevel\":9,\"note\":\"canary-note-$n\"}}"
done >"$work/events"
status=$(curl -s -o "$work/answer" -w '%{http_code}' -H 'Content-Type: application/x-ndjson' --data-binary "@$work/events" "$url/v1/events")
equal "posting" "$status" 200
grep -q "\"interventions_triggered\":$people," "$work/answer" || { head -c 600 "$work/answer" >&2; say "not everybody got a message"; }

# Bodies are sealed from the first commit: no canary of anybody is in clear, even now.
clear() { grep -ral canary "$work/data" >"$work/found" || true; [ ! -s "$work/found" ] || say "in clear: $(cat "$work/found")"; }
clear
echo canary >"$work/data/planted" # the look itself would find one
grep -ralq canary "$work/data" || say "a canary in clear would not be found"
rm "$work/data/planted"
run 0 "$KAIROS" user export canary-id-7
has canary-note-7
has canary-profile-7
decision=$(sed -n 's/.*"id":"\(d[0-9]*-[0-9]*\)","user":"canary-id-7".*/\1/p' "$work/out")

for n in $(seq 1 $((people / 2))); do run 0 "$KAIROS" user erase "canary-id-$n"; done
clear
run 5 "$KAIROS" user show canary-id-7
run 5 "$KAIROS" user export canary-id-7
run 5 "$KAIROS" user erase canary-id-7
run 5 "$KAIROS" why "$decision"
hasnt canary
run 0 "$KAIROS" user export "canary-id-$people"
has "canary-note-$people"
count() { for volume in "$work"/data/volume-*.db; do sqlite3 "$volume" "SELECT count(*) FROM $1"; done | awk '{ n += $1 } END { print n }'; }
equal "users left" "$(count users)" $((people - people / 2))
equal "decisions left" "$(count decisions)" $((people - people / 2))
equal "outbox rows left" "$(count outbox)" $((people - people / 2))

# They may come back: as somebody new.
expect_call 200 POST /v1/events "{\"id\":\"canary-event-7\",\"userId\":\"canary-id-7\",\"eventType\":\"check_in\",\"timestamp\":\"$(now)\",\"data\":{\"stressLevel\":9}}"
grep -q '"accepted":1,' "$work/answer" || say "an erased person's old event is remembered"
run 0 "$KAIROS" user show canary-id-7 --all
has 'consent: unknown'
hasnt canary-profile
stop_hard
clear
start "$work/data"
stop
clear
run 0 "$KAIROS" replay --verify --data "$work/data"
has ' 0 different'
run 0 "$KAIROS" doctor --data "$work/data"
hasnt BAD
