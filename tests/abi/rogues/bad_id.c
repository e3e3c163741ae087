/* Has an id that is no file name. */
#include "rogue.h"
PLUGIN(.id = "../rogue")
