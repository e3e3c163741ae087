/* Has an output whose low is its high. */
#include "rogue.h"
static const kairos_field field_flat = {sizeof field_flat, KAIROS_F64, 1, 0, "y", "", "", 1, 1};
static const kairos_field *const flat[] = {&field_flat};
static const kairos_schema schema_flat = {sizeof schema_flat, 1, flat};
PLUGIN(.outputs = &schema_flat)
