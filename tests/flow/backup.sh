#!/bin/sh
# The drill (D8, P3): a backup of a running engine, restored elsewhere with its master key, has the same people, rows and decisions and
# replays without a difference; without the key it is ciphertext; who was erased since stays erased. A move (offline) changes no decision.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
umask 022
# private DIR: nothing in it is for anybody but its owner
private() {
  equal "what others may read of $1" "$(find "$1" -mindepth 1 -perm /077 | sort | tr '\n' ' ')" ""
  [ "$(find "$1" -name '*.db*' | wc -l)" -ge "$2" ] || say "$1 has fewer than $2 files of SQLite"
}
mkdir "$work/data" # open to others, as somebody made it
run 0 "$KAIROS" init --data "$work/data" --files 2
has "data was there and is open to others (mode 0755).*chmod 700"
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

private "$work/data" 9 # three files, each with its log and its shared memory
run 0 "$KAIROS" doctor --data "$work/data"
has 'modes .*others see their names (mode 0755)'
for inside in backup backup/ not-there/backup; do
  run 6 "$KAIROS" backup "$work/data/$inside" --data "$work/data"
  has 'lies in the data directory'
done
run 0 "$KAIROS" backup "$work/backup" --data "$work/data"
private "$work/backup" 3
has 'opened, checked and counted'
run 6 "$KAIROS" backup "$work/backup" --data "$work/data"
has 'is not empty'
[ ! -e "$work/backup/master.key" ] || say "the backup holds the master key"
if grep -raq -e canary-in-the-backup -e "$someone" "$work/backup"; then say "the backup holds plaintext of a person"; fi
run 0 "$KAIROS" user erase "$someone"
has 'Backups of before still hold them'
stop

counts() {
  for volume in "$1"/volume-*.db; do
    for table in journal users decisions outbox; do sqlite3 "$volume" "SELECT '$table', count(*) FROM $table"; done
  done | sort | awk -F'|' '{ sum[$1] += $2 } END { for (t in sum) print t, sum[t] }' | sort
}
in_backup=$(counts "$work/backup")
cp "$work/data/master.key" "$work/key"

# Restored without knowing of the erasure: as it was, and that is said loudly.
run 2 "$KAIROS" restore "$work/backup" --data "$work/restored"
head -c 32 /dev/urandom >"$work/wrong.key"
run 7 "$KAIROS" restore "$work/backup" --data "$work/restored" --master-key "$work/wrong.key"
has 'is not the master key'
run 0 "$KAIROS" restore "$work/backup" --data "$work/restored" --master-key "$work/key"
has 'WARNING: no list of erasures newer than the backup'
equal "rows restored" "$(counts "$work/restored")" "$in_backup"
run 0 "$KAIROS" doctor --data "$work/restored"
hasnt BAD
run 0 "$KAIROS" replay --verify --recompute --data "$work/restored" # the plugins that ran came along
has ' [1-9][0-9]* beliefs, 0 different'
"$KAIROS" replay --print --data "$work/restored" >"$work/decisions"
[ -s "$work/decisions" ] || say "no decisions were restored"
run 6 "$KAIROS" restore "$work/backup" --data "$work/restored" --master-key "$work/key"
start "$work/restored"
export KAIROS_URL="$url"
run 0 "$KAIROS" user show "$someone" --all
has 'canary-in-the-backup'
stop
private "$work/restored" 3

# What an engine of before, or a copy, left open is closed by the next start; until then the doctor says so.
chmod 644 "$work"/restored/*.db
run 3 "$KAIROS" doctor --data "$work/restored"
has 'BAD *modes .*is open to others (mode 0644): chmod 600'
start "$work/restored"
! grep 'open to others' "$work/serve.log" || say "the restored directory, made by us, is called open"
private "$work/restored" 9
stop

# Restored beside the control.db that was left: it knows who was erased since. So does the directory, its control.db or a newer backup,
# when it is named; what is none of them, or is of other people, is refused before anything is made.
mkdir "$work/again"
cp "$work/data/control.db" "$work/again/"
run 0 "$KAIROS" restore "$work/backup" --data "$work/again" --master-key "$work/key"
hasnt WARNING
run 0 "$KAIROS" backup "$work/newer" --data "$work/data"
for list in "$work/data" "$work/data/control.db" "$work/newer"; do
  run 0 "$KAIROS" restore "$work/backup" --data "$work/named" --master-key "$work/key" --erased-by "$list"
  hasnt WARNING
  for table in journal users decisions outbox; do
    equal "$table restored by $list" "$(counts "$work/named" | grep "^$table ")" "$(counts "$work/again" | grep "^$table ")"
  done
  [ "$(counts "$work/named")" != "$in_backup" ] || say "nobody was erased again by $list"
  rm -r "$work/named"
done
run 0 "$KAIROS" init --data "$work/stranger"
run 6 "$KAIROS" restore "$work/backup" --data "$work/named" --master-key "$work/key" --erased-by "$work/stranger"
has 'has another master key than the backup'
run 5 "$KAIROS" restore "$work/backup" --data "$work/named" --master-key "$work/key" --erased-by "$work/nowhere"
has 'nowhere: expected a data directory, a backup or a control.db'
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
