#!/bin/sh
# A feature that is new is unknown, and says so, until each user's own chain has filled it in the background: events are taken meanwhile, a
# kill in the middle costs nothing, and a data directory whose program had it from the first event says the same about everybody. What it
# came from is in the journal, so the replay is the same byte for byte.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
export KAIROS_URL
people=120
each=60
[ -z "${KAIROS_SANITIZE:-}" ] || people=40

user() { # NAME KEY: a feature's value, or why it is missing
  expect_call 200 GET "/v1/users/$1"
  sed -n "s/.*\"$2\":\(\"[a-z ]*\"\|[0-9.-]*\)[,}].*/\1/p" "$work/answer"
}
# everyone FILE: what /v1/users says of each person's new features
everyone() {
  : >"$1"
  n=0
  while [ $n -lt $people ]; do # every ninth: each look is a process
    expect_call 200 GET "/v1/users/u$n"
    echo "u$n $(sed -n 's/.*\("calm":[^,}]*\).*\("hard":[^,}]*\).*/\1 \2/p' "$work/answer")" >>"$1"
    n=$((n + 9))
  done
}

small_program "$work/p"
cp -r "$work/p" "$work/always"
cat >"$work/new.lua" <<'LUA'
feature "calm" { window = "mean", of = "check_in", field = "stressLevel", days = 28, doc = "Mean stress of four weeks." }
feature "hard" { window = "count", of = "check_in", where = "event.stressLevel > 5", days = 28, doc = "Hard check-ins." }
segment "hardened" { when = "profile.tier ~= 'none' and (hard - 1) / 2 > 1" }
trigger "harden" { why = "A test.", on = { "check_in" }, when = "segment.hardened", offer = { "breathe" } }
trigger "calmly" { why = "A test.", on = { "check_in" }, when = "hard > 3 and calm < 9", offer = { "breathe" } }
LUA
cp "$work/new.lua" "$work/always/rules/new.lua"
day=$(date -u -d '-9 days' +%Y-%m-%d)
awk -v people=$people -v each=$each -v from="$(date -u -d "$day" +%s)" 'BEGIN {
  for (i = 0; i < each; i++) for (p = 0; p < people; p++) {
    t = from + i * 11000 + p
    printf "{\"id\":\"e%d\",\"userId\":\"u%d\",\"eventType\":\"check_in\",\"timestamp\":\"%s\",\"data\":{\"stressLevel\":%d}}\n", \
           i, p, strftime("%Y-%m-%dT%H:%M:%SZ", t, 1), (i * 7 + p * 3) % 11
  } }' >"$work/events.ndjson"
run 0 "$KAIROS" init --data "$work/data" --files 2
run 0 "$KAIROS" import "$work/events.ndjson" --data "$work/data" --program "$work/p"
run 0 "$KAIROS" import "$work/events.ndjson" --data "$work/whole" --program "$work/always"

# ---- it was always there: nothing to fill, now and after a start ----
start "$work/whole" --program "$work/always"
KAIROS_URL=$url
filled() { [ "$(metric kairos_features_warming)" = 0 ]; }
becomes "the filling" filled
equal "filled where it was always there" "$(metric kairos_features_filled_total)" 0
everyone "$work/wanted"
grep -q '"calm":[0-9]' "$work/wanted" || say "nobody has a value"
stop

# ---- it comes later: unknown, and everybody can see why ----
start "$work/data" --program "$work/p"
KAIROS_URL=$url
cp "$work/new.lua" "$work/p/rules/new.lua"
wait_for "$work/serve.log" 'is live (.*1 file changed: rules/new.lua'
: >"$work/seen"
seen_warming() {
  # the newest of many users is filled last; a machine that is quick enough may be done before anyone looks
  user u$((people - 1)) calm >"$work/calm"
  grep -q warming "$work/calm" && echo user >>"$work/seen"
  "$KAIROS" programs list >"$work/out" && grep -q 'new features and moments: [0-9]* of [0-9]* users' "$work/out" && echo list >>"$work/seen"
  return 0
}
seen_warming
stop_hard

# ---- killed in the middle: the rest is filled, and nobody twice ----
start "$work/data" --program "$work/p"
KAIROS_URL=$url
expect_call 200 POST /v1/events "{\"userId\":\"newcomer\",\"eventType\":\"check_in\",\"timestamp\":\"$(now)\",\"data\":{\"stressLevel\":6}}"
equal "a new user's feature" "$(user newcomer hard)" 1
becomes "the filling" filled
everyone "$work/got"
cmp "$work/wanted" "$work/got" || { diff "$work/wanted" "$work/got" | head >&2; say "filled is not what it would have been"; }
run 0 "$KAIROS" programs list
hasnt 'new features and moments'
stop
run 0 "$KAIROS" replay --verify --data "$work/data"
has ' 0 different'
run 0 "$KAIROS" doctor --data "$work/data"

# ---- why nothing came before it was filled: in both languages ----
start "$work/data" --program "$work/p"
KAIROS_URL=$url
then=$(date -u -d "$day + 6 days" +%Y-%m-%dT%H:%M:%SZ)
run 0 "$KAIROS" why --user u0 --trigger calmly --at "$then"
has 'hard > 3: unknown .*(warming)'
run 0 "$KAIROS" why --user u0 --trigger calmly --at "$then" --language ru
has 'hard > 3: .*(ещё накапливается)'
# ---- also behind a segment's name, and where the condition computes with it ----
run 0 "$KAIROS" why --user u1 --trigger harden --at "$then"
has 'missing: segment.hardened (warming)$'
has '(hard - 1) / 2 > 1: unknown .*missing: hard (warming)$'
stop

# ---- done is done: a start does not look again; the row is in the person's timeline, once ----
start "$work/data" --program "$work/p"
KAIROS_URL=$url
becomes "the filling" filled
equal "filled after a start" "$(metric kairos_features_filled_total)" 0
expect_call 200 GET '/v1/users/u0/timeline?limit=1000'
equal "rows that filled u0" "$(grep -o '"features.filled"' "$work/answer" | wc -l)" 1
grep -q '"features":\["calm","hard"\]' "$work/answer" || say "the timeline does not say what was filled"
expect_call 400 POST /v1/events "{\"userId\":\"u0\",\"eventType\":\"features.filled\",\"timestamp\":\"$(now)\"}"
grep -q "engine's own" "$work/answer" || say "a forged filling is not refused"
stop
echo "$people people, $(sort "$work/seen" | uniq -c | tr -s ' \n' ' ')"
