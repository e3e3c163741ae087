#!/bin/sh
# What the API says about one person: an export holds everything (profile, events as they came, decisions with their reasons, delivery
# attempts and ends, what models said) and says that it is whole; each thing stands once in GET; events without an id learn theirs; a dry run
# has no id and takes none from the next decision; a profile has a bound; unknown people and decisions get a clear 404.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
secret=whsec_$(head -c 24 /dev/urandom | base64)
small_program "$work/program"
sink sink --secret "$secret"
start "$work/data" --program "$work/program" --webhook "http://127.0.0.1:$sink_port/hook" --webhook-secret "$secret" --allow-http --allow-private
export KAIROS_URL="$url"
zone=$(noon_zone)

# ---- nobody knows them ----
for path in /v1/users/nobody /v1/users/nobody/timeline /v1/users/nobody/export; do
  expect_call 404 GET "$path"
  in_answer 'no user \\"nobody\\" is known here'
done
expect_call 404 GET /v1/decisions/d3-12345
in_answer 'd3-12345'
expect_call 404 GET /v1/decisions/d3-12345/why
in_answer 'd3-12345'
expect_call 404 GET /v1/decisions/d03-1/why
in_answer 'd3-17'

# ---- events without ids ----
expect_call 200 PUT /v1/users/anna "{\"timezone\":\"$zone\",\"age\":40,\"nick\":\"Аня\"}"
expect_call 200 POST /v1/users/anna/opt-in
event() { printf '{%s"userId":"%s","eventType":"check_in","timestamp":"%s","data":{"stressLevel":%s}}' "$1" "$2" "$(now)" "$3"; }
expect_call 200 POST /v1/events "$(event '' anna 3)"
in_answer '"ids":\[{"index":0,"id":"[^"]\{8,\}"}\]'
given=$(sed -n 's/.*"ids":\[{"index":0,"id":"\([^"]*\)".*/\1/p' "$work/answer")
expect_call 200 POST /v1/events "$(event '"id":"own",' anna 3)"
not_in_answer '"ids"'
expect_call 200 POST /v1/events "[$(event '"id":"a",' anna 1),$(event '' anna 11),$(event '' anna 2),$(event '"id":"a",' anna 1)]"
in_answer '"index":1,"pointer":"#/data/stressLevel"'
in_answer '"ids":\[{"index":2,"id":"[^"]*"}\]}'

# ---- a dry run ----
expect_call 200 POST /v1/decide '{"userId":"anna","trigger":"stress","dryRun":true}'
in_answer '"decisions":\[\]' # nobody is stressed by being asked
cat >>"$work/program/rules/all.lua" <<'LUA'
trigger "always" { why = "A test.", on = { "never" }, offer = { "walk" } }
intervention "walk" { channel = "push", message = { en = "Walk, {nick}." }, values = { nick = "profile.nick" } }
event "never" {}
LUA
stop
start "$work/data" --program "$work/program" --webhook "http://127.0.0.1:$sink_port/hook" --webhook-secret "$secret" --allow-http --allow-private
export KAIROS_URL="$url"
expect_call 200 POST /v1/decide '{"userId":"anna","trigger":"always","dryRun":true}'
in_answer '^{"dryRun":true,"decisions":\[{"dry_run":true,"user":"anna"'
in_answer '"outcome":"sent"'
not_in_answer '"decisions":\[{"id":' # the event's own id stands deeper
cp "$work/answer" "$work/dry"
expect_call 200 POST /v1/decide '{"userId":"anna","trigger":"always","dryRun":true}'
run 0 "$KAIROS" decide --user anna --trigger always --dry-run
has '^(dry run)  always: sent walk'
expect_call 200 POST /v1/decide '{"userId":"anna","trigger":"always"}'
in_answer '"id":"d[0-9]*-1"' # the first: dry runs took none
decision=$(sed -n 's/.*"decisions":\[{"id":"\([^"]*\)".*/\1/p' "$work/answer")

# ---- each thing once ----
expect_call 200 GET /v1/users/anna
equal "lists of features" "$(grep -o '"features":' "$work/answer" | wc -l)" 1
equal "mentions of stress_level" "$(grep -o '"stress_level":[^"]' "$work/answer" | wc -l)" 1
in_answer '"missing":{"'

# ---- everything ----
wait_for "$work/sink.out" "$decision"
becomes "the delivery in the export" answer_has /v1/users/anna/export '"end":"delivered"'
lines=$(wc -l <"$work/answer")
head -n 1 "$work/answer" >"$work/head"
grep -q '^{"kind":"user","userId":"anna",.*"consent":"given","age":40,.*"profile":{.*"nick":"Аня".*"features":{.*"sends":\[{"decision":"'"$decision" "$work/head" ||
  say "the person is not in the export's first line: $(cat "$work/head")"
rows=$((lines - 2))
equal "the export's last line" "$(tail -n 1 "$work/answer")" "{\"kind\":\"end\",\"rows\":$rows,\"decisions\":1,\"deliveries\":1}"
equal "rows of the export" "$rows" 7
for kind in event consent profile asked; do in_answer "^{\"kind\":\"$kind\",\"received\":\"20"; done
in_answer '"nick":"Аня"'
in_answer "\"givenId\":\"$given\""
in_answer '"event":{"id":"own",'
in_answer '"deliveries":\[{"decision":"'"$decision"'","delivery":{"end":"delivered","attempts":1,"send_before":"20[^"]*","log":\[{'
in_answer '"message":"Walk, Аня."'
sed -n '2,$p' "$work/answer" | sed '$d' | sed -n 's/.*"seq":\([0-9]*\),.*/\1/p' >"$work/seqs"
sort -rn "$work/seqs" | cmp - "$work/seqs" || say "the export is not in order, newest first"
run 0 "$KAIROS" user export anna
equal "lines of kairos user export" "$(wc -l <"$work/out")" "$lines"
expect_call 200 GET "/v1/users/anna/timeline?limit=2"
equal "rows of a timeline" "$(grep -o '"seq":' "$work/answer" | wc -l)" 2
not_in_answer '"received"'

# ---- a profile has a bound ----
big=$(head -c 40000 /dev/zero | tr '\0' x)
expect_call 200 PUT /v1/users/anna "{\"one\":\"$big\"}"
printf '{"two":"%s"}' "$big" >"$work/body"
expect_call 400 PUT /v1/users/anna "@$work/body"
in_answer 'it would be 80[0-9]* bytes long; at most 65536 are kept of a user'
printf '{"userId":"anna","eventType":"profile_updated","timestamp":"%s","data":{"two":"%s"}}' "$(now)" "$big" >"$work/body"
expect_call 400 POST /v1/events "@$work/body"
in_answer 'at most 65536'
expect_call 200 GET /v1/users/anna
in_answer '"one":"xxx'
not_in_answer '"two"'
expect_call 200 PUT /v1/users/anna '{"one":null,"three":3}' # what makes it smaller is taken
expect_call 200 GET /v1/users/anna
in_answer '"three":3'
stop
run 0 "$KAIROS" replay --verify --data "$work/data"
has ' 0 different'

# ---- a long life, and what models said in it ----
mkdir "$work/life"
for part in rules interventions models; do cp -r "$KAIROS_SOURCE/$part" "$work/life/$part"; done
awk 'BEGIN {
  for (i = 0; i < 4000; i++)
    printf "{\"id\":\"l%d\",\"userId\":\"long\",\"eventType\":\"%s\",\"timestamp\":\"2025-%02d-%02dT%02d:%02d:00Z\",\"data\":{%s}}\n", i,
      i % 4 ? "check_in" : "workout_planned", 1 + int(i / 1000), 1 + int(i % 1000 / 40), 6 + int(i % 40 / 3), i % 3 * 20, i % 4 ? "\"stressLevel\":" i % 11 : "\"plannedHour\":18"
}' >"$work/events"
run 0 "$KAIROS" import "$work/events" --data "$work/long" --program "$work/life"
start "$work/long"
expect_call 200 GET /v1/users/long/export
made=$("$KAIROS" replay --print --data "$work/long" | wc -l)
equal "the last line of a long export" "$(tail -n 1 "$work/answer" | sed 's/"rows":[0-9]*/"rows":N/')" "{\"kind\":\"end\",\"rows\":N,\"decisions\":$made,\"deliveries\":0}"
equal "events in a long export" "$(grep -c '"event":{"id":"l[0-9]*"' "$work/answer")" 4000
[ "$(wc -l <"$work/answer")" -ge 4002 ] || say "a long export is short"
in_answer '^{"kind":"event",.*"program":"[0-9a-f]\{64\}","beliefs":{"adherence_probability":'
alike() { sed 's/"confidence":"[a-z]*"//g' "$1"; } # it follows the outcomes, which are read beside the lanes from the start on
alike "$work/answer" >"$work/alike"
i=0
while [ $i -lt 12 ]; do # more than may be answered at once: each gets all of it, or is told to come again
  i=$((i + 1))
  curl -s -o "$work/export.$i" -w '%{http_code}\n' "$url/v1/users/long/export" >"$work/status.$i" &
  pids="${pids:-} $!"
done
for pid in $pids; do wait "$pid"; done
i=0
while [ $i -lt 12 ]; do
  i=$((i + 1))
  case $(cat "$work/status.$i") in
    200) alike "$work/export.$i" | cmp - "$work/alike" || say "two exports of the same person differ" ;;
    429) grep -q 'send again' "$work/export.$i" || say "a refused export does not say why" ;;
    *) say "an export was answered $(cat "$work/status.$i")" ;;
  esac
done
curl -s -o "$work/cut" "$url/v1/users/long/export" & # the engine may stop in the middle
stop
wait $! || true
