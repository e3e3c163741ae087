#!/bin/sh
# The engine is killed while two ids become one person: before each of the calls by which it touches a file on the way, from putting the merge
# on record in control.db over closing the one chain and binding the other to the last word. Whatever was reached, after the next start the
# merge is not begun or it is done, and done if anybody was told so; asked for again it is done once. What protected the old id (an opt-out,
# a minor's age) protects the one who stays, messages that waited are withdrawn, nothing acknowledged is lost, each row of the merge is there
# once, and the replay is the same byte for byte. Some places, spread over the way; KAIROS_KILLS=all takes every one.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
[ -z "${KAIROS_SANITIZE:-}" ] || { echo "merge: sanitizers want to be the first library themselves: skipped"; exit 77; }
real=$KAIROS
cat >"$work/dying" <<SH
#!/bin/sh
exec env LD_PRELOAD="$KAIROS_BUILD/tests/die_at.so" DIE_AT="$work/die" "$real" "\$@"
SH
chmod +x "$work/dying"
in_answer() { grep -q -e "$1" "$work/answer" || { head -c 3000 "$work/answer" >&2; say "killed at call $n: expected \"$1\" in the answer"; }; }

small_program "$work/program"
zone=$(noon_zone)
pairs=4
n=0
stressed() { printf '{"userId":"%s","eventType":"check_in","timestamp":"%s","data":{"stressLevel":9,"note":"canary-%s"}}' "$1" "$(now)" "$1"; }
person() { # ID AGE: has a message that waits
  expect_call 200 PUT "/v1/users/$1" "{\"timezone\":\"$zone\",\"age\":$2}"
  expect_call 200 POST "/v1/users/$1/opt-in"
  expect_call 200 POST /v1/events "$(stressed "$1")"
}
run 0 "$real" init --data "$work/base" --files 2
start "$work/base" --program "$work/program" --lanes 2
p=0
while [ $p -lt $pairs ]; do
  person "old-$p" 40
  person "new-$p" 40
  if [ $((p % 2)) = 0 ]; then expect_call 200 POST "/v1/users/old-$p/opt-out"; else expect_call 200 PUT "/v1/users/old-$p" '{"age":15}'; fi
  p=$((p + 1))
done
stop

# attempt: killed at call $n of the merge of pair $p, or not at all (1: the engine lived); $told is what the caller was answered
attempt() {
  rm -rf "$work/data" "$work/die" "$work/die.told"
  cp -r "$work/base" "$work/data"
  KAIROS=$work/dying
  start "$work/data" --program "$work/program" --lanes 2
  KAIROS=$real
  expect_call 200 POST /v1/events "{\"userId\":\"old-$p\",\"eventType\":\"check_in\",\"timestamp\":\"$(now)\",\"data\":{\"note\":\"told-last\"}}"
  sleep 0.3 # states are written behind: what is counted from here on is the merge
  echo "$n" >"$work/die.new"
  mv "$work/die.new" "$work/die"
  told=$(call POST "/v1/users/old-$p/merge" "{\"into\":\"new-$p\"}" 2>/dev/null)
  case $told in 200 | 000) ;; *) say "killed at call $n: the merge was answered $told" ;; esac
  tries=0 # the last calls come after the word
  while kill -0 "$engine" 2>/dev/null && [ $tries -lt 10 ]; do
    tries=$((tries + 1))
    sleep 0.05
  done
  [ "$told" = 200 ] || { wait "$engine" 2>/dev/null || true; return 0; }
  ! kill -0 "$engine" 2>/dev/null
}

# after: what the next start makes of it
after() {
  start "$work/data" --program "$work/program" --lanes 1
  expect_call 200 GET "/v1/users/old-$p"
  if grep -q "\"userId\":\"new-$p\"" "$work/answer"; then
    done=$((done + 1))
  else
    [ "$told" != 200 ] || say "killed at call $n: the merge was said to be done, and is not"
    in_answer "\"userId\":\"old-$p\""
    unbegun=$((unbegun + 1))
    expect_call 200 POST "/v1/users/old-$p/merge" "{\"into\":\"new-$p\"}"
  fi
  expect_call 200 GET "/v1/users/new-$p"
  in_answer "\"mergedFrom\":\\[\"old-$p\"\\]"
  [ $((p % 2)) = 1 ] || in_answer '"consent":"withdrawn"'
  expect_call 200 GET "/v1/users/old-$p/export"
  for what in told-last "canary-old-$p" "canary-new-$p"; do in_answer "$what"; done
  for what in merged_into merged_from; do
    equal "rows of $what after call $n" "$(grep -c "\"eventType\":\"$what\"" "$work/answer")" 1
  done
  if [ $((p % 2)) = 0 ]; then equal "messages that wait after call $n" "$(grep -c '"end":"waiting"' "$work/answer" || true)" 0; fi
  expect_call 200 POST /v1/events "$(stressed "old-$p")"
  in_answer "\"userId\":\"new-$p\""
  if [ $((p % 2)) = 0 ]; then in_answer '"reason":"opted_out"'; else in_answer '"reason":"minor"'; fi
  stop
  equal "merges on record after call $n" "$(sqlite3 "$work/data/control.db" "SELECT count(*) FROM facts WHERE kind='merge'")" 1
  run 0 "$real" replay --verify --data "$work/data"
  has ' 0 different'
  run 0 "$real" doctor --data "$work/data"
  hasnt BAD
}

done=0
unbegun=0
stride=8
[ "${KAIROS_KILLS:-}" != all ] || stride=1
n=1
p=0
while attempt; do
  after
  n=$((n + stride))
  p=$((n / stride % pairs))
  [ $n -lt 1000 ] || say "a merge of a thousand calls"
done
stop_hard # the calls of this merge were fewer: killed behind the last one
after
[ $unbegun -gt 0 ] || say "no kill came before the merge was on record"
[ $done -gt 1 ] || say "no kill came after the merge was on record"
echo "about $n calls on the way; after the kill the merge was done $done times and not begun $unbegun times"
