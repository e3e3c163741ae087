/* Opens a socket behind the C library. */
#include "rogue.h"
#include <sys/socket.h>
#include <sys/syscall.h>
__attribute__((constructor)) static void begin(void) {
  raw_call(SYS_socket, AF_INET, SOCK_STREAM, 0);
}
PLUGIN(.flags = 0)
