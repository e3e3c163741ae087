#!/bin/sh
# The engine has people's events and the master key in clear in its memory: when it crashes, no copy of that is left in a file, whatever the
# limits of whoever started it; nor by a subcommand that reads the same.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
small_program "$work/program"
run 0 "$KAIROS" init --data "$work/data"
mkdir "$work/here"
cd "$work/here"
ulimit -c unlimited 2>/dev/null || ulimit -c "$(ulimit -H -c)"
start "$work/data" --program "$work/program"
expect_call 200 PUT /v1/users/anna '{"note":"canary-in-memory"}'
most=1
[ "$(ulimit -H -c)" != 0 ] || most=0 # nobody may raise it here
# 1 byte: no file has room for it, and to a program that dumps are piped to the kernel then gives none either (core(5))
grep -q "^Max core file size  *$most  *$most " "/proc/$engine/limits" || say "the engine may leave a core: $(grep core "/proc/$engine/limits")"
kill -ABRT "$engine"
wait "$engine" 2>/dev/null || true
engine=
equal "files left by a crash" "$(find "$work/here" -type f | wc -l)" 0
"$KAIROS" sink --port 0 >"$work/sink" 2>&1 &
helpers=$!
wait_for "$work/sink" 'listens on port'
grep -q "^Max core file size  *$most  *$most " "/proc/$helpers/limits" || say "a subcommand may leave a core"
