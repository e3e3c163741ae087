/* rooms: kit language; inside: language; libraries: lib_lua */
/* The sandbox: nothing but the documented words can be reached from a rule, nothing a rule does outlives its file or escapes its budget,
 * and every attempt gets a finding with file and line. */
#include "sandbox.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct arena arena;

static bool load(const char *text, struct findings *f) {
  struct source source = {.path = "rules/x.lua", .text = str_from(text)};
  struct nouns nouns;
  *f = (struct findings){.arena = &arena};
  return language_load(&arena, &source, 1, &nouns, f);
}
static int forget(void **state) {
  (void)state;
  arena_free(&arena);
  return 0;
}

/* The script must load without a finding: its asserts are the test. */
static void runs(const char *text) {
  struct findings f;
  if (!load(text, &f)) fail_msg("%s\n  %d: %s", text, f.at[0].line, f.at[0].text);
}
static void refused(const char *text, int line, const char *sentence) {
  struct findings f;
  if (load(text, &f)) fail_msg("%s was accepted", text);
  if (f.at[0].line != line || !strstr(f.at[0].text, sentence))
    fail_msg("%.200s\n  gave %d: %s\n  wanted %d: %s", text, f.at[0].line, f.at[0].text, line, sentence);
}

/* ---- what can be reached ---- */
struct walk {
  lua_State *L;
  const void *seen[2000];
  size_t seen_count, functions;
};

static bool is_ours(lua_CFunction function) {
  for (const struct library *l = libraries; l->words; l++)
    for (const struct word *w = l->words; w->name; w++)
      if (w->function == function) return true;
  return function == noun_call;
}

static bool known_global(const char *name) {
  size_t count;
  const char *const *words = language_words(&count);
  for (size_t i = 0; i < count; i++)
    if (strcmp(words[i], name) == 0) return true;
  return false;
}

/* Goes into tables, metatables and upvalues, which is more than a rule can do. Functions that are no words are allowed only as metamethods
 * (depth of a metatable), and must not be stock Lua's: those live in the Lua library, whose known functions are compared by address. */
static void visit(struct walk *w, const char *path, int depth) {
  lua_State *L = w->L;
  const void *at = lua_topointer(L, -1);
  for (size_t i = 0; at && i < w->seen_count; i++)
    if (w->seen[i] == at) return;
  if (at) {
    assert_true(w->seen_count < 2000 && depth < 20);
    w->seen[w->seen_count++] = at;
  }
  char inner[300];
  if (lua_type(L, -1) == LUA_TTABLE)
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
      snprintf(inner, sizeof inner, "%s.%s", path, lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?");
      if (lua_type(L, -1) == LUA_TFUNCTION && !strstr(path, "<meta>") && !is_ours(lua_tocfunction(L, -1))) fail_msg("%s is no word", inner);
      visit(w, inner, depth + 1);
    }
  if (lua_type(L, -1) == LUA_TFUNCTION) {
    w->functions++;
    if (!lua_iscfunction(L, -1)) fail_msg("%s is written in Lua", path);
    const char *name;
    for (int i = 1; (name = lua_getupvalue(L, -1, i)); i++) {
      snprintf(inner, sizeof inner, "%s<upvalue %d>", path, i);
      visit(w, inner, depth + 1);
      lua_pop(L, 1);
    }
  }
  if (lua_getmetatable(L, -1)) {
    snprintf(inner, sizeof inner, "%s<meta>", path);
    visit(w, inner, depth + 1);
    lua_pop(L, 1);
  }
}

/* From a text, from the environment (upvalue 1 of a chunk), from a moment: the globals found are exactly the documented ones. */
static void only_the_words_are_reachable(void **state) {
  (void)state;
  struct findings f = {.arena = &arena};
  struct sandbox s = {.arena = &arena, .findings = &f, .file = "x", .limits = &limits_of_loading};
  assert_true(sandbox_open(&s));
  lua_sethook(s.L, NULL, 0, 0);
  struct walk w = {.L = s.L};
  lua_pushliteral(s.L, "text");
  visit(&w, "text", 0);
  /* the words behind the environment: upvalue 1 of its __index; noun_call's table among the metatable's closures */
  lua_pushnil(s.L);
  bool found = false;
  while (lua_next(s.L, LUA_REGISTRYINDEX)) {
    if (lua_type(s.L, -1) == LUA_TUSERDATA && lua_getmetatable(s.L, -1)) {
      lua_getfield(s.L, -1, "__index");
      assert_non_null(lua_getupvalue(s.L, -1, 1));
      size_t count, here = 0;
      language_words(&count);
      for (lua_pushnil(s.L); lua_next(s.L, -2); lua_pop(s.L, 1), here++)
        if (!known_global(lua_tostring(s.L, -2))) fail_msg("%s is not documented", lua_tostring(s.L, -2));
      assert_int_equal(here, count);
      found = true;
      lua_pop(s.L, 2);
      visit(&w, "env<meta>", 0);
      lua_pop(s.L, 1);
    }
    lua_pop(s.L, 1);
  }
  assert_true(found && w.functions > 50);
  sandbox_close(&s);
}

static void stock_words_are_not_there(void **state) {
  (void)state;
  static const char *const gone[] = {
      "io",        "os",           "package",      "debug",  "load",           "loadstring", "loadfile", "dofile", "require",
      "coroutine", "setmetatable", "getmetatable", "rawget", "rawset",         "rawequal",   "rawlen",   "xpcall", "next",
      "print",     "_G",           "_VERSION",     "warn",   "collectgarbage", "journey",    "habit"};
  for (size_t i = 0; i < sizeof gone / sizeof *gone; i++) {
    char text[100];
    snprintf(text, sizeof text, "\nlocal x = %s", gone[i]);
    refused(text, 2, "unknown word");
  }
  static const char *const members[] = {"string.gsub", "string.match", "string.gmatch", "string.dump", "string.pack",   "math.random",
                                        "math.sin",    "table.move",   "table.pack",    "utf8.codes",  "string.reverse"};
  for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
    char text[100];
    snprintf(text, sizeof text, "local x = %s", members[i]);
    refused(text, 1, "has no word");
  }
  refused("local x = (\"x\"):gsub(\"x\", \"y\")", 1, "texts have no method \"gsub\"");
  refused("local x = (\"x\").dump", 1, "texts have no method \"dump\"");
  refused("triger \"x\" {}", 1, "unknown word \"triger\" (did you mean \"trigger\"?)");
  refused("trigger \"x\" { when = skip_risk }", 1, "unknown word \"skip_risk\" (a text or a condition stands in quotes)");
}

static void nothing_outlives_its_file(void **state) {
  (void)state;
  refused("local a = 1\nx = 5", 2, "global variables are not in the language (write local x)");
  refused("function f() end", 1, "global variables are not in the language (write local f)");
  refused("trigger = 5", 1, "\"trigger\" is a word of the language and cannot be changed");
  refused("math.floor = 5", 1, "\"floor\" is a word of the language and cannot be changed");
  refused("string.x = 5", 1, "global variables are not in the language");
  refused("local t = {}\nlocal _ENV = t", 2, "_ENV is not in the language");
  refused("-- a line ends here\r_ENV = {}", 2, "_ENV is not in the language");
  refused("local a = \"\\z\n  \" _ENV = 5 local b = \"\\z\n  \"", 2, "_ENV is not in the language");
  refused("local a = \"\\\r\n\" local c = 5 & 3 local b = \"\\\r\n\"", 2, "bitwise operators are not in the language");
  refused("table.insert(math, 5)", 1, "table expected");
  refused("for k in pairs(string) do end", 1, "table expected");
  refused("(every \"day\").at = 5", 1, "a moment cannot be changed");
  refused("local n = nothing\nn.x = 1", 2, "attempt to index a userdata value");
  refused("(\"x\").y = 1", 1, "attempt to index a string value");
}

/* Each of these would run or grow without end somewhere else. */
static void escapes_from_the_budget(void **state) {
  (void)state;
  refused("local n = 0\nwhile true do n = n + 1 end", 2, "the load needs too many steps");
  refused("local function f() return f() end\nf()", 1, "the load needs too many steps");
  refused("while true do\n  pcall(function() while true do end end)\nend", 2, "the load needs too many steps");
  refused("local ok = pcall(function()\n while true do end end)\ntrigger \"x\" {}", 2, "the load needs too many steps");
  refused("pcall(pcall, pcall, function() while true do end end)", 1, "the load needs too many steps");
  refused("local t = {}\nfor i = 1, 1e9 do t[i] = i end", 2, "64 MiB");
  refused("local t = {}\npcall(function() for i = 1, 1e9 do t[i] = {} end end)\nlocal survived = true", 2, "");
  refused("local s = 'x'\nwhile true do s = s .. s end", 2, "a text may have at most 65536 bytes");
  refused("local s = 'x'\npcall(function() while true do s = s .. s end end)", 2, "a text may have at most 65536 bytes");
  refused("local s = ('x'):rep(1e9)", 1, "string.rep makes at most 4096 bytes");
  refused("local s = ('x'):rep(4096, ('y'):rep(4096)):rep(2)", 1, "string.rep makes at most 4096 bytes");
  refused("local t = {}\nfor i = 1, 9000 do t[i] = ('x'):rep(4000) end\nlocal s = table.concat(t)", 3, "");
  refused("local t = {}\nfor i = 1, 300 do t[i] = i end\nlocal a = select('#', table.unpack(t))", 3,
          "table.unpack gives at most 200 values");
  refused("local t = {}\nfor i = 1, 20000 do t[i] = i end\ntable.sort(t)", 3, "at most 10000 elements");
  refused("local t = {}\nfor i = 1, 5000 do t[i] = i end\nwhile true do table.insert(t, 1, 1)\ntable.remove(t, 1) end", 4, "");
  refused("local t = {}\nt[1] = t\ntrigger \"x\" { on = \"a\", why = \"b\", when = t }", 3, "is nested more than 16 deep");
  refused("local t = {}\nfor i = 1, 1e7 do event(\"e\" .. i) {} end", 2, "the load needs too many steps");
  refused("local function f() return 1 + f() end\nf()", 1, "64 MiB");
  refused("local t = {}\nfor i = 1, 9 do t[i] = i end\ntable.sort(t, function() while true do end end)", 3,
          "the load needs too many steps");
}

static void a_spent_budget_stops_the_load(void **state) {
  (void)state;
  struct source sources[] = {{.path = "rules/a.lua", .text = STR("while true do end")},
                             {.path = "rules/b.lua", .text = STR("trigger \"x\" {}")}};
  struct nouns nouns;
  struct findings f = {.arena = &arena};
  assert_false(language_load(&arena, sources, 2, &nouns, &f));
  assert_int_equal(f.count, 2);
  assert_string_equal(f.at[1].text, "not loaded: an earlier file used up what a load may use");
  assert_string_equal(f.at[1].file, "rules/b.lua");
}

static void what_the_loader_refuses_before_lua(void **state) {
  (void)state;
  refused("\nlocal x = 1 ~ (2 or 3)", 2, "bitwise operators are not in the language");
  refused("local x = 1 << 2", 1, "bitwise operators are not in the language");
  refused("local x = ~1", 1, "bitwise operators are not in the language");
  refused("local x = 1 & 2 | 3", 1, "bitwise operators are not in the language");
  refused("local t = {}\nlocal x = t[1<2]", 2, "a comparison cannot be an index");
  refused("local t = { [(1 == 2)] = 1 }", 1, "a comparison cannot be an index");
  refused("local x = 2 ^ 0.5", 1, "`^` is not in the language");
  refused("\x1bLua", 1, "");
  static const char *const nul[] = {"\\0", "\\000", "\\x00", "\\u{0}", "\\u{000}", "a\\0b"};
  for (size_t i = 0; i < sizeof nul / sizeof *nul; i++) {
    char text[60];
    snprintf(text, sizeof text, "\nlocal s = '%s'", nul[i]);
    refused(text, 2, "a text cannot hold a NUL byte");
  }
  runs("assert('\\01\\x01\\u{1}\\\\0' ~= '\\010')");
  refused("goto\n", 2, "");
  runs("-- 1 ~ 2, t[1<2]\nlocal s = '1 ~ 2' --[==[ t[1<2] ]] ~ ]==]\nlocal l = [[ 1 & 2 ^ ]]\nassert(1 ~= 2 and ({ 1, 2 })[1 + 1] == 2)");
  runs("local t <const> = { 1, 2 }\nassert(t[#t] == 2 and t[1] < t[2])");
  static char large[(2 << 20) + 1];
  memset(large, ' ', sizeof large - 1);
  refused(large, 1, "a rule file may have at most 1 MiB");
  runs("\xef\xbb\xbflocal a = 1"); /* a byte order mark is no fault of the author's */
}

static void errors_name_their_line(void **state) {
  (void)state;
  refused("local a = 1\nerror(\"no!\")", 2, "no!");
  refused("\n\nerror({})", 3, "the error is no text");
  refused("local function f()\n  error(\"deep\", 2)\nend\nf()", 4, "deep");
  refused("assert(false, \"so\")", 1, "so");
  refused("local x = nil + 1", 1, "attempt to perform arithmetic on a nil value");
  refused("trigger \"a\" {\n  why = \"x\n}", 2, "unfinished string");
  refused("trigger {}", 1, "trigger needs a name: trigger \"name\" { field = value, … }");
  refused("trigger(\"x\", {})", 1, "trigger takes a name and then a table");
  refused("trigger \"x\" \"y\"", 1, "needs a table");
  refused("local t = trigger \"x\"\nt { why = \"a\", on = \"b\" }\nt {}", 3, "has its table already");
  refused("local e = every \"fryday\"", 1, "every knows no \"fryday\" (did you mean \"friday\"?)");
  refused("local e = every \"day\":at \"25:00\"", 1, "at needs a time of day from \"00:00\" to \"23:59\"");
  refused("local e = every \"day\":at \"7:30\"", 1, "two digits each, got \"7:30\"");
  /* What Lua says of the commonest slips, and what was most likely meant. */
  refused("trigger \"t\" { when = event.n > 1 }", 1, "(a condition is a text: when = \"event.steps > 5\")");
  refused("trigger \"t\" { when = segment.new }", 1, "(a condition is a text: when = ");
  refused("trigger \"t\" { cooldown = 2 hours }", 1, "near 'hours' (a number of them is written 2 * hours)");
  refused("trigger \"t\" { on = every \"day\" at \"07:30\" }", 1, "near 'at' (a moment is written every \"day\":at \"07:30\")");
  refused("trigger \"t\" { why = \"a\" on = \"b\" }", 1, "near 'on' (is a comma missing before it?)");
  refused("trigger \"t\" { on = { \"a\" \"b\" } }", 1, "(is a comma missing before it?)");
  refused("trigger t { why = \"a\" }", 1, "near 't' (names and texts stand in quotes: ");
  refused("local e = every \"day\":at \"07:30\":at \"08:00\"", 1, "at follows every");
  refused("local e = silence(0)", 1, "silence needs a duration above 0");
  refused("local e = follow_up { of = \"x\", after = 5 }", 1, "follow_up needs of = ");
  refused("local e = follow_up { off = \"x\" }", 1, "not \"off\"");
  for (int i = 0; i < 16; i++) /* whatever order the hash of this state has */
    refused("local e = follow_up { zeta = 1, og = \"x\", aftscenarioer = 8, [3] = 4, [true] = 5 }", 1, "not \"?\"");
  for (int i = 0; i < 16; i++) refused("local e = follow_up { zeta = 1, og = \"x\", aftscenarioer = 8 }", 1, "not \"aftscenarioer\"");
}

/* ---- what the words do ---- */
static void plain_words(void **state) {
  (void)state;
  runs("local order = {}\nfor k, v in pairs({ b = 1, a = 2, [3] = 3, [1] = 4, c = 5 }) do order[#order + 1] = tostring(k) end\n"
       "assert(table.concat(order, ' ') == '1 3 a b c')");
  runs("local n = 0\nfor i, v in ipairs({ 4, 5, nil, 6 }) do n = n + i * v end\nassert(n == 14)");
  runs("local t = {}\nfor i = 1, 500 do t['k' .. i] = i end\nlocal last = ''\nfor k in pairs(t) do assert(last < k); last = k end");
  runs("assert(select('#', 1, nil) == 2 and select(2, 'a', 'b') == 'b' and select(-1, 'a', 'b') == 'b')");
  runs("assert(tonumber('1e2') == 100 and tonumber('x') == nil and tonumber('') == nil and tonumber(5) == 5)");
  runs("assert(tostring(nil) == 'nil' and tostring(1.5) == '1.5' and tostring({}) == 'table' and tostring(nothing) == 'nothing')");
  runs("local ok, said = pcall(error, 'x')\nassert(not ok and said == 'x')\nassert(pcall(function() return 1 end))");
  runs("local ok, said = pcall(function() error('x') end)\nassert(not ok and said == 'rule:1: x')");
  runs("assert(type(trigger) == 'function' and type(every 'day') == 'userdata')");
  runs("assert(15 * minutes == 900 and 2 * hours == 7200 and week == 604800 and 50 * percent == 0.5)");
}

static void words_on_texts(void **state) {
  (void)state;
  runs("local s = 'Hello'\nassert(s:upper() == 'HELLO' and s:lower() == 'hello' and #s == 5 and s:len() == 5)");
  runs("assert(('hello'):sub(2, -2) == 'ell' and ('x'):sub(5) == '' and ('abc'):sub(-2) == 'bc' and ('abc'):byte(2) == 98)");
  runs("assert(('a.b'):find('.') == 2 and ('aXb'):find('%u') == nil and ('abab'):find('b', 3) == 4 and (''):find('') == 1)");
  runs("assert(('ab'):rep(3) == 'ababab' and ('ab'):rep(0) == '')");
  runs("assert(string.format('%d %5.2f %s %% %-4s|%x', 7, 1.5, nil, 'ab', 255) == '7  1.50 nil % ab  |ff')");
  refused("local s = string.format('%p', {})", 1, "string.format knows");
  refused("local s = string.format('%d')", 1, "more directives than values");
  refused("local s = string.format('%100d', 1)", 1, "string.format knows");
  runs("assert(utf8.len('привет') == 6 and utf8.char(1087, 33) == 'п!' and utf8.codepoint('пр', 3) == 1088)");
  refused("local n = utf8.len('\\xff')", 1, "this text is not UTF-8");
}

static void words_on_tables_and_numbers(void **state) {
  (void)state;
  runs("local t = { 3, 1, 2 }\ntable.sort(t)\nassert(table.concat(t, ',') == '1,2,3')\n"
       "table.sort(t, function(a, b) return a > b end)\nassert(table.concat(t, ',') == '3,2,1')");
  runs("local t = {}\nfor i = 1, 300 do t[i] = (i * 7919) % 1000 end\ntable.sort(t)\nfor i = 2, 300 do assert(t[i - 1] <= t[i]) end");
  runs("local t = { 1, 2, 3 }\ntable.sort(t, function() return true end)\nassert(#t == 3)"); /* an order that contradicts itself */
  runs("local t = { 1, 3 }\ntable.insert(t, 2, 2)\ntable.insert(t, 4)\nassert(table.concat(t) == '1234' and table.remove(t, 1) == 1 and #t "
       "== 3)");
  runs("assert(table.remove({}) == nil and select('#', table.unpack({ 1, 2 })) == 2 and table.concat({}) == '')");
  runs("assert(math.floor(-1.5) == -2 and math.ceil(1.2) == 2 and math.abs(-3) == 3 and math.max(1, 3, 2) == 3 and math.min(2, 1) == 1)");
  runs("assert(math.sqrt(16) == 4 and math.pow(2, 10) == 1024 and math.log(8, 2) > 2.999 and math.exp(0) == 1)");
  runs("assert(math.pi > 3.14 and math.huge > 1e308 and math.tointeger(3.0) == 3 and math.type(1) == 'integer' and math.tointeger(1.5) == "
       "nil)");
  refused("table.insert({}, 5, 1)", 1, "position out of bounds");
}

/* Same text, same findings and same nouns, whatever was loaded before. */
static void loads_do_not_meet(void **state) {
  (void)state;
  struct source sources[] = {
      {.path = "rules/a.lua", .text = STR("local t = string\nlocal ok = pcall(function() t.len = 1 end)\nassert(not ok)")},
      {.path = "rules/b.lua", .text = STR("assert(string.len('ab') == 2 and a == nil)")}};
  struct nouns nouns;
  struct findings f = {.arena = &arena};
  assert_false(language_load(&arena, sources, 2, &nouns, &f));
  assert_int_equal(f.count, 1);
  assert_string_equal(f.at[0].text, "unknown word \"a\" (a text or a condition stands in quotes)");
}

/* Every allocation failed in turn: a finding each time, never a crash, never a load that passes with a part missing. */
static void memory_may_fail_anywhere(void **state) {
  (void)state;
  static const char text[] =
      "event \"e\" { fields = { x = \"number\" } }\ntrigger \"t\" { why = \"y\", on = { \"e\", every \"day\":at \"08:00\" } }";
  bool passed = false;
  int refusals = 0;
  for (int64_t nth = 1; nth < 3000 && !passed; nth++) {
    struct arena own = {0};
    struct source source = {.path = "rules/x.lua", .text = STR(text)};
    struct nouns nouns;
    struct findings f = {.arena = &own};
    kit_fail_allocation(nth);
    bool good = language_load(&own, &source, 1, &nouns, &f);
    kit_fail_allocation(0);
    if (good) assert_true(nouns.event_count == 1 && nouns.trigger_count == 1 && nouns.triggers[0].on_count == 2);
    else assert_true(f.errors > 0);
    refusals += !good;
    passed = good && nth > 1500;
    arena_free(&own);
  }
  assert_true(passed && refusals > 0);
}

int main(void) {
#define ALONE(test) cmocka_unit_test_teardown(test, forget)
  const struct CMUnitTest tests[] = {ALONE(only_the_words_are_reachable),
                                     ALONE(stock_words_are_not_there),
                                     ALONE(nothing_outlives_its_file),
                                     ALONE(escapes_from_the_budget),
                                     ALONE(a_spent_budget_stops_the_load),
                                     ALONE(what_the_loader_refuses_before_lua),
                                     ALONE(errors_name_their_line),
                                     ALONE(plain_words),
                                     ALONE(words_on_texts),
                                     ALONE(words_on_tables_and_numbers),
                                     ALONE(loads_do_not_meet),
                                     ALONE(memory_may_fail_anywhere)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
