/* rooms: accept kit; inside: accept */
/* parser: core/accept/http.c core/accept/head.c */
/* What must hold for any bytes that arrive on a connection: however they are cut into pieces, the same heads, bodies and ends come out,
 * and what is refused is refused at the same place; a head that is taken lies within the limits, its views lie inside it, and its body has
 * one length, never two; a fault has a status, a word and a sentence. Never crashes, never reads beyond. */
#include "accept/accept.h"
#include "http.h"
#include "kit/rng.h"
#include <stdlib.h>
#include <string.h>

#define MESSAGES_MOST 64

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static bool inside(struct str view, struct str block) {
  return view.len == 0 || (view.at >= block.at && view.at + view.len <= block.at + block.len);
}

static void check_head(const struct http_head *h, struct str block) {
  must(block.len <= HTTP_LINE_MOST + HTTP_HEADERS_MOST + 8);
  must(h->path.len > 0 && h->method_name);
  must(!(h->has_length && h->chunked));
  const struct str views[] = {h->target, h->query, h->host, h->content_type, h->content_encoding, h->authorization, h->expect, h->origin};
  for (size_t i = 0; i < sizeof views / sizeof views[0]; i++)
    must(inside(views[i], block) && !memchr(views[i].len ? views[i].at : "", 0, views[i].len));
}

/* What came out, as bytes that two walks can be compared by. */
static bool note(struct http_stream *s, enum http_news news, struct str piece, const struct http_fault *why, struct buf *out) {
  struct http_head head;
  struct http_fault fault = *why;
  if (news == NEWS_BODY) buf_str(out, piece);
  if (news == NEWS_END) buf_text(out, "\1end\2");
  if (news == NEWS_HEAD) {
    buf_text(out, "\1head\2");
    buf_str(out, piece);
    if (http_head_read(&head, piece, &fault)) {
      check_head(&head, piece);
      http_stream_body(s, &head);
      return true;
    }
    news = NEWS_BAD;
  }
  if (news != NEWS_BAD) return true;
  must(fault.status >= 400 && fault.status < 600 && fault.word && fault.detail);
  buf_text(out, "\1bad\2"); /* which of two faults is seen first depends on what has arrived; that it is refused does not */
  return false;
}

/* Bytes arrive in pieces of at most `most`; what is not taken stays where it lies. */
static void walk(const char *text, size_t size, size_t most, uint64_t seed, struct buf *out) {
  struct http_stream s = {0};
  struct rng r = rng_from(seed);
  struct str in = {text, 0};
  size_t arrived = 0;
  uint32_t ends = 0;
  while (true) {
    struct str piece = {0};
    struct http_fault fault = {0};
    const struct str before = in;
    const enum http_news news = http_stream_next(&s, &in, &piece, &fault);
    must(in.len <= before.len && in.at + in.len == before.at + before.len && inside(piece, before));
    if (news == NEWS_MORE) {
      if (arrived == size) return;
      size_t more = 1 + (size_t)(rng_uniform(&r) * (double)most);
      if (more > size - arrived) more = size - arrived;
      arrived += more;
      in.len += more;
      continue;
    }
    if (!note(&s, news, piece, &fault, out)) return;
    if (news == NEWS_END && ++ends == MESSAGES_MOST) return;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  char *text = malloc(size ? size : 1);
  if (!text) return 0;
  memcpy(text, bytes, size);
  struct buf whole = {0}, cut = {0}, single = {0};
  walk(text, size, size, 0, &whole);
  walk(text, size, 40, size ? bytes[size - 1] : 0, &cut);
  must(str_eq(buf_view(&whole), buf_view(&cut)));
  if (size <= 2048) {
    walk(text, size, 1, 1, &single);
    must(str_eq(buf_view(&whole), buf_view(&single)));
  }
  buf_free(&whole);
  buf_free(&cut);
  buf_free(&single);
  free(text);
  return 0;
}
