/* Combining models (METHODS 2.5): weights by least squares under the bound that none is negative (Lawson and Hanson), pulled towards the
 * weights that were given while there is little to learn from. Promises weights that are finite, not negative, and sum to 1. Called by the
 * training tool, on any thread. */
#include "stats.h"

struct normal { /* A'A and A'y */
  double a[STACK_MOST][STACK_MOST], b[STACK_MOST];
  size_t count;
};

/* Solves for the columns whose bit is set by elimination with pivots; the others are 0. False: they depend on each other. */
static bool solve(const struct normal *n, uint32_t chosen, double x[STACK_MOST]) {
  double m[STACK_MOST][STACK_MOST + 1];
  size_t at[STACK_MOST], k = 0;
  for (size_t i = 0; i < n->count; i++) {
    x[i] = 0;
    if (chosen >> i & 1) at[k++] = i;
  }
  for (size_t r = 0; r < k; r++) {
    for (size_t c = 0; c < k; c++) m[r][c] = n->a[at[r]][at[c]];
    m[r][k] = n->b[at[r]];
  }
  for (size_t c = 0; c < k; c++) {
    size_t best = c;
    for (size_t r = c + 1; r < k; r++)
      if (m[r][c] * m[r][c] > m[best][c] * m[best][c]) best = r;
    if (m[best][c] * m[best][c] < 1e-24) return false;
    for (size_t j = c; j <= k; j++) {
      const double held = m[c][j];
      m[c][j] = m[best][j];
      m[best][j] = held;
    }
    for (size_t r = 0; r < k; r++) {
      const double factor = m[r][c] / m[c][c];
      for (size_t j = c; r != c && j <= k; j++) m[r][j] -= factor * m[c][j];
    }
  }
  for (size_t r = 0; r < k; r++) x[at[r]] = m[r][k] / m[r][r];
  return true;
}

/* The column outside whose weight would lower the sum of squares fastest; `count`: none would. */
static size_t steepest(const struct normal *n, uint32_t chosen, const double *x) {
  size_t best = n->count;
  double most = 1e-10;
  for (size_t i = 0; i < n->count; i++) {
    if (chosen >> i & 1) continue;
    double down = n->b[i];
    for (size_t j = 0; j < n->count; j++) down -= n->a[i][j] * x[j];
    if (down > most) most = down, best = i;
  }
  return best;
}

/* From x towards s as far as nobody becomes negative; who reaches 0 leaves. */
static void retreat(const struct normal *n, uint32_t *chosen, double *x, const double *s) {
  double share = 1;
  for (size_t i = 0; i < n->count; i++)
    if ((*chosen >> i & 1) && s[i] <= 0 && x[i] / (x[i] - s[i]) < share) share = x[i] / (x[i] - s[i]);
  for (size_t i = 0; i < n->count; i++) {
    x[i] += share * (s[i] - x[i]);
    if ((*chosen >> i & 1) && x[i] <= 1e-14) {
      x[i] = 0;
      *chosen &= ~(UINT32_C(1) << i);
    }
  }
}

bool least_squares_positive(const double *const *columns, size_t count, const double *y, size_t n, double *x) {
  struct normal normal = {.count = count};
  if (count == 0 || count > STACK_MOST || n == 0) return false;
  for (size_t i = 0; i < count; i++) {
    x[i] = 0;
    for (size_t r = 0; r < n; r++) normal.b[i] += columns[i][r] * y[r];
    for (size_t j = 0; j < count; j++)
      for (size_t r = 0; r < n; r++) normal.a[i][j] += columns[i][r] * columns[j][r];
  }
  uint32_t chosen = 0;
  for (size_t round = 0; round < 10 * STACK_MOST; round++) {
    const size_t next = steepest(&normal, chosen, x);
    if (next == count) return true;
    chosen |= UINT32_C(1) << next;
    for (bool inside = false; !inside;) {
      double s[STACK_MOST];
      if (!solve(&normal, chosen, s)) { /* it says what others say already */
        chosen &= ~(UINT32_C(1) << next);
        return true;
      }
      inside = true;
      for (size_t i = 0; i < count; i++) inside = inside && (!(chosen >> i & 1) || s[i] > 0);
      if (!inside) retreat(&normal, &chosen, x, s);
      else
        for (size_t i = 0; i < count; i++) x[i] = s[i];
    }
  }
  return true;
}

bool stack_weights(const double *const *columns, size_t count, const double *y, size_t n, const double *given, double *weights) {
  double sum = 0, total = 0;
  for (size_t i = 0; i < count; i++) total += given[i];
  if (count > STACK_MOST || !(total > 0)) return false;
  const bool learned = n >= STACK_ROWS && least_squares_positive(columns, count, y, n, weights);
  for (size_t i = 0; learned && i < count; i++) sum += weights[i];
  for (size_t i = 0; i < count; i++) {
    const double prior = given[i] / total;
    weights[i] = sum > 0 ? ((double)n * weights[i] / sum + STACK_ROWS * prior) / ((double)n + STACK_ROWS) : prior;
  }
  return sum > 0;
}

double combine_weighted(const double *parts, const double *weights, size_t count, double *apart) {
  double sum = 0, total = 0, low = 2, high = -1;
  for (size_t i = 0; i < count; i++) {
    if (stats_none(parts[i]) || !(weights[i] > 0)) continue;
    const double p = math_clamp(parts[i], 0, 1);
    sum += weights[i] * p;
    total += weights[i];
    low = p < low ? p : low;
    high = p > high ? p : high;
  }
  if (apart) *apart = total > 0 ? high - low : STATS_NONE;
  return total > 0 ? math_clamp(sum / total, 0, 1) : STATS_NONE;
}
