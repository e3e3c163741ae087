/* Speaks a later major version. */
#include "rogue.h"
KAIROS_EXPORT const kairos_plugin *kairos_plugin_v2(const kairos_host *host);
const kairos_plugin *kairos_plugin_v2(const kairos_host *host) {
  (void)host;
  static const kairos_plugin plugin = {HONEST};
  return &plugin;
}
