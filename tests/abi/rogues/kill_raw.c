/* Signals the process that it is tried by. */
#include "rogue.h"
#include <sys/syscall.h>
__attribute__((constructor)) static void begin(void) {
  raw_call(SYS_kill, raw_call(SYS_getppid, 0, 0, 0), 15, 0);
}
PLUGIN(.flags = 0)
