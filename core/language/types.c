/* Types of conditions: every node gets a kind or "any" (undeclared names), and what no value could mend is refused with its column: a text
 * compared with a number, a number used as a condition. It also folds constant arithmetic (15 * minutes becomes 900). It refuses nothing
 * that some value could satisfy. Called by expression_compile [builder]. */
#include "lexer.h"
#include "tree.h"

static const char *kind_text(enum value_kind kind) {
  static const char *const texts[] = {"any value", "a number", "a truth (true or false)", "a text", "a list"};
  return texts[kind];
}

static bool refuse(struct str source, const struct tree *t, struct err *e) {
  return lexer_at(source, t->start, e);
}

/* `t` stands where `wanted` is needed. */
static bool expect(const struct tree *t, enum value_kind wanted, const char *by, struct str source, struct err *e) {
  if (t->type == wanted || (t->type == VALUE_MISSING && !t->nil)) return true;
  err_set(e, ERR_INPUT, "%s needs %s, got %s", by, kind_text(wanted), t->nil ? "nil" : kind_text(t->type));
  return refuse(source, t, e);
}

enum value_kind compare_place(const struct tree *t) {
  enum value_kind left = t->parts[0]->type, right = t->parts[1]->type;
  return left ? left : right;
}

static bool check_compare(struct tree *t, struct str source, struct err *e) {
  const struct tree *left = t->parts[0], *right = t->parts[1];
  bool equality = t->operation == COMPARE_EQUAL || t->operation == COMPARE_NOT_EQUAL;
  t->type = VALUE_BOOL;
  t->logical = true;
  if ((left->nil || right->nil) && equality) return true;
  for (int i = 0; i < 2; i++) {
    const struct tree *part = t->parts[i];
    if (equality || (!part->nil && (part->type == VALUE_MISSING || part->type == VALUE_NUMBER || part->type == VALUE_TEXT))) continue;
    err_set(e, ERR_INPUT, "`%s` compares numbers or texts, got %s", operation_text(t->operation),
            part->nil ? "nil" : kind_text(part->type));
    return refuse(source, part, e);
  }
  if (left->type && right->type && left->type != right->type) {
    err_set(e, ERR_INPUT, "`%s` compares %s with %s", operation_text(t->operation), kind_text(left->type), kind_text(right->type));
    return refuse(source, t, e);
  }
  return true;
}

static bool check_and(struct tree *t, struct str source, struct err *e) {
  const struct tree *right = t->parts[1];
  if (!expect(t->parts[0], VALUE_BOOL, "the left side of `and`", source, e)) return false;
  t->type = right->type;
  t->logical = right->type == VALUE_BOOL || right->type == VALUE_MISSING;
  return true;
}

static bool check_or(struct tree *t, struct str source, struct err *e) {
  const struct tree *left = t->parts[0], *right = t->parts[1];
  if (left->nil) {
    err_set(e, ERR_INPUT, "`nil or …` is always what follows");
    return refuse(source, left, e);
  }
  if (left->logical && !expect(right, VALUE_BOOL, "the right side of `or`", source, e)) return false;
  if (left->type && right->type && left->type != right->type) {
    err_set(e, ERR_INPUT, "the two sides of `or` are %s and %s", kind_text(left->type), kind_text(right->type));
    return refuse(source, t, e);
  }
  t->type = left->logical ? VALUE_BOOL : left->type ? left->type : right->type;
  t->logical = left->logical || right->logical;
  return true;
}

static bool check_call(struct tree *t, struct str source, struct err *e) {
  t->type = VALUE_NUMBER;
  if (t->operation == CALL_HAS || t->operation == CALL_KNOWN) {
    t->type = VALUE_BOOL;
    t->logical = true;
    return t->operation == CALL_KNOWN || expect(t->parts[0], VALUE_LIST, "the first value of has", source, e);
  }
  for (uint32_t i = 0; i < t->count; i++)
    if (!expect(t->parts[i], VALUE_NUMBER, operation_text(t->operation), source, e)) return false;
  return true;
}

static bool check_number_parts(struct tree *t, const char *by, struct str source, struct err *e) {
  for (uint32_t i = 0; i < t->count; i++)
    if (!expect(t->parts[i], VALUE_NUMBER, by, source, e)) return false;
  t->type = VALUE_NUMBER;
  return true;
}

static bool check_node(struct tree *t, const struct symbols *s, struct str source, struct err *e) {
  char by[8] = "` `";
  switch (t->kind) {
  case TREE_LITERAL: t->type = t->literal.kind; return true;
  case TREE_NAME: t->type = s->at[t->slot].type; return true;
  case TREE_NOT:
    t->type = VALUE_BOOL;
    t->logical = true;
    return expect(t->parts[0], VALUE_BOOL, "`not`", source, e);
  case TREE_MINUS: return check_number_parts(t, "`-`", source, e);
  case TREE_AND: return check_and(t, source, e);
  case TREE_OR: return check_or(t, source, e);
  case TREE_COMPARE: return check_compare(t, source, e);
  case TREE_ARITHMETIC: by[1] = *operation_text(t->operation); return check_number_parts(t, by, source, e);
  case TREE_CALL: return check_call(t, source, e);
  }
  return false;
}

/* A node over constants becomes a constant; what has no number (1 / 0) becomes the missing literal. */
static void fold(struct tree *t) {
  bool numeric = t->kind == TREE_MINUS || t->kind == TREE_ARITHMETIC || (t->kind == TREE_CALL && t->type == VALUE_NUMBER);
  if (!numeric) return;
  for (uint32_t i = 0; i < t->count; i++)
    if (t->parts[i]->kind != TREE_LITERAL) return;
  double v = tree_number(t, NULL, NULL);
  t->kind = TREE_LITERAL;
  t->literal = v == v ? value_number(v) : value_missing(MISSING_ABSENT);
  t->count = 0;
}

bool types_check(struct tree *t, const struct symbols *s, struct str source, struct err *e) {
  for (uint32_t i = 0; i < t->count; i++)
    if (!types_check(t->parts[i], s, source, e)) return false;
  if (!check_node(t, s, source, e)) return false;
  fold(t);
  return true;
}

bool types_want(const struct tree *t, enum expression_want want, struct str source, struct err *e) {
  if (want == WANT_ANY) return true;
  return expect(t, want == WANT_TRUTH ? VALUE_BOOL : VALUE_NUMBER, want == WANT_TRUTH ? "a condition" : "this place", source, e);
}
