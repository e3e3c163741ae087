# What the scripts of this folder share; sourced, not run. Starts real engines on ports that the system chooses, and ends them.
export NO_COLOR=1 KAIROS_SHARE="$KAIROS_SOURCE"
unset KAIROS_CONFIG KAIROS_URL KAIROS_KEY KAIROS_DATA KAIROS_PROGRAM KAIROS_LISTEN KAIROS_LANES KAIROS_WEBHOOK KAIROS_WEBHOOK_SECRET
work=$(mktemp -d)
engine= # process number of the engine that runs, and its port
port=
url=
helpers=
caller= # of calls_begin
script=${0##*/}
finish() {
  code=$?
  [ -z "$engine" ] || kill -9 "$engine" 2>/dev/null || true
  for helper in $helpers $caller; do kill "$helper" 2>/dev/null || true; done
  rm -rf "$work"
  exit $code
}
trap finish EXIT
trap 'exit 1' INT TERM

say() {
  echo "$script: $*" >&2
  for log in "$work"/*.log; do [ ! -s "$log" ] || { echo "-- ${log##*/}" >&2; tail -n ${KAIROS_LOG_LINES:-20} "$log" >&2; }; done
  exit 1
}

# run CODE command…: what it prints lies in $work/out and $work/err
run() {
  wanted=$1
  shift
  code=0
  "$@" >"$work/out" 2>"$work/err" </dev/null || code=$?
  [ "$code" = "$wanted" ] || { head -n 40 "$work/out" "$work/err" >&2; say "expected exit code $wanted, got $code: $*"; }
}
has() { grep -q -e "$1" "$work/out" "$work/err" || { head -n 40 "$work/out" "$work/err" >&2; say "expected \"$1\" in what was printed"; }; }
hasnt() { if grep -q -e "$1" "$work/out" "$work/err"; then head -n 40 "$work/out" "$work/err" >&2; say "did not expect \"$1\" in what was printed"; fi; }
equal() { [ "$2" = "$3" ] || say "$1: expected $3, got $2"; }

# wait_for FILE PATTERN: until the line is there (a minute at most: a sanitized engine on a busy machine)
wait_for() {
  tries=0
  until grep -q "$2" "$1" 2>/dev/null; do
    tries=$((tries + 1))
    [ $tries -lt 1200 ] || say "\"$2\" did not appear in ${1##*/}"
    sleep 0.05
  done
}

# becomes WHAT CONDITION…: until it is so (a minute at most; of a condition that asks the engine, longer)
becomes() {
  what=$1
  shift
  tries=0
  until "$@"; do
    tries=$((tries + 1))
    [ $tries -lt 600 ] || never "$what" "$@"
    sleep 0.1
  done
}
never() { # WHAT CONDITION…
  for seen in out answer; do [ ! -s "$work/$seen" ] || { echo "-- $seen" && head -c 2000 "$work/$seen"; } >&2; done
  what=$1
  shift
  say "$what: never came true: $*"
}

# start DATA [options]: the engine answers at $url when this returns
start() {
  data_directory=$1
  shift
  : >"$work/serve.log"
  "$KAIROS" serve --data "$data_directory" --listen 127.0.0.1:0 "$@" 2>"$work/serve.log" </dev/null &
  engine=$!
  tries=0
  until grep -q "listens on port" "$work/serve.log"; do
    tries=$((tries + 1))
    kill -0 "$engine" 2>/dev/null || say "the engine ended before it listened"
    [ $tries -lt 1200 ] || say "the engine does not listen"
    sleep 0.05
  done
  port=$(sed -n 's/.*listens on port \([0-9]*\).*/\1/p' "$work/serve.log")
  url=http://127.0.0.1:$port
}
stop() {
  kill -TERM "$engine"
  wait "$engine" || say "the engine left with $?"
  engine=
}
stop_hard() {
  kill -9 "$engine"
  wait "$engine" 2>/dev/null || true
  engine=
}

# ---- what an engine is asked; the commands want KAIROS_URL ----
in_answer() { grep -q -e "$1" "$work/answer" || { head -c 3000 "$work/answer" >&2; say "expected \"$1\" in the answer"; }; }
not_in_answer() { if grep -q -e "$1" "$work/answer"; then head -c 3000 "$work/answer" >&2; say "did not expect \"$1\" in the answer"; fi; }
# answer_has PATH PATTERN, prints PATTERN COMMAND…: for becomes; what came lies in $work/answer, $work/out
answer_has() { expect_call 200 GET "$1" && grep -q -e "$2" "$work/answer"; }
prints() {
  pattern=$1
  shift
  run 0 "$@" && grep -q -e "$pattern" "$work/out"
}
metric() { # NAME
  expect_call 200 GET /metrics
  sed -n "s/^$1 //p" "$work/answer"
}
live() { "$KAIROS" programs list --json | sed 's/^\[{"digest":"\([0-9a-f]*\)".*/\1/'; } # the live program's digest
is_live() { [ "$(live)" = "$1" ]; }
isnt_live() { [ "$(live)" != "$1" ]; }
programs_list_has() { prints "$1" "$KAIROS" programs list; }
programs_list_hasnt() { run 0 "$KAIROS" programs list && ! grep -q -e "$1" "$work/out"; }

# ---- who stands beside the engine ----
# sink NAME [options]: listens at $sink_port; what it says lies in $work/NAME.out
sink() {
  name=$1
  shift
  "$KAIROS" sink --port 0 "$@" >"$work/$name.out" 2>"$work/$name.log" &
  helpers="$helpers $!"
  wait_for "$work/$name.log" 'listens on port'
  sink_port=$(sed -n 's/.*listens on port \([0-9]*\).*/\1/p' "$work/$name.log")
}
# receiver HOW: listens at $hook for messages signed with $secret, and answers as it is told (--good, --gone, …); what it says lies in $work/got
receiver() {
  secret=whsec_$(head -c 24 /dev/urandom | base64)
  "$KAIROS_BUILD/tests/test_delivery_receiver" "$secret" "$@" >"$work/got" &
  helpers="$helpers $!"
  wait_for "$work/got" '^port '
  hook="http://127.0.0.1:$(sed -n 's/^port //p' "$work/got")/hook"
}
# calls_begin CONNECTIONS [RATE [PEOPLE]]: so many requests a second, 0 as many as can be, until calls_end; each must be answered 2xx
calls_begin() {
  "$KAIROS_BUILD/tests/calling" "$port" "$@" >"$work/calling.out" 2>&1 &
  caller=$!
}
calls_fail() {
  cat "$work/calling.out" >&2
  say "requests failed"
}
calls_go_on() { kill -0 "$caller" 2>/dev/null || calls_fail; }
calls_end() {
  kill -TERM "$caller" 2>/dev/null || true # if it has ended already, it says why
  wait "$caller" || calls_fail
  caller=
}

# An engine of its own in $work/bin, which finds these plugins beside it and no others: a test may exchange them.
own_plugins() { # FILE…
  mkdir -p "$work/bin/plugins"
  cp "$KAIROS" "$work/bin/kairos"
  for plugin in "$@"; do cp "$plugin" "$work/bin/plugins/"; done
  KAIROS=$work/bin/kairos
}

# The engine that `start` starts stands under a clock that is ahead by as many seconds as `ahead` says; $real is one under the true clock.
# A sanitizer that is a library wants to be the first one itself: such a build skips.
engine_elsewhen() { # [NAME=VALUE…]: its environment besides
  real=$KAIROS
  cat >"$work/elsewhen" <<SH
#!/bin/sh
exec env LD_PRELOAD="$KAIROS_BUILD/tests/clock_at.so" CLOCK_AT="$work/ahead" $* "$real" "\$@"
SH
  chmod +x "$work/elsewhen"
  ahead 0
  "$work/elsewhen" version >"$work/version" 2>&1 && [ "$(cat "$work/version")" = "$("$real" version)" ] ||
    { echo "${0##*/}: skipped, for no library can be laid before this build"; exit 77; }
  KAIROS=$work/elsewhen
}
ahead() { # SECONDS; looked at fifty times a second
  echo "$1" >"$work/new"
  mv "$work/new" "$work/ahead"
}

# A program of one rule that sends whenever somebody who may be disturbed checks in with stress.
small_program() {
  mkdir -p "$1/rules" "$1/interventions"
  cat >"$1/rules/all.lua" <<'LUA'
event "check_in" { fields = { stressLevel = { type = "number", low = 0, high = 10 }, note = "text" } }
trigger "stress" { why = "A test.", on = { "check_in" }, when = "event.stressLevel > 7", offer = { "breathe" } }
LUA
  cat >"$1/interventions/all.lua" <<'LUA'
intervention "breathe" {
  channel = "push", expires = 2 * hours,
  message = { en = "Stress is {level}. Breathe out slowly." }, values = { level = "event.stressLevel" },
}
LUA
}
# more_triggers DIR COUNT: rules that are hardly ever true, a file each
more_triggers() {
  for n in $(seq "$2"); do
    echo "trigger \"t$n\" { why = \"A test.\", on = { \"check_in\" }, when = \"event.stressLevel > 9.$n\", offer = { \"breathe\" } }" >"$1/rules/t$n.lua"
  done
}
# paper_program DIR: the default one, for simulated people who enrolled on paper, and a message for whoever skips a workout
paper_program() {
  run 0 "$KAIROS" init "$1"
  rm "$1/rules/scenarios.lua" # they hold that nobody is written to without consent
  cat >"$1/rules/paper.lua" <<'LUA'
policy "paper" { why = "signed on paper", consent = "by_enrolment" }
trigger "skipped" { why = "A test.", on = { "workout_skipped" }, when = "event.local_hour < 20", offer = { "try_again" } }
LUA
  cat >"$1/interventions/paper.lua" <<'LUA'
intervention "try_again" { channel = "push", expires = 2 * hours, message = { en = "Tomorrow is another day." } }
LUA
}
# with_adherence DIR: a small program with the shipped regression, and the events and features that it reads
with_adherence() {
  mkdir -p "$1/models"
  cp "$KAIROS_SOURCE"/models/adherence.* "$1/models/"
  sed -i 's/^event "check_in".*//' "$1/rules/all.lua" # the shipped vocabulary has it too
  cp "$KAIROS_SOURCE/rules/vocabulary.lua" "$1/rules/a1.lua" # names that are read before the others
  cp "$KAIROS_SOURCE/rules/plans.lua" "$1/rules/a2.lua"
}
# A zone in which it is between one and two in the afternoon now: nobody there has quiet hours.
noon_zone() {
  hour=$(date -u +%H)
  offset=$((13 - ${hour#0}))
  if [ $offset -gt 0 ]; then echo "Etc/GMT-$offset"; elif [ $offset -lt 0 ]; then echo "Etc/GMT+$((0 - offset))"; else echo Etc/UTC; fi
}
now() { date -u +%Y-%m-%dT%H:%M:%SZ; }
# call METHOD PATH [BODY] [header]: the status; the answer lies in $work/answer
call() {
  curl -s -S -o "$work/answer" -w '%{http_code}' -X "$1" -H "${4:-X-None: 1}" ${3:+--data "$3"} "$url$2" || true
}
# post_many COUNT USERS PREFIX TYPE DATA: so many events in one request, of so many people in turn, who are called PREFIX and a number
post_many() {
  many=
  moment=$(now)
  for n in $(seq "$1"); do many="$many,{\"userId\":\"$3$((n % $2))\",\"eventType\":\"$4\",\"timestamp\":\"$moment\",\"data\":$5}"; done
  expect_call 200 POST /v1/events "[${many#,}]"
}
# each_sends FILE TYPE DATA [ID]: an event of everybody in the file in one request, whose ids begin with ID
each_sends() {
  awk -v id="${4:-$2}" -v type="$2" -v data="$3" -v now="$(now)" 'BEGIN { printf "[" }
    { printf "%s{\"id\":\"%s-%s\",\"userId\":\"%s\",\"eventType\":\"%s\",\"timestamp\":\"%s\",\"data\":%s}", (NR > 1 ? "," : ""), id, $1, $1, type, now, data }
    END { printf "]" }' "$1" >"$work/events"
  expect_call 200 POST /v1/events "@$work/events" 'Content-Type: application/json'
}
# stressed_people FILE: everybody in it, adults in whose zone it is noon, with stress. The program has the event profile_updated.
stressed_people() {
  each_sends "$1" profile_updated "{\"timezone\":\"$(noon_zone)\",\"age\":30}"
  each_sends "$1" check_in '{"stressLevel":9}'
}
expect_call() { # STATUS METHOD PATH [BODY] [header]
  wanted=$1
  shift
  status=$(call "$@")
  [ "$status" = "$wanted" ] || { head -c 500 "$work/answer" >&2; say "$1 $2: expected $wanted, got $status"; }
}

# On $work/data with $work/program, and the tools find it; people whom nothing keeps from the small program's message, and one who is stressed.
begin() {
  start "$work/data" --program "$work/program"
  export KAIROS_URL="$url"
}
meet() {
  expect_call 200 PUT "/v1/users/$1" "{\"timezone\":\"$(noon_zone)\",\"demographics\":{\"age\":30}}"
  expect_call 200 POST "/v1/users/$1/opt-in"
}
stress() { # PERSON, what the answer has
  expect_call 200 POST /v1/events "{\"userId\":\"$1\",\"eventType\":\"check_in\",\"timestamp\":\"$(now)\",\"data\":{\"stressLevel\":9}}"
  in_answer "$2"
}
