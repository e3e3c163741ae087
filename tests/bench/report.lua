-- Reads the lines `NAME {json}` that run.sh collects and prints, per measured line of the table, the median over its runs and its ratio to
-- the limit. usage: lua5.4 report.lua RESULTS
local limits = { -- name, key, what it is, limit, "least" or "most"
  { "single", "events_per_second", "single events, 64 connections, events/s", 55000, "least" },
  { "single", "p99_ms", "the same, p99 in ms", 4, "most" },
  { "single", "cpu_seconds_per_100k", "the same, CPU seconds per 100 000", 2.0, "most" },
  { "peer", "echo_per_second", "the peer: libuv alone answers, requests/s (137 000 where the limits were set)" },
  { "peer", "echo_cpu", "the same, CPU seconds per 100 000 (0.6 there)" },
  { "peer", "to_echo", "single events to the peer, in one run (55 to 137 thousand)", 0.40, "least" },
  { "peer", "cpu_to_echo", "the same, CPU seconds (2.0 to 0.6)", 3.33, "most" },
  { "peer", "sync_per_second", "the durable peer: a page a request and one sync a pass, nothing else, requests/s" },
  { "peer", "to_sync", "single events to the durable peer" },
  { "peer", "sync_p99_5000_ms", "the durable peer at 5 000/s offered, p99 in ms: the disk's part" },
  { "peer", "p99_5000_ms", "the engine in the same run, p99 in ms", 1.5, "most" },
  { "peer", "sync_p99_20000_ms", "the durable peer at 20 000/s offered, p99 in ms" },
  { "peer", "p99_20000_ms", "the engine in the same run, p99 in ms", 2.5, "most" },
  { "open5000", "p99_ms", "5 000/s offered, p99 in ms", 1.5, "most" },
  { "open5000", "p999_ms", "5 000/s offered, p99.9 in ms", 8, "most" },
  { "open20000", "p99_ms", "20 000/s offered, p99 in ms", 2.5, "most" },
  { "open20000", "p999_ms", "20 000/s offered, p99.9 in ms", 8, "most" },
  { "open20000", "cpu_seconds_per_100k", "20 000/s offered, CPU seconds per 100 000", 3.0, "most" },
  { "array", "events_per_second", "arrays of 100, events/s", 220000, "least" },
  { "array", "cpu_seconds_per_100k", "the same, CPU seconds per 100 000" },
  { "ndjson", "events_per_second", "NDJSON of 100, events/s", 220000, "least" },
  { "replay", "events_per_second", "replay --verify, events/s a core", 200000, "least" },
  { "why", "decision_p50_ms", "why of a decision, p50 in ms", 10, "most" },
  { "why", "decision_p99_ms", "the same, p99 in ms", 10, "most" },
  { "why", "user_p50_ms", "why of a trigger and a user now, p50 in ms", 10, "most" },
  { "why", "user_p99_ms", "the same, p99 in ms", 10, "most" },
  { "conditions", "rules_us", "20 rules, 47 conditions, us an event", 0.4, "most" },
  { "conditions", "five_ns", "one condition of five terms, ns", 40, "most" },
  { "functions", "predicate_ns", "a Lua predicate of five terms, ns", 400, "most" },
  { "functions", "to_bare", "the same to a bare protected call of it on plain tables, without a hook" },
  { "functions", "instructions_to_bare", "the same in instructions, as callgrind counts them", 1.4, "most" },
  { "memory", "idle_mb", "memory idle, MB", 20, "most" },
  { "memory", "hot_mb", "memory with 10 000 hot users, MB", 100, "most" },
  { "slow5000", "p99_to_alone", "1 000 slow clients: p99 of 5 000/s to that without them", 1.1, "most" },
  { "overload1", "goodput_to_peak", "10 × the peak of single events: goodput to peak", 0.9, "least" },
  { "overload1", "engine_p99_ms", "the same, 429 from reading to writing p99, ms (a step's edge)", 5, "most" },
  { "overload1", "patient_refused_p50_ms", "the same, 429 as a client sees it who keeps Retry-After, p50 in ms", 5, "most" },
  { "overload1", "patient_refused_p99_ms", "the same, p99 in ms", 5, "most" },
  { "overload1", "refused_p50_ms", "the same, 429 as pipelining clients see it who do not, p50 in ms" },
  { "overload1", "refused_p99_ms", "the same, p99 in ms" },
  { "overload1", "urgent_p99_ms", "the same, opt-out and kill p99 in ms", 1000, "most" },
  { "overload100", "goodput_to_peak", "10 × the peak of arrays of 100: goodput to peak", 0.9, "least" },
  { "overload100", "engine_p99_ms", "the same, 429 from reading to writing p99, ms (a step's edge)", 5, "most" },
  { "overload100", "patient_refused_p50_ms", "the same, 429 as a client sees it who keeps Retry-After, p50 in ms", 5, "most" },
  { "overload100", "patient_refused_p99_ms", "the same, p99 in ms", 5, "most" },
  { "overload100", "refused_p50_ms", "the same, 429 as pipelining clients see it who do not, p50 in ms" },
  { "overload100", "refused_p99_ms", "the same, p99 in ms" },
  { "overload100", "urgent_p99_ms", "the same, opt-out and kill p99 in ms", 1000, "most" },
  { "webhooks", "per_second", "webhooks signed, each attempt recorded, /s", 30000, "least" },
  { "gbm_one", "us", "gbm, 100 trees × depth 3, 12 inputs, one row, us", 0.1, "most" },
  { "gbm_rows", "million_per_second", "the same, 100 000 rows, million rows/s", 20, "least" },
  { "gbm_train", "seconds", "gbm training, 100 000 × 12, 100 trees, s", 0.2, "most" },
  { "svr_one", "us", "svr, 2 000 vectors × 12, one row, us", 1.5, "most" },
  { "svr_train", "seconds", "svr training (libsvm), 10 000 × 12, s" },
  { "hosts", "one_p99_us", "plugin in a process, one row, round trip p99, us", 10, "most" },
  { "hosts", "row_p99_us", "the same, batches of 64, p99 a row, us", 0.5, "most" },
  { "hosts", "paused_p50_us", "the same, one row after a pause of 1 ms, p50, us" },
  { "hosts", "paused_p99_us", "the same, p99, us" },
  { "hosts", "back_most_ms", "20 crashes, the longest until it answers again, ms", 100, "most" },
  { "hosts", "hang_most_ms", "5 hangs, the longest wait of a lane, ms", 5, "most" },
  { "lstm_one", "us", "lstm, 30 × 10 → 64 → 32 → 16 → 1, one row, us", 30, "most" },
  { "lstm_again", "us", "one row whose days before the last were asked about before, us", 30, "most" },
  { "lstm_rows", "per_second", "the same, 1 024 rows, rows/s", 75000, "least" },
  { "lstm_two", "per_second", "the same by two threads, a session each, rows/s" },
  { "lstm_train", "seconds", "lstm training, 10 000 sequences, one epoch at batch 32, s", 0.8, "most" },
  { "models", "requests_per_second", "lstm, svr and gbm for one request over HTTP, requests/s", 15000, "least" },
  { "models", "cpu_seconds_per_100k", "the same, CPU seconds per 100 000" },
  { "models_hosted", "requests_per_second", "the same with each model in a process, requests/s" },
  { "models_hosted", "cpu_seconds_per_100k", "the same, CPU seconds per 100 000, processes included" },
  { "reload", "settled_p50_ms", "a reload with 200 rules at 5 000/s: from settled files to live, p50 in ms", 300, "most" },
  { "reload", "written_p99_ms", "the same, from the last write to live, 200 ms of silence in it, p99 in ms", 500, "most" },
  { "reload", "p99_more_ms", "the same, p99 of requests above that without reloads, ms", 1, "most" },
  { "reload", "p99_more_again_ms", "the same, measured a second time on the same engine, ms", 1, "most" },
}

local runs, bad = {}, 0
for line in io.lines(arg[1]) do
  local name, json = line:match("^(%S+) ({.*})$")
  if name then
    for key, value in json:gmatch('"([%w_]+)":(-?[%d.eE+-]+)') do
      runs[name .. "." .. key] = runs[name .. "." .. key] or {}
      table.insert(runs[name .. "." .. key], tonumber(value))
      if (key == "non_2xx" or key == "lost" or key == "unsent") and tonumber(value) > 0 then
        bad = bad + 1
        print(("! %s: %s = %s"):format(name, key, value))
      end
    end
  end
end

-- Each pair of runs met the same machine.
local alone, crowded = runs["alone5000.p99_ms"] or {}, runs["slow5000.p99_ms"] or {}
for i = 1, math.min(#alone, #crowded) do
  runs["slow5000.p99_to_alone"] = runs["slow5000.p99_to_alone"] or {}
  table.insert(runs["slow5000.p99_to_alone"], crowded[i] / alone[i])
end

local function median(values)
  table.sort(values)
  local n = #values
  return n % 2 == 1 and values[n // 2 + 1] or (values[n // 2] + values[n // 2 + 1]) / 2
end

print("| measured | median | least – most | runs | limit | ratio |")
print("|---|---|---|---|---|---|")
local unmeasured = 0
for _, row in ipairs(limits) do
  local values = runs[row[1] .. "." .. row[2]]
  if not values then
    unmeasured = unmeasured + 1
  else
    local middle = median(values)
    local ratio = ""
    if row[4] then
      local good = row[5] == "least" and middle >= row[4] or row[5] == "most" and middle <= row[4]
      ratio = ("%.2f%s"):format(middle / row[4], good and "" or " **missed**")
    end
    local format = middle >= 1000 and "%.0f" or "%.3f"
    print(("| %s | " .. format .. " | " .. format .. " – " .. format .. " | %d | %s | %s |"):format(row[3], middle, values[1],
      values[#values], #values, row[4] and ((row[5] == "least" and "≥ " or "≤ ") .. row[4]) or "", ratio))
  end
end
if unmeasured > 0 then print(("(%d of %d lines were not measured: run.sh --help names them)"):format(unmeasured, #limits)) end
os.exit(bad == 0 and 0 or 1)
