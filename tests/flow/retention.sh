#!/bin/sh
# What people did is kept for its time and no longer, over years that a frozen clock makes short. Trimmed and never trimmed, a directory
# decides the same byte for byte; replay is clean, begins at the checkpoints and says so; backup, restore, move, export, erasure and doctor work
# on what is left; a person's own page says since when nothing older is there; and kill -9 in the middle loses nothing.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
then="$KAIROS_BUILD/tests/then"
at() { # TIME CODE SUBCOMMAND …
  when=$1
  code=$2
  shift 2
  run "$code" "$then" "$when" "$@"
}
verified() { # DIRECTORY: replay is clean
  run 0 "$KAIROS" replay --verify --data "$1"
  has ' 0 different'
}
decisions() { # DIRECTORY FILE
  "$KAIROS" replay --print --data "$1" >"$2"
}
paper_program "$work/program"
"$KAIROS" simulate --users 8 --days 60 --seed 7 --start 2023-10-02 >"$work/events" 2>/dev/null
part=$(($(wc -l <"$work/events") / 3))
head -n $part "$work/events" >"$work/one"
tail -n +$((part + 1)) "$work/events" | head -n $part >"$work/two"
tail -n +$((2 * part + 1)) "$work/events" >"$work/three"

# Two parts come five months apart; a look in between takes checkpoints, as the engine's daily one does.
at 2024-01-01T12:00:00Z 0 import "$work/one" --data "$work/data" --program "$work/program"
first=$(sqlite3 "$work/data/volume-00.db" "SELECT count(*) FROM journal WHERE user>0")
at 2024-01-02T12:00:00Z 0 retention --data "$work/data"
has '^Trimmed: 0 events'
at 2024-06-01T12:00:00Z 0 import "$work/two" --data "$work/data"
at 2024-06-02T12:00:00Z 0 retention --data "$work/data"
verified "$work/data"
has '^16 states that were kept are the ones derived'
hasnt 'lie behind a checkpoint'
cp -r "$work/data" "$work/never"
decisions "$work/data" "$work/before"

# After 400 days the first part goes, whole and alone; said beforehand, then done, then there is nothing to do.
at 2025-02-04T12:00:00Z 0 retention --dry-run --data "$work/data"
has "^Would be trimmed: $first events of 8 users"
decisions "$work/data" "$work/after"
cmp "$work/before" "$work/after" || say "a dry run changed something"
at 2025-02-04T12:00:00Z 0 retention --data "$work/data"
has "^Trimmed: $first events of 8 users"
at 2025-02-05T12:00:00Z 0 retention --data "$work/data"
has 'nothing is old enough'
verified "$work/data"
has 'rows lie behind a checkpoint: older events were trimmed'
decisions "$work/data" "$work/after"
cmp "$work/before" "$work/after" || say "decisions changed when events were trimmed"
run 0 "$KAIROS" doctor --data "$work/data"
has ' 8 of them down to where they were trimmed'
whole=$(sqlite3 "$work/data/volume-00.db" "SELECT count(*) FROM journal WHERE user>0 AND length(body)>20")
equal "rows that are left" "$whole" $(($(sqlite3 "$work/never/volume-00.db" "SELECT count(*) FROM journal WHERE user>0") - first))

# Who compares programs, or learns, over what is left is told since when it is whole.
run 0 "$KAIROS" replay --program "$work/program" --data "$work/data"
has '^older events of 8 of them were trimmed: what arrived after 2024-01-01 is all there'
run 0 "$KAIROS" replay --program "$work/program" --data "$work/data" --json
has '"trimmedPeople":8,"wholeSince":"2024-01-01T12:00:00'
run 0 "$KAIROS" replay --program "$work/program" --data "$work/never"
hasnt 'trimmed'
for directory in data never; do
  "$KAIROS" evaluate adherence --program "$work/program" --data "$work/$directory" >"$work/$directory.card" 2>"$work/$directory.said" || true
done
grep -q '^older events of 8 people were trimmed: .* after 2024-01-01 is there' "$work/data.said" || say "who learns is not told what is missing: $(head -n 3 "$work/data.said")"
grep -q trimmed "$work/never.said" && say "who learns is told that something is missing, and nothing is"

# A backup, a restore and a move keep all of it; then life goes on in every directory in the same way.
run 0 "$KAIROS" backup "$work/backup" --data "$work/data"
run 0 "$KAIROS" restore "$work/backup" --data "$work/restored" --master-key "$work/data/master.key" --nothing-since
cp -r "$work/data" "$work/moved"
run 0 "$KAIROS" move --files 3 --data "$work/moved"
verified "$work/moved"
has 'rows lie behind a checkpoint'
for directory in never data restored moved; do
  at 2025-02-06T12:00:00Z 0 import "$work/three" --data "$work/$directory"
  verified "$work/$directory"
  decisions "$work/$directory" "$work/$directory.decisions"
  cmp "$work/never.decisions" "$work/$directory.decisions" || say "decisions of $directory differ from those of the directory that was never trimmed"
  at 2025-02-06T12:00:00Z 0 import "$work/three" --data "$work/$directory"
  has '^0 taken' # duplicates are still known
done
run 0 "$KAIROS" doctor --data "$work/moved"

# Analysts see decisions without their event.
run 0 "$KAIROS" export --sqlite "$work/plain.db" --data "$work/data"
equal "exported decisions" "$(sqlite3 "$work/plain.db" "SELECT count(*) FROM decisions")" "$(wc -l <"$work/data.decisions")"
[ "$(sqlite3 "$work/plain.db" "SELECT count(*) FROM decisions WHERE event_id IS NULL")" -gt 0 ] || say "no decision without event"
equal "when it was trimmed" "$(sqlite3 "$work/plain.db" "SELECT DISTINCT trimmed_on FROM users")" 2025-02-04T12:00:00Z
run 0 "$KAIROS" export --sqlite "$work/all.db" --data "$work/never"
equal "features and profiles" "$(sqlite3 "$work/plain.db" "SELECT user_id, profile, features FROM users ORDER BY 1" | sha256sum)" \
  "$(sqlite3 "$work/all.db" "SELECT user_id, profile, features FROM users ORDER BY 1" | sha256sum)"

# kill -9 wherever it may hit: what is left is whole, and the next look finishes.
round=0
while [ $round -lt 4 ]; do
  round=$((round + 1))
  rm -rf "$work/killed"
  cp -r "$work/never" "$work/killed"
  "$then" 2025-11-01T12:00:00Z retention --data "$work/killed" >"$work/out" 2>"$work/err" &
  victim=$!
  sleep "0.0$((round * 13 % 9))$round"
  kill -9 $victim 2>/dev/null || true
  wait $victim 2>/dev/null || true
  verified "$work/killed"
  decisions "$work/killed" "$work/killed.decisions"
  cmp "$work/never.decisions" "$work/killed.decisions" || say "kill -9 while trimming lost decisions"
done
at 2025-11-01T12:00:00Z 0 retention --data "$work/killed"
verified "$work/killed"
run 0 "$KAIROS" doctor --data "$work/killed"

# Behind a running engine: it trims by itself, so the command only looks. A page of one person says what is not there any more.
who=$(head -n 1 "$work/one" | sed 's/.*"userId":"\([^"]*\)".*/\1/')
start "$work/data" --program "$work/program" --keep-events 0 --keep-decisions 0
run 6 "$KAIROS" retention --data "$work/data"
has 'a running engine trims by itself'
run 0 "$KAIROS" retention --dry-run --data "$work/data"
has '^Would be trimmed: '
run 0 "$KAIROS" user timeline "$who" --limit 1000 --url "$url"
has 'older events were trimmed on 2025-02-04'
run 0 "$KAIROS" user export "$who" --url "$url"
has '"kind":"trimmed","trimmedAt":"2025-02-04T12:00:00Z"'
equal "decisions in the export of $who" "$(tail -n 1 "$work/out" | sed 's/.*"decisions":\([0-9]*\).*/\1/')" "$(grep -c "\"user\":\"$who\"" "$work/data.decisions")"
lines=$(wc -l <"$work/out")
equal "rows counted at the end of the export" "$(tail -n 1 "$work/out" | sed 's/.*"rows":\([0-9]*\).*/\1/')" $((lines - 3))
expect_call 404 GET "/v1/users/$who/why?at=2023-10-05T00:00:00Z"
grep -q 'older events were trimmed on 2025-02-04' "$work/answer" || say "why does not say that events were trimmed"
expect_call 200 GET "/v1/users/$who/why?at=2023-11-29T00:00:00Z"
id=$(grep "\"user\":\"$who\"" "$work/data.decisions" | head -n 1 | sed 's/.*"id":"\(d[0-9]*-[0-9]*\)".*/\1/')
expect_call 200 GET "/v1/decisions/$id/why" # of a trimmed event
grep -q 'event itself was trimmed on 2025-02-04' "$work/answer" || say "why of a decision does not say that its event was trimmed"
expect_call 200 GET "/v1/decisions/$id"
grep -q '"event_trimmed_at":"2025-02-04T12:00:00Z"' "$work/answer" || say "a decision does not say that its event was trimmed"
expect_call 200 DELETE "/v1/users/$who"
stop
run 0 "$KAIROS" doctor --data "$work/data"
verified "$work/data"
for table in trims checkpoints; do
  equal "$table after an erasure" "$(sqlite3 "$work/data/volume-00.db" "SELECT count(DISTINCT user) FROM $table")" 7
done
equal "decisions after an erasure" "$(sqlite3 "$work/data/volume-00.db" "SELECT count(*) FROM decisions")" \
  "$(grep -v "\"user\":\"$who\"" "$work/data.decisions" | wc -l)"

# Left to itself the engine trims what is old by now: by the calendar of whoever runs this test, all of the events. Years after its last look
# it would believe that calendar only tomorrow, so it has seen it two days ago.
for volume in "$work"/restored/volume-*.db; do
  sqlite3 "$volume" "INSERT OR REPLACE INTO meta VALUES('retained_at', $(($(date +%s) - 2 * 86400))000)"
done
start "$work/restored" --program "$work/program" --keep-decisions 0
wait_for "$work/serve.log" 'trimmed [1-9][0-9]* events of 8 users'
stop
verified "$work/restored"
run 0 "$KAIROS" doctor --data "$work/restored"
equal "events that are left" "$(sqlite3 "$work/restored/volume-00.db" "SELECT count(*) FROM journal WHERE user>0 AND length(body)>20")" 0
decisions "$work/restored" "$work/after"
cmp "$work/never.decisions" "$work/after" || say "decisions changed when the engine trimmed"

# Three years on decisions go, too, and messages long before; nobody's chain is broken by it.
at 2029-01-01T12:00:00Z 0 retention --data "$work/data"
equal "decisions in the end" "$(sqlite3 "$work/data/volume-00.db" "SELECT count(*) FROM decisions")" 0
equal "messages in the end" "$(sqlite3 "$work/data/volume-00.db" "SELECT count(*) FROM outbox")" 0
verified "$work/data"
run 0 "$KAIROS" doctor --data "$work/data"
at 2029-01-02T12:00:00Z 0 import "$work/one" --data "$work/data" # who comes back is decided for
verified "$work/data"

for option in events decisions messages; do
  run 2 "$KAIROS" retention --keep-$option -5 --data "$work/data"
  has "^kairos retention: --keep-$option: expected 0 (for ever) to 100000 days, got -5"
done
run 2 "$KAIROS" retention --keep-events 7 --data "$work/data"
has 'for 8 days at least'
run 2 "$KAIROS" retention --keep-events 400 --keep-decisions 100 --data "$work/data"
has 'no shorter than the events'
