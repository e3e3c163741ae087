#!/bin/sh
# What /metrics says can be read by whoever knows the text format: each family once, with HELP and TYPE before its samples and nothing between;
# counters end in _total and nothing else does; base units; histograms add up; no series twice; no label but those of a small fixed set, and
# nothing that names a person. Counters never fall while the engine lives.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
cat >"$work/lint.awk" <<'AWK'
function bad(what) { print "line " NR ": " what ": " $0; failed = 1 }
/^# HELP / {
  if ($3 in helped) bad("a family twice")
  helped[$3] = 1
  help = $3
  if (NF < 4 || $NF !~ /\.$/) bad("no sentence")
  next
}
/^# TYPE / {
  if ($3 != help) bad("TYPE does not follow its HELP")
  family = $3
  type = $4
  if (family !~ /^kairos_[a-z][a-z_]*$/) bad("a name in another form")
  if (type !~ /^(counter|gauge|histogram)$/) bad("no type")
  if ((type == "counter") != (family ~ /_total$/)) bad("counters end in _total, and nothing else")
  if (family ~ /_(ms|us|micro[a-z]*|milli[a-z]*|minutes|hours|days|kib|mib|percent|count|sum|bucket)(_total)?$/) bad("no base unit, or a reserved end")
  families++
  next
}
/^#/ || NF == 0 { bad("neither HELP nor TYPE") }
{
  split($0, parts, /[{ ]/)
  name = parts[1]
  if (type == "histogram") sub(/_(bucket|sum|count)$/, "", name)
  if (name != family || help != family) bad("a sample outside of its family")
  if (!match($0, / [^ ]+$/)) bad("no value")
  value = substr($0, RSTART + 1)
  series = substr($0, 1, RSTART - 1)
  if (value !~ /^-?[0-9]+(\.[0-9]+)?(e[-+][0-9]+)?$/) bad("no number")
  if (series in seen) bad("a series twice")
  seen[series] = 1
  labels = series
  while (match(labels, /[{,][a-z_]+="([^"\\]|\\.)*"/)) {
    label = substr(labels, RSTART + 1, index(substr(labels, RSTART), "=") - 2)
    if (label !~ /^(outcome|end|le|function|model|version|digest)$/) bad("a label that may have any number of values")
    labels = substr(labels, 1, RSTART - 1) substr(labels, RSTART + RLENGTH)
  }
  if (labels !~ /^[a-z_]+(\{?\})?$/) bad("labels in another form")
  if (type == "counter" && value < 0) bad("a counter below zero")
  if (type == "histogram" && series ~ /_bucket/) {
    if (value < last[family]) bad("buckets that fall")
    last[family] = value
  }
  if (type == "histogram" && series ~ /_count$/ && value != last[family]) bad("the last bucket is not the count")
}
END {
  if (families < 40) { print "only " families + 0 " families"; failed = 1 }
  exit failed
}
AWK
lint() { awk -f "$work/lint.awk" "$1" >"$work/found" || { cat "$work/found" >&2; return 1; }; }

# Models, failing functions, decisions, refused requests: families with samples.
mkdir "$work/program"
for part in rules interventions models; do cp -r "$KAIROS_SOURCE/$part" "$work/program/$part"; done
cat >"$work/program/rules/failing.lua" <<'LUA'
trigger "failing" {
  why = "A test.", on = { "check_in" }, offer = { "say_failing" },
  needs = { "event.stressLevel" }, when = function(_, e) return e.nothing.at_all end,
}
LUA
cat >"$work/program/interventions/failing.lua" <<'LUA'
intervention "say_failing" { channel = "push", expires = 2 * hours, message = { en = "Never." } }
LUA
start "$work/data" --program "$work/program"
expect_call 200 GET /metrics
cp "$work/answer" "$work/before"
lint "$work/before" || say "what /metrics says at the start is not in order"
for n in 1 2 3; do
  expect_call 200 POST /v1/events "{\"userId\":\"secret-person\",\"eventType\":\"check_in\",\"timestamp\":\"$(now)\",\"data\":{\"stressLevel\":9}}"
  expect_call 404 GET /v1/users/nobody
done
expect_call 200 GET /metrics
cp "$work/answer" "$work/after"
lint "$work/after" || say "what /metrics says is not in order"
grep -q '^kairos_function_failures_total{function="trigger failing.when (rules/failing.lua:[0-9]*)",end="raised"} 3$' "$work/after" || say "a function's failures are not counted"
grep -q '^kairos_http_requests_refused_total 3$' "$work/after" || say "what was refused is not counted"
if grep -q -e secret -e nobody "$work/after"; then say "a person is named"; fi
awk 'FNR == 1 { file++ } /^#/ { type[$3] = $4; next } file == 1 { was[$1] = $NF; next }
  type[$1] == "counter" && $1 in was && $NF < was[$1] { print; failed = 1 } END { exit failed }' "$work/before" "$work/after" || say "a counter fell"

# The lint can fail.
breaks() { # WHAT SCRIPT
  sed "$2" "$work/after" >"$work/broken"
  cmp -s "$work/after" "$work/broken" && say "$1: nothing was changed"
  if lint "$work/broken" 2>/dev/null; then say "the lint takes $1"; fi
}
breaks "a counter that is called a gauge" 's/^# TYPE kairos_events_total counter/# TYPE kairos_events_total gauge/'
breaks "a family twice" 's/kairos_ticks_total/kairos_turns_total/'
breaks "a HELP that is missing" '/^# HELP kairos_users /d'
breaks "another unit" 's/kairos_uptime_seconds/kairos_uptime_ms/'
breaks "a label of people" 's/{outcome="sent"}/{user="anna"}/'
breaks "a histogram that does not add up" 's/^kairos_http_busy_seconds_count .*/kairos_http_busy_seconds_count 7/'
stop
