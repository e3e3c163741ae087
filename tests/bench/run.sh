#!/bin/sh
# Measures the release build on this machine and prints medians and ratios to the limits. The load generator shares the machine.
# usage: tests/bench/run.sh [--runs N] [--seconds S] [line…]      default: 5 runs of 10 s; lines: single peer open5000 open20000 array ndjson
#                                                                  replay why conditions functions memory slow overload webhooks plugins models hosts reload
# Each run starts the engine on a fresh data directory (under BENCH_DIR, default a temporary one) with tests/bench/program, and gives each
# of 10 000 users a profile and consent before the clock starts.
set -eu
source=$(cd "$(dirname "$0")/../.." && pwd)
build=${KAIROS_BUILD:-$source/build/release}
runs=5
seconds=10
while [ $# -gt 0 ]; do
  case $1 in
    --runs) runs=$2; shift 2 ;;
    --seconds) seconds=$2; shift 2 ;;
    -h | --help) sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; exit 0 ;;
    -*) echo "run.sh: unknown option $1" >&2; exit 2 ;;
    *) break ;;
  esac
done
[ $# -gt 0 ] || set -- single peer open5000 open20000 array ndjson replay why conditions functions memory slow overload webhooks plugins models hosts reload
for tool in "$build/kairos" "$build/bench/load" "$build/bench/overload"; do
  [ -x "$tool" ] || { echo "run.sh: $tool is missing; scripts/build release makes it" >&2; exit 1; }
done

scratch=$(mktemp -d -p "${BENCH_DIR:-${TMPDIR:-/tmp}}" kairos-bench.XXXXXX)
. "$source/tests/bench/engine.sh"
. "$source/tests/bench/people.sh"
results=$scratch/results
: >"$results"

start() { # a fresh directory, an engine on it, and its users
  stop
  rm -rf "$scratch/data"
  serve --program "$source/tests/bench/program"
}

measure() { "$build/bench/load" --port "$port" --pid "$engine" --seconds "$seconds" --count 100000000 --json "$@" >"$scratch/line" || true; }

load() { # name, options…
  name=$1
  shift
  start
  people
  measure "$@"
  printf '%s %s\n' "$name" "$(cat "$scratch/line")" | tee -a "$results" >&2
}

# The same generator against libuv alone, against libuv that only syncs a page a request, and against the engine, one after the other, so
# that all three meet the same machine: what the engine does to what a socket, and a durable socket, cost here. At open rates the durable
# peer says what of a tail is the disk's.
echo_start() { # options of echo…
  "$build/bench/echo" "$@" >"$scratch/echo" &
  engine=$!
  until grep -qs listens "$scratch/echo"; do sleep 0.05; done
  port=$(sed 's/.* //' "$scratch/echo")
}
figure() { sed "s/.*\"$1\":\([0-9.]*\).*/\1/" "$scratch/line"; }
p99_at() { # requests a second, of what runs now
  measure --connections 64 --rate "$1"
  figure p99_ms
}
peer() {
  stop
  echo_start
  measure --connections 64
  plain=$(figure events_per_second) cpu=$(figure cpu_seconds_per_100k)
  stop
  echo_start --sync "$scratch/page"
  measure --connections 64
  durable=$(figure events_per_second) durable5=$(p99_at 5000) durable20=$(p99_at 20000)
  start
  people
  measure --connections 64
  singles=$(figure events_per_second) spent=$(figure cpu_seconds_per_100k) ours5=$(p99_at 5000) ours20=$(p99_at 20000)
  awk -v e="$plain" -v d="$durable" -v s="$singles" -v ec="$cpu" -v sc="$spent" -v d5="$durable5" -v d20="$durable20" -v o5="$ours5" \
    -v o20="$ours20" 'BEGIN {
    printf "peer {\"echo_per_second\":%d,\"sync_per_second\":%d,\"to_echo\":%.3f,\"to_sync\":%.3f,\"echo_cpu\":%.2f,\"cpu_to_echo\":%.2f,", e, d, s / e, s / d, ec, sc / ec
    printf "\"sync_p99_5000_ms\":%.3f,\"p99_5000_ms\":%.3f,\"sync_p99_20000_ms\":%.3f,\"p99_20000_ms\":%.3f}\n", d5, o5, d20, o20
  }' | tee -a "$results" >&2
}

# 5 000 a second without and with a thousand slow clients (S3), one after the other on the same engine, so that both meet the same machine.
slow() {
  start
  people
  measure --connections 64 --rate 5000
  printf 'alone5000 %s\n' "$(cat "$scratch/line")" | tee -a "$results" >&2
  "$build/tests/slow_clients" "$port" 1000 $((${seconds%.*} + 60)) >"$scratch/slow" &
  crowd=$!
  until grep -qs ready "$scratch/slow"; do sleep 0.1; done
  sleep 2 # what they asked for before they fell silent is answered
  measure --connections 64 --rate 5000
  printf 'slow5000 %s\n' "$(cat "$scratch/line")" | tee -a "$results" >&2
  kill $crowd
  wait $crowd 2>/dev/null || true
}

# What the engine says of its refusals: the step of its histogram in which a quantile of those since the first look lies, in ms.
refusals() { curl -fsS "http://127.0.0.1:$port/metrics" | sed -n 's/^kairos_http_busy_seconds_bucket{le="\(.*\)"} /\1 /p'; }
refusal_step() { # quantile, before, after
  paste -d ' ' "$2" "$3" | awk -v q="$1" '{ edge[NR] = $1; count[NR] = $4 - $2 }
    END { for (i = 1; i <= NR; i++) if (count[i] >= q * count[NR]) { print (edge[i] == "+Inf" ? 1000000 : edge[i] * 1000); exit } }'
}

# Ten times the peak (S4), which is measured first on the same engine: as many requests as never need a refusal, as fast as answers come.
flood() { # events a request, connections and depth of the peak, connections and depth of the flood
  start
  people
  "$build/bench/overload" --port "$port" --seconds 2 --rate 1000000 --batch "$1" --connections "$4" --depth "$5" >/dev/null # memory is touched
  "$build/bench/overload" --port "$port" --seconds "$seconds" --rate 1000000 --batch "$1" --connections "$2" --depth "$3" --nice 10 >"$scratch/peak"
  peak=$(sed 's/.*"goodput_per_second":\([0-9]*\).*/\1/' "$scratch/peak")
  refusals >"$scratch/before"
  "$build/bench/overload" --port "$port" --seconds "$seconds" --rate $((peak * 10 / $1)) --batch "$1" --connections "$4" --depth "$5" --nice 10 \
    >"$scratch/flood"
  refusals >"$scratch/after"
  goodput=$(sed 's/.*"goodput_per_second":\([0-9]*\).*/\1/' "$scratch/flood")
  printf 'overload%s {"peak_per_second":%s,"goodput_to_peak":%s,"engine_p50_ms":%s,"engine_p99_ms":%s,%s\n' "$1" "$peak" \
    "$(awk -v g="$goodput" -v p="$peak" 'BEGIN { printf "%.3f", g / p }')" "$(refusal_step 0.5 "$scratch/before" "$scratch/after")" \
    "$(refusal_step 0.99 "$scratch/before" "$scratch/after")" "$(sed 's/^{//' "$scratch/flood")" | tee -a "$results" >&2
}

overload() {
  flood 1 128 16 1000 16
  flood 100 32 4 500 4
}

resident() { awk '/^VmRSS:/ { printf "%.1f", $2 / 1024 }' "/proc/$engine/status"; }

memory() {
  start
  sleep 1
  idle=$(resident)
  people
  "$build/bench/load" --port "$port" --count 50000 --seconds 60 --batch 100 --connections 8 >/dev/null
  sleep 1
  printf 'memory {"idle_mb":%s,"hot_mb":%s}\n' "$idle" "$(resident)" | tee -a "$results" >&2
}

# CPU time, not wall time: replay is said to be so fast a core, whatever else the machine does.
replay() {
  start
  people
  "$build/bench/load" --port "$port" --count 500000 --seconds 60 --batch 100 --connections 8 --json >"$scratch/line"
  events=$(sed 's/.*"events_accepted":\([0-9]*\).*/\1/' "$scratch/line")
  stop
  ("$build/kairos" replay --verify --data "$scratch/data" >"$scratch/replayed" 2>&1 && times) >"$scratch/times" || {
    cat "$scratch/replayed" >&2
    echo "run.sh: replay --verify failed" >&2
    exit 1
  }
  # the last line of `times` is the children's user and system time: "0m1.23s 0m0.04s"
  cpu=$(tail -n 1 "$scratch/times" | awk '{ split($1, u, /[ms]/); split($2, s, /[ms]/); print u[1] * 60 + u[2] + s[1] * 60 + s[2] }')
  printf 'replay {"events":%s,"cpu_seconds":%s,"events_per_second":%s}\n' "$events" "$cpu" \
    "$(awk -v e="$events" -v c="$cpu" 'BEGIN { printf "%.0f", e / c }')" | tee -a "$results" >&2
}

# 200 questions one after the other, each over the connection of the first: of decisions, and of users now.
questions() { # FILE of paths
  sed "s|.*|url = \"http://127.0.0.1:$port&\"\noutput = /dev/null|" "$1" >"$1.curl"
  curl -fsS -K "$1.curl" -w '%{time_total}\n' | sort -n | awk '{ t[NR] = $1 * 1000 } END { printf "%.3f %.3f", t[int((NR + 1) / 2)], t[int(NR * 0.99)] }'
}
why() {
  start
  people
  "$build/bench/load" --port "$port" --count 100000 --seconds 60 --batch 100 --connections 8 >/dev/null
  "$build/kairos" replay --print --data "$scratch/data" >"$scratch/decisions" 2>/dev/null
  awk 'NR % 37 == 1 && n++ < 200' "$scratch/decisions" | sed 's|^{"id":"\([^"]*\)".*|/v1/decisions/\1/why|' >"$scratch/asked"
  awk 'NR % 37 == 1 && n++ < 200' "$scratch/decisions" | sed 's|.*"user":"\([^"]*\)".*"trigger":"\([^"]*\)".*|/v1/users/\1/why?trigger=\2|' >"$scratch/not"
  printf 'why {"decision_p50_ms":%s,"decision_p99_ms":%s,"user_p50_ms":%s,"user_p99_ms":%s}\n' $(questions "$scratch/asked") $(questions "$scratch/not") |
    tee -a "$results" >&2
}

conditions() {
  "$build/bench/conditions" | sed -n 's/.*an event: \([0-9.]*\) us.*/\1/p; s/.*five terms: \([0-9.]*\) ns.*/\1/p' | {
    read -r rules
    read -r five
    printf 'conditions {"rules_us":%s,"five_ns":%s}\n' "$rules" "$five"
  } | tee -a "$results" >&2
}

functions() {
  "$build/bench/functions" | sed -n 's/.*terms: \([0-9]*\) ns.* \([0-9.]*\) times.*/functions {"predicate_ns":\1,"to_bare":\2INSTRUCTIONS}/p' |
    sed "s/INSTRUCTIONS/$("$source/tests/bench/ratio.sh" "$build" | sed 's/.* /,"instructions_to_bare":/')/" | tee -a "$results" >&2
}

webhooks() {
  "$build/bench/webhooks" --json "$scratch/webhooks-data" | sed 's/^/webhooks /' | tee -a "$results" >&2
  rm -rf "$scratch/webhooks-data"
}

# What a bench prints becomes lines of the results; a pipe would hide that it failed.
told() {
  "$@" >"$scratch/told" || {
    echo "run.sh: $1 failed" >&2
    exit 1
  }
  tee -a "$results" <"$scratch/told" >&2
}

hosts() { told "$build/bench/hosts" "$build"; }

reload() {
  stop
  told "$source/tests/bench/reload.sh" "$build" "$seconds"
}

plugins() { told "$build/bench/plugins" "$build/plugins"; }

models() {
  stop
  told "$source/tests/bench/models.sh" "$build" "$seconds" "$scratch"
}

for line in "$@"; do
  run=0
  while [ $run -lt "$runs" ]; do
    run=$((run + 1))
    case $line in
      single) load single --connections 64 ;;
      open5000) load open5000 --connections 64 --rate 5000 ;;
      open20000) load open20000 --connections 64 --rate 20000 ;;
      array) load array --connections 16 --batch 100 ;;
      ndjson) load ndjson --connections 16 --batch 100 --ndjson ;;
      peer | replay | why | conditions | functions | memory | slow | overload | webhooks | plugins | models | hosts | reload) $line ;;
      *) echo "run.sh: unknown line '$line'" >&2; exit 2 ;;
    esac
  done
done
stop
lua5.4 "$source/tests/bench/report.lua" "$results"
