/* Claims a later minor version without its fields. */
#include "rogue.h"
PLUGIN(.abi_minor = 7)
