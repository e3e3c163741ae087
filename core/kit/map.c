/* Map: open addressing with linear probing over one block of memory. Promises that a failed allocation leaves the map as it was, and that
 * removing during a walk with map_next is safe (setting is not). Does not own what values point to. Called by every room; a map belongs to
 * one thread at a time. */
#include "kit/map.h"
#include "kit/arena.h"
#include <string.h>

enum { SLOT_FREE, SLOT_TAKEN, SLOT_DEAD };

/* Keys are hashes already, but a caller's running numbers should not cluster either. */
static size_t slot_of(const struct map *m, uint64_t key) {
  return (size_t)((key * UINT64_C(0x9E3779B97F4A7C15)) >> 32 ^ key) & (m->cap - 1);
}

/* The key's slot, or m->cap. */
static size_t slot_find(const struct map *m, uint64_t key) {
  if (m->count == 0) return m->cap;
  for (size_t at = slot_of(m, key); m->used[at] != SLOT_FREE; at = (at + 1) & (m->cap - 1)) {
    if (m->used[at] == SLOT_TAKEN && m->slots[at].key == key) return at;
  }
  return m->cap;
}

bool map_get(const struct map *m, uint64_t key, uint64_t *value) {
  size_t at = slot_find(m, key);
  if (at == m->cap) return false;
  *value = m->slots[at].value;
  return true;
}

void map_warm(const struct map *m, uint64_t key) {
  if (m->count == 0) return;
  const size_t at = slot_of(m, key);
  __builtin_prefetch(&m->used[at]);
  __builtin_prefetch(&m->slots[at]);
}

static void slot_put(struct map *m, uint64_t key, uint64_t value) {
  size_t at = slot_of(m, key);
  while (m->used[at] == SLOT_TAKEN) at = (at + 1) & (m->cap - 1);
  if (m->used[at] == SLOT_DEAD) m->dead--;
  m->used[at] = SLOT_TAKEN;
  m->slots[at] = (struct map_slot){.key = key, .value = value};
  m->count++;
}

/* A new table with room for twice what lives; this also sweeps out the dead. */
static bool map_grow(struct map *m) {
  size_t cap = 16;
  while (cap < (m->count + 1) * 2) cap *= 2;
  struct map_slot *slots = kit_alloc(cap * (sizeof *slots + 1));
  if (!slots) return false;
  struct map grown = {.slots = slots, .used = (unsigned char *)(slots + cap), .cap = cap};
  memset(grown.used, SLOT_FREE, cap);
  for (size_t at = 0; at < m->cap; at++) {
    if (m->used[at] == SLOT_TAKEN) slot_put(&grown, m->slots[at].key, m->slots[at].value);
  }
  kit_free(m->slots);
  *m = grown;
  return true;
}

bool map_set(struct map *m, uint64_t key, uint64_t value) {
  size_t at = slot_find(m, key);
  if (at != m->cap) {
    m->slots[at].value = value;
    return true;
  }
  if ((m->count + m->dead + 1) * 4 > m->cap * 3 && !map_grow(m)) return false;
  slot_put(m, key, value);
  return true;
}

bool map_remove(struct map *m, uint64_t key) {
  size_t at = slot_find(m, key);
  if (at == m->cap) return false;
  bool last_of_run = m->used[(at + 1) & (m->cap - 1)] == SLOT_FREE;
  m->used[at] = last_of_run ? SLOT_FREE : SLOT_DEAD;
  m->dead += !last_of_run;
  m->count--;
  return true;
}

void map_free(struct map *m) {
  kit_free(m->slots);
  *m = (struct map){0};
}

bool map_next(const struct map *m, size_t *cursor, struct map_slot *out) {
  while (*cursor < m->cap) {
    size_t at = (*cursor)++;
    if (m->used[at] != SLOT_TAKEN) continue;
    *out = m->slots[at];
    return true;
  }
  return false;
}
