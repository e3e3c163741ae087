/* Keys and escapes of JSON, private to kit: a string token's bytes after unescaping, and the set that finds a key standing twice. */
#pragma once
#include "kit/json.h"

struct arena;
static inline struct str json_key_view(const unsigned char *text, const struct json_token *t) {
  return (struct str){(const char *)text + t->start, t->end - t->start};
}

/* Takes one character off the front of a string token's bytes (already checked by the tokenizer) and writes its UTF-8: 1–4 bytes. [any] */
size_t json_unescape_step(const char **at, char out[4]);
/* The whole string; `out` has room for as many bytes as the escaped form has. Returns the length. [any] */
size_t json_unescape(struct str escaped, char *out);

struct json_key_slot {
  struct str key;
  uint64_t hash;
};
struct json_key_set {
  struct arena *a; /* scratch: the caller rewinds it */
  struct json_key_slot *slots;
  size_t mask;
  uint64_t seed;
};
enum json_key_news { JSON_KEY_NEW, JSON_KEY_TWICE, JSON_KEY_NO_MEMORY };
bool json_key_set_open(struct json_key_set *s, struct arena *a, uint32_t keys);
enum json_key_news json_key_set_add(struct json_key_set *s, const unsigned char *text, const struct json_token *t);
