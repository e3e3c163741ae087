-- The arrows of docs/ARCHITECTURE.md: what each room names directly; what those may use comes with them. forbidden_include.lua compiles
-- every pair and so holds core/CMakeLists.txt to this table; house.lua holds the sources to it.
local arrows = {
  kit = {},
  stats = { "kit" },
  language = { "kit" },
  host = { "kit" },
  accept = { "language", "kit" },
  book = { "language", "stats", "host", "kit" },
  compute = { "book", "language", "stats", "host", "kit" },
  decide = { "book", "language", "stats", "kit" },
  emit = { "book", "language", "kit" },
  judge = { "book", "language", "stats", "kit" },
  recommend = { "book", "language", "stats", "kit" },
  program = { "accept", "compute", "decide", "emit", "judge", "recommend", "book", "language", "host", "kit" },
  flow = { "program", "accept" },
  lane = { "flow" },
  api = { "lane", "accept", "book" },
  tool = { "lane", "api", "accept" },
  main = { "tool", "api" },
}

local function close(room, seen)
  for _, used in ipairs(arrows[room]) do
    if not seen[used] then
      seen[used] = true
      close(used, seen)
    end
  end
  return seen
end

local allowed = {}
for room in pairs(arrows) do
  allowed[room] = close(room, {})
end
return allowed
