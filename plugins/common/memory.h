/* A plugin's memory: host->realloc with the multiplication checked. Whoever takes says the same size when giving back. */
#ifndef KAIROS_COMMON_MEMORY_H
#define KAIROS_COMMON_MEMORY_H
#include "kairos_plugin.h"

/* `count` × `size` zeroed bytes; NULL when that overflows, is 0, or the host has no more. [any] */
void *memory_take(const kairos_host *host, size_t count, size_t size);
void memory_give(const kairos_host *host, void *block, size_t count, size_t size); /* NULL is fine [any] */

#endif
