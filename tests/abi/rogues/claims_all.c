/* Says yes to every extension. */
#include "rogue.h"
static const void *extension(const char *id) {
  return id;
}
PLUGIN(.extension = extension)
