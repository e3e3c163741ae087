/* Heap: pairs of a time and a number, earliest time first, ties by number. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_entry {
  int64_t at, number;
};
struct heap {
  struct heap_entry *at;
  size_t count, cap;
};
bool heap_push(struct heap *h, int64_t at, int64_t number);           /* false when memory failed; the heap is unchanged */
bool heap_pop(struct heap *h, int64_t until, struct heap_entry *out); /* the earliest, when it is not after `until` */
int64_t heap_next(const struct heap *h);                              /* INT64_MAX when empty */
void heap_free(struct heap *h);
