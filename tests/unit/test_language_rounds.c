/* rooms: kit language; inside: language; libraries: lib_lua */
/* Rounds: the copy of a file that counts its loops says what the file says, in the same line, with the same fuel each time; and what runs
 * in it without the hook is never more than was paid for. */
#include "functions_world.h"

static struct functions_world w;

static int forget(void **state) {
  (void)state;
  functions_forget(&w);
  return 0;
}

#define HEAD "trigger \"t\" { why = \"w\", on = \"e\", needs = { \"steps\", \"event.x\" },\nwhen = function(user, event) "

/* A function of any result, in a file that is copied; or in one that cannot be, since it has every name that a copy could choose. */
static void open_body(const char *body, bool copied) {
  static char text[20000];
  int at =
      snprintf(text, sizeof text,
               "intervention \"i\" { message = { en = \"{a}\" }, needs = { \"steps\", \"event.x\" },\nvalues = { a = function(user, event) "
               "%s\nend } } --",
               body);
  for (int i = 0; i < 1000 && !copied; i++) at += snprintf(text + at, sizeof text - (size_t)at, " _k%d", i);
  functions_open(&w, text);
  functions_set(&w, "steps", value_number(7));
  functions_set(&w, "event.x", value_text(STR("calm")));
  if (w.functions->at[0].straight != copied || w.functions->at[0].rounds != true || (w.functions->copies[0].source.text.len > 0) != copied)
    fail_msg("%s: straight %d, copied %d", body, w.functions->at[0].straight, w.functions->copies[0].source.text.len > 0);
}

struct said {
  struct value value;
  long fuel;
  int line;
  char text[200], sentence[200];
};

static struct said say(void) {
  struct said said = {.value = functions_say(&w, 0)};
  struct function_figures figures;
  functions_figures(w.functions, 0, &figures);
  said.fuel = w.functions->idle[0]->sandbox.fuel;
  if (said.value.kind == VALUE_MISSING) {
    said.line = figures.line;
    snprintf(said.sentence, sizeof said.sentence, "%s", figures.sentence);
  }
  if (said.value.kind == VALUE_TEXT) snprintf(said.text, sizeof said.text, STR_FORMAT, STR_ARG(value_str(said.value)));
  return said;
}

static void both_say(const char *body) {
  open_body(body, false);
  const struct said plain = say();
  open_body(body, true);
  for (int again = 0; again < 3; again++) {
    const struct said copy = say();
    const bool same = copy.value.kind == plain.value.kind && copy.value.reason == plain.value.reason &&
                      (copy.value.kind != VALUE_NUMBER || copy.value.number == plain.value.number) && copy.line == plain.line;
    if (!same || strcmp(copy.text, plain.text) != 0 || strcmp(copy.sentence, plain.sentence) != 0)
      fail_msg("%s\n  file: %d %s %g %s:%d\n  copy: %d %s %g %s:%d", body, plain.value.kind, plain.text, plain.value.number, plain.sentence,
               plain.line, copy.value.kind, copy.text, copy.value.number, copy.sentence, copy.line);
  }
}

static void a_copy_says_what_the_file_says(void **state) {
  (void)state;
  static const char *const bodies[] = {
      "local n = 0 while n < 50 do n = n + 3 if n == 9 then break end end return n",
      "local n = 0 while n < 5 do n = n + 1 local m = 0 repeat m = m + 1 local stop = m > n until stop end return n",
      "local n = 0 repeat n = n + 1 if n % 2 == 0 then goto continue end n = n + 5 ::continue:: until n > 40 return n",
      "local n = 0 for i = 1, user.steps do for k = i, 9 do n = n + k end end return n",
      "local n, s = 0, '' for i = 1, #s + 9, 2 do n = n * 10 + i end return n",
      "local n = 0 for i = 1, math.max(3, (2 + 1) * 2) do n = n * 10 + i end return n",
      "local n = 0 for i = 1, select(2, 5, 6, 7) do n = n * 10 + i end return n",
      "local n = 0 for i = 1, user.nosuch or 4 do n = n + i end return n",
      "local n = 0 for i = 1, ({ 3, 4 })[2] --[[ , ]] do n = n + i end return n",
      "local n = 0 for i = 1, user.steps -- do\n do n = n + i end return n",
      "local n = 0 for i = user.steps, 1, -1 do n = n * 10 + i end return n",
      "local n = 0 for i = 1.5, 7 do n = n + i end return n",
      "local n = 0 for i = 9, 3 + 1 do n = n + i end return n",
      "local n = 0 for i = 1, 0/0 do n = n + i end return n",
      "local n = 0 for i = 1, 7.9 + 0 do n = n + i end return n",
      "local n = 0 for i = 1, -math.huge do n = n + i end return n",
      "for i = 1, math.huge do if i == 900 then return i end end",
      "for i = 5, 9223372036854775807 + 0 do if i == 900 then return i end end",
      "local n = 0 for i = 1, nil do n = n + i end return n",
      "local n = 0 for i = 1,\n\nevent.x do n = n + i end return n",
      "local n = 0 for i = 1, '3' .. '' do n = n + i end return n",
      "local n = 0 for i = 1, user.steps, 0 do n = n + i end return n",
      "for i = 1, user.steps do\n  if i == 3 then error('three') end\nend",
      "local n = 0 while true do\n  n = n + 1\n  if n > 4 then n = n + event.x end\nend",
      "local n = 0 while n < 9 do n = n + 1\n\nlocal a = nil\nif n > 7 then a.x = 5 end end return n",
      "local t, n = { 5, 6 }, 0 for k, v in table.unpack({ select(1, ipairs(t)) }) do n = n + v end return n",
      "do local n = 1 ::top:: n = n * 2 if n < 100 then goto top end return n end",
      "local s = '' for i = 1, 40 + 2 do s = s .. i if #s > 20 then return s end end",
      "local n = 0 while n < 3 do (type)(n) n = n + 1 end repeat (type)(n) until true return n",
      "local n = 0 while n < 3 do; n = n + 1 end; return n",
      "local n = 0 while true do while true do n = n + 1 if n > 5 then return n end break end end",
      "while true do end",
      "while true do pcall(error, 'x') end",
      "repeat until false",
      "::a:: goto a",
      "::a:: do goto b end ::b:: goto a",
      "for i = 1, 1e9 + 0 do end",
      "for i = 1, math.huge do end",
      "for _ in type, 1 do end",
      "local t = {} while true do t[#t + 1] = {} end",
      "local n = 0 while n < 30000 do n = n + 1 end return n"};
  for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) both_say(bodies[i]);
}

/* ---- no more runs than was paid for ---- */
static long instructions;
static void one_more(lua_State *L, lua_Debug *d) {
  (void)L;
  (void)d;
  instructions++;
}

/* The sandbox leaves this hook alone until it sets its own, as it does when rounds are many. */
static void holds_its_bound(const char *body) {
  lua_State *L = w.functions->idle[0]->sandbox.L;
  lua_sethook(L, one_more, LUA_MASKCOUNT, 1);
  instructions = 0;
  functions_say(&w, 0);
  const struct sandbox *s = &w.functions->idle[0]->sandbox;
  const long paid = UNCOUNTED_MOST - s->uncounted;
  if (instructions > paid || paid > UNCOUNTED_MOST) fail_msg("%ld instructions ran, %ld were paid for:\n%s", instructions, paid, body);
  assert_true(instructions > 0);
  lua_sethook(L, NULL, 0, 0);
}

static uint64_t seed = 11;
static unsigned chance(unsigned below) {
  seed = seed * 6364136223846793005u + 1442695040888963407u;
  return (unsigned)(seed >> 33) % below;
}

static void put_statements(struct buf *b, int depth, int *labels);

static void put_loop(struct buf *b, int depth, int *labels) {
  const int label = ++*labels;
  const unsigned rounds = chance(12);
  switch (chance(7)) {
  case 0: buf_printf(b, "local c%d = %u while c%d > 0 do c%d = c%d - 1 ", label, rounds, label, label, label); break;
  case 1: buf_printf(b, "local c%d = %u repeat c%d = c%d - 1 ", label, rounds, label, label); break;
  case 2: buf_printf(b, "for i%d = 1, n %% %u + %u do ", label, rounds + 1, rounds); break;
  case 3: buf_printf(b, "for i%d = 1, %u do ", label, rounds); break;
  case 4: buf_printf(b, "for i%d = n %% 9, %u, -1 do ", label, chance(4)); break;
  case 5: buf_printf(b, "for k%d in ipairs({ 1, 2, 3, %u }) do ", label, rounds); break;
  default: buf_printf(b, "do local c%d = 0 ::l%d:: c%d = c%d + 1 ", label, label, label, label);
  }
  const bool repeat = str_ends(buf_view(b), "- 1 ") && memmem(b->at, b->len, "repeat", 6) != NULL;
  char mark[40];
  snprintf(mark, sizeof mark, "local c%d = %u repeat", label, rounds);
  const bool jump = str_ends(buf_view(b), "+ 1 "), until = repeat && memmem(b->at, b->len, mark, strlen(mark)) != NULL;
  put_statements(b, depth + 1, labels);
  if (until) buf_printf(b, "until c%d <= 0 and (n > 3 or n == n and 1 < n + 2 * c%d or true) ", label, label);
  else if (jump) buf_printf(b, "if c%d < %u then goto l%d end end ", label, rounds, label);
  else buf_text(b, "end ");
}

static void put_statements(struct buf *b, int depth, int *labels) {
  static const char *const plain[] = {"n = n + 1 ",
                                      "n = n < 5 == (user.steps > 3) and n + 2 or n ",
                                      "if n > 1000 then n = n % 7 end ",
                                      "n = n + #event.x + math.max(n % 3, 1) ",
                                      "local t = { n, n + 1, a = { n } } n = n + t[1] % 2 ",
                                      "local s = ('x'):rep(n % 5) .. n n = n + #s "};
  for (unsigned count = 1 + chance(3); count > 0; count--) {
    buf_text(b, plain[chance(sizeof plain / sizeof *plain)]);
    if (depth < 4 && chance(2) == 0) put_loop(b, depth, labels);
  }
}

static void what_is_not_counted_is_paid_for(void **state) {
  (void)state;
  size_t paid_for = 0, counted = 0;
  for (int program = 0; program < 250; program++) {
    struct buf b = {0};
    int labels = 0;
    buf_text(&b, "local n = user.steps ");
    put_loop(&b, 0, &labels);
    buf_text(&b, "return n > 0");
    char body[8000];
    if (buf_view(&b).len < sizeof body) {
      snprintf(body, sizeof body, STR_FORMAT, STR_ARG(buf_view(&b)));
      functions_body(&w, "\"steps\", \"event.x\"", body);
      functions_set(&w, "steps", value_number(7));
      functions_set(&w, "event.x", value_text(STR("calm")));
      if (w.functions->at[0].straight) {
        holds_its_bound(body);
        if (w.functions->idle[0]->sandbox.counted) counted++;
        else paid_for++;
        const struct said first = say(), second = say();
        assert_true(first.fuel == second.fuel && first.value.kind == second.value.kind && first.value.reason == second.value.reason);
        w.functions->at[0].straight = false;
        const struct said hooked = say();
        if (first.value.reason != MISSING_SPENT || hooked.value.kind == VALUE_MISSING)
          if (hooked.value.kind != first.value.kind || hooked.value.number != first.value.number) fail_msg("%s", body);
      }
    }
    buf_free(&b);
  }
  assert_true(paid_for > 30 && counted > 10);
}

/* ---- what the copy must not do ---- */
static void a_file_without_room_is_not_copied(void **state) {
  (void)state;
  struct buf b = {0};
  for (int i = 0; i < 198; i++) buf_printf(&b, "local a%d = %d ", i, i); /* with two parameters: Lua's 200 */
  buf_text(&b, "while a1 < 9 do a1 = a1 + 1 end return a1 == 9");
  static char text[20000];
  snprintf(text, sizeof text, HEAD STR_FORMAT "\nend }", STR_ARG(buf_view(&b)));
  functions_open(&w, text);
  const struct function *f = &w.functions->at[0];
  assert_true(f->rounds && !f->straight && !f->reads && w.functions->copies[0].source.text.len == 0);
  const struct value v = functions_say(&w, 0);
  assert_true(v.kind == VALUE_BOOL && v.number == 1);
  buf_free(&b);
}

/* The author's own names, what a file is given, and the locals that are watched stay what they are. */
static void a_copy_shows_nothing_of_itself(void **state) {
  (void)state;
  static const char *const texts[] = {
      "local given = select('#', ...)\n" HEAD "local n = 0 while n < 3 do n = n + 1 end return n == 3 and given == 0 end }",
      "local _k0n, _k1m, _k0l = 1, 2, 3\n" HEAD "while _k0n > 9 do end for i = 1, user.steps do end return _k0n + _k1m + _k0l == 6 end }",
      HEAD "local ok, why = pcall(function() return _k0m end) while false do end return not ok end }",
      "\xef\xbb\xbf" HEAD "while user.steps < 3 do end return true end }",
      HEAD "while user.steps < 3 do end return true end } -- a last line without an end"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    functions_open(&w, texts[i]);
    functions_set(&w, "steps", value_number(7));
    const struct value v = functions_say(&w, 0);
    if (v.kind != VALUE_BOOL || v.number != 1) fail_msg("%s", texts[i]);
    assert_int_equal(w.functions->copies[0].source.text.len > 0, i != 2); /* which has a function in it */
    assert_int_equal(w.functions->idle[0]->cell_count, i == 1 ? 3 : i == 0);
  }
}

/* One function made twice, and two whose files are copied, each with its own counter. */
static void functions_of_one_text(void **state) {
  (void)state;
  functions_open(&w, "local function make(most)\n"
                     "  return function(user)\n    local n = 0\n    while n < most do n = n + 1 end\n    return n == most end\nend\n"
                     "trigger \"t\" { why = \"w\", on = \"e\", needs = { \"steps\" },\nwhen = make(5),\navailable = make(4000) }\n"
                     "trigger \"u\" { why = \"w\", on = \"e\", needs = { \"steps\" },\nwhen = function(user)\nfor i = 1, user.steps do end "
                     "return true end }");
  functions_set(&w, "steps", value_number(7));
  for (uint32_t i = 0; i < 3; i++) {
    assert_true(w.functions->at[i].straight);
    for (int again = 0; again < 2; again++) assert_true(functions_say(&w, i).number == 1);
  }
}

/* Memory that fails while a copy is made must not leave a program that counts otherwise than the same program elsewhere. */
static void memory_fails_while_a_copy_is_made(void **state) {
  (void)state;
  functions_open(&w, HEAD "local n = 0 while n < 3 do n = n + 1 end return n == 3 end }");
  functions_free(w.functions);
  int refusals = 0;
  bool passed = false;
  for (int64_t nth = 1; nth < 6000 && !passed; nth++) {
    struct err e = {0};
    kit_fail_allocation(nth);
    w.functions = functions_new(&w.source, 1, &w.nouns, &w.symbols, &e);
    kit_fail_allocation(0);
    refusals += w.functions == NULL;
    if (w.functions && !w.functions->at[0].straight) fail_msg("allocation %lld failed, and the function is watched", (long long)nth);
    passed = w.functions && nth > 2000;
    if (!passed) functions_free(w.functions);
  }
  assert_true(passed && refusals > 10);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_copy_says_what_the_file_says),
                                     cmocka_unit_test(what_is_not_counted_is_paid_for),
                                     cmocka_unit_test(a_file_without_room_is_not_copied),
                                     cmocka_unit_test(a_copy_shows_nothing_of_itself),
                                     cmocka_unit_test(functions_of_one_text),
                                     cmocka_unit_test(memory_fails_while_a_copy_is_made)};
  return cmocka_run_group_tests(tests, NULL, forget);
}
