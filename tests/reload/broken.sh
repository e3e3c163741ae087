#!/bin/sh
# H1: programs that are broken in more than thirty ways are put, one after another, into the directory of a running engine that is asked all
# the while: each is refused with its file, line and reason, the live program decides on, and no request is answered but with 2xx. Between
# them the good program lies there again, and is no change. Then the storm: a live plugin's file written over, cut off and renamed.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"

# The engine with plugins of its own, so that they can be broken too.
real=$KAIROS
own_plugins
find "$KAIROS_BUILD/plugins" -name '*.so' -exec cp {} "$work/bin/plugins/" \;
plugins=$work/bin/plugins
rogues=$KAIROS_BUILD/tests/rogues

base=$work/base
p=$work/p
small_program "$base"
with_adherence "$base"
cat >"$base/rules/use.lua" <<'LUA'
trigger "tired" { why = "A test.", on = { "check_in" }, when = "skip_probability > 0.99 and event.stressLevel > 9.5", offer = { "breathe" } }
scenario "calm" {
  given = { profile = { timezone = "Europe/Berlin" } },
  event = { type = "check_in", at = "2026-03-02T13:00:00+01:00", data = { stressLevel = 2 } },
  expect = { trigger = nothing },
}
LUA
cp -r "$base" "$p"
"$KAIROS" test "$p" >"$work/out" 2>&1 || { cat "$work/out" >&2; say "the program to be broken is broken"; }
start "$work/data" --program "$p"
export KAIROS_URL="$url"
good=$(live)
calls=${KAIROS_CALLS:-400} # requests a second; connections enough for a stall of 40 ms
calls_begin $((calls > 6400 ? 256 : calls < 200 ? 8 : calls / 25)) "$calls"

cases=0
# fresh: the good program again, beside the directory, as $work/next; put: it takes the directory's place
fresh() {
  rm -rf "$work/next"
  cp -r "$base" "$work/next"
  next=$work/next
}
put() {
  rm -rf "$work/old"
  [ ! -e "$p" ] || mv "$p" "$work/old"
  [ ! -e "$work/next" ] || mv "$work/next" "$p"
}
# refused PATTERN: the directory is refused for this within a minute, and the log says the same
refused() {
  cases=$((cases + 1))
  becomes "the finding" programs_list_has "$1"
  head -n 1 "$work/out" | grep -q "^$(printf %.16s "$good")  live" || { cat "$work/out" >&2; say "\"$1\": the good program is not live any more"; }
  grep -q -e "program $(echo "$1" | sed 's/^  *//; s/: error: /: /')" "$work/serve.log" || say "the log does not say \"$1\""
  calls_go_on
  [ -z "${KAIROS_SHOW:-}" ] || grep ': error: ' "$work/out" | cut -c 1-200 | head -n 2 >&2
}
rule() { # FILE TEXT PATTERN: one more file
  fresh
  printf '%s\n' "$2" >"$next/rules/$1"
  put
  refused "    rules/$1:$3"
}
T='trigger "x" { why = "A test.", on = { "check_in" }, '

# ---- text that is no program ----
fresh
head -c 60 "$base/rules/all.lua" >"$next/rules/all.lua"
put
refused '    rules/all.lua:[0-9]*: error: .*<eof>'
rule syntax.lua "$T offer = { } }}" "1: error: .*near '}'"
rule half.lua 'trigger "x' '1: error: unfinished string'
rule noun.lua 'triger "x" { }' '1: error: .*triger'
rule field.lua "$T ofer = { \"breathe\" } }" '1: error: .*did you mean "offer"'
rule type.lua "$T offer = \"breathe\", priority = { } }" '1: error: .*priority'
rule missing.lua 'trigger "x" { on = { "check_in" } }' '1: error: '
rule utf8.lua "$(printf -- '-- \377\376\nlocal x = "\300\200"')" '[0-9]*: error: .*UTF-8'
fresh
printf 'local x = "a\000b"\n' >"$next/rules/nul.lua"
put
refused '    rules/nul.lua:1: error: '
fresh
printf '\033Lua\124\000\031\223' >"$next/rules/code.lua"
put
refused '    rules/code.lua:1: error: '
fresh
{ echo 'local x = {'; yes '  "sixty bytes of a text that says the same all the time, over",' | head -c 11000000; echo '}'; } >"$next/rules/large.lua"
put
refused '    rules/large.lua:1: error: .*larger than'

# ---- text that misbehaves while it is loaded ----
rule endless.lua 'while true do end' '1: error: '
rule memory.lua 'local t = {} for i = 1, 1e9 do t[i] = {} end' '1: error: '
rule deep.lua 'local function f() return f() + 1 end f()' '1: error: '
rule swallow.lua 'while true do pcall(function() while true do end end) end' '1: error: '
rule outside.lua 'os.execute("true")' '1: error: .*os'
rule raise.lua 'error("no")' '1: error: .*no'

# ---- words that do not fit together ----
rule twin.lua 'trigger "stress" { why = "A test.", on = { "check_in" }, offer = { "breathe" } }' '1: error: .*stress.*rules/all.lua:2'
rule offer.lua "$T offer = { \"breath\" } }" '1: error: .*breath'
rule event.lua 'trigger "x" { why = "A test.", on = { "chek_in" }, offer = { "breathe" } }' '1: error: .*chek_in'
rule condition.lua "$T when = \"event.stressLevel >\", offer = { \"breathe\" } }" '1: error: '
rule name.lua "$T when = \"streess_level > 3\", offer = { \"breathe\" } }" '1: error: .*streess_level'
rule belief.lua "$T when = \"relapse_probability > 0.5\", offer = { \"breathe\" } }" '1: error: .*relapse_probability'
rule cycle.lua "$(printf 'feature "a" { value = "b + 1" }\nfeature "b" { value = "a + 1" }')" '[12]: error: .*itself'
rule weights.lua 'experiment "e" { why = "x", revision = 1, at = "trigger:stress", randomise = "user", arms = { a = { weight = 0.5, send = "breathe" }, b = { weight = 0.6 } }, outcome = { metric = "m", within = 1 * hours } }' '1: error: .*1'
rule scenario.lua 'scenario "wrong" {
  given = { profile = { timezone = "Europe/Berlin" } },
  event = { type = "check_in", at = "2026-03-02T13:00:00+01:00", data = { stressLevel = 2 } },
  expect = { trigger = "stress" },
}' '1: error: .*wrong'

# ---- files that are none ----
fresh
ln -s /etc/hostname "$next/rules/link.lua"
put
refused '    rules/link.lua:1: error: .*symbolic link'
fresh
ln -s "$base/rules" "$next/rules/more"
put
refused '    rules/more:1: error: .*symbolic link'
fresh
mkfifo "$next/rules/pipe.lua"
put
refused '    rules/pipe.lua:1: error: .*no regular file'
if [ "$(id -u)" != 0 ]; then
  fresh
  chmod 000 "$next/rules/all.lua"
  put
  refused '    rules/all.lua:1: error: .*cannot be read'
fi
rm -rf "$work/next"
put # nothing takes its place
refused "    $p:1: error: .*does not exist: expected a program's directory"
mkdir -p "$work/next/rules"
put
refused '    rules:1: error: .*empty program'

# ---- models ----
model() { # NAME PLUGIN [MORE]
  fresh
  echo "model \"$1\" { doc = \"A test.\", plugin = \"$2\", inputs = { \"x\" }, outputs = { y = {} }, $3 }" >"$next/models/$1.lua"
  echo 'feature "x" { value = "stress_level" }' >"$next/rules/x.lua"
}
fresh
rm "$next/models/adherence.state"
put
refused '    models/adherence.lua:[0-9]*: error: .*adherence.state'
fresh
printf damage | dd of="$next/models/adherence.state" bs=1 seek=2000 conv=notrunc 2>/dev/null
put
refused '    models/adherence.lua:[0-9]*: error: .*cut off or changed'
fresh
sed -i 's/adherence_probability = 0\.[0-9]*/adherence_probability = 0.9/' "$next/models/adherence.lua"
put
refused '    models/adherence.lua:[0-9]*: error: .*golden'
model none none ''
put
refused '    models/none.lua:1: error: .*none'
echo 'I am no library.' >"$plugins/text.so"
model text text ''
put
refused '    models/text.lua:1: error: .*text.so'
head -c 3000 "$plugins/svr.so" >"$plugins/cut.so"
model cut cut ''
put
refused '    models/cut.lua:1: error: .*cut.so'
for rogue in wrong_major crash_create crash_entry hang_entry leaks exit_import fork_raw; do
  cp "$rogues/$rogue.so" "$plugins/$rogue.so"
  model "$rogue" "$rogue" ''
  put
  refused "    models/$rogue.lua:1: error: .*$rogue.so"
done
# … and those that answer honestly until the third row
cp "$rogues/evil.so" "$plugins/rogue.so"
for mode in segfault abort nan leak exit fork; do
  model "third_$mode" rogue "config = { mode = \"$mode\" },
  golden = { { inputs = { x = 1 }, outputs = { y = 2 } }, { inputs = { x = 2 }, outputs = { y = 4 } }, { inputs = { x = 9 }, outputs = { y = 18 } } }"
  put
  refused "    models/third_$mode.lua:1: error: .*golden row"
  case $mode in
    segfault) has 'golden row .*it crashed with signal 11 (SEGV)' ;;
    abort) has 'golden row .*it crashed with signal 6 (ABRT)' ;;
  esac
done

# ---- the good one again: no change ----
fresh
put
becomes "the good program" programs_list_hasnt '  refused  '

# ---- a live plugin's file under a storm ----
cp "$plugins/svr.so" "$work/svr.so"
for round in 1 2 3 4 5 6; do
  cp "$rogues/honest.so" "$plugins/svr.so"
  : >"$plugins/svr.so"
  head -c 5000 "$work/svr.so" >"$plugins/svr.so"
  mv "$plugins/svr.so" "$plugins/svr.so.old"
  cp "$work/svr.so" "$plugins/.svr.so.new"
  sleep 0.3
  mv "$plugins/.svr.so.new" "$plugins/svr.so"
done
head -c 5000 "$work/svr.so" >"$plugins/svr.so"
refused '    models/adherence.lua:[0-9]*: error: .*svr.so: it is cut off'
cp "$work/svr.so" "$plugins/svr.so"
becomes "the mended plugin" programs_list_hasnt '  refused  '

# ---- and all the while ----
calls_end
cat "$work/calling.out"
[ "$cases" -ge 30 ] || say "only $cases broken programs"
equal "activations by broken programs" "$(grep -c ' is live (' "$work/serve.log" || true)" 0
head=$("$KAIROS" programs list | head -n 1)
case $head in "$(printf %.16s "$good")  live"*) ;; *) say "at the end another program is live: $head" ;; esac
stop
KAIROS=$real
run 0 "$KAIROS" replay --verify --data "$work/data"
has ' 0 different'
echo "$cases broken programs refused"
