#!/bin/sh
# H5 for code alone: a plugin whose new build fails is taken back while the program's files stay as they are, so that the digest before and
# after is the same; the log says which code is left and which is returned to, and the return is the program with the plugin before.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
export KAIROS_URL
own_plugins "$KAIROS_BUILD/tests/rogues/evil.so"
mkdir -p "$work/p/models"
small_program "$work/p"
cat >"$work/p/models/evil.lua" <<'LUA'
feature "x" { window = "mean", of = "check_in", field = "stressLevel", days = 7, at_least = 1 }
model "odd" { plugin = "evil", inputs = { "x" }, outputs = { odd_said = { from = "y" } }, config = { mode = "nan" } }
LUA
echo 'trigger "said" { why = "A test.", on = { "check_in" }, when = "odd_said > 1", offer = { "breathe" } }' >"$work/p/rules/said.lua"
code() { sha256sum "$work/bin/plugins/evil.so" | cut -c1-8; }
code_is() { answer_has /v1/programs "^[^}]*\"plugins\":{\"evil\":\"$1"; }

start "$work/data" --program "$work/p" --lanes 1
KAIROS_URL=$url
good=$(code)
same=$(live | cut -c1-16)
post_many 20 20 calm check_in '{"stressLevel":2}' # what the plugin answers
becomes "the plugin as it came" code_is "$good"
printf 0 >>"$work/bin/plugins/.new"
cat "$work/bin/plugins/evil.so" "$work/bin/plugins/.new" >"$work/bin/plugins/.evil.new"
mv "$work/bin/plugins/.evil.new" "$work/bin/plugins/evil.so"
bad=$(code)
becomes "the other build" code_is "$bad"
tries=0
until grep -q 'rows of its models failed (guard' "$work/serve.log"; do # on a busy machine some rows find the plugin's process busy
  tries=$((tries + 1))
  [ $tries -lt 100 ] || say "nothing is returned to"
  post_many 20 20 "stressed$tries-" check_in '{"stressLevel":9}'
done
grep -q "error program $same: .* (guard: 1 %); returning to it with the plugin before: evil $good instead of $bad\$" "$work/serve.log" ||
  say "the log does not say which code is returned to"
becomes "the plugin before" code_is "$good"
equal "the program after the return" "$(live | cut -c1-16)" "$same"
stop
run 0 "$KAIROS" replay --verify --data "$work/data"
has ' 0 different'
