#!/bin/sh
# How many people an experiment takes, before there is one: METHODS 7.1's figures, the days, the way back from people to an effect, and that
# nothing is guessed: neither what an effect is measured in nor what it is beside. No engine is asked.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
size() { # EXIT-CODE, options
  code=$1
  shift
  run "$code" "$KAIROS" experiments size "$@"
}
size 0 --base 30% --effect 5% --effect-type absolute --daily 150
has '^0\.35 beside 0\.3 in the control arm, found 80 times in a hundred'
has '^  looked at once, at the end  *1374 people in the control arm, 1374 in the other, 19 days$'
has '^  looked at whenever, as the engine does  *2297 people in the control arm, 2297 in the other, 31 days$'
size 0 --base 0.1 --effect 5% --effect-type relative --json
has '"once":{"difference":0.005,"control":57760,"other":57760}'
size 0 --effect 0.2 --effect-type deviations --json
has '"once":{"difference":0.2,"control":394,"other":394}'
size 0 --base 40 --deviation 10 --effect 5% --effect-type relative --json
has '"once":{"difference":2,"control":394,"other":394}'
size 0 --effect 0.2 --effect-type deviations --share 20% --json
has '"control":983,"other":247}'
size 0 --base 30% --people 2748 --daily 1000
has 'that 2748 people of 3 days show'
has '^  looked at once, at the end  *0\.04999, to 0\.35$'
size 0 --deviation 12 --people 150 --json
has '"always":{"difference":null}'

size 2 --base 30% --effect 5%
has 'effect-type is missing: absolute (5% more of 30% is 35%), relative (31.5%) or deviations'
size 2 --base 30% --effect 5% --effect-type cohen
has 'expected absolute, relative or deviations, got "cohen"'
size 2 --effect 5% --effect-type absolute
has 'base is missing'
size 2 --base 30% --effect 5% --effect-type deviations
has 'needs no --base'
size 2 --base 30% --effect 80% --effect-type absolute
has 'shares lie from 0 to 1'
size 2 --base 0 --effect 1 --effect-type absolute
has 'nobody differs from anybody'
for tiny in 1e-12 1e-200; do # neither two people nor 2^49
  size 2 --base 30% --effect $tiny --effect-type absolute --daily 150
  has 'takes more people than there are'
done
size 0 --base 30% --effect 1e-6 --effect-type absolute --json
has '"once":{"difference":0.000001,"control":3296532627970,'
size 0 --base 30% --people 9223372036854775807
has '^  looked at once, at the end  *[0-9.e-]*, to 0\.3$'
size 2 --base 0 --effect 5% --effect-type relative
has 'needs more than 0'
size 2 --base 30% --effect 0 --effect-type absolute
has 'nobody finds an effect of 0'
size 2 --base 30% --effect 5 --effect-type absolute --power 1
has 'power: expected more than 0.05 and less than 1, got 1'
size 2 --base 30% --effect much --effect-type absolute
has 'effect: expected a number such as 0.05 or 5%, got "much"'
size 2 --base 30%
has 'expected either --effect.*or --people'
size 2 --base 30% --effect 5% --people 100 --effect-type absolute
has 'people does not go with --effect'
size 2 --base 30% --people 100 --effect-type absolute
has 'effect-type goes with --effect'
size 2 shorter_workout
run 2 "$KAIROS" experiments list --base 30%
has 'list takes no --base'
run 2 "$KAIROS" experiments size --url http://127.0.0.1:1
has 'size takes no --url'
