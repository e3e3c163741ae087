# What the measuring scripts share; sourced, not run: a scratch directory, one engine in it, and both gone in the end. Sourced with
# $source, $build and $scratch set.
engine=
port=
stop() {
  if [ -n "$engine" ]; then
    kill "$engine" 2>/dev/null || true
    wait "$engine" 2>/dev/null || true
    engine=
  fi
}
caller= # a generator of load beside it
trap '[ -z "$caller" ] || kill "$caller" 2>/dev/null; stop; rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM

# serve OPTIONS…: the engine on $scratch/data is ready at $port when this returns
serve() {
  "$build/kairos" serve --data "$scratch/data" --listen 127.0.0.1:0 "$@" >"$scratch/log" 2>&1 &
  engine=$!
  port=
  tries=0
  while [ -z "$port" ] || ! curl -fs -o /dev/null "http://127.0.0.1:$port/readyz"; do
    tries=$((tries + 1))
    if [ $tries -gt 600 ] || ! kill -0 "$engine" 2>/dev/null; then
      cat "$scratch/log" >&2
      echo "${0##*/}: the engine did not become ready" >&2
      exit 1
    fi
    sleep 0.05
    port=$(sed -n 's/.*listens on port \([0-9][0-9]*\).*/\1/p' "$scratch/log" | head -n 1)
  done
}
