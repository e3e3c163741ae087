#!/usr/bin/env lua5.4
-- Breaks each law that house.lua knows in a small tree of its own and expects exactly that finding; the unbroken tree must have none.
local source = assert(os.getenv("KAIROS_SOURCE"), "KAIROS_SOURCE is not set")
local scratch = io.popen("mktemp -d"):read("l")

local OPENING = "/* Promises to be a file of a small house that stands only to be broken; called by nobody, on no thread, and does nothing "
  .. "else at all, which takes a paragraph to say. */\n"

local clean = {
  ["core/kit/err.h"] = "/* errors */\n#pragma once\n",
  ["core/kit/err.c"] = OPENING .. '#include "kit/err.h"\n#include <math.h>\nvoid *kit_alloc(void) {\n  return malloc(1);\n}\n',
  ["core/book/book.h"] = '/* book */\n#pragma once\n#include "kit/err.h"\n',
  ["core/book/journal.h"] = '/* journal */\n#pragma once\n#include "book/book.h"\n',
  ["core/book/book.c"] = OPENING .. '#include "book/book.h"\n#include "journal.h"\n// malloc( in a comment, "time(" in a string\n'
    .. 'static const char *text = "goto malloc( time(";\nint book(void) {\n  return host->realloc(0) + arena_time(1);\n}\n',
  ["core/decide/decide.c"] = OPENING .. '#include "book/book.h"\n',
  ["core/host/host.c"] = OPENING .. '#include "kairos_plugin.h"\n',
  ["core/flow.h"] = "/* flow */\n#pragma once\n",
  ["core/lane.c"] = OPENING .. '#include "flow/flow.h"\n',
  ["plugins/kairos_plugin.h"] = "/* plugin */\n#pragma once\n",
  ["plugins/common/matrix.h"] = "/* matrix */\n",
  ["plugins/svr/svr.c"] = OPENING .. '#include "common/matrix.h"\n#include "kairos_plugin.h"\n#include "own.h"\n#include <svm.h>\n',
  ["plugins/svr/own.h"] = "/* own */\n",
  ["README.md"] = "# House\n",
}

local function long_function(name, lines)
  return ("int %s(void) {\n%s  return 0;\n}\n"):format(name, ("  work();\n"):rep(lines - 3))
end
local nine_short = ""
for i = 1, 9 do
  nine_short = nine_short .. long_function("short" .. i, 50)
end

-- Each: what is broken, the file and its new text, what the finding must contain.
local broken = {
  { "a stage uses a stage", "core/decide/decide.c", OPENING .. '#include "emit/emit.h"\n', "decide may not use emit" },
  { "a leaf looks up", "core/kit/err.c", OPENING .. '#include "book/book.h"\n', "kit may not use book" },
  { "language reads stored data", "core/language/x.c", OPENING .. '#include "book/book.h"\n', "language may not use book" },
  { "accept writes the book", "core/accept/x.c", OPENING .. '  #  include "book/book.h"\n', "accept may not use book" },
  { "flow looks up to lane", "core/flow.c", OPENING .. '#include "lane/lane.h"\n', "flow may not use lane" },
  { "an include climbs", "core/decide/decide.c", OPENING .. '#include "../book/journal.h"\n', 'climb with ".."' },
  { "a header of nobody", "core/decide/decide.c", OPENING .. '#include "journal.h"\n', "header of the same room" },
  { "a room of nobody", "core/decide/decide.c", OPENING .. '#include "attic/attic.h"\n', "names no room" },
  { "a plugin sees core", "plugins/svr/svr.c", OPENING .. '#include "kit/err.h"\n', "a plugin sees kairos_plugin.h" },
  { "a plugin sees a plugin", "plugins/svr/svr.c", OPENING .. '#include "gbm/tree.h"\n', "a plugin sees kairos_plugin.h" },
  { "a stage sees the plugin header", "core/decide/decide.c", OPENING .. '#include "kairos_plugin.h"\n', "only host and compute" },
  { "a header cycle", "core/book/book.h", '/* book */\n#include "journal.h"\n', "header cycle" },
  { "a file of 601 lines", "core/kit/err.c", OPENING .. ("\n"):rep(600), "601 lines" },
  { "two long functions in eleven", "core/kit/err.c", OPENING .. nine_short .. long_function("long1", 51) .. long_function("long2", 51),
    "2 of 12 functions" },
  { "malloc outside kit", "core/book/book.c", OPENING .. "void *p(void) { return malloc(3); }\n", "malloc( is kit's" },
  { "time outside kit", "core/book/book.c", OPENING .. "long t(void) { return time(0); }\n", "time( is kit's" },
  { "chance outside kit", "core/book/book.c", OPENING .. "int r(void) { return rand(); }\n", "rand( is kit's" },
  { "a clock outside kit", "core/book/book.c", OPENING .. "int c(void) { return clock_gettime(0, 0); }\n", "clock_gettime( is kit's" },
  { "math.h outside kit", "core/book/book.c", OPENING .. "#include <math.h>\n", "<math.h> belongs to kit" },
  { "goto", "core/book/book.c", OPENING .. "int g(void) {\n  goto out;\n}\n", "no goto" },
  { "typedef struct", "core/book/book.h", "/* book */\ntypedef struct book book;\n", "no typedef" },
  { "no opening comment", "core/book/book.c", "#include <stdio.h>\n", "opens with a comment" },
  { "an opening of one word", "core/book/book.c", "/* book */\n", "expected a paragraph" },
  { "unfinished work", "core/book/book.c", OPENING .. "/* " .. "TO" .. "DO: later */\n", "unfinished" },
  { "unfinished prose", "README.md", "FIX" .. "ME\n", "unfinished" },
  { "a machine's path", "README.md", "cd /wo" .. "rk/main\n", "path of one machine" },
  { "a temporary path", "core/book/book.c", OPENING .. 'static const char *p = "/t' .. 'mp/x";\n', "path of one machine" },
}

local function write(root, path, text)
  os.execute(("mkdir -p '%s/%s'"):format(root, path:match("^(.*)/") or "."))
  local file = assert(io.open(root .. "/" .. path, "w"))
  file:write(text)
  file:close()
end

local function judge(name, change)
  local root = scratch .. "/tree"
  os.execute(("rm -rf '%s'"):format(root))
  for path, text in pairs(clean) do
    write(root, path, text)
  end
  if change then write(root, change[2], change[3]) end
  local pipe = io.popen(("lua5.4 '%s/tests/arch/house.lua' '%s' 2>&1"):format(source, root))
  local output = pipe:read("a")
  local ok = pipe:close()
  local good
  if change then
    good = not ok and output:find(change[4], 1, true) ~= nil and output:find("\n1 findings", 1, true) ~= nil
  else
    good = ok == true
  end
  print((good and "ok      " or "NOT OK  ") .. name)
  if not good then print(output) end
  return good
end

local failed = judge("the unbroken tree has no finding", nil) and 0 or 1
for _, change in ipairs(broken) do
  if not judge(change[1], change) then failed = failed + 1 end
end
os.execute(("rm -rf '%s'"):format(scratch))
print(("%d of %d as expected"):format(#broken + 1 - failed, #broken + 1))
os.exit(failed == 0 and 0 or 1)
