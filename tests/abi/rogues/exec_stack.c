/* Linked with an executable stack. */
#include "rogue.h"
PLUGIN(.flags = 0)
