#!/bin/sh
# An engine that nobody told where to send decides all the same: it says so at its start, what it decided waits, and a start that has a webhook
# sends it. A start that makes a directory says that, too: one that was not mounted is empty.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
small_program "$work/program"
start "$work/data" --program "$work/program"
wait_for "$work/serve.log" 'no webhook is set'
grep -q "$work/data is new" "$work/serve.log" || say "a directory was made, and nobody is told"
expect_call 200 PUT /v1/users/anna "{\"timezone\":\"$(noon_zone)\",\"demographics\":{\"age\":30}}"
expect_call 200 POST /v1/users/anna/opt-in
expect_call 200 POST /v1/events "{\"userId\":\"anna\",\"eventType\":\"check_in\",\"timestamp\":\"$(now)\",\"data\":{\"stressLevel\":9}}"
in_answer '"outcome":"sent"'
stop
receiver --good
start "$work/data" --program "$work/program" --webhook "$hook" --webhook-secret "$secret" --allow-http --allow-private
wait_for "$work/got" ' verified '
if grep -q -e 'no webhook is set' -e 'is new' "$work/serve.log"; then say "a webhook is set, and the directory is none of today's"; fi
stop
