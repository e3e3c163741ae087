/* probe: a plugin tried in a child. Private to host. */
#pragma once
#include "kairos_plugin.h"
#include "kit/err.h"

#define PROBE_LIMIT_MS 5000

bool probe_file(const char *path, const char *who, int64_t limit_ms, struct err *e); /* loads `path`, speaks of `who` */
kairos_entry *probe_entry(void *handle, const char *who, struct err *e);             /* NULL when it has none */
