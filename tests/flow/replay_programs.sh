#!/bin/sh
# Replay beyond bytes: models asked again say what they said, and where one does not the first name is told with both values; another program
# over the same past, from a journal or from a file, says which decisions it would have gained, lost and changed; a program against itself,
# and against what it really decided, has no difference, live ticks included; and nothing of the directory is touched by looking.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"

mkdir "$work/old"
for part in rules interventions models; do cp -r "$KAIROS_SOURCE/$part" "$work/old/$part"; done
rm "$work/old/rules/scenarios.lua" # they hold that nobody is written to without consent
printf 'policy "paper" { why = "signed on paper", consent = "by_enrolment" }\n' >"$work/old/rules/paper.lua"
"$KAIROS" simulate --users 20 --days 25 --seed 3 >"$work/events"
run 0 "$KAIROS" import "$work/events" --data "$work/data" --program "$work/old"
decisions=$(sed -n 's/.* \([0-9]*\) decisions.*/\1/p' "$work/out")
[ "$decisions" -gt 200 ] || say "only $decisions decisions: the story is too poor"
(cd "$work/data" && find . -type f ! -name '*-shm' -exec sha256sum {} + | sort) >"$work/before"

# ---- the models, again ----
run 0 "$KAIROS" replay --recompute --verify --data "$work/data"
has ' 0 different'
beliefs=$(sed -n 's/.* \([0-9]*\) beliefs.*/\1/p' "$work/out")
[ "$beliefs" -gt 500 ] || say "only $beliefs beliefs were asked for again"
cp -r "$work/data" "$work/bare" # the same directory, but the code that ran is not in its store any more
rm -f "$work"/bare/store/*.so
mkdir "$work/bin" "$work/bin/plugins"
cp "$KAIROS" "$work/bin/kairos"
run 3 "$work/bin/kairos" replay --recompute --verify --data "$work/bare"
has '^first difference: user "sim-[0-9]*", row [0-9]*: [a-z_]* was [0-9.]*, now it is missing'
has '^kairos: program [0-9a-f]*: models/adherence.lua:[0-9]*: model "adherence": .*/store/[0-9a-f]*\.so.*No such file' # and why
run 3 "$work/bin/kairos" replay --recompute --verify --json --data "$work/bare"
has '"first":{"user":"sim-[0-9]*","seq":[0-9]*,"name":"[a-z_]*","recorded":"[0-9.]*","derived":"missing'
run 0 "$work/bin/kairos" replay --verify --data "$work/bare" # what was said is recorded: no plugin is needed for that
has ' 0 different'
run 0 "$work/bin/kairos" replay --recompute --verify --data "$work/data" # the store has what ran, whatever the engine comes with
has ' 0 different'

# ---- a program against itself, and against what it decided ----
number() { sed -n "s/.*\"all\":{[^}]*\"$1\":\([0-9]*\).*/\1/p" "$work/out"; }
for against in live stored "$work/old"; do
  run 0 "$KAIROS" replay --program "$work/old" --against "$against" --json --verify --data "$work/data"
  equal "decisions gained against $against" "$(number gained)" 0
  equal "decisions lost against $against" "$(number lost)" 0
  equal "decisions changed against $against" "$(number changed)" 0
  [ "$(number same)" -ge "$decisions" ] || say "only $(number same) decisions were compared"
done
digest=$(sed -n 's/.*"program":"\([0-9a-f]*\)".*/\1/p' "$work/out")

# ---- another one ----
cp -r "$work/old" "$work/new"
sed -i 's/skip_probability > 0.6"/skip_probability > 0.5"/' "$work/new/rules/skip.lua"
cat >>"$work/new/rules/paper.lua" <<'LUA'
trigger "morning" { why = "A walk before work.", on = { every "day":at "09:30" }, offer = { "context_optimization" }, cooldown = 3 * days }
LUA
run 0 "$KAIROS" replay --program "$work/new" --json --data "$work/data"
gained=$(number gained)
changed=$(number changed)
[ "$gained" -gt 100 ] || say "only $gained decisions gained by a lower bound and a new schedule"
has '"trigger":"morning","gained":[1-9][0-9]*,"lost":0,"changed":0,"same":0,"sendsBefore":0,"sendsAfter":[1-9]'
has '"trigger":"high_skip_risk","gained":[1-9]'
has '"trigger":"high_stress","gained":0,"lost":0'
cp "$work/out" "$work/once"
run 0 "$KAIROS" replay --program "$work/new" --json --data "$work/data"
cmp "$work/out" "$work/once" || say "the same comparison twice is not the same"
run 3 "$KAIROS" replay --program "$work/old" --against "$work/new" --json --verify --data "$work/data"
equal "lost the other way round" "$(number lost)" "$gained"
equal "gained the other way round" "$(number gained)" 0
equal "changed the other way round" "$(number changed)" "$changed"
run 0 "$KAIROS" replay --program "$work/new" --against "$digest" --json --data "$work/data"
equal "gained against a digest" "$(number gained)" "$gained"
brief=$(printf %.16s "$digest")
run 0 "$KAIROS" replay --program "$work/new" --against "$brief" --by profile.timezone --most 3 --data "$work/data"
has "against $brief"
has "^$gained gained, 0 lost, $changed changed"
has '^profile.timezone  *gained'
has '^the first 3:'
equal "lines of changes" "$(grep -c '^  [gc][a-z]*  *2025-' "$work/out")" 3
sums=$(awk '/^rule /{t="rule"; next} /^profile/{t="segment"; next} NF==0{t=""} t{s[t]+=$2} END{print s["rule"], s["segment"]}' "$work/out")
equal "the sums of rules and of segments" "$sums" "$gained $gained"
run 0 "$KAIROS" replay --program "$work/new" --against "$brief" --most 9223372036854775807 --data "$work/data" # as many as there are
equal "all changes" "$(grep -c '^  [gc][a-z]*  *2025-' "$work/out")" $((gained + changed))
run 0 "$KAIROS" replay --program "$work/new" --since 2025-01-20T00:00:00Z --json --data "$work/data"
[ "$(number gained)" -lt "$gained" ] && [ "$(number gained)" -gt 0 ] || say "--since did not narrow the comparison: $(number gained) of $gained"

# ---- over a file, without a data directory ----
mkdir "$work/elsewhere"
over() { run "$1" sh -c 'cd "$1" && shift && exec "$@"' sh "$work/elsewhere" "$KAIROS" replay "$2" --program "$work/new" --against "$3" ${4:-}; }
over 0 "$work/events" "$work/old" --json
equal "gained over the file" "$(number gained)" "$gained"
[ -z "$(ls "$work/elsewhere")" ] || say "looking at a file left $(ls "$work/elsewhere") behind"
{ cat "$work/events"; echo '{"userId":'; } >"$work/broken"
over 0 - "$work/old" # nothing on standard input
has '^0 events'
over 0 "$work/broken" "$work/old"
has "^1 lines were refused; the first: line $(wc -l <"$work/broken")"

for data in nowhere data; do # which is not read, be it there or not
  run 2 "$KAIROS" replay "$work/events" --program "$work/new" --against "$work/old" --data "$work/$data"
  has '^kairos replay: --data does not go with a FILE and --against DIR: nothing is read from a data directory then$'
done
over 5 "$work/events" "$work/nowhere"
has "$work/nowhere does not exist"
over 5 "$work/events" live
has 'data is no data directory'
export KAIROS_DATA="$work/nowhere" # the environment is for all
over 0 - "$work/old"
unset KAIROS_DATA

# ---- what makes no sense ----
run 2 "$KAIROS" replay "$work/events"
has 'needs --program'
run 2 "$KAIROS" replay --by profile.tier --data "$work/data"
run 5 "$KAIROS" replay --program "$work/new" --by streak_lenght --data "$work/data"
has '"streak_lenght" is no feature of the program and no profile.… name (did you mean "streak_length"?)'
run 0 "$KAIROS" replay --program "$work/new" --by profile.timezon --data "$work/data"
has 'profile.timezon: nobody whose decisions were compared has it (did you mean "profile.timezone"?)'
run 2 "$KAIROS" replay --program "$work/new" --recompute --data "$work/data"
run 2 "$KAIROS" replay "$work/events" --program "$work/new" --against stored --data "$work/data"
has 'a file holds no decisions'
run 5 "$KAIROS" replay --program "$work/new" --against "$work/nowhere" --data "$work/data"
run 2 "$KAIROS" replay --program "$work/new" --since yesterday --data "$work/data"
has '2025-01-15T22:40:00Z'
echo 'trigger "x" {' >"$work/new/rules/broken.lua"
run 3 "$KAIROS" replay --program "$work/new" --data "$work/data"
has 'rules/broken.lua:'
(cd "$work/data" && find . -type f ! -name '*-shm' -exec sha256sum {} + | sort) >"$work/after"
cmp "$work/before" "$work/after" || say "looking changed the data directory"

# ---- a live journal, with ticks that came in their own time ----
small_program "$work/live"
cat >>"$work/live/rules/all.lua" <<'LUA'
trigger "after" { why = "A test.", on = { follow_up { of = "intervention:breathe", after = 1 * second } }, offer = { "breathe" } }
trigger "quiet" { why = "A test.", on = { silence(2 * seconds) }, offer = { "breathe" } }
LUA
start "$work/lived" --program "$work/live"
zone=$(noon_zone)
for user in a b c; do
  expect_call 200 PUT "/v1/users/$user" "{\"timezone\":\"$zone\",\"age\":40}"
  expect_call 200 POST "/v1/users/$user/opt-in"
  expect_call 200 POST /v1/events "{\"userId\":\"$user\",\"eventType\":\"check_in\",\"timestamp\":\"$(now)\",\"data\":{\"stressLevel\":9}}"
done
expect_call 200 POST /v1/decide '{"userId":"a","trigger":"stress"}'
tries=0
until "$KAIROS" replay --print --data "$work/lived" >"$work/printed" && [ "$(grep -c 'tick.silence' "$work/printed")" = 3 ] &&
  grep -q 'tick.follow_up' "$work/printed"; do
  tries=$((tries + 1))
  [ $tries -lt 300 ] || say "the ticks did not come: $(grep -c tick.silence "$work/printed") silences"
  sleep 0.1
done
stop
for against in stored live; do
  run 0 "$KAIROS" replay --program "$work/live" --against $against --verify --json --data "$work/lived"
  [ "$(number same)" -ge 6 ] || say "only $(number same) live decisions were compared with $against"
done
