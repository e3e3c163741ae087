/* W3C Trace Context: the `traceparent` that a request may carry, so that what it caused can be found in a tracing system. */
#pragma once
#include "kit/str.h"

#define TRACE_TEXT 55 /* "00-<32 hex>-<16 hex>-<2 hex>" */
struct trace {
  unsigned char id[16], span[8];
  unsigned char flags;
  bool there; /* false: none */
};
/* False, and nothing there, unless the text is a traceparent by the standard: lower-case hex, version not ff, ids not zero; of a version
 * above 00 only what 00 knows is read. [any] */
bool trace_parse(struct str text, struct trace *out);
void trace_text(const struct trace *t, char out[TRACE_TEXT + 1]); /* as version 00 [any] */
/* The same trace, with a span of its own: what is sent on. [any] */
struct trace trace_child(const struct trace *t);
void trace_pack(const struct trace *t, struct buf *out); /* 25 bytes; of one that is there */
bool trace_unpack(struct unpack *in, struct trace *out);
