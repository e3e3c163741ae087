#!/bin/sh
# A webhook-id is one message for ever: the same over restarts and a restore for what was decided before, and after a restore never one that
# something else was sent under since the backup, although decisions are counted on from where the backup was.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
small_program "$work/program"
receiver --good
serve() { # DATA: it sends
  start "$1" --program "$work/program" --webhook "$hook" --webhook-secret "$secret" --allow-http --allow-private
}
stress() { # who: $decision
  expect_call 200 POST /v1/events "{\"userId\":\"$1\",\"eventType\":\"check_in\",\"timestamp\":\"$(now)\",\"data\":{\"stressLevel\":9}}"
  decision=$(sed -n 's/.*"decisions":\[{"id":"\([^"]*\)".*"outcome":"sent".*/\1/p' "$work/answer")
  [ -n "$decision" ] || { cat "$work/answer" >&2; say "nothing is sent to $1"; }
}
come() { [ "$(grep -c ' verified ' "$work/got")" -ge "$1" ]; } # COUNT
# taken COUNT DECISION: $id, the webhook-id of the last one, the decision's; the engine has written it down, or would send it again
taken() {
  becomes "$1 messages" come "$1"
  becomes "the delivery of $2" answer_has "/v1/decisions/$2" '"delivery":{"end":"delivered"'
  equal "messages" "$(grep -c ' verified ' "$work/got")" "$1"
  id=$(sed -n 's/^[0-9]* \(msg_[^ ]*\) verified .*/\1/p' "$work/got" | tail -n 1)
}

# Decided while there is nowhere to send to: it waits, and is in the backup.
start "$work/data" --program "$work/program"
export KAIROS_URL="$url"
for who in u1 u2 u3; do
  expect_call 200 PUT "/v1/users/$who" "{\"timezone\":\"$(noon_zone)\",\"age\":40}"
  run 0 "$KAIROS" user opt-in $who
done
stress u1
waiting=$decision
run 0 "$KAIROS" backup "$work/backup" --data "$work/data"
stop
[ ! -e "$work/backup/origin" ] || say "the backup holds the origin"
serve "$work/data"
taken 1 "$waiting"
first=$id
case $first in msg_"$(cat "$work/data/origin")"_"$waiting") ;; *) say "the id $first does not name the directory and the decision $waiting" ;; esac
stress u2
later=$decision
taken 2 "$later"
second=$id
stop

# The backup does not know that the first was delivered: sent again under its id, so that the receiver can drop it. The next is another.
cp "$work/data/master.key" "$work/key"
run 0 "$KAIROS" restore "$work/backup" --data "$work/restored" --master-key "$work/key" --nothing-since
serve "$work/restored"
taken 3 "$waiting"
equal "the id of what waited" "$id" "$first"
stress u2
equal "the decision, counted on from the backup" "$decision" "$later"
taken 4 "$decision"
[ "$id" != "$second" ] || say "something else was sent under $id"
stop
run 0 "$KAIROS" replay --verify --data "$work/restored"
has ' 0 different'
run 0 "$KAIROS" doctor --data "$work/restored"
hasnt BAD

# As an older engine left it: the ids that it made.
rm "$work/data/origin"
serve "$work/data"
stress u3
taken 5 "$decision"
equal "the id in a directory without an origin" "$id" "msg_$decision"
stop
echo nonsense >"$work/data/origin"
run 1 "$KAIROS" serve --data "$work/data" --listen 127.0.0.1:0
has 'expected 16 hex digits'
