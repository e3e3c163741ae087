/* health: how a program fares, counted over all lanes for whoever watches over it. Promises that one person's rows, however often they
 * fail, prove nothing about a program that serves others: of those that failed nobody's count for more than a quarter, or three. What
 * counts no more is left out as if it had never been asked. A small table remembers who failed how often; where two people meet in a place
 * the newer one begins anew, so that many may fail with nothing forgotten that matters. Words are counted without a lock; a lost race
 * counts one row more or less. Lanes write, the main thread reads. */
#include "health.h"
#include "program/program.h"

#define PLACES      1024
#define ROWS_LEAST  3 /* of one person: ten that failed are four people's */
#define SHARE_LEAST 4

struct failing {
  struct {
    uint64_t who, rows;
  } at[PLACES];
};

struct failing *failing_new(struct arena *a) {
  return ARENA_NEW(a, struct failing);
}

void program_note(const struct program *p, const struct program_health *more) {
  const uint64_t *from = (const uint64_t *)more;
  for (size_t k = 0; k < sizeof *more / sizeof *from; k++)
    if (from[k]) __atomic_fetch_add(&((uint64_t *)p->health)[k], from[k], __ATOMIC_RELAXED);
}

struct program_health program_health(const struct program *p) {
  struct program_health view;
  uint64_t *to = (uint64_t *)&view;
  for (size_t k = 0; k < sizeof view / sizeof *to; k++) to[k] = __atomic_load_n(&((const uint64_t *)p->health)[k], __ATOMIC_RELAXED);
  return view;
}

void program_note_failed(const struct program *p, uint64_t who) {
  uint64_t *whose = &p->failing->at[(who >> 1) % PLACES].who, *rows = &p->failing->at[(who >> 1) % PLACES].rows;
  const uint64_t all = __atomic_load_n(&p->health->rows_failed, __ATOMIC_RELAXED) + 1;
  if (__atomic_exchange_n(whose, who, __ATOMIC_RELAXED) != who) __atomic_store_n(rows, 0, __ATOMIC_RELAXED);
  const uint64_t so_far = __atomic_load_n(rows, __ATOMIC_RELAXED);
  if (so_far >= ROWS_LEAST && so_far >= all / SHARE_LEAST) return;
  __atomic_fetch_add(rows, 1, __ATOMIC_RELAXED);
  program_note(p, &(struct program_health){.rows = 1, .rows_failed = 1});
}
