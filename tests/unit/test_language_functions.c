/* rooms: kit language; inside: language; libraries: lib_lua */
/* Functions in nouns: what they see, what they give, what is refused; and the promises about every call: L1 limits, L3 nothing stays. */
#include "functions_world.h"

static struct functions_world w;

static int forget(void **state) {
  (void)state;
  functions_forget(&w);
  return 0;
}

static void refused(const char *text, int line, const char *sentence) {
  if (functions_load(&w, text)) fail_msg("%s was accepted", text);
  if (w.findings.at[0].line != line || !strstr(w.findings.at[0].text, sentence))
    fail_msg("%.300s\n  gave %d: %s\n  wanted %d: %s", text, w.findings.at[0].line, w.findings.at[0].text, line, sentence);
}

static void gives(const char *body, struct value wanted) {
  functions_body(&w,
                 "\"steps\", \"mood\", \"tags\", \"flag\", \"skip_probability\", \"event.x\", \"event.local_hour\", "
                 "\"profile.a.b\", \"profile.a.c\", \"arm.evening-walk\", \"segment.early\"",
                 body);
  struct value tags[] = {value_text(STR("knee")), value_number(2)};
  functions_set(&w, "steps", value_number(7));
  functions_set(&w, "mood", value_text(STR("calm")));
  functions_set(&w, "tags", (struct value){.kind = VALUE_LIST, .count = 2, .items = tags});
  functions_set(&w, "flag", value_bool(true));
  functions_set(&w, "skip_probability", value_number(0.75));
  functions_set(&w, "event.local_hour", value_number(18.5));
  functions_set(&w, "profile.a.b", value_text(STR("B")));
  functions_set(&w, "arm.evening-walk", value_text(STR("walk")));
  functions_set(&w, "segment.early", value_bool(true));
  functions_set(&w, "event.x", value_text((struct str){"a\0b", 3})); /* a text with a NUL is missing */
  struct value v = functions_say(&w, 0);
  if (!value_equal(&v, &wanted)) {
    struct function_figures figures;
    functions_figures(w.functions, 0, &figures);
    fail_msg("%s: kind %d, reason %d: %s", body, v.kind, v.reason, figures.sentence);
  }
}

static void a_function_sees_what_it_needs(void **state) {
  (void)state;
  const struct value yes = value_bool(true), no = value_bool(false), missing = value_missing(MISSING_ABSENT);
  gives("return user.steps > 5", yes);
  gives("return user.steps == 7 and user.mood == 'calm' and user.flag", yes);
  gives("return predicted.skip_probability > 0.75", no);
  gives("return event.x", missing);
  gives("return event.x == nil and event.local_hour >= 18", yes);
  gives("return user.profile.a.b .. user.steps == 'B7'", yes);
  gives("return user.profile.a.c == nil", yes);
  gives("return user.arm['evening-walk'] == 'walk' and user.segment.early", yes);
  gives("local n = 0 for _, v in ipairs(user.tags) do if v == 'knee' then n = n + 1 end end return n == 1 and #user.tags == 2", yes);
  gives("local t = user.tags t[1] = 'x' return user.tags[1] == 'knee'", yes); /* a copy is the function's own */
  gives("local sum = 0 for i = 1, 100 do sum = sum + i end return sum == 5050", yes);
  gives("return nil", missing);
  gives("return", missing);
  gives("return false, 1, 2", no);
}

static void what_it_does_not_need_it_does_not_see(void **state) {
  (void)state;
  static const struct {
    const char *body, *sentence;
    int line;
  } cases[] = {{"return user.stepz > 5", "\"stepz\" is not in needs", 2},
               {"return predicted.steps", "\"steps\" is not in needs", 2},
               {"\nreturn user.profile.z", "\"z\" is not in needs", 3},
               {"user.steps = 5", "what a function is given cannot be changed", 2},
               {"user.other = 5", "what a function is given cannot be changed", 2},
               {"user.profile.a = 5", "what a function is given cannot be changed", 2},
               {"for k in pairs(user) do end", "cannot be gone through", 2},
               {"return #user", "what a function is given is no list", 2},
               {"return 5", "the function returned a number where a truth is expected: true, false or nil", 2},
               {"return 'yes'", "the function returned a text where a truth is expected", 2},
               {"return user.nobody and 1 or user", "is not in needs", 2},
               {"return user", "the function returned a table where a truth is expected", 2},
               {"return user[1]", "names are texts", 2},
               {"return user.steps.x", "attempt to index a number value", 2},
               {"trigger 'x' {}", "a trigger is declared while its file loads", 2},
               {"x = 5", "global variables are not in the language", 2},
               {"error('no!')", "no!", 2},
               {"error('no!\\nnever')", "no!", 2},
               {"error({})", "the error is no text", 2}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    functions_body(&w, "\"steps\", \"profile.a.b\"", cases[i].body);
    functions_set(&w, "steps", value_number(7));
    struct value v = functions_say(&w, 0);
    struct function_figures figures;
    functions_figures(w.functions, 0, &figures);
    assert_int_equal(v.kind, VALUE_MISSING);
    if (v.reason != MISSING_RAISED || figures.raised != 1 || !strstr(figures.sentence, cases[i].sentence) ||
        (cases[i].line && figures.line != cases[i].line))
      fail_msg("%s: reason %d, line %d: %s", cases[i].body, v.reason, figures.line, figures.sentence);
  }
}

static void numbers_and_texts_where_they_are_wanted(void **state) {
  (void)state;
  functions_open(&w, "local greeting = { en = 'Hello', list = { 'a', 'b' } }\n"
                     "local function join(t) return table.concat(t, '+') end\n"
                     "intervention \"i\" { message = { en = \"{n} {t}\" }, needs = { \"steps\" },\n"
                     "  accept = function(user) return user.steps > 3 end,\n"
                     "  match = function(user) return user.steps / 10 end,\n"
                     "  values = { n = function(user) return user.steps * 2 end,\n"
                     "             t = function() return greeting.en .. ' ' .. join(greeting.list) .. #greeting.list end } }");
  assert_int_equal(w.nouns.function_count, 4);
  functions_set(&w, "steps", value_number(5));
  for (uint32_t i = 0; i < 4; i++) {
    struct str name = w.nouns.functions[i].name;
    struct value v = functions_say(&w, i);
    if (str_starts(name, "function intervention i.accept (rules/x.lua:4)")) assert_true(v.kind == VALUE_BOOL && v.number == 1);
    else if (str_starts(name, "function intervention i.match (rules/x.lua:5)")) assert_true(v.kind == VALUE_NUMBER && v.number == 0.5);
    else if (str_starts(name, "function intervention i.values.n (rules/x.lua:6)")) assert_true(v.number == 10);
    else {
      assert_true(str_is(name, "function intervention i.values.t (rules/x.lua:7)"));
      assert_true(v.kind == VALUE_TEXT && str_is(value_str(v), "Hello a+b2"));
    }
  }
  functions_set(&w, "steps", value_missing(MISSING_ABSENT)); /* nil / 10 raises: the place gets nothing, the event goes on */
  assert_int_equal(functions_say(&w, 1).reason, MISSING_RAISED);
}

#define TRIGGER(fields) "\ntrigger \"t\" { why = \"w\", on = \"e\", " fields " }"

static void what_is_refused_while_it_loads(void **state) {
  (void)state;
  refused(TRIGGER("when = function() return true end"), 2, "a function needs \"needs\"");
  refused(TRIGGER("when = \"x\", needs = { \"x\" }"), 2, "\"needs\" is for functions");
  refused(TRIGGER("when = \"function trigger t.when\""), 2, "a function stands without quotes");
  refused(TRIGGER("when = \" function (user) return true end\""), 2, "a function stands without quotes");
  refused(TRIGGER("when = math.floor, needs = {}"), 2, "is a word of the language, not a function of yours");
  refused(TRIGGER("why = function() end"), 2, "\"why\" must be a text, got a function");
  refused(TRIGGER("cooldown = function() end"), 2, "must be a duration");
  refused("feature \"f\" { window = \"count\", of = \"e\", days = 7, where = function() end }", 1,
          "\"where\" must be a condition in quotes, got a function");
  refused("feature \"f\" { value = function() end }", 1, "a function needs \"needs\"");
  refused("feature \"f\" { window = \"count\", of = \"e\", days = 7, needs = { \"x\" } }", 1, "\"needs\" is for functions");
  refused("model \"m\" { plugin = \"p\", inputs = { \"a\" }, outputs = { \"b\" }, config = { x = { function() end } } }", 1,
          "\"config\" holds a function, which nothing there can call");
  refused("experiment \"x\" { why = \"w\", at = \"trigger:t\", randomise = \"user\", arms = { a = { weight = 0.5 }, b = { weight = 0.5 } },"
          " outcome = { metric = \"m\", within = 5 }, needs = { \"x\" } }",
          1, "\"needs\" is for functions");
}

/* ---- L1: no call exceeds 100 000 fuel, 1 MiB, 4 KiB a text, 10 ms ---- */
static void ends(const char *body, enum missing_reason reason) {
  functions_body(&w, "\"steps\", \"text\"", body);
  static char long_text[5000];
  memset(long_text, 'x', sizeof long_text);
  functions_set(&w, "text", value_text((struct str){long_text, sizeof long_text}));
  for (int again = 0; again < 3; again++) {
    struct value v = functions_say(&w, 0);
    if (v.kind != VALUE_MISSING || v.reason != reason) fail_msg("%s: kind %d, %s", body, v.kind, missing_word(v.reason));
    const struct sandbox *s = &w.functions->idle[0]->sandbox;
    assert_true(s->fuel >= 0 && s->bytes < 4u << 20);
  }
}

static void escapes_from_the_budget(void **state) {
  (void)state;
  ends("while true do end", MISSING_SPENT);
  ends("local function f() return f() end return f()", MISSING_SPENT);
  ends("while true do pcall(function() while true do end end) end", MISSING_SPENT);
  ends("local ok = pcall(function() while true do end end) return true", MISSING_SPENT);
  ends("pcall(pcall, pcall, function() while true do end end) return true", MISSING_SPENT);
  ends("local ok = pcall(function() return ('x'):rep(4096, 'y'):rep(2) end) return not ok and error('seen')", MISSING_RAISED);
  ends("local t = {} for i = 1, 1e9 do t[i] = i end", MISSING_MEMORY);
  ends("local t = {} for i = 1, 1e9 do t[i] = {} end", MISSING_MEMORY);
  ends("local t = {} pcall(function() for i = 1, 1e9 do t[i] = i end end) return true", MISSING_MEMORY);
  ends("local s = 'x' while true do s = s .. s end", MISSING_RAISED);
  ends("local s = 'x' pcall(function() while true do s = s .. s end end) return true", MISSING_RAISED);
  ends("local t = {} for i = 1, 9000 do t[i] = ('x'):rep(4000) end", MISSING_MEMORY);
  ends("local t = {} for i = 1, 30 do t[i] = ('x'):rep(4000) end return table.concat(t) == ''", MISSING_RAISED);
  ends("return user.text == 'x'", MISSING_RAISED); /* 5 000 bytes */
  ends("local function f() return 1 + f() end return f() == 1", MISSING_MEMORY);
  ends("local t = {} for i = 1, 9 do t[i] = i end table.sort(t, function() while true do end end)", MISSING_SPENT);
  ends("local t = {} for i = 1, 900 do t[i] = 900 - i end while true do table.sort(t) end", MISSING_SPENT);
  ends("local t = {} for i = 1, 5000 do t[i] = i end while true do table.insert(t, 1, 1) table.remove(t, 1) end", MISSING_SPENT);
  ends("local s = ('x'):rep(4096) while true do s:find('y') end", MISSING_SPENT);
  ends("local s = ('x'):rep(4000) while true do local _ = s:upper() end", MISSING_MEMORY);
  ends("local t = {} for i = 1, 300 do t['k' .. i] = i end while true do for _ in pairs(t) do end end", MISSING_SPENT);
  ends("return coroutine.wrap(function() end)", MISSING_RAISED);
  ends("return setmetatable({}, { __gc = function() while true do end end })", MISSING_RAISED);
  ends("return load('while true do end')()", MISSING_RAISED);
  ends("return (('x'):rep(200)):match(('x*'):rep(20) .. 'y')", MISSING_RAISED);
  ends("return table.move({}, 1, 1e9, 2)", MISSING_RAISED);
  ends("return select('#', table.unpack({}, 1, 1e8)) > 0", MISSING_RAISED);
}

static void a_call_that_takes_too_long_is_recorded(void **state) {
  (void)state;
  functions_body(&w, "", "local n = 0 for i = 1, 20000 do n = n + i end return n > 0");
  assert_int_equal(functions_say(&w, 0).kind, VALUE_BOOL);
  w.functions->limits.time = -1;
  struct value v = functions_say(&w, 0);
  assert_true(v.kind == VALUE_MISSING && v.reason == MISSING_LATE);
  assert_true(function_end_is_recorded(MISSING_LATE) && function_end_is_recorded(MISSING_MEMORY) &&
              function_end_is_recorded(MISSING_STOPPED));
  assert_false(function_end_is_recorded(MISSING_SPENT) || function_end_is_recorded(MISSING_RAISED));
  assert_int_equal(functions_call(w.functions, 0, w.slots, true, &w.arena).kind, VALUE_BOOL); /* a replay has time */
}

static void repeated_offence_stops_a_function(void **state) {
  (void)state;
  functions_body(&w, "\"steps\"", "if user.steps == 1 then error('bad') end return true");
  struct function_figures figures;
  functions_set(&w, "steps", value_number(1));
  for (int i = 1; i < FUNCTION_FAILURES_MOST; i++) assert_int_equal(functions_say(&w, 0).reason, MISSING_RAISED);
  functions_set(&w, "steps", value_number(2));
  assert_int_equal(functions_say(&w, 0).kind, VALUE_BOOL); /* the row is broken */
  functions_set(&w, "steps", value_number(1));
  for (int i = 0; i < FUNCTION_FAILURES_MOST; i++) assert_int_equal(functions_say(&w, 0).reason, MISSING_RAISED);
  functions_figures(w.functions, 0, &figures);
  assert_true(figures.stopped && figures.line == 2 && figures.raised == 2 * FUNCTION_FAILURES_MOST - 1);
  functions_set(&w, "steps", value_number(2));
  assert_int_equal(functions_say(&w, 0).reason, MISSING_STOPPED);
  assert_int_equal(functions_call(w.functions, 0, w.slots, true, &w.arena).kind, VALUE_BOOL);
}

/* ---- L2: what runs reaches no more than what loads, and less: nouns raise ---- */
static void stock_words_are_not_there(void **state) {
  (void)state;
  static const char *const gone[] = {"io",        "os",           "package",      "debug", "load",          "dofile", "require",
                                     "coroutine", "setmetatable", "getmetatable", "next",  "print",         "_G",     "rawget",
                                     "rawset",    "rawequal",     "xpcall",       "warn",  "collectgarbage"};
  static const char *const members[] = {"string.gsub", "string.match", "string.dump", "math.random",
                                        "math.sin",    "table.move",   "utf8.codes"};
  for (size_t i = 0; i < sizeof gone / sizeof *gone + sizeof members / sizeof *members; i++) {
    bool member = i >= sizeof gone / sizeof *gone;
    char body[100];
    snprintf(body, sizeof body, "local x = %s return x == nil", member ? members[i - sizeof gone / sizeof *gone] : gone[i]);
    functions_body(&w, "\"steps\"", body);
    assert_int_equal(functions_say(&w, 0).reason, MISSING_RAISED);
    struct function_figures figures;
    functions_figures(w.functions, 0, &figures);
    if (!strstr(figures.sentence, member ? "has no word" : "unknown word")) fail_msg("%s: %s", body, figures.sentence);
  }
  size_t count;
  const struct noun_doc *nouns = language_nouns(&count);
  for (size_t i = 0; i < count; i++) {
    char body[100];
    snprintf(body, sizeof body, "return %s \"x\" { why = \"y\" }", nouns[i].word);
    functions_body(&w, "\"steps\"", body);
    assert_int_equal(functions_say(&w, 0).reason, MISSING_RAISED);
  }
}

/* ---- L4: the same values, the same fuel, whatever ran before and in whichever sandbox ---- */
static long fuel_of(uint32_t number) {
  functions_set(&w, "steps", value_number(7));
  struct value v = functions_say(&w, number);
  if (v.kind == VALUE_MISSING) fail_msg("%s", missing_word(v.reason));
  return w.functions->idle[0]->sandbox.fuel;
}

static void the_same_fuel(void **state) {
  (void)state;
  static const char text[] =
      "local words = { 'one', 'two', 'three' }\n"
      "intervention \"i\" { message = { en = \"{a} {b}\" }, needs = { \"steps\" }, values = {\n"
      "  a = function(user) local t = {} for i = 1, 300 do t[i] = { i, words[i % 3 + 1] .. i } end\n"
      "    table.sort(t, function(x, y) return x[2] < y[2] end) local s = '' for i = 1, 40 do s = s .. t[i][2] end\n"
      "    for k in pairs({ b = 1, a = 2, c = user.steps }) do s = s .. k end return #s .. tostring(user.steps) end,\n"
      "  b = function(user) local t = {} for i = 1, 90 do t['k' .. i .. user.steps] = ('x'):rep(i) end return #t end } }";
  functions_open(&w, text);
  uint32_t a = strstr(w.nouns.functions[0].name.at, "values.a") ? 0 : 1;
  long first = fuel_of(a), other = fuel_of(1 - a);
  assert_true(first > 0 && first < 100000 && other > 0);
  for (int round = 0; round < 100; round++) {
    if (round % 7 == 0) fuel_of(1 - a);
    if (round % 30 == 29) functions_open(&w, text); /* fresh sandboxes, at other addresses */
    assert_int_equal(fuel_of(a), first);
  }
  assert_int_equal(fuel_of(1 - a), other);
}

/* ---- L3: nothing stays from call to call ---- */
static void a_local_of_the_file_stays(void **state) {
  (void)state;
  functions_open(&w, "local n, text, list, deep = 0, 'a', { 1, 2 }, { inner = { x = 1 } }\n"
                     "local function count() n = n + 1 return n end\n"
                     "trigger \"t\" { why = \"w\", on = \"e\", needs = {},\n"
                     "  when = function() n = n + 1 return n == 1 end,\n"
                     "  available = function() return count() == 1 end }\n"
                     "intervention \"i\" { message = { en = \"x\" }, needs = {},\n"
                     "  accept = function() return n == 0 and text == 'a' and #list == 2 and deep.inner.x == 1 end,\n"
                     "  available = function() text = nil return true end }");
  size_t looked = 0;
  for (int round = 0; round < 3; round++)
    for (uint32_t i = 0; i < 4; i++) {
      bool looks = strstr(w.nouns.functions[i].name.at, "i.accept") != NULL;
      struct value v = functions_say(&w, i);
      if (looks) assert_true(v.kind == VALUE_BOOL && v.number == 1);
      else assert_int_equal(v.reason, MISSING_RAISED);
      looked += looks;
    }
  assert_int_equal(looked, 3);
}

static void tables_of_the_file_can_be_read_only(void **state) {
  (void)state;
  static const char *const bodies[] = {"list[1] = 5",           "list.x = 5",         "deep.inner.x = 5",
                                       "table.insert(list, 1)", "table.remove(list)", "table.sort(list)",
                                       "deep.inner = nil",      "deep.f.x = 1",       "local l = deep.self.self l.inner = 1"};
  for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
    char text[800];
    snprintf(text, sizeof text,
             "local list, deep = { 3, 1, 2 }, { inner = { x = 1 }, f = { function() return 1 end } }\ndeep.self = deep\n"
             "trigger \"t\" { why = \"w\", on = \"e\", needs = {},\n"
             "  when = function() %s return true end,\n"
             "  available = function() return list[1] == 3 and #list == 3 and deep.inner.x == 1 and deep.f[1]() == 1 and\n"
             "    table.concat(list, ',') == '3,1,2' and select('#', table.unpack(list)) == 3 and type(list) == 'table' and\n"
             "    tostring(list) == 'table' and deep.self == deep end }",
             bodies[i]);
    functions_open(&w, text);
    for (int round = 0; round < 2; round++)
      for (uint32_t k = 0; k < 2; k++) {
        struct value v = functions_say(&w, k);
        bool writes = strstr(w.nouns.functions[k].name.at, "t.when") != NULL;
        if (writes && v.reason != MISSING_RAISED) fail_msg("%s was done", bodies[i]);
        if (!writes && !(v.kind == VALUE_BOOL && v.number == 1)) fail_msg("%s changed the table", bodies[i]);
      }
  }
}

/* Ten thousand attempts: a random path to something, a random way to change it; the same witness after each. */
static void random_writes(void **state) {
  (void)state;
  static const char *const targets[] = {"n",      "list",           "list[1]",    "deep.a",  "deep.a.b", "deep.a.b[1]", "math.pi",
                                        "string", "trigger",        "user.steps", "user",    "helper",   "text",        "deep.f",
                                        "utf8.x", "user.profile.a", "deep[list]", "nothing", "event.x",  "hours",       "_G"};
  static const char *const values[] = {"1", "nil", "{}", "user", "list", "function() end", "'x'", "deep", "0/0"};
  static const char *const ways[] = {"%s = %s",
                                     "pcall(function() %s = %s end)",
                                     "local x = %s if type(x) == 'table' then x[1] = %s end",
                                     "local x = %s table.insert(x, %s)",
                                     "local function deeper() local function most() %s = %s end most() end deeper()",
                                     "local x, y = %s, %s table.sort(x, function() n = n + 1 return false end)"};
  uint64_t seed = 7;
  for (int program = 0; program < 100; program++) {
    char text[1 << 15];
    size_t at =
        (size_t)snprintf(text, sizeof text,
                         "local n, text, list, deep = 0, 'a', { 3, 1 }, { a = { b = { 1 } } }\n"
                         "local function helper() return n end\ndeep.f = helper\n"
                         "intervention \"i\" { message = { en = \"x\" }, needs = { \"steps\", \"profile.a\", \"event.x\" },\n"
                         "  accept = function(user) return n == 0 and text == 'a' and list[1] == 3 and #list == 2 and deep.a.b[1] == 1\n"
                         "    and helper() == 0 and deep.f() == 0 and math.pi > 3 and user.steps == 7 end,\n  values = {\n");
    for (int k = 0; k < 30; k++) {
      size_t pick[3];
      for (int j = 0; j < 3; j++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        pick[j] = (size_t)(seed >> 33);
      }
      char way[200];
      const char *pattern = ways[pick[2] % (sizeof ways / sizeof *ways)], *target = targets[pick[0] % (sizeof targets / sizeof *targets)];
      if (strcmp(target, "_G") == 0) target = "globals";
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
      snprintf(way, sizeof way, pattern, target, values[pick[1] % (sizeof values / sizeof *values)]);
#pragma GCC diagnostic pop
      at += (size_t)snprintf(text + at, sizeof text - at, "    v%d = function(user, event) %s return 1 end,\n", k, way);
    }
    snprintf(text + at, sizeof text - at, "} }");
    functions_open(&w, text);
    functions_set(&w, "steps", value_number(7));
    uint32_t witness = 0;
    while (!strstr(w.nouns.functions[witness].name.at, "i.accept")) witness++;
    for (int call = 0; call < 100; call++) {
      functions_say(&w, (uint32_t)call % 31);
      struct value v = functions_say(&w, witness);
      if (v.kind != VALUE_BOOL || v.number != 1) fail_msg("program %d, call %d left something behind:\n%s", program, call, text);
    }
  }
}

/* A function that was given less than it needs would decide by what it does not see. */
static void without_memory_no_value_is_lost(void **state) {
  (void)state;
  gives("return user.steps == 7 and user.mood == 'calm' and user.flag and predicted.skip_probability == 0.75 and "
        "event.local_hour == 18.5 and user.profile.a.b == 'B'",
        value_bool(true));
  functions_free(w.functions);
  int refusals = 0;
  for (int64_t nth = 1; nth < 200; nth++) {
    struct err e = {0};
    kit_fail_allocation(nth);
    w.functions = functions_new(&w.source, 1, &w.nouns, &w.symbols, &e);
    kit_fail_allocation(0);
    refusals += w.functions == NULL;
    if (!w.functions) continue;
    const struct value v = functions_say(&w, 0);
    if (v.kind != VALUE_BOOL || v.number != 1) fail_msg("allocation %lld failed, and the function does not see its values", (long long)nth);
    functions_free(w.functions);
  }
  w.functions = NULL;
  assert_true(refusals > 10);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_function_sees_what_it_needs),
                                     cmocka_unit_test(what_it_does_not_need_it_does_not_see),
                                     cmocka_unit_test(numbers_and_texts_where_they_are_wanted),
                                     cmocka_unit_test(what_is_refused_while_it_loads),
                                     cmocka_unit_test(escapes_from_the_budget),
                                     cmocka_unit_test(a_call_that_takes_too_long_is_recorded),
                                     cmocka_unit_test(repeated_offence_stops_a_function),
                                     cmocka_unit_test(stock_words_are_not_there),
                                     cmocka_unit_test(the_same_fuel),
                                     cmocka_unit_test(a_local_of_the_file_stays),
                                     cmocka_unit_test(tables_of_the_file_can_be_read_only),
                                     cmocka_unit_test(without_memory_no_value_is_lost),
                                     cmocka_unit_test(random_writes)};
  return cmocka_run_group_tests(tests, NULL, forget);
}
