/* The search behind reach.h. Each name gets cells: the values that its terms tell apart (the constants it is compared with, one value in
 * each gap between them, missing), so that trying every cell is trying everything. Terms that are no plain comparison of one name with a
 * constant stand as they are: true, false or unknown as the search likes, which can only make it say PERHAPS where NEVER would be right.
 * Names are tried in the order in which the goals ask for them, and a goal that is lost is not looked into further. Lies in the caller's
 * arena. [builder] */
#include "reach_cells.h"
#include <string.h>

enum judged { JUDGED_FALSE = TRUTH_FALSE, JUDGED_TRUE = TRUTH_TRUE, JUDGED_UNKNOWN = TRUTH_UNKNOWN, JUDGED_OPEN };

struct part { /* a goal, or a part of one */
  const struct expression *x;
  const struct tree *tree;
  bool fails;
};

struct search {
  const struct part *parts;
  size_t part_count;
  struct variables variables;
  long *budget;
};

static enum judged negated(enum judged v) {
  return v == JUDGED_TRUE ? JUDGED_FALSE : v == JUDGED_FALSE ? JUDGED_TRUE : v;
}

/* `open` gets the first variable that is asked for and not set. */
static enum judged judge(const struct search *s, const struct expression *x, const struct tree *t, uint32_t *open) {
  if (t->kind == TREE_NOT) return negated(judge(s, x, t->parts[0], open));
  if (!cells_is_term(t)) {
    const enum judged ends = t->kind == TREE_AND ? JUDGED_FALSE : JUDGED_TRUE;
    enum judged left = judge(s, x, t->parts[0], open);
    if (left == ends) return left;
    enum judged right = judge(s, x, t->parts[1], open);
    if (right == ends) return right;
    if (left == JUDGED_OPEN) return left;
    if (t->kind == TREE_OR && !t->parts[0]->logical) return right; /* a value that is missing or false: the default */
    if (right == JUDGED_OPEN) return right;
    return left == JUDGED_UNKNOWN ? left : right;
  }
  uint32_t number = variables_of_term(&s->variables, x, t);
  if (number == NO_VARIABLE) return (enum judged)tree_truth(t, s->variables.slots, NULL);
  const struct variable *v = &s->variables.at[number];
  if (!v->set) {
    if (*open == NO_VARIABLE) *open = number;
    return JUDGED_OPEN;
  }
  if (!v->term) return (enum judged)tree_truth(t, s->variables.slots, NULL);
  const struct value *now = &v->cells[v->now];
  return now->kind == VALUE_MISSING ? JUDGED_UNKNOWN : now->number != 0 ? JUDGED_TRUE : JUDGED_FALSE;
}

/* OPEN: met or not, that hangs on what is not set. */
static enum judged judge_all(const struct search *s, uint32_t *open) {
  enum judged all = JUDGED_TRUE;
  for (size_t i = 0; i < s->part_count; i++) {
    enum judged v = judge(s, s->parts[i].x, s->parts[i].tree, open);
    if (v == JUDGED_OPEN) all = v;
    else if ((v == JUDGED_TRUE) == s->parts[i].fails) return JUDGED_FALSE;
  }
  return all;
}

/* The goals are met. By names alone, or only as long as a term is what the search took it for? */
static bool met_by_names(struct search *s) {
  uint32_t open = NO_VARIABLE;
  bool *was = ARENA_ARRAY(s->variables.arena, bool, s->variables.count + 1);
  if (!was) return false;
  for (uint32_t i = 0; i < s->variables.count; i++) {
    was[i] = s->variables.at[i].set;
    if (s->variables.at[i].term) s->variables.at[i].set = false;
  }
  if (judge_all(s, &open) == JUDGED_TRUE) return true;
  for (uint32_t i = 0; i < s->variables.count; i++) s->variables.at[i].set = was[i];
  return false;
}

static enum reach search(struct search *s) {
  uint32_t open = NO_VARIABLE;
  enum judged all = judge_all(s, &open);
  if (all == JUDGED_FALSE) return REACH_NEVER;
  if (all == JUDGED_TRUE) return met_by_names(s) ? REACH_YES : REACH_PERHAPS;
  struct variable *v = &s->variables.at[open];
  enum reach best = REACH_NEVER;
  v->set = true;
  for (v->now = 0; v->now < v->count; v->now++) {
    if (--*s->budget < 0) return REACH_PERHAPS;
    if (!v->term) s->variables.slots[v->slot] = v->cells[v->now];
    enum reach r = search(s);
    if (r == REACH_YES) return r;
    if (r == REACH_PERHAPS) best = r;
  }
  v->set = false;
  return best;
}

static void put_example(const struct search *s, struct buf *out) {
  bool first = true;
  for (uint32_t i = 0; i < s->variables.count; i++) {
    const struct variable *v = &s->variables.at[i];
    if (!v->set) continue;
    buf_printf(out, "%s" STR_FORMAT " ", first ? "" : ", ", STR_ARG(s->variables.symbols[v->slot].name));
    cells_print(&v->cells[v->now], out);
    first = false;
  }
}

static enum reach parts_reach(const struct part *parts, size_t count, const struct reach_terms *terms, struct buf *example) {
  struct search s = {.parts = parts, .part_count = count, .budget = terms->budget};
  s.variables = (struct variables){.arena = terms->arena, .known = terms->known};
  for (size_t i = 0; i < count; i++)
    if (!variables_add(&s.variables, parts[i].x, parts[i].tree)) return REACH_PERHAPS;
  if (!variables_cut(&s.variables)) return REACH_PERHAPS;
  enum reach r = search(&s);
  if (r == REACH_YES && example) put_example(&s, example);
  return r;
}

enum reach conditions_reach(const struct goal *goals, size_t count, const struct reach_terms *terms, struct buf *example) {
  struct part *parts = ARENA_ARRAY(terms->arena, struct part, count + 1);
  if (!parts) return REACH_PERHAPS;
  for (size_t i = 0; i < count; i++) parts[i] = (struct part){goals[i].x, goals[i].x->root, goals[i].fails};
  return parts_reach(parts, count, terms, example);
}

/* ---- reasons ---- */
#define REASON_PARTS 24

static size_t flatten(const struct tree *t, enum tree_kind kind, const struct tree **list, size_t count) {
  if (t->kind != kind || cells_is_term(t)) {
    if (count < REASON_PARTS) list[count] = t;
    return count + 1;
  }
  return flatten(t->parts[1], kind, list, flatten(t->parts[0], kind, list, count));
}

static struct str source_of(const struct expression *x, const struct tree *t) {
  return (struct str){x->source.at + t->start, t->end - t->start};
}

static void put_texts(const struct symbol *s, struct buf *out) {
  buf_printf(out, " (" STR_FORMAT " is", STR_ARG(s->name));
  for (size_t i = 0; i < s->one_of_count; i++) buf_printf(out, "%s \"" STR_FORMAT "\"", i ? " or" : "", STR_ARG(s->one_of[i]));
  buf_char(out, ')');
}

static void put_ranges(const struct expression *x, const struct tree *t, struct buf *out) {
  if (t->kind == TREE_NAME && x->symbols[t->slot].one_of_count) put_texts(&x->symbols[t->slot], out);
  if (t->kind == TREE_NAME && x->symbols[t->slot].bounded) {
    const struct symbol *s = &x->symbols[t->slot];
    buf_printf(out, " (" STR_FORMAT " lies from %g to %g)", STR_ARG(s->name), s->low, s->high);
  }
  for (uint32_t i = 0; i < t->count; i++) put_ranges(x, t->parts[i], out);
}

void reach_reason(const struct expression *x, bool always, const struct reach_terms *terms, struct buf *out) {
  const struct tree *list[REASON_PARTS];
  size_t count = flatten(x->root, always ? TREE_OR : TREE_AND, list, 0);
  if (count > REASON_PARTS) count = REASON_PARTS;
  for (size_t i = 0; i < count; i++) {
    struct part one = {x, list[i], always};
    if (parts_reach(&one, 1, terms, NULL) != REACH_NEVER) continue;
    buf_printf(out, "\"" STR_FORMAT "\" %s", STR_ARG(source_of(x, list[i])), always ? "always is" : "never is");
    put_ranges(x, list[i], out);
    return;
  }
  for (size_t i = 0; i < count; i++)
    for (size_t k = i + 1; k < count; k++) {
      struct part two[2] = {{x, list[i], always}, {x, list[k], always}};
      if (parts_reach(two, 2, terms, NULL) != REACH_NEVER) continue;
      buf_printf(out,
                 always ? "one of \"" STR_FORMAT "\" and \"" STR_FORMAT "\" always is"
                        : "\"" STR_FORMAT "\" and \"" STR_FORMAT "\" are never true together",
                 STR_ARG(source_of(x, list[i])), STR_ARG(source_of(x, list[k])));
      return;
    }
  buf_printf(out, "no values of what it reads make it %s", always ? "false" : "true");
}

static bool asks_for_missing(const struct tree *t) {
  if (t->nil || (t->kind == TREE_CALL && t->operation == CALL_KNOWN)) return true;
  if (t->kind == TREE_OR && !t->parts[0]->logical) return true;
  for (uint32_t i = 0; i < t->count; i++)
    if (asks_for_missing(t->parts[i])) return true;
  return false;
}

bool reach_asks_for_missing(const struct expression *x) {
  return asks_for_missing(x->root);
}

bool reach_reads_nothing(const struct expression *x) {
  return x->slot_count == 0;
}
