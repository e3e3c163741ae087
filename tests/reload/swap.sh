#!/bin/sh
# H: code is replaced while requests are answered. A shipped plugin's file becomes another build of it (the same code under another SHA-256),
# again and again: each is live without a restart, in a process of its own, since it was not built with this engine; the one before leaves
# with the last event that needs it. No request fails, and neither memory nor descriptors nor processes grow. KAIROS_SWAPS: how often.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
swaps=${KAIROS_SWAPS:-24}
own_plugins
find "$KAIROS_BUILD/plugins" -name '*.so' -exec cp {} "$work/bin/plugins/" \;
mkdir -p "$work/own"
plugins=$work/bin/plugins
small_program "$work/p"
with_adherence "$work/p"
cat >"$work/p/rules/use.lua" <<'LUA'
trigger "tired" { why = "A test.", on = { "check_in" }, when = "skip_probability > 0.1", offer = { "breathe" } }
LUA
export KAIROS_PLUGINS="$work/own" # of two directories, files of the second are replaced, then of the first
start "$work/data" --program "$work/p"
export KAIROS_URL="$url"
calls_begin 16 ${KAIROS_CALLS:-400}

# wait_metric NAME VALUE: within a minute
wait_metric() {
  tries=0
  until [ "$(metric "$1")" -ge "$2" ]; do
    tries=$((tries + 1))
    [ $tries -lt 600 ] || say "$1 stays $(metric "$1"), expected $2 at least"
    calls_go_on
    sleep 0.1
  done
}
zygote=$(pgrep -P "$engine")
processes() { pgrep -P "$zygote" | wc -l; }
wait_processes() { # at most so many; one ends a moment after the last event that needed it
  tries=0
  until [ "$(processes)" -le "$1" ]; do
    tries=$((tries + 1))
    [ $tries -lt 600 ] || say "there are $(processes) processes of plugins, expected $1 at most"
    sleep 0.1
  done
}
descriptors() { ls "/proc/$engine/fd" | wc -l; }
resident() { awk '/^VmRSS:/ { print $2 }' "/proc/$engine/status"; }

cp "$plugins/svr.so" "$work/svr.so"
equal "plugin processes" "$(metric kairos_plugin_hosts)" 0
live=$(metric kairos_program_activations_total)
for swap in $(seq "$swaps"); do
  [ -n "${KAIROS_SANITIZE:-}" ] && [ "$swap" -gt 8 ] && break
  cp "$work/svr.so" "$plugins/.svr.new"
  printf '%*d' "$swap" 0 >>"$plugins/.svr.new"
  mv "$plugins/.svr.new" "$plugins/svr.so"
  live=$((live + 1))
  wait_metric kairos_program_activations_total "$live"
  equal "plugin processes of the live program" "$(metric kairos_plugin_hosts)" 1
  if [ "$swap" = 6 ]; then
    wait_processes 2 # of the live program, and of the one before, which an undo would bring back
    first_descriptors=$(descriptors)
    first_resident=$(resident)
  fi
done
wait_processes 2
more=$(($(descriptors) - first_descriptors))
[ $more -le 8 ] || say "$more descriptors more than after six swaps" # connections and files of the moment
grown=$(($(resident) - first_resident))
[ -n "${KAIROS_SANITIZE:-}" ] || [ $grown -le 16384 ] || say "$grown KiB more than after six swaps: that is a library a swap"

# Back: the shipped file runs inside the engine again.
cp "$work/svr.so" "$plugins/.svr.new"
mv "$plugins/.svr.new" "$plugins/svr.so"
wait_metric kairos_program_activations_total $((live + 1))
equal "plugin processes" "$(metric kairos_plugin_hosts)" 0
wait_processes 1

# An author's own directory comes first; a mended file is copied over the one before.
live=$((live + 1))
for mended in 1 2; do
  cp "$work/svr.so" "$work/own/.svr.new"
  printf '%*d' $((100 + mended)) 0 >>"$work/own/.svr.new"
  cp "$work/own/.svr.new" "$work/own/svr.so"
  live=$((live + 1))
  wait_metric kairos_program_activations_total "$live"
  equal "plugin processes of the live program" "$(metric kairos_plugin_hosts)" 1
done
calls_end
cat "$work/calling.out"
echo "$swap swaps: $grown KiB and $more descriptors more after the last than after the sixth"

# Undone, and published again from the same sources: with the plugins that lie there now.
mended=$(sha256sum <"$work/own/svr.so" | cut -d' ' -f1)
run 0 "$KAIROS" programs undo
expect_call 200 GET /v1/programs/live
if grep -q "$mended" "$work/answer"; then say "an undo went nowhere"; fi
run 0 "$KAIROS" programs publish "$work/p"
expect_call 200 GET /v1/programs/live
grep -q "$mended" "$work/answer" || say "published again, the mended plugin is not live: $(cat "$work/answer")"
stop
run 0 "$KAIROS" replay --verify --data "$work/data"
has ' 0 different'
