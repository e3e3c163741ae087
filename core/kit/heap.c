/* heap: a binary heap in one array. Single-threaded; who lets an entry go stale checks it when it comes out. */
#include "kit/heap.h"
#include "kit/arena.h"

static bool before(const struct heap_entry *a, const struct heap_entry *b) {
  return a->at != b->at ? a->at < b->at : a->number < b->number;
}

static void swap(struct heap_entry *a, struct heap_entry *b) {
  struct heap_entry kept = *a;
  *a = *b;
  *b = kept;
}

bool heap_push(struct heap *h, int64_t at, int64_t number) {
  if (h->count == h->cap) {
    size_t cap = h->cap ? h->cap * 2 : 64;
    struct heap_entry *grown = kit_realloc(h->at, cap * sizeof *grown);
    if (!grown) return false;
    h->at = grown;
    h->cap = cap;
  }
  size_t i = h->count++;
  h->at[i] = (struct heap_entry){at, number};
  for (; i > 0 && before(&h->at[i], &h->at[(i - 1) / 2]); i = (i - 1) / 2) swap(&h->at[i], &h->at[(i - 1) / 2]);
  return true;
}

bool heap_pop(struct heap *h, int64_t until, struct heap_entry *out) {
  if (h->count == 0 || h->at[0].at > until) return false;
  *out = h->at[0];
  h->at[0] = h->at[--h->count];
  for (size_t i = 0;;) {
    size_t least = i, left = 2 * i + 1;
    if (left < h->count && before(&h->at[left], &h->at[least])) least = left;
    if (left + 1 < h->count && before(&h->at[left + 1], &h->at[least])) least = left + 1;
    if (least == i) return true;
    swap(&h->at[i], &h->at[least]);
    i = least;
  }
}

int64_t heap_next(const struct heap *h) {
  return h->count ? h->at[0].at : INT64_MAX;
}

void heap_free(struct heap *h) {
  kit_free(h->at);
  *h = (struct heap){0};
}
