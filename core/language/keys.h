/* A fixed table from key bytes to a number, private to language/: the keys of an event's objects are looked up in it, one probe each.
 * Immutable once built, so any thread reads it; nothing depends on its order. */
#pragma once
#include "kit/arena.h"
#include "kit/str.h"
#include <string.h>

#define KEYS_NONE UINT32_MAX

struct key_slot {
  const char *at; /* NULL: free */
  uint32_t len, number;
};
struct keys {
  struct key_slot *slots;
  uint32_t mask; /* slots − 1; a zeroed table holds nothing */
};

/* Adds nothing for a key that is already there: the first one's number stays. */
bool keys_build(struct keys *k, struct arena *a, const struct str *list, uint32_t count);

static inline uint64_t keys_load(const char *at, size_t len) {
  uint64_t word = 0;
  memcpy(&word, at, len < 8 ? len : 8);
  return word;
}
/* First and last eight bytes and the length: property names differ there. */
static inline uint32_t keys_hash(const char *at, size_t len) {
  uint64_t head = keys_load(at, len), tail = len > 8 ? keys_load(at + len - 8, 8) : 0;
  uint64_t h = (head ^ (tail * UINT64_C(0x9E3779B97F4A7C15)) ^ len) * UINT64_C(0xD6E8FEB86659FD93);
  return (uint32_t)(h >> 32);
}
static inline uint32_t keys_find(const struct keys *k, const char *at, size_t len) {
  if (!k->slots) return KEYS_NONE;
  for (uint32_t i = keys_hash(at, len) & k->mask;; i = (i + 1) & k->mask) {
    const struct key_slot *slot = &k->slots[i];
    if (!slot->at) return KEYS_NONE;
    if (slot->len == len && memcmp(slot->at, at, len) == 0) return slot->number;
  }
}
