/* imports: which functions and libraries of others a plugin may name. Tables as data; docs/PLUGINS.md shows them. Private to host. */
#pragma once
#include "kit/str.h"

/* NULL: allowed. Otherwise why not, to follow "it imports 'x': ". [any] */
const char *import_refused(struct str name);
bool library_allowed(struct str soname);
extern const char *const libraries_allowed; /* for the sentence */
