/* The walk: what a tree means, said once and plainly. Explanations use it (with one term held fixed), the compiler uses it for constants
 * and for the rare shapes that have no step of their own, and compiled code must agree with it in every case. Values are judged by the
 * place they stand in (tree.h). It allocates nothing; depth is bounded by the length of a condition. [any] */
#include "kit/math.h"
#include "tree.h"

#define MISSING_NUMBER __builtin_nan("")

const char *operation_text(enum operation o) {
  static const char *const texts[] = {"",  "<",   "<=",  ">",   ">=",  "==",  "~=",   "+",     "-",     "*",   "/",
                                      "%", "min", "max", "abs", "log", "exp", "sqrt", "floor", "round", "has", "known"};
  return texts[o];
}

bool compare_numbers(enum operation o, double a, double b) {
  switch (o) {
  case COMPARE_LESS: return a < b;
  case COMPARE_LESS_EQUAL: return a <= b;
  case COMPARE_GREATER: return a > b;
  case COMPARE_GREATER_EQUAL: return a >= b;
  case COMPARE_EQUAL: return a == b;
  case COMPARE_NOT_EQUAL: return a != b;
  default: return false;
  }
}

/* Doubles from 2^52 on are whole already. */
static double floor_exact(double v) {
  if (!(v > -4503599627370496.0 && v < 4503599627370496.0)) return v;
  double whole = (double)(int64_t)v;
  return whole > v ? whole - 1 : whole;
}

/* Half away from zero, for a >= 0; without the sum a + 0.5, which rounds 0.49999999999999994 up. */
static double round_up_from_half(double a) {
  double whole = floor_exact(a);
  return a - whole >= 0.5 ? whole + 1 : whole;
}

/* Lua's floored modulo. r = a - floor(a / b) * b is off for large quotients, so the quotient is bounded: beyond it the result would carry
 * no correct digit and is missing. */
static double modulo(double a, double b) {
  double quotient = floor_exact(a / b);
  if (!(quotient > -4503599627370496.0 && quotient < 4503599627370496.0)) return MISSING_NUMBER;
  double rest = a - quotient * b;
  if (b > 0) return rest < 0 ? rest + b : rest >= b ? rest - b : rest;
  return rest > 0 ? rest + b : rest <= b ? rest - b : rest;
}

double arithmetic(enum operation o, double a, double b) {
  switch (o) {
  case ADD: return finite_or_missing(a + b);
  case SUBTRACT: return finite_or_missing(a - b);
  case MULTIPLY: return finite_or_missing(a * b);
  case DIVIDE: return finite_or_missing(a / b); /* x / 0 is not finite, so missing */
  case MODULO: return b == 0 ? MISSING_NUMBER : finite_or_missing(modulo(a, b));
  case CALL_MIN: return a != a || b != b ? MISSING_NUMBER : a < b ? a : b;
  case CALL_MAX: return a != a || b != b ? MISSING_NUMBER : a > b ? a : b;
  default: return MISSING_NUMBER;
  }
}

double call_number(enum operation o, double a) {
  switch (o) {
  case CALL_ABS: return a < 0 ? -a : a;
  case CALL_LOG: return a > 0 ? finite_or_missing(math_log(a)) : MISSING_NUMBER;
  case CALL_EXP: return finite_or_missing(math_exp(a));
  case CALL_SQRT: return a >= 0 ? math_sqrt(a) : MISSING_NUMBER;
  case CALL_FLOOR: return floor_exact(a);
  case CALL_ROUND: return a < 0 ? 0 - round_up_from_half(0 - a) : round_up_from_half(a);
  default: return MISSING_NUMBER;
  }
}

double tree_number(const struct tree *t, const struct value *slots, const struct forced *f) {
  double v;
  switch (t->kind) {
  case TREE_LITERAL: return t->literal.kind == VALUE_NUMBER ? t->literal.number : MISSING_NUMBER;
  case TREE_NAME: return slots[t->slot].kind == VALUE_NUMBER ? slots[t->slot].number : MISSING_NUMBER;
  case TREE_MINUS: return 0 - tree_number(t->parts[0], slots, f); /* never -0 */
  case TREE_ARITHMETIC: return arithmetic(t->operation, tree_number(t->parts[0], slots, f), tree_number(t->parts[1], slots, f));
  case TREE_AND: return tree_truth(t->parts[0], slots, f) == TRUTH_TRUE ? tree_number(t->parts[1], slots, f) : MISSING_NUMBER;
  case TREE_OR:
    if (t->parts[0]->logical) return MISSING_NUMBER;
    v = tree_number(t->parts[0], slots, f);
    return v == v ? v : tree_number(t->parts[1], slots, f);
  case TREE_CALL:
    if (t->type != VALUE_NUMBER) return MISSING_NUMBER;
    v = tree_number(t->parts[0], slots, f);
    if (t->operation != CALL_MIN && t->operation != CALL_MAX) return call_number(t->operation, v);
    for (uint32_t i = 1; i < t->count; i++) v = arithmetic(t->operation, v, tree_number(t->parts[i], slots, f));
    return v;
  case TREE_NOT:
  case TREE_COMPARE: break;
  }
  return MISSING_NUMBER;
}

/* ---- comparisons ---- */
static enum truth truth_of(bool v) {
  return v ? TRUTH_TRUE : TRUTH_FALSE;
}

static enum truth compare_values(enum operation o, const struct value *a, const struct value *b) {
  if (a->kind == VALUE_MISSING || a->kind != b->kind) return TRUTH_UNKNOWN;
  if (o == COMPARE_EQUAL || o == COMPARE_NOT_EQUAL) return truth_of(value_equal(a, b) == (o == COMPARE_EQUAL));
  if (a->kind == VALUE_NUMBER) return truth_of(compare_numbers(o, a->number, b->number));
  if (a->kind == VALUE_TEXT) return truth_of(compare_numbers(o, str_compare(value_str(*a), value_str(*b)), 0));
  return TRUTH_UNKNOWN;
}

static enum truth compare_truth(const struct tree *t, const struct value *slots, const struct forced *f) {
  const struct tree *left = t->parts[0], *right = t->parts[1];
  if (left->nil || right->nil) {
    struct value v = tree_value(left->nil ? right : left, slots, f);
    return truth_of((v.kind == VALUE_MISSING) == (t->operation == COMPARE_EQUAL));
  }
  if (compare_place(t) == VALUE_NUMBER) {
    double a = tree_number(left, slots, f), b = tree_number(right, slots, f);
    return a != a || b != b ? TRUTH_UNKNOWN : truth_of(compare_numbers(t->operation, a, b));
  }
  struct value a = tree_value(left, slots, f), b = tree_value(right, slots, f);
  return compare_values(t->operation, &a, &b);
}

static enum truth has_truth(const struct tree *t, const struct value *slots, const struct forced *f) {
  struct value list = tree_value(t->parts[0], slots, f), item = tree_value(t->parts[1], slots, f);
  if (list.kind != VALUE_LIST || item.kind == VALUE_MISSING) return TRUTH_UNKNOWN;
  for (uint32_t i = 0; i < list.count; i++)
    if (value_equal(&list.items[i], &item)) return TRUTH_TRUE;
  return TRUTH_FALSE;
}

/* ---- truths ---- */
static enum truth negated(enum truth v) {
  return v == TRUTH_UNKNOWN ? v : v == TRUTH_TRUE ? TRUTH_FALSE : TRUTH_TRUE;
}

static enum truth and_truth(const struct tree *t, const struct value *slots, const struct forced *f) {
  enum truth left = tree_truth(t->parts[0], slots, f);
  if (left == TRUTH_FALSE) return left;
  enum truth right = tree_truth(t->parts[1], slots, f);
  return left == TRUTH_TRUE || right == TRUTH_FALSE ? right : TRUTH_UNKNOWN;
}

static enum truth or_truth(const struct tree *t, const struct value *slots, const struct forced *f) {
  enum truth left = tree_truth(t->parts[0], slots, f);
  if (left == TRUTH_TRUE) return left;
  enum truth right = tree_truth(t->parts[1], slots, f);
  if (!t->parts[0]->logical) return right; /* a value that is missing or false: the default */
  return left == TRUTH_FALSE || right == TRUTH_TRUE ? right : TRUTH_UNKNOWN;
}

enum truth tree_truth(const struct tree *t, const struct value *slots, const struct forced *f) {
  if (f && f->term == t) return f->truth;
  const struct value *v = t->kind == TREE_NAME ? &slots[t->slot] : &t->literal;
  switch (t->kind) {
  case TREE_LITERAL:
  case TREE_NAME: return v->kind == VALUE_BOOL ? truth_of(v->number != 0) : TRUTH_UNKNOWN;
  case TREE_NOT: return negated(tree_truth(t->parts[0], slots, f));
  case TREE_AND: return and_truth(t, slots, f);
  case TREE_OR: return or_truth(t, slots, f);
  case TREE_COMPARE: return compare_truth(t, slots, f);
  case TREE_CALL:
    if (t->operation == CALL_HAS) return has_truth(t, slots, f);
    if (t->operation == CALL_KNOWN) return truth_of(tree_value(t->parts[0], slots, f).kind != VALUE_MISSING);
    break;
  case TREE_MINUS:
  case TREE_ARITHMETIC: break;
  }
  return TRUTH_UNKNOWN;
}

/* ---- any value ---- */
static struct value value_of_truth(enum truth v) {
  return v == TRUTH_UNKNOWN ? value_missing(MISSING_ABSENT) : value_bool(v == TRUTH_TRUE);
}

static struct value and_value(const struct tree *t, const struct value *slots, const struct forced *f) {
  enum truth left = tree_truth(t->parts[0], slots, f);
  if (!t->logical) return left == TRUTH_TRUE ? tree_value(t->parts[1], slots, f) : value_missing(MISSING_ABSENT); /* c and "text" */
  if (left == TRUTH_FALSE) return value_bool(false);
  struct value right = tree_value(t->parts[1], slots, f);
  bool settled = left == TRUTH_TRUE || (right.kind == VALUE_BOOL && right.number == 0);
  return settled ? right : value_missing(MISSING_ABSENT);
}

struct value tree_value(const struct tree *t, const struct value *slots, const struct forced *f) {
  if (f && f->term == t) return value_of_truth(f->truth);
  if (t->kind == TREE_LITERAL) return t->literal;
  if (t->kind == TREE_NAME) return slots[t->slot];
  if (t->type == VALUE_BOOL) return value_of_truth(tree_truth(t, slots, f));
  if (t->type == VALUE_NUMBER) {
    double v = tree_number(t, slots, f);
    return v == v ? value_number(v) : value_missing(MISSING_ABSENT);
  }
  switch (t->kind) {
  case TREE_AND: return and_value(t, slots, f);
  case TREE_OR: {
    struct value left = tree_value(t->parts[0], slots, f);
    bool none = left.kind == VALUE_MISSING || (left.kind == VALUE_BOOL && left.number == 0) || (t->type && left.kind != t->type);
    return none ? tree_value(t->parts[1], slots, f) : left;
  }
  default: return value_missing(MISSING_ABSENT); /* the others are truths or numbers */
  }
}
