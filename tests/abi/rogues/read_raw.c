/* Opens a file for reading when it is called. */
#include "rogue.h"
#include <fcntl.h>
#include <sys/syscall.h>
static kairos_status create(const kairos_host *host, const char *config_json, kairos_model **out, kairos_error *error) {
  raw_call(SYS_openat, AT_FDCWD, (long)"/etc/hostname", O_RDONLY);
  return honest_create(host, config_json, out, error);
}
PLUGIN(.create = create)
