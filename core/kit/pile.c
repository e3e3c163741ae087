/* pile: one array of pointers, filled during a turn and emptied after its commit. Owns the array, never what lies in it; keeps the order.
 * Single-threaded: whoever holds it, as a rule a lane's flow. */
#include "kit/pile.h"
#include "kit/arena.h"
#include <string.h>

bool pile_push(struct pile *p, void *thing) {
  if (p->count == p->cap) {
    size_t cap = p->cap ? p->cap * 2 : 64;
    void **grown = kit_realloc(p->at, cap * sizeof *grown);
    if (!grown) return false;
    p->at = grown;
    p->cap = cap;
  }
  p->at[p->count++] = thing;
  return true;
}

size_t pile_take(struct pile *p, void **things, size_t most) {
  size_t taken = p->count < most ? p->count : most;
  if (taken == 0) return 0;
  memcpy(things, p->at, taken * sizeof *things);
  memmove(p->at, p->at + taken, (p->count - taken) * sizeof *things);
  p->count -= taken;
  return taken;
}

void pile_free(struct pile *p) {
  kit_free(p->at);
  *p = (struct pile){0};
}
