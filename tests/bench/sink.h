/* The receiver of the webhook bench: answers 204 as fast as it can, on a thread of its own, and checks the signature of some. */
#pragma once
#include "kit/err.h"
#include <stdint.h>

struct sink_figures {
  uint64_t received, verified, refused;
  int64_t cpu; /* ns that the receiver's thread used */
};
bool sink_start(int *port, const char *secret, struct err *e);
struct sink_figures sink_stop(void);
