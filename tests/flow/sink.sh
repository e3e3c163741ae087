#!/bin/sh
# From an event to a webhook that `kairos sink` verifies: the message, its signature, its end in the decision; a receiver with another
# secret refuses it; opt-out and kill stop what would have been sent.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
secret=whsec_$(head -c 24 /dev/urandom | base64)
small_program "$work/program"
run 0 "$KAIROS" check "$work/program"

sink good --secret "$secret"
good=$sink_port
run 6 "$KAIROS" sink --port "$good"
run 2 "$KAIROS" sink --port 0 --secret nonsense
has 'expected a webhook secret whsec_'
run 2 "$KAIROS" sink --port 70000

# ---- whatever comes, with --json it is one line of JSON ----
sink odd --json
for body in '{"a":\n 1,\r\n"b":"\303\251"}' '\377\033[31m' '{"a":"\377"}' '{"a"' 'end'; do
  printf "$body" >"$work/body"
  curl -s -o "$work/answer" --data-binary @"$work/body" "http://127.0.0.1:$sink_port/hook"
done
wait_for "$work/odd.out" '"body":"end"}$'
equal "lines of five webhooks" "$(wc -l <"$work/odd.out")" 5
equal "lines that begin and end as they should" "$(grep -c '^{"verified":false,.*}$' "$work/odd.out")" 5
grep -q '"body":{"a":  1,  "b":"é"}}$' "$work/odd.out" || say "line ends between values were not blanks"
grep -q '"body":"?\\u001b\[31m"}$' "$work/odd.out" || say "a byte that is no text was not a question mark"
iconv -f UTF-8 -t UTF-8 "$work/odd.out" >"$work/answer" || say "what was printed is no UTF-8"

start "$work/data" --program "$work/program" --webhook "http://127.0.0.1:$good/hook" --webhook-secret "$secret" --allow-http --allow-private
export KAIROS_URL="$url"
zone=$(noon_zone)
person() {
  expect_call 200 PUT "/v1/users/$1" "{\"timezone\":\"$zone\",\"age\":40}"
  run 0 "$KAIROS" user opt-in "$1"
}
moment=$(now)
stressed() { # user, event id, expected sends
  expect_call 200 POST /v1/events "{\"id\":\"$2\",\"userId\":\"$1\",\"eventType\":\"check_in\",\"timestamp\":\"$moment\",\"data\":{\"stressLevel\":8.5}}"
  grep -q "\"interventions_triggered\":$3," "$work/answer" || { cat "$work/answer" >&2; say "$1: expected $3 sends"; }
}
person u1
stressed u1 e1 1
decision=$(sed -n 's/.*"decisions":\[{"id":"\([^"]*\)".*/\1/p' "$work/answer")
wait_for "$work/good.out" "^verified  intervention.sent  $decision u1: stress -> breathe  \"Stress is 8.5. Breathe out slowly.\""
becomes "the delivery" prints delivered "$KAIROS" why "$decision"
stressed u1 e1 0 # the same event again
stressed u1 e2 0 # within the hour
grep -q '"reason":"too_soon"' "$work/answer" || say "two within an hour"
stressed u2 e3 0 # nothing is known of u2
grep -q '"reason":"consent_unknown"' "$work/answer" || say "no consent, and another reason"

# ---- what operators see of it ----
run 0 "$KAIROS" webhooks list
has '^delivered: 1$'
has 'breaker: closed'
run 0 "$KAIROS" webhooks replay --from 2025-01-01T00:00:00Z
has '^again: 0$'
run 0 "$KAIROS" webhooks enable
has ': was enabled already$'
expect_call 400 POST /v1/webhooks/replay '{"from":"yesterday"}'
grep -q '"pointer":"#/from"' "$work/answer" || say "where the fault is: $(cat "$work/answer")"
expect_call 400 POST /v1/webhooks/replay 'no json'
expect_call 400 POST /v1/webhooks/replay '["2025-01-01T00:00:00Z"]'
expect_call 400 POST /v1/webhooks/replay '{"from":17}'
expect_call 400 POST /v1/webhooks/replay '{"frm":"2025-01-01T00:00:00Z"}'
grep -q 'did you mean \\"from\\"' "$work/answer" || say "an unknown field: $(cat "$work/answer")"
expect_call 400 POST /v1/webhooks/replay '{"from":"2025-01-02T00:00:00Z","to":"2025-01-01T00:00:00Z"}'
grep -q 'not before' "$work/answer" || say "backwards: $(cat "$work/answer")"
expect_call 200 POST /v1/webhooks/replay
equal "what is sent again without a body" "$(sed -n 's/.*"again":\([0-9]*\),.*/\1/p' "$work/answer")" 0

person u3
run 0 "$KAIROS" user opt-out u3
stressed u3 e4 0
grep -q '"reason":"opted_out"' "$work/answer" || say "opted out, and another reason"
run 0 "$KAIROS" kill intervention breathe
person u4
stressed u4 e5 0
run 0 "$KAIROS" kill intervention breathe --lift
stressed u4 e6 1
wait_for "$work/good.out" ' u4: stress'
[ "$(wc -l <"$work/good.out")" = 2 ] || say "the receiver got something else: $(cat "$work/good.out")"
stop

# Another secret: refused, and said as a line of JSON.
sink bad --secret "whsec_$(head -c 24 /dev/urandom | base64)" --json
start "$work/data" --webhook "http://127.0.0.1:$sink_port/hook" --webhook-secret "$secret" --allow-http --allow-private
export KAIROS_URL="$url"
person u5
stressed u5 e7 1
wait_for "$work/bad.out" '^{"verified":false,"why":"[^"]*","body":{"type":"intervention.sent"'
stop
run 0 "$KAIROS" replay --verify --data "$work/data"
has ' 0 different'
run 2 "$KAIROS" serve --data "$work/data" --webhook http://127.0.0.1:1/ --webhok-secret x
run 2 "$KAIROS" serve --data "$work/data" --webhook http://127.0.0.1:1/
has 'webhook-secret'
# The command line is looked at before anything is made.
wrong() { # PATTERN, options
  pattern=$1
  shift
  run 2 "$KAIROS" serve --data "$work/none" --program "$work/program" "$@"
  has "$pattern"
  [ ! -e "$work/none" ] || say "$*: a data directory was made"
}
wrong 'expected a webhook secret whsec_….* does not begin with whsec_' --webhook https://a.example/ --webhook-secret nonsense
wrong '^kairos serve: webhook URL "nonsense": expected one like https://' --webhook nonsense --webhook-secret "$secret"
wrong 'expected an address to listen on like' --listen nonsense
wrong 'expected 1 to [0-9]* threads, got 0' --lanes 0
wrong 'expected 1 to [0-9]* messages, got 0' --webhook-queue 0
run 5 "$KAIROS" serve --data "$work/none" --program "$work/nowhere" --listen 127.0.0.1:0
has "$work/nowhere does not exist"

# ---- a secret is rotated: both sign, so a receiver may have the old one or the new one ----
old=whsec_$(head -c 24 /dev/urandom | base64)
sink old --secret "$old"
old_port=$sink_port
both() { # who, event id, which receiver, its port; then how the two secrets are said
  who=$1 event=$2 name=$3 to=$4
  shift 4
  start "$work/data" --webhook "http://127.0.0.1:$to/hook" --allow-http --allow-private "$@"
  export KAIROS_URL="$url"
  person "$who"
  stressed "$who" "$event" 1
  wait_for "$work/$name.out" "^verified .* $who: stress"
  stop
}
both u6 e8 old "$old_port" --webhook-secret "$secret" --webhook-secret "$old"
both u7 e9 good "$good" --webhook-secret "$secret" --webhook-secret "$old"
export KAIROS_WEBHOOK_SECRET="$old $secret"
both u8 e10 good "$good"
export KAIROS_WEBHOOK_SECRET="$old"
both u9 e11 good "$good" --webhook-secret "$secret"
both u10 e12 old "$old_port" --webhook-secret "$secret"
run 2 "$KAIROS" serve --data "$work/data" --webhook http://127.0.0.1:1/ --webhook-secret "$secret" --webhook-secret "whsec_$(head -c 24 /dev/urandom | base64)"
has 'expected one secret, or two while it is rotated, got 3'
unset KAIROS_WEBHOOK_SECRET
printf 'webhook_secret = { "%s", "%s" }\n' "$secret" "$old" >"$work/two.lua"
export KAIROS_CONFIG="$work/two.lua"
both u11 e13 old "$old_port"
both u12 e14 good "$good"
unset KAIROS_CONFIG
