/* lint: a plugin's bytes looked at without running them. Private to host. */
#pragma once
#include "kit/err.h"
#include "kit/str.h"

#define PLUGIN_FILE_MOST ((size_t)64 << 20)

bool lint_bytes(const char *name, struct str bytes, struct err *e); /* `name` begins the sentences */
