/* Percent-encoding, Basic credentials and gzip. Promises that nothing lenient slips in: a broken escape, a NUL, bytes that are not UTF-8,
 * a second gzip member or bytes behind the last are refused, and a small body that inflates beyond its route's limit is dropped at that
 * limit. Results lie in the request's arena. Called by the connection on the loop thread. */
#include "decode.h"
#include "kit/err.h"
#include <string.h>
#include <zlib.h>

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool decode_percent(struct str in, bool plus, struct arena *a, struct str *out) {
  *out = in;
  if (!memchr(in.at, '%', in.len) && !(plus && memchr(in.at, '+', in.len))) return true;
  char *to = arena_alloc(a, in.len);
  if (!to) return false;
  size_t n = 0;
  for (size_t i = 0; i < in.len; i++) {
    char c = in.at[i];
    if (c == '+' && plus) c = ' ';
    if (c == '%') {
      const int high = i + 2 < in.len ? hex_digit(in.at[i + 1]) : -1, low = i + 2 < in.len ? hex_digit(in.at[i + 2]) : -1;
      if (high < 0 || low < 0) return false;
      const unsigned char byte = (unsigned char)(high << 4 | low);
      if (byte < 0x20 || byte == 0x7F) return false;
      c = (char)byte;
      i += 2;
    }
    to[n++] = c;
  }
  *out = (struct str){to, n};
  return str_utf8(*out);
}

static int base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

struct str decode_basic_user(struct str in, struct arena *a) {
  const struct str nobody = {"", 0};
  while (in.len && in.at[in.len - 1] == '=') in.len--;
  char *to = arena_alloc(a, in.len);
  if (!to) return nobody;
  size_t n = 0;
  uint32_t bits = 0, held = 0;
  for (size_t i = 0; i < in.len; i++) {
    const int digit = base64_digit(in.at[i]);
    if (digit < 0) return nobody;
    bits = bits << 6 | (uint32_t)digit;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    to[n++] = (char)(bits >> held & 0xFF);
  }
  const char *colon = memchr(to, ':', n);
  return colon ? (struct str){to, (size_t)(colon - to)} : nobody;
}

/* One step of the inflater into a block that doubles until `most` and one byte more, which tells too large from just fitting. */
static enum inflated inflate_all(z_stream *z, struct str in, size_t most, struct arena *a, struct str *out) {
  size_t room = in.len * 4 < 4096 ? 4096 : in.len * 4;
  if (room > most + 1) room = most + 1;
  unsigned char *to = arena_alloc(a, room);
  if (!to) return INFLATE_NO_MEMORY;
  size_t n = 0;
  for (;;) {
    z->next_out = to + n;
    z->avail_out = (uInt)(room - n);
    const int result = inflate(z, Z_NO_FLUSH);
    n = room - z->avail_out;
    if (n > most) return INFLATE_TOO_LARGE;
    if (result == Z_STREAM_END) break;
    if (result != Z_OK || z->avail_out > 0) return INFLATE_BROKEN; /* room is left, so the input is used up: it was cut off */
    const size_t wanted = room * 2 < most + 1 ? room * 2 : most + 1;
    unsigned char *more = arena_alloc(a, wanted);
    if (!more) return INFLATE_NO_MEMORY;
    memcpy(more, to, n);
    to = more;
    room = wanted;
  }
  *out = (struct str){(const char *)to, n};
  return z->avail_in == 0 ? INFLATED : INFLATE_BROKEN;
}

enum inflated decode_gzip(void **inflater, struct str in, size_t most, struct arena *a, struct str *out) {
  z_stream *z = *inflater;
  if (!z) {
    z = kit_alloc(sizeof *z);
    if (!z) return INFLATE_NO_MEMORY;
    memset(z, 0, sizeof *z);
    if (inflateInit2(z, 16 + MAX_WBITS) != Z_OK) {
      kit_free(z);
      return INFLATE_NO_MEMORY;
    }
    *inflater = z;
  } else if (inflateReset(z) != Z_OK) {
    return INFLATE_BROKEN;
  }
  z->next_in = (Bytef *)(uintptr_t)in.at;
  z->avail_in = (uInt)in.len;
  return inflate_all(z, in, most, a, out);
}

void decode_gzip_end(void **inflater) {
  if (!*inflater) return;
  inflateEnd(*inflater);
  kit_free(*inflater);
  *inflater = NULL;
}
