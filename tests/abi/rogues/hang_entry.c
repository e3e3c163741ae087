/* Never comes back. */
#include "rogue.h"
KAIROS_EXPORT const kairos_plugin *kairos_plugin_v1(const kairos_host *host) {
  for (volatile uint64_t i = 0;; i++)
    if (!host) return NULL;
}
