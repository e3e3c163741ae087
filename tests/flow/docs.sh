#!/bin/sh
# What the pages show is done as it stands there: the commands of README's "By hand" and of OPERATIONS' "Programs" beside an engine, an event
# and a merge of API.md, the unit for systemd. Every subcommand and option in a command line of any page is one that the build knows, and
# every field that API.md's answers show is one that the engine writes.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
docs=$KAIROS_SOURCE/docs
readme=$KAIROS_SOURCE/README.md

# ---- command lines of all pages ----
"$KAIROS" --help | sed -n '/^Subcommands:/,/^$/p' | awk 'NR > 1 && NF { print $1 }' >"$work/known"
while read -r name; do "$KAIROS" "$name" --help >"$work/help-$name" </dev/null; done <"$work/known"
cat "$readme" "$docs"/*.md | tr '\n' '\r' | sed 's/\\\r//g' | tr '\r' '\n' >"$work/pages" # a line that goes on is one
{
  sed -n 's/^    \(build\/release\/\)\{0,1\}kairos \([a-z].*\)/\2/p' "$work/pages"
  grep -o '`kairos [a-z][^`]*`' "$work/pages" | tr -d '`' | sed 's/^kairos //'
} | sed 's/ && kairos /\n/g' >"$work/lines"
[ "$(wc -l <"$work/lines")" -gt 80 ] || say "the command lines could not be read"
while read -r name rest; do
  grep -qx -e "$name" "$work/known" || say "a page shows kairos $name $rest, and there is no such subcommand"
  for option in $(echo "$rest" | sed 's/  .*//' | grep -o -e ' --[a-z-]*' -e '^--[a-z-]*'); do
    grep -q -e "^  $option\b" "$work/help-$name" || say "a page shows kairos $name $rest, and $option is no option of it"
  done
done <"$work/lines"

# ---- README, "By hand" ----
mkdir "$work/here"
cd "$work/here"
cp -r "$KAIROS_SOURCE/rules" "$KAIROS_SOURCE/interventions" "$KAIROS_SOURCE/models" .
start "$work/here/data" --program .
export KAIROS_URL="$url"
sed -n '/^## By hand/,/^`kairos/p' "$readme" | sed -n 's/^    //p' | grep -v -e '^scripts/' -e ' serve ' | sed -e 's/   *#.*//' \
  -e "s|^build/release/kairos|$KAIROS|" -e 's|^curl|curl -sSf|' -e "s|127.0.0.1:8080|127.0.0.1:$port|" >"$work/commands"
equal "commands under \"By hand\"" "$(wc -l <"$work/commands")" 5
while read -r line; do run 0 sh -c "$line"; done <"$work/commands"
has ' 0 different'

# ---- OPERATIONS, "Programs" ----
cd "$work"
small_program myprogram
mv myprogram/rules/all.lua myprogram/rules/skip.lua
run 0 "$KAIROS" programs publish myprogram
sed -n 's/^    kairos \(programs .*\)/\1/p' "$docs/OPERATIONS.md" | sed 's/   *.*//' >"$work/commands"
equal "commands under \"Programs\"" "$(wc -l <"$work/commands")" 6
while read -r line; do
  echo "-- before: $line" >>myprogram/rules/skip.lua # what is compared with the live one is another program
  run 0 "$KAIROS" $line
done <"$work/commands"
grep -q '^trigger "stress"' "$work/out" || say "the last command did not show rules/skip.lua as it runs"
run 0 "$KAIROS" programs shadow off

# ---- API, an event and a merge ----
block() { sed -n "/^### $1/,/^##/p" "$docs/API.md" | sed -n '/^    {/,/^$/p' | sed '/^$/q'; }
block "An event" | sed "s/\"timestamp\": \"[^\"]*\"/\"timestamp\": \"$(now)\"/" >"$work/event"
expect_call 200 POST /v1/events "@$work/event" 'Content-Type: application/json'
for key in $(sed -n '/^### An event/,/^### /p' "$docs/API.md" | sed -n '/^    {"accepted"/,/^$/p' | grep -o '^    {"[a-z_]*\|"[a-z_]*":' | grep -o '[a-z_][a-z_]*' | sort -u); do
  case $key in trigger | option | outcome) continue ;; esac # of a decision, which this event did not bring
  grep -q "\"$key\":" "$work/answer" || { [ "$key" = id ] || say "the answer to an event has no $key: $(cat "$work/answer")"; }
done
expect_call 200 POST /v1/events "{\"userId\":\"anon-17\",\"eventType\":\"app_interaction\",\"timestamp\":\"$(now)\"}"
expect_call 200 POST /v1/users/anon-17/merge '{"into": "anna"}'
grep -q '{"merged": *true, *"userId": *"anna", *"from": *"anon-17"}' "$work/answer" || say "a merge is answered otherwise: $(cat "$work/answer")"
stop

# Names that the examples give to things are no fields.
{ for title in "Asking for a decision" Programs Experiments "A webhook"; do block "$title"; done; } | grep -o '"[A-Za-z_]*":' | tr -d '":' | sort -u |
  grep -v -x -e svr -e walked -e walk -e silence -e minutes -e planned >"$work/fields"
[ "$(wc -l <"$work/fields")" -gt 40 ] || say "the fields of API.md's answers could not be read"
while read -r field; do
  grep -rq -e "\"$field\"" "$KAIROS_SOURCE/core" || say "API.md shows a field \"$field\" that nothing writes"
done <"$work/fields"

# ---- the unit ----
sed -n '/^As a service/,/^`cmake --install/p' "$docs/OPERATIONS.md" | sed -n 's/^    //p' | sed "s|/usr/bin/kairos|$KAIROS|" >"$work/kairos.service"
grep -q '^\[Install\]' "$work/kairos.service" || say "the unit could not be read"
if command -v systemd-analyze >/dev/null; then
  run 0 systemd-analyze verify --man=no "$work/kairos.service"
  hasnt 'kairos.service:'
fi
for line in RestartSec=5 After=network-online.target StateDirectoryMode=0700 UMask=0077 WantedBy=multi-user.target; do
  grep -qx "$line" "$work/kairos.service" || say "the unit does not say $line"
done
# Its installing, as far as nobody has to be root, into a directory of ours.
sed -n 's/^    # \(install .*\)/\1/p' "$docs/OPERATIONS.md" | sed -e "s|/etc/kairos|$work/etc/kairos|g" -e "s|kairos init|$KAIROS init|" >"$work/commands"
equal "commands that install" "$(wc -l <"$work/commands")" 2
mkdir "$work/etc"
while read -r line; do run 0 sh -c "$line"; done <"$work/commands"
run 0 "$KAIROS" check "$work/etc/kairos/program"
equal "the mode of the secrets" "$(stat -c %a "$work/etc/kairos/secrets")" 600
