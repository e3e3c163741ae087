/* Calls two inputs the same. */
#include "rogue.h"
static const kairos_field *const twins[] = {&field_x, &field_x};
static const kairos_schema schema_twins = {sizeof schema_twins, 2, twins};
PLUGIN(.inputs = &schema_twins)
