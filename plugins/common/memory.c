/* Memory of the shipped plugins. Promises that a product of sizes which overflows is refused like any other lack of memory, so that a
 * count from hostile bytes cannot make a small block. Keeps nothing of its own. Any thread. */
#include "common/memory.h"
#include <string.h>

void *memory_take(const kairos_host *host, size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes) || bytes == 0) return NULL;
  void *block = host->realloc(host, NULL, 0, bytes);
  if (block) memset(block, 0, bytes);
  return block;
}

void memory_give(const kairos_host *host, void *block, size_t count, size_t size) {
  if (block) host->realloc(host, block, count * size, 0);
}
