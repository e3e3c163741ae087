#!/bin/sh
# A backup does not know what happened after it: who opted out, whose age was corrected, what was killed, which key was revoked. So a restored
# directory sends nothing, neither what waited nor what is decided, over restarts, until an operator lifts that; and a key that the newer list
# knows as revoked stays revoked. Where nothing happened since, whoever restores may say so.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
small_program "$work/program"
receiver --good
serve() { # DATA: it sends
  start "$1" --program "$work/program" --webhook "$hook" --webhook-secret "$secret" --allow-http --allow-private
  export KAIROS_URL="$url"
}
sent() { grep -c ' verified ' "$work/got" || true; }
stress() { # WHO WANTED: what becomes of it
  expect_call 200 POST /v1/events "{\"userId\":\"$1\",\"eventType\":\"check_in\",\"timestamp\":\"$(now)\",\"data\":{\"stressLevel\":9}}" "$key"
  grep -q "\"decisions\":\[{[^}]*$2" "$work/answer" || { cat "$work/answer" >&2; say "$1: expected $2"; }
}
came() { [ "$(sent)" -ge "$1" ]; }
arrive() { # COUNT
  becomes "$1 messages" came "$1"
  equal messages "$(sent)" "$1"
}

run 0 "$KAIROS" init --data "$work/data"
run 0 "$KAIROS" key add boss --scopes admin --data "$work/data"
KAIROS_KEY=$(cat "$work/out")
export KAIROS_KEY
key="Authorization: Bearer $KAIROS_KEY"
run 0 "$KAIROS" key add lost --scopes read --data "$work/data"
lost="Authorization: Bearer $(cat "$work/out")"
start "$work/data" --program "$work/program" # nowhere to send to: what is decided waits
export KAIROS_URL="$url"
for who in waits opts_out child stays; do
  expect_call 200 PUT "/v1/users/$who" "{\"timezone\":\"$(noon_zone)\",\"age\":40}" "$key"
  run 0 "$KAIROS" user opt-in $who
done
stress waits '"outcome":"sent"'
decision=$(sed -n 's/.*"decisions":\[{"id":"\([^"]*\)".*/\1/p' "$work/answer")
run 0 "$KAIROS" backup "$work/backup" --data "$work/data"
run 0 "$KAIROS" user opt-out opts_out
run 0 "$KAIROS" user opt-out waits
expect_call 200 PUT /v1/users/child '{"age":12}' "$key"
run 0 "$KAIROS" key revoke lost --data "$work/data"
stop

# Without a list the key is as it was, which is said; with one it is not.
run 0 "$KAIROS" restore "$work/backup" --data "$work/alone" --master-key "$work/data/master.key"
has 'WARNING.*keys that were revoked'
has 'Nothing is sent'
run 0 "$KAIROS" key list --data "$work/alone"
has '^lost .*valid'
run 0 "$KAIROS" restore "$work/backup" --data "$work/restored" --master-key "$work/data/master.key" --erased-by "$work/data"
hasnt WARNING
has 'Nothing is sent'
run 0 "$KAIROS" key list --data "$work/restored"
has '^lost .*revoked'
has '^boss .*valid'

# Nobody is written to, whatever was decided before and is now, nor after a restart.
serve "$work/restored"
expect_call 401 GET /v1/kill "" "$lost"
run 0 "$KAIROS" kill
has all
for who in opts_out child stays; do stress $who '"reason":"killed"'; done
stop
serve "$work/restored"
stress stays '"reason":"killed"'
becomes "the end of what waited in the backup" prints '"end":"withdrawn"' "$KAIROS" why "$decision" --json
equal "messages before anybody looked" "$(sent)" 0
sqlite3 "$work/restored/control.db" "SELECT author, kind, name FROM facts WHERE kind='kill'" >"$work/out"
has '^restore|kill|all'

# The operator tells it again what it has to know, and lifts the stop.
run 0 "$KAIROS" user opt-out opts_out
expect_call 200 PUT /v1/users/child '{"age":12}' "$key"
run 0 "$KAIROS" kill all --lift
stress opts_out '"reason":"opted_out"'
stress child '"reason":"minor"'
stress stays '"outcome":"sent"'
arrive 1
stop
run 0 "$KAIROS" replay --verify --data "$work/restored"
has ' 0 different'
run 0 "$KAIROS" doctor --data "$work/restored"
hasnt BAD

# Where nothing happened since, everything goes on.
run 0 "$KAIROS" restore "$work/backup" --data "$work/same" --master-key "$work/data/master.key" --nothing-since
hasnt 'Nothing is sent'
hasnt WARNING
serve "$work/same"
arrive 2
stop
