/* Expressions: the four things a program does with a condition: compile it once, ask for its truth, ask for its value, list what it reads.
 * Parsing, typing and flattening are in parse.c, types.c and compile.c; explanations in explain.c. An expression is immutable and lies in
 * the symbols' arena. Compiling is [builder], everything else [any]. */
#include "code.h"
#include "language/nouns.h"

/* Each slot once, ascending: a mark per slot, then one walk over the marks. */
static void mark_slots(const struct tree *t, const struct symbols *s, unsigned char *marks) {
  if (t->kind == TREE_NAME) {
    const struct symbol *symbol = &s->at[t->slot];
    marks[t->slot] = 1;
    for (uint32_t i = 0; i < symbol->read_count; i++) marks[symbol->reads[i]] = 1;
  }
  for (uint32_t i = 0; i < t->count; i++) mark_slots(t->parts[i], s, marks);
}

static bool collect_slots(struct expression *x, const struct symbols *s) {
  unsigned char *marks = arena_zero(s->arena, s->count ? s->count : 1, 1);
  uint32_t *slots = ARENA_ARRAY(s->arena, uint32_t, s->count ? s->count : 1);
  if (!marks || !slots) return false;
  mark_slots(x->root, s, marks);
  for (uint32_t i = 0; i < s->count; i++)
    if (marks[i]) slots[x->slot_count++] = i;
  x->slots = slots;
  return true;
}

static struct tree *function_tree(struct symbols *s, struct str name, struct err *e) {
  const struct symbol *symbol = symbols_name(s, name, e);
  struct tree *t = symbol ? ARENA_NEW(s->arena, struct tree) : NULL;
  if (!t) {
    if (symbol) err_set(e, ERR_INTERNAL, "memory failed");
    return NULL;
  }
  *t = (struct tree){.kind = TREE_NAME, .slot = symbol->slot, .end = (uint32_t)name.len};
  return t;
}

struct expression *expression_compile(struct symbols *s, struct str source, enum expression_want want, struct err *e) {
  struct str trimmed = str_trim(source);
  const char *text = arena_text(s->arena, trimmed.at, trimmed.len);
  struct expression *x = ARENA_NEW(s->arena, struct expression);
  if (!text || !x) {
    err_set(e, ERR_INTERNAL, "memory failed");
    return NULL;
  }
  x->source = (struct str){text, trimmed.len};
  x->want = want;
  bool function = str_starts(x->source, FUNCTION_WORD);
  struct tree *root = function ? function_tree(s, x->source, e) : parse_expression(s, x->source, e);
  if (!root || !types_check(root, s, x->source, e) || !types_want(root, want, x->source, e)) return NULL;
  x->root = root;
  x->symbols = s->at;
  if (!collect_slots(x, s) || !compile_tree(x, s->arena)) {
    err_set(e, ERR_INTERNAL, "memory failed");
    return NULL;
  }
  return x;
}

struct str expression_source(const struct expression *x) {
  return x->source;
}

uint32_t expression_slots(const struct expression *x, const uint32_t **slots) {
  if (slots) *slots = x->slots;
  return x->slot_count;
}

static bool is_steady(const struct tree *t) {
  if (t->nil || (t->kind == TREE_CALL && t->operation == CALL_KNOWN)) return false;
  if (t->kind == TREE_OR && !t->parts[0]->logical) return false;
  for (uint32_t i = 0; i < t->count; i++)
    if (!is_steady(t->parts[i])) return false;
  return true;
}

bool expression_steady(const struct expression *x) {
  return is_steady(x->root);
}

static bool is_number(const struct expression *x) {
  return x->want == WANT_NUMBER || (x->want == WANT_ANY && x->root->type == VALUE_NUMBER);
}

enum truth expression_truth(const struct expression *x, const struct value *slots) {
  return is_number(x) ? TRUTH_UNKNOWN : run_truth(x, slots);
}

struct value expression_value(const struct expression *x, const struct value *slots) {
  if (is_number(x)) {
    double v = run_number(x, slots);
    return v == v ? value_number(v) : value_missing(MISSING_ABSENT);
  }
  if (x->want == WANT_ANY && x->root->type != VALUE_BOOL) return tree_value(x->root, slots, NULL);
  enum truth truth = run_truth(x, slots);
  return truth == TRUTH_UNKNOWN ? value_missing(MISSING_ABSENT) : value_bool(truth == TRUTH_TRUE);
}
