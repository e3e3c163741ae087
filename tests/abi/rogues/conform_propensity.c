/* A policy whose propensity is no probability. */
#include "rogue.h"

static const kairos_field action = {sizeof action, KAIROS_F64, 1, 0, "action", "", "", 0, 9};
static const kairos_field propensity = {sizeof propensity, KAIROS_F64, 1, 0, "propensity", "", "", 0, 100};
static const kairos_field *const both[] = {&action, &propensity};
static const kairos_schema outputs = {sizeof outputs, 2, both};
PLUGIN(.caps = KAIROS_CAP_POLICY, .outputs = &outputs)
