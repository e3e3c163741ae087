/* Starts a process through the C library. */
#include "rogue.h"
#include <unistd.h>
__attribute__((constructor)) static void begin(void) {
  if (fork() == 0)
    for (;;) continue;
}
PLUGIN(.flags = 0)
