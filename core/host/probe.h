/* probe: a plugin tried in a child. Private to host. */
#pragma once
#include "kit/err.h"
#include "kit/str.h"

#define PROBE_LIMIT_MS 5000
#define PROBE_MEMORY   ((size_t)1 << 30)

/* Loads `path`, speaks of `who`. `description` gets what describe_plugin wrote there (hostile bytes); may be NULL. */
bool probe_file(const char *path, const char *who, int64_t limit_ms, struct buf *description, struct err *e);
