/* How far a training is, told to the engine when it listens. */
#ifndef KAIROS_COMMON_PROGRESS_H
#define KAIROS_COMMON_PROGRESS_H
#include "kairos_plugin.h"

static inline void progress_report(const kairos_host *host, double share, const char *note) {
  const kairos_progress *progress = host->service(host, KAIROS_SERVICE_PROGRESS);
  if (progress) progress->report(host, share, note);
}

#endif
