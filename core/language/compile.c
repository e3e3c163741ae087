/* The compiler: a typed tree becomes steps that jump (code.h). It works from the end to the beginning, so every jump already has its
 * target, and it moves `not` into the leaves. Common leaves (a name against a constant, with or without a default) become one step;
 * shapes without a step of their own are walked as trees, so the compiler decides speed and never meaning. The code lies in the symbols'
 * arena. Called by expression_compile [builder]; running is run.c. */
#include "code.h"
#include <string.h>

struct compiler {
  struct arena *arena;
  struct step *steps;
  uint32_t count, cap;
  bool failed;
};

static uint32_t emit(struct compiler *c, struct step step) {
  if (c->count == c->cap) {
    uint32_t cap = c->cap ? c->cap * 2 : 16;
    struct step *steps = ARENA_ARRAY(c->arena, struct step, cap);
    if (!steps) {
      c->failed = true;
      return 0;
    }
    if (c->count) memcpy(steps, c->steps, c->count * sizeof *steps);
    c->steps = steps;
    c->cap = cap;
  }
  c->steps[c->count] = step;
  return c->count++;
}

/* How many numbers `t` piles up: right sides wait for left ones. */
static uint32_t depth_of(const struct tree *t) {
  uint32_t most = 1;
  for (uint32_t i = 0; i < t->count; i++) {
    uint32_t depth = depth_of(t->parts[i]) + (i ? 1 : 0);
    if (depth > most) most = depth;
  }
  return most;
}

/* ---- numbers: emit_number returns the step to enter, which pushes the value of `t` and goes on to `next` ---- */
static uint32_t emit_number(struct compiler *c, const struct tree *t, uint32_t next);

static uint32_t emit_arithmetic(struct compiler *c, const struct tree *t, uint32_t next) {
  static const uint8_t with_number[] = {
      [ADD] = STEP_ADD_NUMBER, [SUBTRACT] = STEP_SUBTRACT_NUMBER, [MULTIPLY] = STEP_MULTIPLY_NUMBER, [DIVIDE] = STEP_DIVIDE_NUMBER};
  const struct tree *right = t->parts[1];
  if (t->operation != MODULO && right->kind == TREE_LITERAL && right->literal.kind == VALUE_NUMBER) {
    struct step s = {.kind = with_number[t->operation], .to = {next}, .number = right->literal.number};
    return emit_number(c, t->parts[0], emit(c, s));
  }
  uint32_t binary = emit(c, (struct step){.kind = STEP_BINARY, .operation = (uint8_t)t->operation, .to = {next}});
  return emit_number(c, t->parts[0], emit_number(c, right, binary));
}

static uint32_t emit_call(struct compiler *c, const struct tree *t, uint32_t next) {
  if (t->operation != CALL_MIN && t->operation != CALL_MAX) {
    struct step s = {.kind = STEP_UNARY, .operation = (uint8_t)t->operation, .to = {next}};
    return emit_number(c, t->parts[0], emit(c, s));
  }
  for (uint32_t i = t->count - 1; i > 0; i--) {
    uint32_t binary = emit(c, (struct step){.kind = STEP_BINARY, .operation = (uint8_t)t->operation, .to = {next}});
    next = emit_number(c, t->parts[i], binary);
  }
  return emit_number(c, t->parts[0], next);
}

static uint32_t emit_number(struct compiler *c, const struct tree *t, uint32_t next) {
  if (depth_of(t) + 2 >= CODE_STACK) return emit(c, (struct step){.kind = STEP_PUSH_TREE, .to = {next}, .tree = t});
  switch (t->kind) {
  case TREE_NAME: return emit(c, (struct step){.kind = STEP_PUSH_SLOT, .slot = t->slot, .to = {next}});
  case TREE_MINUS: return emit_number(c, t->parts[0], emit(c, (struct step){.kind = STEP_UNARY, .to = {next}}));
  case TREE_ARITHMETIC: return emit_arithmetic(c, t, next);
  case TREE_CALL:
    if (t->type == VALUE_NUMBER) return emit_call(c, t, next);
    break;
  case TREE_LITERAL:
    if (t->literal.kind == VALUE_NUMBER) {
      struct step s = {.kind = STEP_PUSH_NUMBER, .to = {next}, .number = t->literal.number};
      return emit(c, s);
    }
    break;
  case TREE_OR:
    if (!t->parts[0]->logical) {
      uint32_t other = emit_number(c, t->parts[1], next);
      return emit_number(c, t->parts[0], emit(c, (struct step){.kind = STEP_DEFAULT, .to = {next, other}}));
    }
    break;
  default: break;
  }
  return emit(c, (struct step){.kind = STEP_PUSH_TREE, .to = {next}, .tree = t});
}

/* ---- leaves: return the step to enter, which ends in `yes` or `no`. `lost`: the side an unknown takes against the whole ---- */
struct leaf {
  uint32_t no, yes;
  uint8_t lost;
};

static struct step leaf_step(enum step_kind kind, uint32_t slot, struct leaf l) {
  return (struct step){.kind = (uint8_t)kind, .slot = slot, .lost = l.lost, .to = {l.no, l.yes}};
}

static uint32_t emit_tree(struct compiler *c, const struct tree *t, struct leaf l) {
  struct step s = leaf_step(STEP_TREE, 0, l);
  s.tree = t;
  return emit(c, s);
}

static bool is_literal(const struct tree *t, enum value_kind kind) {
  return t->kind == TREE_LITERAL && t->literal.kind == kind;
}

static struct leaf swapped(struct leaf l, bool swap) {
  return swap ? (struct leaf){l.yes, l.no, l.lost ^ 1} : l;
}

/* `name or 5` on one side of a comparison with a number: what a missing name gives is known now. */
static bool name_with_default(const struct tree *t, double *otherwise) {
  if (t->kind != TREE_OR || t->parts[0]->kind != TREE_NAME || !is_literal(t->parts[1], VALUE_NUMBER)) return false;
  *otherwise = t->parts[1]->literal.number;
  return true;
}

static uint32_t emit_compare_numbers(struct compiler *c, const struct tree *t, struct leaf l) {
  static const enum operation turned[] = {[COMPARE_LESS] = COMPARE_GREATER, [COMPARE_LESS_EQUAL] = COMPARE_GREATER_EQUAL,
                                          [COMPARE_GREATER] = COMPARE_LESS, [COMPARE_GREATER_EQUAL] = COMPARE_LESS_EQUAL,
                                          [COMPARE_EQUAL] = COMPARE_EQUAL,  [COMPARE_NOT_EQUAL] = COMPARE_NOT_EQUAL};
  const struct tree *left = t->parts[0], *right = t->parts[1];
  enum operation o = t->operation;
  if (is_literal(left, VALUE_NUMBER)) {
    const struct tree *swap = left;
    left = right;
    right = swap;
    o = turned[o];
  }
  double otherwise = 0;
  bool defaulted = name_with_default(left, &otherwise);
  if (is_literal(right, VALUE_NUMBER) && (left->kind == TREE_NAME || defaulted)) {
    const struct tree *name = defaulted ? left->parts[0] : left;
    struct step s = leaf_step(STEP_LESS + (o - COMPARE_LESS), name->slot, l);
    s.number = right->literal.number;
    s.settled = defaulted;
    if (defaulted) s.lost = compare_numbers(o, otherwise, s.number);
    return emit(c, s);
  }
  struct step compare = leaf_step(STEP_COMPARE, 0, l);
  compare.operation = (uint8_t)t->operation;
  uint32_t end = emit(c, compare);
  return emit_number(c, t->parts[0], emit_number(c, t->parts[1], end));
}

static uint32_t emit_compare(struct compiler *c, const struct tree *t, struct leaf l) {
  const struct tree *left = t->parts[0], *right = t->parts[1];
  bool unequal = t->operation == COMPARE_NOT_EQUAL, equality = unequal || t->operation == COMPARE_EQUAL;
  if (left->nil || right->nil) {
    const struct tree *other = left->nil ? right : left;
    if (other->kind != TREE_NAME) return emit_tree(c, t, l);
    struct leaf turned = swapped(l, !unequal); /* x ~= nil is known(x) */
    return emit(c, leaf_step(STEP_KNOWN, other->slot, turned));
  }
  enum value_kind place = compare_place(t);
  if (place == VALUE_NUMBER) return emit_compare_numbers(c, t, l);
  const struct tree *name = left->kind == TREE_NAME ? left : right, *constant = left->kind == TREE_NAME ? right : left;
  if (name->kind != TREE_NAME || !equality) return emit_tree(c, t, l);
  if (is_literal(constant, VALUE_TEXT)) {
    struct step s = leaf_step(STEP_TEXT, name->slot, swapped(l, unequal));
    s.literal = &constant->literal;
    return emit(c, s);
  }
  if (is_literal(constant, VALUE_BOOL))
    return emit(c, leaf_step(STEP_TRUE, name->slot, swapped(l, unequal != (constant->literal.number == 0))));
  return emit_tree(c, t, l);
}

static uint32_t emit_truth(struct compiler *c, const struct tree *t, struct leaf l);

/* The left side of a value's `or`: it counts only when it is true, so unknown is the same as false whatever stands around it. */
static uint32_t emit_definite(struct compiler *c, const struct tree *t, struct leaf l) {
  if (t->kind == TREE_OR) return emit_definite(c, t->parts[0], (struct leaf){emit_definite(c, t->parts[1], l), l.yes, 0});
  if (t->kind != TREE_NAME) return emit_truth(c, t, l);
  struct step s = leaf_step(STEP_TRUE, t->slot, l);
  s.settled = 1;
  s.lost = 0;
  return emit(c, s);
}

static bool definite_shape(const struct tree *t) {
  if (t->kind == TREE_OR) return !t->logical && definite_shape(t->parts[0]) && definite_shape(t->parts[1]);
  return t->kind == TREE_NAME || is_literal(t, VALUE_BOOL);
}

/* `lost` of an inner part: against the whole is the same side for both parts of and/or, since both are monotone. */
static uint32_t emit_truth(struct compiler *c, const struct tree *t, struct leaf l) {
  switch (t->kind) {
  case TREE_LITERAL:
    if (t->literal.kind == VALUE_BOOL) return t->literal.number != 0 ? l.yes : l.no;
    break;
  case TREE_NAME: return emit(c, leaf_step(STEP_TRUE, t->slot, l));
  case TREE_NOT: return emit_truth(c, t->parts[0], swapped(l, true));
  case TREE_AND: return emit_truth(c, t->parts[0], (struct leaf){l.no, emit_truth(c, t->parts[1], l), l.lost});
  case TREE_OR: {
    bool value = !t->parts[0]->logical;
    if (value && !definite_shape(t->parts[0])) break;
    struct leaf left = {emit_truth(c, t->parts[1], l), l.yes, l.lost};
    return value ? emit_definite(c, t->parts[0], left) : emit_truth(c, t->parts[0], left);
  }
  case TREE_COMPARE: return emit_compare(c, t, l);
  case TREE_CALL:
    if (t->operation == CALL_KNOWN && t->parts[0]->kind == TREE_NAME) return emit(c, leaf_step(STEP_KNOWN, t->parts[0]->slot, l));
    if (t->operation == CALL_HAS && t->parts[0]->kind == TREE_NAME && t->parts[1]->kind == TREE_LITERAL &&
        t->parts[1]->literal.kind != VALUE_MISSING) {
      struct step s = leaf_step(STEP_HAS, t->parts[0]->slot, l);
      s.literal = &t->parts[1]->literal;
      return emit(c, s);
    }
    break;
  default: break;
  }
  return emit_tree(c, t, l);
}

/* Numbers become distances in bytes; a condition has at most some thousand steps and a program 65 535 slots, so they fit. */
static void settle_addresses(struct compiler *c) {
  for (uint32_t i = 0; i < c->count; i++) {
    struct step *s = &c->steps[i];
    s->to[0] *= (uint32_t)sizeof *s;
    s->to[1] *= (uint32_t)sizeof *s;
    s->slot *= (uint32_t)sizeof(struct value);
  }
}

bool compile_tree(struct expression *x, struct arena *a) {
  struct compiler c = {.arena = a};
  emit(&c, (struct step){.kind = STEP_EXIT_FALSE});
  emit(&c, (struct step){.kind = STEP_EXIT_TRUE});
  if (c.failed) return false;
  if (x->want == WANT_NUMBER || (x->want == WANT_ANY && x->root->type == VALUE_NUMBER)) x->entry = emit_number(&c, x->root, 0);
  else x->entry = emit_truth(&c, x->root, (struct leaf){0, 1, 0});
  settle_addresses(&c);
  x->code = c.steps;
  x->entry *= (uint32_t)sizeof *c.steps;
  return !c.failed;
}
