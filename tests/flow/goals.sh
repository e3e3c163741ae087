#!/bin/sh
# Goals from end to end: people walk, the goal_setter proposes, the safeguards give, people see the new goal and walk on, week after week.
# Every goal that was given is within a tenth of the one before and a week after it, its propensity is on record, the people's goals move,
# and replay re-derives every decision byte for byte, with the models asked again too.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
program=$work/program
data=$work/data
run 0 "$KAIROS" init "$program"
rm "$program/rules/scenarios.lua" # they hold that nobody is written to without consent
echo 'policy "study" { consent = "by_enrolment", why = "a test" }' >"$program/rules/study.lua"
run 0 "$KAIROS" check "$program"

# week N GOALS: the days from Monday to Sunday of 12 people, two of whom walk little and one of whom is not measured
: >"$work/goals"
week() {
  awk -v week="$1" '
    BEGIN { while ((getline line < ARGV[1]) > 0) { split(line, f, " "); goal[f[1]] = f[2] }
      for (day = 0; day < 7; day++)
        for (user = 1; user <= 12; user++) {
          date = 1735776000 + (week * 7 + day) * 86400 # 2 January 2025
          stamp = strftime("%Y-%m-%dT20:00:00Z", date, 1)
          id = sprintf("p%02d", user)
          if (week == 0 && day == 0)
            printf "{\"id\":\"z-%s\",\"userId\":\"%s\",\"eventType\":\"profile_updated\",\"timestamp\":\"%s\",\"data\":{\"timezone\":\"Europe/Berlin\",\"demographics\":{\"age\":40}}}\n", id, id, stamp
          if (user == 12) continue
          base = user <= 2 ? 1600 : 3500 + 450 * user
          reach = (id in goal) && goal[id] > base && goal[id] < base * 1.25 ? goal[id] + 60 : base
          steps = int(reach + 900 * sin(week * 7 + day * 3 + user * 5))
          printf "{\"id\":\"%s-%d-%d\",\"userId\":\"%s\",\"eventType\":\"daily_activity\",\"timestamp\":\"%s\",\"data\":{\"steps\":%d%s}}\n", id, week, day, id, stamp, steps, (id in goal) ? ",\"stepGoal\":" goal[id] : ""
        }
    }' "$work/goals"
}
n=0
while [ $n -lt 9 ]; do
  week $n >"$work/events.ndjson"
  run 0 "$KAIROS" import "$work/events.ndjson" --data "$data" --program "$program"
  "$KAIROS" replay --print --data "$data" >"$work/decisions"
  lua5.4 - "$work/decisions" >"$work/goals" <<'LUA'
    local last = {}
    for line in io.lines(arg[1]) do
      local user, value = line:match('"user":"(p%d+)"'), line:match('"goal":{[^}]*"value":([%d.]+)')
      if value then last[user] = value end
    end
    for user, value in pairs(last) do print(user, value) end
LUA
  n=$((n + 1))
done

lua5.4 - "$work/decisions" <<'LUA' || say "a goal was given that the safeguards do not allow"
  local last, first, given, moved = {}, {}, 0, 0
  local function days(y, m, d) return os.time { year = y, month = m, day = d, hour = 12 } // 86400 end
  for line in io.lines(arg[1]) do
    local user, value = line:match('"user":"(p%d+)"'), tonumber(line:match('"goal":{[^}]*"value":([%d.]+)'))
    if value then
      local day = days(line:match('"at":"(%d+)-(%d+)-(%d+)'))
      local text = line:match('Your goal for this week: (%d+) steps a day')
      assert(tonumber(text) == value, "the message says another goal")
      local p = tonumber(line:match('"reads":{[^}]*"goal":([%d.]+)') or line:match('"proposed":([%d.]+)'))
      assert(p and p >= 2000 and p <= 15000, "no proposal on record")
      given = given + 1
      if last[user] then
        assert(value <= last[user].value * 1.1 + 1e-6 and value >= last[user].value * 0.9 - 1e-6, user .. " moved too far")
        assert(day - last[user].day >= 7, user .. " moved too soon")
        moved = moved + 1
      end
      last[user] = { value = value, day = day }
    end
  end
  assert(given >= 20 and moved >= 10, "only " .. given .. " goals, " .. moved .. " moves")
  assert(not last.p12, "a goal without a measurement")
LUA
run 0 "$KAIROS" replay --verify --data "$data"

run 0 "$KAIROS" replay --recompute --verify --data "$data"
run 0 "$KAIROS" doctor --data "$data"
