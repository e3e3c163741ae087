#!/bin/sh
# kairos.lua: options of `serve` in a file, below the environment and the command line; what is wrong in it is said with file and line, and
# it can do nothing but set names.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
small_program "$work/program"
mkdir "$work/here"
cd "$work/here"
settings() { printf '%s\n' "$@" >kairos.lua; }
# up [options]: serves with what the file says, and nothing else
up() {
  : >"$work/serve.log"
  "$KAIROS" serve "$@" 2>"$work/serve.log" </dev/null &
  engine=$!
  wait_for "$work/serve.log" 'listens on port'
}
home() { grep -q "data in $1\$" "$work/serve.log" || say "expected $1 as the data directory"; }

settings 'local home = "../"' 'data = home .. "first"' "program = [[$work/program]]" 'listen = "127.0.0.1:0"' 'lanes = 1' 'log_json = false' \
  'webhook = { "http://127.0.0.1:1/a", "http://127.0.0.1:1/b" }' \
  "webhook_secret = 'whsec_$(head -c 24 /dev/urandom | base64)'" 'allow_http = true' 'allow_private = true'
up
home ../first
stop
KAIROS_DATA=../second up
home ../second
stop
KAIROS_DATA=../second up --data=../third
home ../third
stop
mkdir ../elsewhere
mv kairos.lua ../elsewhere/other.lua
KAIROS_CONFIG=../elsewhere/other.lua up
home ../first
stop
run 2 env KAIROS_CONFIG=../elsewhere/other.lua "$KAIROS" serve --webhook-secret nonsense
run 5 env KAIROS_CONFIG=nowhere.lua "$KAIROS" serve
has 'nowhere.lua'

wrong() { # PATTERN, the file's lines
  pattern=$1
  shift
  settings "$@"
  run 2 "$KAIROS" serve --data "$work/never" --listen 127.0.0.1:0
  has "$pattern"
  [ ! -e "$work/never" ] || say "a data directory was made in spite of $*"
}
wrong 'kairos.lua:2: ' 'lanes = 1' 'data = = 2'
for i in 1 2 3 4 5 6; do wrong 'kairos.lua: data: expected texts' 'listen = {2}' 'lanes = {3}' 'data = {1}' 'program = {4}'; done # whatever Lua's hash says
wrong 'kairos.lua: unknown setting "lisen" (did you mean "listen"?)' 'lisen = "127.0.0.1:0"'
wrong 'expected a whole number, got "many"' 'lanes = "many"'
wrong 'kairos.lua: lanes: expected a value, got true' 'lanes = true'
wrong 'kairos.lua: behind-proxy: expected true or false' 'behind_proxy = "yes"'
wrong 'kairos.lua: data: expected a text, a whole number, true or a list of texts, got function' 'data = function() end'
wrong 'kairos.lua: webhook: expected texts in the list, got table' 'webhook = { { "x" } }'
wrong 'kairos.lua:1: the settings need too many steps' 'while true do end'
wrong "kairos.lua:1: attempt to .* a nil value (global 'os')" 'data = os.getenv("HOME")'
wrong 'not enough memory' 'local t = "x"' 'for i = 1, 40 do t = t .. t end'
settings 'lisen = 1'
run 4 "$KAIROS" user show u1 --url http://127.0.0.1:1 # only `serve` reads the file
