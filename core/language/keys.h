/* A fixed table from key bytes to a number, private to language/: the keys of an event's objects are looked up in it, one probe each.
 * A key's first and last eight bytes stand in the slot, so names of up to sixteen bytes are compared without touching other memory.
 * Immutable once built, so any thread reads it; nothing depends on its order. */
#pragma once
#include "kit/arena.h"
#include "kit/str.h"
#include <string.h>

#define KEYS_NONE UINT32_MAX

struct key_slot {
  uint64_t head, tail;
  const char *at; /* NULL: free */
  uint32_t len, number;
};
struct keys {
  struct key_slot *slots;
  uint32_t mask; /* slots − 1; a zeroed table holds nothing */
};

/* Adds nothing for a key that is already there: the first one's number stays. */
bool keys_build(struct keys *k, struct arena *a, const struct str *list, uint32_t count);

/* Of a short key the loads overlap: every byte is in one of them, and nothing beyond the key is read. */
static inline void keys_words(const char *at, size_t len, uint64_t *head, uint64_t *tail) {
  uint32_t first = 0, last = 0;
  if (len >= 8) {
    memcpy(head, at, 8);
    memcpy(tail, at + len - 8, 8);
  } else if (len >= 4) {
    memcpy(&first, at, 4);
    memcpy(&last, at + len - 4, 4);
    *head = first;
    *tail = last;
  } else {
    for (size_t i = 0; i < len; i++) first = first << 8 | (unsigned char)at[i];
    *head = first;
    *tail = 0;
  }
}
static inline uint32_t keys_hash(uint64_t head, uint64_t tail, size_t len) {
  uint64_t h = (head ^ (tail * UINT64_C(0x9E3779B97F4A7C15)) ^ len) * UINT64_C(0xD6E8FEB86659FD93);
  return (uint32_t)(h >> 32);
}
static inline uint32_t keys_find(const struct keys *k, const char *at, size_t len) {
  if (!k->slots) return KEYS_NONE;
  uint64_t head, tail;
  keys_words(at, len, &head, &tail);
  for (uint32_t i = keys_hash(head, tail, len) & k->mask;; i = (i + 1) & k->mask) {
    const struct key_slot *slot = &k->slots[i];
    if (!slot->at) return KEYS_NONE;
    if (slot->head == head && slot->tail == tail && slot->len == len && (len <= 16 || memcmp(slot->at, at, len) == 0)) return slot->number;
  }
}
