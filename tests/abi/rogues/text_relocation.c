/* Has an address in its code that the loader must write. */
#include "rogue.h"
PLUGIN(.flags = 0)
__asm__(".text\n.quad kairos_plugin_v1\n");
