/* Exports nothing. */
#include "rogue.h"
const kairos_plugin *table(void);
const kairos_plugin *table(void) {
  static const kairos_plugin plugin = {HONEST};
  return &plugin;
}
