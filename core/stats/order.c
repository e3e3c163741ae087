/* Order and moments: sorting, quantiles of two named types, mean and variance. Promises a result that depends on the values alone, sums in
 * the order given. Does not reject non-finite input: those never reach a feature (METHODS 0.3). Called by compute, judge and reports, on
 * any thread. */
#include "stats.h"
#include <stdlib.h>

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

void stats_sort(double *x, size_t n) {
  if (n > 1) qsort(x, n, sizeof *x, ascending);
}

double quantile_sorted(const double *sorted, size_t n, double q, int type) {
  if (n == 0) return STATS_NONE;
  double at = type == 6 ? q * ((double)n + 1) - 1 : q * ((double)n - 1);
  at = math_clamp(at, 0, (double)n - 1);
  size_t low = (size_t)at;
  if (low + 1 >= n) return sorted[n - 1];
  return sorted[low] + (at - (double)low) * (sorted[low + 1] - sorted[low]);
}

double mean_of(const double *x, size_t n) {
  if (n == 0) return STATS_NONE;
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += x[i];
  return sum / (double)n;
}

double variance_of(const double *x, size_t n) {
  if (n < 2) return STATS_NONE;
  double mean = mean_of(x, n), sum = 0;
  for (size_t i = 0; i < n; i++) sum += (x[i] - mean) * (x[i] - mean);
  return sum / ((double)n - 1);
}
