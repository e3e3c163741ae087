/* Prediction sets that follow people who change (Gibbs and Candès): the level moves with each outcome, a little up when the set held what
 * came, more down when it did not, and the set is cut at that level among the newest scores. Promises that what it says follows from the
 * order of the outcomes alone, and nothing before ADAPTIVE_LEAST of them. Called by judge, one thread at a time. */
#include "stats.h"
#include <string.h>

double adaptive_level(const struct adaptive *a) {
  return ADAPTIVE_TARGET + a->shift;
}

double adaptive_quantile(const struct adaptive *a) {
  return a->count < ADAPTIVE_LEAST ? STATS_NONE : conformal_quantile(a->sorted, a->count, adaptive_level(a));
}

/* The first place in `sorted` whose score is not below. */
static size_t place_of(const struct adaptive *a, double score) {
  size_t low = 0, high = a->count;
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (a->sorted[middle] < score) low = middle + 1;
    else high = middle;
  }
  return low;
}

bool adaptive_add(struct adaptive *a, double score) {
  const double quantile = adaptive_quantile(a);
  const bool missed = !stats_none(quantile) && score > quantile;
  if (!stats_none(quantile)) {
    a->shift = conformal_adapt(adaptive_level(a), ADAPTIVE_TARGET, ADAPTIVE_GAIN, missed) - ADAPTIVE_TARGET;
    a->asked++;
    a->held += !missed;
  }
  if (a->count == ADAPTIVE_MOST) {
    const size_t oldest = place_of(a, a->recent[a->next]);
    memmove(a->sorted + oldest, a->sorted + oldest + 1, (--a->count - oldest) * sizeof *a->sorted);
  }
  const size_t at = place_of(a, score);
  memmove(a->sorted + at + 1, a->sorted + at, (a->count++ - at) * sizeof *a->sorted);
  a->sorted[at] = score;
  a->recent[a->next] = score;
  a->next = (a->next + 1) % ADAPTIVE_MOST;
  return missed;
}
