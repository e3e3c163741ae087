/* Of general shape, and tells no schema. */
#include "rogue.h"
PLUGIN(.inputs = NULL)
