/* No rogue: the plugin that the others spoil. */
#include "rogue.h"
PLUGIN(.flags = 0)
