/* Building of the key tables (keys.h): at most a quarter full, so nearly every look-up ends with its first probe. [builder] */
#include "keys.h"

bool keys_build(struct keys *k, struct arena *a, const struct str *list, uint32_t count) {
  uint32_t size = 8;
  while (size < count * 4) size *= 2;
  *k = (struct keys){ARENA_ARRAY(a, struct key_slot, size), size - 1};
  if (!k->slots) return false;
  for (uint32_t n = 0; n < count; n++) {
    if (keys_find(k, list[n].at, list[n].len) != KEYS_NONE) continue;
    struct key_slot slot = {.at = list[n].len ? list[n].at : "", .len = (uint32_t)list[n].len, .number = n};
    keys_words(list[n].at, list[n].len, &slot.head, &slot.tail);
    uint32_t i = keys_hash(slot.head, slot.tail, slot.len) & k->mask;
    while (k->slots[i].at) i = (i + 1) & k->mask;
    k->slots[i] = slot;
  }
  return true;
}
