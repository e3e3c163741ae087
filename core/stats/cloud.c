/* Clouds: where rows of numbers lie, as their means, their deviations and how they go together; and how far a row lies outside
 * (Mahalanobis). Promises an end for numbers that never vary or always go together, because a little is added to each one's own variance,
 * and that what is missing in a row (NaN) counts as the mean. Called by compute, on any thread. */
#include "stats.h"

#define CLOUD_RIDGE 1e-3 /* of a variance of 1: two inputs that say the same are one, and not a direction in which nothing may differ */

static double place(const struct cloud *c, const double *row, size_t i) {
  return stats_none(row[i]) ? 0 : (row[i] - c->mean[i]) / c->scale[i];
}

static void measure(const struct cloud *c, const double *rows, size_t n) {
  for (size_t i = 0; i < c->count; i++) {
    double sum = 0, squares = 0, there = 0;
    for (size_t r = 0; r < n; r++)
      if (!stats_none(rows[r * c->count + i])) sum += rows[r * c->count + i], there++;
    c->mean[i] = there > 0 ? sum / there : 0;
    for (size_t r = 0; r < n; r++)
      if (!stats_none(rows[r * c->count + i])) squares += (rows[r * c->count + i] - c->mean[i]) * (rows[r * c->count + i] - c->mean[i]);
    const double deviation = there > 0 ? math_sqrt(squares / there) : 0;
    c->scale[i] = deviation > 1e-12 ? deviation : 1;
  }
}

bool cloud_fit(const struct cloud *c, const double *rows, size_t n) {
  const size_t k = c->count;
  if (n == 0) return false;
  measure(c, rows, n);
  for (size_t i = 0; i < k * (k + 1) / 2; i++) c->lower[i] = 0;
  for (size_t r = 0; r < n; r++)
    for (size_t i = 0, at = 0; i < k; i++) {
      const double zi = place(c, rows + r * k, i);
      for (size_t j = 0; j <= i; j++) c->lower[at++] += zi * place(c, rows + r * k, j);
    }
  for (size_t i = 0, at = 0; i < k; i++)
    for (size_t j = 0; j <= i; j++, at++) c->lower[at] = c->lower[at] / (double)n + (i == j ? CLOUD_RIDGE : 0);
  for (size_t i = 0; i < k; i++) { /* Cholesky in place */
    double *row = c->lower + i * (i + 1) / 2;
    for (size_t j = 0; j <= i; j++) {
      const double *other = c->lower + j * (j + 1) / 2;
      double sum = row[j];
      for (size_t m = 0; m < j; m++) sum -= row[m] * other[m];
      if (i == j && !(sum > 0)) return false;
      row[j] = i == j ? math_sqrt(sum) : sum / other[j];
    }
  }
  return true;
}

double cloud_distance(const struct cloud *c, const double *row, double *scratch) {
  double sum = 0;
  for (size_t i = 0; i < c->count; i++) {
    const double *line = c->lower + i * (i + 1) / 2;
    scratch[i] = place(c, row, i);
    for (size_t m = 0; m < i; m++) scratch[i] -= line[m] * scratch[m];
    scratch[i] /= line[i];
    sum += scratch[i] * scratch[i];
  }
  return math_sqrt(sum);
}
