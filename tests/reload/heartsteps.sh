#!/bin/sh
# Six weeks of 37 real people (HeartSteps V1) are posted while the program is reloaded a hundred times, from its directory and by publish, and
# the engine is killed in the middle. Nothing is lost, nothing is there twice, the replay is the same byte for byte, and but for the program's
# name the decisions are those of an import without any reload: users' states, caps, arms and draws go through all of it.
set -eu
events=${KAIROS_HEARTSTEPS:-$KAIROS_SOURCE/../shared/data/heartsteps-v1/events.ndjson}
[ -f "$events" ] || { echo "heartsteps: no data at $events (KAIROS_HEARTSTEPS names it): skipped"; exit 77; }
. "$KAIROS_SOURCE/tests/flow/engine.sh"
export KAIROS_URL
cp -r "$KAIROS_SOURCE/tests/heartsteps" "$work/p"
cp -r "$work/p" "$work/other"
all=$(wc -l <"$events")
reloads=${KAIROS_RELOADS:-100}
[ -z "${KAIROS_SANITIZE:-}" ] || reloads=30
mkdir "$work/batches"
split -l $((all / reloads + 1)) -a 5 -d "$events" "$work/batches/"

plain() { sed 's/"program":"[0-9a-f]*"/"program":""/'; }
run 0 "$KAIROS" import "$events" --data "$work/imported" --program "$work/p"
"$KAIROS" replay --print --data "$work/imported" | plain >"$work/first"
[ "$(wc -l <"$work/first")" -gt 8000 ] || say "the story is too poor: $(wc -l <"$work/first") decisions"

post() { # FILE: until it is taken
  curl -s -o "$work/answer" -w '%{http_code}' -H 'Content-Type: application/x-ndjson' --data-binary "@$1" \
    "$KAIROS_URL/v1/events?clock=event" >"$work/status" || true
}
lives() { grep -c ' is live (' "$work/all.log" "$work/serve.log" | awk -F: '{ n += $2 } END { print n }'; }

: >"$work/all.log"
run 0 "$KAIROS" init --data "$work/data" --files 2
start "$work/data" --program "$work/p"
KAIROS_URL=$url
count=0
for batch in "$work"/batches/*; do
  count=$((count + 1))
  before=$(lives)
  post "$batch" &
  poster=$!
  if [ $((count % 5)) -lt 2 ]; then # from the directory, which takes its time
    echo "-- change $count" >>"$work/p/rules/$(ls "$work/p/rules" | head -n 1)"
    tries=0
    until [ "$(lives)" -gt "$before" ]; do
      tries=$((tries + 1))
      [ $tries -lt 1200 ] || say "change $count of the directory is not live"
      sleep 0.05
    done
  else
    echo "-- other $count" >>"$work/other/rules/$(ls "$work/other/rules" | head -n 1)"
    run 0 "$KAIROS" programs publish "$work/other"
  fi
  if [ $count = $((reloads / 2)) ]; then
    echo '-- in the middle' >>"$work/p/rules/$(ls "$work/p/rules" | head -n 1)"
    sleep 0.2 # about now it settles, is built, is written down
    stop_hard
    wait $poster || true
    echo 0 >"$work/status"
    cat "$work/serve.log" >>"$work/all.log"
    start "$work/data" --program "$work/p" --lanes 1
    KAIROS_URL=$url
  fi
  wait $poster || true
  [ "$(cat "$work/status")" = 200 ] || post "$batch"
  [ "$(cat "$work/status")" = 200 ] || say "posting batch $count was answered $(cat "$work/status")"
  grep -q '"rejected":\[\]' "$work/answer" || say "events of batch $count were rejected"
done
total=$(lives)
[ "$total" -ge "$reloads" ] || [ "$total" -ge $((count - 1)) ] || say "only $total reloads"
stop
run 0 "$KAIROS" replay --verify --data "$work/data"
has ' 0 different'
"$KAIROS" replay --print --data "$work/data" | sed -n 's/.*"program":"\([0-9a-f]*\)".*/\1/p' | sort | uniq -c >"$work/programs"
[ "$(wc -l <"$work/programs")" -gt $((reloads / 3)) ] || say "only $(wc -l <"$work/programs") programs decided"
"$KAIROS" replay --print --data "$work/data" | plain >"$work/second"
cmp "$work/first" "$work/second" || say "the decisions differ from those without reloads"
run 0 "$KAIROS" doctor --data "$work/data"
echo "$total reloads, $(wc -l <"$work/programs") programs decided, $(wc -l <"$work/second") decisions as without them"
