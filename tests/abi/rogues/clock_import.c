/* Asks the time. */
#include "rogue.h"
#include <time.h>
__attribute__((constructor)) static void begin(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
}
PLUGIN(.flags = 0)
