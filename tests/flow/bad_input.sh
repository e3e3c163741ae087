#!/bin/sh
# Bad input gets a sentence that says what was expected, what came and where; and nothing of it is stored. Here: what comes over HTTP and in
# files to import. Elsewhere: ambiguous HTTP in unit/test_accept_smuggling, keys in flow/scopes, broken programs, forged models and plugins
# that are text in reload/broken.sh, a full disk in flow/full_disk.sh, taken ports, newer directories and two engines in flow/cli.sh, an
# endpoint that never answers in flow/black_hole.sh.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
small_program "$work/program"
echo 'event "profile_updated" { fields = { level = { type = "number", low = 0, high = 9 } } }' >>"$work/program/rules/all.lua"
start "$work/data" --program "$work/program"
time=$(now)
# refused STATUS PATTERN: what lies in $work/answer says so, as a problem
refused() {
  equal "the status for $case" "$status" "$1"
  grep -q '^{"type":"urn:kairos:problem:[a-z-]*","title":"[A-Za-z ]*","status":'"$1"',"detail":"' "$work/answer" ||
    say "$case: no problem: $(head -c 500 "$work/answer")"
  grep -q -e "$2" "$work/answer" || say "$case: expected \"$2\" in $(head -c 500 "$work/answer")"
}
type=application/json
post() { # CASE, a file or a text, curl's options
  case=$1
  printf '%s' "$2" >"$work/body"
  [ "${2#@}" = "$2" ] || cp "${2#@}" "$work/body"
  shift 2
  status=$(curl -s -S -o "$work/answer" -w '%{http_code}' -H "Content-Type: $type" "$@" --data-binary "@$work/body" "$url/v1/events")
}
event() { printf '{"id":"e","userId":"u","eventType":"check_in","timestamp":"%s","data":{%s}}' "${2:-$time}" "$1"; }
begin="{\"userId\":\"u\",\"eventType\":\"check_in\",\"timestamp\":\"$time\""

# ---- JSON ----
whole=$(event '"stressLevel":1')
length=1
while [ $length -lt ${#whole} ]; do # cut off anywhere
  post "an event cut off after $length bytes" "$(printf '%s' "$whole" | head -c $length)"
  refused 400 "but the text ends at byte $length"
  length=$((length + 7))
done
post "an empty body" ''
refused 400 'expected an event, an array of events or lines of them; the body is empty'
post "a list cut off in its second event" "[$whole,${whole%?}"
refused 400 'but the text ends at byte'
post "a deep event" "$begin,\"data\":{\"a\":$(printf '%040d' 0 | tr 0 '[')$(printf '%040d' 0 | tr 0 ']')}}"
refused 400 'nested deeper than 32 levels.*"pointer":"#/data/a/0/0'
post "a key that stands twice" "{\"userId\":\"v\",${begin#?}}"
refused 400 'the key \\"userId\\" stands twice in one object, again at byte 14'
post "a key that stands twice in other letters" "$begin,\"data\":{\"note\":\"a\",\"n\\u006fte\":\"b\"}}"
refused 400 'stands twice'
post "a byte that is no UTF-8" "$(printf '%s,"data":{"note":"\377"}}' "$begin")"
refused 400 'well-formed UTF-8, got byte 0xFF at byte .*"pointer":"#/data/note"'
post "half a surrogate" "$begin,\"data\":{\"note\":\"\\ud83d\"}}"
refused 400 'a high surrogate without the low one'
post "a NUL in a name" "$begin,\"data\":{\"no\\u0000te\":1}}"
refused 400 '\\\\u0000 is not allowed in a key.*"pointer":"#/data"'
post "a NUL in an id" "$(echo "$whole" | sed 's/"e"/"e\\u0000"/')"
refused 400 'without control characters, came U+0000 at byte 1.*"pointer":"#/id"'
post "a web page" '<html></html>'
refused 400 "expected a value, got '<' at byte 0"

# ---- types, times, vocabulary ----
post "a number as a user" '{"userId":7,"eventType":"check_in","timestamp":"'"$time"'"}'
refused 400 '"detail":"/userId: expected a string, came 7","errors":\[{"pointer":"#/userId","detail":"expected a string, came 7"}\]'
post "no user" '{"eventType":"check_in","timestamp":"'"$time"'"}'
refused 400 'expected a string, but userId is missing.*"pointer":"#/userId"'
post "a user under another name" '{"userid":"u","eventType":"check_in","timestamp":"'"$time"'"}'
refused 400 'did you mean \\"userId\\"?).*"pointer":"#/userId"'
post "a long user" '{"userId":"'"$(printf '%0129d' 0)"'","eventType":"check_in","timestamp":"'"$time"'"}'
refused 400 'expected 1 to 128 bytes, came 129.*"pointer":"#/userId"'
post "an event that is wrong all over" '{"userId":7,"eventType":"check in!","timestamp":"yesterday","data":[1]}'
refused 400 '"errors":\[{"pointer":"#/userId","detail":"expected a string, came 7"},{"pointer":"#/eventType","detail":"expected letters'
refused 400 '{"pointer":"#/timestamp","detail":"expected an ISO 8601 time.*{"pointer":"#/data","detail":"expected an object, came \[1\]"}\]}'
post "several fields" "$(event '"stressLevel":"high; /note: low","note":5')"
refused 400 '"detail":"/data/stressLevel: expected a number, got a text; /data/note: expected a text, got a number","errors":\[{"pointer":"#/data/stressLevel"'
post "a list with such an event" "[$(event '"stressLevel":99,"note":5')]"
case $(cat "$work/answer") in
*'"pointer":"#/data/stressLevel","detail":"/data/stressLevel: expected a number from 0 to 10, got 99; /data/note: expected a text'*) ;;
*) say "not all of it is named: $(cat "$work/answer")" ;;
esac
case="a profile that is wrong twice"
status=$(curl -s -o "$work/answer" -w '%{http_code}' -X PUT --data '{"timezone":7,"age":900,"guardianConsent":"yes"}' "$url/v1/users/u")
refused 400 '/timezone: expected a text, got 7; /age: expected years from 0 to 130, whole ones, got 900; /guardianConsent: expected true or false'
refused 400 '"errors":\[{"pointer":"#/timezone".*"pointer":"#/age".*"pointer":"#/guardianConsent"'
status=$(curl -s -o "$work/answer" -w '%{http_code}' -X PUT --data '{"timezone":"Mars/Olympus","age":900}' "$url/v1/users/u")
refused 400 '"errors":\[{"pointer":"#/timezone","detail":"no time zone is called \\"Mars/Olympus\\".*"pointer":"#/age"'
post "a zone that is wrong beside what the program declares" \
  '{"userId":"u","eventType":"profile_updated","timestamp":"'"$time"'","data":{"timezone":"Mars/Olympus","level":77}}'
refused 400 '"errors":\[{"pointer":"#/data/timezone","detail":"no time zone is called.*"pointer":"#/data/level","detail":"expected a number from 0 to 9, got 77'
post "data that is a list" "$begin,\"data\":[1]}"
refused 400 'expected an object, came \[1\].*"pointer":"#/data"'
post "a text for a number" "$(event '"stressLevel":"high"')"
refused 400 'expected a number, got a text.*"pointer":"#/data/stressLevel"'
post "a number out of range" "$(event '"stressLevel":99')"
refused 400 'expected a number from 0 to 10, got 99.*"pointer":"#/data/stressLevel"'
post "a number beyond all numbers" "$(event '"stressLevel":1e999')"
refused 400 '"pointer":"#/data/stressLevel"'
post "the far future" "$(event '' 2999-01-01T00:00:00Z)"
refused 400 'expected at most 300 s after the time here, .* came \\"2999-01-01T00:00:00Z\\".*"pointer":"#/timestamp"'
post "a clock ten minutes ahead" "$(event '' "$(date -u -d '+10 minutes' +%Y-%m-%dT%H:%M:%SZ)")"
refused 400 'expected at most 300 s after the time here'
for wrong in 2025-01-01T00:00:00 2025-02-30T00:00:00Z 2025-13-01T00:00:00Z 2025-01-01T25:00:00Z yesterday 2025-01-01T00:00:00+99:00; do
  post "the time $wrong" "$(event '' "$wrong")"
  refused 400 "expected an ISO 8601 time with a zone, like 2025-01-15T22:40:00Z, came .*$wrong.*\"pointer\":\"#/timestamp\""
done
post "a number as a time" "$(event '' @ | sed 's/"@"/1736980800/')"
refused 400 'came 1736980800.*"pointer":"#/timestamp"'

# ---- sizes and codings ----
head -c 10000000 /dev/zero | tr '\0' ' ' >"$work/large"
post "10 MB" "@$work/large"
refused 413 'expected a body of at most 1048576 bytes, Content-Length says 10000000'
post "10 MB in chunks" "@$work/large" -H 'Transfer-Encoding: chunked'
refused 413 'expected a body of at most 1048576 bytes'
gzip -c "$work/large" >"$work/bomb"
post "10 MB in 10 KB of gzip" "@$work/bomb" -H 'Content-Encoding: gzip'
refused 413 'expected a body of at most 1048576 bytes after inflating'
event '' | gzip -c >"$work/gz"
for cut in 1 10 18 40; do
  head -c $cut "$work/gz" >"$work/cut"
  post "gzip cut off after $cut bytes" "@$work/cut" -H 'Content-Encoding: gzip'
  refused 400 'expected one whole gzip member as the body'
done
{ cat "$work/gz"; echo more; } >"$work/cut"
post "gzip with more behind it" "@$work/cut" -H 'Content-Encoding: gzip'
refused 400 'expected one whole gzip member as the body, came something else, a part of it, or more behind it'
post "no gzip" 'hello' -H 'Content-Encoding: gzip'
refused 400 'expected one whole gzip member'
post "another coding" 'hello' -H 'Content-Encoding: br'
refused 415 'expected Content-Encoding gzip or none'
awk -v e="$whole" 'BEGIN { printf "["; for (i = 0; i < 2501; i++) printf "%s%s", i ? "," : "", e; print "]" }' | gzip -c >"$work/many"
post "2 501 events" "@$work/many" -H 'Content-Encoding: gzip'
refused 400 "expected at most 2500 events in one request, came more"
post "lines as one document" "$whole
$whole"
refused 400 'expected the end of the text after the value.*lines of events want Content-Type: application/x-ndjson'
type=application/x-ndjsonified
post "lines of a type that only begins so" "$whole
$whole"
type=application/json
refused 400 'lines of events want Content-Type: application/x-ndjson'
for id in . ..; do # every client would ask another path about them
  post "the user $id" "$(event '' | sed "s/\"u\"/\"$id\"/")"
  refused 400 "expected an id that a path can name, came .*nobody of that id could be asked about, opt out or be erased.*\"pointer\":\"#/userId\""
done

# ---- other routes ----
ask() { # METHOD PATH [BODY]
  case="$1 $2 ${3:-}"
  status=$(call "$@")
}
ask GET "/v1/users/nobody/why?trigger=stress"
refused 404 'no user \\"nobody\\" is known here'
ask GET /v1/users/nobody
refused 404 'no user \\"nobody\\" is known here'
ask GET /v1/decisions/d1-99/why
refused 404 'there is no decision d1-99'
ask GET /v1/decisions/zzz/why
refused 404 'like d3-17: d, 0 to 15, - and a number from 1; got \\"zzz\\"'
ask GET /v1/decisions/d99-1/why
refused 404 'like d3-17: d, 0 to 15, - and a number from 1; got \\"d99-1\\"'
ask PUT /v1/users/u '{"timezone":"Mars/Olympus"}'
refused 400 'no time zone is called \\"Mars/Olympus\\".*"errors":\[{"pointer":"#/timezone"'
for zone in '' localtime posixrules Factory posix/Europe/Berlin right/UTC Europe//Berlin; do # the machine's own, and copies
  ask PUT /v1/users/u '{"timezone":"'$zone'"}'
  refused 400 'expected the time zone of a place, such as Europe/Berlin, or null, got .*"pointer":"#/timezone"'
done
post "the machine's zone in an event" '{"userId":"u","eventType":"profile_updated","timestamp":"'"$time"'","data":{"timezone":"localtime"}}'
refused 400 'expected the time zone of a place, .*"pointer":"#/data/timezone"'
ask PUT /v1/users/u '{"timezone":"Europe/Berlin\u0000x"}'
refused 400 'timezone: expected .* got a text that holds a NUL'
ask PUT /v1/users/u '{"timezone":"../../etc/passwd"}'
refused 400 'expected the time zone of a place'
ask PUT /v1/users/u '{"age":-1}'
refused 400 'expected years from 0 to 130, whole ones, got -1","errors":\[{"pointer":"#/age"'
ask PUT /v1/users/u '{"demographics":{"age":35.5},"language":5,"ill":"no"}'
refused 400 '"pointer":"#/demographics/age".*"pointer":"#/language".*"pointer":"#/ill"'
ask PUT /v1/users/u '[1]'
refused 400 'expected a JSON object, came an array'
ask PUT /v1/users/u "{\"note\":\"$(printf '%070000d' 0)\"}"
refused 400 '65536'
ask POST /v1/decide '{"trigger":"stress"}'
refused 400 '"pointer":"#/userId"'
ask POST /v1/decide '{"userId":"u","trigger":"stres"}'
refused 404 'no trigger is named \\"stres\\".*"pointer":"#/trigger"'
ask POST /v1/decide '{"userId":"u","dryrun":true,"contxt":{},"trigger":"stress"}' # nothing is decided in earnest by a slip
refused 400 '"pointer":"#/dryrun","detail":"expected only .*did you mean \\"dryRun\\"?.*"pointer":"#/contxt".*did you mean \\"context\\"?'
ask POST /v1/decide '{"userId":"u","context":5,"dryRun":true}'
refused 400 '"detail":"/context: expected an object, came 5","errors":\[{"pointer":"#/context"'
ask POST /v1/decide '[]'
refused 400 'expected an object like'
ask POST "/v1/events?clok=event" "$whole"
refused 400 'came \\"clok\\" (did you mean \\"clock\\"?)'
ask GET /v1/users/u?limit=3
refused 400 'this route has no query parameters, came \\"limit\\"'
ask GET "/v1/users/u/why?language=fr"
refused 400 'language: expected en or ru, got \\"fr\\"'
ask GET "/v1/users/u/why?at=2025-01-15T22:40:00+05:30"
refused 400 'at: expected a time like 2025-01-15T22:40:00Z, got \\"2025-01-15T22:40:00 05:30\\" (in a query + is a space: write %2B)'
ask GET "/v1/users/u/why?at=yesterday"
refused 400 'at: expected a time like 2025-01-15T22:40:00Z, got \\"yesterday\\""'
ask GET "/v1/decisions/d1-99/why?language=fr"
refused 400 'language: expected en or ru, got \\"fr\\"'
ask POST /v1/users/u/opt-in '{bad'
refused 400 'expected no body, or a JSON object: '
ask POST "/v1/users/u/opt-in?clock=event"
refused 400 'expected when consent was given, .*"pointer":"#/timestamp"'
ask POST "/v1/users/u/opt-in?clock=event" '{"timestamp":"2999-01-01T00:00:00Z"}'
refused 400 'expected at most 300 s after the time here'
ask POST "/v1/users/u/opt-in?clock=then"
refused 400 'expected .*event.* or .*received'
ask POST /v1/events "$(printf '%05000d' 0 | tr 0 '[')$(printf '%05000d' 0 | tr 0 ']')"
refused 400 'expected an array of events, came an array of arrays'
ask POST /v1/programs '{"files":{}}'
refused 422 '"detail":"rules:1: there is no .lua file at all: an empty program decides nothing"'
ask POST /v1/programs '{"digest":"zz"}'
refused 404 'program-unknown.*no program of this engine is called \\"zz\\": GET /v1/programs (kairos programs list) has those'
ask POST /v1/programs "{\"digest\":\"$(printf '%064d' 7)\"}"
refused 404 'program-unknown.*is called \\"0*7\\": GET /v1/programs'
! grep -q -e "$work" -e 'store/' "$work/answer" || say "a path of this machine is told to a client: $(cat "$work/answer")"
ask GET /v1/programs/123456
refused 404 'no program is known that begins with \\"123456\\".*GET /v1/programs'
ask GET /v1/programs
! grep -q '"digest":""' "$work/answer" || say "a program that there is not is listed"
ask PUT /v1/kill/triger/x
refused 404 'expected trigger, .*, got \\"triger\\" (did you mean \\"trigger\\"?)'
ask DELETE /v1/events
refused 405 'expected POST, OPTIONS here, came DELETE'
ask GET /v1/nothing
refused 404 'there is no /v1/nothing'
ask GET /v1/users/a%00b
refused 400 'percent-encoded UTF-8 without control characters'
ask GET "/v1/users/u/timeline?limit=many"
refused 400 'limit: expected 1 to 1000, got \\"many\\"'

# ---- nothing of it is there; and what is good beside it is taken ----
expect_call 200 GET /metrics
for metric in kairos_events_total kairos_users kairos_ticks_total; do
  equal "$metric" "$(sed -n "s/^$metric //p" "$work/answer")" 0
done
post "a list of good and bad" "[$whole,{\"userId\":\"w\"},$(event '"stressLevel":99' | sed 's/"e"/"h"/'),$(echo "$whole" | sed 's/"e"/"f"/; s/"stressLevel":1/"note":"a\\u0000b"/')]"
equal "the status of a list of good and bad" "$status" 200
grep -q '"accepted":2,' "$work/answer" || say "the good ones were not taken: $(cat "$work/answer")"
grep -q '"rejected":\[{"index":1,.*"pointer":"#/eventType".*"retryable":false},{"index":2,.*"pointer":"#/data/stressLevel".*"retryable":false}\]' \
  "$work/answer" || say "the bad ones are not named: $(cat "$work/answer")"
post "a list that the vocabulary refuses before the envelope does" "[$(event '"stressLevel":99' | sed 's/"e"/"i"/'),7,$(event '"stressLevel":98' | sed 's/"e"/"j"/')]"
grep -q '"rejected":\[{"index":0,"pointer":"#/data/stressLevel",.*{"index":1,"pointer":"#",.*{"index":2,"pointer":"#/data/stressLevel"' "$work/answer" ||
  say "what was refused is not in the order of what was sent: $(cat "$work/answer")"
for type in application/x-ndjson Application/X-NDJSON 'application/x-ndjson; charset=utf-8' 'APPLICATION/x-ndjson ;charset=utf-8'; do
  post "lines of $type" "$whole
$whole"
  equal "the status of lines of $type" "$status" 200
  grep -q '"duplicates":2,"rejected":\[\],' "$work/answer" || say "lines of $type: $(cat "$work/answer")"
done
type=application/json
post "another content under the same id" "$(event '"stressLevel":2')"
refused 409 '"detail":"'
post "the same again" "$whole"
equal "the status of the same again" "$status" 200
grep -q '"duplicates":1,' "$work/answer" || say "the same again is no duplicate: $(cat "$work/answer")"
expect_call 200 GET /v1/users/u/export
equal "rows of the user" "$(grep -c '"kind":"event"' "$work/answer")" 2
grep -q '"note":"a\\u0000b"' "$work/answer" || say "a text with a NUL did not come back: $(cat "$work/answer")"
expect_call 200 PUT /v1/users/unread '{"timeZone":"Europe/Berlin","Age":30,"consent":true,"userId":"other","language":"en","gone":null}'
for says in '"unread":\[{"field":"timeZone","detail":"[^"]*did you mean ."timezone' '{"field":"Age","detail":"[^"]*did you mean ."age' \
  '{"field":"consent","detail":"[^"]*opt-in and opt-out"},{"field":"userId","detail":"kept, but nothing reads it"}\]}'; do
  grep -q -e "$says" "$work/answer" || say "expected $says in $(cat "$work/answer")"
done
stop

# ---- files ----
printf '%s\n' '{"userId":"u","eventType":"profile_updated","timestamp":"'"$time"'","data":{"timezone":"Factory"}}' >"$work/zone.ndjson"
run 1 "$KAIROS" import "$work/zone.ndjson" --data "$work/data"
has 'line 1: refused: /data/timezone: expected the time zone of a place'
printf '%s\n%s\n' "$(echo "$whole" | sed 's/"e"/"g"/')" "${whole%??}" >"$work/events.ndjson"
run 1 "$KAIROS" import "$work/events.ndjson" --data "$work/data"
has 'line 2: refused: .*but the text ends at byte'
printf '%s\n' "$(echo "$whole" | sed 's/"u"/".."/')" >"$work/dots.ndjson"
run 1 "$KAIROS" import "$work/dots.ndjson" --data "$work/data"
has 'line 1: refused: /userId: expected an id that a path can name, came ".."'
run 0 "$KAIROS" replay --verify --data "$work/data"
has ' 0 different'
run 0 "$KAIROS" doctor --data "$work/data"
