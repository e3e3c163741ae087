/* Map: open addressing from a 64-bit key (already a hash) to a pointer-sized value. Iteration order is the table's: never let output depend
 * on it. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_slot {
  uint64_t key;
  uint64_t value;
};
struct map {
  struct map_slot *slots;
  unsigned char *used; /* 0 free, 1 taken, 2 was taken */
  size_t count, cap, dead;
};
bool map_get(const struct map *m, uint64_t key, uint64_t *value);
void map_warm(const struct map *m, uint64_t key);          /* asks for the memory that looking for `key` reads first */
bool map_set(struct map *m, uint64_t key, uint64_t value); /* false when memory failed; the map is unchanged */
bool map_remove(struct map *m, uint64_t key);
void map_free(struct map *m);
bool map_next(const struct map *m, size_t *cursor, struct map_slot *out); /* cursor starts at 0 */
