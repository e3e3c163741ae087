#!/bin/sh
# A thousand slow clients (S3): silent, dripping heads or bodies, idle, or deaf to their answers. Everybody else is served meanwhile, and the
# slow ones are ended: not before their time, and not for ever. What they do to others' latency is measured by tests/bench/run.sh slow.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
slow=1000
start "$work/data" --program "$KAIROS_SOURCE/tests/bench/program"
"$KAIROS_BUILD/tests/slow_clients" "$port" $slow 120 >"$work/slow" &
crowd=$!
helpers="$helpers $crowd"
wait_for "$work/slow" '^ready'
expect_call 200 GET /metrics
connections=$(sed -n 's/^kairos_http_connections //p' "$work/answer")
[ "$connections" -ge $slow ] || say "$connections connections are open, expected $slow slow ones and this one"

# While all of them drip, forty others send events: every one is answered.
run 0 "$KAIROS_BUILD/bench/load" --port "$port" --connections 40 --rate 400 --seconds 8 --count 100000 --users 500 --json
has '"non_2xx":0,"lost":0,"unsent":0'
has '"events_accepted":3200,'
expect_call 200 PUT /v1/kill/all
expect_call 200 DELETE /v1/kill/all
kill -0 $crowd || say "the slow clients have left before the others were served"
wait $crowd || say "the slow clients failed"

awk '
  BEGIN { least["silent"] = least["heads"] = 10000; least["bodies"] = 5000; least["idle"] = least["deaf"] = 30000 }
  $2 > 0 && $4 == $2 && $6 >= least[$1] && $10 == ($1 == "heads" || $1 == "bodies" ? $2 : 0) { fine++ }
  { print }
  END { exit fine != 5 }' "$work/slow" >"$work/out" || say "slow clients were not ended as they should be: $(cat "$work/out")"
expect_call 200 GET /metrics
grep -q '^kairos_http_connections 1$' "$work/answer" || say "connections are left: $(grep ^kairos_http_conn "$work/answer")"
