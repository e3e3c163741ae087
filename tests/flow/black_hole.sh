#!/bin/sh
# An endpoint that takes messages and never answers, or a byte at a time: at most 8 requests are open to it (W5), each ends after 15 s (W3)
# and is tried again, and the engine does everything else meanwhile. An opt-out withdraws what waits, SIGTERM ends at once, and when the
# endpoint answers again, each message that was not withdrawn is delivered once it is taken, with the reasons of its attempts on record.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
secret=whsec_$(head -c 24 /dev/urandom | base64)
people=12
small_program "$work/program"
sed -i 's/expires = 2 \* hours/expires = 5 * hours/' "$work/program/interventions/all.lua"
receiver() { # NAME [options]: on $hole_port from the second time on
  : >"$work/$1"
  "$KAIROS_BUILD/tests/test_delivery_receiver" "$secret" ${hole_port:+--port $hole_port} $2 >"$work/$1" &
  taker=$!
  helpers="$helpers $taker"
  wait_for "$work/$1" '^port '
  hole_port=$(sed -n 's/^port //p' "$work/$1")
}
unreceive() {
  kill -9 $taker
  wait $taker 2>/dev/null || true
}
serve() { start "$work/data" --program "$work/program" --webhook "http://127.0.0.1:$hole_port/hook" --webhook-secret "$secret" --allow-http --allow-private; }
seen() { grep -c " $2\$" "$work/$1" || true; }
stress() { # who: the decision's id on stdout
  expect_call 200 POST /v1/events "{\"userId\":\"$1\",\"eventType\":\"check_in\",\"timestamp\":\"$(now)\",\"data\":{\"stressLevel\":9}}"
  sed -n 's/.*"decisions":\[{"id":"\([^"]*\)".*"outcome":"sent".*/\1/p' "$work/answer"
}
ends() { # how many of the decisions have ended so
  count=0
  for id in $sent; do
    expect_call 200 GET "/v1/decisions/$id"
    ! grep -q "\"delivery\":{\"end\":\"$1\"" "$work/answer" || count=$((count + 1))
  done
  echo $count
}
until_ends() { # END COUNT
  tries=0
  until [ "$(ends "$1")" -ge "$2" ]; do
    tries=$((tries + 1))
    [ $tries -lt 600 ] || say "$(ends "$1") of $2 messages are $1"
    sleep 0.5
  done
}

hole_port=
receiver hole --hole
serve
n=0
while [ $n -lt $people ]; do
  expect_call 200 PUT "/v1/users/u$n" "{\"timezone\":\"$(noon_zone)\",\"age\":40}"
  expect_call 200 POST "/v1/users/u$n/opt-in"
  n=$((n + 1))
done
sent=
n=0
while [ $n -lt $people ]; do
  id=$(stress u$n)
  [ -n "$id" ] || say "nothing was sent to u$n: $(cat "$work/answer")"
  sent="$sent $id"
  n=$((n + 1))
done
tries=0
until [ "$(seen hole nothing)" -ge 8 ]; do
  tries=$((tries + 1))
  [ $tries -lt 1200 ] || say "the hole has seen $(seen hole nothing) messages"
  sleep 0.05
done
[ "$(metric kairos_webhooks_in_flight)" -le 8 ] || say "more than 8 requests are open to one endpoint"

# Everything else goes on, and an opt-out is answered though the endpoint is not.
expect_call 200 POST "/v1/users/u$((people - 1))/opt-out"
until_ends withdrawn 1
expect_call 200 GET /v1/users/u0
expect_call 200 PUT /v1/kill/trigger/nobody
[ -z "$(stress "u$((people - 1))")" ] || say "somebody who has opted out is sent something"

# The first eight end by time; the breaker opens, and the reason is on record.
wait_for_reason() {
  tries=0
  until expect_call 200 GET "/v1/decisions/${sent%% d*}" && grep -q "$1" "$work/answer"; do
    tries=$((tries + 1))
    [ $tries -lt 600 ] || say "no attempt ended as \"$1\": $(cat "$work/answer")"
    sleep 0.2
  done
}
sent=${sent# }
wait_for_reason '"reason":"timeout"'

# SIGTERM does not wait for it; a drip instead of a hole is no better.
stop
unreceive
receiver drip --drip
serve
wait_for "$work/drip" ' dripped$'
stop
unreceive
receiver good --good
serve
until_ends delivered $((people - 1))
equal "withdrawn messages" "$(ends withdrawn)" 1
for id in $sent; do grep -Eq " msg_[0-9a-f]+_$id verified " "$work/good" || echo "$id"; done >"$work/missing"
equal "messages that the endpoint did not take" "$(wc -l <"$work/missing")" 1
stop
run 0 "$KAIROS" replay --verify --data "$work/data"
has ' 0 different'
