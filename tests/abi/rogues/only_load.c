/* Loads, and cannot save. */
#include "rogue.h"
PLUGIN(.save = NULL)
