/* Where the files that come with the program lie. */
#pragma once
#include "kit/err.h"
#include <stddef.h>

/* The default program's directory: what KAIROS_SHARE names, else <prefix>/share/kairos/program beside the installed binary, else the source
 * tree that the binary was built in. ERR_MISSING when none of them holds one. */
bool tool_default_program(char *path, size_t size, struct err *e);
