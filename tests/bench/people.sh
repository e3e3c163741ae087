# The 10 000 users of the measurements: sourced, not run, after engine.sh, with $build, $scratch and an engine at $port.

# One NDJSON line a user: zone and age, as an application server would send them.
profiles() {
  awk -v now="$(date -u +%Y-%m-%dT%H:%M:%SZ)" 'BEGIN {
    for (i = 0; i < 10000; i++)
      printf "{\"id\":\"profile-%07d\",\"userId\":\"user-%07d\",\"eventType\":\"profile_updated\",\"timestamp\":\"%s\",\"data\":{\"timezone\":\"%s\",\"demographics\":{\"age\":%d},\"constraints\":{\"availableTime\":%d},\"language\":\"en\"}}\n",
        i, i, now, (i % 3 == 0 ? "Europe/Berlin" : i % 3 == 1 ? "Asia/Tokyo" : "America/New_York"), 18 + i % 60, 10 + i % 50
  }'
}

people() {
  profiles >"$scratch/profiles"
  split -l 2000 "$scratch/profiles" "$scratch/profiles."
  for part in "$scratch"/profiles.*; do
    curl -fsS -o /dev/null -H 'Content-Type: application/x-ndjson' --data-binary "@$part" "http://127.0.0.1:$port/v1/events?clock=event" || {
      echo "${0##*/}: the profiles were refused" >&2
      exit 1
    }
    rm "$part"
  done
  "$build/bench/load" --port "$port" --opt-in --count 10000 --seconds 60 >/dev/null
}
