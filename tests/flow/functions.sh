#!/bin/sh
# Functions and segments in a program, from the file to the journal: they decide as their scenarios say, what they say is explained, what
# they do wrong is counted and stops nobody else, and a replay derives every decision anew, in any zone and locale and with any address space.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"

mkdir -p "$work/p/rules" "$work/p/interventions"
cat >"$work/p/rules/people.lua" <<'END'
event "ping" { fields = { n = "number", tags = "list" } }

segment "newcomer" { why = "Little is known.", when = "not known(profile.level)", family = "stage", risk = "low" }
segment "expert" { why = "Long here.", when = "profile.level > 5", family = "stage", risk = "high" }
segment "regular" { when = "true", family = "stage", risk = "medium" }
segment "keen" {
  when = function(user) return user.profile.level ~= nil and user.profile.level % 2 == 1 end,
  needs = { "profile.level" },
}

-- Derived features: one reads a window, one reads the other.
feature "strain" {
  unit = "share", needs = { "app_interactions_sum", "profile.level" },
  value = function(user) return math.min(1, (user.app_interactions_sum or 0) / 50 + (user.profile.level or 0) / 20) end,
}
feature "app_interactions_sum" { window = "sum", of = "ping", field = "n", days = 7 }
feature "strained" { needs = { "strain" }, value = function(user) if user.strain > 0.9 then return math.sqrt(user.strain) end end }
trigger "strained_ones" { why = "A derived feature.", on = "ping", when = "strained > 0.95 and event.n == 2", offer = "hello", priority = 3 }

local limits = { soft = 3, words = { "knee", "back" } }
local function hurts(tags)
  for _, tag in ipairs(tags or {}) do
    for _, word in ipairs(limits.words) do
      if tag == word then return true end
    end
  end
  return false
end

trigger "hurting" {
  why = "Something hurts.", on = "ping", offer = "rest", priority = 5,
  when = function(user, event) return (event.n or 0) > limits.soft and hurts(event.tags) end,
  needs = { "event.n", "event.tags" },
}
trigger "experts" { why = "They bear more.", on = "ping", when = "segment.expert and event.n > 3", offer = "more" }
trigger "by_family" { why = "The family's name.", on = "ping", when = "segment.stage == 'newcomer' and event.n > 3", offer = "hello" }
trigger "keen_ones" { why = "A function behind a name.", on = "ping", when = "segment.keen and event.n == 1", offer = "hello" }

-- What must not happen to anybody else: a loop, an error, a change of the file's own table.
trigger "endless" { why = "Never ends.", on = "ping", offer = "rest", needs = {}, when = function() while true do end end } -- luacheck: ignore
trigger "raises" { why = "Raises.", on = "ping", offer = "rest", needs = { "event.n" }, when = function(_, e) return e.m > 1 end }
trigger "tells" { why = "Raises what it read.", on = "ping", offer = "rest", needs = { "event.tags" },
  when = function(_, e) error("hurts: " .. e.tags[1]) end }
trigger "asserts" { why = "Tells it, too.", on = "ping", offer = "rest", needs = { "event.tags" },
  when = function(_, e) assert(#e.tags == 0, "hurts: " .. e.tags[1]) return true end }
trigger "writes" { why = "Writes.", on = "ping", offer = "rest", needs = {}, when = function() limits.soft = 0 return true end }

policy "paper" { why = "signed on paper", consent = "by_enrolment" }
END
cat >"$work/p/interventions/options.lua" <<'END'
intervention "rest" { message = { en = "Rest, {what}." }, needs = { "event.n", "profile.level" },
  values = { what = function(user, event) return "level " .. (user.profile.level or "none") .. " at " .. event.n end } }
intervention "more" { message = { en = "More?" }, accept = function(user) return user.segment.expert end, needs = { "segment.expert" } }
intervention "hello" { message = { en = "Hello" } }
END
cat >"$work/p/rules/scenarios.lua" <<'END'
local berlin = { timezone = "Europe/Berlin" }
local function profile(level) return { timezone = "Europe/Berlin", level = level } end
scenario "a function reads lists and calls its file's functions" {
  given = { profile = profile(6) }, event = { type = "ping", data = { n = 4, tags = { "arm", "back" } } },
  expect = { trigger = "hurting", send = "rest", message = "Rest, level 6 at 4." },
}
scenario "a function that says no leaves the slate to others" {
  given = { profile = profile(6) }, event = { type = "ping", data = { n = 4, tags = { "arm" } } },
  expect = { trigger = "experts", send = "more" },
}
scenario "a missing list is nil" {
  given = { profile = profile(4) }, event = { type = "ping", data = { n = 4 } }, expect = { trigger = nothing },
}
scenario "the first of a family counts" {
  given = { profile = berlin }, event = { type = "ping", data = { n = 4 } }, expect = { trigger = "by_family", send = "hello" },
}
scenario "a segment by a function" {
  given = { profile = profile(3) }, event = { type = "ping", data = { n = 1 } }, expect = { trigger = "keen_ones", send = "hello" },
}
scenario "a feature by a function that reads another" {
  given = { profile = profile(10), features = { app_interactions_sum = 30 } }, event = { type = "ping", data = { n = 2 } },
  expect = { trigger = "strained_ones", send = "hello" },
}
scenario "what a function's feature says can be given" {
  given = { profile = profile(2), features = { strained = 0.99 } }, event = { type = "ping", data = { n = 2 } },
  expect = { trigger = "strained_ones" },
}
scenario "what a segment says can be given" {
  given = { profile = profile(4), features = { ["segment.keen"] = true } }, event = { type = "ping", data = { n = 1 } },
  expect = { trigger = "keen_ones" },
}
END
run 0 "$KAIROS" check "$work/p"
run 0 "$KAIROS" test "$work/p"
has ', 0 failed'

# ---- a scenario that fails speaks of the trigger that it names, and of what its function said ----
cp -r "$work/p" "$work/failing"
cat >"$work/failing/rules/z.lua" <<'END'
event "other" {}
trigger "z_text" { why = "w", on = "ping", offer = "rest", needs = {}, when = function() return "yes" end }
scenario "z" { given = { profile = { timezone = "Europe/Berlin" } }, event = { type = "ping", data = { n = 0 } }, expect = { trigger = "z_text" } }
scenario "z of another event" { event = { type = "other" }, expect = { trigger = "z_text" } }
trigger "z_other" { why = "w", on = "other", offer = "rest", when = "profile.level > 3" }
END
run 3 "$KAIROS" test "$work/failing"
[ "$(grep -A 3 'expected: trigger "z_text" to be true' "$work/out" | sed -n 3p)" = '    z_text: unknown' ] || say "the trigger that is named is not explained first"
has 'function trigger z_text.when (rules/z.lua:2) failed in line 2: the function returned a text where a truth is expected'
has 'trigger "z_text" does not listen to this event'

# ---- what cannot be ----
mkdir -p "$work/bad/rules"
cat >"$work/bad/rules/all.lua" <<'END'
feature "a" { needs = { "b" }, value = function(user) return user.b end }
feature "b" { needs = { "a" }, value = function(user) return user.a end }
feature "c" { needs = { "minutes" }, value = function(user) return user.minutes end }
model "m" { plugin = "svr", inputs = { "c" }, outputs = { "x" } }
segment "s" { when = "segment.z or segment.s" }
segment "z" { when = "profile.x > 3 and event.local_hour > 3" }
trigger "t" { why = "w", on = "day_started", when = function() return true end, needs = { "segment.a.b" } }
feature "g" { needs = { "streak_length" }, value = function(user) return user.streak_length end }
feature "h" { value = "g * 2" }
END
run 3 "$KAIROS" check "$work/bad"
has 'all.lua:1: error: feature "a": value: needs: needs: feature "a" reads itself, directly or through others'
has 'all.lua:3: error: feature "c": value: needs: unknown name "minutes"'
has 'all.lua:4: error: model "m": input "c" is worked out by a function; models read windows and expressions'
has 'all.lua:9: error: feature "h": value: .*"g" is worked out by a function.* make this feature a function as well, with "g" among its needs'
has 'all.lua:6: error: segment "z" says who somebody is'
has 'all.lua:7: error: trigger "t": when: needs: no segment and no family of segments is named "a.b"'

# ---- one mistake is one finding ----
cat >"$work/bad/rules/all.lua" <<'END'
event "walk" { fields = { steps = "number" } }
feature "a" { window = "summ", of = "walk", field = "steps", days = 7 }
feature "b" { window = "sum", of = "walk", days = 7 }
feature "c" { window = "sum", field = "steps", days = 7 }
feature "d" { window = "sum", of = "walk", field = "steps", days = 70 }
feature "e" { window = "sum", of = "walk", field = "steps", days = "x" }
feature "f" { window = "count", of = "walkk", days = 7 }
END
run 3 "$KAIROS" check "$work/bad"
equal "the findings" "$(cat "$work/out" "$work/err" | grep -c '^rules/all.lua:[0-9]*: error')" 6
has 'all.lua:2: error: .*(did you mean "sum"?)'
has 'all.lua:5: error: .*from 1 to 35, got 70'
has 'all.lua:7: error: .*no event noun is named "walkk" (did you mean "walk"?)'

# ---- the journal ----
LC_ALL=C awk 'BEGIN {
  srand(5)
  for (hour = 0; hour < 400; hour++) for (p = 0; p < 9; p++) {
    time = sprintf("2025-%02d-%02dT%02d:30:00Z", 2 + int(hour / 12 / 28), int(hour / 12) % 28 + 1, 8 + hour % 12)
    head = sprintf("{\"id\":\"e%d\",\"userId\":\"p%d\",\"timestamp\":\"%s\",\"eventType\":", ++n, p, time)
    if (hour == 0) printf "%s\"profile_updated\",\"data\":{\"timezone\":\"Europe/Berlin\",\"age\":30%s}}\n", head, p ? sprintf(",\"level\":%d", p) : ""
    else printf "%s\"ping\",\"data\":{\"n\":%d%s}}\n", head, rand() * 6, rand() < .4 ? ",\"tags\":[\"knee\"]" : ""
  }
}' >"$work/events"
run 0 "$KAIROS" import "$work/events" --data "$work/data" --program "$work/p"
"$KAIROS" replay --print --data "$work/data" >"$work/first"
for name in hurting experts by_family keen_ones strained_ones; do grep -q "\"trigger\":\"$name\"" "$work/first" || say "$name decided nothing"; done
for name in endless raises writes; do grep -q "\"trigger\":\"$name\"" "$work/first" && say "$name decided something"; done
grep -q 'Rest, level [0-9]* at [45]\.' "$work/first" || say "no message was said by a function"
for round in 1 2 3 4 5; do
  for place in TZ=Asia/Kathmandu TZ=America/Anchorage LC_ALL=C LC_ALL=C.utf8; do
    run 0 env "$place" "$KAIROS" replay --verify --data "$work/data"
    has ' 0 different'
  done
  [ "$round" != 1 ] || { env TZ=Asia/Kathmandu "$KAIROS" replay --print --data "$work/data" >"$work/again"; cmp "$work/first" "$work/again"; }
done

# ---- live: failures are counted, and the rule's line is told ----
run 0 "$KAIROS" init --data "$work/live"
start "$work/live" --program "$work/p"
n=0
while [ $n -lt 20 ]; do
  n=$((n + 1))
  expect_call 200 POST /v1/events "{\"id\":\"l$n\",\"userId\":\"x\",\"timestamp\":\"$(now)\",\"eventType\":\"ping\",\"data\":{\"n\":$((n % 6)),\"tags\":[\"knee\"]}}"
done
expect_call 200 POST /v1/events "{\"userId\":\"x\",\"timestamp\":\"$(now)\",\"eventType\":\"pnig\",\"data\":{\"n\":5}}"
grep -q '"accepted":1,.*"undeclared":\[{"index":0,"type":"pnig","meant":"ping"}\]' "$work/answer" || { cat "$work/answer" >&2; say "nobody says that the type is undeclared"; }
# What the engine itself reads is none, whatever the program declares; a segment's own condition is told where a
# condition reads it, and only where that is what made it so.
expect_call 200 POST /v1/events "[{\"userId\":\"x\",\"timestamp\":\"$(now)\",\"eventType\":\"intervention_response\",\"data\":{\"decisionId\":\"d3-1\"}},{
  \"userId\":\"x\",\"timestamp\":\"$(now)\",\"eventType\":\"profile_updated\",\"data\":{\"note\":1}}]"
in_answer '"accepted":2,'
not_in_answer undeclared
expect_call 200 GET "/v1/users/x/why?trigger=experts"
in_answer '^    - segment.expert: false'
not_in_answer '^      segment.expert: ' # "newcomer" comes first in its family
expect_call 200 PUT /v1/users/x '{"level":3}'
expect_call 200 GET "/v1/users/x/why?trigger=experts"
in_answer '^      segment.expert: profile.level > 5 (rules/people.lua:[0-9]*)$'
in_answer '^        - profile.level > 5: false  (profile.level = 3)$'
expect_call 200 GET "/v1/users/x/why?trigger=keen_ones" # a function says it: nothing behind the name has terms
not_in_answer '^      segment.keen: '
expect_call 200 GET /metrics
grep -q '^kairos_events_undeclared_total 1$' "$work/answer" || say "the undeclared event is not counted"
grep -q 'kairos_function_failures_total{function="trigger endless.when (rules/people.lua:[0-9]*)",end="\(fuel\|time\)"} [1-9]' "$work/answer" ||
  { grep function "$work/answer" >&2 || true; say "nobody counts the endless function"; }
grep -q 'kairos_function_failures_total{function="trigger raises.when (rules/people.lua:[0-9]*)",end="raised"} [1-9]' "$work/answer" || say "nobody counts errors"
grep -q 'kairos_function_stopped{function="trigger endless.when (rules/people.lua:[0-9]*)"} 1' "$work/answer" || say "the endless function was not stopped"
grep -q 'trigger raises.when (rules/people.lua:[0-9]*) is stopped after 8 failures in a row; the last: function raised an error, rules/people.lua:[0-9]*: .*"m" is not in needs' "$work/serve.log" || say "the log says nothing of a stop"
for name in tells asserts; do # what a rule says of a person is for its author's tests, not for a log
  grep -q "trigger $name.when (rules/people.lua:[0-9]*) is stopped after 8 failures in a row; the last: function raised an error, rules/people.lua:[0-9]*$" \
    "$work/serve.log" || { grep "$name" "$work/serve.log" >&2 || true; say "the log does not say where $name stopped, or says more"; }
done
! grep knee "$work/serve.log" || say "the log holds what was read of a person"
stop
