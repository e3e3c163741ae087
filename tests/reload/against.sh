#!/bin/sh
# What must not change under people: an experiment that runs keeps its arms while its revision stays, a rollout keeps its stages in their
# places. A directory that breaks this is refused with the line and both sides, also when it changed while no engine ran; with a new revision,
# or stages added at the end, it is taken; and an undo goes back over it.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
p=$work/p
small_program "$p"
write() { # WEIGHT REVISION STAGES
  cat >"$work/new.lua" <<END
experiment "breath" {
  why = "Does it help?", at = "trigger:stress", randomise = "user", revision = $2,
  arms = { quiet = { weight = 1 - $1, send = nothing }, breathe = { weight = $1, send = "breathe" } },
  outcome = { metric = "calm", within = 1 * hour },
}
rollout "slowly" { why = "A few first.", gates = "experiment:breath", stages = { $3 } }
END
  mv "$work/new.lua" "$p/rules/trial.lua"
}
few='{ name = "few", share = 1 * percent }'
some='{ name = "some", share = 10 * percent }'
all='{ name = "all", share = 1 }'
was_refused() { # PATTERN: within a minute, and what was live stays so
  becomes "the finding" programs_list_has "$1"
  equal "the live program" "$(live)" "$now"
}
was_taken() {
  becomes "the change" isnt_live "$now"
  now=$(live)
}

write 0.5 1 "$few, $some, $all"
start "$work/data" --program "$p"
export KAIROS_URL="$url"
now=$(live)
first=$now

write 0.6 1 "$few, $some, $all"
run 0 "$KAIROS" check "$p" # by itself it is in order
run 3 "$KAIROS" check "$p" --against "$url"
has 'rules/trial.lua:1: error: experiment "breath" runs with revision 1 and is otherwise here: raise its revision (live: .*breathe 0.5'
mkdir "$work/before"
"$KAIROS" programs show live rules/trial.lua >"$work/trial"
cp -r "$p/." "$work/before"
cp "$work/trial" "$work/before/rules/trial.lua"
run 3 "$KAIROS" check "$p" --against "$work/before" --json
has '"errors":1,.*"line":1,"rule":"experiment \\"breath\\"","level":"error","text":"experiment .*raise its revision'
run 0 "$KAIROS" check "$work/before" --against "$url/"
run 5 "$KAIROS" check "$p" --against "$work/nowhere"
run 4 "$KAIROS" check "$p" --against http://127.0.0.1:9
was_refused 'rules/trial.lua:1: error: experiment "breath" runs with revision 1 and is otherwise here: raise its revision (live: .*breathe 0.5 breathe.*here: .*breathe 0.6 breathe'
write 0.6 2 "$few, $some, $all"
was_taken
write 0.6 2 "$few, $all"
was_refused 'rules/trial.lua:6: error: rollout "slowly": stage 2 is "some" in the live program and "all" here: who stands before it would skip it'
write 0.6 2 "$few"
was_refused 'rollout "slowly": stage 2 is "some" in the live program and gone here'
write 0.6 2 '{ name = "few", share = 0.5 }, { name = "some", share = 0.6 }, '"$all"
was_refused 'rollout "slowly": stage "few" has a share of 0.5 here, which the live program reaches only in stage "some" (0.1): that skips a stage'
write 0.6 2 '{ name = "few", share = 0.02 }, { name = "some", share = 0.5 }, { name = "all", share = 1 }, { name = "still_all", share = 1 }'
was_taken

# While no engine runs: the start stays with what was live, and says why.
stop
write 0.7 2 '{ name = "few", share = 0.02 }, { name = "some", share = 0.5 }, { name = "all", share = 1 }, { name = "still_all", share = 1 }'
start "$work/data" --program "$p"
export KAIROS_URL="$url"
was_refused 'experiment "breath" runs with revision 2 and is otherwise here'

# Somebody who sends it is told the same; going back asks nobody.
run 3 "$KAIROS" programs publish "$p"
has 'experiment "breath" runs with revision 2 and is otherwise here'
run 0 "$KAIROS" programs undo
now=$(live)
run 0 "$KAIROS" programs publish "$first"
equal "the live program" "$(live)" "$first"
stop
