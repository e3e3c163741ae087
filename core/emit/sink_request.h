/* One webhook request as the sink reads it; private to emit. */
#pragma once
#include "kit/str.h"
#include <stdbool.h>

#define SINK_HEADERS_MOST 16384
#define SINK_BODY_MOST    65536

struct sink_request { /* views into the bytes */
  struct str id, timestamp, signature, traceparent, body;
  bool close; /* the sender wants the connection closed after the answer */
};
enum sink_parsed { SINK_MORE, SINK_READY, SINK_BAD };
/* Reads one request from the start of `bytes`; `*used` is its length when READY; `*why` a sentence when BAD. [any] */
enum sink_parsed sink_request_parse(struct str bytes, struct sink_request *out, size_t *used, const char **why);
