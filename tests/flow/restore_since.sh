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

# The operator tells it again what it has to know, and lifts the stop. Who opted out may stand in a file, one id a line; each line that fails
# is told, the others hold, and the same file may come again.
long=$(printf '%0129d' 0)
printf 'opts_out\r\nwaits\n\n%s\nнекто новый\nopts_out\n' "$long" >"$work/ids"
run 1 "$KAIROS" user opt-out --file "$work/ids"
has '^4 opted out, 1 failed$'
has "^line 4: 0000*…\?: expected an id of 1 to 128 bytes, got 129\$"
equal "lines told" "$(grep -c '^line ' "$work/err")" 1
expect_call 200 GET /v1/users/%D0%BD%D0%B5%D0%BA%D1%82%D0%BE%20%D0%BD%D0%BE%D0%B2%D1%8B%D0%B9 "" "$key" # whom the backup does not know
in_answer '"consent":"withdrawn"'
grep -v 000 "$work/ids" >"$work/fine"
printf '\357\273\277opts_out\n child\n' >"$work/marked" # neither a mark before the first line nor a space makes somebody else
run 1 "$KAIROS" user opt-out --file "$work/marked"
has '^line 2:  child: expected an id without white space at its ends$'
expect_call 404 GET /v1/users/%EF%BB%BFopts_out "" "$key"
run 0 sh -c '"$1" user opt-out --file - --json <"$2"' sh "$KAIROS" "$work/fine"
has '^{"opted_out":4,"failed":0}$'
run 7 env KAIROS_KEY=wrong "$KAIROS" user opt-out --file "$work/fine"
has '^line 1: opts_out: the engine answered 401'
has '^ended at line 1: from there on nobody was opted out; the whole file may come again$'
run 4 "$KAIROS" user opt-out --file "$work/fine" --url http://127.0.0.1:1
has '^line 1: opts_out: no engine answers'
run 5 "$KAIROS" user opt-out --file "$work/nowhere"
run 2 "$KAIROS" user opt-out
has 'U is missing'
run 2 "$KAIROS" user opt-out --file "$work/fine" anna
has '\-\-file does not go with U'
run 2 "$KAIROS" user opt-in --file "$work/fine"
has 'opt-in takes no --file: it is for opt-out'
expect_call 200 PUT /v1/users/child '{"age":12}' "$key"
run 0 "$KAIROS" kill all --lift
for who in opts_out waits; do stress $who '"reason":"opted_out"'; done
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
