#!/bin/sh
# What goes into a tool and comes out of it: standard streams that are closed, input that cannot be read to its end, and what people wrote
# where a terminal would obey it.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"

# ---- a closed stream: its number is nobody else's ----
code=0
"$KAIROS" test "$KAIROS_SOURCE" >&- 2>"$work/err" </dev/null || code=$?
equal "the exit code of what could not be printed" $code 1
equal "what is said of a closed standard output" "$(cat "$work/err")" "kairos: not all could be written to standard output"
"$KAIROS" serve --data "$work/closed" --program "$KAIROS_SOURCE" --listen 127.0.0.1:0 <&- >&- 2>&- &
engine=$!
becomes "an engine without standard streams runs" [ -s "$work/closed/volume-00.db" ]
for stream in 0 1 2; do
  equal "stream $stream of an engine that was started without" "$(readlink "/proc/$engine/fd/$stream")" /dev/null
done
kill -9 "$engine" # nobody hears when it could be asked to end
wait "$engine" 2>/dev/null || true
engine=
: >"$work/empty"
code=0
"$KAIROS" import - --data "$work/closed" <&- >"$work/out" 2>"$work/err" || code=$?
equal "the exit code of an import from a closed standard input" $code 1
has 'reading on failed'

# ---- what cannot be read is not the end of it ----
run 1 "$KAIROS" predict trees "$work" --program "$KAIROS_SOURCE"
has 'expected a file, got a directory'
run 5 "$KAIROS" predict trees "$work/nowhere" --program "$KAIROS_SOURCE"
has 'No such file'
run 0 "$KAIROS" predict trees "$work/empty" --program "$KAIROS_SOURCE"
[ ! -s "$work/out" ] || say "an empty file has answers"
head -c 11000000 /dev/zero | tr '\0' ' ' >"$work/long" # a line without an end
run 1 "$KAIROS" predict trees "$work/long" --program "$KAIROS_SOURCE"
has 'line 1: longer than'

# ---- a terminal obeys control characters: those that came from people are blanks, and --json is as it came ----
start "$work/data" --program "$KAIROS_SOURCE"
export KAIROS_URL="$url"
escape=$(printf '\033')
high=$(printf '\302\233')
expect_call 200 PUT /v1/users/u1 '{"nick":"a\u001b]0;mine\u0007b\u009bc\u007fd\ne: f","demographics":{"\u001b[2J":1}}'
run 0 "$KAIROS" user show u1 --all
hasnt "$escape"
hasnt "$high"
has '^  nick: a ]0;mine b  c d e: f$'
run 0 "$KAIROS" user show u1 --all --json
has '\\u001b\]0;mine'
run 0 "$KAIROS" user timeline u1
has 'profile_updated'

# ---- names of one or two dots are names, not directories of the address ----
run 1 "$KAIROS" user show ..
has 'no `.` or `..`'
run 1 "$KAIROS" kill trigger ..
has 'no `.` or `..`'
run 0 "$KAIROS" kill
has 'nothing is killed'
stop
