#!/bin/sh
# API keys: made and revoked beside a running engine, which takes a change over within a second (S5); scopes are kept to; the secret is
# stored nowhere; and no proxy keeps an answer for whoever asks next.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
run 0 "$KAIROS" init --data "$work/data"
start "$work/data" --program "$KAIROS_SOURCE"
expect_call 200 GET /v1/programs
# What a proxy on this machine passes on comes from elsewhere, though it comes from this machine and to this machine's name.
for header in 'X-Forwarded-For: 203.0.113.9' 'Forwarded: for=203.0.113.9' 'X-Real-IP: 203.0.113.9' 'Via: 1.1 proxy'; do
  expect_call 403 GET /v1/programs "" "$header"
  grep -q 'foreign-origin.*proxy' "$work/answer" || { cat "$work/answer" >&2; say "$header: nobody says why"; }
done

# call_becomes STATUS METHOD PATH BODY KEY: the engine looks twice a second, and takes a second at most; a busy machine may take its time
call_becomes() {
  wanted=$1
  shift
  tries=0
  until status=$(call "$@") && [ "$status" = "$wanted" ]; do
    tries=$((tries + 1))
    [ $tries -lt 600 ] || say "expected $wanted after the change, got $status"
    sleep 0.1
  done
}

run 2 "$KAIROS" key add app --data "$work/data"
run 2 "$KAIROS" key add app --scopes ingest,raed --data "$work/data"
has 'did you mean "read"?'
run 0 "$KAIROS" key add app --scopes ingest,read --data "$work/data"
app=$(cat "$work/out")
expr "$app" : 'kx_app_[A-Za-z0-9_-]\{43\}$' >/dev/null || say "the key looks wrong: $app"
call_becomes 401 GET /v1/programs
expect_call 200 GET /v1/programs "" "Authorization: Bearer $app"
expect_call 403 PUT /v1/kill/all "" "Authorization: Bearer $app"
expect_call 401 GET /v1/programs "" "Authorization: Bearer ${app}x"
expect_call 200 GET /livez
# A shared cache knows Authorization as a reason not to keep an answer, but not X-Api-Key.
for path in /v1/programs /v1/users/nobody; do
  curl -s -D "$work/head" -o "$work/answer" -H "X-Api-Key: $app" "$url$path"
  grep -qi '^cache-control: no-store' "$work/head" || { cat "$work/head" >&2; say "$path may be kept by a proxy"; }
done

run 6 "$KAIROS" key add app --scopes read --data "$work/data"
has 'already'
run 0 "$KAIROS" key add boss --scopes operate,read --data "$work/data" --json
boss=$(sed -n 's/.*"key":"\([^"]*\)".*/\1/p' "$work/out")
call_becomes 200 PUT /v1/kill/all "" "Authorization: Bearer $boss"
expect_call 200 DELETE /v1/kill/all "" "Authorization: Bearer $boss"
run 7 "$KAIROS" kill --url "$url"
run 7 "$KAIROS" kill all --url "$url" --key "$app"
has 'operate'
export KAIROS_KEY="$boss" KAIROS_URL="$url"
run 0 "$KAIROS" kill trigger high_stress
unset KAIROS_KEY

run 0 "$KAIROS" key list --data "$work/data"
has '^app  *ingest,read  *valid'
hasnt "$app"
run 0 "$KAIROS" key revoke app --data "$work/data"
call_becomes 401 GET /v1/programs "" "Authorization: Bearer $app"
run 5 "$KAIROS" key revoke nobody --data "$work/data"
run 0 "$KAIROS" key list --data "$work/data"
has '^app .*revoked'
run 0 "$KAIROS" key revoke boss --data "$work/data"
call_becomes 401 GET /v1/programs "" "Authorization: Bearer $boss"
stop

# Taking the last key away does not throw the door open, and a start remembers.
start "$work/data"
expect_call 401 GET /v1/programs
stop
run 0 "$KAIROS" key add late --scopes admin --data "$work/data"
late=$(cat "$work/out")
start "$work/data"
expect_call 200 GET /v1/programs "" "Authorization: Bearer $late"
stop_hard
if grep -raq -e "$app" -e "$boss" -e "$late" "$work/data"; then say "a secret is stored"; fi
run 0 "$KAIROS" doctor --data "$work/data"
