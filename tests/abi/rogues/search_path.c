/* Changes where libraries are found. */
#include "rogue.h"
PLUGIN(.flags = 0)
