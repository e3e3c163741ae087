/* Expressions: a Lua expression over named values, compiled once to a tree and a flat code in an arena, run without entering Lua.
 * Grammar and Kleene rules: LANGUAGE (docs/RULES.md). Names become slots when compiled: running touches only an array of values.
 * An expression is immutable and is run from any thread. */
#pragma once
#include "kit/arena.h"
#include "kit/err.h"
#include "language/value.h"

/* ---- names ---- */
enum symbol_kind {
  SYMBOL_EVENT,
  SYMBOL_PROFILE,
  SYMBOL_FEATURE,
  SYMBOL_BELIEF,
  SYMBOL_ARM,
  SYMBOL_CLOCK /* event.local_hour and the like: set by decide */,
  SYMBOL_SEGMENT, /* segment.NAME, segment.FAMILY */
  SYMBOL_FUNCTION /* a function of a noun, by its name */
};
enum symbol_depends { DEPENDS_ON_FEATURE = 1, DEPENDS_ON_BELIEF = 2 };
struct symbol {
  struct str name; /* as written: "event.local_hour", "skip_probability", "profile.constraints.availableTime", "arm.evening_walk" */
  enum symbol_kind kind;
  enum value_kind type; /* declared type; VALUE_MISSING = not declared, anything goes */
  uint32_t slot;        /* index into the slots given to expression_* */
  uint32_t index;       /* the owner's own number: feature number, model output number, experiment number; event and profile: unused */
  const char *unit, *doc;
  struct value fallback; /* the vocabulary's `default =`; MISSING when none */
  /* SEGMENT, FUNCTION: the slots that its value is worked out from, ascending, with those behind other segments; all below its own. */
  const uint32_t *reads;
  uint32_t read_count;
  uint8_t depends; /* enum symbol_depends: what there is among them */
  /* What its values can be, for those who look for contradictions: numbers from low to high, whole ones; one of a list of texts. */
  bool bounded, whole;
  double low, high;
  const struct str *one_of;
  size_t one_of_count;
};
/* The program's table of every name that its conditions read. `find` is the program's: it fills kind, type, index, unit, doc, fallback, or
 * refuses with a sentence (with a "did you mean"). symbols_name gives each accepted name one slot, in order of first use. */
struct symbols {
  struct arena *arena;
  struct symbol *at; /* count of them, by slot */
  uint32_t count, cap;
  bool (*find)(void *context, struct str name, struct symbol *out, struct err *e);
  void *context;
};
const struct symbol *symbols_name(struct symbols *s, struct str name, struct err *e); /* NULL: refused, or memory failed [builder] */
const struct symbol *symbols_known(const struct symbols *s, struct str name);         /* NULL when no condition reads it */

/* ---- compile ---- */
struct expression;
enum expression_want { WANT_TRUTH, WANT_NUMBER, WANT_ANY };
/* Compiles `source` for a use that wants a truth, a number or any value; type errors that no value could mend ("steps" > 3 on text) are
 * refused with the column. The expression, its source included, lies in s->arena. [builder] */
/* A function's name (FUNCTION_WORD, language/nouns.h) is compiled like a condition that reads its one value. */
struct expression *expression_compile(struct symbols *s, struct str source, enum expression_want want, struct err *e);
struct str expression_source(const struct expression *x);
uint32_t expression_slots(const struct expression *x,
                          const uint32_t **slots); /* the distinct slots it reads, `reads` included, ascending */
/* A truth found while some slots are missing stays, whatever they turn out to be: Kleene's logic keeps what it said as long as nothing asks
 * whether a value is known or names another for it (known, nil, `or` with a default). */
bool expression_steady(const struct expression *x);

/* ---- run [any]: slots = array of values by symbol slot ---- */
/* Numbers in slots are finite (what is not is missing), and a missing slot already holds its symbol's fallback: whoever fills them sees to
 * that. A value of another kind than its place in the condition wants counts as missing. */
enum truth expression_truth(const struct expression *x, const struct value *slots);
struct value expression_value(const struct expression *x, const struct value *slots); /* MISSING when unknown */

/* ---- explain ---- */
/* One line per leaf term, in source order: a comparison, a bare boolean, known(), has(). */
struct term {
  struct str source; /* "skip_probability > 0.6" */
  enum truth truth;
  bool decisive;                    /* the whole would, or could, differ if this term differed */
  struct str left_name, right_name; /* operand as written */
  struct value left, right;         /* operand as evaluated; right is missing for one-sided terms */
  const char *operator;             /* ">", "==", "has", "known", "" … */
  struct str missing;               /* the first missing name in it, or empty … */
  enum missing_reason gap;          /* … and why it is missing */
};
size_t expression_terms(const struct expression *x, const struct value *slots, struct arena *a, struct term **terms);
/* Why an unknown or missing whole is: the reason of a name that made it so, before others that of one still being filled, and "never seen"
 * only where there is no other. */
enum missing_reason expression_gap(const struct expression *x, const struct value *slots);
/* Of two gaps that both count. */
enum missing_reason gap_first(enum missing_reason one, enum missing_reason other);
/* The nearest change that would have flipped the whole: of the decisive comparisons between a name and a value, the one with the smallest
 * relative distance. E.g. {"skip_probability", above 0.6, was 0.55}. false when no single term flips it (`change` then untouched). */
struct change {
  struct str name;
  const char *operator; /* what it would have had to satisfy: ">", ">=", "<", "<=", "==", "~=" */
  struct value was, bound;
};
bool expression_nearest_change(const struct expression *x, const struct value *slots, struct arena *a, struct change *change);
/* The same where one is not enough: what several names would have had to be, so that a whole that was not true had been, as few of them and
 * as near as the condition allows. 0: it was true, or there is no saying so (the same name would have to be two things). */
#define CHANGES_MOST 8
size_t expression_least_changes(const struct expression *x, const struct value *slots, struct arena *a, struct change **changes);
