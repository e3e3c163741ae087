/* Imports what nobody thought of. */
#include "rogue.h"
#include <sys/sysinfo.h>
__attribute__((constructor)) static void begin(void) {
  if (get_nprocs() < 0) begin();
}
PLUGIN(.flags = 0)
