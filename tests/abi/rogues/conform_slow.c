/* Takes its time to describe itself. */
#include "rogue.h"

KAIROS_EXPORT const kairos_plugin *kairos_plugin_v1(const kairos_host *host) {
  static const kairos_plugin plugin = {HONEST};
  (void)host;
  for (volatile unsigned i = 0; i < 400000000; i++) continue;
  return &plugin;
}
