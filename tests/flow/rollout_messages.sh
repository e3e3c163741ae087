#!/bin/sh
# A rollout halts on messages that fail, and no restart forgets any: how those of its stage ended before is counted from their rows, of a
# stage that somebody moved to since then, and of one that nobody ever did since the first one came in.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
secret=whsec_$(head -c 24 /dev/urandom | base64)
other=whsec_$(head -c 24 /dev/urandom | base64)
small_program "$work/program"
cat >"$work/program/rules/halt.lua" <<'END'
policy "paper" { why = "Signed on paper.", consent = "by_enrolment" }
event "profile_updated" { fields = { timezone = "text", age = "number" } }
rollout "never_moved" {
  why = "As long as messages arrive.", gates = "trigger:stress", halt = "webhook_error_rate > 50 * percent",
  stages = { { name = "all", share = 1 }, { name = "still_all", share = 1 } },
}
rollout "moved" {
  why = "As long as messages arrive.", gates = "intervention:breathe", halt = "webhook_error_rate > 70 * percent",
  stages = { { name = "all", share = 1 }, { name = "still_all", share = 1 } },
}
rollout "only_shown" { why = "Acts on nothing.", gates = "trigger:stress", stages = { { name = "all", share = 1 } } }
END
export KAIROS_DATA="$work/data"

up() { # PORT of the receiver
  start "$work/data" --program "$work/program" --webhook "http://127.0.0.1:$1/hook" --webhook-secret "$secret" --allow-http --allow-private
  export KAIROS_URL="$url"
}
enter() { # FROM TO: people who are sent a message
  seq "$1" "$2" | sed 's/^/u/' >"$work/people"
  stressed_people "$work/people"
  equal "the messages" "$(grep -o '"outcome":"sent"' "$work/answer" | wc -l)" $(($2 - $1 + 1))
}
messages_are() { # ROLLOUT FIGURES: once they were counted
  tries=0
  while :; do
    expect_call 200 GET /v1/rollouts
    rates=$(sed "s/.*\"name\":\"$1\",\"why\"//; s/\"webhook_error_rate\":{\([^}]*\)}.*/\n\1/" "$work/answer" | sed -n 2p)
    [ "$rates" != "$2" ] || return 0
    tries=$((tries + 1))
    [ $tries -lt 200 ] || say "the messages of $1: expected $2, got $rates"
    sleep 0.1
  done
}

sink good --secret "$secret"
up "$sink_port"
enter 1 4
messages_are never_moved '"bad":0,"of":4'
run 0 "$KAIROS" rollout advance moved
messages_are moved '"bad":0,"of":0'
stop_hard

# ---- nothing has failed yet, and what was delivered is known ----
sink wrong --secret "$other"
up "$sink_port"
messages_are never_moved '"bad":0,"of":4'
messages_are only_shown '"bad":0,"of":4'
messages_are moved '"bad":0,"of":0'
enter 5 20
wait_for "$work/wrong.out" 'u20'
stop_hard

# ---- eight minutes and four attempts later ----
for volume in "$work"/data/volume-*.db; do
  sqlite3 "$volume" "UPDATE outbox SET fate=2, attempts=5, due=$(date +%s%3N) WHERE fate=0"
done
up "$sink_port"
for name in never_moved moved; do
  figures='0\.8 (16 of 20)'
  [ $name != moved ] || figures='1 (16 of 16)'
  wait_for "$work/serve.log" "$name is halted: webhook_error_rate $figures, at least 0\.[0-9]* with 95 % confidence"
done
messages_are only_shown '"bad":16,"of":20'
stop
run 0 "$KAIROS" doctor --data "$work/data"
has 'the chain of hashes is whole'
