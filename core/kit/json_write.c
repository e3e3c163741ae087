/* Writing JSON: one canonical form, so that equal values are equal bytes. Promises commas in the right places, keys only in objects and
 * values only where one is due (a slip is a fault of ours: must()), and that nothing but the caller's buffer allocates. Does not check
 * that keys differ or that strings are UTF-8: they came through the tokenizer. Called by every room on every thread. */
#include "kit/json.h"
#include "kit/math.h"
#include <string.h>

#define NESTED_MOST 63

struct json_writer json_to(struct buf *b) {
  return (struct json_writer){.b = b};
}

static uint64_t level_bit(const struct json_writer *w) {
  return UINT64_C(1) << w->depth;
}

static void comma(struct json_writer *w) {
  if (w->filled & level_bit(w)) {
    must(w->depth > 0); /* one value at the root */
    buf_char(w->b, ',');
  }
  w->filled |= level_bit(w);
}

static void value_due(struct json_writer *w) {
  if (w->objects & level_bit(w)) {
    must(w->after_key);
    w->after_key = false;
  } else {
    comma(w);
  }
}

static void json_open(struct json_writer *w, char bracket, bool object) {
  value_due(w);
  must(w->depth < NESTED_MOST);
  w->depth++;
  w->filled &= ~level_bit(w);
  w->objects = object ? w->objects | level_bit(w) : w->objects & ~level_bit(w);
  buf_char(w->b, bracket);
}

static void json_close(struct json_writer *w, char bracket, bool object) {
  must(w->depth > 0 && !w->after_key);
  must(((w->objects & level_bit(w)) != 0) == object);
  w->depth--;
  buf_char(w->b, bracket);
}

void json_open_object(struct json_writer *w) {
  json_open(w, '{', true);
}
void json_close_object(struct json_writer *w) {
  json_close(w, '}', true);
}
void json_open_array(struct json_writer *w) {
  json_open(w, '[', false);
}
void json_close_array(struct json_writer *w) {
  json_close(w, ']', false);
}

#define EACH UINT64_C(0x0101010101010101)

/* Whether one of eight bytes at once may not stand in a string as it is: below 0x20, a quote or a backslash. */
static bool some_escaped(uint64_t v) {
  const uint64_t quote = v ^ EACH * '"', backslash = v ^ EACH * '\\';
  return (((v - EACH * 0x20) & ~v) | ((quote - EACH) & ~quote) | ((backslash - EACH) & ~backslash)) & EACH * 0x80;
}

/* The last look overlaps the one before, or a short text's other half: no byte is looked at alone. */
static bool all_plain(const char *at, size_t length) {
  uint64_t eight;
  uint32_t first, last;
  if (length >= sizeof eight) {
    for (size_t i = 0; i + sizeof eight < length; i += sizeof eight) {
      memcpy(&eight, at + i, sizeof eight);
      if (some_escaped(eight)) return false;
    }
    memcpy(&eight, at + length - sizeof eight, sizeof eight);
    return !some_escaped(eight);
  }
  if (length >= sizeof first) {
    memcpy(&first, at, sizeof first);
    memcpy(&last, at + length - sizeof last, sizeof last);
    return !some_escaped((uint64_t)first << 32 | last);
  }
  eight = EACH * 'a';
  for (size_t i = 0; i < length; i++) eight = eight << 8 | (unsigned char)at[i];
  return !some_escaped(eight);
}

static size_t plain_length(const char *at, size_t length) {
  size_t i = 0;
  while (i < length && (unsigned char)at[i] >= 0x20 && at[i] != '"' && at[i] != '\\') i++;
  return i;
}

static void put_escape(struct buf *b, char c) {
  static const char hex[] = "0123456789abcdef";
  static const char plain[] = "\"\\\b\f\n\r\t";
  static const char letter[] = "\"\\bfnrt";
  const char *found = c ? strchr(plain, c) : NULL;
  if (found) {
    buf_put(b, (char[]){'\\', letter[found - plain]}, 2);
  } else {
    buf_put(b, (char[]){'\\', 'u', '0', '0', hex[(unsigned char)c >> 4], hex[c & 15]}, 6);
  }
}

/* Nearly every string is put as it is: one look for room, one copy. `after` follows the quote when it is not 0. */
static bool put_plain(struct buf *b, struct str s, char after) {
  if (!all_plain(s.at, s.len)) return false;
  buf_reserve(b, s.len + 3);
  if (b->failed) return true;
  char *at = b->at + b->len;
  *at++ = '"';
  if (s.len) memcpy(at, s.at, s.len);
  at += s.len;
  *at++ = '"';
  *at = after;
  b->len += s.len + 2 + (after != 0);
  return true;
}

static void put_quoted(struct buf *b, struct str s) {
  if (put_plain(b, s, 0)) return;
  buf_char(b, '"');
  while (s.len > 0) {
    size_t plain = plain_length(s.at, s.len);
    buf_put(b, s.at, plain);
    s = (struct str){s.at + plain, s.len - plain};
    if (s.len == 0) break;
    put_escape(b, s.at[0]);
    s = (struct str){s.at + 1, s.len - 1};
  }
  buf_char(b, '"');
}

void json_key_str(struct json_writer *w, struct str key) {
  must((w->objects & level_bit(w)) && !w->after_key);
  comma(w);
  if (!put_plain(w->b, key, ':')) {
    put_quoted(w->b, key);
    buf_char(w->b, ':');
  }
  w->after_key = true;
}

void json_put_str(struct json_writer *w, struct str s) {
  value_due(w);
  put_quoted(w->b, s);
}

void json_put_text(struct json_writer *w, const char *c) {
  if (c) {
    json_put_str(w, str_from(c));
  } else {
    json_put_null(w);
  }
}

void json_put_double(struct json_writer *w, double v) {
  value_due(w);
  char text[32];
  buf_put(w->b, text, json_number(v, text)); /* "null" when not finite */
}

void json_put_int(struct json_writer *w, int64_t v) {
  value_due(w);
  char text[20];
  size_t at = sizeof text;
  uint64_t size = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
  do {
    text[--at] = (char)('0' + size % 10);
    size /= 10;
  } while (size);
  if (v < 0) text[--at] = '-';
  buf_put(w->b, text + at, sizeof text - at);
}

void json_put_bool(struct json_writer *w, bool v) {
  value_due(w);
  buf_text(w->b, v ? "true" : "false");
}

void json_put_null(struct json_writer *w) {
  value_due(w);
  buf_put(w->b, "null", 4);
}

void json_put_raw(struct json_writer *w, struct str json) {
  must(json.len > 0);
  value_due(w);
  buf_str(w->b, json);
}

void json_pair_figure(struct json_writer *w, const char *key, double v) {
  json_key(w, key);
  if (math_finite(v)) json_put_double(w, math_round6(v));
  else json_put_null(w);
}
