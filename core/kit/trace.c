/* Reading and writing `traceparent`, by W3C Trace Context level 1. Promises that what is malformed in any way counts as absent, because a
 * broken trace must never cost a request, and that nothing is allocated. Draws only the ids of new spans, which decide nothing. Called by
 * api, flow's codec and the courier. */
#include "kit/trace.h"
#include "kit/hash.h"
#include "kit/rng.h"
#include <string.h>

static bool lower_hex(const char *at, size_t bytes, unsigned char *out) {
  unsigned char any = 0;
  for (size_t i = 0; i < 2 * bytes; i++) {
    const char c = at[i];
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) return false;
    out[i / 2] = (unsigned char)(i % 2 ? out[i / 2] | digit : digit << 4);
    any |= (unsigned char)digit;
  }
  return any != 0;
}

bool trace_parse(struct str text, struct trace *out) {
  unsigned char version = 0, flags = 0;
  *out = (struct trace){0};
  if (text.len < TRACE_TEXT || text.at[2] != '-' || text.at[35] != '-' || text.at[52] != '-') return false;
  /* Version and flags may be zero, the ids may not. */
  if (!lower_hex(text.at, 1, &version) && !(text.at[0] == '0' && text.at[1] == '0')) return false;
  if (!lower_hex(text.at + 53, 1, &flags) && !(text.at[53] == '0' && text.at[54] == '0')) return false;
  if (version == 0xff || (version == 0 && text.len != TRACE_TEXT) || (text.len > TRACE_TEXT && text.at[TRACE_TEXT] != '-')) return false;
  struct trace t = {.flags = version ? flags & 1 : flags, .there = true};
  if (!lower_hex(text.at + 3, sizeof t.id, t.id) || !lower_hex(text.at + 36, sizeof t.span, t.span)) return false;
  *out = t;
  return true;
}

void trace_text(const struct trace *t, char out[TRACE_TEXT + 1]) {
  memcpy(out, "00-", 3);
  hash_hex(t->id, sizeof t->id, out + 3);
  out[35] = '-';
  hash_hex(t->span, sizeof t->span, out + 36);
  out[52] = '-';
  hash_hex(&t->flags, 1, out + 53);
}

struct trace trace_child(const struct trace *t) {
  struct trace child = *t;
  rng_secret(child.span, sizeof child.span);
  if (child.span[0] == 0) child.span[0] = 1; /* never all zero */
  return child;
}

void trace_pack(const struct trace *t, struct buf *out) {
  buf_put(out, t->id, sizeof t->id);
  buf_put(out, t->span, sizeof t->span);
  buf_put(out, &t->flags, 1);
}

bool trace_unpack(struct unpack *in, struct trace *out) {
  const size_t size = sizeof out->id + sizeof out->span + 1;
  *out = (struct trace){0};
  if (in->failed || (size_t)(in->end - in->at) < size) return false;
  memcpy(out->id, in->at, sizeof out->id);
  memcpy(out->span, in->at + sizeof out->id, sizeof out->span);
  out->flags = in->at[size - 1];
  in->at += size;
  return out->there = true;
}
