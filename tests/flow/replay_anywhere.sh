#!/bin/sh
# D10: the default program with its hours, experiments, rollout and trained model decides the same bytes in one, two and sixteen files, with
# one lane or three, imported in one go or posted in lists of any length, in any time zone and locale, with and without a random address
# space; and a replay under each of them derives every decision anew.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
program=$KAIROS_SOURCE
people=${KAIROS_REPLAY_PEOPLE:-40}

# Six weeks of people who check in, plan, work out, skip and sleep; some are silent for days, some come late, one travels.
LC_ALL=C awk -v people="$people" 'BEGIN {
  srand(11)
  for (day = 0; day < 42; day++) for (hour = 4; hour < 22; hour += 3) for (p = 0; p < people; p++) {
    if (p > day * 2 + 4 || rand() < .45 || (p % 7 == 3 && day % 9 > 4)) continue
    n++
    time = sprintf("2025-%02d-%02dT%02d:%02d:%02dZ", 2 + int(day / 28), day % 28 + 1, hour, rand() * 60, rand() * 60)
    head = sprintf("{\"id\":\"e%d\",\"userId\":\"p%d\",\"timestamp\":\"%s\",\"eventType\":", n, p, time)
    if (!met[p]++ || rand() < .01) {
      zone = p % 5 == 1 ? "America/New_York" : p % 5 == 2 ? "Asia/Tokyo" : p % 5 == 3 && rand() < .5 ? "Australia/Lord_Howe" : "Europe/Berlin"
      printf "%s\"profile_updated\",\"data\":{\"timezone\":\"%s\",\"age\":%d,\"guardianConsent\":%s,\"language\":\"%s\"}}\n", head, zone, 15 + p % 40, p % 2 ? "true" : "false", p % 3 ? "en" : "ru"
      continue
    }
    dice = rand()
    if (dice < .3) printf "%s\"check_in\",\"data\":{\"stressLevel\":%d,\"motivationLevel\":%d,\"energyLevel\":%d}}\n", head, rand() * 11, rand() * 11, rand() * 11
    else if (dice < .5) printf "%s\"workout_planned\",\"data\":{\"workoutType\":\"run\",\"plannedHour\":%d,\"plannedMinutes\":40}}\n", head, 6 + rand() * 14
    else if (dice < .65) printf "%s\"workout_completed\",\"data\":{\"completionRate\":%.2f,\"duration\":1800},\"context\":{\"weather\":\"rain\"}}\n", head, rand()
    else if (dice < .75) printf "%s\"workout_skipped\",\"data\":{\"reason\":\"tired\"}}\n", head
    else if (dice < .85) printf "%s\"sleep_logged\",\"data\":{\"sleepHours\":%.1f}}\n", head, 3 + rand() * 6
    else printf "%s\"app_interaction\",\"data\":{\"motivationLevel\":%d,\"skipReasons\":[%s]}}\n", head, rand() * 11, rand() < .3 ? "\"busy\"" : ""
  }
}' >"$work/events"
all=$(wc -l <"$work/events")

# The default program, and a policy that says that consent was taken on paper.
mkdir "$work/program"
for part in rules interventions models; do [ ! -d "$program/$part" ] || cp -r "$program/$part" "$work/program/$part"; done
printf 'policy "paper" { why = "signed on paper", consent = "by_enrolment" }\n' >"$work/program/rules/paper.lua"
rm "$work/program/rules/scenarios.lua" # which are of the program without that policy
cat >"$work/program/rules/functions.lua" <<'END'
segment "young" { when = "profile.age < 30", family = "years" }
segment "grown" { when = function(user) return user.profile.age >= 30 end, needs = { "profile.age" }, family = "years" }
trigger "tired_of_it" {
  why = "A function decides.", on = "check_in", offer = "social_reinforcement", needs = { "event.stressLevel", "workout_frequency_7d" },
  when = function(user, event) return math.log((event.stressLevel or 0) + 1) > 1.5 and (user.workout_frequency_7d or 0) < 4 end,
}
trigger "grown_ones" { why = "A segment decides.", on = "check_in", when = "segment.years == 'grown'", offer = "social_reinforcement" }
END

same() { # DIRECTORY COMMAND…: replayed and printed under the command
  directory=$1
  shift
  run 0 "$@" "$KAIROS" replay --verify --data "$directory"
  has ' 0 different'
  "$@" "$KAIROS" replay --print --data "$directory" >"$work/decisions"
  cmp "$work/decisions" "$work/first" || say "the decisions of ${directory##*/} differ under: $*"
}

run 0 "$KAIROS" import "$work/events" --data "$work/one" --program "$work/program"
has "^$all taken"
"$KAIROS" replay --print --data "$work/one" >"$work/first"
for outcome in sent silent unavailable; do
  grep -q "\"outcome\":\"$outcome\"" "$work/first" || say "no decision came out as $outcome: the story is too poor"
done
grep -q '"type":"tick.schedule"' "$work/first" || say "no tick was decided"
same "$work/one" env TZ=Pacific/Kiritimati LC_ALL=C.utf8
same "$work/one" env TZ=America/Anchorage LC_ALL=C
if setarch -R true 2>/dev/null; then same "$work/one" setarch -R; else echo "the address space cannot be fixed here: not tried" >&2; fi

run 0 "$KAIROS" init --data "$work/sixteen" --files 16
run 0 env TZ=Asia/Kathmandu LC_ALL=C.utf8 "$KAIROS" import "$work/events" --data "$work/sixteen" --program "$work/program"
same "$work/sixteen" env TZ=UTC

# Posted in lists of other lengths, to other lanes.
posted() { # FILES LANES LENGTH
  run 0 "$KAIROS" init --data "$work/posted" --files "$1"
  start "$work/posted" --program "$work/program" --lanes "$2"
  rm -rf "$work/lists"
  mkdir "$work/lists"
  split -a 3 -l "$3" -d "$work/events" "$work/lists/"
  for list in "$work"/lists/*; do
    status=$(curl -s -o "$work/answer" -w '%{http_code}' -H 'Content-Type: application/x-ndjson' --data-binary "@$list" "$url/v1/events?clock=event")
    [ "$status" = 200 ] || { head -c 500 "$work/answer" >&2; say "posting was answered $status"; }
    grep -q '"rejected":\[\]' "$work/answer" || { head -c 2000 "$work/answer" >&2; say "events were rejected"; }
  done
  stop
  same "$work/posted" env TZ=Africa/Casablanca
  rm -rf "$work/posted"
}
posted 1 1 37
posted 2 1 500
posted 4 3 2500
echo "$all events, $(wc -l <"$work/first") decisions, the same everywhere"
