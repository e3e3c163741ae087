#!/bin/sh
# The command line as people meet it: help of every subcommand with examples first, "did you mean", exit codes, and the accidents of every
# day: a taken port, a directory of a newer version, two engines on one directory, an engine that is not there, names that nobody knows.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"

# ---- help ----
run 0 "$KAIROS" --help
sed -n '/^Subcommands:/,/^$/p' "$work/out" | awk 'NR > 1 && NF { print $1 }' >"$work/subcommands"
[ "$(wc -l <"$work/subcommands")" -ge 19 ] || say "the overview lists only $(wc -l <"$work/subcommands") subcommands"
for name in serve init check decide why replay import user sink kill backup restore doctor version; do
  grep -qx "$name" "$work/subcommands" || say "the overview does not list $name"
done
while read -r name; do
  run 0 "$KAIROS" "$name" --help
  [ ! -s "$work/err" ] || say "$name --help writes on stderr"
  [ "$(grep -n '^Examples:' "$work/out" | cut -d: -f1)" -lt "$(grep -n "^Usage: kairos $name" "$work/out" | cut -d: -f1)" ] ||
    say "$name --help does not begin with examples"
  grep -q "^  kairos $name" "$work/out" || say "$name --help shows no example of itself"
  has '--help'
  run 2 "$KAIROS" "$name" --no-such-option
  has "unknown option --no-such-option"
  [ ! -s "$work/out" ] || say "$name writes its complaint on stdout"
done <"$work/subcommands"
run 0 "$KAIROS" version
has '^kairos [0-9]'
run 0 "$KAIROS" --version

# ---- what is mistyped ----
run 2 "$KAIROS"
run 2 "$KAIROS" sevre
has 'did you mean "serve"?'
run 2 "$KAIROS" serve --lisen 127.0.0.1:0
has 'did you mean --listen?'
run 2 "$KAIROS" serve --lanes many
has 'expected a whole number, got "many"'
run 2 "$KAIROS" serve --lanes
has '--lanes needs a value'
run 2 "$KAIROS" user shwo u1
has 'did you mean "show"?'
run 2 "$KAIROS" user show
has 'U is missing'
run 2 "$KAIROS" rollout
has 'VERB is missing: expected list, show, advance, .* or halt$'
"$KAIROS" why --help >"$work/why"
run 0 "$KAIROS" help why
cmp -s "$work/why" "$work/out" || say "help why is not what why --help says"
run 2 "$KAIROS" help whhy
has 'no subcommand "whhy" (did you mean "why"?)'
code=0
"$KAIROS" completion bash >/dev/full 2>"$work/err" || code=$?
equal "the exit code of what could not be printed" $code 1
has 'not all could be written to standard output'
run 2 "$KAIROS" rollout advnace x
has 'did you mean "advance"?'
run 2 "$KAIROS" kill triger x
has 'did you mean "trigger"?'
run 2 "$KAIROS" why
run 2 "$KAIROS" why d0-1 --lang de
has 'expected en or ru'
run 2 "$KAIROS" decide
has '--user is missing'
run 2 "$KAIROS" key add app
has '--scopes is missing'
run 2 "$KAIROS" init
run 2 "$KAIROS" test "$KAIROS_SOURCE" --format xml
run 2 "$KAIROS" version-x

# ---- what is wrong with a command line is told before anything is asked or opened: exit code 2, on stderr, what was expected and what came ----
wrong() { # SENTENCE words…
  sentence=$1
  shift
  run 2 "$KAIROS" "$@"
  [ ! -s "$work/out" ] || say "writes its complaint on stdout: kairos $*"
  grep -q -e "$sentence" "$work/err" || { cat "$work/err" >&2; say "expected \"$sentence\": kairos $*"; }
}
export KAIROS_URL=http://127.0.0.1:1
while read -r name; do # every option that takes a value, of every subcommand
  run 0 "$KAIROS" "$name" --help
  sed -n 's/^  \(--[a-z-]*\) \([^ ]*\).*/\1 \2/p' "$work/out" | sed '/ $/d' >"$work/valued"
  while read -r option value; do
    wrong "^kairos $name: $option needs a value: expected $value, got nothing\$" "$name" "$option"
    wrong "^kairos $name: $option needs a value: expected $value, got $option\$" "$name" "$option" "$option"
    case $option,$value in
    *,N | *,D | *,S | *,P | *,K | *,DAYS | *,SECONDS) wrong "^kairos $name: $option: expected a whole number, got \"1x\"\$" "$name" "$option" 1x ;;
    *,TIME) wrong "^kairos $name: $option: expected a time like 2025-01-15T22:40:00Z, got \"noon\"\$" "$name" "$option" noon ;;
    --url,*) wrong "^kairos $name: --url: expected an address like http://127.0.0.1:8080, got \"ftp://x\"\$" "$name" --url ftp://x ;;
    esac
  done <"$work/valued"
done <"$work/subcommands"
cat >"$work/full" <<'END'
serve
init x
check x
test x
meta x
decide --user u1
why d0-1
user show u1
user merge u1 u2
kill all
kill trigger x
rollout show x
experiments list
experiments show x
programs list
programs undo
programs publish x
programs diff x y
webhooks list
webhooks enable
sink
export --sqlite x
key list
key revoke x
import x
replay x
backup x
restore x
move --files 2
retention
doctor
simulate
train x
models list
models show x
models deploy x abcd
retrain x
model show x
model export x y
evaluate x
predict x y
conform x
completion bash
version
END
while read -r name; do grep -q "^$name\\( \\|\$\\)" "$work/full" || say "no line of the table is about $name"; done <"$work/subcommands"
while read -r words; do wrong '"one-too-many"' $words one-too-many; done <"$work/full"
while IFS='|' read -r sentence words; do eval "wrong '$sentence' $words"; done <<'END'
expected 1 to 1024 threads, got 0|serve --lanes 0
expected an address to listen on .*came "nonsense"|serve --listen nonsense
--data needs a value: expected DIR, got nothing|doctor --data=
--listen needs a value: expected ADDRESS, got --help|serve --listen --help
expected a name .*got "../up"|init --plugin ../up
expected 1 to 16, got 17|move --files 17
--limit: expected 1 to 1000, got 0|user timeline u1 --limit 0
--limit: expected 1 to 86400, got 0|conform x.so --limit 0
--config: expected a JSON object, got \[1\]|conform x.so --config [1]
--scopes: .*did you mean "read"|key add app --scopes ingest,raed
--most: expected 0 or more, got -1|replay --program x --most -1
a file holds no decisions|replay x --program y --against stored
enable takes no --from: it is for replay|webhooks enable --from 2025-01-15T22:40:00Z
expected 0 to 65535, got 65536|sink --port 65536
expected a date such as 2025-01-06, got "soon"|simulate --start soon
--seconds: expected 1 to 31536000, got 0|train x --seconds 0
--seconds: expected 1 to 31536000, got 9223372036854775807|train x --seconds 9223372036854775807
--seconds: expected 1 to 31536000, got 9223372036854775807|evaluate x --folds 5 --seconds 9223372036854775807
--folds: expected 2 to 1000, got 1|evaluate x --folds 1
expected at least 4 digits of a version, got "ab"|models deploy x ab
--from and --data|train x --from a --data b
--from and --data|evaluate x --from a --data b
--users does not go with --from|train x --from a --users 9
--seed does not go with --data|evaluate x --data a --seed 9
--json does not go with --format|test x --json --format junit
--manual does not go with DIR|meta x --manual
--lang does not go with --language|why d0-1 --language en --lang ru
--print does not go with --verify|replay --print --verify
--recompute does not go with --program|replay --recompute --program x
--state does not go with --folds|evaluate x --folds 5 --state y
--limit does not go with --in-process|conform x.so --in-process --limit 5
--key goes with the address of an engine|check x --against y --key z
--format is missing|model export x y --layout keras
END

# ---- an option that is not for the verb, or says nothing without another one: the help itself tells which those are ----
refused=0
while read -r name; do
  run 0 "$KAIROS" "$name" --help
  verbs=$(sed -n 's/^  VERB  *//p' "$work/out" | sed 's/([^)]*)//g; s/ or / /; s/,//g')
  sed -n 's/^  \(--[a-z-]*\) \([A-Z]*\) *\([a-z-]*\(, [a-z-]*\)*\): .*/\1|\2|\3/p
    s/^  \(--[a-z-]*\) \([A-Z]*\) *\(with --[a-z-]*\): .*/\1|\2|\3/p' "$work/out" >"$work/bound"
  while IFS='|' read -r option value with; do
    case $value in N | S) value=5 ;; TIME) value=2025-01-15T22:40:00Z ;; esac
    case $with in
    'with '*)
      wrong "^kairos $name: $option goes with ${with#with }, which is not there\$" "$name" "$option" $value
      refused=$((refused + 1))
      continue
      ;;
    esac
    for word in $(echo "$with" | tr -d ,); do
      case " $verbs " in *" $word "*) ;; *) say "$name --help: $option is for $word, which is no verb: $verbs" ;; esac
    done
    for verb in $verbs; do
      case ", $with," in
      *", $verb,"*)
        said=$("$KAIROS" "$name" "$verb" "$option" $value 2>&1 </dev/null) || true
        case $said in *'takes no --'*) say "$name $verb refuses $option: $said" ;; esac
        ;;
      *)
        wrong "^kairos $name: $verb takes no $option: it is for $with; $verb takes --[a-z, -]*\$" "$name" "$verb" "$option" $value
        ! grep -q "; .*$option[,$]" "$work/err" || say "$name $verb both takes and refuses $option"
        refused=$((refused + 1))
        ;;
      esac
    done
  done <"$work/bound"
done <"$work/subcommands"
# ---- … and options that cannot both be meant ----
beside=0
while read -r name; do
  run 0 "$KAIROS" "$name" --help
  cp "$work/out" "$work/help"
  sed -n 's/^  \(--[a-z-]*\) \([A-Z]*\) *\([a-z, -]*: \)\{0,1\}without \([A-Za-z, -]*\): .*/\1|\2|\4/p' "$work/help" >"$work/without"
  while IFS='|' read -r option value others; do
    case $value in N | S | D | SECONDS) value=5 ;; esac
    for other in $(echo "$others" | tr -d ,); do
      case $other in
      --*)
        beside_value=$(sed -n "s/^  $other \([^ ]*\)  .*/\1/p" "$work/help")
        case $beside_value in DAYS | SECONDS | N | K) beside_value=5 ;; URL) beside_value=http://127.0.0.1:1 ;; esac
        words="$other $beside_value"
        ;;
      *) # a place, and all before it
        words=$(sed -n 's/^Usage: kairos [a-z]*\(.*\) \[options\]$/\1/p' "$work/help" | sed "s/\[$other\].*/$other/" | tr -d '[]')
        grep -q "^  $other  " "$work/help" || say "$name --help: $option is without $other, which is nothing"
        ;;
      esac
      wrong "^kairos $name: $option does not go with $other\$" "$name" "$option" $value $words
      beside=$((beside + 1))
    done
  done <"$work/without"
done <"$work/subcommands"
[ $beside -ge 30 ] || say "only $beside pairs of options were tried that cannot both be meant"
[ $refused -ge 50 ] || say "only $refused options were tried where they do not belong"
run 5 env KAIROS_KEY=x "$KAIROS" check "$work/nowhere" # the environment is for all
run 4 "$KAIROS" rollout list
wrong 'KIND is missing' kill --force
wrong '--no-wait does not go with --out' retrain x --no-wait --out y
unset KAIROS_URL

# ---- what is not there ----
run 4 "$KAIROS" user show u1 --url http://127.0.0.1:1
has 'no engine answers at http://127.0.0.1:1'
run 5 "$KAIROS" check "$work/nowhere"
run 5 "$KAIROS" replay --data "$work/nowhere"
has 'is no data directory'
run 5 "$KAIROS" doctor --data "$work/nowhere"
run 5 "$KAIROS" backup "$work/b" --data "$work/nowhere"
run 5 "$KAIROS" import "$work/nowhere.ndjson" --data "$work/fresh" --program "$KAIROS_SOURCE"
has 'nowhere.ndjson'
run 5 "$KAIROS" key list --data "$work/nowhere"

# ---- a program to start from ----
run 0 "$KAIROS" init "$work/mine"
[ -f "$work/mine/.luacheckrc" ] && [ -f "$work/mine/rules/scenarios.lua" ] && [ -f "$work/mine/interventions/micro.lua" ] || say "init left files out"
run 0 "$KAIROS" check "$work/mine"
run 0 "$KAIROS" test "$work/mine" --junit "$work/report.xml" --coverage
has '^coverage: [0-9]* of [0-9]* rules, [0-9]* of [0-9]* terms'
grep -q '<testsuite name="kairos" tests="[1-9][0-9]*" failures="0" errors="0">' "$work/report.xml" || say "--junit wrote no report"
grep -q '<property name="coverage.terms" value="[0-9]*/[0-9]*"/>' "$work/report.xml" || say "the report has no coverage"
run 0 "$KAIROS" test "$work/mine" --coverage --json
has '"coverage":{"rules":[0-9]*,"rulesCovered":[0-9]*,"terms":[0-9]*'
run 1 "$KAIROS" test "$work/mine" --junit "$work/no/such/directory.xml"
has 'cannot be written'
echo changed >>"$work/mine/.luacheckrc"
run 6 "$KAIROS" init "$work/mine"
has 'is there already; nothing was written'
[ "$(tail -n 1 "$work/mine/.luacheckrc")" = changed ] || say "init wrote over a file"

# ---- one engine, and what stands in another's way ----
run 0 "$KAIROS" init --data "$work/data" --files 2
run 6 "$KAIROS" init --data "$work/data"
has 'is a data directory already'
run 2 "$KAIROS" init --data "$work/other" --files 17
start "$work/data" --program "$KAIROS_SOURCE"
run 6 "$KAIROS" serve --data "$work/data" --program "$KAIROS_SOURCE" --listen 127.0.0.1:0
has "in use by process $engine"
run 6 "$KAIROS" serve --data "$work/second" --program "$KAIROS_SOURCE" --listen "127.0.0.1:$port"
has "port $port"
run 6 "$KAIROS" import /dev/null --data "$work/data"
run 6 "$KAIROS" move --data "$work/data" --files 1
run 7 "$KAIROS" serve --data "$work/third" --program "$KAIROS_SOURCE" --listen 0.0.0.0:0
has 'refusing to listen on 0.0.0.0:0 without a key'

# ---- completion ----
run 0 "$KAIROS" completion bash
cp "$work/out" "$work/completion"
completes() { # WORDS… → what bash offers for the last one
  printf 'COMP_WORDS=("%s"' "$KAIROS" >"$work/ask"
  for word in "$@"; do printf " '%s'" "$word" >>"$work/ask"; done
  printf ')\nCOMP_CWORD=%s\n_kairos\necho "${COMPREPLY[*]}"\n' $# >>"$work/ask"
  bash -c ". '$work/completion'; . '$work/ask'"
}
equal "subcommands" "$(completes roll)" rollout
equal "verbs" "$(completes rollout ad)" advance
equal "the last verb" "$(completes rollout hal)" halt
equal "kinds" "$(completes kill e)" experiment
equal "options" "$(completes replay --ver)" --verify
run 2 "$KAIROS" completion bush
has 'did you mean "bash"?'

# ---- asking it ----
export KAIROS_URL="$url"
zone=$(noon_zone)
expect_call 200 PUT /v1/users/u1 "{\"timezone\":\"$zone\",\"age\":40}"
run 0 "$KAIROS" user opt-in u1
expect_call 200 POST /v1/events "{\"id\":\"e1\",\"userId\":\"u1\",\"eventType\":\"check_in\",\"timestamp\":\"$(now)\",\"data\":{\"stressLevel\":9}}"
decision=$(sed -n 's/.*"decisions":\[{"id":"\([^"]*\)".*/\1/p' "$work/answer")
[ -n "$decision" ] || say "no decision was made for a stressed user"
expect_call 200 POST /v1/events "{\"userId\":\"u1\",\"eventType\":\"intervention_response\",\"timestamp\":\"$(now)\",\"data\":{\"decisionId\":\"d1-999999\",\"response\":\"good\"}}"
expect_call 200 GET /metrics
grep -q '^kairos_answers_lost_total 1$' "$work/answer" || say "an answer to nothing that was sent is not counted"
run 0 "$KAIROS" why "$decision"
has 'stress_level > 7: true'
run 0 "$KAIROS" why "$decision" --lang ru
has 'верно'
run 0 "$KAIROS" why "$decision" --json
has '"terms":\['
run 0 "$KAIROS" why --user u1 --trigger sleep_debt
has 'sleep_debt > 2: unknown'
run 5 "$KAIROS" why --user nobody --trigger high_stress
has 'no user "nobody" is known'
run 5 "$KAIROS" why --user u1 --trigger nothing_like_it
run 5 "$KAIROS" why d1-999999
run 5 "$KAIROS" why nonsense
has 'd3-17'
run 0 "$KAIROS" user show u1
has '^consent: given, age: 40, time zone: '
has '^messages: 0 of 2 in 24 h, 0 of 8 in 7 days; now '
has '^  stress_level  *9$'
has ' check_in$'
hasnt '^  workout_frequency_30d' # no rule reads it
[ "$(wc -l <"$work/out")" -lt 40 ] || say "the page of a user is long"
run 0 "$KAIROS" user show u1 --all
has '^  workout_frequency_30d: '
run 5 "$KAIROS" user show nobody
run 0 "$KAIROS" user show u1 --json
has '^{"userId":"u1"'
run 0 "$KAIROS" user timeline u1
has ' check_in'
has '^    d[0-9]*-[0-9]*  high_stress [a-z]* [a-z_]*$' # one blank between words, and none behind them
run 0 "$KAIROS" user export u1
has '"eventType":"check_in"'
run 0 "$KAIROS" decide --user u1 --dry-run
has 'high_stress'
run 5 "$KAIROS" decide --user nobody
run 5 "$KAIROS" decide --user u1 --trigger high_sterss
run 0 "$KAIROS" kill
has 'nothing is killed'
run 0 "$KAIROS" kill trigger high_stress
run 0 "$KAIROS" decide --user u1 --trigger high_stress --dry-run
has 'killed'
run 0 "$KAIROS" kill trigger high_stress --lift
run 0 "$KAIROS" kill
hasnt 'high_stress'
run 0 "$KAIROS" programs --help
has 'previous is what undo returns to'
run 0 "$KAIROS" rollout list
has '-> internal_testing'
run 0 "$KAIROS" rollout advance first_interventions
has 'advance, from stage 0, internal_testing'
has '-> alpha_testing'
run 6 "$KAIROS" rollout advance first_interventions --from internal_testing # somebody else saw it there, too: one step is one
has 'the rollout is at stage 1, alpha_testing, since 20[0-9T:.-]*Z, not at stage 0, internal_testing: nothing was moved'
hasnt 'advance, from stage'
run 0 "$KAIROS" rollout show first_interventions
has '-> alpha_testing'
run 0 "$KAIROS" rollout back first_interventions --from 1
has '-> internal_testing'
run 6 "$KAIROS" rollout advance first_interventions --from beta_testing
has 'the rollout is at stage 0, internal_testing, since [^,]*, not at stage 2, beta_testing: nothing was moved'
run 2 "$KAIROS" rollout advance first_interventions --from 7
has '--from: expected a stage of the rollout, its name or its number, 0 to 3, got "7"'
run 2 "$KAIROS" rollout hold first_interventions --from 0
run 5 "$KAIROS" rollout advance first_intervention
has 'did you mean "first_interventions"'
run 0 "$KAIROS" rollout advance first_interventions
run 0 "$KAIROS" rollout hold first_interventions
run 6 "$KAIROS" rollout advance first_interventions
has 'held'
run 5 "$KAIROS" rollout halt no_such_one
run 0 "$KAIROS" programs list
has 'live'
run 0 "$KAIROS" experiments
has '^shorter_workout  *running  *0 people  *0 draws$'
run 0 "$KAIROS" experiments show shorter_workout
has '^     each decision is drawn, at trigger:high_skip_risk: 0 people, 0 draws$'

# ---- a restart keeps what operators said ----
run 0 "$KAIROS" kill all
stop
start "$work/data" --program "$KAIROS_SOURCE"
export KAIROS_URL="$url/" # as a browser writes it
run 0 "$KAIROS" kill
has '^all$'
run 0 "$KAIROS" rollout list
has '-> alpha_testing'
run 0 "$KAIROS" decide --user u1 --trigger high_stress --dry-run
has 'killed'
stop
run 0 "$KAIROS" replay --verify --data "$work/data"
run 0 "$KAIROS" doctor --data "$work/data"
hasnt BAD

# ---- a directory that a newer engine wrote ----
newer() { # the file to change, how
  rm -rf "$work/newer"
  cp -r "$work/data" "$work/newer"
  eval "$2"
  run 6 "$KAIROS" serve --data "$work/newer" --program "$KAIROS_SOURCE" --listen 127.0.0.1:0
  has 'newer engine'
  run 6 "$KAIROS" replay --data "$work/newer"
  has 'this engine reads'
}
newer layout 'sed -i "s/^kairos-layout 2/kairos-layout 3/" "$work/newer/layout"'
newer control.db 'sqlite3 "$work/newer/control.db" "PRAGMA user_version=99"'
newer volume-01.db 'sqlite3 "$work/newer/volume-01.db" "PRAGMA user_version=99"'

# ---- the last good program outlives its directory ----
run 0 "$KAIROS" init "$work/program"
start "$work/data" --program "$work/program"
stop
echo 'trigger "x" {' >"$work/program/rules/broken.lua"
start "$work/data" --program "$work/program"
grep -q 'rules/broken.lua' "$work/serve.log" || say "the broken file is not named in the log"
grep -q 'last good program' "$work/serve.log" || say "the log does not say that the last good program runs"
stop
