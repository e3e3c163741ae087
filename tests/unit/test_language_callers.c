/* rooms: kit language; inside: language; libraries: lib_lua */
/* Callers: which functions run without the hook that counts instructions, that nothing else is different for them, and that what they are
 * given stays what it is, from one kind of value to another. */
#include "functions_world.h"

static struct functions_world w;

static int forget(void **state) {
  (void)state;
  functions_forget(&w);
  return 0;
}

static const struct function *opened(const char *body) {
  functions_body(&w, "\"steps\", \"event.x\", \"profile.a.b\"", body);
  functions_set(&w, "steps", value_number(7));
  return &w.functions->at[0];
}

static void straight_is_what_cannot_run_long(void **state) {
  (void)state;
  static const struct {
    const char *body;
    bool straight, reads;
  } cases[] = {{"return user.steps > 5", true, true},
               {"local n <const>, m = user.steps, 2 if n > m then return true elseif n == 1 then do return false end end", true, true},
               {"-- for while repeat function goto\nreturn 'for while' == [[repeat function]]", true, true},
               {"return ('x'):upper() == 'X' and math.max(1, user.steps) > 5 and pcall(error, 'x')", true, true},
               {"local t = { a = 1 } return t.a == 1", true, false},
               {"user.steps = 5", true, false},
               {"local a user.steps = 5", true, false},
               {"local a, b user['steps'], a = 5, 6", true, false},
               {"local n = 0 n = n + 1 return n == 1", true, true},
               {"for i = 1, 2 do end return true", true, true},
               {"for i = 9, 1, 2 do end for i = 1, 9, 2 do end return true", true, true},
               {"for i = 1, user.steps do end return true", true, true},
               {"for i = 1, 2 + 1e9 do end return true", true, true},
               {"for i = 1, 1000000 do end return true", true, true},
               {"for i = 3, 1, -1 do end return true", true, true},
               {"for i = 1, 99 do for k = 1, 99 do end end return true", false, false},
               {"for _, v in ipairs({ 1, 2 }) do end return true", true, true},
               {"for k, v in pairs(({ 'a' })) do for i = 1, 3 do end end return true", true, true},
               {"for k in pairs({}) and tostring, 1 do end return true", true, true},
               {"for k in pairs({}).x do end return true", true, true},
               {"for k in tostring, 1 do end return true", true, true},
               {"local ipairs = select for k in ipairs(2, 0, tostring, 1) do end return true", false, false},
               {"local a, pairs (function() end)() for k in pairs(2) do end return true", false, false},
               {"local n = 0 while n < 2 do n = n + 1 end return true", true, true},
               {"local n = 0 repeat n = n + 1 until n > 2 return true", true, true},
               {"local n = 0 ::again:: n = n + 1 if n < 3 then goto again end return true", true, true},
               {"local function f() return true end return f()", false, false},
               {"return pcall(function() return true end)", false, false}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const struct function *f = opened(cases[i].body);
    if (f->straight != cases[i].straight || f->reads != cases[i].reads)
      fail_msg("%s: straight %d, reads %d", cases[i].body, f->straight, f->reads);
  }
  char body[4000] = "local n for i = 1, 9 do n = user.steps > 5";
  for (int i = 0; i < 100; i++) strcat(body, " and user.steps > 5");
  strcat(body, " end return n");
  assert_false(opened(body)->straight); /* its hundred terms, nine times, are more than the bound */
}

/* Rounds through lists: few run without the hook; many set it, and what they may cost is what it always was. The same fuel each time. */
static void many_rounds_are_counted(void **state) {
  (void)state;
  static const struct {
    const char *head, *tail;
    bool counted, spent;
  } cases[] = {{"", "", false, false},
               {"for _, a in ipairs(t) do", "end", true, false},
               {"for _, a in ipairs(t) do for _, b in ipairs(t) do", "end end", true, true},
               {"for k in pairs(t) do for _, b in ipairs(t) do for k in pairs(t) do", "end end end", true, true}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char body[600];
    snprintf(body, sizeof body,
             "local t, n = {}, 0 for i = 1, 100 do t[i] = i end %s for _, c in ipairs(t) do n = n + 1 end %s return n >= 100",
             cases[i].head, cases[i].tail);
    assert_true(opened(body)->straight);
    long fuel = 0;
    for (int again = 0; again < 3; again++) {
      const struct value v = functions_say(&w, 0);
      const struct sandbox *s = &w.functions->idle[0]->sandbox;
      assert_int_equal(lua_gethookmask(s->L) != 0, cases[i].counted);
      assert_true(cases[i].spent ? v.kind == VALUE_MISSING && v.reason == MISSING_SPENT : v.kind == VALUE_BOOL && v.number == 1);
      assert_true(s->fuel >= 0 && (again == 0 || s->fuel == fuel));
      fuel = s->fuel;
    }
  }
}

/* Where a text or a line ends, Lua and the scan must agree: otherwise a loop looks like a text, and runs unwatched for ever. */
static void no_loop_hides_in_a_text(void **state) {
  (void)state;
  static const char *const bodies[] = {"-- here\r while true do end",
                                       "-- here\n\r while true do end",
                                       "local a = \"\\z\n  \" while true do end local b = \"\\z\n  \" return a == b",
                                       "local a = \"\\\r\n\" while true do end local b = \"\\\r\n\" return a == b",
                                       "local a = \"\\\n\r\" while true do end local b = \"\\\n\r\" return a == b",
                                       "local a = '\\z\f\v \r' while true do end local b = '\\z\r' return a == b"};
  for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
    if (opened(bodies[i])->straight) fail_msg("%zu runs without the hook", i);
    const struct value v = functions_say(&w, 0);
    assert_true(v.kind == VALUE_MISSING && v.reason == MISSING_SPENT);
  }
  assert_false(opened("user.\fsteps = 8 return user.steps == 8")->reads);
  assert_false(opened("user.\vsteps = 8 return user.steps == 8")->reads);
}

/* What a function can reach through the locals of its file counts, also through tables and through itself. */
static void straight_calls_no_function_of_the_file(void **state) {
  (void)state;
  static const char *const heads[] = {"local function f() return f() end\n", "local t = { x = { function() while true do end end } }\n",
                                      "local function g() for i = 1, 1e9 do end end\nlocal function f() return g() end\n"};
  static const char *const calls[] = {"f()", "t.x[1]()", "f()"};
  char text[500];
  for (int i = 0; i < 3; i++) {
    snprintf(text, sizeof text, "%strigger \"t\" { why = \"w\", on = \"e\", needs = {},\nwhen = function() return %s end }", heads[i],
             calls[i]);
    functions_open(&w, text);
    assert_false(w.functions->at[0].straight);
    struct value v = functions_say(&w, 0);
    assert_true(v.kind == VALUE_MISSING && v.reason == MISSING_SPENT);
  }
  functions_open(&w, "local limit, words = 5, { 'a' }\n"
                     "trigger \"t\" { why = \"w\", on = \"e\", needs = {},\nwhen = function() return limit > 4 and words[1] == 'a' end }");
  assert_true(w.functions->at[0].straight && functions_say(&w, 0).number == 1);
}

/* The hook, had it been set, would have had nothing to say: the same value and the same fuel. */
static void without_the_hook_nothing_is_different(void **state) {
  (void)state;
  static const char *const bodies[] = {
      "return user.steps > 5 and user.profile.a.b == 'B' and event.x == nil",
      "return string.format('%d%s', user.steps, ('ab'):rep(2000)):find('b') == 3",
      "local t = { 3, 1, 2 } table.sort(t) table.insert(t, user.steps) return table.concat(t, ',') == '1,2,3,7'",
      "return user.steps + nil",
      "return ('x'):rep(4096):rep(2)",
      "local t = { a = { b = { 1 } } } return t.a.b[2]"};
  for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
    assert_true(opened(bodies[i])->straight);
    functions_set(&w, "profile.a.b", value_text(STR("B")));
    struct function *f = &w.functions->at[0];
    struct value counted[2];
    long fuel[2];
    for (int hook = 0; hook < 2; hook++) {
      f->straight = !hook;
      counted[hook] = functions_say(&w, 0);
      fuel[hook] = w.functions->idle[0]->sandbox.fuel;
      assert_int_equal(lua_gethookmask(w.functions->idle[0]->sandbox.L) != 0, hook);
    }
    assert_int_equal(fuel[0], fuel[1]);
    assert_true(counted[0].kind == counted[1].kind && counted[0].reason == counted[1].reason);
  }
}

/* Straight functions that assign to nothing see tables where others see userdata: the words must not tell, and must not write. */
static void what_is_given_cannot_be_written_by_words(void **state) {
  (void)state;
  static const struct {
    const char *body, *sentence; /* NULL: it says yes */
  } cases[] = {{"table.insert(user, 1)", "what a function is given is no list"},
               {"table.insert(user, 1, 'x')", "what a function is given is no list"},
               {"local x = user table.remove(x)", "what a function is given is no list"},
               {"table.sort(user)", "what a function is given is no list"},
               {"table.sort(user, math.max)", "what a function is given is no list"},
               {"return table.concat(user) == ''", "what a function is given is no list"},
               {"return table.unpack(user) == nil", "what a function is given is no list"},
               {"return #user == 0", "what a function is given is no list"},
               {"return pairs(user) == nil", "what a function is given cannot be gone through"},
               {"return user.profile.z", "\"z\" is not in needs"},
               {"return ipairs(user)(user, 0) == nil", "names are texts"},
               {"return pcall(table.insert, user, 1) == false and user.steps == 7", NULL},
               {"return type(user) == 'userdata' and tostring(user) == 'userdata' and type(user.profile) == 'userdata'", NULL},
               {"return user ~= event and user == user", NULL}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_true(opened(cases[i].body)->reads);
    struct value v = functions_say(&w, 0);
    struct function_figures figures;
    functions_figures(w.functions, 0, &figures);
    if (cases[i].sentence ? !strstr(figures.sentence, cases[i].sentence) : v.kind != VALUE_BOOL || v.number != 1)
      fail_msg("%s: %s", cases[i].body, figures.sentence);
  }
}

/* One name, every kind of value after every other, with collections in between: nothing of the call before shows through. */
static void values_do_not_show_through(void **state) {
  (void)state;
  const struct value items[] = {value_number(1)};
  const struct value kinds[] = {value_number(3),
                                value_missing(MISSING_ABSENT),
                                value_text(STR("calm")),
                                value_bool(false),
                                {.kind = VALUE_LIST, .count = 1, .items = items},
                                value_number(0.5)};
  static const char *const says[] = {"number 3", "nil nil", "string calm", "boolean false", "table table", "number 0.5"};
  functions_open(&w, "intervention \"i\" { message = { en = \"{a}\" }, needs = { \"steps\", \"event.x\" },\n"
                     "values = { a = function(user, event) return type(user.steps) .. ' ' .. tostring(user.steps) end } }");
  functions_set(&w, "event.x", value_number(1));
  unsigned seed = 1;
  for (int round = 0; round < 400; round++) {
    seed = seed * 1103515245u + 12345u;
    unsigned pick = (seed >> 16) % 6;
    functions_set(&w, "steps", kinds[pick]);
    struct value v = functions_say(&w, 0);
    if (v.kind != VALUE_TEXT || !str_is(value_str(v), says[pick])) fail_msg("round %d: expected %s", round, says[pick]);
    if (round % 5 == 0) lua_gc(w.functions->idle[0]->sandbox.L, LUA_GCCOLLECT);
  }
}

/* More names than a caller takes are asked for one by one. */
static void many_names(void **state) {
  (void)state;
  char text[8192] = "trigger \"t\" { why = \"w\", on = \"e\", needs = {", piece[60];
  for (int i = 0; i < 60; i++) {
    snprintf(piece, sizeof piece, "\"f%d\", \"profile.p%d.x\", ", i, i);
    strcat(text, piece);
  }
  strcat(text, "},\nwhen = function(user) return user.f0 == 0 and user.f59 == 59 and user.profile.p1.x == nil end }");
  struct functions_world *big = &w;
  functions_load(big, text);
  assert_int_equal(big->findings.errors, 0);
  struct err e = {0};
  big->symbols = (struct symbols){.arena = &big->arena, .find = functions_find, .context = big};
  assert_true(symbols_name(&big->symbols, big->nouns.functions[0].name, &e));
  assert_non_null(big->functions = functions_new(&big->source, 1, &big->nouns, &big->symbols, &e));
  struct value slots[130] = {0};
  for (size_t i = 0; i < big->symbols.count; i++) slots[i] = value_missing(MISSING_ABSENT);
  for (int i = 0; i < 60; i++) {
    snprintf(piece, sizeof piece, "f%d", i);
    const struct symbol *s = symbols_known(&big->symbols, str_from(piece));
    assert_non_null(s);
    slots[s->slot] = value_number(i);
  }
  for (int again = 0; again < 3; again++) assert_true(functions_call(big->functions, 0, slots, false, &big->arena).number == 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(straight_is_what_cannot_run_long),
                                     cmocka_unit_test(many_rounds_are_counted),
                                     cmocka_unit_test(no_loop_hides_in_a_text),
                                     cmocka_unit_test(straight_calls_no_function_of_the_file),
                                     cmocka_unit_test(without_the_hook_nothing_is_different),
                                     cmocka_unit_test(what_is_given_cannot_be_written_by_words),
                                     cmocka_unit_test(values_do_not_show_through),
                                     cmocka_unit_test(many_names)};
  return cmocka_run_group_tests(tests, NULL, forget);
}
