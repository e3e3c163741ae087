/* JSON: a strict RFC 8259 tokenizer over bytes that stay where they are, and a writer with one canonical form.
 * Reading makes a flat array of tokens in document order (a token knows where its subtree ends), so nothing is copied and a subtree is a
 * slice. Refused with the byte offset and the JSON pointer: anything outside the grammar, duplicate keys (compared after unescaping), bad
 * UTF-8, lone surrogate escapes, depth or size beyond the limits, trailing bytes. jansson is the oracle in the differential tests. */
#pragma once
#include "kit/err.h"
#include "kit/str.h"

struct arena;
enum json_type { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* An object's children are key, value, key, value …; keys are JSON_STRING tokens. */
struct json_token {
  uint32_t start, end; /* bytes of the text; a string's are without its quotes */
  uint32_t next;       /* index of the token after this whole subtree */
  uint32_t count;      /* children: elements of an array, pairs of an object */
  uint8_t type;        /* enum json_type */
  uint8_t escaped;     /* a string with at least one backslash */
};
struct json {
  const char *text;
  const struct json_token *tokens; /* tokens[0] is the root */
  uint32_t count;
};
struct json_limits {
  uint32_t depth;  /* 32 at the door */
  uint32_t tokens; /* at most */
};
extern const struct json_limits json_limits_default; /* depth 32, 1 000 000 tokens */

/* Tokens are allocated in `a`; `text` is borrowed and must outlive `out`. On failure the error names offset and pointer. [any] */
bool json_parse(struct json *out, struct arena *a, struct str text, const struct json_limits *limits, struct err *e);
/* The same for a prefix: parses one value at the start of `text` and says in `*used` where it ended (for arrays cut into elements and
 * NDJSON). */
bool json_parse_one(struct json *out, struct arena *a, struct str text, const struct json_limits *limits, size_t *used, struct err *e);

/* Every `at` is a token index; 0 is the root; JSON_NONE says "not there". */
#define JSON_NONE UINT32_MAX
/* The value's token, or JSON_NONE (also when `object` is none or no object). */
uint32_t json_get_str(const struct json *j, uint32_t object, struct str key);
static inline uint32_t json_get(const struct json *j, uint32_t object, const char *key) {
  return json_get_str(j, object, str_from(key));
}
static inline enum json_type json_type(const struct json *j, uint32_t at) { /* JSON_NULL for JSON_NONE */
  return at < j->count ? (enum json_type)j->tokens[at].type : JSON_NULL;
}
uint32_t json_path(const struct json *j, uint32_t at, const char *dotted); /* "constraints.availableTime" */
uint32_t json_child(const struct json *j, uint32_t at, uint32_t n);        /* n-th element of an array */
struct str json_raw(const struct json *j, uint32_t at);                    /* the bytes as written, quotes included */
struct str json_text(const struct json *j, uint32_t at,
                     struct arena *a); /* a string unescaped: a view when nothing was escaped, else a copy in `a`; empty for other types */
bool json_text_is(const struct json *j, uint32_t at, const char *c);
bool json_double(const struct json *j, uint32_t at, double *out); /* false unless a number that is finite */
bool json_int(const struct json *j, uint32_t at, int64_t *out);   /* false unless an integer in range (1e3 counts) */
bool json_bool(const struct json *j, uint32_t at, bool *out);

/* The writer: commas are its business, nesting is checked by must(). Canonical form: no spaces, keys in the order given, numbers as by
 * json_number. After json_open_*: json_key in objects, then a value. Everything goes to `b`. */
struct json_writer {
  struct buf *b;
  uint32_t depth;
  uint64_t filled;  /* bit per depth: an element was already written */
  uint64_t objects; /* bit per depth: what is open there is an object */
  bool after_key;
};
struct json_writer json_to(struct buf *b);
void json_open_object(struct json_writer *w);
void json_close_object(struct json_writer *w);
void json_open_array(struct json_writer *w);
void json_close_array(struct json_writer *w);
void json_key_str(struct json_writer *w, struct str key);
static inline void json_key(struct json_writer *w, const char *key) {
  json_key_str(w, str_from(key));
}
void json_put_str(struct json_writer *w, struct str s);   /* escapes " \ and control bytes; UTF-8 passes */
void json_put_text(struct json_writer *w, const char *c); /* NULL writes null */
void json_put_double(struct json_writer *w, double v);    /* not finite writes null */
void json_put_int(struct json_writer *w, int64_t v);
void json_put_bool(struct json_writer *w, bool v);
void json_put_null(struct json_writer *w);
void json_put_raw(struct json_writer *w, struct str json); /* bytes that already are one JSON value */
/* key and value in one */
static inline void json_pair_str(struct json_writer *w, const char *key, struct str s) {
  json_key(w, key);
  json_put_str(w, s);
}
static inline void json_pair_text(struct json_writer *w, const char *key, const char *c) {
  json_key(w, key);
  json_put_text(w, c);
}
static inline void json_pair_double(struct json_writer *w, const char *key, double v) {
  json_key(w, key);
  json_put_double(w, v);
}
static inline void json_pair_int(struct json_writer *w, const char *key, int64_t v) {
  json_key(w, key);
  json_put_int(w, v);
}
static inline void json_pair_bool(struct json_writer *w, const char *key, bool v) {
  json_key(w, key);
  json_put_bool(w, v);
}
void json_pair_figure(struct json_writer *w, const char *key, double v); /* to the nearest 1e-6, as people read it; not finite: null */
/* Shortest decimal text that reads back as the same double; integers below 2^53 without exponent; locale-free. Writes at most 32 bytes,
 * returns their number. */
size_t json_number(double v, char out[32]);
