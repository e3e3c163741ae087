/* Refuses this engine. */
#include "rogue.h"
KAIROS_EXPORT const kairos_plugin *kairos_plugin_v1(const kairos_host *host) {
  static const kairos_plugin plugin = {HONEST};
  return host->abi_minor > 1000 ? &plugin : NULL;
}
