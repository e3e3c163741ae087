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
  return v->text.len == literal->text.len && memcmp(v->text.at, literal->text.at, literal->text.len) == 0;
}

static bool list_has(const struct value *list, const struct value *item) {
  for (uint32_t i = 0; i < list->count; i++)
    if (value_equal(&list->items[i], item)) return true;
  return false;
}

/* Runs until an exit and says which. `hopeful` is 1 in the second pass. */
static inline __attribute__((always_inline)) bool run_steps(const struct expression *x, const struct value *slots, unsigned hopeful,
                                                            bool *unknown, double *stack) {
  const char *code = (const char *)x->code, *values = (const char *)slots;
  double *top = stack; /* the topmost number; stack[0] is never used as an operand */
  uint32_t at = x->entry;
  for (;;) {
    const struct step *s = (const void *)(code + at);
    const struct value *v = (const void *)(values + s->slot);
    enum truth truth = TRUTH_UNKNOWN;
    switch ((enum step_kind)s->kind) {
    case STEP_EXIT_FALSE: return false;
    case STEP_EXIT_TRUE: return true;
    case STEP_LESS:
      if (v->kind == VALUE_NUMBER) truth = v->number < s->number;
      break;
    case STEP_LESS_EQUAL:
      if (v->kind == VALUE_NUMBER) truth = v->number <= s->number;
      break;
    case STEP_GREATER:
      if (v->kind == VALUE_NUMBER) truth = v->number > s->number;
      break;
    case STEP_GREATER_EQUAL:
      if (v->kind == VALUE_NUMBER) truth = v->number >= s->number;
      break;
    case STEP_EQUAL:
      if (v->kind == VALUE_NUMBER) truth = v->number == s->number;
      break;
    case STEP_NOT_EQUAL:
      if (v->kind == VALUE_NUMBER) truth = v->number != s->number;
      break;
    case STEP_TRUE:
      if (v->kind == VALUE_BOOL) truth = v->number != 0;
      break;
    case STEP_KNOWN: truth = v->kind != VALUE_MISSING; break;
    case STEP_TEXT:
      if (v->kind == VALUE_TEXT) truth = text_is(v, s->literal);
      break;
    case STEP_HAS:
      if (v->kind == VALUE_LIST) truth = list_has(v, s->literal);
      break;
    case STEP_COMPARE:
      top -= 2;
      if (top[1] == top[1] && top[2] == top[2]) truth = compare_numbers(s->operation, top[1], top[2]);
      break;
    case STEP_TREE: truth = tree_truth(s->tree, slots, NULL); break;
    case STEP_PUSH_SLOT:
      *++top = v->kind == VALUE_NUMBER ? v->number : __builtin_nan("");
      at = s->to[0];
      continue;
    case STEP_PUSH_NUMBER:
      *++top = s->number;
      at = s->to[0];
      continue;
    case STEP_PUSH_TREE:
      *++top = tree_number(s->tree, slots, NULL);
      at = s->to[0];
      continue;
    case STEP_BINARY:
      top--;
      *top = arithmetic(s->operation, top[0], top[1]);
      at = s->to[0];
      continue;
    case STEP_ADD_NUMBER:
      *top = finite_or_missing(*top + s->number);
      at = s->to[0];
      continue;
    case STEP_SUBTRACT_NUMBER:
      *top = finite_or_missing(*top - s->number);
      at = s->to[0];
      continue;
    case STEP_MULTIPLY_NUMBER:
      *top = finite_or_missing(*top * s->number);
      at = s->to[0];
      continue;
    case STEP_DIVIDE_NUMBER:
      *top = finite_or_missing(*top / s->number);
      at = s->to[0];
      continue;
    case STEP_UNARY:
      *top = s->operation ? call_number(s->operation, *top) : 0 - *top;
      at = s->to[0];
      continue;
    case STEP_DEFAULT:
      if (*top == *top) {
        at = s->to[0];
      } else {
        top--;
        at = s->to[1];
      }
      continue;
    }
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
