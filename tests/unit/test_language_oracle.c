/* rooms: kit language */
/* Compiled conditions agree with an oracle: random expressions are made as trees of this test's own, printed, compiled and run, and judged
 * by a walk over the test's own tree that follows the manual's words only (place by place, missing by missing). The explanations are held
 * to their promises on the same expressions. */
#include "kit/rng.h"
#include "language_world.h"

enum place { TRUTH, NUMBER, TEXT };
struct tree {
  enum { CONSTANT, NAME, NOT, AND, OR, COMPARE, MATH, MINUS, CALL, HAS, KNOWN, IS_NIL } kind;
  enum place place; /* what it is */
  int which;        /* operator, function, name */
  struct value constant;
  struct tree *a, *b;
};

static const char *const compares[] = {"<", "<=", ">", ">=", "==", "~="};
static const char *const maths[] = {"+", "-", "*", "/", "%"};
static const char *const calls[] = {"min", "max", "abs", "floor", "round"};
static const char *const names[3][4] = {
    {"flag", "other", "profile.t", "event.t"}, {"steps", "risk", "profile.n", "event.n"}, {"mood", "profile.s", "event.s", "mood"}};
static const char *const texts[] = {"a", "b", "ab"};

struct making {
  struct rng rng;
  struct arena *arena;
};
static uint32_t pick(struct making *m, uint32_t n) {
  return (uint32_t)(rng_next(&m->rng) % n);
}

static struct tree *node(struct making *m, int kind, enum place place, int which) {
  struct tree *t = ARENA_NEW(m->arena, struct tree);
  *t = (struct tree){.place = place, .which = which};
  t->kind = (unsigned)kind;
  return t;
}

static struct tree *make(struct making *m, enum place place, int depth);

static struct tree *leaf(struct making *m, enum place place) {
  if (pick(m, 3)) return node(m, NAME, place, (int)pick(m, 4));
  struct tree *t = node(m, CONSTANT, place, 0);
  t->constant = place == TRUTH    ? value_bool(pick(m, 2))
                : place == NUMBER ? value_number(pick(m, 4))
                                  : value_text(str_from(texts[pick(m, 3)]));
  return t;
}

static struct tree *make_truth(struct making *m, int depth) {
  struct tree *t;
  enum place inner = pick(m, 4) ? NUMBER : TEXT;
  switch (pick(m, 9)) {
  case 0:
    t = node(m, NOT, TRUTH, 0);
    t->a = make(m, TRUTH, depth - 1);
    return t;
  case 1:
  case 2: t = node(m, AND, TRUTH, 0); break;
  case 3:
  case 4: t = node(m, OR, TRUTH, 0); break;
  case 5:
    t = node(m, HAS, TRUTH, 0);
    t->a = make(m, NUMBER, depth - 1);
    return t;
  case 6:
    t = node(m, KNOWN, TRUTH, 0);
    t->a = make(m, (enum place)pick(m, 3), depth - 1);
    return t;
  case 7:
    t = node(m, IS_NIL, TRUTH, (int)pick(m, 2));
    t->a = make(m, NUMBER, depth - 1);
    return t;
  default:
    t = node(m, COMPARE, TRUTH, (int)pick(m, 6));
    t->a = make(m, inner, depth - 1);
    t->b = make(m, inner, depth - 1);
    return t;
  }
  t->a = make(m, TRUTH, depth - 1);
  t->b = make(m, TRUTH, depth - 1);
  return t;
}

static struct tree *make_number(struct making *m, int depth) {
  struct tree *t;
  switch (pick(m, 6)) {
  case 0:
    t = node(m, MINUS, NUMBER, 0);
    t->a = make(m, NUMBER, depth - 1);
    return t;
  case 1: t = node(m, CALL, NUMBER, (int)pick(m, 5)); break;
  case 2: t = node(m, OR, NUMBER, 0); break;
  case 3:
    t = node(m, AND, NUMBER, 0);
    t->a = make(m, TRUTH, depth - 1);
    t->b = node(m, CONSTANT, NUMBER, 0); /* a constant, so that the `and` chooses a number and is no truth */
    t->b->constant = value_number(pick(m, 5));
    return t;
  default: t = node(m, MATH, NUMBER, (int)pick(m, 5)); break;
  }
  t->a = make(m, NUMBER, depth - 1);
  t->b = make(m, NUMBER, depth - 1);
  return t;
}

static struct tree *make(struct making *m, enum place place, int depth) {
  if (depth <= 0 || pick(m, 6) == 0) return leaf(m, place);
  if (place == TRUTH) return make_truth(m, depth);
  if (place == NUMBER) return make_number(m, depth);
  if (pick(m, 3)) return leaf(m, place);
  struct tree *t = node(m, OR, TEXT, 0);
  t->a = make(m, TEXT, depth - 1);
  t->b = make(m, TEXT, depth - 1);
  return t;
}

static void print(const struct tree *t, struct buf *b) {
  static const char *const joins[] = {[AND] = "and", [OR] = "or"};
  switch (t->kind) {
  case CONSTANT:
    if (t->place == TRUTH) buf_text(b, t->constant.number != 0 ? "true" : "false");
    else if (t->place == NUMBER) buf_printf(b, "%g", t->constant.number);
    else buf_printf(b, "'" STR_FORMAT "'", STR_ARG(value_str(t->constant)));
    return;
  case NAME: buf_text(b, names[t->place][t->which]); return;
  case NOT: buf_text(b, "not ("); break;
  case MINUS: buf_text(b, "-("); break;
  case KNOWN: buf_text(b, "known("); break;
  case HAS: buf_text(b, "has(tags, "); break;
  case IS_NIL: buf_text(b, "(("); break;
  case CALL: buf_printf(b, "%s(", calls[t->which]); break;
  default: buf_text(b, "(");
  }
  print(t->a, b);
  if (t->kind == IS_NIL) buf_printf(b, ") %s nil", t->which ? "~=" : "==");
  if (t->kind == CALL && t->which < 2) buf_text(b, ", ");
  if (t->kind == COMPARE) buf_printf(b, " %s ", compares[t->which]);
  if (t->kind == MATH) buf_printf(b, " %s ", maths[t->which]);
  if (t->kind == AND || t->kind == OR) buf_printf(b, " %s ", joins[t->kind]);
  if (t->b && (t->kind != CALL || t->which < 2)) print(t->b, b);
  buf_text(b, ")");
}

/* ---- the oracle: MISSING stands for unknown ---- */
static struct value judge(const struct tree *t, const struct world *w);

static struct value in_place(struct value v, enum place place) {
  static const enum value_kind kinds[] = {VALUE_BOOL, VALUE_NUMBER, VALUE_TEXT};
  return v.kind == kinds[place] ? v : value_missing(MISSING_ABSENT);
}

/* As the left side of `or`: a truth of logic, or a value? Undeclared names are values. */
static bool is_logic(const struct tree *t) {
  switch (t->kind) {
  case NOT:
  case COMPARE:
  case HAS:
  case KNOWN:
  case IS_NIL: return true;
  case AND: return t->place == TRUTH;
  case OR: return t->place == TRUTH && (is_logic(t->a) || is_logic(t->b));
  default: return false;
  }
}

static bool known_truth(struct value v, bool wanted) {
  return v.kind == VALUE_BOOL && (v.number != 0) == wanted;
}

static struct value judge_logic(const struct tree *t, const struct world *w) {
  struct value a = judge(t->a, w), b = judge(t->b, w);
  if (t->kind == AND && t->place == NUMBER) return known_truth(a, true) ? b : value_missing(MISSING_ABSENT);
  if (t->kind == AND) {
    if (known_truth(a, false) || known_truth(b, false)) return value_bool(false);
    return known_truth(a, true) ? b : value_missing(MISSING_ABSENT);
  }
  if (!is_logic(t->a)) return a.kind == VALUE_MISSING || known_truth(a, false) ? b : a;
  if (known_truth(a, true) || known_truth(b, true)) return value_bool(true);
  return known_truth(a, false) ? b : value_missing(MISSING_ABSENT);
}

static struct value judge_compare(const struct tree *t, const struct world *w) {
  struct value a = judge(t->a, w), b = judge(t->b, w);
  if (a.kind == VALUE_MISSING || b.kind == VALUE_MISSING) return a.kind ? b : a;
  double order = a.kind == VALUE_NUMBER ? (a.number > b.number) - (a.number < b.number) : str_compare(value_str(a), value_str(b));
  const bool results[] = {order<0, order <= 0, order> 0, order >= 0, order == 0, order != 0};
  return value_bool(results[t->which]);
}

static double whole_below(double v) {
  double n = (double)(long long)v;
  return n > v ? n - 1 : n;
}

static struct value judge_number(const struct tree *t, const struct world *w) {
  struct value va = judge(t->a, w), vb = t->b ? judge(t->b, w) : value_number(0);
  bool needs_b = t->kind == MATH || (t->kind == CALL && t->which < 2);
  if (va.kind == VALUE_MISSING || (needs_b && vb.kind == VALUE_MISSING)) return value_missing(MISSING_ABSENT);
  double a = va.number, b = vb.number;
  if (t->kind == MINUS) return value_number(0 - a);
  if (t->kind == CALL) {
    double away = a < 0 ? -whole_below(-a + 0.5) : whole_below(a + 0.5); /* no constants near a half here */
    const double results[] = {a < b ? a : b, a > b ? a : b, a < 0 ? -a : a, whole_below(a), away};
    return value_number(results[t->which]);
  }
  if (t->which >= 3 && b == 0) return value_missing(MISSING_ABSENT);
  const double results[] = {a + b, a - b, a * b, b == 0 ? 0 : a / b, b == 0 ? 0 : a - whole_below(a / b) * b};
  return value_number(results[t->which]);
}

static struct value judge(const struct tree *t, const struct world *w) {
  struct value v, missing = value_missing(MISSING_ABSENT);
  switch (t->kind) {
  case CONSTANT: return t->constant;
  case NAME: {
    const struct symbol *s = symbols_known(&w->symbols, str_from(names[t->place][t->which]));
    return s ? in_place(w->slots[s->slot], t->place) : missing;
  }
  case NOT: v = judge(t->a, w); return v.kind == VALUE_BOOL ? value_bool(v.number == 0) : missing;
  case AND:
  case OR: return judge_logic(t, w);
  case COMPARE: return judge_compare(t, w);
  case KNOWN: return value_bool(judge(t->a, w).kind != VALUE_MISSING);
  case IS_NIL: return value_bool((judge(t->a, w).kind == VALUE_MISSING) == (t->which == 0));
  case HAS: {
    const struct symbol *s = symbols_known(&w->symbols, STR("tags"));
    struct value list = w->slots[s->slot];
    v = judge(t->a, w);
    if (list.kind != VALUE_LIST || v.kind == VALUE_MISSING) return missing;
    bool found = false;
    for (uint32_t i = 0; i < list.count; i++) found = found || value_equal(&list.items[i], &v);
    return value_bool(found);
  }
  default: return judge_number(t, w);
  }
}

/* Half of the slots missing. Where the oracle cannot say what a value of another kind does in a place for any value (known, has, == nil),
 * names keep to their own kind. */
static void fill(struct making *m, struct world *w) {
  static const struct value items[] = {{.kind = VALUE_NUMBER, .number = 1}, {.kind = VALUE_NUMBER, .number = 2}};
  for (int place = 0; place < 3; place++)
    for (int i = 0; i < 4; i++) {
      struct value v = place == TRUTH    ? value_bool(pick(m, 2))
                       : place == NUMBER ? value_number(pick(m, 4))
                                         : value_text(str_from(texts[pick(m, 3)]));
      world_set(w, names[place][i], pick(m, 2) ? v : value_missing(MISSING_ABSENT));
    }
  world_set(w, "tags", pick(m, 2) ? (struct value){.kind = VALUE_LIST, .count = 2, .items = items} : value_missing(MISSING_ABSENT));
}

static void compare_one(const struct tree *t, struct world *w, const char *source) {
  struct err e = {0};
  struct expression *x = expression_compile(&w->symbols, str_from(source), t->place == TRUTH ? WANT_TRUTH : WANT_NUMBER, &e);
  if (!x) {
    assert_non_null(strstr(e.text, "4096 bytes")); /* the one reason for which a well-typed tree may be refused here */
    return;
  }
  struct value said = judge(t, w), came = expression_value(x, w->slots);
  if (!value_equal(&said, &came) && !(said.kind == VALUE_NUMBER && said.number != said.number))
    fail_msg("%s\n  oracle %d %g, compiled %d %g", source, said.kind, said.number, came.kind, came.number);
  if (t->place == TRUTH) {
    enum truth truth = expression_truth(x, w->slots);
    assert_int_equal(truth, said.kind == VALUE_MISSING ? TRUTH_UNKNOWN : said.number != 0);
  }
}

static void random_expressions_agree(void **state) {
  (void)state;
  for (uint64_t seed = 0; seed < 400; seed++) {
    struct world w;
    world_open(&w);
    struct arena arena = {0};
    struct making m = {rng_from(seed), &arena};
    struct buf source = {0};
    for (int i = 0; i < 50; i++) {
      fill(&m, &w);
      struct tree *t = make(&m, pick(&m, 4) ? TRUTH : NUMBER, 1 + (int)pick(&m, 6));
      buf_clear(&source);
      print(t, &source);
      buf_char(&source, 0);
      compare_one(t, &w, source.at);
    }
    buf_free(&source);
    arena_free(&arena);
    world_close(&w);
  }
}

/* ---- what is said early ---- */
/* Names are missing first and known later: what a steady condition said stays. */
static void what_a_steady_condition_says_stays(void **state) {
  (void)state;
  size_t steady = 0, said_early = 0;
  for (uint64_t seed = 2000; seed < 2200; seed++) {
    struct world w;
    world_open(&w);
    struct making m = {rng_from(seed), &w.arena};
    struct buf source = {0};
    for (int i = 0; i < 40; i++) {
      fill(&m, &w);
      buf_clear(&source);
      print(make(&m, TRUTH, 1 + (int)pick(&m, 4)), &source);
      struct expression *x = expression_compile(&w.symbols, buf_view(&source), WANT_TRUTH, NULL);
      if (!x || !expression_steady(x)) continue;
      enum truth later = expression_truth(x, w.slots);
      for (uint32_t s = 0; s < w.symbols.count; s++)
        if (pick(&m, 3) == 0) w.slots[s] = value_missing(MISSING_ABSENT);
      enum truth early = expression_truth(x, w.slots);
      if (early != TRUTH_UNKNOWN && early != later) fail_msg("%.*s: first %d, then %d", (int)source.len, source.at, early, later);
      said_early += early != TRUTH_UNKNOWN && expression_slots(x, NULL) > 0;
      steady++;
    }
    buf_free(&source);
    world_close(&w);
  }
  assert_true(steady > 1000 && said_early > 500);
  struct world w;
  world_open(&w);
  static const char *const unsteady[] = {"known(steps)", "steps == nil", "(steps or 3) > 2", "not (risk > 1 and mood ~= nil)"};
  for (size_t i = 0; i < sizeof unsteady / sizeof *unsteady; i++)
    assert_false(expression_steady(expression_compile(&w.symbols, str_from(unsteady[i]), WANT_TRUTH, NULL)));
  world_close(&w);
}

/* ---- explanations ---- */
/* What the header promises of a nearest change: with a value in place that satisfies it, the whole turns. */
static void check_change(struct world *w, const struct expression *x, const struct change *c, const char *source) {
  const struct symbol *s = symbols_known(&w->symbols, c->name);
  assert_non_null(s);
  struct value kept = w->slots[s->slot], v = c->bound;
  bool was_true = expression_truth(x, w->slots) == TRUTH_TRUE;
  assert_true(value_equal(&kept, &c->was));
  if (v.kind == VALUE_TEXT && strcmp(c->operator, "==") != 0) return; /* a text has no next one to try */
  if (!strcmp(c->operator, "<")) v.number -= 1e-6;
  if (!strcmp(c->operator, ">")) v.number += 1e-6;
  if (!strcmp(c->operator, "~=")) v.number += v.kind == VALUE_BOOL ? 1 - 2 * v.number : 1e-6;
  w->slots[s->slot] = v;
  bool now_true = expression_truth(x, w->slots) == TRUTH_TRUE;
  w->slots[s->slot] = kept;
  if (now_true == was_true) fail_msg("%s: %.*s %s %g does not turn it", source, STR_ARG(c->name), c->operator, c->bound.number);
}

static void explanations_keep_their_promises(void **state) {
  (void)state;
  size_t changes = 0, decisive = 0, terms_seen = 0;
  for (uint64_t seed = 1000; seed < 1200; seed++) {
    struct world w;
    world_open(&w);
    struct making m = {rng_from(seed), &w.arena};
    struct buf source = {0};
    for (int i = 0; i < 20; i++) {
      fill(&m, &w);
      buf_clear(&source);
      print(make(&m, TRUTH, 1 + (int)pick(&m, 4)), &source);
      struct expression *x = expression_compile(&w.symbols, buf_view(&source), WANT_TRUTH, NULL);
      if (!x) continue;
      buf_char(&source, 0);
      struct term *terms;
      size_t count = expression_terms(x, w.slots, &w.arena, &terms);
      assert_true(count >= 1);
      for (size_t k = 0; k < count; k++) {
        assert_true(terms[k].source.len > 0 && memmem(source.at, source.len, terms[k].source.at, terms[k].source.len));
        decisive += terms[k].decisive;
        terms_seen++;
      }
      struct change change;
      if (!expression_nearest_change(x, w.slots, &w.arena, &change)) continue;
      check_change(&w, x, &change, source.at);
      changes++;
    }
    buf_free(&source);
    world_close(&w);
  }
  assert_true(changes > 500 && decisive > 1000 && terms_seen > decisive); /* the checks above were not idle */
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(random_expressions_agree), cmocka_unit_test(what_a_steady_condition_says_stays),
                                     cmocka_unit_test(explanations_keep_their_promises)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
