#!/bin/sh
# docs/PLUGINS.md takes an author from nothing to a served model: every command line of its section is run here as it stands there, and what
# it promises comes out. Then the model is served: a rule reads what the author's plugin says, and replay agrees.
set -eu
command -v make >/dev/null 2>&1 && command -v cc >/dev/null 2>&1 || { echo "make or cc is missing; scripts/install test brings them"; exit 77; }
. "$KAIROS_SOURCE/tests/flow/engine.sh"
mkdir "$work/bin" "$work/desk"
ln -s "$KAIROS" "$work/bin/kairos"
PATH=$work/bin:$PATH
cd "$work/desk"

sed -n '/^## Fifteen minutes/,/^## Conforming/s/^    \$ //p' "$KAIROS_SOURCE/docs/PLUGINS.md" >"$work/commands"
[ "$(wc -l <"$work/commands")" -ge 12 ] || say "the commands could not be read from docs/PLUGINS.md"
while IFS= read -r line; do
  echo "$line" >>"$work/told.txt"
  eval "$line" >"$work/out" 2>"$work/err" </dev/null || { cat "$work/out" "$work/err" >&2; say "docs/PLUGINS.md: this does not work: $line"; }
  case $line in
  *"kairos conform"*) has "31 checks, 0 failed" ;;
  *"kairos train"*)
    has '| people to learn from | [0-9]'
    sed -n '/^  golden = {/,/^  },/p' "$work/out" >"$work/golden"
    ;;
  *"kairos predict"*) has '"wake_up_probability":0\.' ;;
  *"kairos check"*) has "no errors" ;;
  esac
done <"$work/commands"

# Another plugin than the state was trained with: the rows that say so lie in the state, so it says that.
sed 's/values\[row\] = value_of(model, x)/values[row] = value_of(model, x) * 0.9/' wake_up/wake_up.c >wake_up/other.c
cmp -s wake_up/wake_up.c wake_up/other.c && say "the template has another line by now"
sed 's/wake_up\.c /other.c /; s/-o \$@ wake_up\.c/-o $@ other.c/' wake_up/Makefile >wake_up/other.mk
make -s -C wake_up -f other.mk -B wake_up.so >"$work/out" 2>&1 || say "the other plugin does not build"
run 3 kairos check program
has "wake_up\": its state's golden row 1: .* (is the plugin another one since it was trained?"
cp wake_up/wake_up.so other.so
make -s -C wake_up -B
run 0 kairos check program

# The golden rows that training printed, where the page says to paste them.
[ -s "$work/golden" ] || say "training printed no golden rows"
sed -i '$d' program/models/wake_up.lua
{ cat "$work/golden"; echo '}'; } >>program/models/wake_up.lua
run 0 kairos check program
hasnt "wake_up.*golden"
mv other.so wake_up/wake_up.so
run 3 kairos check program
has 'wake_up": golden row 1: .* (was the state trained again, or is the plugin another one? After a training put the rows .* into models/wake_up.lua)'
make -s -C wake_up -B

# A directory of folders, one a plugin, is one as well: for whoever trains just as for whoever checks.
(
  export KAIROS_PLUGINS="$PWD"
  run 0 kairos check program
  run 0 kairos evaluate wake_up --data data --program program
)
(
  unset KAIROS_PLUGINS
  run 5 kairos train wake_up --data data --program program
  has 'models/wake_up.lua:[0-9]*: model "wake_up": plugin: neither wake_up.so nor wake_up/wake_up.so is in .*KAIROS_PLUGINS'
)

# Nothing is written over, and names are names.
run 6 kairos init --plugin wake_up
has "is there already"
run 2 kairos init --plugin "../up"
has "expected a name"
run 2 kairos init

# An author is seldom root, for whom no limit of processes holds.
if [ "$(id -u)" -eq 0 ]; then
  chmod 755 "$work" "$work/bin" "$work/desk"
  cp "$KAIROS" "$work/bin/of-anybody"
  run 0 setpriv --reuid 65534 --regid 65534 --clear-groups "$work/bin/of-anybody" conform wake_up/wake_up.so
fi

# A plugin that breaks its promise is told so, and the command shows it again.
sed 's/values\[row\] = value_of(model, x)/values[row] = value_of(model, x) * (1 - row * 1e-3)/' wake_up/wake_up.c >wake_up/worse.c
cmp -s wake_up/wake_up.c wake_up/worse.c && say "the template has another line by now"
sed 's/wake_up\.c /worse.c /; s/-o \$@ wake_up\.c/-o $@ worse.c/' wake_up/Makefile >wake_up/worse.mk
make -s -C wake_up -f worse.mk -B wake_up.so CFLAGS=-O1 >"$work/out" 2>&1 || say "the worse plugin does not build"
mv wake_up/wake_up.so worse.so
make -s -C wake_up -B
run 3 kairos conform ./worse.so --only predict
has "^FAIL predict/single: in a batch and alone"
has "kairos conform ./worse.so --only predict/single --seed 1 --in-process"
run 3 kairos conform ./worse.so --only predict/single --seed 1 --in-process
run 0 kairos conform ./worse.so --only state --json
has '"failed":0'
cp worse.so better.so # a state would say another name than the program
run 3 kairos conform ./better.so --only entry
has 'its id is "wake_up" and its file is called better.so'
run 1 kairos conform wake_up
has "wake_up is a directory: expected a plugin's file, like wake_up/NAME.so"
run 5 kairos conform ./nothing.so
run 2 kairos conform ./worse.so --config '{'
has '^kairos conform: --config: '
run 2 kairos conform ./worse.so --config '[1]'
has 'config: expected a JSON object, got \[1\]'
run 5 kairos conform ./worse.so --only predict/sngle
has 'did you mean "predict/single"?'
run 5 kairos conform ./worse.so --only predikt
has 'did you mean "predict"?'
run 2 kairos conform

# Served: what the plugin says is in the decision's record, and nothing else makes it true.
echo 'policy "study" { consent = "by_enrolment", why = "a test" }' >program/rules/study.lua
rm program/rules/scenarios.lua
kairos import events.ndjson --data served --program program >"$work/out" 2>"$work/err" </dev/null || say "the program with the plugin takes no events"
kairos replay --print --data served >"$work/decisions"
grep -q '"trigger":"early".*"wake_up_probability":0\.[0-9]' "$work/decisions" || say "no decision read the author's model"
run 0 kairos replay --verify --data served
run 0 kairos replay --recompute --verify --data served
