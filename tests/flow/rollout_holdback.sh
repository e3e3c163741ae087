#!/bin/sh
# A rollout that has come to everybody holds a few back for the stage's hold, by their place, so that there is somebody to compare with: the
# control fact says so, `why` says so, a restart keeps the same ones out, they are what the others are compared with, scenarios hold to it, and
# a replay agrees.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
small_program "$work/program"
cat >"$work/program/rules/wide.lua" <<'END'
policy "paper" { why = "Signed on paper.", consent = "by_enrolment" }
event "profile_updated" { fields = { timezone = "text", age = "number" } }
metric "asked" { per = "user", measure = "happened", of = "check_in", window = 1 }
metric "asked_then" { per = "decision", measure = "happened", of = "check_in", window = 1 }
rollout "wide" {
  why = "To everybody, but with somebody to compare with.", gates = "trigger:stress", halt = "asked.lift < -90 * percent and asked_then.lift < 0",
  stages = { { name = "few", share = 0.0001 }, { name = "all", share = 1, hold = 2 * weeks } },
}
END
scenario() { # NAME GIVEN EXPECTED
  cat >>"$work/program/rules/wide.lua" <<END
scenario "$1" {
  given = { profile = { timezone = "Europe/Berlin" }, $2 },
  event = { type = "check_in", data = { stressLevel = 9 } }, expect = { trigger = "stress", $3 },
}
END
}
scenario 'held back' 'place = 0.96, rollouts = { wide = { stage = "all", ago = 13 * days } }' 'outcome = "gated", because = "rollout_holdback"'
scenario 'not held back' 'place = 0.94, rollouts = { wide = { stage = "all", ago = 13 * days } }' 'outcome = "sent"'
scenario 'no longer' 'place = 0.96, rollouts = { wide = { stage = "all", ago = 15 * days } }' 'outcome = "sent"'
run 0 "$KAIROS" check "$work/program"
run 0 "$KAIROS" test "$work/program"
has '3 '

start "$work/data" --program "$work/program"
export KAIROS_URL="$url" KAIROS_DATA="$work/data"
come() { # FILE: once more, with ids of their own
  round=$((${round:-0} + 1))
  awk -v round="$round" -v now="$(now)" -v zone="$(noon_zone)" 'BEGIN { printf "[" }
    { printf "%s{\"id\":\"p-%s\",\"userId\":\"%s\",\"eventType\":\"profile_updated\",\"timestamp\":\"%s\",\"data\":{\"timezone\":\"%s\",\"age\":30}}", (NR > 1 ? "," : ""), $1, $1, now, zone
      printf ",{\"id\":\"c%s-%s\",\"userId\":\"%s\",\"eventType\":\"check_in\",\"timestamp\":\"%s\",\"data\":{\"stressLevel\":9}}", round, $1, $1, now }
    END { printf "]" }' "$1" >"$work/events"
  expect_call 200 POST /v1/events "@$work/events" 'Content-Type: application/json'
}
run 0 "$KAIROS" rollout advance wide
expect_call 200 GET /v1/rollouts
grep -q '"name":"wide",.*"stage":1,.*"holdback":{"share":0.05,"until":"20' "$work/answer" || say "$(cat "$work/answer")"
run 0 "$KAIROS" rollout list wide
has '^     5 % are held back until 20'
seq 1 400 | sed 's/^/u/' >"$work/everybody"
come "$work/everybody"
decisions() { "$KAIROS" replay --print --data "$work/data" >"$work/decisions" 2>/dev/null; }
decisions
grep '"outcome":"gated","reason":"rollout_holdback","detail":"wide","holdback":{"share":0.05,"until":"20' "$work/decisions" >"$work/gated" || true
[ "$(wc -l <"$work/gated")" -ge 5 ] && [ "$(wc -l <"$work/gated")" -le 40 ] || say "$(wc -l <"$work/gated") of 400 are held back"
equal "people who got the message" "$(grep -c '"outcome":"sent"' "$work/decisions")" "$((400 - $(wc -l <"$work/gated")))"
sed 's/.*"user":"\([^"]*\)".*/\1/' "$work/gated" | sort >"$work/back"
id=$(head -1 "$work/gated" | sed 's/.*"id":"\(d[0-9-]*\)".*/\1/')
run 0 "$KAIROS" why "$id"
has 'held back by a rollout, because the rollout reaches everybody but a few'
has '^  the rollout wide holds back 5 % of all users until 20'
run 0 "$KAIROS" why "$id" --lang ru
has 'внедрение wide удерживает 5 %'
run 0 "$KAIROS" why --user "$(head -1 "$work/back")" --trigger stress
has '^  the rollout wide holds back 5 % of all users until 20'
run 0 "$KAIROS" why --user "$(head -1 "$work/back")" --trigger stress --json
has '"reason":"rollout_holdback".*"holdback":{"share":0.05,"until":"20'
stop_hard
start "$work/data" --program "$work/program"
export KAIROS_URL="$url"
come "$work/back"
decisions
equal "people held back again" "$(grep -c '"outcome":"gated","reason":"rollout_holdback"' "$work/decisions")" "$((2 * $(wc -l <"$work/back")))"
tries=0
until expect_call 200 GET /v1/rollouts && grep -q "\"asked\":{\"reached\":{\"n\":3[0-9]*,.*\"not_reached\":{\"n\":$(wc -l <"$work/back"),.*\"asked_then\":{\"reached\":{\"n\":3[0-9]*,\"people\":3[0-9]*,.*\"not_reached\":{\"n\":$((2 * $(wc -l <"$work/back"))),\"people\":$(wc -l <"$work/back")," "$work/answer"; do
  tries=$((tries + 1))
  [ $tries -lt 300 ] || say "those who are held back are not compared with: $(cat "$work/answer")"
  sleep 0.1
done
grep -q '"holdback":{"share":0.05,"until":"20' "$work/answer" || say "$(cat "$work/answer")"
run 0 "$KAIROS" rollout back wide
expect_call 200 GET /v1/rollouts
if grep -q holdback "$work/answer"; then say "the first stage holds nobody back: $(cat "$work/answer")"; fi
stop
run 0 "$KAIROS" replay --verify --data "$work/data"
has ' 0 different'
