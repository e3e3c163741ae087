/* Exports more than the one function. */
#include "rogue.h"
KAIROS_EXPORT int helper_function(void);
int helper_function(void) {
  return 1;
}
PLUGIN(.flags = 0)
