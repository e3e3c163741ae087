/* The expression tree, private to language/: parse.c makes it, types.c types it, compile.c flattens it, evaluate.c walks it, explain.c
 * takes it apart.
 *
 * What a node means depends on the place it stands in. There are four places: a truth, a number, a text, any value. A value of another
 * kind than its place wants counts as missing; missing makes a truth unknown and a number or text missing. `a or b` with a comparison
 * (or not, has, known, and) on its left is Kleene's or; with a value on its left it is that value, or b when a is missing or false. */
#pragma once
#include "language/expression.h"

enum tree_kind { TREE_LITERAL, TREE_NAME, TREE_NOT, TREE_MINUS, TREE_AND, TREE_OR, TREE_COMPARE, TREE_ARITHMETIC, TREE_CALL };

enum operation {
  OPERATION_NONE,
  COMPARE_LESS, /* the six comparisons stay together and in this order */
  COMPARE_LESS_EQUAL,
  COMPARE_GREATER,
  COMPARE_GREATER_EQUAL,
  COMPARE_EQUAL,
  COMPARE_NOT_EQUAL,
  ADD,
  SUBTRACT,
  MULTIPLY,
  DIVIDE,
  MODULO,
  CALL_MIN,
  CALL_MAX,
  CALL_ABS,
  CALL_LOG,
  CALL_EXP,
  CALL_SQRT,
  CALL_FLOOR,
  CALL_ROUND,
  CALL_HAS,
  CALL_KNOWN,
};

struct tree {
  enum tree_kind kind;
  enum operation operation;
  enum value_kind type; /* static; VALUE_MISSING: any */
  bool nil;             /* the literal nil */
  bool logical;         /* as the left side of `or` it is a truth, not a value */
  uint32_t start, end;  /* bytes of the source */
  uint32_t slot;        /* NAME */
  struct value literal; /* LITERAL */
  uint32_t count;       /* parts */
  struct tree **parts;
};

struct step;
struct expression {
  struct str source;
  enum expression_want want;
  const struct tree *root;
  const struct symbol *symbols; /* the table's, for names in explanations: valid as long as the arena */
  const struct step *code;      /* code[0] and code[1] are the exits */
  uint32_t entry;               /* bytes from code[0] */
  const uint32_t *slots;
  uint32_t slot_count;
};

#define EXPRESSION_LENGTH 4096u
#define EXPRESSION_DEPTH  200u

struct tree *parse_expression(struct symbols *s, struct str source, struct err *e);
/* Types every node from the leaves up and folds constant numbers. */
bool types_check(struct tree *t, const struct symbols *s, struct str source, struct err *e);
bool types_want(const struct tree *t, enum expression_want want, struct str source, struct err *e);
/* In which place the two sides of a comparison stand: BOOL, NUMBER, TEXT or MISSING for any. */
enum value_kind compare_place(const struct tree *t);
bool compile_tree(struct expression *x, struct arena *a);
const char *operation_text(enum operation o); /* ">", "min", "+" … */

/* ---- the walk ---- */
struct forced { /* one term held at a truth, to ask "what if"; NULL: none */
  const struct tree *term;
  enum truth truth;
};
enum truth tree_truth(const struct tree *t, const struct value *slots, const struct forced *f);
double tree_number(const struct tree *t, const struct value *slots, const struct forced *f); /* NaN: missing */
struct value tree_value(const struct tree *t, const struct value *slots, const struct forced *f);

/* Shared by walk and code, so that both give the same bits. NaN stands for missing and only for that. */
bool compare_numbers(enum operation o, double a, double b);
double arithmetic(enum operation o, double a, double b);
double call_number(enum operation o, double a); /* functions of one number */
static inline double finite_or_missing(double v) {
  return v - v == 0 ? v : __builtin_nan("");
}
