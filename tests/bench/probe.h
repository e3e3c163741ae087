/* Patient senders beside a flood: connections that hold one request at a time and keep to Retry-After, as a well-made client does. What
 * they see of the engine while others ask for too much is what refusing quickly is about. A thread of their own, so that the flood's own
 * work does not delay their clocks. */
#pragma once
#include "histogram.h"
#include <stdbool.h>

struct probe_tally {
  uint64_t count;
  struct histogram latency; /* from sending to the whole answer */
};
struct probe {
  int port;
  uint32_t connections, batch;
  int64_t gap_ns; /* between two requests, over all connections */
  double seconds; /* sends for so long, then only waits for answers */
  struct probe_tally done, refused;
  uint64_t other, late; /* neither 200 nor 429 nor 503, or no answer at all; were due when every connection was busy or waited */
};
/* From here on the thread writes *p until probe_stop. */
bool probe_start(struct probe *p);
void probe_stop(void);
