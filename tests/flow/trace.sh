#!/bin/sh
# W3C Trace Context from end to end: a request's traceparent is kept with what it caused, shown by `why --json`, and goes out with the webhook
# under a span of its own; after kill -9 too. What is malformed costs nothing; no decision hangs on any of it.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
small_program "$work/program"
secret="whsec_$(head -c 24 /dev/urandom | base64)"
trace=4bf92f3577b34da6a3ce929d0e0e4736
header="traceparent: 00-$trace-00f067aa0ba902b7-01"
sink() { # PORT
  : >"$work/sink.log" # or what the last one said would be read
  "$KAIROS" sink --port "$1" --secret "$secret" --json >>"$work/webhooks" 2>"$work/sink.log" &
  helpers="$helpers $!"
  sink=$!
  wait_for "$work/sink.log" 'listens on port'
  sink_port=$(sed -n 's/.*listens on port \([0-9]*\).*/\1/p' "$work/sink.log")
}
serve() { start "$work/data" --program "$work/program" --webhook "http://127.0.0.1:$sink_port/hook" --webhook-secret "$secret" --allow-http --allow-private; }
opted_in() { # USER
  expect_call 200 PUT "/v1/users/$1" "{\"timezone\":\"$(noon_zone)\",\"demographics\":{\"age\":30}}"
  expect_call 200 POST "/v1/users/$1/opt-in" '{}'
}
stressed() { # USER [header]
  expect_call 200 POST /v1/events "{\"id\":\"$1-1\",\"userId\":\"$1\",\"eventType\":\"check_in\",\"timestamp\":\"$(now)\",\"data\":{\"stressLevel\":9}}" ${2:+"$2"}
  sed 's/.*"decisions":\[{"id":"\([^"]*\)".*/\1/' "$work/answer" >"$work/$1.id"
}
shown() { # USER: what why says of the decision
  run 0 "$KAIROS" why "$(cat "$work/$1.id")" --json --url "$url"
}
sink 0
serve
for user in anna ben carla dora; do opted_in $user; done
stressed anna "$header"
shown anna
has "\"traceparent\":\"00-$trace-00f067aa0ba902b7-01\""
wait_for "$work/webhooks" '"userId":"anna"'
grep '"userId":"anna"' "$work/webhooks" | grep -q "\"traceparent\":\"00-$trace-[0-9a-f]*-01\"" || say "the webhook does not name the trace"
if grep '"userId":"anna"' "$work/webhooks" | grep -q 00f067aa0ba902b7; then say "the webhook has no span of its own"; fi

# Malformed in three ways, and not there at all.
stressed ben "traceparent: 00-$trace-00f067aa0ba902b7"
shown ben
hasnt traceparent
stressed carla "traceparent: 00-$(echo $trace | tr a-f A-F)-00f067aa0ba902b7-01"
shown carla
hasnt traceparent
wait_for "$work/webhooks" '"userId":"carla"'
if grep -v '"userId":"anna"' "$work/webhooks" | grep -q traceparent; then say "a webhook names a trace that nobody gave"; fi
status=$(curl -s -o "$work/answer" -w '%{http_code}' -H "$header" -H "$header" --data \
  "{\"userId\":\"ben\",\"eventType\":\"check_in\",\"timestamp\":\"$(now)\",\"data\":{\"stressLevel\":1}}" "$url/v1/events")
equal "a traceparent that stands twice" "$status" 200

# A message that waits over a crash keeps its trace.
kill "$sink"
wait "$sink" 2>/dev/null || true
stressed dora "$header"
stop_hard
sink "$sink_port"
serve
wait_for "$work/webhooks" '"userId":"dora"'
grep '"userId":"dora"' "$work/webhooks" | grep -q "\"traceparent\":\"00-$trace-[0-9a-f]*-01\"" || say "the trace was lost in a crash"
shown dora
has "\"traceparent\":\"00-$trace-00f067aa0ba902b7-01\""
stop
run 0 "$KAIROS" replay --verify --data "$work/data"
has ' 4 decisions, 0 different'
"$KAIROS" replay --print --data "$work/data" >"$work/decisions"
if grep -q "$trace" "$work/decisions"; then say "a trace entered a decision"; fi
