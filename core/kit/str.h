/* Text: `struct str` is a borrowed view (not NUL-terminated), `struct buf` a growing byte buffer that its holder frees.
 * What is done for every key of every event stands here whole: most of it is with literals, whose length the compiler then knows. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct arena;
struct str {
  const char *at;
  size_t len;
};
#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
#define STR_FORMAT   "%.*s"
#define STR_ARG(s)   (int)(s).len, (s).at

static inline struct str str_from(const char *c) { /* NULL gives the empty view */
  return (struct str){c, c ? strlen(c) : 0};
}
static inline bool str_eq(struct str a, struct str b) {
  return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}
static inline bool str_is(struct str a, const char *c) {
  return str_eq(a, str_from(c));
}
bool str_starts(struct str a, const char *prefix);
bool str_ends(struct str a, const char *suffix);
int str_compare(struct str a, struct str b);                  /* bytes, then length: a total order that no locale moves */
struct str str_trim(struct str a);                            /* spaces, tabs, CR, LF at both ends */
bool str_split(struct str *rest, char at, struct str *piece); /* takes the piece before `at` off the front; false when rest is spent */
bool str_utf8(struct str a);                                  /* strict UTF-8: no overlong forms, surrogates, or code points above 10FFFF */
bool str_to_int(struct str a, int64_t *out);                  /* whole text, decimal, optional minus, no plus, no overflow */
bool str_to_double(struct str a, double *out);                /* whole text, JSON's number grammar, locale-free */
bool str_match(struct str a, const char *glob);               /* `*` only, for lists of names */
/* The candidate nearest to `word` within an edit distance (with transposition) of max(1, len/3), or NULL: the "did you mean". [any] */
const char *str_nearest(struct str word, const char *const *candidates, size_t count);

struct buf {
  char *at;
  size_t len, cap;
  bool failed; /* an allocation failed: content is incomplete, the holder must refuse */
};
bool buf_grow(struct buf *b, size_t more); /* false, and failed, without memory */
static inline void buf_reserve(struct buf *b, size_t more) {
  if (b->failed || b->cap - b->len < more) buf_grow(b, more);
}
static inline void buf_put(struct buf *b, const void *bytes, size_t n) {
  if (n == 0) return;
  if ((b->failed || b->cap - b->len < n) && !buf_grow(b, n)) return;
  memcpy(b->at + b->len, bytes, n);
  b->len += n;
}
static inline void buf_str(struct buf *b, struct str s) {
  buf_put(b, s.at, s.len);
}
static inline void buf_text(struct buf *b, const char *c) {
  buf_str(b, str_from(c));
}
static inline void buf_char(struct buf *b, char c) {
  buf_put(b, &c, 1);
}
static inline void buf_clear(struct buf *b) { /* empty, memory kept */
  b->len = 0;
  b->failed = false;
}
static inline struct str buf_view(const struct buf *b) {
  return (struct str){b->at, b->len};
}
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_free(struct buf *b);
struct arena;
/* What was built, moved into an arena with a closing NUL, however little; `b` is empty then. Nothing, {0}, when a byte of it found no
 * memory: less than all of it is never handed on. */
struct str buf_into(struct buf *b, struct arena *a);

/* Little binary codec for journal rows and states: LEB128 varints (zig-zag for signed), IEEE doubles little-endian, length-prefixed bytes.
 */
void pack_u64(struct buf *b, uint64_t v);
void pack_i64(struct buf *b, int64_t v);
void pack_f64(struct buf *b, double v);
void pack_str(struct buf *b, struct str s);
struct unpack { /* a reader that never reads beyond its end; once `failed`, every read gives zero */
  const unsigned char *at, *end;
  bool failed;
};
struct unpack unpack_from(struct str s);
uint64_t unpack_long_u64(struct unpack *u); /* of any length */
static inline uint64_t unpack_u64(struct unpack *u) {
  if (!u->failed && u->at < u->end && *u->at < 0x80) return *u->at++; /* most are small */
  return unpack_long_u64(u);
}
int64_t unpack_i64(struct unpack *u);
double unpack_f64(struct unpack *u);
struct str unpack_str(struct unpack *u); /* a view into the source */
