#!/bin/sh
# docs/API.md is held to the code: the routes with their scopes, the reasons, the subcommands; and every test that docs/OPERATIONS.md leans on
# is there.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
page=$KAIROS_SOURCE/docs/API.md
core=$KAIROS_SOURCE/core

tr '\n' ' ' <"$core/api/routes.c" | grep -o '{METHOD_[A-Z]*, "[^"]*", [A-Z_]*,' |
  sed 's/{METHOD_\([A-Z]*\), "\([^"]*\)", \(SCOPE_\)*\([A-Z]*\),/\1 \2 \4/; s/OPEN$/none/' | awk '{ print $1, $2, tolower($3) }' | sort >"$work/coded"
sed -n 's/^| `\([A-Z]* \/[^`]*\)` | \([a-z]*\) |.*/\1 \2/p' "$page" | sort >"$work/written"
[ "$(wc -l <"$work/coded")" -ge 23 ] || say "the routes could not be read from core/api/routes.c"
diff "$work/coded" "$work/written" >&2 || say "docs/API.md says other routes than core/api/routes.c"

sed -n 's/^REASON([A-Z_]*, "\([^"]*\)".*/\1/p' "$core/decide/reasons.h" | sort >"$work/coded"
sed -n '/^| reason |/,/^$/p' "$page" | sed 's/|[^|]*|$//' | grep -o '`[a-z_]*`' | tr -d '`' | sort >"$work/written"
[ -s "$work/coded" ] || say "the reasons could not be read"
diff "$work/coded" "$work/written" >&2 || say "docs/API.md says other reasons than core/decide/reasons.h"

# Types of problems, each where its status stands.
cat "$core"/api/*.c "$core"/accept/*.c | tr '\n' ' ' | sed 's/\.status = \([0-9]*\), \.word =/\1,/g' | grep -oE '\b[45][0-9]{2}, "[a-z][a-z-]*"' |
  sed 's/, "\(.*\)"/ \1/' | sort -u >"$work/coded"
[ "$(wc -l <"$work/coded")" -gt 40 ] || say "the types of problems could not be read"
while read -r status word; do
  sed -n '/^| status |/,/^$/p' "$page" | grep -e "^| [0-9, ]*$status[ ,]" | grep -q -e "\`$word\`" ||
    say "docs/API.md does not say that $word is $status"
done <"$work/coded"
for word in $(sed -n '/^| status |/,/^$/p' "$page" | sed 1d | grep -o '`[a-z-]*`' | tr -d '`'); do
  [ "$word" = findings ] || grep -q -e "\"$word\"" -e "problem:$word\"" "$core"/api/*.c "$core"/accept/*.c || say "docs/API.md has a type $word that nothing says"
done

run 0 "$KAIROS" --help
sed -n '/^Subcommands:/,/^$/p' "$work/out" | awk 'NR > 1 && NF { print $1 }' | sort >"$work/coded"
sed -n '/^| command |/,/^$/p' "$page" | grep -o '`kairos [a-z]*' | sed 's/.* //' | sort -u >"$work/written"
diff "$work/coded" "$work/written" >&2 || say "docs/API.md says other subcommands than kairos --help"

# Options that the page shows exist.
sed -n '/^| command |/,/^$/p' "$page" | grep -o '`kairos [a-z]* [^`]*`' | tr -d '`' | while read -r _ name rest; do
  "$KAIROS" "$name" --help >"$work/help" </dev/null
  for option in $(echo "$rest" | grep -o -e '--[a-z-]*'); do
    grep -q -e "^  $option\b" "$work/help" || say "docs/API.md shows kairos $name $option, which its help does not"
  done
done

grep -o 'tests/[a-z]*/[a-z_]*\.sh' "$KAIROS_SOURCE/docs/OPERATIONS.md" | sort -u | while read -r test; do
  [ -x "$KAIROS_SOURCE/$test" ] || say "docs/OPERATIONS.md leans on $test, which is not there"
done
for metric in $(grep -o 'kairos_[a-z_]*' "$KAIROS_SOURCE/docs/OPERATIONS.md" | sort -u); do
  grep -q "\"*$metric" "$core/api/health.c" "$core/api/functions.c" "$core/api/lifecycle_show.c" || say "docs/OPERATIONS.md names the metric $metric, which /metrics does not give"
done
