/* rooms: kit; libraries: PkgConfig::jansson */
/* parser: core/kit/json.c core/kit/json_read.c core/kit/json_key.c core/kit/number.c */
/* What must hold for any bytes given to the JSON tokenizer: it says what jansson says (except where the header promises to differ: depth,
 * token limits, numbers beyond a double), its tokens nest and cover the text, every string unescapes to UTF-8, a refusal has a
 * sentence, and what the writer makes of the tokens reads back as the same tokens. Never crashes, never reads beyond the text. */
#include "jansson_oracle.h"
#include "kit/arena.h"
#include "kit/json.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static bool jansson_differs_by_design(const json_error_t *error) {
  const enum json_error_code code = json_error_code(error);
  return code == json_error_numeric_overflow;
}

static void compare_with_oracle(const char *text, size_t size, bool accepted, const struct err *refusal) {
  json_error_t error;
  json_t *theirs = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, &error);
  if (accepted && !theirs) must(jansson_differs_by_design(&error));
  if (!accepted && theirs && !memchr(text, 0, size)) /* jansson takes a NUL byte after a number for the end */
    must(strstr(refusal->text, "deeper than") || strstr(refusal->text, "more values"));
  json_decref(theirs);
}

/* Walks the subtree at `at`, checks it and writes it again; returns the token after it. */
static uint32_t rewrite(const struct json *j, uint32_t at, struct json_writer *w, struct arena *a) {
  const struct json_token *token = &j->tokens[at];
  must(token->start <= token->end && token->next > at && token->next <= j->count);
  const enum json_type type = json_type(j, at);
  uint32_t child = at + 1;
  double number;
  int64_t whole;
  bool truth;
  switch (type) {
  case JSON_NULL: json_put_null(w); break;
  case JSON_FALSE:
  case JSON_TRUE:
    must(json_bool(j, at, &truth) && truth == (type == JSON_TRUE));
    json_put_bool(w, truth);
    break;
  case JSON_NUMBER:
    if (json_int(j, at, &whole) && json_double(j, at, &number)) must((double)whole == number);
    if (json_double(j, at, &number)) json_put_double(w, number);
    else json_put_raw(w, json_raw(j, at));
    break;
  case JSON_STRING: {
    const struct str text = json_text(j, at, a);
    must(str_utf8(text));
    json_put_str(w, text);
    break;
  }
  case JSON_ARRAY:
    json_open_array(w);
    for (uint32_t i = 0; i < token->count; i++) {
      must(json_child(j, at, i) == child);
      child = rewrite(j, child, w, a);
    }
    must(json_child(j, at, token->count) == JSON_NONE);
    json_close_array(w);
    break;
  case JSON_OBJECT:
    json_open_object(w);
    for (uint32_t i = 0; i < token->count; i++) {
      must(json_type(j, child) == JSON_STRING);
      const struct str key = json_text(j, child, a);
      must(json_get_str(j, at, key) == child + 1);
      json_key_str(w, key);
      child = rewrite(j, child + 1, w, a);
    }
    json_close_object(w);
    break;
  }
  must(child == token->next);
  return child;
}

static void check_accepted(const struct json *j, struct arena *a) {
  must(j->count > 0);
  struct buf written = {0};
  struct json_writer w = json_to(&written);
  must(rewrite(j, 0, &w, a) == j->count);
  struct json again;
  struct err e = {0};
  must(json_parse(&again, a, buf_view(&written), &json_limits_default, &e));
  must(again.count == j->count);
  struct buf twice = {0};
  w = json_to(&twice);
  rewrite(&again, 0, &w, a);
  must(str_eq(buf_view(&written), buf_view(&twice))); /* the canonical form is a fixed point */
  buf_free(&written);
  buf_free(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  char *text = malloc(size ? size : 1); /* no byte to spare behind it */
  if (!text) return 0;
  memcpy(text, bytes, size);
  struct arena a = {0};
  struct json j = {0};
  struct err e = {0};
  const struct str all = {text, size};
  const bool accepted = json_parse(&j, &a, all, &json_limits_default, &e);
  if (accepted) check_accepted(&j, &a);
  else must(e.text[0] != 0 && e.kind != ERR_NONE);
  compare_with_oracle(text, size, accepted, &e);

  struct json prefix = {0};
  size_t used = 0;
  const bool first = json_parse_one(&prefix, &a, all, &json_limits_default, &used, NULL);
  if (accepted) must(first);
  if (first) must(used <= size && prefix.count > 0);
  arena_free(&a);
  free(text);
  return 0;
}
