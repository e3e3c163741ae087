/* rooms: kit language; inside: language; libraries: lib_lua */
/* Hostile rule files, against the clock and the memory of whoever loads them and calls what they hold: chains that Lua's parser needs long
 * for, more nouns than anybody can compare, tables that every function leads to, words that work for nothing, and numbers at the edge. What
 * costs too much is refused by a count, so no test here measures a time. */
#include "functions_world.h"

static struct functions_world w;

static int forget(void **state) {
  (void)state;
  functions_forget(&w);
  return 0;
}

static void refused(const char *text, const char *sentence) {
  if (functions_load(&w, text)) fail_msg("%.100s was accepted", text);
  if (!strstr(w.findings.at[0].text, sentence)) fail_msg("%.100s\n  gave %s\n  wanted %s", text, w.findings.at[0].text, sentence);
}

/* ---- loading ---- */
/* The parser runs no instruction, so no hook comes by: the time is looked at while it reads. */
static void the_parser_has_a_deadline(void **state) {
  (void)state;
  const struct limits late = {.fuel = 10000000, .memory = 64u << 20, .text = 64u << 10, .time = -1};
  static char text[40000] = "local a\n\nlocal b = ";
  for (int i = 0; i < 6000; i++) strcat(text + i * 6, "a and ");
  strcat(text, "a");
  struct findings f = {.arena = &w.arena};
  struct sandbox s = {.arena = &w.arena, .findings = &f, .file = "x", .limits = &late};
  assert_true(sandbox_open(&s));
  const struct source source = {.path = "x", .text = str_from(text)};
  assert_false(sandbox_run(&s, &source));
  assert_string_equal(f.at[0].text, "the load takes too long");
  s.spent = SPENT_NOTHING;
  s.deadline = INT64_MAX;
  assert_true(sandbox_run(&s, &source) && f.count == 1); /* in pieces or at once, it is the same text */
  sandbox_close(&s);
}

static void more_than_anybody_needs(void **state) {
  (void)state;
  refused("for i = 1, 300 do model(\"m\" .. i) { plugin = \"x\", inputs = { \"a\" }, outputs = { \"o\" .. i } } end",
          "\"model\" stands 300 times, at most 256 are allowed");
  refused("local v = {} for i = 1, 300 do v[\"a\" .. i] = function() return 1 end end\n"
          "for i = 1, 20 do intervention(\"i\" .. i) { message = { en = \"x\" }, needs = {}, values = v } end",
          "6000 functions stand in nouns, at most 4096 are allowed");
  assert_int_equal(w.nouns.intervention_count, 0);
}

/* Each name once: a feature's before a belief's, and of two beliefs the first model's. */
static void names_of_beliefs(void **state) {
  (void)state;
  assert_false(functions_load(&w, "feature \"a\" { window = \"count\", of = \"e\", days = 7 }\n"
                                  "model \"m\" { plugin = \"x\", inputs = { \"a\" }, outputs = { \"b\", \"a\" } }\n"
                                  "model \"n\" { plugin = \"x\", inputs = { \"a\" }, outputs = { \"b\", \"a\", \"c\" } }\n"));
  static const char *const says[] = {"model \"m\": output \"a\" is the name of a feature (rules/x.lua:1)",
                                     "model \"n\": output \"a\" is the name of a feature (rules/x.lua:1)",
                                     "model \"n\": output \"a\" is an output of model \"m\" already",
                                     "model \"n\": output \"b\" is an output of model \"m\" already"};
  assert_int_equal(w.findings.count, 4);
  for (size_t i = 0; i < 4; i++) assert_string_equal(w.findings.at[i].text, says[i]);
}

static void findings_are_sorted(void **state) {
  (void)state;
  struct findings f = {.arena = &w.arena};
  unsigned seed = 5;
  for (int i = 0; i < 2000; i++) {
    seed = seed * 1103515245u + 12345u;
    findings_add(&f, FINDING_ERROR, seed >> 16 & 1 ? "a" : "b", (int)(seed >> 17) % 50, "%d", i);
  }
  findings_sort(&f);
  for (size_t i = 1; i < f.count; i++) {
    const struct finding *a = &f.at[i - 1], *b = &f.at[i];
    const int files = strcmp(a->file, b->file);
    assert_true(files < 0 || (files == 0 && (a->line < b->line || (a->line == b->line && atoi(a->text) < atoi(b->text)))));
  }
}

/* ---- what functions lead to ---- */
#define MANY(head, body)                                                                                                                   \
  head "for i = 1, 60 do trigger(\"t\" .. i) { why = \"w\", on = \"e\", needs = {}, when = function() " body " end } end"

static struct err opened(const char *text) {
  struct err e = {0};
  if (!functions_load(&w, text)) fail_msg("%s", w.findings.at[0].text);
  w.symbols = (struct symbols){.arena = &w.arena, .find = functions_find, .context = &w};
  for (size_t i = 0; i < w.nouns.function_count; i++) assert_true(symbols_name(&w.symbols, w.nouns.functions[i].name, &e));
  w.functions = functions_new(&w.source, 1, &w.nouns, &w.symbols, &e);
  return e;
}

static void large_tables_are_gone_through_once(void **state) {
  (void)state;
  static const char *const fine[] = {
      MANY("local t = {} for i = 1, 200000 do t[i] = i end\n", "return t[i] == i"),
      MANY("local t = {} for i = 1, 200000 do t[i] = i end\nlocal function f(i) return t[i] end\n", "return f(i) == i"),
      MANY("local t = { u = {} } for i = 1, 200000 do t.u[i] = i end\nt.f = function(i) return t.u[i] end\n", "return t.f(i) == i")};
  for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
    const struct err e = opened(fine[i]);
    if (!w.functions) fail_msg("%s", e.text);
    assert_true(functions_say(&w, 3).number == 1 && w.functions->idle[0]->steps < 1000000);
    assert_true(w.functions->idle[0]->cells_of[0].calls == (i > 0));
  }
  const struct err e =
      opened(MANY("local t = {} for i = 1, 200000 do t[i] = i end\nt.f = function(i) return t[i] end\n", "return t.f(i) == i"));
  assert_null(w.functions);
  assert_string_equal(e.text, "the functions lead to too large tables with functions in them");
}

/* Many functions in a long file: each is read from its own line on, and found out as if it were read from the first. */
static void functions_far_down(void **state) {
  (void)state;
  const struct err e =
      opened("--[[ function while\n]] local a = [[\nfor function\n]] trigger \"t\" { why = \"w\", on = \"e\", needs = {},\n"
             "when = function() local n = 0\n--[[\n]] while n < 5 do n = n + 1 end return n == 5 end,\navailable = "
             "function() for i = 1, 3 do end return true end }\n\n\n-- the end\n");
  if (!w.functions) fail_msg("%s", e.text);
  for (uint32_t i = 0; i < 2; i++) {
    assert_true(w.functions->at[i].straight && functions_say(&w, i).number == 1);
    assert_int_equal(w.functions->at[i].rounds, strstr(w.functions->at[i].noun->name.at, "t.when") != NULL);
  }
}

/* ---- words ---- */
/* What works through much in one word pays for it: the same work, spent by fuel and not by a clock. */
static void words_that_work_pay(void **state) {
  (void)state;
  static const char *const bodies[] = {
      "local s = ('1'):rep(4096) for i = 1, 60 do local n = tonumber(s) end return true",
      "local t = {} for i = 1, 600 do t[i] = i end local next = pairs(t) for i = 1, 600 do t[i] = nil end\n"
      "for i = 1, 600 do next() end return true",
      "local function f(n, ...) if n == 0 then for i = 1, 60 do utf8.char(...) end return true end\n"
      "return f(n - 1, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, ...) end return f(40)",
      "local function f(n, ...) if n == 0 then for i = 1, 200 do math.max(...) end return true end\n"
      "return f(n - 1, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, ...) end return f(40)"};
  for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
    functions_body(&w, "", bodies[i]);
    const struct value v = functions_say(&w, 0);
    if (v.kind != VALUE_MISSING || v.reason != MISSING_SPENT) fail_msg("%s", bodies[i]);
  }
}

/* The sanitizers look on. */
static void numbers_at_the_edge(void **state) {
  (void)state;
  static const char *const bodies[] = {
      "return ('xyz'):sub(least) == 'xyz' and ('xyz'):sub(1, least) == '' and ('xyz'):sub(most) == ''",
      "return ('x'):find('x', least) == 1 and ('x'):find('x', most) == nil",
      "return ('x'):byte(least, most) == 120 and ('x'):byte(most) == nil",
      "local n = ipairs({}) local i = n({}, most) return i == nil",
      "return table.concat({}, '', 1, least) == '' and not pcall(table.concat, { 1 }, '', least, 1)",
      "return not pcall(table.unpack, { 1 }, least, most) and not pcall(table.unpack, { 1 }, 1, most)",
      "return select('#', table.unpack({ 1 }, most, least)) == 0 and not pcall(select, least, 1)",
      "return not pcall(utf8.codepoint, 'x', least) and not pcall(utf8.char, least)",
      "return math.abs(least) == least and string.format('%d', least) == '-9223372036854775808'",
      "return not pcall(string.rep, 'x', most) and ('x'):rep(least) == ''",
      "local n = 0 for i = most - 1, most do n = n + 1 end for i = least, least + 1 do n = n + 1 end return n == 4",
      "local n = 0 for i = 1, most do n = n + 1 if n == 3 then break end end return n == 3",
      "return not pcall(function() for i = 1, 2, 0 do end end)",
      "return not pcall(table.insert, {}, least, 1) and not pcall(table.remove, { 1 }, most)",
      "local ok, why = pcall(error, 'x', most) return not ok and not pcall(error, nil, least)",
      "local x <close> = nil local y <const> = 5 return y == 5",
      "return not pcall(function() local x <close> = {} end)",
      "return #string.format('%-99.99f', -1e308) > 400 and not pcall(string.format, '%999d', 1)"};
  for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
    char body[400];
    snprintf(body, sizeof body, "local least, most = 0x8000000000000000, 0x7fffffffffffffff %s", bodies[i]);
    functions_body(&w, "", body);
    const struct value v = functions_say(&w, 0);
    struct function_figures figures;
    functions_figures(w.functions, 0, &figures);
    if (v.kind != VALUE_BOOL || v.number != 1) fail_msg("%s: %s", bodies[i], figures.sentence);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(the_parser_has_a_deadline),
                                     cmocka_unit_test(more_than_anybody_needs),
                                     cmocka_unit_test(names_of_beliefs),
                                     cmocka_unit_test(findings_are_sorted),
                                     cmocka_unit_test(large_tables_are_gone_through_once),
                                     cmocka_unit_test(functions_far_down),
                                     cmocka_unit_test(words_that_work_pay),
                                     cmocka_unit_test(numbers_at_the_edge)};
  return cmocka_run_group_tests(tests, NULL, forget);
}
