#!/bin/sh
# A candidate decides beside the live program: what it would have decided the same, gained, lost and changed is counted by rule, a program
# against itself has no difference, and nothing of it is sent, kept or recorded; it ends when it is told to, when it is published, and with a
# restart.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
export KAIROS_URL
count() { sed 's/.*"shadowed":{\([^}]*\).*/\1/' "$work/one" | sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p"; }
of_rule() { sed "s/.*\"$1\":{\([^}]*\).*/\1/" "$work/one" | sed -n "s/.*\"$2\":\([0-9]*\).*/\1/p"; }
look() { # the line of the shadow lies in $work/one
  run 0 "$KAIROS" programs list --json
  sed 's/},{"digest"/}\n{"digest"/g' "$work/out" | grep '"labels":\["shadow"\]' >"$work/one" || say "no program is labelled shadow"
}
events() { post_many "$2" 1000 u check_in "{\"stressLevel\":$1}"; } # LEVEL COUNT: each of somebody else

small_program "$work/p"
echo 'trigger "only_live" { why = "A test.", on = { "check_in" }, when = "event.stressLevel > 8", offer = { "breathe" } }' >>"$work/p/rules/all.lua"
start "$work/data" --program "$work/p"
KAIROS_URL=$url
mkdir "$work/c"
small_program "$work/c"
cat >>"$work/c/rules/all.lua" <<'LUA'
trigger "only_candidate" { why = "A test.", on = { "check_in" }, when = "event.stressLevel > 5", offer = { "breathe" }, priority = 99 }
LUA
run 0 "$KAIROS" programs shadow "$work/c"
has '  ready  shadow  '
events 3 10 # nobody decides
events 6 20 # the candidate alone
events 7.5 30 # both on "stress": here it is unavailable for want of consent, there as well
events 9 40
look
equal moments "$(count moments)" 100
equal "gained" "$(of_rule only_candidate gained)" 90
equal "lost" "$(of_rule only_live lost)" 40
[ "$(($(of_rule stress same) + $(of_rule stress changed)))" = 70 ] || say "\"stress\" is not counted 70 times"
run 0 "$KAIROS" programs list
has 'beside the live one: moments 100'
has 'only_candidate: same 0, gained 90, lost 0, changed 0'
run 0 "$KAIROS" replay --print --data "$work/data"
hasnt only_candidate

# ---- off, against itself, published ----
run 0 "$KAIROS" programs shadow off
[ "$(cat "$work/out")" = 'nothing decides beside the live program' ] || say "expected a sentence, got $(cat "$work/out")"
run 0 "$KAIROS" programs list
hasnt '  shadow  '
run 6 "$KAIROS" programs shadow live
expect_call 200 POST /v1/programs '{"files":{"rules/other.lua":"event \"ping\" {}"}}'
run 0 "$KAIROS" programs discard "$(sed -n 's/.*"digest":"\([0-9a-f]*\)".*/\1/p' "$work/answer")"
[ "$(cat "$work/out")" = 'discarded: not listed any more' ] || say "expected a sentence, got $(cat "$work/out")"
mkdir -p "$work/wrong/rules" # what is refused is listed once, however often it was sent; discarded by its directory or its digest it is gone
echo 'trigger "x" {}' >"$work/wrong/rules/all.lua"
run 3 "$KAIROS" programs publish "$work/wrong"
run 3 "$KAIROS" programs publish "$work/wrong"
run 0 "$KAIROS" programs list
equal "refused programs that are listed" "$(grep -c '  refused  ' "$work/out")" 1
run 0 "$KAIROS" programs discard "$work/wrong"
run 0 "$KAIROS" programs list
hasnt '  refused  '
run 5 "$KAIROS" programs discard "$work/wrong"
run 5 "$KAIROS" programs shadow 0123456789ab
cp -r "$work/p" "$work/twin"
echo '-- the same rules' >>"$work/twin/rules/all.lua"
run 0 "$KAIROS" programs shadow "$work/twin"
events 9 50
look
equal "moments of a twin" "$(count moments)" 50
equal "differences of a twin" "$(count gained) $(count lost) $(count changed)" "0 0 0"
run 0 "$KAIROS" programs publish shadow
has '  live  '
events 9 10
run 0 "$KAIROS" programs list
hasnt '  shadow  '
stop
run 0 "$KAIROS" replay --verify --data "$work/data"
has ' 0 different'
