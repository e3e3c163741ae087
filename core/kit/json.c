/* JSON tokenizer: RFC 8259 to the letter, over bytes that stay where they are. Promises that what it accepts is well-formed UTF-8 without
 * raw NULs, keys that hold \u0000, lone surrogates, duplicate keys or trailing bytes, within the limits of depth and tokens; and that a
 * refusal names the byte and the JSON pointer. A text may hold \u0000: who makes a C string of it must look. Cost is linear also for
 * hostile objects. Does not unescape, convert numbers, or copy: that is json_read.c, for the few tokens that are asked for. The hot path of
 * accept: called by every room on every thread. */
#include "kit/json.h"
#include "json_key.h"
#include "json_reader.h"
#include "kit/arena.h"
#include "number.h"
#include "utf8.h"
#include <stdio.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

const struct json_limits json_limits_default = {.depth = 32, .tokens = 1000000};

#define DEPTH_MOST     256 /* values are read by recursion: whatever a caller asks for, the thread's stack stays small */
#define DUPLICATES_FEW 16

/* Every reading step takes the place it stands at and returns the place behind what it read, or NULL when it refused: the place stays in a
 * register. */

/* --- tokens --- */

static bool tokens_grow(struct json_reader *r, const unsigned char *at) {
  if (r->count >= r->tokens_most) return json_refuse(r, at, "more values than the limit allows") != NULL;
  uint32_t cap = r->cap > r->tokens_most / 2 ? r->tokens_most : r->cap * 2;
  struct json_token *tokens = arena_alloc(r->a, (size_t)cap * sizeof *tokens);
  if (!tokens) return err_set(r->e, ERR_BUSY, "JSON: no memory for %u values", cap);
  memcpy(tokens, r->tokens, (size_t)r->count * sizeof *tokens);
  r->tokens = tokens;
  r->cap = cap;
  return true;
}

/* A token from `at` to `end`; NULL when there is no room. */
static inline struct json_token *token_add(struct json_reader *r, enum json_type type, const unsigned char *at, const unsigned char *end) {
  if (r->count == r->cap && !tokens_grow(r, at)) return NULL;
  struct json_token *t = &r->tokens[r->count++];
  t->start = (uint32_t)(at - r->start);
  t->end = (uint32_t)(end - r->start);
  t->next = r->count;
  t->count = 0;
  t->type = (uint8_t)type;
  t->escaped = 0;
  return t;
}

#define TEXT_ENDS 256 /* what stands where nothing stands any more */

static inline unsigned standing(const struct json_reader *r, const unsigned char *at) {
  return at < r->end ? *at : TEXT_ENDS;
}

/* Goes over blanks; what stands behind them is looked at once. */
static inline unsigned skip_blanks(const struct json_reader *r, const unsigned char **at) {
  unsigned c = standing(r, *at);
  while (c <= ' ' && (c == ' ' || c == '\n' || c == '\t' || c == '\r')) c = standing(r, ++*at);
  return c;
}

/* --- strings --- */

/* A byte's highest bit is set where a string needs a closer look: quote, backslash, control byte, not ASCII. Bytes above the first such
 * one may be marked by a borrow; only the lowest mark is used. */
static inline uint64_t special_bytes(uint64_t w) {
  const uint64_t ones = UINT64_C(0x0101010101010101);
  const uint64_t highs = UINT64_C(0x8080808080808080);
  uint64_t quote = w ^ (ones * '"');
  uint64_t slash = w ^ (ones * '\\');
  return (w | (w - ones * 0x20) | (quote - ones) | (slash - ones)) & highs;
}

static inline const unsigned char *plain_end(const unsigned char *at, const unsigned char *end) {
#if defined(__SSE2__)
  while (end - at >= 16) {
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
    __m128i ends = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
    __m128i odd = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20)); /* as signed bytes: control bytes and everything from 0x80 on */
    unsigned marks = (unsigned)_mm_movemask_epi8(_mm_or_si128(ends, odd));
    if (marks) return at + __builtin_ctz(marks);
    at += 16;
  }
#endif
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  while (end - at >= 8) {
    uint64_t w;
    memcpy(&w, at, sizeof w);
    uint64_t marks = special_bytes(w);
    if (marks) return at + (__builtin_ctzll(marks) >> 3);
    at += 8;
  }
#endif
  while (at < end && *at >= 0x20 && *at < 0x80 && *at != '"' && *at != '\\') at++;
  return at;
}

static bool read_hex4(const unsigned char *at, const unsigned char *end, uint32_t *code) {
  if (end - at < 4) return false;
  *code = 0;
  for (int i = 0; i < 4; i++) {
    unsigned char c = at[i];
    uint32_t digit;
    if (c >= '0' && c <= '9') {
      digit = c - (uint32_t)'0';
    } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
      digit = (c | 0x20) - (uint32_t)'a' + 10;
    } else {
      return false;
    }
    *code = *code << 4 | digit;
  }
  return true;
}

/* `at` is behind `\u`. */
static const unsigned char *read_unicode_escape(struct json_reader *r, const unsigned char *at) {
  const unsigned char *escape = at - 2;
  uint32_t code;
  uint32_t low;
  if (!read_hex4(at, r->end, &code)) return json_refuse(r, at, "expected four hex digits after \\u");
  at += 4;
  if (code >= 0xDC00 && code <= 0xDFFF) return json_refuse(r, escape, "a low surrogate without the high one before it");
  if (code < 0xD800 || code > 0xDBFF) return at;
  bool pair = r->end - at >= 6 && at[0] == '\\' && at[1] == 'u' && read_hex4(at + 2, r->end, &low);
  if (!pair || low < 0xDC00 || low > 0xDFFF) return json_refuse(r, escape, "a high surrogate without the low one after it");
  return at + 6;
}

/* `at` is on the backslash. */
static const unsigned char *read_escape(struct json_reader *r, const unsigned char *at) {
  at++;
  if (at == r->end) return json_refuse(r, at, "expected an escape after the backslash");
  switch (*at) {
  case '"':
  case '\\':
  case '/':
  case 'b':
  case 'f':
  case 'n':
  case 'r':
  case 't': return at + 1;
  case 'u': return read_unicode_escape(r, at + 1);
  default: return json_refuse(r, at, "expected one of \"\\/bfnrtu after a backslash");
  }
}

/* From where something out of the ordinary stands to the closing quote. */
static const unsigned char *read_string_slowly(struct json_reader *r, const unsigned char *at, uint8_t *escaped) {
  for (;;) {
    at = plain_end(at, r->end);
    if (at == r->end) return json_refuse(r, at, "expected the closing quote of a string");
    unsigned char c = *at;
    if (c == '"') return at;
    if (c == '\\') {
      *escaped = 1;
      at = read_escape(r, at);
      if (!at) return NULL;
    } else if (c < 0x20) {
      return json_refuse(r, at, "a control byte in a string must be written as an escape");
    } else {
      do { /* such characters come in words */
        size_t step = utf8_step(at, r->end);
        if (step == 0) return json_refuse(r, at, "a string must be well-formed UTF-8");
        at += step;
      } while (at < r->end && *at >= 0x80);
    }
  }
}

/* `at` is on the opening quote. */
static inline const unsigned char *read_string(struct json_reader *r, const unsigned char *at) {
  const unsigned char *start = at + 1;
  uint8_t escaped = 0;
  at = plain_end(start, r->end);
  if (standing(r, at) != '"') {
    at = read_string_slowly(r, at, &escaped);
    if (!at) return NULL;
  }
  struct json_token *t = token_add(r, JSON_STRING, start, at);
  if (!t) return NULL;
  t->escaped = escaped;
  return at + 1;
}

/* --- numbers and words --- */

static inline const unsigned char *read_number(struct json_reader *r, const unsigned char *at) {
  const unsigned char *end = (const unsigned char *)number_end((const char *)at, (const char *)r->end);
  if (!end) return json_refuse(r, at, "expected a number");
  return token_add(r, JSON_NUMBER, at, end) ? end : NULL;
}

static const unsigned char *read_word(struct json_reader *r, const unsigned char *at, const char *word, size_t length,
                                      enum json_type type) {
  if ((size_t)(r->end - at) < length || memcmp(at, word, length) != 0) return json_refuse(r, at, "expected a value");
  return token_add(r, type, at, at + length) ? at + length : NULL;
}

/* --- containers --- */

static const unsigned char *read_value(struct json_reader *r, const unsigned char *at);

/* `at` is on the closing bracket. */
static inline const unsigned char *container_close(struct json_reader *r, const unsigned char *at, uint32_t container, uint32_t children) {
  struct json_token *t = &r->tokens[container];
  r->depth--;
  t->end = (uint32_t)(at + 1 - r->start);
  t->next = r->count;
  t->count = children;
  return at + 1;
}

static const unsigned char *refuse_depth(struct json_reader *r, const unsigned char *at) {
  char sentence[48];
  snprintf(sentence, sizeof sentence, "nested deeper than %u levels", (unsigned)r->depth_most);
  return json_refuse(r, at, sentence);
}

static inline const unsigned char *container_open(struct json_reader *r, const unsigned char *at, enum json_type type) {
  if (r->depth == r->depth_most) return refuse_depth(r, at);
  if (!token_add(r, type, at, at)) return NULL;
  r->depth++;
  return at + 1;
}

static const unsigned char *read_array(struct json_reader *r, const unsigned char *at) {
  uint32_t array = r->count;
  at = container_open(r, at, JSON_ARRAY);
  if (!at) return NULL;
  if (skip_blanks(r, &at) == ']') return container_close(r, at, array, 0);
  for (uint32_t n = 0;; n++) {
    at = read_value(r, at);
    if (!at) return json_pointer_index(r, n);
    const unsigned c = skip_blanks(r, &at);
    if (c == ']') return container_close(r, at, array, n + 1);
    if (c != ',') return json_refuse(r, at, "expected ',' or ']' in an array");
    at++;
    skip_blanks(r, &at);
  }
}

static bool refuse_duplicate(struct json_reader *r, uint32_t key) {
  const struct json_token *t = &r->tokens[key];
  const unsigned char *key_text = r->start + t->start;
  uint32_t length = t->end - t->start;
  if (length > 80) {
    length = 80;
    while (length > 0 && (key_text[length] & 0xC0) == 0x80) length--; /* never half a character */
  }
  return err_set(r->e, ERR_INPUT, "JSON: the key \"%.*s\" stands twice in one object, again at byte %u", (int)length,
                 (const char *)key_text, t->start - 1);
}

/* Two keys with different fingerprints differ: the first eight bytes mixed with the length. */
static inline uint64_t fingerprint(const struct json_reader *r, const struct json_token *t) {
  size_t length = t->end - t->start;
  const unsigned char *at = r->start + t->start;
  uint64_t head = 0;
  if (r->end - at >= 8) {
    memcpy(&head, at, sizeof head);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (length < 8) head &= (UINT64_C(1) << (8 * length)) - 1;
#else
    if (length < 8) head &= ~(UINT64_MAX >> (8 * length));
#endif
  } else {
    memcpy(&head, at, length < 8 ? length : 8);
  }
  return head + length * UINT64_C(0x9E3779B97F4A7C15);
}

/* Keys are compared only when a filter of 256 bits has seen something like them: most objects need no comparison at all. */
static bool few_keys_differ(struct json_reader *r, uint32_t object, uint32_t pairs) {
  uint64_t seen[4] = {0};
  uint64_t prints[DUPLICATES_FEW];
  uint32_t keys[DUPLICATES_FEW];
  uint32_t key = object + 1;
  for (uint32_t n = 0; n < pairs; n++) {
    uint64_t print = fingerprint(r, &r->tokens[key]);
    uint64_t place = (print * UINT64_C(0xD6E8FEB86659FD93)) >> 56;
    uint64_t bit = UINT64_C(1) << (place & 63);
    for (uint32_t i = 0; (seen[place >> 6] & bit) && i < n; i++) {
      if (prints[i] != print) continue;
      if (str_eq(json_key_view(r->start, &r->tokens[key]), json_key_view(r->start, &r->tokens[keys[i]]))) return refuse_duplicate(r, key);
    }
    seen[place >> 6] |= bit;
    prints[n] = print;
    keys[n] = key;
    key = r->tokens[key + 1].next;
  }
  return true;
}

/* Large objects, and objects with an escaped key: compared unescaped, through a table in scratch memory. */
static bool many_keys_differ(struct json_reader *r, uint32_t object, uint32_t pairs) {
  struct arena_mark mark = arena_mark(r->a);
  struct json_key_set set;
  bool fine = json_key_set_open(&set, r->a, pairs);
  if (!fine) err_set(r->e, ERR_BUSY, "JSON: no memory to compare %u keys", pairs);
  uint32_t key = object + 1;
  for (uint32_t n = 0; fine && n < pairs; n++) {
    enum json_key_news news = json_key_set_add(&set, r->start, &r->tokens[key]);
    if (news == JSON_KEY_TWICE) fine = refuse_duplicate(r, key);
    if (news == JSON_KEY_NO_MEMORY) fine = err_set(r->e, ERR_BUSY, "JSON: no memory to compare %u keys", pairs);
    key = r->tokens[key + 1].next;
  }
  arena_rewind(r->a, mark);
  return fine;
}

static bool keys_differ(struct json_reader *r, uint32_t object, uint32_t pairs, bool escaped) {
  if (pairs < 2) return true;
  return pairs > DUPLICATES_FEW || escaped ? many_keys_differ(r, object, pairs) : few_keys_differ(r, object, pairs);
}

/* Names are C strings to plugins and to Lua: a NUL would cut them, and two keys would be one. */
static bool escaped_key_fine(struct json_reader *r, uint32_t key) {
  const struct json_token *t = &r->tokens[key];
  for (const char *at = (const char *)r->start + t->start, *end = (const char *)r->start + t->end; at < end;) {
    const char *from = at;
    char step[4];
    json_unescape_step(&at, step);
    if (step[0] == 0) return json_refuse(r, (const unsigned char *)from, "\\u0000 is not allowed in a key") != NULL;
  }
  return true;
}

/* `at` is on a value's first byte, `c`: most are strings and numbers, and those need no call. */
static inline const unsigned char *read_member(struct json_reader *r, const unsigned char *at, unsigned c) {
  if (c == '"') return read_string(r, at);
  if (c - '0' < 10) return read_number(r, at);
  return read_value(r, at);
}

/* `at` is on a key's opening quote; ends behind the pair's value. */
static inline const unsigned char *read_pair(struct json_reader *r, const unsigned char *at, bool *escaped) {
  uint32_t key = r->count;
  at = read_string(r, at);
  if (!at) return NULL;
  if (r->tokens[key].escaped) {
    *escaped = true;
    if (!escaped_key_fine(r, key)) return NULL;
  }
  if (skip_blanks(r, &at) != ':') {
    json_refuse(r, at, "expected ':' after a key");
    return json_pointer_key(r, key);
  }
  at++;
  const unsigned c = skip_blanks(r, &at);
  at = read_member(r, at, c);
  return at ? at : json_pointer_key(r, key);
}

static const unsigned char *read_object(struct json_reader *r, const unsigned char *at) {
  uint32_t object = r->count;
  bool escaped = false;
  at = container_open(r, at, JSON_OBJECT);
  if (!at) return NULL;
  unsigned c = skip_blanks(r, &at);
  if (c == '}') return container_close(r, at, object, 0);
  for (uint32_t n = 0;; n++) {
    if (c != '"') return json_refuse(r, at, "expected a key in quotes");
    at = read_pair(r, at, &escaped);
    if (!at) return NULL;
    c = skip_blanks(r, &at);
    if (c == '}') return keys_differ(r, object, n + 1, escaped) ? container_close(r, at, object, n + 1) : NULL;
    if (c != ',') return json_refuse(r, at, "expected ',' or '}' in an object");
    at++;
    c = skip_blanks(r, &at);
  }
}

static const unsigned char *read_value(struct json_reader *r, const unsigned char *at) {
  switch (standing(r, at)) {
  case '"': return read_string(r, at);
  case '{': return read_object(r, at);
  case '[': return read_array(r, at);
  case 't': return read_word(r, at, "true", 4, JSON_TRUE);
  case 'f': return read_word(r, at, "false", 5, JSON_FALSE);
  case 'n': return read_word(r, at, "null", 4, JSON_NULL);
  case '-':
  case '0':
  case '1':
  case '2':
  case '3':
  case '4':
  case '5':
  case '6':
  case '7':
  case '8':
  case '9': return read_number(r, at);
  case 0xEF: return json_refuse(r, at, "expected a value (a byte order mark is not allowed)");
  default: return json_refuse(r, at, "expected a value");
  }
}

/* --- doors --- */

static bool reader_open(struct json_reader *r, struct arena *a, struct str text, const struct json_limits *limits, struct err *e) {
  memset(r, 0, offsetof(struct json_reader, pointer));
  if (text.len >= UINT32_MAX) return err_set(e, ERR_INPUT, "JSON: a text of %zu bytes is beyond 4 GiB", text.len);
  if (!limits) limits = &json_limits_default;
  static const unsigned char nothing[1] = {0};
  r->start = text.at ? (const unsigned char *)text.at : nothing;
  r->end = r->start + text.len;
  r->depth_most = limits->depth < DEPTH_MOST ? limits->depth : DEPTH_MOST;
  r->tokens_most = limits->tokens;
  r->a = a;
  r->e = e;
  r->pointer_at = sizeof r->pointer;
  /* Events have a value or key about every eleven bytes; large texts start modestly and double. */
  size_t guess = text.len / 10 + 8;
  r->cap = guess > 65536 ? 65536 : (uint32_t)guess;
  if (r->cap > r->tokens_most) r->cap = r->tokens_most;
  r->tokens = arena_alloc(a, (size_t)r->cap * sizeof *r->tokens);
  return r->tokens || err_set(e, ERR_BUSY, "JSON: no memory for %u values", r->cap);
}

/* Returns the place behind the value. */
static const unsigned char *read_document(struct json_reader *r, struct json *out) {
  const unsigned char *at = r->start;
  skip_blanks(r, &at);
  at = read_value(r, at);
  if (!at) {
    json_pointer_say(r);
    return NULL;
  }
  *out = (struct json){.text = (const char *)r->start, .tokens = r->tokens, .count = r->count};
  return at;
}

bool json_parse_one(struct json *out, struct arena *a, struct str text, const struct json_limits *limits, size_t *used, struct err *e) {
  struct json_reader r;
  if (!reader_open(&r, a, text, limits, e)) return false;
  const unsigned char *at = read_document(&r, out);
  if (!at) return false;
  *used = (size_t)(at - r.start);
  return true;
}

bool json_parse(struct json *out, struct arena *a, struct str text, const struct json_limits *limits, struct err *e) {
  struct json_reader r;
  if (!reader_open(&r, a, text, limits, e)) return false;
  const unsigned char *at = read_document(&r, out);
  if (!at) return false;
  return skip_blanks(&r, &at) == TEXT_ENDS || json_refuse(&r, at, "expected the end of the text after the value");
}
