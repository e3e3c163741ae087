/* envelope: what stands round a model's state. Private to host; reading is public (host.h). */
#pragma once
#include "host.h"

#define ENVELOPE_MOST    ((size_t)256 << 20)
#define ENVELOPE_METRICS 65536

/* Writes `from` (its schema digest is made from `fields`). False when memory failed. */
bool envelope_write(const struct envelope *from, struct buf *out);
