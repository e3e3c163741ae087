/* effects: what came of people who were let in, or drawn into an arm, beside the others. Promises that everybody counts once, in the group
 * of their first exposure whatever they did later, with what happened in the time of the metric after it and nothing before; that whose
 * time is not over is left out; and that sums are made in the order of partitions and of first exposures, so that the same journal gives
 * the same bits. Memory grows with the people exposed. Knows no journal and no program; fed by whoever reads one, one thread. */
#include "effects.h"
#include "kit/clock.h"
#include "kit/map.h"
#include "stats/stats.h"
#include <string.h>

struct exposed {
  int64_t at;
  struct aftermath after;
  uint32_t arm;
};
struct group {
  struct exposed *people; /* in order of first exposure */
  uint32_t count, cap;
  struct map places; /* user → place */
};
struct effects {
  struct effects_terms terms;
  struct group groups[BOOK_PARTITIONS];
};

struct effects *effects_new(const struct effects_terms *terms) {
  struct effects *e = kit_alloc(sizeof *e);
  if (!e) return NULL;
  memset(e, 0, sizeof *e);
  e->terms = *terms;
  return e;
}

void effects_begin(struct effects *e, uint32_t partition) {
  struct group *g = &e->groups[partition];
  kit_free(g->people);
  map_free(&g->places);
  *g = (struct group){0};
}

void effects_free(struct effects *e) {
  for (uint32_t p = 0; e && p < BOOK_PARTITIONS; p++) effects_begin(e, p);
  kit_free(e);
}

bool effects_expose(struct effects *e, uint32_t partition, uint64_t user, int64_t at, uint32_t arm) {
  struct group *g = &e->groups[partition];
  uint64_t place;
  if (arm >= EFFECT_ARMS || map_get(&g->places, user, &place)) return true;
  if (g->count == g->cap) {
    const uint32_t cap = g->cap ? g->cap * 2 : 64;
    struct exposed *grown = kit_realloc(g->people, cap * sizeof *grown);
    if (!grown) return false;
    g->people = grown;
    g->cap = cap;
  }
  if (!map_set(&g->places, user, g->count)) return false;
  g->people[g->count++] = (struct exposed){.at = at, .arm = arm};
  return true;
}

void effects_event(struct effects *e, uint32_t partition, uint64_t user, int64_t at, bool of, double number, bool over) {
  struct group *g = &e->groups[partition];
  uint64_t place;
  if (!map_get(&g->places, user, &place)) return;
  struct exposed *one = &g->people[place];
  if (at <= one->at || at > one->at + e->terms.within) return;
  aftermath_add(&one->after, of, number, over);
}

void aftermath_add(struct aftermath *a, bool of, double number, bool over) {
  if (of) {
    a->of++;
    a->sum += number;
  }
  a->over += over;
}

double aftermath_outcome(const struct aftermath *a, enum measure_kind kind) {
  switch (kind) {
  case MEASURE_HAPPENED: return a->of > 0;
  case MEASURE_COUNT: return a->of;
  case MEASURE_SUM: return a->sum;
  case MEASURE_MEAN: return a->of > 0 ? a->sum / a->of : STATS_NONE;
  default: return a->over > 0 ? a->of / a->over : STATS_NONE;
  }
}

struct running { /* Welford */
  double n, mean, squares;
};

void effects_sum(const struct effects *e, int64_t now, struct moments out[EFFECT_ARMS]) {
  struct running arms[EFFECT_ARMS] = {{0}};
  for (uint32_t p = 0; p < BOOK_PARTITIONS; p++)
    for (uint32_t i = 0; i < e->groups[p].count; i++) {
      const struct exposed *one = &e->groups[p].people[i];
      const double x = aftermath_outcome(&one->after, e->terms.kind);
      if (one->at + e->terms.within >= now || stats_none(x)) continue;
      struct running *r = &arms[one->arm];
      const double apart = x - r->mean;
      r->n++;
      r->mean += apart / r->n;
      r->squares += apart * (x - r->mean);
    }
  for (uint32_t k = 0; k < EFFECT_ARMS; k++) {
    const struct running *r = &arms[k];
    out[k] = (struct moments){r->n, r->n > 0 ? r->mean : STATS_NONE, r->n > 1 ? r->squares / (r->n - 1) : 0, 0};
    if (e->terms.kind == MEASURE_HAPPENED && r->n > 1 && !(r->squares > 0)) out[k].variance = settled_variance(r->mean, r->n);
  }
}

int64_t draws_silent_since(int64_t last, int64_t watched, int64_t now) {
  const int64_t since = last ? last : watched;
  return now - since >= CLOCK_DAY ? since : 0;
}
