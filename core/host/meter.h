/* meter: the kairos_host that a model is given. Memory is counted and capped; tests make the n-th allocation fail. Private to host. */
#pragma once
#include "kairos_plugin.h"
#include "kit/str.h"
#include <stdatomic.h>

#define METER_MODEL_MOST ((size_t)256 << 20) /* bytes of one model with its sessions */

struct meter {
  kairos_host host; /* host.context is the meter */
  const char *name; /* for log lines; borrowed */
  size_t most;
  _Atomic size_t used, peak;
  _Atomic int64_t fail_in;                                /* 0 = never; n = the n-th allocation from now fails, once */
  int report;                                             /* in a child: the pipe for progress and log lines; −1 elsewhere */
  void (*line)(kairos_log_level level, const char *text); /* in a plugin host: where log lines go; NULL elsewhere */
};
void meter_begin(struct meter *m, const char *name, size_t most);
void meter_fail(struct meter *m, int64_t nth); /* tests */
