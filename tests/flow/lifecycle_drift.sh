#!/bin/sh
# What drifts is counted over everything that ends a count: another program, another start, a kill. Then people are under stress of a
# sudden: the newest point stands out from all points before (|z| > 3), those before the ends included, and the distribution has drifted.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
. "$KAIROS_SOURCE/tests/flow/trees.sh"
export KAIROS_URL
sed -i 's/^event "workout_planned".*/&\nevent "check_in" { fields = { stressLevel = { type = "number", low = 0, high = 10 } } }/' "$program/rules/all.lua"
# A hundred people, five days from day FROM on: five hundred plans, which are a point; stress is BASE and up to four more.
days() { # FROM BASE
  awk -v from="$1" -v base="$2" 'BEGIN {
    for (d = from; d < from + 5; d++) for (u = 0; u < 100; u++) {
      day = sprintf("2025-%02d-%02d", 3 + int(d / 28), d % 28 + 1)
      one = "{\"userId\":\"u" u "\",\"timestamp\":\"" day "T%02d:00:00Z\",\"eventType\":\"%s\",\"data\":{%s}}\n"
      printf one, 8, "check_in", "\"stressLevel\":" base + (u * 7 + d * 3) % 5
      printf one, 9, "workout_planned", ""
      if ((u * 3 + d) % 5 < 3) printf one, 10, "workout_completed", ""
    }
  }'
}
number() { # KEY of the drift
  sed -n "s/.*\"drift\":{[^[]*\"$1\":\([0-9.]*\)[,}].*/\1/p" "$work/out"
}
counted() { # POINTS WHAT
  becomes "$1 points $2" points_are "$1"
}
points_are() { run 0 "$KAIROS" models list --json && [ "$(number points)" = "$1" ]; }
point() { # NUMBER [BASE]: that many are counted then
  days $((10 + 5 * $1)) "${2:-1}" >"$work/days"
  send "$work/days"
  counted "$1" "after point $1"
}

{ days 0 1; days 5 1; days 10 1; } >"$work/first"
model 'retrain = { samples = 1000000, drift = 0.25 },'
run 0 "$KAIROS" train trees --program "$program" --from "$work/first" --json
start "$work/data" --program "$program"
KAIROS_URL=$url
point 1
point 2
point 3
equal "rows in the window" "$(number rows)" 1500
score=$(number score)

# ---- another program ----
echo '-- a word' >>"$program/rules/all.lua"
wait_for "$work/serve.log" 'the directory changed): 1 file changed: rules/all.lua'
counted 3 "with another program"
equal "rows with another program" "$(number rows)" 1500
equal "score with another program" "$(number score)" "$score"
point 4

# ---- half a point, and another start ----
days 35 1 >"$work/fifth"
head -n 650 "$work/fifth" >"$work/days"
send "$work/days"
stop
start "$work/data" --program "$program"
KAIROS_URL=$url
counted 4 "after a restart"
equal "rows after a restart" "$(number rows)" 2000
tail -n +651 "$work/fifth" >"$work/days"
send "$work/days"
counted 5 "the point that had begun before the restart"
equal "rows of it as well" "$(number rows)" 2500
point 6

# ---- a kill: what was counted some seconds before is there ----
becomes "what is kept of six points" grep -q '"points":\[\[[^]]*\],\[[^]]*\],\[[^]]*\],\[[^]]*\],\[[^]]*\],\[[^]]*\]\]' "$work/data/drift.json"
stop_hard
start "$work/data" --program "$program"
KAIROS_URL=$url
counted 6 "after a kill"
equal "rows after a kill" "$(number rows)" 3000
point 7
point 8
if grep 'stress_level: its level' "$work/serve.log"; then say "an alert without a reason"; fi

# ---- of a sudden ----
point 9 6
wait_for "$work/serve.log" 'trees: stress_level: its level in the newest rows is .*, [0-9.]* standard deviations from the 8 times before'
wait_for "$work/serve.log" 'trees: drift 0\.[0-9]*, more than 0\.25'
expect_call 200 GET /metrics
grep -q '^kairos_model_alerts_total [1-9]' "$work/answer" || say "an alert is no metric"
stop

# ---- a file that is broken is not used, and says so ----
echo '{"models":[{"model":"trees"' >"$work/data/drift.json"
start "$work/data" --program "$program"
KAIROS_URL=$url
wait_for "$work/serve.log" 'what was kept of drift cannot be read, so it is counted anew'
counted 0 "after the file broke"
stop
