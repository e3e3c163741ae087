#!/usr/bin/env lua5.4
-- The compiler keeps the arrows: with the include directories that CMake gives a room, a header of a room that it may not use does not
-- resolve, and one that it may use compiles on its own. Private headers resolve for nobody else. Every pair of rooms is tried, so
-- core/CMakeLists.txt and arrows.lua cannot drift apart.
local source = assert(os.getenv("KAIROS_SOURCE"), "KAIROS_SOURCE is not set")
local build = assert(os.getenv("KAIROS_BUILD"), "KAIROS_BUILD is not set")
package.path = source .. "/tests/arch/?.lua;" .. package.path
local allowed = require("arrows")

local scratch = os.tmpname()
local tried, wrong = 0, 0

local function lines(command)
  local all = {}
  for line in io.popen(command):lines() do
    all[#all + 1] = line
  end
  return all
end

local rooms = lines(("ls '%s/rooms' | sed -n 's/\\.includes$//p'"):format(build))
assert(#rooms >= 10, "expected the rooms' include directories in " .. build .. "/rooms, found " .. #rooms)

local function headers(room)
  return lines(("ls '%s/rooms/%s/%s' 2>/dev/null"):format(build, room, room))
end

local function exists(room, header)
  local single = (room == "flow" or room == "lane") and "/" or "/" .. room .. "/"
  local file = io.open(source .. "/core" .. single .. header)
  if file then file:close() end
  return file ~= nil
end

local commands = {}
local function command_of(room)
  if not commands[room] then
    local parts = {}
    for line in io.lines(build .. "/rooms/" .. room .. ".includes") do
      if #parts == 0 then
        parts[1] = ("'%s' -std=gnu11 -D_GNU_SOURCE -x c -"):format(line)
      elseif line ~= "" then
        parts[#parts + 1] = ("-I'%s'"):format(line)
      end
    end
    commands[room] = table.concat(parts, " ")
  end
  return commands[room]
end

-- how: "-fsyntax-only" compiles, "-M" only resolves what is included
local function try(room, include, how, expect)
  local command = "printf '#include \"%s\"\\n' | %s %s >/dev/null 2>'%s' && echo yes || echo no"
  local pipe = io.popen(command:format(include, command_of(room), how, scratch))
  local compiles = pipe:read("l") == "yes"
  pipe:close()
  local file = assert(io.open(scratch))
  local message = file:read("a")
  file:close()
  tried = tried + 1
  local good
  if expect then
    good = compiles
  else -- it must be this header that was not found, not something inside it
    local gcc, clang = include .. ": No such file", "'" .. include .. "' file not found"
    good = not compiles and (message:find(gcc, 1, true) or message:find(clang, 1, true)) ~= nil
  end
  if not good then
    wrong = wrong + 1
    message = message:match("^[^\n]*\n?[^\n]*\n?[^\n]*")
    print(('core/%s including "%s": expected %s\n%s'):format(room, include, expect and "it to compile" or "not to resolve", message))
  end
end

local refused = 0
for _, room in ipairs(rooms) do
  assert(allowed[room], "arrows.lua does not know the room " .. room)
  for _, other in ipairs(rooms) do
    local header = exists(other, other .. ".h") and other .. ".h" or headers(other)[1]
    if header and exists(other, header) then
      local may = room == other or allowed[room][other] == true
      try(room, other .. "/" .. header, "-M", may)
      if not may then refused = refused + 1 end
    end
  end
end
for _, room in ipairs(rooms) do -- each public header stands on its own; a private one is nobody else's
  local public = {}
  for _, header in ipairs(headers(room)) do
    public[header] = true
    if exists(room, header) then try(room, room .. "/" .. header, "-fsyntax-only", true) end
  end
  for _, header in ipairs(lines(("cd '%s/core/%s' 2>/dev/null && ls *.h 2>/dev/null"):format(source, room))) do
    if not public[header] then try("tool", room .. "/" .. header, "-M", false) end
  end
end
os.remove(scratch)
assert(refused > 0, "no forbidden pair was tried")
print(("%d includes tried, %d of them across a forbidden arrow, %d not as expected"):format(tried, refused, wrong))
os.exit(wrong == 0 and 0 or 1)
