/* The loop that runs compiled conditions. It touches the slots, the steps and a small stack of numbers; it allocates nothing and takes no
 * lock. [any]
 *
 * Why two passes are exact: with `not` moved into the leaves a condition is a monotone formula of its leaves. Kleene's value of such a
 * formula is true exactly when it is true with every unknown leaf counted as false, and false exactly when it is false with every unknown
 * counted as true. So the first pass jumps with unknowns counted against the whole; true is final, and so is false when no unknown was
 * met. Otherwise the second pass counts them in favour: false is final, anything else is unknown. */
#include "code.h"
#include <string.h>

static bool text_is(const struct value *v, const struct value *literal) {
  return v->count == literal->count && memcmp(v->text, literal->text, literal->count) == 0;
}

static bool list_has(const struct value *list, const struct value *item) {
  for (uint32_t i = 0; i < list->count; i++)
    if (value_equal(&list->items[i], item)) return true;
  return false;
}

#define ALWAYS static inline __attribute__((always_inline))

/* What a leaf says. `top` is the topmost number. */
ALWAYS enum truth run_leaf(const struct step *s, const struct value *v, const struct value *slots, double **top) {
  switch ((enum step_kind)s->kind) {
  case STEP_LESS: return v->kind == VALUE_NUMBER ? v->number < s->number : TRUTH_UNKNOWN;
  case STEP_LESS_EQUAL: return v->kind == VALUE_NUMBER ? v->number <= s->number : TRUTH_UNKNOWN;
  case STEP_GREATER: return v->kind == VALUE_NUMBER ? v->number > s->number : TRUTH_UNKNOWN;
  case STEP_GREATER_EQUAL: return v->kind == VALUE_NUMBER ? v->number >= s->number : TRUTH_UNKNOWN;
  case STEP_EQUAL: return v->kind == VALUE_NUMBER ? v->number == s->number : TRUTH_UNKNOWN;
  case STEP_NOT_EQUAL: return v->kind == VALUE_NUMBER ? v->number != s->number : TRUTH_UNKNOWN;
  case STEP_TRUE: return v->kind == VALUE_BOOL ? v->number != 0 : TRUTH_UNKNOWN;
  case STEP_KNOWN: return v->kind != VALUE_MISSING;
  case STEP_TEXT: return v->kind == VALUE_TEXT ? text_is(v, s->literal) : TRUTH_UNKNOWN;
  case STEP_HAS: return v->kind == VALUE_LIST ? list_has(v, s->literal) : TRUTH_UNKNOWN;
  case STEP_COMPARE: {
    double a = (*top)[-1], b = (*top)[0];
    *top -= 2;
    return a == a && b == b ? compare_numbers(s->operation, a, b) : TRUTH_UNKNOWN;
  }
  default: return tree_truth(s->tree, slots, NULL);
  }
}

/* Pushes a number or changes the topmost; returns where to go on. */
ALWAYS uint32_t run_number_step(const struct step *s, const struct value *v, const struct value *slots, double **stack) {
  double *top = *stack;
  switch ((enum step_kind)s->kind) {
  case STEP_PUSH_SLOT: *++top = v->kind == VALUE_NUMBER ? v->number : __builtin_nan(""); break;
  case STEP_PUSH_NUMBER: *++top = s->number; break;
  case STEP_PUSH_TREE: *++top = tree_number(s->tree, slots, NULL); break;
  case STEP_BINARY:
    top--;
    *top = arithmetic(s->operation, top[0], top[1]);
    break;
  case STEP_ADD_NUMBER: *top = finite_or_missing(*top + s->number); break;
  case STEP_SUBTRACT_NUMBER: *top = finite_or_missing(*top - s->number); break;
  case STEP_MULTIPLY_NUMBER: *top = finite_or_missing(*top * s->number); break;
  case STEP_DIVIDE_NUMBER: *top = finite_or_missing(*top / s->number); break;
  case STEP_UNARY: *top = s->operation ? call_number(s->operation, *top) : 0 - *top; break;
  default: /* STEP_DEFAULT */
    if (*top == *top) break;
    *stack = top - 1;
    return s->to[1];
  }
  *stack = top;
  return s->to[0];
}

/* Runs until an exit and says which. `hopeful` is 1 in the second pass. */
ALWAYS bool run_steps(const struct expression *x, const struct value *slots, unsigned hopeful, bool *unknown, double *stack) {
  const char *code = (const char *)x->code, *values = (const char *)slots;
  double *top = stack; /* stack[0] is never an operand */
  uint32_t at = x->entry;
  for (;;) {
    const struct step *s = (const void *)(code + at);
    const struct value *v = (const void *)(values + s->slot);
    if (s->kind <= STEP_EXIT_TRUE) return s->kind == STEP_EXIT_TRUE;
    if (s->kind >= STEP_PUSH_SLOT) {
      at = run_number_step(s, v, slots, &top);
      continue;
    }
    enum truth truth = run_leaf(s, v, slots, &top);
    if (truth != TRUTH_UNKNOWN) {
      at = s->to[truth];
    } else if (s->settled) {
      at = s->to[s->lost];
    } else {
      *unknown = true;
      at = s->to[s->lost ^ hopeful];
    }
  }
}

enum truth run_truth(const struct expression *x, const struct value *slots) {
  static const struct value none;
  double stack[CODE_STACK];
  bool unknown = false;
  if (!slots) slots = &none; /* a condition of constants */
  if (run_steps(x, slots, 0, &unknown, stack)) return TRUTH_TRUE;
  if (!unknown) return TRUTH_FALSE;
  return run_steps(x, slots, 1, &unknown, stack) ? TRUTH_UNKNOWN : TRUTH_FALSE;
}

double run_number(const struct expression *x, const struct value *slots) {
  static const struct value none;
  double stack[CODE_STACK];
  bool unknown = false;
  if (!slots) slots = &none; /* a condition of constants */
  run_steps(x, slots, 0, &unknown, stack);
  return stack[1];
}
