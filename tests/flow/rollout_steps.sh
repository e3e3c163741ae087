#!/bin/sh
# A rollout's steps: order = "risk" lets those enter first who bear more change, a tier each quarter of the stage's hold; approvals keep a
# step shut until that many people have agreed to it, each under their own name, over a restart too; back and halt need nobody.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
small_program "$work/program"
cat >"$work/program/rules/steps.lua" <<'END'
segment "bold" { when = "profile.bears == 'much'", risk = "high" }
segment "steady" { when = "profile.bears == 'some'", risk = "medium" }
segment "careful" { when = "profile.careful or false", risk = "minimal" }
rollout "carefully" {
  why = "Those who bear most come first.", gates = "trigger:stress", approvals = 2,
  stages = { { name = "none", share = 0.0001 }, { name = "all", share = 1, hold = 4 * days, order = "risk" } },
}
END
after() { # NAME PROFILE DAYS EXPECTED
  cat >>"$work/program/rules/steps.lua" <<END
scenario "$1 after $3 days" {
  given = { profile = { timezone = "Europe/Berlin", $2 }, place = 0.5, rollouts = { carefully = { stage = "all", ago = $3 * days } } },
  event = { type = "check_in", data = { stressLevel = 9 } }, expect = { trigger = "stress", outcome = "$4" },
}
END
}
after bold 'bears = "much"' 0.01 sent
after steady 'bears = "some"' 0.99 gated
after steady 'bears = "some"' 1.01 sent
after nobody '' 2.99 gated
after nobody '' 3.01 sent
after 'bold and careful' 'bears = "much", careful = true' 2.99 gated
after 'bold and careful' 'bears = "much", careful = true' 3.01 sent
cat >>"$work/program/rules/steps.lua" <<'END'
scenario "in before the order" {
  given = { profile = { timezone = "Europe/Berlin", careful = true }, rollouts = { carefully = "entered" } },
  event = { type = "check_in", data = { stressLevel = 9 } }, expect = { trigger = "stress", outcome = "sent" },
}
END
run 0 "$KAIROS" check "$work/program"
run 0 "$KAIROS" test "$work/program"
has '8 '
cp -r "$work/program" "$work/wrong"
sed -i 's/hold = 4 \* days, //' "$work/wrong/rules/steps.lua"
run 3 "$KAIROS" check "$work/wrong"
has '"order" needs "hold"'

# ---- approvals, by name where there are no keys ----
start "$work/data" --program "$work/program"
export KAIROS_URL="$url" KAIROS_DATA="$work/data"
run 6 "$KAIROS" rollout advance carefully
has 'needs 2 approvals and has 0.*kairos rollout approve carefully .*--by NAME'
run 2 "$KAIROS" rollout approve carefully
has 'who approves?.*--by anna'
expect_call 400 POST /v1/rollouts/carefully/approve '{"by":7}'
grep -q 'expected the name of who approves.*, got 7' "$work/answer" || say "what came is not said: $(cat "$work/answer")"
run 0 "$KAIROS" rollout approve carefully --by anna
has 'needs 2 approvals; it has 1: anna'
run 6 "$KAIROS" rollout approve carefully --by anna
has 'anna has approved this step already'
run 6 "$KAIROS" rollout advance carefully
stop_hard
start "$work/data" --program "$work/program"
export KAIROS_URL="$url"
run 0 "$KAIROS" rollout approve carefully --by boris
has 'it has 2: anna, boris'
run 0 "$KAIROS" rollout hold carefully
run 6 "$KAIROS" rollout advance carefully
has 'held'
run 0 "$KAIROS" rollout resume carefully
run 0 "$KAIROS" rollout advance carefully
has '-> all'
hasnt 'the next step needs'
run 6 "$KAIROS" rollout approve carefully --by anna
has 'last stage'
run 0 "$KAIROS" rollout back carefully
has 'it has 0'
run 6 "$KAIROS" rollout advance carefully
run 0 "$KAIROS" rollout halt carefully
has 'resume begins again at the first stage, none'
run 6 "$KAIROS" rollout resume carefully
has 'needs 2 approvals and has 0'
stop

# ---- with keys the key says who it is ----
key() { "$KAIROS" key add "$1" --scopes operate,read --data "$work/data"; }
carla=$(key carla)
dmitri=$(key dmitri)
start "$work/data" --program "$work/program"
export KAIROS_URL="$url"
run 0 env KAIROS_KEY="$carla" "$KAIROS" rollout approve carefully --by somebody_else
has 'it has 1: carla'
run 6 env KAIROS_KEY="$carla" "$KAIROS" rollout approve carefully --by dmitri
run 6 env KAIROS_KEY="$carla" "$KAIROS" rollout resume carefully
run 0 env KAIROS_KEY="$dmitri" "$KAIROS" rollout approve carefully
run 0 env KAIROS_KEY="$dmitri" "$KAIROS" rollout resume carefully
has '-> none'
stop
run 0 "$KAIROS" doctor --data "$work/data"
has 'the chain of hashes is whole'
