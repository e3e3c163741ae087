/* Needs a capability that does not exist. */
#include "rogue.h"
PLUGIN(.caps = UINT64_C(1) << 50)
