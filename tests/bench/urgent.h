/* Opt-outs and kills beside a flood: one connection that sends one twenty times a second and waits for its answer. A thread of its own that
 * goes before the flood's where that is allowed (as root), so that what it says is how long the engine took, not how long the generator
 * waited for a processor. */
#pragma once
#include "histogram.h"
#include <stdbool.h>

struct urgent {
  int port;
  uint64_t users;
  double seconds;
  uint64_t count, other, lost; /* answered; of these not with 200; sent, and the connection was lost */
  struct histogram latency;
};
/* From here on the thread writes *u until urgent_stop, which waits for the last answer. */
bool urgent_start(struct urgent *u);
void urgent_stop(void);
/* The calling thread goes before others, if this is allowed. */
void urgent_first(void);
