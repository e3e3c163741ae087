#!/bin/sh
# The drill (D8, P3): a backup of a running engine, restored elsewhere with its master key, has the same people, rows and decisions and
# replays without a difference; without the key it is ciphertext; who was erased since stays erased. A move (offline) changes no decision.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
run 0 "$KAIROS" init --data "$work/data" --files 2
start "$work/data" --program "$KAIROS_SOURCE"
export KAIROS_URL="$url"
"$KAIROS" simulate --users 30 --days 12 --seed 7 >"$work/events"
split -l 1000 -d "$work/events" "$work/batch."
for batch in "$work"/batch.*; do
  status=$(curl -s -o "$work/answer" -w '%{http_code}' -H 'Content-Type: application/x-ndjson' --data-binary "@$batch" "$url/v1/events?clock=event")
  [ "$status" = 200 ] || { head -c 500 "$work/answer" >&2; say "posting was answered $status"; }
done
someone=$(sed -n '1s/.*"userId":"\([^"]*\)".*/\1/p' "$work/events")
expect_call 200 PUT "/v1/users/$someone" '{"note":"canary-in-the-backup"}'

run 0 "$KAIROS" backup "$work/backup" --data "$work/data"
has 'opened, checked and counted'
run 6 "$KAIROS" backup "$work/backup" --data "$work/data"
has 'is not empty'
[ ! -e "$work/backup/master.key" ] || say "the backup holds the master key"
if grep -raq -e canary-in-the-backup -e "$someone" "$work/backup"; then say "the backup holds plaintext of a person"; fi
run 0 "$KAIROS" user erase "$someone"
stop

counts() {
  for volume in "$1"/volume-*.db; do
    for table in journal users decisions outbox; do sqlite3 "$volume" "SELECT '$table', count(*) FROM $table"; done
  done | sort | awk -F'|' '{ sum[$1] += $2 } END { for (t in sum) print t, sum[t] }' | sort
}
in_backup=$(counts "$work/backup")
cp "$work/data/master.key" "$work/key"

# Restored without knowing of the erasure: as it was.
run 2 "$KAIROS" restore "$work/backup" --data "$work/restored"
head -c 32 /dev/urandom >"$work/wrong.key"
run 7 "$KAIROS" restore "$work/backup" --data "$work/restored" --master-key "$work/wrong.key"
has 'is not the master key'
run 0 "$KAIROS" restore "$work/backup" --data "$work/restored" --master-key "$work/key"
equal "rows restored" "$(counts "$work/restored")" "$in_backup"
run 0 "$KAIROS" doctor --data "$work/restored"
hasnt BAD
run 0 "$KAIROS" replay --verify --data "$work/restored"
has ' 0 different'
"$KAIROS" replay --print --data "$work/restored" >"$work/decisions"
[ -s "$work/decisions" ] || say "no decisions were restored"
run 6 "$KAIROS" restore "$work/backup" --data "$work/restored" --master-key "$work/key"
start "$work/restored"
export KAIROS_URL="$url"
run 0 "$KAIROS" user show "$someone" --all
has 'canary-in-the-backup'
stop

# Restored beside the control.db that was left: it knows who was erased since.
mkdir "$work/again"
cp "$work/data/control.db" "$work/again/"
run 0 "$KAIROS" restore "$work/backup" --data "$work/again" --master-key "$work/key"
start "$work/again"
export KAIROS_URL="$url"
run 5 "$KAIROS" user show "$someone"
other=$(sed 's/.*"userId":"\([^"]*\)".*/\1/' "$work/events" | grep -vx "$someone" | head -n 1)
run 0 "$KAIROS" user show "$other"
stop
run 0 "$KAIROS" replay --verify --data "$work/again"
has ' 0 different'
run 0 "$KAIROS" doctor --data "$work/again"

# A backup that was cut short is none.
cp -r "$work/backup" "$work/cut"
rm "$work/cut/layout"
run 5 "$KAIROS" restore "$work/cut" --data "$work/never" --master-key "$work/key"
cp -r "$work/backup" "$work/torn"
volume=$(ls "$work"/torn/volume-*.db | head -n 1)
dd if=/dev/zero of="$volume" bs=4096 seek=3 count=6 conv=notrunc 2>/dev/null
code=0
"$KAIROS" restore "$work/torn" --data "$work/never2" --master-key "$work/key" >"$work/out" 2>"$work/err" || code=$?
[ $code != 0 ] || say "a torn backup was restored as if it were whole"

# Moved to other numbers of files: the same decisions, byte for byte, and a clean replay before and after.
for files in 5 1 2; do
  run 0 "$KAIROS" move --data "$work/restored" --files $files
  equal "files" "$(ls "$work"/restored/volume-*.db | wc -l)" $files
  run 0 "$KAIROS" replay --verify --data "$work/restored"
  has ' 0 different'
  "$KAIROS" replay --print --data "$work/restored" >"$work/moved"
  cmp "$work/decisions" "$work/moved" || say "a move to $files files changed decisions"
done
run 2 "$KAIROS" move --data "$work/restored" --files 0
run 2 "$KAIROS" move --data "$work/restored" --files 17
run 0 "$KAIROS" doctor --data "$work/restored"
