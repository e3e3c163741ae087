/* The stream of HTTP/1.1: where a head ends, where a body ends, and whether every byte between may stand there. Promises that two readers
 * of the same bytes cannot disagree about them (request smuggling): lines end in CR LF and nothing else, no folded lines, no control
 * bytes, no space around a field's name, chunk sizes of plain hex digits, all within limits; and that the result does not depend on how
 * the bytes were cut into reads. llhttp 8.1 is laxer than that (CVE-2023-30589, CVE-2024-27982, chunk extensions without end), so bodies
 * are framed here and it gets only heads that have passed. Knows no sockets, routes or memory. Called by the connection on the loop
 * thread, and by the fuzzer. */
#include "http.h"
#include <string.h>

#define EXTRA_MOST   4096 /* bytes of chunk extensions and trailers in a message: nobody needs them */
#define CHUNK_DIGITS 8

static enum http_news bad(struct http_fault *f, int status, const char *word, const char *detail) {
  *f = (struct http_fault){.status = status, .word = word, .detail = detail};
  return NEWS_BAD;
}

static enum http_news malformed(struct http_fault *f, const char *detail) {
  return bad(f, 400, "malformed-request", detail);
}

/* RFC 9110 `tchar`: what names of methods and fields are made of. */
#define BIT(c) (UINT64_C(1) << ((c) % 64))
static bool is_token(unsigned char c) {
  static const uint64_t token[2] = {(UINT64_C(0x3FF) << '0') | BIT('!') | BIT('#') | BIT('$') | BIT('%') | BIT('&') | BIT('\'') | BIT('*') |
                                        BIT('+') | BIT('-') | BIT('.'),
                                    (UINT64_C(0x3FFFFFF) << ('A' - 64)) | (UINT64_C(0x3FFFFFF) << ('a' - 64)) | BIT('^') | BIT('_') |
                                        BIT('`') | BIT('|') | BIT('~')};
  return c < 128 && (token[c / 64] >> (c % 64) & 1);
}

/* Bytes that may stand in a field's value: no control byte but the tab. Eight at a time; only a suspicion is looked at closely. */
static bool value_bytes(const unsigned char *at, const unsigned char *end) {
  const uint64_t ones = UINT64_C(0x0101010101010101), highs = UINT64_C(0x8080808080808080);
  while (at < end) {
    if (end - at >= 8) {
      uint64_t w;
      memcpy(&w, at, sizeof w);
      const uint64_t del = w ^ (ones * 0x7F);
      if (!((((w - ones * 0x20) & ~w) | ((del - ones) & ~del)) & highs)) {
        at += 8;
        continue;
      }
    }
    if ((*at < 0x20 && *at != '\t') || *at == 0x7F) return false;
    at++;
  }
  return true;
}

/* METHOD SP target SP HTTP/1.x: one space each. */
static enum http_news check_request_line(const unsigned char *at, const unsigned char *end, struct http_fault *f) {
  const unsigned char *method = at;
  while (at < end && is_token(*at)) at++;
  if (at == method || at == end || *at != ' ') return malformed(f, "expected a request line `METHOD target HTTP/1.1`");
  if (at - method > 16) return bad(f, 501, "method", "no method has such a long name here");
  const unsigned char *target = ++at;
  while (at<end && * at> 0x20 && *at < 0x7F) at++;
  if (at == target || at == end || *at != ' ') {
    return malformed(f, "expected a target of visible ASCII bytes, one space and HTTP/1.1 in the request line");
  }
  at++;
  if (end - at != 8 || memcmp(at, "HTTP/", 5) != 0 || at[6] != '.') {
    return malformed(f, "expected HTTP/1.1 or HTTP/1.0 at the end of the request line");
  }
  if (at[5] != '1' || (at[7] != '0' && at[7] != '1')) return bad(f, 505, "http-version", "expected HTTP/1.1 or HTTP/1.0");
  return NEWS_MORE;
}

/* name ":" value, and nothing before, between or inside. */
static enum http_news check_header(const unsigned char *at, const unsigned char *end, struct http_fault *f) {
  if (*at == ' ' || *at == '\t') return malformed(f, "a header line starts with a blank (folded lines are refused)");
  const unsigned char *name = at;
  while (at < end && is_token(*at)) at++;
  if (at == end || *at != ':') {
    return malformed(f, at < end && (*at == ' ' || *at == '\t') ? "a blank before the colon of a header"
                                                                : "expected a header line `name: value` with a name of letters and digits");
  }
  if (at == name) return malformed(f, "a header without a name");
  if (!value_bytes(at + 1, end)) return malformed(f, "a control byte, NUL or bare CR in a header's value");
  return NEWS_MORE;
}

/* A line is complete: [at, end) without its CR LF. NEWS_MORE: it is fine, go on. NEWS_HEAD: it was the empty one. */
static enum http_news check_line(struct http_stream *s, const unsigned char *at, const unsigned char *end, struct http_fault *f) {
  if (at == end) return s->first ? NEWS_HEAD : malformed(f, "more than one empty line before a request");
  if (!s->first) {
    if (end - at > HTTP_LINE_MOST) return bad(f, 414, "too-long", "the request line is longer than 4096 bytes");
    return check_request_line(at, end, f);
  }
  if (++s->lines > HTTP_HEADER_COUNT) return bad(f, 431, "too-many-headers", "more than 100 header lines");
  return check_header(at, end, f);
}

/* A head that is not complete yet must not grow for ever. */
static enum http_news check_unfinished(const struct http_stream *s, struct str in, struct http_fault *f) {
  if (s->first ? in.len - s->first > HTTP_HEADERS_MOST : in.len - s->line > HTTP_LINE_MOST + 2) {
    return s->first ? bad(f, 431, "too-large-headers", "the headers are larger than 16384 bytes")
                    : bad(f, 414, "too-long", "the request line is longer than 4096 bytes");
  }
  const unsigned char first = in.len ? (unsigned char)in.at[0] : 'G';
  if (first != '\r' && !is_token(first)) return malformed(f, "these bytes are not HTTP/1.1 (TLS is a reverse proxy's business)");
  return NEWS_MORE;
}

static enum http_news next_head(struct http_stream *s, struct str *in, struct str *piece, struct http_fault *f) {
  const unsigned char *bytes = (const unsigned char *)in->at;
  if (s->line == 0 && !s->first && in->len >= 2 && memcmp(bytes, "\r\n", 2) == 0) s->line = s->scanned = 2; /* once, as RFC 9112 2.2 */
  for (;;) {
    const unsigned char *lf = s->scanned < in->len ? memchr(bytes + s->scanned, '\n', in->len - s->scanned) : NULL;
    if (!lf) {
      s->scanned = in->len;
      return check_unfinished(s, *in, f);
    }
    const unsigned char *start = bytes + s->line;
    if (lf == start || lf[-1] != '\r') return malformed(f, "a line that ends in LF without CR");
    const enum http_news news = check_line(s, start, lf - 1, f);
    if (news == NEWS_BAD) return news;
    s->line = s->scanned = (size_t)(lf + 1 - bytes);
    if (!s->first) s->first = s->line;
    if (s->line - s->first > HTTP_HEADERS_MOST) return bad(f, 431, "too-large-headers", "the headers are larger than 16384 bytes");
    if (news == NEWS_HEAD) break;
  }
  *piece = (struct str){in->at, s->line};
  *in = (struct str){in->at + s->line, in->len - s->line};
  *s = (struct http_stream){.phase = HTTP_PHASE_LENGTH};
  return NEWS_HEAD;
}

void http_stream_body(struct http_stream *s, const struct http_head *head) {
  *s = (struct http_stream){.phase = head->chunked ? HTTP_PHASE_CHUNKS : HTTP_PHASE_LENGTH, .left = head->length};
}

static void take_piece(struct http_stream *s, struct str *in, struct str *piece) {
  const size_t n = s->left < in->len ? (size_t)s->left : in->len;
  *piece = (struct str){in->at, n};
  *in = (struct str){in->at + n, in->len - n};
  s->left -= n;
}

static enum http_news finish(struct http_stream *s) {
  *s = (struct http_stream){.phase = HTTP_PHASE_HEAD};
  return NEWS_END;
}

static int hex_digit(unsigned char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The size line: 1 to 8 hex digits, perhaps an extension that is read over, CR LF. */
static enum http_news chunk_size(struct http_stream *s, unsigned char c, struct http_fault *f) {
  const int digit = hex_digit(c);
  if (s->chunk == CHUNK_SIZE && digit >= 0) {
    if (++s->digits > CHUNK_DIGITS) return malformed(f, "a chunk's size of more than 8 hex digits");
    s->left = s->left << 4 | (unsigned)digit;
    return NEWS_MORE;
  }
  if (s->digits == 0) return malformed(f, "expected a chunk's size in hex digits");
  if (c == '\r') {
    s->chunk = CHUNK_SIZE_LF;
    return NEWS_MORE;
  }
  if (s->chunk == CHUNK_SIZE && c != ';') return malformed(f, "expected CR LF or `;` behind a chunk's size");
  s->chunk = CHUNK_EXTENSION;
  if (!value_bytes(&c, &c + 1)) return malformed(f, "a control byte or bare LF in a chunk's extension");
  return NEWS_MORE;
}

/* Trailers: lines that are checked like headers' bytes, and dropped. */
static enum http_news chunk_trailer(struct http_stream *s, unsigned char c, struct http_fault *f) {
  if (s->chunk == CHUNK_TRAILER) {
    if (c != '\r' && !is_token(c)) return malformed(f, "expected a trailer `name: value` or an empty line behind the last chunk");
    s->chunk = c == '\r' ? CHUNK_END_LF : CHUNK_TRAILER_LINE;
  } else if (c == '\r') {
    s->chunk = CHUNK_TRAILER_LF;
  } else if (!value_bytes(&c, &c + 1)) {
    return malformed(f, "a control byte or bare LF in a trailer");
  }
  return NEWS_MORE;
}

static enum http_news chunk_line_feed(struct http_stream *s, unsigned char c, struct http_fault *f) {
  if (c != '\n') return malformed(f, "a CR without LF in the frame of a chunk");
  switch (s->chunk) {
  case CHUNK_SIZE_LF: s->chunk = s->left ? CHUNK_DATA : CHUNK_TRAILER; return NEWS_MORE;
  case CHUNK_DATA_LF:
    s->chunk = CHUNK_SIZE;
    s->digits = 0;
    return NEWS_MORE;
  case CHUNK_TRAILER_LF: s->chunk = CHUNK_TRAILER; return NEWS_MORE;
  default: return finish(s);
  }
}

static enum http_news chunk_byte(struct http_stream *s, unsigned char c, struct http_fault *f) {
  switch (s->chunk) {
  case CHUNK_SIZE:
  case CHUNK_EXTENSION:
  case CHUNK_TRAILER:
  case CHUNK_TRAILER_LINE: {
    const bool size = s->chunk == CHUNK_SIZE;
    const enum http_news news = s->chunk <= CHUNK_EXTENSION ? chunk_size(s, c, f) : chunk_trailer(s, c, f);
    if (!size && news == NEWS_MORE && ++s->extra > EXTRA_MOST) return malformed(f, "more than 4096 bytes of chunk extensions and trailers");
    return news;
  }
  case CHUNK_DATA_CR:
    if (c != '\r') return malformed(f, "expected CR LF behind a chunk's bytes");
    s->chunk = CHUNK_DATA_LF;
    return NEWS_MORE;
  default: return chunk_line_feed(s, c, f);
  }
}

static enum http_news next_chunk(struct http_stream *s, struct str *in, struct str *piece, struct http_fault *f) {
  while (in->len) {
    if (s->chunk == CHUNK_DATA) {
      take_piece(s, in, piece);
      if (s->left == 0) s->chunk = CHUNK_DATA_CR;
      return NEWS_BODY;
    }
    const unsigned char c = (unsigned char)in->at[0];
    *in = (struct str){in->at + 1, in->len - 1};
    const enum http_news news = chunk_byte(s, c, f);
    if (news != NEWS_MORE) return news;
  }
  return NEWS_MORE;
}

enum http_news http_stream_next(struct http_stream *s, struct str *in, struct str *piece, struct http_fault *f) {
  switch (s->phase) {
  case HTTP_PHASE_HEAD: return next_head(s, in, piece, f);
  case HTTP_PHASE_CHUNKS: return next_chunk(s, in, piece, f);
  default: break;
  }
  if (s->left == 0) return finish(s);
  if (in->len == 0) return NEWS_MORE;
  take_piece(s, in, piece);
  return NEWS_BODY;
}
