/* Crashes while it is being loaded. */
#include "rogue.h"
__attribute__((constructor)) static void begin(void) {
  *(volatile int *)(uintptr_t)16 = 1;
}
PLUGIN(.flags = 0)
