#!/bin/sh
# A data directory of which something is missing is never taken for a new one: copied by half, a disk that is not mounted, a file that went.
# Without its layout, a volume or control.db, or with one of them emptied, nothing opens it for writing, the doctor and a backup say which file it is,
# nothing is made in its place, and with the file put back all is as it was. What is new, or was cut short before anything ran, still begins.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
small_program "$work/program"
run 0 "$KAIROS" init --data "$work/good" --files 2
run 0 "$KAIROS" doctor --data "$work/good"
start "$work/good" --program "$work/program"
post_many 20 20 person- check_in '{"stressLevel":2}'
expect_call 200 POST /v1/users/person-1/opt-in
expect_call 200 POST /v1/users/person-1/opt-out
stop
volume=$(cd "$work/good" && ls volume-01*.db)
run 0 "$KAIROS" backup "$work/backup" --data "$work/good"

# refused FILE: by whatever would write there, and by who looks
refused() {
  listed=$(cd "$work/bad" && ls | grep -v -e '^kairos.lock$' -e '-wal$' -e '-shm$')
  for command in "serve --listen 127.0.0.1:0" "serve --listen 127.0.0.1:0 --program $work/program" \
    "import $work/none" "key add shop --scopes ingest" "move --files 4" retention doctor "backup $work/bad.backup" "replay --verify"; do
    code=0
    timeout 20 "$KAIROS" $command --data "$work/bad" >"$work/out" 2>"$work/err" </dev/null || code=$?
    case $code in 1 | 3 | 5 | 6) ;; *) say "without $1: $command left with $code" ;; esac
    has "$1"
    rm -rf "$work/bad.backup"
    equal "what lies there after $command" "$(cd "$work/bad" && ls | grep -v -e '^kairos.lock$' -e '-wal$' -e '-shm$')" "$listed"
  done
}
: >"$work/none"
for file in layout "$volume" control.db; do
  for how in removed emptied; do
    [ "$file $how" != "layout emptied" ] || continue # is refused for its first line
    cp -r "$work/good" "$work/bad"
    rm -f "$work/bad/$file-wal" "$work/bad/$file-shm"
    if [ $how = removed ]; then rm "$work/bad/$file"; else : >"$work/bad/$file"; fi
    refused "$file"
    cp "$work/good/$file" "$work/bad/$file"
    start "$work/bad" --program "$work/program"
    expect_call 200 GET /v1/users/person-1
    in_answer '"consent":"withdrawn"'
    stop
    rm -r "$work/bad"
  done
done

# A backup of which a file went is no whole one either.
rm "$work/backup/$volume"
run 5 "$KAIROS" restore "$work/backup" --data "$work/restored" --master-key "$work/good/master.key"
has "$volume"
[ ! -e "$work/restored/layout" ] || say "a backup that is not whole was restored"

# What begins is not hindered: an empty directory, one that a beginning cut short left, one of which only keys were made.
mkdir "$work/new"
head -c 32 /dev/urandom >"$work/new/master.key"
start "$work/new" --program "$work/program"
stop
run 0 "$KAIROS" init --data "$work/keyed" --files 3
run 0 "$KAIROS" key add shop --scopes ingest --data "$work/keyed"
run 0 "$KAIROS" doctor --data "$work/keyed"
start "$work/keyed" --program "$work/program"
stop

# The store: the dictionary is needed to read anything, a program's files to derive what it decided. A backup that lacks the latter is made and says so.
echo "-- another" >>"$work/program/rules/all.lua"
start "$work/good" --program "$work/program"
stop
run 0 "$KAIROS" doctor --data "$work/good"
cp -r "$work/good" "$work/bad"
for path in "$work"/bad/store/*; do
  file=${path##*/}
  mv "$path" "$work/aside"
  code=0
  "$KAIROS" doctor --data "$work/bad" >"$work/out" 2>"$work/err" || code=$?
  case $code in 3 | 5) ;; *) say "without $file of the store the doctor left with $code" ;; esac
  has "$file"
  run $code "$KAIROS" backup "$work/bad.backup" --data "$work/bad"
  has "$file"
  if [ $code = 3 ]; then
    run 0 "$KAIROS" restore "$work/bad.backup" --data "$work/again" --master-key "$work/bad/master.key" --nothing-since
    cp "$work/aside" "$work/again/store/$file"
    run 0 "$KAIROS" doctor --data "$work/again"
    run 0 "$KAIROS" replay --verify --data "$work/again"
  fi
  rm -rf "$work/bad.backup" "$work/again"
  mv "$work/aside" "$path"
done
run 0 "$KAIROS" doctor --data "$work/bad"
run 0 "$KAIROS" backup "$work/bad.backup" --data "$work/bad"

# A program of which a file was changed: the sentence with which the start ends says which one.
stored=$(grep -l '^-- another$' "$work"/good/store/*)
rm -f "$work/bad/store/${stored##*/}"
echo forged >"$work/bad/store/${stored##*/}"
run 1 "$KAIROS" serve --data "$work/bad" --listen 127.0.0.1:0
has "^kairos: no program to run: .*rules/all.lua: .*${stored##*/} is damaged: its bytes do not match its name"
