#!/bin/sh
# Plain tables for analysts: what `kairos export --sqlite` writes says the same as the file that was imported, as the stored decisions and as
# the engine's own answers; erased people are not in it; it is its owner's alone, replaces nothing unasked and leaves nothing half-written.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
sql() { sqlite3 "$work/plain.db" "$1"; }
is() { equal "$1" "$(sql "$2")" "$3"; } # WHAT QUERY VALUE
paper_program "$work/program"
"$KAIROS" simulate --users 12 --days 21 --seed 7 >"$work/events"
run 0 "$KAIROS" init --data "$work/data" --files 2
run 0 "$KAIROS" import "$work/events" --data "$work/data" --program "$work/program"
last=$(tail -n 1 "$work/events" | sed 's/.*"timestamp":"\([^"]*\)".*/\1/')

# An answer to a decision, one to a decision that was made elsewhere, by the name that it had there, and one to a decision that nobody made.
"$KAIROS" replay --print --data "$work/data" >"$work/decisions"
asked=$(grep '"outcome":"sent"' "$work/decisions" | head -n 1)
id=$(echo "$asked" | sed 's/.*"id":"\(d[0-9]*-[0-9]*\)".*/\1/')
who=$(echo "$asked" | sed 's/.*"user":"\([^"]*\)".*/\1/')
printf '{"id":"l-1","userId":"%s","eventType":"logged_decision","timestamp":"%s","data":{"decisionId":"old-7","option":"walk","propensity":{"walk":0.3,"none":0.7}}}\n' \
  "$who" "$last" >"$work/elsewhere"
run 0 "$KAIROS" import "$work/elsewhere" --data "$work/data"
for answered in "$id" d1-999999 old-7; do
  printf '{"id":"r-%s","userId":"%s","eventType":"intervention_response","timestamp":"%s","data":{"decisionId":"%s","response":"helpful"}}\n' \
    "$answered" "$who" "$last" "$answered"
done >"$work/answers"
run 0 "$KAIROS" import "$work/answers" --data "$work/data"
"$KAIROS" replay --print --data "$work/data" >"$work/decisions"

# A name in the data directory itself is a slip that would cost everybody.
mkdir "$work/beside" "$work/data-too"
ln -s "$work/data" "$work/beside/link"
for name in "$work/data/volume-00.db" "$work/data/master.key" "$work/data/store/new.db" "$work/beside/../data/plain.db" "$work/beside/link/control.db"; do
  run 6 "$KAIROS" export --sqlite "$name" --force --data "$work/data"
  has 'lies in the data directory'
done
run 6 sh -c 'cd "$1" && exec "$2" export --sqlite volume-00.db --force --data .' sh "$work/data" "$KAIROS"
run 0 "$KAIROS" export --sqlite "$work/data-too/plain.db" --data "$work/data"
run 0 "$KAIROS" doctor --data "$work/data"

run 0 "$KAIROS" export --sqlite "$work/plain.db" --data "$work/data"
has 'plain text'
has '^12 users, '
equal "mode of the file" "$(stat -c %a "$work/plain.db")" 600
[ ! -e "$work/plain.db.partial" ] || say "something was left behind"
cat "$work/events" "$work/answers" >"$work/all"
is "events" "SELECT count(*) FROM events WHERE kind='event' OR kind='profile'" "$(wc -l <"$work/all")"
is "decisions" "SELECT count(*) FROM decisions" "$(wc -l <"$work/decisions")"
sql "SELECT record FROM decisions ORDER BY CAST(substr(decision_id, 2, instr(decision_id, '-') - 2) AS INTEGER),
     CAST(substr(decision_id, instr(decision_id, '-') + 1) AS INTEGER)" >"$work/records"
cmp "$work/records" "$work/decisions" || say "records differ from the stored decisions"
is "sends" "SELECT count(*) FROM deliveries" "$(grep -c '"outcome":"sent"' "$work/decisions")"
is "expired without an attempt" "SELECT count(*) FROM deliveries WHERE end<>'expired' OR attempts<>0" 0
is "attempts at the habit" "SELECT count(*) FROM habit_tracking" "$(grep -c 'workout_completed\|workout_skipped' "$work/events")"
is "completed" "SELECT sum(completed) FROM habits" "$(grep -c workout_completed "$work/events")"
is "sums of habits" "SELECT count(*) FROM habits h WHERE attempts<>(SELECT count(*) FROM habit_tracking t WHERE t.habit_id=h.habit_id)" 0
is "the answers" "SELECT count(*) FROM outcomes" 2
is "the answer" "SELECT decision_id || ' ' || user_id || ' ' || response FROM outcomes WHERE decision_id='$id'" "$id $who helpful"
is "the answer to the one of elsewhere" "SELECT option || ' ' || propensity || ' ' || o.user_id || ' ' || response FROM outcomes o
  JOIN decisions d USING(decision_id) WHERE source='imported'" "walk 0.3 $who helpful"
is "references" "PRAGMA foreign_key_check" ""
is "the file" "PRAGMA integrity_check" ok
is "profiles are JSON" "SELECT count(*) FROM users WHERE json_type(profile)<>'object'" 0
is "an event's data" "SELECT json_extract(data, '$.response') FROM events WHERE id='r-$id'" helpful
[ "$(sql "SELECT count(*) FROM readme WHERE topic='caution'")" = 1 ] || say "no word of caution in the file"

# The engine answers the same.
start "$work/data" --program "$work/program"
expect_call 200 GET "/v1/users/$who"
for field in "consent '\$.consent' consent" "timezone '\$.timezone' timezone"; do
  set -- $field
  is "$1 of $who" "SELECT $3 FROM users WHERE user_id='$who'" "$(sqlite3 :memory: "SELECT json_extract(readfile('$work/answer'), $2)")"
done
is "profile of $who" "SELECT json(profile) FROM users WHERE user_id='$who'" \
  "$(sqlite3 :memory: "SELECT json_extract(readfile('$work/answer'), '\$.profile')")"
is "a feature of $who" "SELECT json_extract(features, '\$.streak_length_longest') FROM users WHERE user_id='$who'" \
  "$(sqlite3 :memory: "SELECT json_extract(readfile('$work/answer'), '\$.features.streak_length_longest')")"
# Beside the running engine, and somebody erased is gone.
expect_call 200 DELETE "/v1/users/$who"
run 6 "$KAIROS" export --sqlite "$work/plain.db" --data "$work/data"
has 'force'
run 0 "$KAIROS" export --sqlite "$work/plain.db" --data "$work/data" --force
has '^11 users, '
grep -q -a -w -e "$who" "$work/plain.db" && say "an erased user is in the export"
stop

# A part of the time; references hold and users are all there.
middle=$(sql "SELECT decided_at FROM events ORDER BY decided_at LIMIT 1 OFFSET (SELECT count(*) / 2 FROM events)")
before=$(sql "SELECT count(*) FROM events WHERE decided_at<'$middle'")
all=$(sql "SELECT count(*) FROM events")
run 0 "$KAIROS" export --sqlite "$work/plain.db" --data "$work/data" --force --until "$middle" --json
has '"users":11'
is "events before" "SELECT count(*) FROM events" "$before"
run 0 "$KAIROS" export --sqlite "$work/plain.db" --data "$work/data" --force --since "$middle"
is "events since" "SELECT count(*) FROM events" $((all - before))
is "references" "PRAGMA foreign_key_check" ""
run 2 "$KAIROS" export --sqlite "$work/plain.db" --data "$work/data" --force --since yesterday
has 'since: expected a time'
run 2 "$KAIROS" export --sqlite "$work/none.db" --data "$work/data" --since 2025-04-01T00:00:00Z --until 2025-03-01T00:00:00Z
has 'until: expected a time after --since 2025-04-01T00:00:00Z, got "2025-03-01T00:00:00Z"'
[ ! -e "$work/none.db" ] || say "a span that holds nothing was exported"
run 2 "$KAIROS" export --data "$work/data"
has 'sqlite FILE'
run 1 "$KAIROS" export --sqlite "$work/nodir/x.db" --data "$work/data"
has 'nodir/x.db cannot be written'

# A program that no event has come under yet: features are read by it all the same.
cat >>"$work/program/rules/export.lua" <<'LUA'
trigger "skipped_late" { why = "A test.", on = { "workout_skipped" }, when = "event.local_hour > 22", offer = { "try_again" } }
LUA
start "$work/data" --program "$work/program"
stop

# The queries of docs/OPERATIONS.md, as they are written there.
run 0 "$KAIROS" export --sqlite "$work/plain.db" --data "$work/data" --force
is "users with features" "SELECT count(features) FROM users" 11
sed -n '/^<!-- queries/,/^<!-- end/s/^    sqlite> //p' "$KAIROS_SOURCE/docs/OPERATIONS.md" >"$work/queries"
[ -s "$work/queries" ] || say "no queries in docs/OPERATIONS.md"
while read -r query; do
  sqlite3 -bail "$work/plain.db" "$query" >"$work/rows" 2>"$work/complaint" || say "docs/OPERATIONS.md: $query: $(cat "$work/complaint")"
  [ -s "$work/rows" ] || say "docs/OPERATIONS.md: nothing came of: $query"
done <"$work/queries"

# What was there stays when an export fails: a folder that is no data directory, damage in the journal.
sum=$(sha256sum <"$work/plain.db")
run 5 "$KAIROS" export --sqlite "$work/plain.db" --data "$work/program" --force
cp -r "$work/data" "$work/broken"
sqlite3 "$work/broken/volume-00.db" "UPDATE journal SET body=zeroblob(200) WHERE seq=(SELECT max(seq) FROM journal WHERE user>0)"
run 1 "$KAIROS" export --sqlite "$work/plain.db" --data "$work/broken" --force
run 6 "$KAIROS" export --sqlite "$work/program" --data "$work/broken" --force # said before anything is read
has 'program is a directory'
[ ! -e "$work/program.partial" ] || say "an export onto a directory left something behind"
equal "the file after failed exports" "$(sha256sum <"$work/plain.db")" "$sum"
[ ! -e "$work/plain.db.partial" ] || say "a failed export left something behind"
