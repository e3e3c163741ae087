#!/bin/sh
# At least once for each committed message (W1), seen from outside: a receiver that drops, refuses, delays and answers twice; an engine that
# is killed in the middle of delivering, again and again; more messages than its courier is handed at once. In the end every message that
# was committed was taken or had expired, under one webhook-id and with the same bytes, none after its time, and its attempts are told.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
secret=whsec_$(head -c 24 /dev/urandom | base64)
people=6000
kills=5
[ -z "${KAIROS_SANITIZE:-}" ] || people=4500 # still more than are read from the outbox at once
small_program "$work/program"
cat >>"$work/program/rules/all.lua" <<'LUA'
event "alarm" { fields = { level = { type = "number", low = 0, high = 10 } } }
trigger "alarmed" { why = "A test.", on = { "alarm" }, when = "event.level > 7", offer = { "call" } }
LUA
cat >>"$work/program/interventions/all.lua" <<'LUA'
intervention "call" { channel = "push", expires = 20, message = { en = "Call somebody." } }
LUA
run 0 "$KAIROS" check "$work/program"

post() { # an NDJSON file, a query
  status=$(curl -s -o "$work/answer" -w '%{http_code}' -H 'Content-Type: application/x-ndjson' --data-binary "@$1" "$url/v1/events${2:-}")
  [ "$status" = 200 ] || { head -c 500 "$work/answer" >&2; say "posting ${1##*/} was answered $status"; }
  grep -q '"rejected":\[\]' "$work/answer" || { head -c 2000 "$work/answer" >&2; say "events of ${1##*/} were rejected"; }
}
each() { # FIRST LAST TYPE DATA: a line for each of these people
  awk -v first="$1" -v last="$2" -v type="$3" -v data="$4" -v now="$(now)" 'BEGIN {
    for (i = first; i <= last; i++)
      printf "{\"id\":\"%s-%d\",\"userId\":\"user-%07d\",\"eventType\":\"%s\",\"timestamp\":\"%s\",\"data\":%s}\n", type, i, i, type, now, data
  }'
}
sends_of() { grep -o '"outcome":"sent"' "$work/answer" | wc -l; }

# ---- decided while nobody could be told: the messages wait ----
start "$work/data" --program "$work/program"
last=$((people + 999))
each 0 $last profile_updated "{\"timezone\":\"$(noon_zone)\",\"demographics\":{\"age\":40}}" >"$work/profiles"
split -l 2000 "$work/profiles" "$work/profiles."
for part in "$work"/profiles.*; do post "$part" '?clock=event'; done
"$KAIROS_BUILD/bench/load" --port "$port" --opt-in --count $((last + 1)) --users $((last + 1)) --seconds 300 >/dev/null || say "consent was refused"
each 0 $((people - 1)) check_in '{"stressLevel":9}' >"$work/stressed"
split -l 2000 "$work/stressed" "$work/stressed."
sends=0
for part in "$work"/stressed.*; do
  post "$part"
  sends=$((sends + $(sends_of)))
done
equal "messages that wait" "$sends" "$people"
stop

# ---- delivered, by an engine that is killed in the middle ----
"$KAIROS_BUILD/tests/test_delivery_receiver" "$secret" --never call >"$work/receiver" &
helpers="$helpers $!"
wait_for "$work/receiver" '^port '
hook=http://127.0.0.1:$(sed -n 's/^port //p' "$work/receiver")/hook
# The courier is given little room in some lives: then most messages wait in the outbox for their turn.
serve() { start "$work/data" --webhook-queue "$1" --webhook "$hook" --webhook-secret "$secret" --allow-http --allow-private; }
seen() { wc -l <"$work/receiver"; }
wait_seen() { # until the receiver has that many more than it had
  wanted=$(($(seen) + $1))
  tries=0
  until [ "$(seen)" -ge $wanted ]; do
    tries=$((tries + 1))
    [ $tries -lt 1200 ] || say "nothing more is delivered: $(seen) of $wanted"
    sleep 0.05
  done
}
count=0
while [ $count -lt $kills ]; do
  serve $((count % 2 ? 100 : 65536))
  first=$((people + count * 200))
  each $first $((first + 179)) check_in '{"stressLevel":8}' >"$work/more"
  each $((first + 180)) $((first + 199)) alarm '{"level":9}' >>"$work/more"
  post "$work/more"
  sends=$((sends + $(sends_of)))
  wait_seen 300
  sleep 0.$count
  stop_hard
  count=$((count + 1))
done
equal "messages" "$sends" $((people + kills * 200))

# ---- and then left in peace: until nothing waits ----
serve 500
peace=$(date +%s%3N)
tries=0
while :; do
  run 0 "$KAIROS" replay --print --data "$work/data"
  sed -n "s|^{\"id\":\"\(d[0-9-]*\)\".*\"outcome\":\"sent\".*|url = \"$url/v1/decisions/\1\"|p" "$work/out" >"$work/urls"
  curl -s -w '\n' -K "$work/urls" >"$work/decisions"
  waiting=$(grep -c '"delivery":{"end":"waiting"' "$work/decisions" || true)
  [ "$waiting" != 0 ] || break
  tries=$((tries + 1))
  [ $tries -lt 60 ] || say "$waiting messages still wait"
  sleep 3
done
equal "sends that were committed" "$(wc -l <"$work/decisions")" "$sends"
stop

lua5.4 - "$work/receiver" "$work/decisions" "$peace" $kills <<'LUA' || say "a promise of delivery was broken"
local received, problems = {}, 0
local function wrong(id, ...)
  problems = problems + 1
  if problems <= 10 then print(id, ...) end
end
local messages = 0
for line in io.lines(arg[1]) do
  local at, id, signature, body, act = line:match("^(%d+) msg_%x+_(%S+) (%S+) (%x+) (%S+)$")
  if at then
    messages = messages + 1
    local r = received[id] or { body = body, count = 0, taken = 0, late = 0, last = 0 }
    received[id] = r
    r.count, r.last = r.count + 1, math.max(r.last, tonumber(at))
    if tonumber(at) >= tonumber(arg[3]) then r.late = r.late + 1 end
    if act == "taken" or act == "late" or act == "twice" then r.taken = r.taken + 1 end
    if signature ~= "verified" then wrong(id, "its signature is not good") end
    if body ~= r.body then wrong(id, "another attempt had another body") end
  elseif not line:match("^port") then
    wrong("-", "a line that makes no sense: " .. line)
  end
end

local function utc(text)
  local y, mo, d, h, mi, s, ms = text:match("^(%d+)-(%d+)-(%d+)T(%d+):(%d+):(%d+)%.?(%d*)Z$")
  local days = os.time { year = 2000, month = 1, day = 1, hour = 12 } -- differences of local times at noon: no zone can be in the way
  local day = math.floor((os.time { year = y, month = mo, day = d, hour = 12 } - days) / 86400 + 0.5) + 10957
  return ((day * 24 + h) * 60 + mi) * 60000 + s * 1000 + (tonumber(ms) or 0)
end
local ends, twice, untold = {}, 0, 0
local transit = 250 -- ms from the gate to the receiver's stamp on a busy machine; the gate itself is held to the millisecond by test_emit_courier
for line in io.lines(arg[2]) do
  local id = line:match('^{"id":"(d[%d-]+)"')
  local option, delivery = line:match('"option":"(%a+)"'), line:match('"delivery":(%b{})')
  local how, attempts, before = delivery:match('^{"end":"(%a+)","attempts":(%d+),"send_before":"([^"]+)"')
  local r = received[id] or { count = 0, taken = 0, late = 0, last = 0 }
  ends[option .. " " .. how] = (ends[option .. " " .. how] or 0) + 1
  received[id] = nil
  local logged, last = 0, nil
  for element in delivery:match('"log":(%b[])'):gmatch("%b{}") do
    if element:find('"attempt":', 1, true) then logged = logged + 1 end
    last = element
  end
  if option == "breathe" and how ~= "delivered" then wrong(id, "ended as " .. how) end
  if option == "call" and how ~= "expired" then wrong(id, "ended as " .. how) end
  if how == "delivered" and r.taken == 0 then wrong(id, "is called delivered, and nobody has it") end
  if how == "delivered" and not last:find('"status":204', 1, true) and not last:find("already delivered", 1, true) then wrong(id, delivery) end
  if r.last >= utc(before) + transit then wrong(id, "was sent at " .. r.last .. ", after " .. before) end
  if tonumber(attempts) ~= logged then wrong(id, attempts .. " attempts, " .. logged .. " in the log") end
  if logged > r.count then wrong(id, logged .. " attempts, " .. r.count .. " messages") end
  if logged < r.late then wrong(id, logged .. " attempts are told of, " .. r.late .. " were made by the last engine") end
  untold = untold + r.count - logged
  if r.taken > 1 then twice = twice + 1 end
end
for id in pairs(received) do wrong(id, "was received, and no decision sent it") end
for what, count in pairs(ends) do print(what, count) end
print(messages .. " messages received, " .. twice .. " of them taken more than once, " .. untold .. " attempts cut off by kills")
os.exit(problems == 0)
LUA
run 0 "$KAIROS" replay --verify --data "$work/data"
has ' 0 different'
