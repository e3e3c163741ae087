/* Values: equality, the words for why something is missing, and the way from and to JSON. Missing equals missing whatever the reason, so
 * that two explanations of one gap compare equal. Nothing is allocated except unescaped text and list elements, in the caller's arena.
 * Called by every room, on any thread. */
#include "language/value.h"
#include "kit/arena.h"
#include "kit/json.h"
#include <string.h>

const char *missing_word(enum missing_reason reason) {
  switch (reason) {
  case MISSING_ABSENT: return "never seen";
  case MISSING_TOO_LITTLE: return "too few observations";
  case MISSING_WARMING: return "warming";
  case MISSING_SUSPENDED: return "model suspended";
  case MISSING_FAILED: return "model failed";
  case MISSING_WRONG_TYPE: return "wrong type";
  case MISSING_RAISED: return "function raised an error";
  case MISSING_SPENT: return "function took too many steps";
  case MISSING_MEMORY: return "function took too much memory";
  case MISSING_LATE: return "function took too long";
  case MISSING_STOPPED: return "function stopped";
  case MISSING_GATED: return "model gated";
  }
  return "unknown";
}

bool value_equal(const struct value *a, const struct value *b) {
  if (a->kind != b->kind) return false;
  switch ((enum value_kind)a->kind) {
  case VALUE_MISSING: return true;
  case VALUE_NUMBER:
  case VALUE_BOOL: return a->number == b->number;
  case VALUE_TEXT: return str_eq(value_str(*a), value_str(*b));
  case VALUE_LIST: break;
  }
  if (a->count != b->count) return false;
  for (uint32_t i = 0; i < a->count; i++)
    if (!value_equal(&a->items[i], &b->items[i])) return false;
  return true;
}

static struct value list_from_json(const struct json *j, uint32_t at, struct arena *a) {
  uint32_t count = j->tokens[at].count;
  struct value *items = ARENA_ARRAY(a, struct value, count ? count : 1);
  if (!items) return value_missing(MISSING_ABSENT);
  uint32_t child = at + 1;
  for (uint32_t i = 0; i < count; i++, child = j->tokens[child].next) items[i] = value_from_json(j, child, a);
  return (struct value){.kind = VALUE_LIST, .count = count, .items = items};
}

struct value value_from_json(const struct json *j, uint32_t at, struct arena *a) {
  double number;
  switch (json_type(j, at)) {
  case JSON_FALSE: return value_bool(false);
  case JSON_TRUE: return value_bool(true);
  case JSON_NUMBER: return json_double(j, at, &number) ? value_number(number) : value_missing(MISSING_WRONG_TYPE);
  case JSON_STRING: return value_text(json_text(j, at, a));
  case JSON_ARRAY: return list_from_json(j, at, a);
  case JSON_OBJECT: return value_missing(MISSING_WRONG_TYPE);
  case JSON_NULL: break;
  }
  return value_missing(MISSING_ABSENT);
}

void value_to_json(struct json_writer *w, const struct value *v) {
  switch ((enum value_kind)v->kind) {
  case VALUE_NUMBER: json_put_double(w, v->number); return;
  case VALUE_BOOL: json_put_bool(w, v->number != 0); return;
  case VALUE_TEXT: json_put_str(w, value_str(*v)); return;
  case VALUE_LIST:
    json_open_array(w);
    for (uint32_t i = 0; i < v->count; i++) value_to_json(w, &v->items[i]);
    json_close_array(w);
    return;
  case VALUE_MISSING: break;
  }
  json_put_null(w);
}
