/* JSON tokenizer: RFC 8259 to the letter, over bytes that stay where they are. Promises that what it accepts is well-formed UTF-8 without
 * NUL (raw or as \u0000), lone surrogates, duplicate keys or trailing bytes, within the limits of depth and tokens; and that a refusal
 * names the byte and the JSON pointer. Cost is linear also for hostile objects. Does not unescape, convert numbers, or copy: that is
 * json_read.c, for the few tokens that are asked for. The hot path of accept: called by every room on every thread. */
#include "kit/json.h"
#include "json_key.h"
#include "kit/arena.h"
#include "kit/hash.h"
#include "number.h"
#include "utf8.h"
#include <string.h>

const struct json_limits json_limits_default = {.depth = 32, .tokens = 1000000};

#define DEPTH_MOST      256 /* values are read by recursion: whatever a caller asks for, the thread's stack stays small */
#define DUPLICATES_FEW  16
#define POINTER_LONGEST 160

struct reader {
  const unsigned char *start, *at, *end;
  struct json_token *tokens;
  uint32_t count, cap;
  uint32_t depth, depth_most, tokens_most;
  struct arena *a;
  struct err *e;
  char pointer[POINTER_LONGEST]; /* filled from its end while a refusal climbs out */
  size_t pointer_at;
};

/* --- refusing --- */

static bool refuse_at(struct reader *r, const unsigned char *at, const char *what) {
  size_t offset = (size_t)(at - r->start);
  if (at >= r->end) return err_set(r->e, ERR_INPUT, "JSON: %s, but the text ends at byte %zu", what, offset);
  if (*at >= 0x21 && *at <= 0x7E) return err_set(r->e, ERR_INPUT, "JSON: %s, got '%c' at byte %zu", what, *at, offset);
  return err_set(r->e, ERR_INPUT, "JSON: %s, got byte 0x%02X at byte %zu", what, *at, offset);
}

static bool refuse(struct reader *r, const char *what) {
  return refuse_at(r, r->at, what);
}

/* Puts one segment in front of the pointer. What does not fit is lost at the front, where "…" then says so. */
static bool pointer_push(struct reader *r, const char *segment, size_t length) {
  static const char cut[] = "...";
  size_t room = r->pointer_at;
  if (room < length + 1 + sizeof cut) {
    if (room >= sizeof cut) {
      r->pointer_at -= sizeof cut - 1;
      memcpy(r->pointer + r->pointer_at, cut, sizeof cut - 1);
    }
    return false;
  }
  r->pointer_at -= length;
  memcpy(r->pointer + r->pointer_at, segment, length);
  r->pointer[--r->pointer_at] = '/';
  return false;
}

/* The key as written; `~` and `/` as RFC 6901 wants them. */
static bool pointer_push_key(struct reader *r, uint32_t key) {
  char segment[POINTER_LONGEST];
  size_t length = 0;
  const struct json_token *t = &r->tokens[key];
  for (uint32_t i = t->start; i < t->end && length + 2 < sizeof segment; i++) {
    char c = (char)r->start[i];
    if (c == '~' || c == '/') {
      segment[length++] = '~';
      segment[length++] = c == '~' ? '0' : '1';
    } else {
      segment[length++] = c;
    }
  }
  return pointer_push(r, segment, length);
}

static bool pointer_push_index(struct reader *r, uint32_t index) {
  char digits[10];
  size_t at = sizeof digits;
  do {
    digits[--at] = (char)('0' + index % 10);
    index /= 10;
  } while (index);
  return pointer_push(r, digits + at, sizeof digits - at);
}

/* --- tokens --- */

static bool tokens_grow(struct reader *r) {
  if (r->count >= r->tokens_most) return refuse(r, "more values than the limit allows");
  uint32_t cap = r->cap > r->tokens_most / 2 ? r->tokens_most : r->cap * 2;
  struct json_token *tokens = arena_alloc(r->a, (size_t)cap * sizeof *tokens);
  if (!tokens) return err_set(r->e, ERR_BUSY, "JSON: no memory for %u values", cap);
  memcpy(tokens, r->tokens, (size_t)r->count * sizeof *tokens);
  r->tokens = tokens;
  r->cap = cap;
  return true;
}

static inline struct json_token *token_add(struct reader *r, enum json_type type, const unsigned char *start) {
  if (r->count == r->cap && !tokens_grow(r)) return NULL;
  struct json_token *t = &r->tokens[r->count++];
  t->start = (uint32_t)(start - r->start);
  t->end = t->start;
  t->next = r->count;
  t->count = 0;
  t->type = (uint8_t)type;
  t->escaped = 0;
  return t;
}

static inline void skip_blanks(struct reader *r) {
  const unsigned char *at = r->at;
  while (at < r->end && *at <= ' ' && (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r')) at++;
  r->at = at;
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

/* r->at is behind `\u`. */
static bool read_unicode_escape(struct reader *r) {
  const unsigned char *escape = r->at - 2;
  uint32_t code;
  uint32_t low;
  if (!read_hex4(r->at, r->end, &code)) return refuse(r, "expected four hex digits after \\u");
  r->at += 4;
  if (code == 0) return refuse_at(r, escape, "\\u0000 is not allowed in a string");
  if (code >= 0xDC00 && code <= 0xDFFF) return refuse_at(r, escape, "a low surrogate without the high one before it");
  if (code < 0xD800 || code > 0xDBFF) return true;
  bool pair = r->end - r->at >= 6 && r->at[0] == '\\' && r->at[1] == 'u' && read_hex4(r->at + 2, r->end, &low);
  if (!pair || low < 0xDC00 || low > 0xDFFF) return refuse_at(r, escape, "a high surrogate without the low one after it");
  r->at += 6;
  return true;
}

static bool read_escape(struct reader *r) {
  r->at++;
  if (r->at == r->end) return refuse(r, "expected an escape after the backslash");
  switch (*r->at) {
  case '"':
  case '\\':
  case '/':
  case 'b':
  case 'f':
  case 'n':
  case 'r':
  case 't': r->at++; return true;
  case 'u': r->at++; return read_unicode_escape(r);
  default: return refuse(r, "expected one of \"\\/bfnrtu after a backslash");
  }
}

/* The rest of a string in which something out of the ordinary stands at r->at. */
static bool read_string_slowly(struct reader *r, uint32_t token) {
  for (;;) {
    r->at = plain_end(r->at, r->end);
    if (r->at == r->end) return refuse(r, "expected the closing quote of a string");
    unsigned char c = *r->at;
    if (c == '"') return true;
    if (c == '\\') {
      r->tokens[token].escaped = 1;
      if (!read_escape(r)) return false;
    } else if (c < 0x20) {
      return refuse(r, "a control byte in a string must be written as an escape");
    } else {
      size_t step = utf8_step(r->at, r->end);
      if (step == 0) return refuse(r, "a string must be well-formed UTF-8");
      r->at += step;
    }
  }
}

/* r->at is on the opening quote. */
static inline bool read_string(struct reader *r) {
  if (!token_add(r, JSON_STRING, r->at + 1)) return false;
  uint32_t token = r->count - 1;
  r->at = plain_end(r->at + 1, r->end);
  if ((r->at == r->end || *r->at != '"') && !read_string_slowly(r, token)) return false;
  r->tokens[token].end = (uint32_t)(r->at - r->start);
  r->at++;
  return true;
}

/* --- numbers and words --- */

static bool read_number(struct reader *r) {
  const char *end = number_end((const char *)r->at, (const char *)r->end);
  if (!end) return refuse(r, "expected a number");
  struct json_token *t = token_add(r, JSON_NUMBER, r->at);
  if (!t) return false;
  r->at = (const unsigned char *)end;
  t->end = (uint32_t)(r->at - r->start);
  return true;
}

static bool read_word(struct reader *r, const char *word, size_t length, enum json_type type) {
  if ((size_t)(r->end - r->at) < length || memcmp(r->at, word, length) != 0) return refuse(r, "expected a value");
  struct json_token *t = token_add(r, type, r->at);
  if (!t) return false;
  r->at += length;
  t->end = (uint32_t)(r->at - r->start);
  return true;
}

/* --- containers --- */

static bool read_value(struct reader *r);

static bool container_close(struct reader *r, uint32_t container, uint32_t children) {
  struct json_token *t = &r->tokens[container];
  r->at++;
  r->depth--;
  t->end = (uint32_t)(r->at - r->start);
  t->next = r->count;
  t->count = children;
  return true;
}

static bool container_open(struct reader *r, enum json_type type, uint32_t *container) {
  if (r->depth == r->depth_most) return refuse(r, "nested deeper than the limit allows");
  if (!token_add(r, type, r->at)) return false;
  *container = r->count - 1;
  r->depth++;
  r->at++;
  skip_blanks(r);
  return true;
}

static bool read_array(struct reader *r) {
  uint32_t array;
  if (!container_open(r, JSON_ARRAY, &array)) return false;
  if (r->at < r->end && *r->at == ']') return container_close(r, array, 0);
  for (uint32_t n = 0;; n++) {
    if (!read_value(r)) return pointer_push_index(r, n);
    skip_blanks(r);
    if (r->at < r->end && *r->at == ']') return container_close(r, array, n + 1);
    if (r->at == r->end || *r->at != ',') return refuse(r, "expected ',' or ']' in an array");
    r->at++;
    skip_blanks(r);
  }
}

static bool refuse_duplicate(struct reader *r, uint32_t key) {
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
static inline uint64_t fingerprint(const struct reader *r, const struct json_token *t) {
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

static bool few_keys_differ(struct reader *r, uint32_t object, uint32_t pairs) {
  uint64_t prints[DUPLICATES_FEW];
  uint32_t keys[DUPLICATES_FEW];
  uint32_t key = object + 1;
  for (uint32_t n = 0; n < pairs; n++) {
    uint64_t print = fingerprint(r, &r->tokens[key]);
    for (uint32_t i = 0; i < n; i++) {
      if (prints[i] != print) continue;
      if (str_eq(json_key_view(r->start, &r->tokens[key]), json_key_view(r->start, &r->tokens[keys[i]]))) return refuse_duplicate(r, key);
    }
    prints[n] = print;
    keys[n] = key;
    key = r->tokens[key + 1].next;
  }
  return true;
}

/* Large objects, and objects with an escaped key: compared unescaped, through a table in scratch memory. */
static bool many_keys_differ(struct reader *r, uint32_t object, uint32_t pairs) {
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

static bool object_close(struct reader *r, uint32_t object, uint32_t pairs, bool escaped) {
  bool differ = pairs > DUPLICATES_FEW || escaped ? many_keys_differ(r, object, pairs) : few_keys_differ(r, object, pairs);
  return differ && container_close(r, object, pairs);
}

/* r->at is on the key's quote; ends behind the pair's value. */
static inline bool read_pair(struct reader *r, bool *escaped) {
  if (r->at == r->end || *r->at != '"') return refuse(r, "expected a key in quotes");
  uint32_t key = r->count;
  if (!read_string(r)) return false;
  *escaped |= r->tokens[key].escaped != 0;
  skip_blanks(r);
  if (r->at == r->end || *r->at != ':') return refuse(r, "expected ':' after a key") || pointer_push_key(r, key);
  r->at++;
  skip_blanks(r);
  return read_value(r) || pointer_push_key(r, key);
}

static bool read_object(struct reader *r) {
  uint32_t object;
  bool escaped = false;
  if (!container_open(r, JSON_OBJECT, &object)) return false;
  if (r->at < r->end && *r->at == '}') return container_close(r, object, 0);
  for (uint32_t n = 0;; n++) {
    if (!read_pair(r, &escaped)) return false;
    skip_blanks(r);
    if (r->at < r->end && *r->at == '}') return object_close(r, object, n + 1, escaped);
    if (r->at == r->end || *r->at != ',') return refuse(r, "expected ',' or '}' in an object");
    r->at++;
    skip_blanks(r);
  }
}

static bool read_value(struct reader *r) {
  if (r->at == r->end) return refuse(r, "expected a value");
  switch (*r->at) {
  case '"': return read_string(r);
  case '{': return read_object(r);
  case '[': return read_array(r);
  case 't': return read_word(r, "true", 4, JSON_TRUE);
  case 'f': return read_word(r, "false", 5, JSON_FALSE);
  case 'n': return read_word(r, "null", 4, JSON_NULL);
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
  case '9': return read_number(r);
  case 0xEF: return refuse(r, "expected a value (a byte order mark is not allowed)");
  default: return refuse(r, "expected a value");
  }
}

/* --- doors --- */

static bool reader_open(struct reader *r, struct arena *a, struct str text, const struct json_limits *limits, struct err *e) {
  memset(r, 0, offsetof(struct reader, pointer));
  if (text.len >= UINT32_MAX) return err_set(e, ERR_INPUT, "JSON: a text of %zu bytes is beyond 4 GiB", text.len);
  if (!limits) limits = &json_limits_default;
  static const unsigned char nothing[1] = {0};
  r->start = r->at = text.at ? (const unsigned char *)text.at : nothing;
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

static bool reader_refused(struct reader *r) {
  size_t length = sizeof r->pointer - r->pointer_at;
  if (!r->e || length == 0) return false;
  char inner[sizeof r->e->text];
  memcpy(inner, r->e->text, sizeof inner);
  return err_set(r->e, r->e->kind, "%s (in %.*s)", inner, (int)length, r->pointer + r->pointer_at);
}

static bool read_document(struct reader *r, struct json *out) {
  skip_blanks(r);
  if (!read_value(r)) return reader_refused(r);
  *out = (struct json){.text = (const char *)r->start, .tokens = r->tokens, .count = r->count};
  return true;
}

bool json_parse_one(struct json *out, struct arena *a, struct str text, const struct json_limits *limits, size_t *used, struct err *e) {
  struct reader r;
  if (!reader_open(&r, a, text, limits, e) || !read_document(&r, out)) return false;
  *used = (size_t)(r.at - r.start);
  return true;
}

bool json_parse(struct json *out, struct arena *a, struct str text, const struct json_limits *limits, struct err *e) {
  struct reader r;
  if (!reader_open(&r, a, text, limits, e) || !read_document(&r, out)) return false;
  skip_blanks(&r);
  return r.at == r.end || refuse(&r, "expected the end of the text after the value");
}
