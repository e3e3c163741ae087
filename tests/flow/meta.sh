#!/bin/sh
# kairos meta: what editors and luacheck are told of the language is what the checker says. The default program is clean under the settings
# that are generated, every word that is not there is found, every noun and every field is in the definitions, the manual's tables and the
# API's answer are those of the field tables; and what an author changed is left alone.
set -eu
. "$KAIROS_SOURCE/tests/flow/engine.sh"
command -v luacheck >/dev/null 2>&1 || { echo "luacheck is missing; scripts/install test brings it"; exit 77; }

# ---- a new program has its editor files, and luacheck finds nothing ----
run 0 "$KAIROS" init "$work/p"
for file in .kairos/kairos.lua .luarc.json .luacheckrc; do [ -s "$work/p/$file" ] || say "init made no $file"; done
(cd "$work/p" && luacheck --no-cache --no-color --codes . >"$work/luacheck" 2>&1) || { cat "$work/luacheck" >&2; say "luacheck is not content"; }
grep -q 'Total: 0 warnings / 0 errors' "$work/luacheck" || say "luacheck did not look at the program"
run 0 "$KAIROS" check "$work/p"

# ---- what the sandbox refuses, luacheck finds too: each on its line, and nothing else ----
cat >"$work/p/rules/wrong.lua" <<'END'
triger "x" {}
local a = io
local b = os.time()
local c = string.gsub
local d = math.random
local e = setmetatable
here = a, b, c, d, e
trigger = 5
math.pi = 3
local f = every, silence, follow_up, nothing, hours, percent, table.concat, utf8.len, segment, metric
return f
END
(cd "$work/p" && luacheck --no-cache --codes --ranges --formatter plain rules/wrong.lua >"$work/luacheck" 2>&1) && say "luacheck found nothing"
for line in 1 2 3 4 5 6 7 8 9; do grep -q "^rules/wrong.lua:$line:" "$work/luacheck" || { cat "$work/luacheck" >&2; say "luacheck does not find line $line"; }; done
if grep -q '^rules/wrong.lua:10:.*(W1' "$work/luacheck"; then cat "$work/luacheck" >&2; say "luacheck does not know a word of the language"; fi
rm "$work/p/rules/wrong.lua"

# ---- the definitions are Lua, and hold every word, noun and field ----
luac=$(command -v luac5.4 || command -v luac || true)
[ -z "$luac" ] || "$luac" -p "$work/p/.kairos/kairos.lua" || say "the definitions are no Lua"
run 0 "$KAIROS" meta --json
cp "$work/out" "$work/nouns.json"
cat >"$work/compare.lua" <<'END'
local function read(path) local f = assert(io.open(path)); local s = f:read "a"; f:close(); return s end
local json, meta, manual = read(arg[1]), read(arg[2]), read(arg[3])
local nouns, fields = 0, 0
for noun in json:gmatch '"noun":"([%w_]+)"' do
  nouns = nouns + 1
  assert(meta:find("\nfunction " .. noun .. "(name) end", 1, true), noun .. " is in no definition")
  assert(meta:find("\n---@class (exact) kairos." .. noun .. "\n", 1, true), noun .. " has no class")
  assert(manual:find("### `" .. noun .. "`", 1, true), noun .. " is not in the manual")
end
for field in json:gmatch '"field":"([%w_]+)"' do
  fields = fields + 1
  assert(meta:find("\n---@field " .. field .. "%?? "), field .. " is in no definition")
  assert(manual:find("| `" .. field .. "` |", 1, true), field .. " is not in the manual")
end
for word in meta:gmatch "\nfunction ([%w_.]+)%(" do assert(manual:find(word:match "[%w_]+$", 1, true), word .. " is not in the manual") end
assert(nouns == 12 and fields > 100, nouns .. " nouns, " .. fields .. " fields")
local own = read(arg[4])
assert(manual:find(own, 1, true), "docs/RULES.md does not hold what kairos meta --manual prints")
END
run 0 "$KAIROS" meta --manual
sed -e '$d' "$work/out" >"$work/manual"
run 0 "${LUA:-lua5.4}" "$work/compare.lua" "$work/nouns.json" "$work/p/.kairos/kairos.lua" "$KAIROS_SOURCE/docs/RULES.md" "$work/manual"

# ---- the settings of an author stay; the definitions are made anew ----
echo '-- mine' >"$work/p/.luacheckrc"
echo 'old' >"$work/p/.kairos/kairos.lua"
run 0 "$KAIROS" meta "$work/p"
has 'is yours and stays'
grep -q '^-- mine' "$work/p/.luacheckrc" || say "the author's settings are gone"
grep -q '^---@meta' "$work/p/.kairos/kairos.lua" || say "the definitions were not made anew"
run 0 "$KAIROS" meta "$work/p" --force
grep -q 'stds.kairos' "$work/p/.luacheckrc" || say "--force did not write over the settings"
run 5 "$KAIROS" meta "$work/nowhere"
has 'there is no such directory'

# ---- the API says the same ----
run 0 "$KAIROS" init --data "$work/data"
start "$work/data" --program "$work/p"
expect_call 200 GET /v1/nouns
[ "$(cat "$work/answer")" = "$(cat "$work/nouns.json")" ] || say "GET /v1/nouns says something else than kairos meta --json"
