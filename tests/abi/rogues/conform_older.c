/* Asks for a service that an older engine does not have. */
#include "rogue.h"

KAIROS_EXPORT const kairos_plugin *kairos_plugin_v1(const kairos_host *host) {
  static const kairos_plugin plugin = {HONEST};
  return host->service(host, "kairos.never/0") ? NULL : &plugin;
}
