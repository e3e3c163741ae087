#!/bin/sh
# Goal policies on simulated people, in short: every policy is tried on the same people behind the same safeguards; goals that fit the person
# bring more than one fixed goal; and the learner, whose training is short here, is deterministic. docs/MODELS.md has the long run.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
say() { echo "goal_policies: $*" >&2; cat "$work/out" >&2; exit 1; }
"$KAIROS_BUILD/tests/goal_policies" --steps 4000 --seeds 1 --people 150 >"$work/out"
"$KAIROS_BUILD/tests/goal_policies" --steps 4000 --seeds 1 --people 150 >"$work/again"
cmp "$work/out" "$work/again" || say "the same seed gives other people or another learner"
[ "$(grep -c '^| \(no goal\|fixed\|factor\|percentile\|posterior\|ppo\)' "$work/out")" = 6 ] || say "a policy is missing"
reward() { sed -n "s/^| $1 | [^|]*| [^|]*| \([0-9.]*\) .*/\1/p" "$work/out"; }
for better in posterior percentile; do
  awk -v a="$(reward $better)" -v b="$(reward fixed)" 'BEGIN { exit !(a > b) }' || say "$better is not better than a fixed goal"
done
"$KAIROS_BUILD/tests/goal_policies" --steps never >"$work/out" 2>&1 && say "a number was expected" || exit 0
