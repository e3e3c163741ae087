-- The laws of the house that a reader of files can check. usage: lua5.4 house.lua ROOT [summary]
-- Prints one finding a line as `file:line: what was expected, what came` and ends with 1 when there is any.
-- can_fail.lua breaks each law once in a tree of its own and expects the finding.
local here = arg[0]:match("^(.*)/[^/]*$") or "."
package.path = here .. "/?.lua;" .. package.path
local allowed = require("arrows")

local ROOT = arg[1] or "."
local LINES, FUNCTION, SHARE, OPENING = 600, 50, 0.90, 100
local findings = {}

local function find(path, line, format, ...)
  findings[#findings + 1] = ("%s:%d: %s"):format(path, line, format:format(...))
end

local function list(folders, names)
  local files = {}
  local command = "cd '%s' && find %s -type f \\( %s \\) -not -path '*/node_modules/*' -not -path '*/corpus/*' -not -path '*/vectors/*' "
    .. "2>/dev/null | LC_ALL=C sort"
  for path in io.popen(command:format(ROOT, folders, names)):lines() do
    files[#files + 1] = path:gsub("^%./", "")
  end
  return files
end

local function read(path)
  local file = assert(io.open(ROOT .. "/" .. path))
  local text = file:read("a")
  file:close()
  return text
end

local function lines_of(text)
  local lines = {}
  for line in (text:sub(-1) == "\n" and text or text .. "\n"):gmatch("(.-)\n") do
    lines[#lines + 1] = line
  end
  return lines
end

-- Comments and the insides of strings become spaces; line numbers stay.
local function code_only(text)
  local out, i, n = {}, 1, #text
  local function skip_to(from, stop)
    local _, last = text:find(stop, from, true)
    last = last or n
    out[#out + 1] = text:sub(i, last):gsub("[^\n]", " ")
    i = last + 1
  end
  while i <= n do
    local two, one = text:sub(i, i + 1), text:sub(i, i)
    if two == "/*" then
      skip_to(i + 2, "*/")
    elseif two == "//" then
      local stop = text:find("\n", i, true) or n + 1
      out[#out + 1] = (" "):rep(stop - i)
      i = stop
    elseif one == '"' or one == "'" then
      local j = i + 1
      while j <= n and text:sub(j, j) ~= one and text:sub(j, j) ~= "\n" do
        j = j + (text:sub(j, j) == "\\" and 2 or 1)
      end
      out[#out + 1] = one .. (" "):rep(j - i - 1) .. one
      i = j + 1
    else
      local stop = text:find("[\"'/]", i + 1) or n + 1
      out[#out + 1] = text:sub(i, stop - 1)
      i = stop
    end
  end
  return table.concat(out)
end

local function room_of(path)
  return path:match("^core/([%w_]+)/[^/]+$") or path:match("^core/([%w_]+)%.[ch]$")
end

local function exists(path)
  local file = io.open(ROOT .. "/" .. path)
  if file then file:close() end
  return file ~= nil
end

local function check_core_include(path, line, room, target)
  local other = target:match("^([%w_]+)/[^/]+$")
  if target == "kairos_plugin.h" then
    if room ~= "host" and room ~= "compute" then
      find(path, line, "only host and compute see kairos_plugin.h, %s includes it", room)
    end
  elseif not other then
    local folder = path:match("^(.*)/")
    if not exists(folder .. "/" .. target) then
      find(path, line, 'expected a header of the same room or "room/header.h", got "%s"', target)
    end
  elseif not allowed[other] then
    find(path, line, '"%s" names no room', target)
  elseif other ~= room and not (allowed[room] and allowed[room][other]) then
    find(path, line, "forbidden arrow: %s may not use %s", room, other)
  end
end

local function check_plugin_include(path, line, target)
  local folder = path:match("^(.*)/")
  local own = not target:find("/", 1, true) and exists(folder .. "/" .. target)
  if target ~= "kairos_plugin.h" and not target:match("^common/[^/]+$") and not own then
    find(path, line, 'a plugin sees kairos_plugin.h, common/ and its own folder, not "%s"', target)
  end
end

-- Returns the headers that `path` includes, as paths in the tree.
local function check_includes(path, text)
  local room, reached = room_of(path), {}
  for number, line in ipairs(lines_of(text)) do
    local target = line:match('^%s*#%s*include%s+"([^"]+)"')
    if target then
      if target:find("..", 1, true) then
        find(path, number, 'an include may not climb with "..", "%s" does', target)
      elseif room then
        check_core_include(path, number, room, target)
      elseif path:match("^plugins/") then
        check_plugin_include(path, number, target)
      end
      local first, rest = target:match("^([%w_]+)/(.+)$")
      for _, candidate in ipairs({ path:match("^(.*)/") .. "/" .. target, "core/" .. target, "plugins/" .. target,
        first and rest:match("^" .. first .. "%.h$") and "core/" .. rest or nil }) do
        if exists(candidate) then
          reached[#reached + 1] = candidate
          break
        end
      end
    end
    local system = line:match("^%s*#%s*include%s+<([^>]+)>")
    if system == "math.h" and path:match("^core/") and room ~= "kit" then
      find(path, number, "<math.h> belongs to kit (kit/math.h is portable), %s includes it", room or path)
    end
  end
  return reached
end

-- A cycle is told once, as the way round it.
local function check_cycles(reached)
  local colour, way = {}, {}
  local function walk(path)
    colour[path] = "open"
    way[#way + 1] = path
    for _, next_path in ipairs(reached[path] or {}) do
      if colour[next_path] == "open" then
        find(path, 1, "header cycle: %s → %s", table.concat(way, " → "), next_path)
      elseif not colour[next_path] then
        walk(next_path)
      end
    end
    way[#way] = nil
    colour[path] = "done"
  end
  local names = {}
  for path in pairs(reached) do
    names[#names + 1] = path
  end
  table.sort(names)
  for _, path in ipairs(names) do
    if not colour[path] then walk(path) end
  end
end

-- Functions as clang-format leaves them: the signature begins in the first column, the body ends with `}` alone in the first column.
local function functions_of(code)
  local found, lines, i = {}, lines_of(code), 1
  while i <= #lines do
    local start = i
    if lines[i]:match("^[%a_]") and lines[i]:find("(", 1, true) and not lines[i]:match("^#") then
      while i < #lines and not lines[i]:match("[{;}]%s*$") do
        i = i + 1
      end
      local head = table.concat(lines, " ", start, i):gsub("__attribute__%s*%b()", "")
      if lines[i]:match("}%s*$") and head:match("%)%s*{") and not head:match("=%s*{") then
        found[#found + 1] = { line = start, length = 1, name = head:match("([%w_]+)%s*%(") }
      elseif lines[i]:match("{%s*$") and not head:match("=") then
        while i < #lines and not lines[i]:match("^}") do
          i = i + 1
        end
        if lines[i]:match("^}%s*$") then
          found[#found + 1] = { line = start, length = i - start + 1, name = head:match("([%w_]+)%s*%(") }
        end
      end
    end
    i = i + 1
  end
  return found
end

-- What only kit may call, so that memory can be made to fail and time and chance have one source.
local ONLY_KIT = { "malloc", "calloc", "realloc", "strdup", "strndup", "time", "gettimeofday", "clock_gettime", "rand", "srand", "random",
  "getrandom", "arc4random", "randombytes_buf" }

local function check_words(path, code)
  local core, kit = path:match("^core/"), path:match("^core/kit/")
  for number, line in ipairs(lines_of(code)) do
    if core and not kit then
      for _, name in ipairs(ONLY_KIT) do
        for before in (" " .. line):gmatch("(.)%f[%w_]" .. name .. "%s*%(") do
          if before ~= ">" and before ~= "." then find(path, number, "%s( is kit's alone", name) end
        end
      end
    end
    if core and line:match("%f[%w_]goto%f[^%w_]") then find(path, number, "no goto in this house") end
    if core and line:match("^%s*typedef%s+struct%f[^%w_]") then find(path, number, "no typedef of a struct in core") end
  end
end

local function check_opening(path, text)
  if not path:match("%.c$") then return end
  local comment = text:match("^(/%*.-%*/)")
  if not comment then
    find(path, 1, "a .c opens with a comment: what it promises, what it does not do, who calls it, on which thread")
  elseif path:match("^core/") and #comment < OPENING then
    find(path, 1, "the opening comment has %d bytes, expected a paragraph (%d at least)", #comment, OPENING)
  end
end

local function check_functions(measured, what)
  local long, longest = 0, {}
  for _, one in ipairs(measured) do
    if one.length > FUNCTION then
      long = long + 1
      longest[#longest + 1] = one
    end
  end
  table.sort(longest, function(a, b)
    if a.length ~= b.length then return a.length > b.length end
    return a.path < b.path
  end)
  if #measured == 0 then return end
  print(("%s: %d functions, %.1f %% within %d lines"):format(what, #measured, 100 * (#measured - long) / #measured, FUNCTION))
  for i = 1, math.min(#longest, 10) do
    print(("  %4d lines  %s:%d %s"):format(longest[i].length, longest[i].path, longest[i].line, longest[i].name))
  end
  if #measured - long < SHARE * #measured then
    find(longest[1].path, longest[1].line, "%s: %d of %d functions have more than %d lines, expected %.0f %% within", what, long, #measured,
      FUNCTION, SHARE * 100)
  end
end

local function check_sources()
  local reached, production, tests, seen = {}, {}, {}, 0
  for _, path in ipairs(list("core plugins tests", "-name '*.c' -o -name '*.h'")) do
    seen = seen + 1
    local text = read(path)
    local code = code_only(text)
    local count = #lines_of(text)
    if count > LINES then find(path, count, "%d lines, expected at most %d", count, LINES) end
    local headers = check_includes(path, text)
    if path:match("%.h$") then reached[path] = headers end
    check_words(path, code)
    check_opening(path, text)
    for _, one in ipairs(functions_of(code)) do
      one.path = path
      table.insert(path:match("^tests/") and tests or production, one)
    end
  end
  if seen == 0 then find(".", 1, "no sources found under %s", ROOT) end
  check_cycles(reached)
  check_functions(production, "core and plugins")
  check_functions(tests, "tests")
  print(("%d files"):format(seen))
end

-- Words that must not stand in any text of the project (spelled in two halves here, for this file is one of them).
local UNFINISHED = { "TO" .. "DO", "FIX" .. "ME", "XX" .. "X:" }
local MACHINE = { "/wo" .. "rk/", "/ho" .. "me/", "/ro" .. "ot/", "/Us" .. "ers/" }
local TEMPORARY = "/t" .. "mp/"

local function check_text(path, text)
  local may_use_tmp = path:match("^tests/")
  for number, line in ipairs(lines_of(text)) do
    for _, word in ipairs(UNFINISHED) do
      if line:find("%f[%w]" .. word) then find(path, number, "unfinished: %s", word) end
    end
    for _, word in ipairs(MACHINE) do
      if line:find(word, 1, true) then find(path, number, "a path of one machine: %s", word) end
    end
    if not may_use_tmp and line:find(TEMPORARY, 1, true) then find(path, number, "a path of one machine: %s", TEMPORARY) end
  end
end

local function check_texts()
  local folders = "CMakeLists.txt CMakePresets.json README.md cmake core docs interventions models plugins rules scripts tests .ci"
  local names = "-name '*.c' -o -name '*.h' -o -name '*.lua' -o -name '*.md' -o -name '*.sh' -o -name '*.txt' -o -name '*.cmake' "
    .. "-o -name '*.json' -o -path 'scripts/*' -o -path '.ci/*'"
  for _, path in ipairs(list(folders, names)) do
    check_text(path, read(path))
  end
end

check_sources()
check_texts()
for _, finding in ipairs(findings) do
  print(finding)
end
print(#findings == 0 and "no findings" or #findings .. " findings")
os.exit(#findings == 0 and 0 or 1)
