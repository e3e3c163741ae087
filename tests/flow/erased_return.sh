#!/bin/sh
# Where enrolment counts as consent, who asked to be erased is enrolled no more: an application that goes on sending, or an old file that is
# imported again, makes somebody new of the id, to whom nothing is sent before they say yes themselves. So also after kill -9, under another
# program and in a restored directory; and it can be derived again.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
small_program "$work/program"
echo 'policy "paper" { why = "Signed on paper.", consent = "by_enrolment" }' >"$work/program/rules/paper.lua"
run 0 "$KAIROS" init --data "$work/data" --files 2
profile="{\"timezone\":\"$(noon_zone)\",\"age\":40}"
stress() { # WHO WANTED: what becomes of it
  expect_call 200 POST /v1/events "{\"userId\":\"$1\",\"eventType\":\"check_in\",\"timestamp\":\"$(now)\",\"data\":{\"stressLevel\":9}}"
  grep -q "\"decisions\":\[{[^}]*$2" "$work/answer" || { cat "$work/answer" >&2; say "$1: expected $2"; }
}
begin() { # DATA [options]
  start "$@"
  export KAIROS_URL="$url"
}
begin "$work/data" --program "$work/program"
for who in gone stays later; do
  expect_call 200 PUT /v1/users/$who "$profile"
  stress $who '"outcome":"sent"'
done
run 0 "$KAIROS" backup "$work/backup" --data "$work/data"
run 0 "$KAIROS" user opt-out gone
run 0 "$KAIROS" user erase gone
run 0 "$KAIROS" user erase later

# The application has not heard of it.
expect_call 200 PUT /v1/users/gone "$profile"
stress gone '"reason":"consent_unknown"'
run 0 "$KAIROS" user show gone --all
has 'consent: unknown'
stop_hard
begin "$work/data"
stress gone '"reason":"consent_unknown"'
echo '-- another program' >>"$work/program/rules/paper.lua"
run 0 "$KAIROS" programs publish "$work/program"
stress gone '"reason":"consent_unknown"'
stop

# Nor has whoever imports the past again.
echo '{"id":"i","userId":"later","eventType":"check_in","timestamp":"2026-01-01T10:00:00Z","data":{"stressLevel":2}}' >"$work/import"
run 0 "$KAIROS" import "$work/import" --data "$work/data"
begin "$work/data"
expect_call 200 PUT /v1/users/later "$profile"
stress later '"reason":"consent_unknown"'
expect_call 200 PUT /v1/users/fresh "$profile"
stress fresh '"outcome":"sent"'

# They say yes.
run 0 "$KAIROS" user opt-in gone
stress gone '"outcome":"sent"'
stop
run 0 "$KAIROS" move --data "$work/data" --files 1
run 0 "$KAIROS" replay --verify --data "$work/data"
has ' 0 different'
run 0 "$KAIROS" doctor --data "$work/data"
hasnt BAD

# A restored directory knows it from the newer list.
run 0 "$KAIROS" restore "$work/backup" --data "$work/restored" --master-key "$work/data/master.key" --erased-by "$work/data"
begin "$work/restored"
run 0 "$KAIROS" kill all --lift
for who in gone later; do
  expect_call 200 PUT /v1/users/$who "$profile"
  stress $who '"reason":"consent_unknown"'
done
stop
