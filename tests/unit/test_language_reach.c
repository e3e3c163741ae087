/* rooms: kit language */
/* What conditions can be: against trying all values one by one, for thousands of random conditions and pairs of them; and the reasons that
 * are given, word for word. */
#include "language/reach.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct arena arena;
static struct symbols symbols;
static const struct str kinds[] = {{"run", 3}, {"walk", 4}};
enum { STEPS, HOUR, FLAG, MOOD, KIND, NAMES };
static const char *const names[NAMES] = {"steps", "clock", "flag", "mood", "kind"};

static bool find(void *context, struct str name, struct symbol *out, struct err *e) {
  (void)context;
  static const struct symbol known[NAMES] = {
      [STEPS] = {.kind = SYMBOL_FEATURE, .type = VALUE_NUMBER},
      [HOUR] = {.kind = SYMBOL_CLOCK, .type = VALUE_NUMBER, .bounded = true, .whole = true, .low = 0, .high = 3},
      [FLAG] = {.kind = SYMBOL_PROFILE, .type = VALUE_BOOL},
      [MOOD] = {.kind = SYMBOL_PROFILE, .type = VALUE_TEXT},
      [KIND] = {.kind = SYMBOL_EVENT, .type = VALUE_TEXT, .one_of = kinds, .one_of_count = 2},
  };
  for (int i = 0; i < NAMES; i++)
    if (str_is(name, names[i])) {
      *out = known[i];
      return true;
    }
  return err_set(e, ERR_INPUT, "no such name");
}

/* The names get their slots in their own order, whatever is compiled first. */
static int open_world(void **state) {
  (void)state;
  symbols = (struct symbols){.arena = &arena, .find = find};
  for (int i = 0; i < NAMES; i++) assert_int_equal(symbols_name(&symbols, str_from(names[i]), NULL)->slot, i);
  return 0;
}
static int close_world(void **state) {
  (void)state;
  arena_free(&arena);
  return 0;
}

static struct expression *compile(const char *source) {
  struct err e = {0};
  struct expression *x = expression_compile(&symbols, str_from(source), WANT_TRUTH, &e);
  if (!x) fail_msg("%s: %s", source, e.text);
  return x;
}

static enum reach reach_of(const struct goal *goals, size_t count, bool known, struct buf *example) {
  long budget = 1000000;
  struct reach_terms terms = {known, &budget, &arena};
  return conditions_reach(goals, count, &terms, example);
}

/* ---- all values, one by one ---- */
static bool tried(const struct goal *goals, size_t count, bool known) {
  static const double steps[] = {-1, 0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4};
  const char *const texts[] = {"run", "walk", "swim"};
  struct value slots[NAMES];
  for (int s = known ? 0 : -1; s < 10; s++)
    for (int h = known ? 0 : -1; h <= 3; h++)
      for (int f = known ? 0 : -1; f < 2; f++)
        for (int m = known ? 0 : -1; m < 3; m++)
          for (int k = known ? 0 : -1; k < 2; k++) {
            slots[STEPS] = s < 0 ? value_missing(MISSING_ABSENT) : value_number(steps[s]);
            slots[HOUR] = h < 0 ? value_missing(MISSING_ABSENT) : value_number(h);
            slots[FLAG] = f < 0 ? value_missing(MISSING_ABSENT) : value_bool(f);
            slots[MOOD] = m < 0 ? value_missing(MISSING_ABSENT) : value_text(str_from(texts[m]));
            slots[KIND] = k < 0 ? value_missing(MISSING_ABSENT) : value_text(str_from(texts[k]));
            bool all = true;
            for (size_t i = 0; i < count; i++) all &= (expression_truth(goals[i].x, slots) == TRUTH_TRUE) != goals[i].fails;
            if (all) return true;
          }
  return false;
}

static uint64_t seed = 42;
static unsigned pick(unsigned most) {
  seed = seed * 6364136223846793005u + 1442695040888963407u;
  return (unsigned)(seed >> 33) % most;
}

static void put_condition(struct buf *out, int depth) {
  static const char *const compare[] = {"<", "<=", ">", ">=", "==", "~="};
  if (depth > 0 && pick(4)) {
    unsigned how = pick(5);
    buf_text(out, how == 4 ? "not (" : "(");
    put_condition(out, depth - 1);
    if (how < 4) {
      buf_text(out, how & 1 ? ") and (" : ") or (");
      put_condition(out, depth - 1);
    }
    buf_char(out, ')');
    return;
  }
  switch (pick(9)) {
  case 0:
  case 1: buf_printf(out, "steps %s %u", compare[pick(6)], pick(4)); return;
  case 2: buf_printf(out, "clock %s %u", compare[pick(6)], pick(5)); return;
  case 3: buf_text(out, "flag == true"); return;
  case 4: buf_text(out, "(flag or false)"); return;
  case 5: buf_printf(out, "mood %s \"%s\"", compare[4 + pick(2)], pick(2) ? "run" : "swim"); return;
  case 6: buf_printf(out, "kind %s \"%s\"", compare[4 + pick(2)], pick(2) ? "run" : "swim"); return;
  case 7: buf_text(out, pick(2) ? "known(steps)" : "mood == nil"); return;
  default: buf_printf(out, "(steps or %u) %s %u", pick(4), compare[pick(6)], pick(4)); return;
  }
}

static void as_trying_all(void **state) {
  (void)state;
  size_t nevers = 0, yes = 0;
  for (int round = 0; round < 3000; round++) {
    struct buf text[2] = {{0}};
    struct goal goals[2];
    size_t count = 1 + pick(2);
    for (size_t i = 0; i < count; i++) {
      put_condition(&text[i], 3);
      buf_char(&text[i], 0);
      goals[i] = (struct goal){compile(text[i].at), pick(2) == 1};
    }
    bool known = pick(2) == 1;
    enum reach r = reach_of(goals, count, known, NULL);
    bool found = tried(goals, count, known);
    if (r == REACH_PERHAPS || (r == REACH_YES) != found)
      fail_msg("%s%s%s: said %d, trying all says %d (known %d, fails %d)", text[0].at, count > 1 ? " WITH " : "",
               count > 1 ? text[1].at : "", r, found, known, goals[0].fails);
    nevers += r == REACH_NEVER;
    yes += r == REACH_YES;
    for (size_t i = 0; i < count; i++) buf_free(&text[i]);
  }
  assert_true(nevers > 100 && yes > 1000);
}

/* ---- what stands for itself ---- */
static void arithmetic_is_left_open(void **state) {
  (void)state;
  struct goal goals[2] = {{compile("steps * 2 + clock > 3"), false}, {compile("steps * 2 + clock > 3"), true}};
  assert_int_equal(reach_of(goals, 1, true, NULL), REACH_PERHAPS);
  assert_int_equal(reach_of(goals, 2, true, NULL), REACH_NEVER); /* the same term cannot be both */
  goals[0].x = compile("steps * 2 > 3 and clock > 3");
  assert_int_equal(reach_of(goals, 1, true, NULL), REACH_NEVER); /* because of the clock */
  goals[0].x = compile("steps * 2 > 3 or clock == 3");
  assert_int_equal(reach_of(goals, 1, true, NULL), REACH_YES);
}

static void a_spent_budget_says_so(void **state) {
  (void)state;
  struct goal goal = {compile("(steps > 0 or clock > 1) and (steps > 1 or flag) and (clock < 1 or steps < 0) and mood == kind and flag"),
                      false};
  long budget = 3;
  struct reach_terms terms = {true, &budget, &arena};
  assert_int_equal(conditions_reach(&goal, 1, &terms, NULL), REACH_PERHAPS);
  budget = 10000;
  goal.x = compile("(steps > 0 or clock > 1) and (steps > 1 or flag) and clock < 1 and steps < 0");
  assert_int_equal(conditions_reach(&goal, 1, &terms, NULL), REACH_NEVER);
  assert_true(budget > 9000);
}

static void examples_and_reasons(void **state) {
  (void)state;
  static const struct {
    const char *source, *says;
    bool always;
  } cases[] = {
      {"steps > 3 and flag and steps < 2", "\"steps > 3\" and \"steps < 2\" are never true together", false},
      {"flag and clock > 3", "\"clock > 3\" never is (clock lies from 0 to 3)", false},
      {"kind == \"swim\"", "\"kind == \"swim\"\" never is (kind is \"run\" or \"walk\")", false},
      {"(steps > 3 or flag) and steps < 2 and not flag", "no values of what it reads make it true", false},
      {"steps > 3 or flag or steps <= 3", "one of \"steps > 3\" and \"steps <= 3\" always is", true},
      {"clock >= 0", "\"clock >= 0\" always is (clock lies from 0 to 3)", true},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct buf out = {0};
    long budget = 10000;
    struct reach_terms terms = {true, &budget, &arena};
    reach_reason(compile(cases[i].source), cases[i].always, &terms, &out);
    if (!str_is(buf_view(&out), cases[i].says)) fail_msg("%s: %.*s", cases[i].source, STR_ARG(buf_view(&out)));
    buf_free(&out);
  }
  struct goal goal = {compile("steps > 3 and clock == 2 and flag and mood ~= \"x\" and kind == \"run\""), false};
  struct buf out = {0};
  assert_int_equal(reach_of(&goal, 1, false, &out), REACH_YES);
  if (!str_is(buf_view(&out), "steps = 4, clock = 2, flag = true, mood = another text, kind = \"run\""))
    fail_msg("%.*s", STR_ARG(buf_view(&out)));
  buf_free(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(as_trying_all), cmocka_unit_test(arithmetic_is_left_open),
                                     cmocka_unit_test(a_spent_budget_says_so), cmocka_unit_test(examples_and_reasons)};
  return cmocka_run_group_tests(tests, open_world, close_world);
}
