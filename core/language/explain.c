/* Explanations: what each term of a condition said, whether it mattered, and the smallest change of one name that would have turned the
 * whole. A term is a leaf of the logic: a comparison, a truth, known(), has(), or a name with its default. "What if" is answered by
 * evaluating the whole again with that term held fixed, never by reasoning about operators, so it is right under and, or, not and unknown
 * alike. Allocates in the caller's arena; called for decisions that somebody asks about. [any] */
#include "tree.h"
#include <string.h>

/* `x or 5`, `x or false`: one term, since the default is no term of its own. */
static bool with_default(const struct tree *t) {
  return t->kind == TREE_OR && !t->parts[0]->logical && t->parts[1]->kind == TREE_LITERAL;
}

static bool is_term(const struct tree *t) {
  return (t->kind != TREE_AND && t->kind != TREE_OR && t->kind != TREE_NOT) || with_default(t);
}

static size_t count_terms(const struct tree *t) {
  if (is_term(t)) return 1;
  size_t n = 0;
  for (uint32_t i = 0; i < t->count; i++) n += count_terms(t->parts[i]);
  return n;
}

static void list_terms(const struct tree *t, const struct tree **list, size_t *count) {
  if (is_term(t)) {
    list[(*count)++] = t;
    return;
  }
  for (uint32_t i = 0; i < t->count; i++) list_terms(t->parts[i], list, count);
}

static const struct tree **all_terms(const struct expression *x, struct arena *a, size_t *count) {
  *count = count_terms(x->root);
  const struct tree **list = arena_zero(a, *count, sizeof *list);
  size_t n = 0;
  if (list) list_terms(x->root, list, &n);
  if (!list) *count = 0;
  return list;
}

static struct str source_of(const struct expression *x, const struct tree *t) {
  return (struct str){x->source.at + t->start, t->end - t->start};
}

/* The first name below `t`, in source order, whose slot is missing. */
static const struct tree *missing_name(const struct tree *t, const struct value *slots) {
  if (t->kind == TREE_NAME) return slots[t->slot].kind == VALUE_MISSING ? t : NULL;
  const struct tree *name = NULL;
  for (uint32_t i = 0; i < t->count && !name; i++) name = missing_name(t->parts[i], slots);
  return name;
}

enum missing_reason gap_first(enum missing_reason one, enum missing_reason other) {
  if (one == MISSING_WARMING || other == MISSING_ABSENT) return one;
  return other == MISSING_WARMING || one == MISSING_ABSENT ? other : one;
}

/* A part that is known made nothing unknown. */
static enum missing_reason gap_of(const struct tree *t, const struct value *slots) {
  enum missing_reason gap = MISSING_ABSENT;
  if (t->kind == TREE_NAME) return slots[t->slot].kind == VALUE_MISSING ? (enum missing_reason)slots[t->slot].reason : gap;
  for (uint32_t i = 0; i < t->count; i++)
    if (tree_value(t->parts[i], slots, NULL).kind == VALUE_MISSING) gap = gap_first(gap, gap_of(t->parts[i], slots));
  return gap;
}

enum missing_reason expression_gap(const struct expression *x, const struct value *slots) {
  return gap_of(x->root, slots);
}

/* The value of an operand, with the reason of the gap when a missing name made it missing. */
static struct value operand(const struct tree *t, const struct value *slots) {
  struct value v = tree_value(t, slots, NULL);
  while (v.kind == VALUE_MISSING && t->kind == TREE_OR) t = t->parts[1];
  if (v.kind == VALUE_MISSING && t->kind == TREE_NAME && slots[t->slot].kind == VALUE_MISSING) v.reason = slots[t->slot].reason;
  return v;
}

static bool decisive(const struct expression *x, const struct tree *t, const struct value *slots, enum truth whole) {
  for (int held = TRUTH_FALSE; held <= TRUTH_UNKNOWN; held++) {
    struct forced f = {t, (enum truth)held};
    if (tree_truth(x->root, slots, &f) != whole) return true;
  }
  return false;
}

static struct term describe(const struct expression *x, const struct tree *t, const struct value *slots, enum truth whole) {
  struct term term = {.source = source_of(x, t), .truth = tree_truth(t, slots, NULL), .operator= "" };
  const struct tree *gap = missing_name(t, slots);
  if (gap) term.missing = x->symbols[gap->slot].name;
  if (gap) term.gap = (enum missing_reason)slots[gap->slot].reason;
  const struct tree *left = t, *right = NULL;
  if (t->kind == TREE_COMPARE || t->kind == TREE_CALL || t->kind == TREE_OR) {
    term.operator= t->kind == TREE_OR ? "or" : operation_text(t->operation);
    left = t->parts[0];
    right = t->count > 1 ? t->parts[1] : NULL;
  }
  term.left_name = source_of(x, left);
  term.left = operand(left, slots);
  if (right) {
    term.right_name = source_of(x, right);
    term.right = operand(right, slots);
  }
  term.decisive = decisive(x, t, slots, whole);
  return term;
}

size_t expression_terms(const struct expression *x, const struct value *slots, struct arena *a, struct term **terms) {
  *terms = NULL;
  if (x->want == WANT_NUMBER || (x->root->type != VALUE_BOOL && x->root->type != VALUE_MISSING)) return 0;
  size_t count;
  const struct tree **list = all_terms(x, a, &count);
  struct term *out = count ? ARENA_ARRAY(a, struct term, count) : NULL;
  if (!out) return 0;
  enum truth whole = tree_truth(x->root, slots, NULL);
  for (size_t i = 0; i < count; i++) out[i] = describe(x, list[i], slots, whole);
  *terms = out;
  return count;
}

/* ---- the nearest change ---- */
struct candidate {
  const struct tree *name; /* the TREE_NAME that would have to change */
  enum operation operation;
  struct value was, bound;
  double distance; /* relative; 1 for a change of kind (another text, another truth), 2 when the name was missing */
};

static const struct tree *name_of(const struct tree *t) {
  if (with_default(t)) t = t->parts[0];
  return t->kind == TREE_NAME ? t : NULL;
}

static enum operation inverse(enum operation o) {
  static const enum operation table[] = {
      [COMPARE_LESS] = COMPARE_GREATER_EQUAL, [COMPARE_LESS_EQUAL] = COMPARE_GREATER, [COMPARE_GREATER] = COMPARE_LESS_EQUAL,
      [COMPARE_GREATER_EQUAL] = COMPARE_LESS, [COMPARE_EQUAL] = COMPARE_NOT_EQUAL,    [COMPARE_NOT_EQUAL] = COMPARE_EQUAL};
  return table[o];
}
static enum operation turned(enum operation o) {
  static const enum operation table[] = {[COMPARE_LESS] = COMPARE_GREATER, [COMPARE_LESS_EQUAL] = COMPARE_GREATER_EQUAL,
                                         [COMPARE_GREATER] = COMPARE_LESS, [COMPARE_GREATER_EQUAL] = COMPARE_LESS_EQUAL,
                                         [COMPARE_EQUAL] = COMPARE_EQUAL,  [COMPARE_NOT_EQUAL] = COMPARE_NOT_EQUAL};
  return table[o];
}

static double absolute(double v) {
  return v < 0 ? -v : v;
}

static double distance_of(const struct candidate *c) {
  if (c->was.kind == VALUE_MISSING) return 2;
  if (c->was.kind != VALUE_NUMBER || c->bound.kind != VALUE_NUMBER || c->operation == COMPARE_NOT_EQUAL) return 1;
  double was = absolute(c->was.number), bound = absolute(c->bound.number), scale = was > bound ? was : bound;
  return scale == 0 ? 0 : absolute(c->was.number - c->bound.number) / scale;
}

/* What `name` would have to satisfy for the term to have the truth `wanted`. */
static bool candidate_of(const struct tree *t, bool wanted, const struct value *slots, struct candidate *c) {
  if (t->kind == TREE_COMPARE && !t->parts[0]->nil && !t->parts[1]->nil) {
    bool on_left = name_of(t->parts[0]) != NULL;
    c->name = name_of(t->parts[on_left ? 0 : 1]);
    if (!c->name) return false;
    c->bound = tree_value(t->parts[on_left ? 1 : 0], slots, NULL);
    c->operation = on_left ? t->operation : turned(t->operation);
    if (!wanted) c->operation = inverse(c->operation);
  } else if (t->type == VALUE_BOOL || t->type == VALUE_MISSING) {
    c->name = name_of(t);
    if (!c->name) return false;
    c->bound = value_bool(wanted);
    c->operation = COMPARE_EQUAL;
  } else {
    return false;
  }
  c->was = slots[c->name->slot];
  c->distance = distance_of(c);
  return c->bound.kind != VALUE_MISSING;
}

/* A value of the name that satisfies the change; false when there is none to try (texts and truths have no next value but the bound). */
static bool witness(const struct candidate *c, struct value *v) {
  *v = c->bound;
  if (c->operation == COMPARE_EQUAL || c->operation == COMPARE_LESS_EQUAL || c->operation == COMPARE_GREATER_EQUAL) return true;
  if (c->bound.kind == VALUE_BOOL) {
    v->number = c->bound.number == 0;
    return true;
  }
  if (c->bound.kind != VALUE_NUMBER) return false;
  double step = absolute(c->bound.number) * 1e-9 + 1e-12;
  v->number += c->operation == COMPARE_LESS ? -step : step;
  return true;
}

/* A name may stand in other terms too: with the new value in place the whole must really turn. */
static bool turns(const struct expression *x, const struct candidate *c, struct value *copy, bool was_true) {
  struct value v;
  if (!witness(c, &v)) return true;
  struct value kept = copy[c->name->slot];
  copy[c->name->slot] = v;
  bool now = tree_truth(x->root, copy, NULL) == TRUTH_TRUE;
  copy[c->name->slot] = kept;
  return now != was_true;
}

bool expression_nearest_change(const struct expression *x, const struct value *slots, struct arena *a, struct change *change) {
  if (x->want == WANT_NUMBER || x->slot_count == 0) return false;
  size_t count, width = (size_t)x->slots[x->slot_count - 1] + 1;
  const struct tree **list = all_terms(x, a, &count);
  struct value *copy = arena_copy(a, slots, width * sizeof *slots);
  if (!list || !copy) return false;
  bool whole = tree_truth(x->root, slots, NULL) == TRUTH_TRUE, found = false;
  struct candidate best = {.distance = 3};
  for (size_t i = 0; i < count; i++) {
    for (int held = TRUTH_FALSE; held <= TRUTH_TRUE; held++) {
      struct forced f = {list[i], (enum truth)held};
      struct candidate c;
      if (tree_truth(list[i], slots, NULL) == (enum truth)held || (tree_truth(x->root, slots, &f) == TRUTH_TRUE) == whole) continue;
      if (!candidate_of(list[i], held == TRUTH_TRUE, slots, &c) || c.distance >= best.distance) continue;
      if (!turns(x, &c, copy, whole)) continue;
      best = c;
      found = true;
    }
  }
  if (!found) return false;
  *change = (struct change){x->symbols[best.name->slot].name, operation_text(best.operation), best.was, best.bound};
  return true;
}

/* ---- several changes ---- */

struct several {
  struct candidate at[CHANGES_MOST];
  size_t count;
  double distance;
};

static bool all_of(const struct tree *t, bool wanted, const struct value *slots, struct several *out);

/* What the part needs to have that truth. Two parts that both need it are both there, of two of which one is enough the nearer one is. */
static bool needs(const struct tree *t, bool wanted, const struct value *slots, struct several *out) {
  *out = (struct several){0};
  if ((tree_truth(t, slots, NULL) == TRUTH_TRUE) == wanted && tree_truth(t, slots, NULL) != TRUTH_UNKNOWN) return true;
  if (is_term(t)) {
    out->count = 1;
    if (!candidate_of(t, wanted, slots, &out->at[0])) return false;
    out->distance = out->at[0].distance;
    return true;
  }
  if (t->kind == TREE_NOT) return needs(t->parts[0], !wanted, slots, out);
  if ((t->kind == TREE_AND) == wanted) return all_of(t, wanted, slots, out);
  bool found = false;
  for (uint32_t i = 0; i < t->count; i++) {
    struct several one;
    if (!needs(t->parts[i], wanted, slots, &one)) continue;
    if (found && (one.count > out->count || (one.count == out->count && one.distance >= out->distance))) continue;
    *out = one;
    found = true;
  }
  return found;
}

static bool all_of(const struct tree *t, bool wanted, const struct value *slots, struct several *out) {
  for (uint32_t i = 0; i < t->count; i++) {
    struct several one;
    if (!needs(t->parts[i], wanted, slots, &one) || out->count + one.count > CHANGES_MOST) return false;
    memcpy(out->at + out->count, one.at, one.count * sizeof *one.at);
    out->count += one.count;
    out->distance += one.distance;
  }
  return true;
}

size_t expression_least_changes(const struct expression *x, const struct value *slots, struct arena *a, struct change **changes) {
  struct several all;
  if (x->want == WANT_NUMBER || x->slot_count == 0 || tree_truth(x->root, slots, NULL) == TRUTH_TRUE) return 0;
  struct value *copy = arena_copy(a, slots, ((size_t)x->slots[x->slot_count - 1] + 1) * sizeof *slots);
  if (!copy || !needs(x->root, true, slots, &all) || all.count == 0) return 0;
  bool tried = true;
  for (size_t i = 0; i < all.count; i++) tried &= witness(&all.at[i], &copy[all.at[i].name->slot]);
  if (tried && tree_truth(x->root, copy, NULL) != TRUTH_TRUE) return 0;
  if (!(*changes = ARENA_ARRAY(a, struct change, all.count))) return 0;
  for (size_t i = 0; i < all.count; i++) {
    const struct candidate *c = &all.at[i];
    (*changes)[i] = (struct change){x->symbols[c->name->slot].name, operation_text(c->operation), c->was, c->bound};
  }
  return all.count;
}
