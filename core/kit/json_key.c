/* Keys and escapes of JSON. Promises that two spellings of one key ("a" and "\u0061") are one key, and that nobody outside can choose
 * keys that collide in the set: its hash is seeded once per process with a secret, which changes the speed of nothing and the answer of
 * nothing. Does not check escapes: the tokenizer did. Called by json.c and json_read.c on every thread. */
#include "json_key.h"
#include "kit/arena.h"
#include "kit/hash.h"
#include "kit/rng.h"
#include <pthread.h>
#include <string.h>

static uint32_t hex4(const char *at) {
  uint32_t code = 0;
  for (int i = 0; i < 4; i++) {
    unsigned char c = (unsigned char)at[i];
    code = code << 4 | (c <= '9' ? c - (uint32_t)'0' : (c | 0x20) - (uint32_t)'a' + 10);
  }
  return code;
}

static size_t put_utf8(uint32_t code, char out[4]) {
  if (code < 0x80) {
    out[0] = (char)code;
    return 1;
  }
  if (code < 0x800) {
    out[0] = (char)(0xC0 | code >> 6);
    out[1] = (char)(0x80 | (code & 0x3F));
    return 2;
  }
  if (code < 0x10000) {
    out[0] = (char)(0xE0 | code >> 12);
    out[1] = (char)(0x80 | (code >> 6 & 0x3F));
    out[2] = (char)(0x80 | (code & 0x3F));
    return 3;
  }
  out[0] = (char)(0xF0 | code >> 18);
  out[1] = (char)(0x80 | (code >> 12 & 0x3F));
  out[2] = (char)(0x80 | (code >> 6 & 0x3F));
  out[3] = (char)(0x80 | (code & 0x3F));
  return 4;
}

size_t json_unescape_step(const char **at, char out[4]) {
  const char *c = *at;
  if (*c != '\\') { /* a byte of UTF-8 passes as it is */
    out[0] = *c;
    *at = c + 1;
    return 1;
  }
  *at = c + 2;
  switch (c[1]) {
  case 'b': out[0] = '\b'; return 1;
  case 'f': out[0] = '\f'; return 1;
  case 'n': out[0] = '\n'; return 1;
  case 'r': out[0] = '\r'; return 1;
  case 't': out[0] = '\t'; return 1;
  case 'u': break;
  default: out[0] = c[1]; return 1;
  }
  uint32_t code = hex4(c + 2);
  *at = c + 6;
  if (code >= 0xD800 && code <= 0xDBFF) {
    code = 0x10000 + ((code - 0xD800) << 10) + (hex4(c + 8) - 0xDC00);
    *at = c + 12;
  }
  return put_utf8(code, out);
}

size_t json_unescape(struct str escaped, char *out) {
  const char *at = escaped.at;
  const char *end = at + escaped.len;
  size_t length = 0;
  while (at < end) {
    char step[4];
    size_t n = json_unescape_step(&at, step);
    memcpy(out + length, step, n);
    length += n;
  }
  return length;
}

static uint64_t secret_seed;
static pthread_once_t secret_once = PTHREAD_ONCE_INIT;
static void secret_make(void) {
  rng_secret(&secret_seed, sizeof secret_seed);
}

bool json_key_set_open(struct json_key_set *s, struct arena *a, uint32_t keys) {
  pthread_once(&secret_once, secret_make);
  size_t size = 32;
  while (size < (size_t)keys * 2) size *= 2;
  *s = (struct json_key_set){.a = a, .slots = ARENA_ARRAY(a, struct json_key_slot, size), .mask = size - 1, .seed = secret_seed};
  return s->slots != NULL;
}

enum json_key_news json_key_set_add(struct json_key_set *s, const unsigned char *text, const struct json_token *t) {
  struct str key = json_key_view(text, t);
  if (t->escaped) {
    char *plain = arena_alloc(s->a, key.len);
    if (!plain) return JSON_KEY_NO_MEMORY;
    key = (struct str){plain, json_unescape(key, plain)};
  }
  uint64_t hash = hash_64_seed(key, s->seed);
  size_t at = (size_t)hash & s->mask;
  for (; s->slots[at].key.at; at = (at + 1) & s->mask) {
    if (s->slots[at].hash == hash && str_eq(s->slots[at].key, key)) return JSON_KEY_TWICE;
  }
  s->slots[at] = (struct json_key_slot){.key = key, .hash = hash};
  return JSON_KEY_NEW;
}
