/* Pile: a growing list of pointers that is filled by one and emptied by another function of the same thread, first in first out. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct pile {
  void **at;
  size_t count, cap;
};
bool pile_push(struct pile *p, void *thing); /* false when memory failed; the pile is unchanged */
size_t pile_take(struct pile *p, void **things, size_t most);
void pile_free(struct pile *p);
