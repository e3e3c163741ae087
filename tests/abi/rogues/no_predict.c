/* Has no predict. */
#include "rogue.h"
PLUGIN(.predict = NULL)
