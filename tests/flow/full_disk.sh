#!/bin/sh
# A disk runs full under a live engine (D6), twice: what does not fit is answered 503 with Retry-After, what was answered 200 is there (it
# is a duplicate when it comes again, before and after a restart), an opt-out or a kill that could not be written is not called done, reads
# say what is true or 503, clients are told of no file, the log is not flooded, and everything is taken again as soon as there is space, without a restart. The disk is a tmpfs of its own; where
# none may be mounted, the size of the engine's files is limited instead.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
mounted=
leave() {
  code=$?
  trap - EXIT
  [ -z "$engine" ] || { kill -9 "$engine" && wait "$engine"; } 2>/dev/null || true
  [ -z "$mounted" ] || umount "$mounted" || umount -l "$mounted"
  engine=
  (exit $code)
  finish
}
trap leave EXIT
disk=$work/disk
mkdir "$disk"
if mount -t tmpfs -o size=24m tmpfs "$disk" 2>"$work/mount"; then
  mounted=$disk
  for part in 1 2; do head -c 3000000 /dev/zero >"$disk/ballast.$part"; done
elif command -v prlimit >/dev/null; then
  echo "full_disk.sh: no small file system can be mounted here ($(head -n 1 "$work/mount")); files may not grow instead"
else
  echo "full_disk.sh: skipped, for no small file system can be mounted here: $(head -n 1 "$work/mount")"
  exit 77
fi
# room ROUND: what there is for the engine before that round; more each time
room() {
  if [ -z "$mounted" ]; then prlimit --pid "$engine" --fsize=$((6000000 + $1 * 3000000)):
  elif [ "$1" -gt 0 ]; then rm "$disk/ballast.$1"; fi
}

began=$(date +%s)
small_program "$work/program"
start "$disk/data" --program "$work/program"
room 0
for user in calm still; do
  expect_call 200 PUT "/v1/users/$user" "{\"timezone\":\"$(noon_zone)\",\"demographics\":{\"age\":30}}"
  expect_call 200 POST "/v1/users/$user/opt-in"
done

# post FILE: the status; what was answered lies in $work/answer, its headers in $work/headers
post() {
  curl -s -S -o "$work/answer" -D "$work/headers" -w '%{http_code}' -H 'Content-Type: application/x-ndjson' --data-binary "@$1" \
    "$url/v1/events" || true
}
count() { sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p" "$work/answer"; }
# A 503 says when to come again, and nothing of files: that is the log's.
late() {
  tr -d '\r' <"$work/headers" | grep -qi '^retry-after: [0-9]' || say "a 503 without Retry-After: $(cat "$work/headers")"
  if grep -q -e SQLite -e "$work" -e 'volume-' "$work/answer"; then say "a client is told of files: $(cat "$work/answer")"; fi
}
# A request of events that do not compress, so that the disk is full soon.
request() { # FILE EVENTS
  head -c $(($2 * 500)) /dev/urandom | base64 -w 640 | awk -v at="$(now)" -v of="${1##*/}" '{
    printf "{\"id\":\"%s-%d\",\"userId\":\"user-%d\",\"eventType\":\"check_in\",\"timestamp\":\"%s\",\"data\":{\"stressLevel\":%d,\"note\":\"%s\"}}\n",
      of, NR, NR % 50, at, NR % 8, $0 }' >"$1"
}
mkdir "$work/taken" "$work/refused"
# offer NAME EVENTS: true when it was taken; whatever else than all or nothing, said so, is a fault
offer() {
  request "$work/offered-$1" "$2"
  lines=$(wc -l <"$work/offered-$1")
  case $(post "$work/offered-$1") in
    200)
      equal "events taken of $1" "$(count accepted)" "$lines"
      mv "$work/offered-$1" "$work/taken/offered-$1" ;;
    503)
      late
      mv "$work/offered-$1" "$work/refused/offered-$1"
      return 1 ;;
    *) say "$1: expected 200 or 503, got $(cat "$work/headers" "$work/answer")" ;;
  esac
}
all_are_there() {
  for file in "$work"/taken/*; do
    equal "the status when ${file##*/} comes again" "$(post "$file")" 200
    equal "events of ${file##*/} that were lost" "$(count accepted)" 0
    equal "events of ${file##*/} that were kept" "$(count duplicates)" "$(wc -l <"$file")"
  done
}
consent_of() { # "unsaid": the file is out of service, and the engine says so
  status=$(curl -s -o "$work/answer" -D "$work/headers" -w '%{http_code}' "$url/v1/users/$1")
  case $status in
    200) sed -n 's/.*"consent":"\([a-z]*\)".*/\1/p' "$work/answer" ;;
    503) late && echo unsaid ;;
    *) say "reading $1: $status" ;;
  esac
}
killed() {
  expect_call 200 GET /v1/kill
  grep -q "trigger:$1\"" "$work/answer"
}
# An act of which the engine says 503 may not be called done; one of which it says 200 is.
act() { # METHOD PATH
  status=$(curl -s -o "$work/answer" -D "$work/headers" -w '%{http_code}' -X "$1" "$url$2")
  case $status in 200) ;; 503) late ;; *) say "$1 $2 on a full disk: $status $(cat "$work/answer")" ;; esac
}

for round in 1 2; do
  n=0
  while offer "$round-$n" 300; do
    n=$((n + 1))
    [ $n -lt 300 ] || say "the disk does not run full"
  done
  n=0
  while offer "$round-small-$n" 1; do # what is left of it
    n=$((n + 1))
    [ $n -lt 3000 ] || say "the disk does not run full"
  done
  for n in 1 2 3 4 5; do ! offer "$round-more-$n" 20 || say "20 events fit where one did not"; done

  # Reads and health are answered, acts are honest.
  expect_call 200 GET /livez
  case $(call GET /readyz) in 200 | 503) ;; *) say "/readyz: $(cat "$work/answer")" ;; esac
  expect_call 200 GET /metrics
  [ $round = 1 ] && user=calm || user=still
  case $(consent_of $user) in given | unsaid) ;; *) say "the consent of $user is lost" ;; esac
  act POST "/v1/users/$user/opt-out"
  opted=$status
  act PUT "/v1/kill/trigger/round$round"
  kill=$status
  case $opted,$(consent_of $user) in
    200,withdrawn | 200,unsaid | 503,given | 503,unsaid) ;;
    *) say "an opt-out was answered $opted, and then the consent is $(consent_of $user)" ;;
  esac
  if [ "$kill" = 200 ]; then killed "round$round" || say "a kill that was answered 200 is not there"; fi

  # Space returns: taken again without a restart.
  room $round
  tries=0
  until offer "$round-again-$tries" 20; do
    tries=$((tries + 1))
    [ $tries -lt 600 ] || say "the engine does not recover"
    sleep 0.1
  done
  for file in "$work"/refused/*; do
    equal "the status of what was refused, sent again" "$(post "$file")" 200
    equal "what was refused had been taken all the same" "$(count duplicates)" 0
    mv "$file" "$work/taken/"
  done
  equal "the consent of $user, whose opt-out was answered $opted" "$(consent_of $user)" "$([ $opted = 200 ] && echo withdrawn || echo given)"
  expect_call 200 POST "/v1/users/$user/opt-out"
  equal "consent" "$(consent_of $user)" withdrawn
  expect_call 200 PUT "/v1/kill/trigger/round$round"
  killed "round$round" || say "a kill is not there"
  expect_call 200 GET /readyz
  all_are_there
done

stop
# The log names the file and what SQLite says, but a trouble that lasts is a line a minute, not one a turn.
grep -q "lane volume 0: .*SQLite says .* of $disk/data/volume-00.db" "$work/serve.log" || say "the log does not say which file failed"
for what in 'the turn is lost' 'cannot be recovered yet' 'settling' 'was reopened and verified' 'http /'; do
  lines=$(grep -c "$what" "$work/serve.log" || true)
  [ "$lines" -le $((4 + ($(date +%s) - began) / 5)) ] || say "\"$what\" stands $lines times in the log"
done
run 0 "$KAIROS" replay --verify --data "$disk/data"
has ' 0 different'
run 0 "$KAIROS" doctor --data "$disk/data"
start "$disk/data"
all_are_there
equal "consent after a restart" "$(consent_of calm) $(consent_of still)" "withdrawn withdrawn"
killed round1 && killed round2 || say "a kill is gone after a restart"
stop
