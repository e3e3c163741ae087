#!/bin/sh
# How partitions lie in files decides nothing, merges included: the same people, events, merges and events after them, in one file and in four,
# make the same decisions, byte for byte. The events are history, so that both engines live at the same time.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
small_program "$work/program"
echo 'policy "paper" { why = "signed on paper", consent = "by_enrolment" }' >>"$work/program/rules/all.lua"
people=12
event() { # USER TYPE TIME DATA
  echo "{\"id\":\"$1-$3-$2\",\"userId\":\"$1\",\"eventType\":\"$2\",\"timestamp\":\"2026-03-0$3:00Z\",\"data\":$4}"
}
i=0
while [ $i -lt $people ]; do
  for id in "old-$i" "new-$i"; do event "$id" profile_updated 2T09:00 "{\"timezone\":\"Etc/UTC\",\"age\":$((i % 3 == 1 && ${#id} > 4 ? 15 + i : 40))}"; done
  i=$((i + 1))
done >"$work/before"
i=0
while [ $i -lt $people ]; do # some of the old ids were sent to a moment ago, some ages ago
  event "old-$i" check_in "2T1$((i % 4)):00" '{"stressLevel":9}'
  event "new-$i" check_in 2T10:00 "{\"stressLevel\":$((i % 2 * 9))}"
  i=$((i + 1))
done >>"$work/before"
for time in 2T13:20 3T14:00 4T11:00 5T12:00; do
  i=0
  while [ $i -lt $people ]; do
    event "old-$i" check_in "$time" '{"stressLevel":9}'
    i=$((i + 1))
  done
done >"$work/later"
post() {
  status=$(curl -s -o "$work/answer" -w '%{http_code}' -H 'Content-Type: application/x-ndjson' --data-binary "@$1" "$url/v1/events?clock=event")
  [ "$status" = 200 ] || { head -c 500 "$work/answer" >&2; say "posting was answered $status"; }
  grep -q '"rejected":\[\]' "$work/answer" || { head -c 2000 "$work/answer" >&2; say "events were refused"; }
}
world() { # FILES
  run 0 "$KAIROS" init --data "$work/data$1" --files "$1"
  start "$work/data$1" --program "$work/program" --lanes 2
  post "$work/before"
  i=0
  while [ $i -lt $people ]; do
    expect_call 200 POST "/v1/users/old-$i/merge" "{\"into\":\"new-$i\"}"
    i=$((i + 1))
  done
  post "$work/later"
  stop
  run 0 "$KAIROS" replay --verify --data "$work/data$1"
  has ' 0 different'
  "$KAIROS" replay --print --data "$work/data$1" | sort >"$work/decisions$1"
}
world 1
world 4
[ "$(wc -l <"$work/decisions1")" -ge $((5 * people)) ] || { head -c 2000 "$work/decisions1" >&2; say "only $(wc -l <"$work/decisions1") decisions were made"; }
for what in '"outcome":"sent"' '"reason":"too_soon"' '"reason":"minor"'; do grep -q -e "$what" "$work/decisions1" || say "no decision is $what"; done
cmp "$work/decisions1" "$work/decisions4" || { diff "$work/decisions1" "$work/decisions4" | head -n 4 >&2; say "files decide"; }
