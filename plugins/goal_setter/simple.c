/* The two simple rules: a percentile of the last days (METHODS 4.2) and × 1.1 / × 0.9 (METHODS 4.3). Pure. [predict] */
#include "goal_setter.h"

static void sort(double *values, uint32_t count) {
  for (uint32_t i = 1; i < count; i++) {
    const double moved = values[i];
    uint32_t at = i;
    for (; at > 0 && values[at - 1] > moved; at--) values[at] = values[at - 1];
    values[at] = moved;
  }
}

double simple_percentile(double *values, uint32_t count, double share) {
  sort(values, count);
  const double rank = (double)(count + 1) * share;
  if (rank <= 1) return values[0];
  if (rank >= (double)count) return values[count - 1];
  const uint32_t below = (uint32_t)(rank + 1e-9); /* 10 × 0.6 must be 6 */
  const double part = rank - (double)below;
  return part > 1e-9 ? values[below - 1] + part * (values[below] - values[below - 1]) : values[below - 1];
}

double simple_factor(const unsigned char *hits, uint32_t count, bool symmetric) {
  uint32_t met = 0;
  if (count < FACTOR_WINDOW) return 1;
  for (uint32_t i = count - FACTOR_WINDOW; i < count; i++) met += hits[i] != 0;
  if (met * 5 >= FACTOR_WINDOW * 4) return 1.1;
  if (met * 5 <= FACTOR_WINDOW) return symmetric ? 1 / 1.1 : 0.9;
  return 1;
}
