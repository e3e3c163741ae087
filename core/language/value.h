/* Values: what a condition reads. Missing is a value of its own (Kleene logic: a comparison with it is unknown), never a magic number. */
#pragma once
#include "kit/str.h"
#include <stdbool.h>
#include <stdint.h>

enum value_kind { VALUE_MISSING = 0, VALUE_NUMBER, VALUE_BOOL, VALUE_TEXT, VALUE_LIST };
enum truth { TRUTH_FALSE = 0, TRUTH_TRUE = 1, TRUTH_UNKNOWN = 2 };

/* Two words: it travels in registers. Longer, it went through memory, written in small pieces and read in large ones, for which a processor
 * waits. */
struct value {
  uint8_t kind;   /* enum value_kind; a zeroed value is missing */
  uint8_t reason; /* enum missing_reason, for MISSING only */
  uint32_t count; /* TEXT: bytes; LIST: elements */
  union {
    double number;    /* NUMBER; BOOL is 0 or 1 */
    const char *text; /* value_str */
    const struct value *items;
  };
};
/* Why a value is missing: printed in explanations. */
enum missing_reason {
  MISSING_ABSENT = 0, /* never seen */
  MISSING_TOO_LITTLE, /* fewer observations than the feature's rule asks */
  MISSING_WARMING,    /* a new definition is still being filled */
  MISSING_SUSPENDED,  /* the model is out of service */
  MISSING_FAILED,     /* the model gave no valid row this time */
  MISSING_WRONG_TYPE, /* there, but of another type than declared */
  MISSING_RAISED,     /* the function raised an error */
  MISSING_SPENT,      /* the function used up its fuel */
  MISSING_MEMORY,     /* … or its memory */
  MISSING_LATE,       /* … or its time */
  MISSING_STOPPED,    /* the function is out of service: it failed too often in a row */
  MISSING_GATED,      /* a rollout has not brought the model to this user yet */
};
#define MISSING_REASONS (MISSING_GATED + 1)
const char *missing_word(enum missing_reason reason);

static inline struct value value_number(double v) {
  return (struct value){.kind = VALUE_NUMBER, .number = v};
}
static inline struct value value_bool(bool v) {
  return (struct value){.kind = VALUE_BOOL, .number = v ? 1 : 0};
}
static inline struct value value_text(struct str v) { /* below 4 GiB: documents are far shorter */
  return (struct value){.kind = VALUE_TEXT, .count = (uint32_t)v.len, .text = v.at};
}
static inline struct str value_str(struct value v) { /* of a TEXT */
  return (struct str){v.text, v.count};
}
static inline struct value value_missing(enum missing_reason why) {
  return (struct value){.kind = VALUE_MISSING, .reason = (uint8_t)why};
}
bool value_equal(const struct value *a, const struct value *b); /* same kind and content */

struct json;
struct json_writer;
struct arena;
/* A JSON token as a value: numbers, booleans, strings, arrays of these; null, objects and non-finite numbers are missing. Text is borrowed,
 * or copied to `a` when escaped. */
struct value value_from_json(const struct json *j, uint32_t at, struct arena *a);
void value_to_json(struct json_writer *w, const struct value *v);
