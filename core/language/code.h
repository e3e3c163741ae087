/* Compiled conditions, private to language/: steps that jump. A leaf knows where to go when it is true and when it is false; where an
 * unknown goes depends on the pass (run.c says why two passes are exact). */
#pragma once
#include "tree.h"

enum step_kind {
  STEP_EXIT_FALSE, /* code[0] and code[1] */
  STEP_EXIT_TRUE,
  /* leaves: they end in to[0] (false) or to[1] (true) */
  STEP_LESS, /* slot against number; the six stay in the order of enum operation */
  STEP_LESS_EQUAL,
  STEP_GREATER,
  STEP_GREATER_EQUAL,
  STEP_EQUAL,
  STEP_NOT_EQUAL,
  STEP_TRUE,    /* slot is a truth: that one */
  STEP_KNOWN,   /* slot is not missing */
  STEP_TEXT,    /* slot is the text `literal` */
  STEP_HAS,     /* list in slot has `literal` */
  STEP_COMPARE, /* the two topmost numbers, `operation` */
  STEP_TREE,    /* anything else: walk `tree` */
  /* numbers: they push or change the top and go on to to[0] */
  STEP_PUSH_SLOT,
  STEP_PUSH_NUMBER,
  STEP_PUSH_TREE,
  STEP_BINARY, /* `operation` on the two topmost */
  STEP_ADD_NUMBER,
  STEP_SUBTRACT_NUMBER,
  STEP_MULTIPLY_NUMBER,
  STEP_DIVIDE_NUMBER,
  STEP_UNARY,   /* `operation` on the top; OPERATION_NONE: minus */
  STEP_DEFAULT, /* top is a number: on to to[0]; missing: dropped, on to to[1] */
};

struct step {
  uint8_t kind, operation;
  uint8_t lost;    /* the side (0, 1) an unknown takes when unknowns count against the whole */
  uint8_t settled; /* a missing operand has a default: it takes `lost` for good and leaves nothing unknown */
  uint32_t to[2];  /* while compiling: step numbers; then bytes from code[0], which spares the loop a multiplication */
  uint32_t slot;   /* the same: a slot's number, then bytes from slots[0] */
  union {
    double number;
    const struct value *literal;
    const struct tree *tree;
  };
};

#define CODE_STACK 32u /* numbers; what would pile up more is walked as a tree */

enum truth run_truth(const struct expression *x, const struct value *slots);
double run_number(const struct expression *x, const struct value *slots); /* NaN: missing */
