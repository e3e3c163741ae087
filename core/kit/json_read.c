/* Reading tokens: the questions that rooms ask of a parsed document. Promises that JSON_NONE may be passed everywhere and answers "not
 * there", so a path of questions needs one check at its end; and that only json_text of an escaped string allocates. Does not check the
 * text again: json.c did. Called by every room on every thread; the document is only read. */
#include "json_key.h"
#include "kit/arena.h"
#include "kit/json.h"
#include "number.h"
#include <string.h>

static const struct json_token *token_of(const struct json *j, uint32_t at, enum json_type type) {
  if (at >= j->count || j->tokens[at].type != (uint8_t)type) return NULL;
  return &j->tokens[at];
}

static struct str token_view(const struct json *j, const struct json_token *t) {
  return (struct str){j->text + t->start, t->end - t->start};
}

/* Compares while unescaping, so that asking for a key never allocates. */
static bool escaped_is(struct str escaped, struct str plain) {
  const char *at = escaped.at;
  const char *end = at + escaped.len;
  size_t done = 0;
  while (at < end) {
    char step[4];
    size_t n = json_unescape_step(&at, step);
    if (plain.len - done < n || memcmp(plain.at + done, step, n) != 0) return false;
    done += n;
  }
  return done == plain.len;
}

static bool token_is(const struct json *j, const struct json_token *t, struct str plain) {
  struct str view = token_view(j, t);
  return t->escaped ? escaped_is(view, plain) : str_eq(view, plain);
}

uint32_t json_get_str(const struct json *j, uint32_t object, struct str key) {
  const struct json_token *t = token_of(j, object, JSON_OBJECT);
  if (!t) return JSON_NONE;
  uint32_t at = object + 1;
  for (uint32_t n = 0; n < t->count; n++) {
    if (token_is(j, &j->tokens[at], key)) return at + 1;
    at = j->tokens[at + 1].next;
  }
  return JSON_NONE;
}

uint32_t json_path(const struct json *j, uint32_t at, const char *dotted) {
  struct str rest = str_from(dotted);
  struct str piece;
  while (at != JSON_NONE && str_split(&rest, '.', &piece)) at = json_get_str(j, at, piece);
  return at;
}

uint32_t json_child(const struct json *j, uint32_t at, uint32_t n) {
  const struct json_token *t = token_of(j, at, JSON_ARRAY);
  if (!t || n >= t->count) return JSON_NONE;
  if (t->next - at - 1 == t->count) return at + 1 + n; /* nothing nested: the elements lie side by side */
  uint32_t child = at + 1;
  while (n-- > 0) child = j->tokens[child].next;
  return child;
}

struct str json_raw(const struct json *j, uint32_t at) {
  if (at >= j->count) return (struct str){NULL, 0};
  const struct json_token *t = &j->tokens[at];
  struct str view = token_view(j, t);
  return t->type == JSON_STRING ? (struct str){view.at - 1, view.len + 2} : view;
}

struct str json_text(const struct json *j, uint32_t at, struct arena *a) {
  const struct json_token *t = token_of(j, at, JSON_STRING);
  if (!t) return (struct str){NULL, 0};
  struct str view = token_view(j, t);
  if (!t->escaped) return view;
  char *plain = arena_alloc(a, view.len);
  if (!plain) return (struct str){NULL, 0};
  return (struct str){plain, json_unescape(view, plain)};
}

bool json_text_is(const struct json *j, uint32_t at, const char *c) {
  const struct json_token *t = token_of(j, at, JSON_STRING);
  return t && token_is(j, t, str_from(c));
}

bool json_double(const struct json *j, uint32_t at, double *out) {
  const struct json_token *t = token_of(j, at, JSON_NUMBER);
  return t && number_double(token_view(j, t), out);
}

bool json_int(const struct json *j, uint32_t at, int64_t *out) {
  const struct json_token *t = token_of(j, at, JSON_NUMBER);
  return t && number_int(token_view(j, t), out);
}

bool json_bool(const struct json *j, uint32_t at, bool *out) {
  if (at >= j->count) return false;
  uint8_t type = j->tokens[at].type;
  if (type != JSON_TRUE && type != JSON_FALSE) return false;
  *out = type == JSON_TRUE;
  return true;
}
