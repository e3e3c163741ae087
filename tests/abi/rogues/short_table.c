/* Was built against a shorter table. */
#include "rogue.h"
PLUGIN(.size = 24)
