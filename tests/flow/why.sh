#!/bin/sh
# Why, and why not: for each kind of outcome the explanation names its terms with both operands, what was missing, who or what took the place,
# the draw, the nearest change that would have turned it, and the rule's file and line; in English and in Russian, by command and by API; for
# a user at any moment of a long past the same as it was then.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"

mkdir -p "$work/program/rules"
cat >"$work/program/rules/all.lua" <<'LUA'
event "check_in" { fields = { level = "number", bound = "number" } }
event "asked" { fields = { n = "number" } }
trigger "first" { why = "High.", on = { "check_in" }, when = "event.level > event.bound + 2", priority = 50, offer = { "walk", "run" } }
trigger "second" { why = "Also high.", on = { "check_in" }, when = "event.level > 5", priority = 40, offer = { "breathe" } }
trigger "third" { why = "For few.", on = { "asked" }, when = "event.n == 1", offer = { "breathe" } }
trigger "fourth" { why = "Drawn.", on = { "asked" }, when = "event.n == 2", offer = { "breathe" } }
intervention "walk" { channel = "push", message = { en = "Walk." } }
intervention "breathe" { channel = "push", message = { en = "Breathe." } }
intervention "run" { channel = "push", accept = "profile.fitness >= 4 and not (profile.injured or false)", message = { en = "Run." } }
rollout "third" { why = "x", gates = "trigger:third", stages = { { name = "few", share = 1 * percent, only = "profile.staff or false" } } }
experiment "fourth" { why = "x", revision = 1, at = "trigger:fourth", randomise = "decision",
  arms = { silence = { weight = 0.5, send = nothing }, speak = { weight = 0.5, send = "breathe" } },
  outcome = { metric = "calm", within = 30 * minutes } }
policy "paper" { why = "signed on paper", consent = "by_enrolment" }
LUA
cat >"$work/program/rules/trials.lua" <<'LUA'
event "tried" { fields = { n = "number" } }
trigger "fifth" { why = "Tried on few.", on = { "tried" }, when = "profile.age > 18", offer = { "breathe", "rest" } }
trigger "sixth" { why = "Not for all.", on = { "tried" }, when = "profile.age > 18", offer = { "run" } }
intervention "rest" { channel = "push", message = { en = "Rest." } }
local function halves(option) return { silence = { weight = 0.5, send = nothing }, speak = { weight = 0.5, send = option } } end
experiment "careful" { why = "x", revision = 1, at = "trigger:fifth", randomise = "decision", available = "profile.age > 50",
  arms = halves "breathe", outcome = { metric = "calm", within = 30 * minutes } }
experiment "runs" { why = "x", revision = 1, at = "trigger:sixth", randomise = "decision", arms = halves "run",
  outcome = { metric = "calm", within = 30 * minutes } }
local few = { { name = "few", share = 1 * percent, only = "profile.staff or false" } }
rollout "tried" { why = "x", gates = "experiment:careful", stages = few }
rollout "rested" { why = "x", gates = "intervention:rest", stages = few }
trigger "seventh" { why = "Two terms.", on = { "unheard" }, when = "profile.fitness > 8 and profile.age < 17", offer = { "breathe" } }
event "unheard" { fields = { n = "number" } }
LUA
cat >"$work/program/rules/waits.lua" <<'LUA'
event "knock" { fields = { n = "number" } }
trigger "eighth" { why = "Rests.", on = "knock", when = "event.n > 0", offer = "hush", cooldown = 20 * hours }
intervention "hush" { channel = "push", accept = "event.n > 1", cooldown = 2 * hours, message = { en = "Hush." } }
trigger "ninth" { why = "Nothing came.", on = { silence(3 * days), silence(90 * minutes) }, offer = "walk" }
trigger "tenth" { why = "Above all, but for an experiment.", on = "asked", when = "event.n == 2", priority = 100, offer = "breathe" }
LUA
event() { printf '{"id":"%s","userId":"u1","eventType":"%s","timestamp":"%s","data":{%s}}\n' "$1" "$2" "$3" "$4"; }
{
  event p profile_updated 2025-03-01T08:00:00Z '"timezone":"Etc/UTC","age":40,"fitness":2'
  event a check_in 2025-03-01T09:00:00Z '"level":9,"bound":5' # first is sent, second outranked
  event b check_in 2025-03-01T09:30:00Z '"level":9,"bound":5' # too soon
  event c check_in 2025-03-01T22:15:00Z '"level":9,"bound":5' # quiet
  event d asked 2025-03-02T12:00:00Z '"n":1'                  # gated
  event e asked 2025-03-02T13:00:00Z '"n":2'                  # drawn
  i=0
  while [ $i -lt 20 ]; do
    event "f$i" asked "2025-03-$((10 + i))T13:00:00Z" '"n":2'
    i=$((i + 1))
  done
  for user in u3 u4; do event "p$user" profile_updated 2025-03-01T08:00:00Z '"timezone":"Etc/UTC","age":40' | sed "s/u1/$user/"; done
  event k1 knock 2025-03-01T09:00:00Z '"n":5' | sed s/u1/u3/ # sent
  event k2 knock 2025-03-01T09:20:00Z '"n":1' | sed s/u1/u3/ # too soon, and all else
  event k3 knock 2025-03-01T20:50:00Z '"n":5' | sed s/u1/u4/ # sent
  event k4 knock 2025-03-01T21:05:00Z '"n":5' | sed s/u1/u4/ # quiet, and too soon
} >"$work/events"
run 0 "$KAIROS" import "$work/events" --data "$work/data" --program "$work/program"
run 0 "$KAIROS" replay --print --data "$work/data"
cp "$work/out" "$work/decisions"
id_of() { sed -n "s/^{\"id\":\"\([^\"]*\)\".*$1.*/\1/p" "$work/decisions" | head -n 1; }
start "$work/data" --program "$work/program"
export KAIROS_URL="$url"

# ---- what was sent, and why not the other option ----
sent=$(id_of '"trigger":"first".*"outcome":"sent"')
run 0 "$KAIROS" why "$sent"
has "^$sent: sent walk$"
has '  rule: High. (rules/all.lua:3)'
has '    + event.level > event.bound + 2: true  (event.level = 9, event.bound + 2 = 7)'
has '  it would have been otherwise if event.level were <= 7 (was 9)'
has '    run 0.*, p 0: not possible, its accept condition is not true .*(rules/all.lua:9)'
has '        - profile.fitness >= 4: false  (profile.fitness = 2)'
has '      it would have been possible if profile.fitness were >= 4 (was 2)'
has '  safeguards: 0/3 in 24 h, 0/12 in 7 days, local time 09:00, consent: unknown, age: 40'
has '  delivery: expired, attempts 0'
run 0 "$KAIROS" why "$sent" --language ru
has "^$sent: отправлено walk$"
has '    + event.level > event.bound + 2: верно  (event.level = 9, event.bound + 2 = 7)'
has '  было бы иначе, если бы event.level было <= 7 (сейчас 9)'
has 'нельзя, условие приёма варианта не выполнено'
has '  доставка: истекло, попыток 0'
cp "$work/out" "$work/russian"
expect_call 200 GET "/v1/decisions/$sent/why?language=ru"
cmp -s "$work/russian" "$work/answer" || say "the API explains otherwise than the command"
run 0 "$KAIROS" why "$sent" --json
has '"terms":\[{"term":"event.level > event.bound + 2","truth":"true","decisive":true,"left":{"name":"event.level","value":9},"operator":">","right":{"name":"event.bound + 2","value":7}}\]'
has '"options":\[.*{"option":"run","file":"rules/all.lua","line":9,"terms":\[{"term":"profile.fitness >= 4","truth":"false"'

# ---- who and what took the place ----
outranked=$(id_of '"trigger":"second".*"outcome":"outranked"')
run 0 "$KAIROS" why "$outranked"
has '  it came first: first (rules/all.lua:3), priority 50'
has '  it would have been otherwise if its priority were above 50 (was 40)'
run 0 "$KAIROS" why "$outranked" --json
has '"outranked_by":{"trigger":"first","priority":50,"file":"rules/all.lua","line":3}'
run 0 "$KAIROS" why "$(id_of '"reason":"too_soon"')"
has 'unavailable, because too little time has passed since the last intervention$'
has '  it would have been otherwise if the minutes since the last message were at least 60 (was 30)'
run 0 "$KAIROS" why "$(id_of '"reason":"quiet_hours"')"
has '  it would have been otherwise if the local time were within 08:00–21:00 (was 22:15)'
run 0 "$KAIROS" why "$(id_of '"reason":"quiet_hours"')" --language ru
has '  было бы иначе, если бы по местному времени было в пределах 08:00–21:00 (сейчас 22:15)'
run 0 "$KAIROS" why "$(id_of '"outcome":"gated"')"
has 'held back by a rollout, because the rollout has not reached this user (third)'
has '  it would have been otherwise if the rollout had reached the user'

run 0 "$KAIROS" why "$(id_of '"trigger":"tenth".*"outcome":"outranked"')"
has '  it came first: fourth (rules/all.lua:6), priority 0$'
has '  it would have been otherwise if this had not been true at the same moment: fourth$'
hasnt 'priority were above'

# ---- whatever else stood in the way: what alone would have led to no send is not said to have ----
soon=$(id_of '"user":"u3".*"reason":"too_soon"')
run 0 "$KAIROS" why "$soon"
has '^    + event.n > 0: true  (event.n = 1)$'
hasnt 'if event.n were'
has '^  it would have been otherwise if the minutes since the last message were at least 60 (was 20)$'
has '^  what else stood in the way then was not asked: see `kairos why --user u3 --trigger eighth --at 2025-03-01T09:20:00Z`$'
run 0 "$KAIROS" why "$soon" --json
hasnt '"nearest_change'
hasnt '"also"'
night=$(id_of '"user":"u4".*"reason":"quiet_hours"')
run 0 "$KAIROS" why "$night"
has '^  it would have been otherwise if the local time were within 08:00–21:00 (was 21:05)$'
has '^  not possible: too little time has passed since the last intervention$'
has '^  and also if the minutes since the last message were at least 60 (was 15)$'
run 0 "$KAIROS" why "$night" --json
has '"also":\[{"reason":"too_soon","sentence":"too little time has passed since the last intervention","detail":"15 min since the last, at least 60"}\]'
run 0 "$KAIROS" why --user u3 --trigger eighth --at 2025-03-01T09:20:00Z
has '^eighth: true$'
has '^  it would have been otherwise if the minutes since the last message were at least 60 (was 20)$'
has '^  not possible: it was sent a short while ago (eighth)$'
has '^  and also if the time since it was last sent were at least 20 h (was 20 min)$'
has '^  not possible: none of its options may be sent$'
has '^  and also if one of its options could be sent$'
has '^    hush: not possible, it was sent a short while ago (hush); its accept condition is not true (event.n > 1) (rules/waits.lua:3)$'
has '^      it would have been possible if the time since it was last sent were at least 2 h (was 20 min)$'
has '^      and also if event.n were > 1 (was 1)$'
run 0 "$KAIROS" why --user u3 --trigger eighth --at 2025-03-01T10:30:00Z --language ru # no longer too soon
has '^  было бы иначе, если бы с прошлой такой отправки прошло не меньше 20 ч (сейчас 1 ч 30 мин)$'
has '^      было бы можно, если бы с прошлой такой отправки прошло не меньше 2 ч (сейчас 1 ч 30 мин)$'
run 0 "$KAIROS" why --user u3 --trigger eighth --at 2025-03-01T09:20:00Z --json
has '"obstacles":\[{"reason":"too_soon",.*{"reason":"cooldown",[^{]*"detail":"eighth","cooldown":{"last":"2025-03-01T09:00:00Z","until":"2025-03-02T05:00:00Z"}},{"reason":"no_option"'
has '"possible":false,"reason":"cooldown",.*"also":\[{"reason":"not_accepted",.*"nearest_change":{"name":"event.n","was":1,"needed":">","bound":1}}\]'
hasnt '"bound":0}'

# ---- a silence: since when, and until when ----
run 0 "$KAIROS" why --user u3 --trigger ninth --at 2025-03-01T10:00:00Z
has '^  silence of 3 d: last heard of 2025-03-01T09:20:00Z, due 2025-03-04T09:20:00Z; the user is known from an import only'
has '^  silence of 1 h 30 min: last heard of 2025-03-01T09:20:00Z, due 2025-03-01T10:50:00Z; '
has '^  it would have been otherwise if something came from the user, and after it nothing for '
expect_call 200 POST /v1/events "{\"userId\":\"u5\",\"eventType\":\"knock\",\"timestamp\":\"$(now)\",\"data\":{\"n\":1}}"
run 0 "$KAIROS" why --user u5 --trigger ninth
has '^  silence of 3 d: last heard of 20[^ ]*Z, due 20[^ ]*Z$'
due=$(sed -n 's/^  silence of 1 h 30 min: .* due \(.*\)$/\1/p' "$work/out")
has "^  it would have been otherwise if nothing came from the user until $due\$"
run 0 "$KAIROS" why --user u5 --trigger ninth --language ru
has '^  молчание длиной 3 д: последнее известие 20[^ ]*Z, срок 20[^ ]*Z$'
has "^  было бы иначе, если бы от пользователя ничего не пришло до $due\$"
run 0 "$KAIROS" why --user u5 --trigger ninth --json
has '"silences":\[{"after_s":259200,"state":"waiting","last_heard":"20[^"]*Z","due":"20[^"]*Z"},{"after_s":5400,"state":"waiting",[^}]*"due":"'"$due"'"}\]'
run 0 "$KAIROS" why --user u5 --trigger eighth --json
hasnt '"silences"'

# ---- the draw ----
silent=$(id_of '"trigger":"fourth".*"outcome":"silent"')
[ -n "$silent" ] || say "twenty draws of a half and none of them silent"
run 0 "$KAIROS" why "$silent"
has '  experiment fourth, arm silence {"silence":0.5,"speak":0.5}'
has '  draw u = 0\.[0-4][0-9]*, falls in \[0, 0.5)'
has '  it would have been otherwise if the draw had fallen outside of \[0, 0.5)'

# ---- why not: a trigger and a user at a time ----
run 0 "$KAIROS" why --user u1 --trigger first --at 2025-03-01T09:20:00Z
has '^first: true$'
has '  not possible: too little time has passed since the last intervention$'
has '  it would have been otherwise if the minutes since the last message were at least 60 (was 20)'
has '    walk: possible (rules/all.lua:7)'
has '        - profile.fitness >= 4: false  (profile.fitness = 2)'
run 0 "$KAIROS" why --user u1 --trigger first --at 2025-03-01T08:30:00Z --language ru
has '^first: неизвестно$'
has 'не хватает: event.level (в событии его нет)'
run 0 "$KAIROS" why --user u1 --at 2025-03-01T23:00:00Z
equal "triggers explained" "$(grep -c '^[a-z]*: \(true\|false\|unknown\)$' "$work/out")" 10
run 0 "$KAIROS" why --user u1 --trigger sixth --at 2025-03-01T23:00:00Z
has '^      it would have been possible if profile.fitness were >= 4 (was 2)$'
hasnt 'profile.age were <= 18' # true; what keeps it is something else
run 0 "$KAIROS" why --user u1 --trigger third --at 2025-03-01T23:00:00Z # asked something else before: three things stand in the way
has '^  it would have been otherwise if event.n were == 1 (was unknown)$'
has '^  and also if the local time were within 08:00–21:00 (was 23:00)$'
has '^  and also if the rollout had reached the user$'
run 0 "$KAIROS" why --user u1 --trigger seventh --at 2025-03-01T23:00:00Z --language ru
has '^  было бы иначе, если бы profile.fitness было > 8 (сейчас 2) и profile.age было < 17 (сейчас 40)$'
has '^  и ещё если бы по местному времени было в пределах 08:00–21:00'
run 0 "$KAIROS" why --user u1 --trigger seventh --json
has '"nearest_changes":\[{"name":"profile.fitness","was":2,"needed":">","bound":8},{"name":"profile.age","was":40,"needed":"<","bound":17}\]'
run 0 "$KAIROS" why --user u1 --trigger third --json
has '^{"trigger":"third","truth":"false","why":"For few.","when":"event.n == 1","priority":0,"file":"rules/all.lua","line":5,"terms":\['
has '"obstacles":\[.*{"reason":"not_in_rollout","sentence":"the rollout has not reached this user","detail":"third"}'
run 0 "$KAIROS" why --user u1 --trigger fifth # the experiment at the trigger, its rollout and that of an option
has '^fifth: true$'
has '^  not possible: the rollout has not reached this user (tried)$'
has '^  experiment careful (rules/trials.lua:6)$'
has '^  not possible: its availability condition is not true (profile.age > 50)$'
has '^    - profile.age > 50: false  (profile.age = 40)$'
has '^    breathe: possible (rules/all.lua:8)$'
has '^    rest: not possible, the rollout has not reached this user (rested) '
run 0 "$KAIROS" why --user u1 --trigger fifth --json
has '"experiment":{"name":"careful","file":"rules/trials.lua","line":6,"ended":false},"obstacles":\[.*{"reason":"not_in_rollout",[^}]*"detail":"tried"},{"reason":"not_available",'
run 0 "$KAIROS" why --user u1 --trigger sixth # an arm that could not be carried out closes the point to all of them
has '^  not possible: its accept condition is not true (speak)$'
expect_call 400 GET "/v1/users/u1/why?format=xml"
expect_call 400 GET "/v1/users/u1/why?trigger=first&at=yesterday"
stop

# ---- a long past is walked in pieces: the same answer as of its end, while others are served ----
awk 'BEGIN { for (i = 0; i < 4000; i++)
  printf "{\"id\":\"l%d\",\"userId\":\"long\",\"eventType\":\"check_in\",\"timestamp\":\"2025-%02d-%02dT%02d:%02d:00Z\",\"data\":{\"level\":%d,\"bound\":1}}\n", i,
    1 + int(i / 1000), 1 + int(i % 1000 / 40), 6 + int(i % 40 / 3), i % 3 * 20, i % 11 }' >"$work/events"
run 0 "$KAIROS" import "$work/events" --data "$work/data" --program "$work/program"
start "$work/data" --program "$work/program"
export KAIROS_URL="$url"
"$KAIROS" why --user long --trigger first --at 2026-01-01T00:00:00Z >"$work/past" 2>"$work/past.err" &
past=$!
for i in 1 2 3 4 5 6 7 8 9 10; do expect_call 200 POST /v1/events "{\"id\":\"w$i\",\"userId\":\"u2\",\"eventType\":\"check_in\",\"timestamp\":\"$(now)\",\"data\":{\"level\":1,\"bound\":1}}"; done
wait $past || { cat "$work/past.err" >&2; say "a long past was not explained"; }
grep -q '^first: true$\|^first: false$' "$work/past" || say "a long past has no truth"
run 0 "$KAIROS" why --user long --trigger first --at 2025-04-25T19:00:00Z
sed '/safeguards\|minutes since/d' "$work/out" >"$work/then"
sed '/safeguards\|minutes since/d' "$work/past" | cmp -s - "$work/then" || say "two moments after the last event differ in more than time"
run 0 "$KAIROS" why --user long --trigger first --at 2025-01-01T06:50:00Z --json # l2: level 2, bound 1
has '"left":{"name":"event.level","value":2}'
"$KAIROS" why --user long --trigger first --at 2026-01-01T00:00:00Z >"$work/cut" 2>&1 & # the engine may stop in the middle
stop
wait $! || true
