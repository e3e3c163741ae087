#!/bin/sh
# An endpoint that says 410 is disabled: what is meant for it waits, an operator is told why and since when, and what is still in time is
# sent once the endpoint is enabled; nothing has failed. What stands behind the "?" of its URL, often a secret, is shown nowhere.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
small_program "$work/program"
receiver --gone
start "$work/data" --program "$work/program" --webhook "$hook?token=canary" --webhook-secret "$secret" --allow-http --allow-private
export KAIROS_URL="$url"
shown="$hook?…"
listed() { becomes "webhooks list" prints "$1" "$KAIROS" webhooks list; } # PATTERN: what it comes to say
stress() { # who: is sent something
  expect_call 200 PUT "/v1/users/$1" "{\"timezone\":\"$(noon_zone)\",\"age\":40}"
  run 0 "$KAIROS" user opt-in "$1"
  expect_call 200 POST /v1/events "{\"userId\":\"$1\",\"eventType\":\"check_in\",\"timestamp\":\"$(now)\",\"data\":{\"stressLevel\":9}}"
  sent=$(sed -n 's/.*"\(d[0-9]*-[0-9]*\)".*/\1/p' "$work/answer")
  grep -q '"interventions_triggered":1,' "$work/answer" || { cat "$work/answer" >&2; say "nothing is sent to $1"; }
}
stress u1
listed 'breaker: disabled'
has 'why: HTTP 410, the endpoint is gone'
has 'since: 20'
hasnt 'nextTry'
stress u2
listed '^waiting: 2$'
has '^failed: 0$'
run 0 "$KAIROS" why "$sent"
has '^  delivery: waiting, attempts 0$'
has "^    endpoint $shown: disabled since 20[^ ]*Z, because HTTP 410, the endpoint is gone; what waits goes out after .kairos webhooks enable.\$"
run 0 "$KAIROS" why "$sent" --language ru
has "^    адрес доставки $shown: отключён с 20[^ ]*Z, причина: HTTP 410"
run 0 "$KAIROS" why "$sent" --json
has '"delivery":{"end":"waiting",.*"endpoints":\[{"name":"'"$shown"'","breaker":"disabled","why":"HTTP 410, the endpoint is gone","since":"20[^"]*"}\]'
equal "requests" "$(grep -c verified "$work/got")" 1
run 0 "$KAIROS" webhooks enable
equal "what enabling says" "$(sed 's/^http[^ ]*: /ENDPOINT: /' "$work/out")" 'ENDPOINT: enabled
2 messages wait and will be sent now'
listed '^delivered: 2$'
has '^failed: 0$'
has 'breaker: closed'
hasnt 'why: '
becomes "what the decision says" prints '^  delivery: delivered, attempts 1$' "$KAIROS" why "$sent" # it is counted before it is written down
hasnt 'endpoint '
run 0 "$KAIROS" webhooks enable
equal "what enabling again says" "$(sed 's/^http[^ ]*: /ENDPOINT: /' "$work/out")" 'ENDPOINT: was enabled already
no message waits'
run 0 "$KAIROS" webhooks enable --json
has '"enabled":false}\],"waiting":0}$'
hasnt canary
run 0 "$KAIROS" webhooks list
hasnt canary
stop
grep -qF "$shown" "$work/serve.log" || say "the log does not name the endpoint"
! grep canary "$work/serve.log" || say "the log holds what may be a secret"
