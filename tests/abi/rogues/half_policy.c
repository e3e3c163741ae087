/* A policy without a propensity. */
#include "rogue.h"
PLUGIN(.caps = KAIROS_CAP_POLICY)
