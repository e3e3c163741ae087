/* formats: the files of other programs that a plugin reads and writes. Private to host. */
#pragma once
#include "kairos_plugin.h"
#include <stddef.h>

#define FORMATS_MOST 32 /* a list that goes on for longer is taken for a circle */

/* The names of the formats in order; those of extension structs that end before their functions do not count. */
size_t formats_list(const kairos_plugin *t, bool reading, const char *names[FORMATS_MOST]);
/* By its place in that list. */
const kairos_import *formats_import(const kairos_plugin *t, size_t place);
const kairos_export *formats_export(const kairos_plugin *t, size_t place);
