#!/bin/sh
# H4: the engine is killed while it makes another program live: before each of the calls by which it touches a file on the way, from looking at
# the directory, over building, the store, control.db and each volume's journal, to saying that it is live. Whatever was reached, the next
# start, without any directory, runs the last good program: the old one, or the new one if anybody was told so; in all partitions the same
# one; nothing acknowledged is lost, and the replay is the same byte for byte. With the directory it gets there after all.
# Eight places, spread over the way; KAIROS_KILLS=all takes every one.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
[ -z "${KAIROS_SANITIZE:-}" ] || { echo "activation: sanitizers want to be the first library themselves: skipped"; exit 77; }
export KAIROS_URL
real=$KAIROS
cat >"$work/dying" <<SH
#!/bin/sh
exec env LD_PRELOAD="$KAIROS_BUILD/tests/die_at.so" DIE_AT="$work/die" "$real" "\$@"
SH
chmod +x "$work/dying"

small_program "$work/p"
echo 'policy "paper" { why = "signed on paper", consent = "by_enrolment" }' >>"$work/p/rules/all.lua"
cp -r "$work/p" "$work/new"
cat >"$work/new.lua" <<'LUA'
feature "often" { window = "count", of = "check_in", days = 7, doc = "Check-ins of a week." }
trigger "always" { why = "A test.", on = { "check_in" }, priority = 90, when = "often > 0 or event.stressLevel >= 0", offer = { "breathe" } }
LUA
cp "$work/new.lua" "$work/new/rules/new.lua"
digest() { "$real" check "$1" --json | sed 's/^{"program":"\([0-9a-f]*\)".*/\1/'; }
old=$(digest "$work/p")
new=$(digest "$work/new")

# People in many partitions of two files.
zone=$(noon_zone)
i=0
while [ $i -lt 12 ]; do
  echo "{\"userId\":\"u$i\",\"eventType\":\"profile_updated\",\"timestamp\":\"$(now)\",\"data\":{\"timezone\":\"$zone\",\"age\":40}}"
  echo "{\"userId\":\"u$i\",\"eventType\":\"check_in\",\"timestamp\":\"$(now)\",\"data\":{\"stressLevel\":5}}"
  i=$((i + 1))
done >"$work/people"
post() { # FILE
  status=$(curl -s -o "$work/answer" -w '%{http_code}' -H 'Content-Type: application/x-ndjson' --data-binary "@$1" "$url/v1/events")
  [ "$status" = 200 ] || { head -c 500 "$work/answer" >&2; say "posting was answered $status"; }
}
run 0 "$real" init --data "$work/base" --files 2
KAIROS=$real start "$work/base" --program "$work/p" --lanes 2
post "$work/people"
stop
all_of() { # what everyone decides now, under one program
  i=0
  while [ $i -lt 12 ]; do
    echo "{\"userId\":\"u$i\",\"eventType\":\"check_in\",\"timestamp\":\"$(now)\",\"data\":{\"stressLevel\":8}}"
    i=$((i + 1))
  done >"$work/all"
  post "$work/all"
}

# attempt NUMBER WAY: killed at that call, or not at all; 1: the engine lived
attempt() {
  rm -rf "$work/data" "$work/program" "$work/die" "$work/die.told" "$work/published"
  cp -r "$work/base" "$work/data"
  cp -r "$work/p" "$work/program"
  KAIROS=$work/dying
  start "$work/data" --program "$work/program" --lanes 2
  KAIROS=$real
  KAIROS_URL=$url
  equal "the program before" "$(live)" "$old"
  expect_call 200 POST /v1/events "{\"id\":\"told\",\"userId\":\"u3\",\"eventType\":\"check_in\",\"timestamp\":\"$(now)\",\"data\":{\"stressLevel\":1}}"
  sleep 0.3 # states are written behind: what is counted from here on is the change
  echo "$1" >"$work/die.new"
  mv "$work/die.new" "$work/die"
  if [ "$2" = directory ]; then cp "$work/new.lua" "$work/program/rules/new.lua"
  else "$real" programs publish "$work/new" >"$work/published" 2>&1 || true; fi
  tries=0
  while kill -0 "$engine" 2>/dev/null && ! grep -q ' is live (.*1 file' "$work/serve.log"; do
    tries=$((tries + 1))
    [ $tries -lt 1200 ] || say "neither dead nor live at call $1"
    sleep 0.05
  done
  tries=0 # the last calls come after the word
  while kill -0 "$engine" 2>/dev/null && [ $tries -lt 10 ]; do
    tries=$((tries + 1))
    sleep 0.05
  done
  kill -0 "$engine" 2>/dev/null
}
told_live() { grep -q ' is live (.*1 file' "$work/serve.log" || grep -q '  live  ' "$work/published" 2>/dev/null; }

# after NUMBER WAY: what the next start makes of it
after() {
  wanted=
  if told_live; then wanted=$new; fi
  wait "$engine" 2>/dev/null || true
  engine=
  start "$work/data" --lanes 2
  KAIROS_URL=$url
  is=$(live)
  [ "$is" = "$old" ] || [ "$is" = "$new" ] || say "killed at call $1 ($(cat "$work/die.told")): $is is live"
  [ -z "$wanted" ] || [ "$is" = "$wanted" ] || say "killed at call $1 ($(cat "$work/die.told")): it was said to be live, and is not"
  all_of
  expect_call 200 GET '/v1/users/u3/timeline?limit=10'
  grep -q '"id":"told"' "$work/answer" || say "killed at call $1: an acknowledged event is lost"
  stop
  run 0 "$real" replay --verify --data "$work/data"
  has ' 0 different'
  "$real" replay --print --data "$work/data" | tail -n 12 | sed 's/.*"program":"\([0-9a-f]*\)".*/\1/' | sort -u >"$work/deciding"
  equal "programs that decide after call $1" "$(cat "$work/deciding")" "$(printf %.16s "$is")"
  run 0 "$real" doctor --data "$work/data"
  case $is in "$old") stayed=$((stayed + 1)) ;; *) moved=$((moved + 1)) ;; esac
  [ "$2" = directory ] || return 0
  start "$work/data" --program "$work/program" --lanes 1
  KAIROS_URL=$url
  equal "the program with its directory after call $1" "$(live)" "$new"
  all_of
  stop
}

stayed=0
moved=0
attempt 1000000 directory || say "the engine died by itself: $(cat "$work/die.told" 2>/dev/null)"
stop
calls=$(sed 's/ .*//' "$work/die.told")
[ "$calls" -gt 20 ] || say "only $calls calls are counted"
stride=$((calls / 6))
[ "${KAIROS_KILLS:-}" != all ] || stride=1
n=1
while [ $n -le $((calls + stride)) ]; do
  way=directory
  [ $((n / stride % 4)) != 3 ] || way=publish
  if attempt $n $way; then
    stop_hard # the calls of this time were fewer: killed after the last one
    echo "after the last" >"$work/die.told"
    engine=
  fi
  after $n $way
  n=$((n + stride))
done
[ $stayed -gt 0 ] || say "no kill came early enough for the old program to stay"
[ $moved -gt 0 ] || say "no kill came late enough for the new program to be live"
echo "$calls calls on the way; after the kill the old program was live $stayed times, the new one $moved times"
