/* Growing bytes and the little binary codec on top of them. Promises that a buffer whose allocation failed once stays `failed` and
 * ignores what follows, so a writer checks once at the end; and that a reader never leaves its view and gives zeros after the first
 * fault. The codec is the same on every machine: varints, little-endian doubles. Does not know what is stored with it. Called by every
 * room; a buffer belongs to one thread at a time. */
#include "kit/arena.h"
#include "kit/err.h"
#include "kit/str.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool buf_grow(struct buf *b, size_t more) {
  size_t needed;
  if (b->failed || __builtin_add_overflow(b->len, more, &needed) || needed > SIZE_MAX / 2) {
    b->failed = true;
    return false;
  }
  size_t cap = b->cap ? b->cap : 64;
  while (cap < needed) cap *= 2;
  char *at = kit_realloc(b->at, cap);
  if (!at) {
    b->failed = true;
    return false;
  }
  b->at = at;
  b->cap = cap;
  return true;
}

void buf_printf(struct buf *b, const char *format, ...) {
  char text[256]; /* most records fit; a longer one is formatted a second time, straight into the buffer */
  va_list list;
  va_start(list, format);
  int length = vsnprintf(text, sizeof text, format, list);
  va_end(list);
  must(length >= 0);
  size_t n = (size_t)length;
  if (n < sizeof text) {
    buf_put(b, text, n);
    return;
  }
  buf_reserve(b, n + 1);
  if (b->failed) return;
  va_start(list, format);
  vsnprintf(b->at + b->len, n + 1, format, list);
  va_end(list);
  b->len += n;
}

void buf_free(struct buf *b) {
  kit_free(b->at);
  *b = (struct buf){0};
}

struct str buf_into(struct buf *b, struct arena *a) {
  const size_t length = b->len;
  const char *text = b->failed ? NULL : arena_text(a, b->at, length);
  buf_free(b);
  return text ? (struct str){text, length} : (struct str){0};
}

void pack_u64(struct buf *b, uint64_t v) {
  unsigned char bytes[10];
  size_t n = 0;
  while (v >= 0x80) {
    bytes[n++] = (unsigned char)(v | 0x80);
    v >>= 7;
  }
  bytes[n++] = (unsigned char)v;
  buf_put(b, bytes, n);
}

/* Zig-zag: small numbers of either sign become small codes. */
void pack_i64(struct buf *b, int64_t v) {
  pack_u64(b, ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0));
}

void pack_f64(struct buf *b, double v) {
  uint64_t bits;
  memcpy(&bits, &v, sizeof bits);
  unsigned char bytes[8];
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)(bits >> (8 * i));
  buf_put(b, bytes, sizeof bytes);
}

void pack_str(struct buf *b, struct str s) {
  pack_u64(b, s.len);
  buf_str(b, s);
}

struct unpack unpack_from(struct str s) {
  const unsigned char *at = (const unsigned char *)(s.at ? s.at : ""); /* nothing plus nothing is undefined for NULL */
  return (struct unpack){.at = at, .end = at + s.len};
}

uint64_t unpack_long_u64(struct unpack *u) {
  uint64_t v = 0;
  const unsigned char *at = u->at;
  for (unsigned shift = 0; !u->failed && at < u->end && shift < 64; shift += 7) {
    unsigned char byte = *at++;
    if (shift == 63 && byte > 1) break; /* more than 64 bits */
    if (byte == 0 && shift > 0) break;  /* a longer spelling of a shorter number: one value, one code */
    v |= (uint64_t)(byte & 0x7F) << shift;
    if (byte < 0x80) {
      u->at = at;
      return v;
    }
  }
  u->failed = true;
  return 0;
}

int64_t unpack_i64(struct unpack *u) {
  uint64_t code = unpack_u64(u);
  uint64_t bits = (code >> 1) ^ (code & 1 ? UINT64_MAX : 0);
  int64_t v;
  memcpy(&v, &bits, sizeof v);
  return v;
}

double unpack_f64(struct unpack *u) {
  if (u->failed || u->end - u->at < 8) {
    u->failed = true;
    return 0;
  }
  uint64_t bits = 0;
  for (size_t i = 0; i < 8; i++) bits |= (uint64_t)u->at[i] << (8 * i);
  u->at += 8;
  double v;
  memcpy(&v, &bits, sizeof v);
  return v;
}

struct str unpack_str(struct unpack *u) {
  uint64_t n = unpack_u64(u);
  if (u->failed || n > (uint64_t)(u->end - u->at)) {
    u->failed = true;
    return (struct str){NULL, 0};
  }
  struct str s = {(const char *)u->at, (size_t)n};
  u->at += n;
  return s;
}
