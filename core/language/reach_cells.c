/* Cells: what a name's values can be, as far as the terms that read it can tell. A number is told apart only by the constants it is
 * compared with, so a value at each constant and one in each gap stand for all numbers; a text only by the texts it is compared with, so
 * those and one other do. The range that the vocabulary declares cuts off what cannot come. [builder] */
#include "reach_cells.h"
#include "kit/json.h"
#include <string.h>

static const struct str other_text = {"another text", 12};

static bool with_default(const struct tree *t) {
  return t->kind == TREE_OR && !t->parts[0]->logical && t->parts[1]->kind == TREE_LITERAL;
}

bool cells_is_term(const struct tree *t) {
  return t->kind != TREE_OR && t->kind != TREE_AND && t->kind != TREE_NOT;
}

/* `x`, or `x or 5`. */
static const struct tree *name_of(const struct tree *t) {
  if (with_default(t)) t = t->parts[0];
  return t->kind == TREE_NAME ? t : NULL;
}

static bool reads_names(const struct tree *t) {
  if (t->kind == TREE_NAME) return true;
  for (uint32_t i = 0; i < t->count; i++)
    if (reads_names(t->parts[i])) return true;
  return false;
}

/* The name that a plain term is about, and the constant that it is compared with (missing: none). NULL: the term is not plain. */
static const struct tree *plain_name(const struct tree *t, struct value *constant) {
  *constant = (struct value){0};
  if (t->kind == TREE_CALL && t->operation == CALL_KNOWN) return t->parts[0]->kind == TREE_NAME ? t->parts[0] : NULL;
  if (t->kind != TREE_COMPARE) return name_of(t);
  const struct tree *left = t->parts[0], *right = t->parts[1];
  const struct tree *name = name_of(left), *other = right;
  if (!name) name = name_of(right), other = left;
  if (!name || other->kind != TREE_LITERAL) return NULL;
  if (other->nil) return name == left || name == right ? name : NULL;
  *constant = other->literal;
  bool equality = t->operation == COMPARE_EQUAL || t->operation == COMPARE_NOT_EQUAL;
  return constant->kind == VALUE_NUMBER || equality ? name : NULL;
}

/* ---- variables ---- */
static struct str source_of(const struct expression *x, const struct tree *t) {
  return (struct str){x->source.at + t->start, t->end - t->start};
}

static const struct tree *variable_name(const struct expression *x, const struct tree *t, struct value *constant) {
  const struct tree *name = plain_name(t, constant);
  return name && x->symbols[name->slot].kind != SYMBOL_FUNCTION ? name : NULL;
}

uint32_t variables_of_term(const struct variables *v, const struct expression *x, const struct tree *t) {
  struct value constant;
  const struct tree *name = variable_name(x, t, &constant);
  struct str source = name ? (struct str){0} : source_of(x, t);
  for (uint32_t i = 0; i < v->count; i++) {
    const struct variable *one = &v->at[i];
    if (name ? !one->term && one->slot == name->slot : one->term && str_eq(one->source, source)) return i;
  }
  return NO_VARIABLE;
}

static struct variable *variable_new(struct variables *v) {
  if (v->count == v->cap) {
    uint32_t cap = v->cap ? v->cap * 2 : 16;
    struct variable *at = ARENA_ARRAY(v->arena, struct variable, cap);
    if (!at) return NULL;
    if (v->count) memcpy(at, v->at, v->count * sizeof *at);
    v->at = at;
    v->cap = cap;
  }
  v->at[v->count] = (struct variable){0};
  return &v->at[v->count++];
}

static bool cell_add(struct variables *v, struct variable *one, struct value value) {
  for (uint32_t i = 0; i < one->count; i++)
    if (value_equal(&one->cells[i], &value)) return true;
  if (one->count == one->cap) {
    uint32_t cap = one->cap ? one->cap * 2 : 8;
    struct value *cells = ARENA_ARRAY(v->arena, struct value, cap);
    if (!cells) return false;
    if (one->count) memcpy(cells, one->cells, one->count * sizeof *cells);
    one->cells = cells;
    one->cap = cap;
  }
  one->cells[one->count++] = value;
  return true;
}

static bool term_add(struct variables *v, const struct expression *x, const struct tree *t) {
  struct value constant;
  const struct tree *name = variable_name(x, t, &constant);
  if (!name && !reads_names(t)) return true;
  uint32_t number = variables_of_term(v, x, t);
  struct variable *one = number == NO_VARIABLE ? variable_new(v) : &v->at[number];
  if (!one) return false;
  if (!name) {
    one->term = t;
    one->source = source_of(x, t);
    return true;
  }
  one->slot = name->slot;
  one->asked_bare |= t->kind != TREE_COMPARE && t->kind != TREE_CALL;
  return constant.kind == VALUE_MISSING || cell_add(v, one, constant);
}

static bool terms_add(struct variables *v, const struct expression *x, const struct tree *t) {
  if (cells_is_term(t)) return term_add(v, x, t);
  for (uint32_t i = 0; i < t->count; i++)
    if (!terms_add(v, x, t->parts[i])) return false;
  return true;
}

bool variables_add(struct variables *v, const struct expression *x, const struct tree *t) {
  uint32_t wanted = x->slot_count ? x->slots[x->slot_count - 1] + 1 : 0;
  if (wanted > v->slot_count || !v->symbols) {
    v->slot_count = wanted > v->slot_count ? wanted : v->slot_count;
    v->symbols = x->symbols;
  }
  return terms_add(v, x, t);
}

/* ---- cells ---- */
static void sort_numbers(double *at, size_t count) {
  for (size_t i = 1; i < count; i++) {
    double moving = at[i];
    size_t to = i;
    for (; to > 0 && at[to - 1] > moving; to--) at[to] = at[to - 1];
    at[to] = moving;
  }
}

static double whole_below(double v) {
  double down = call_number(CALL_FLOOR, v);
  return down < v ? down : down - 1;
}

static bool number_add(struct variables *v, struct variable *one, const struct symbol *s, double number) {
  if (s->bounded && (number < s->low || number > s->high)) return true;
  if (s->whole && call_number(CALL_FLOOR, number) != number) return true;
  return cell_add(v, one, value_number(number));
}

/* A value at every constant, between each two, below the first and above the last. */
static bool cut_numbers(struct variables *v, struct variable *one, const struct symbol *s, double *at, size_t count) {
  if (s->bounded) {
    at[count++] = s->low;
    at[count++] = s->high;
  }
  sort_numbers(at, count);
  for (size_t i = 0; i < count; i++) {
    double below = i == 0 ? at[0] - 1 : (at[i - 1] + at[i]) / 2;
    if (s->whole) below = whole_below(at[i]);
    bool apart = i == 0 || below > at[i - 1];
    if ((apart && !number_add(v, one, s, below)) || !number_add(v, one, s, at[i])) return false;
  }
  double above = count ? at[count - 1] + 1 : 1;
  return number_add(v, one, s, s->whole ? call_number(CALL_FLOOR, above) : above);
}

static bool cut_texts(struct variables *v, struct variable *one, const struct symbol *s, const struct value *at, size_t count) {
  bool texts = false;
  for (size_t i = 0; i < count; i++) {
    if (at[i].kind != VALUE_TEXT) continue;
    texts = true;
    bool allowed = s->one_of_count == 0;
    for (size_t k = 0; k < s->one_of_count; k++) allowed |= str_eq(s->one_of[k], value_str(at[i]));
    if (allowed && !cell_add(v, one, at[i])) return false;
  }
  if (!texts && s->type != VALUE_TEXT) return true;
  for (size_t k = 0; k < s->one_of_count; k++)
    if (!cell_add(v, one, value_text(s->one_of[k]))) return false;
  return s->one_of_count > 0 || cell_add(v, one, value_text(other_text));
}

static bool cut_name(struct variables *v, struct variable *one) {
  const struct symbol *s = &v->symbols[one->slot];
  size_t count = one->count, numbers = 0;
  const struct value *constants = one->cells;
  double *at = ARENA_ARRAY(v->arena, double, count + 3);
  bool truths = s->type == VALUE_BOOL || one->asked_bare;
  if (!at) return false;
  one->cells = NULL;
  one->count = one->cap = 0;
  for (size_t i = 0; i < count; i++) {
    if (constants[i].kind == VALUE_NUMBER) at[numbers++] = constants[i].number;
    truths |= constants[i].kind == VALUE_BOOL;
  }
  bool ok = true;
  if (numbers || s->type == VALUE_NUMBER) ok = cut_numbers(v, one, s, at, numbers);
  ok = ok && cut_texts(v, one, s, constants, count);
  if (truths) ok = ok && cell_add(v, one, value_bool(true)) && cell_add(v, one, value_bool(false));
  if (one->count == 0) ok = ok && cell_add(v, one, (struct value){.kind = VALUE_LIST}); /* any value will do */
  if (!v->known) ok = ok && cell_add(v, one, s->fallback);                              /* missing, unless the vocabulary names a default */
  return ok;
}

bool variables_cut(struct variables *v) {
  v->slots = ARENA_ARRAY(v->arena, struct value, v->slot_count + 1);
  if (!v->slots) return false;
  for (uint32_t i = 0; i < v->count; i++) {
    struct variable *one = &v->at[i];
    if (!one->term) {
      if (!cut_name(v, one)) return false;
      continue;
    }
    if (!cell_add(v, one, value_bool(true)) || !cell_add(v, one, value_bool(false))) return false;
    if (!v->known && !cell_add(v, one, value_missing(MISSING_ABSENT))) return false;
  }
  return true;
}

void cells_print(const struct value *v, struct buf *out) {
  char digits[32];
  switch ((enum value_kind)v->kind) {
  case VALUE_NUMBER: buf_printf(out, "= %.*s", (int)json_number(v->number, digits), digits); return;
  case VALUE_BOOL: buf_printf(out, "= %s", v->number != 0 ? "true" : "false"); return;
  case VALUE_TEXT:
    if (v->text == other_text.at) buf_text(out, "= another text");
    else buf_printf(out, "= \"" STR_FORMAT "\"", STR_ARG(value_str(*v)));
    return;
  case VALUE_LIST: buf_text(out, "known"); return;
  case VALUE_MISSING: buf_text(out, "missing"); return;
  }
}
