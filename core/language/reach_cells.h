/* Inside language: the variables of a search and the values that each of them may take. */
#pragma once
#include "language/reach.h"
#include "tree.h"

#define NO_VARIABLE UINT32_MAX

struct variable {
  uint32_t slot;           /* a name's; or */
  const struct tree *term; /* a term that is no plain comparison, and whose text it is */
  struct str source;
  struct value *cells; /* of a term: true, false, unknown */
  uint32_t count, cap, now;
  bool set;
  bool asked_bare; /* it stands as a truth */
};
struct variables {
  struct arena *arena;
  bool known; /* nothing is missing */
  struct variable *at;
  uint32_t count, cap;
  struct value *slots;
  uint32_t slot_count;
  const struct symbol *symbols; /* of the longest table met */
};
/* Notes the names and terms of a tree, and the constants that names are compared with. */
bool variables_add(struct variables *v, const struct expression *x, const struct tree *t);
/* Makes cells of the constants, once all trees are noted. */
bool variables_cut(struct variables *v);
uint32_t variables_of_term(const struct variables *v, const struct expression *x, const struct tree *t); /* NO_VARIABLE: it has none */
bool cells_is_term(const struct tree *t);                 /* no `and`, `or`, `not` to look into */
void cells_print(const struct value *v, struct buf *out); /* "= 8", "is missing" */
