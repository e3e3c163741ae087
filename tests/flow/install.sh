#!/bin/sh
# Installed somewhere, `kairos` works from there: it finds its plugins and its default program by where it lies itself, and the plugins are byte
# for byte those whose digests it carries.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
unset KAIROS_SHARE KAIROS_PLUGINS

cmake --install "$KAIROS_BUILD" --prefix "$work/opt" >"$work/installed" 2>&1 || { cat "$work/installed" >&2; say "cmake --install failed"; }
[ -x "$work/opt/bin/kairos" ] || say "no bin/kairos"
[ -f "$work/opt/include/kairos_plugin.h" ] || say "no include/kairos_plugin.h"
[ -f "$work/opt/share/kairos/program/rules/vocabulary.lua" ] || say "no default program"
count=0
for plugin in "$KAIROS_BUILD"/plugins/*.so; do
  cmp "$plugin" "$work/opt/lib/kairos/plugins/${plugin##*/}" || say "${plugin##*/} is not as it was built"
  count=$((count + 1))
done
[ "$count" -gt 1 ] || say "only $count plugins were built"
cd "$work"
run 0 "$work/opt/bin/kairos" init "$work/mine"
run 0 "$work/opt/bin/kairos" check "$work/mine"
run 0 "$work/opt/bin/kairos" test "$work/mine"
KAIROS=$work/opt/bin/kairos
start "$work/data" --program "$work/mine"
expect_call 200 GET /v1/programs
stop
if grep -rl "$KAIROS_BUILD" "$work/opt/share" "$work/opt/include" >"$work/named"; then say "an installed file names the build directory: $(cat "$work/named")"; fi
