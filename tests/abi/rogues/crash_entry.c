/* Crashes when it is asked to describe itself. */
#include "rogue.h"
KAIROS_EXPORT const kairos_plugin *kairos_plugin_v1(const kairos_host *host) {
  (void)host;
  static const kairos_plugin *volatile nowhere = (const kairos_plugin *)(uintptr_t)4096;
  return nowhere;
}
