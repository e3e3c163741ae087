/* Says a size that cannot be. */
#include "rogue.h"
PLUGIN(.size = 0x70000000)
