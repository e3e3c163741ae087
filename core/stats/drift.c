/* Drift (METHODS 10.1): how far a sample lies from a reference, in bins (PSI, Jensen-Shannon) and as a whole (Kolmogorov-Smirnov,
 * Wasserstein). Promises bins that are the reference's deciles with duplicates merged, and a p for each distance, because under no drift a
 * PSI of .2 is nothing unusual for a hundred rows. Called by api's lifecycle and the training tool, on any thread. */
#include "stats.h"

#define PSI_FLOOR 1e-4
#define LN2       0.693147180559945309417232121458176568

void drift_edges(const double *sorted, size_t n, struct drift_bins *out) {
  out->edges = 0;
  for (int k = 1; k < DRIFT_BINS && n > 0; k++) {
    const double edge = quantile_sorted(sorted, n, (double)k / DRIFT_BINS, 7);
    if (out->edges == 0 || edge > out->edge[out->edges - 1]) out->edge[out->edges++] = edge;
  }
}

uint32_t drift_bin(const struct drift_bins *b, double x) {
  uint32_t i = 0;
  while (i < b->edges && x > b->edge[i]) i++;
  return i;
}

static double total_of(const double *counts, size_t bins) {
  double sum = 0;
  for (size_t i = 0; i < bins; i++) sum += counts[i];
  return sum;
}

double psi_of(const double *reference, const double *current, size_t bins) {
  const double n = total_of(reference, bins), m = total_of(current, bins);
  double sum = 0;
  if (!(n > 0) || !(m > 0)) return STATS_NONE;
  for (size_t i = 0; i < bins; i++) {
    double p = reference[i] / n, q = current[i] / m;
    if (p < PSI_FLOOR) p = PSI_FLOOR;
    if (q < PSI_FLOOR) q = PSI_FLOOR;
    sum += (q - p) * math_log(q / p);
  }
  return sum;
}

double psi_p(double psi, double n, double m, size_t bins) {
  if (stats_none(psi) || !(n > 0) || !(m > 0) || bins < 2) return STATS_NONE;
  return chi_square_tail(psi / (1 / n + 1 / m), (double)(bins - 1));
}

double js_distance(const double *reference, const double *current, size_t bins) {
  const double n = total_of(reference, bins) + .5 * (double)bins, m = total_of(current, bins) + .5 * (double)bins;
  double sum = 0;
  for (size_t i = 0; i < bins; i++) {
    const double p = (reference[i] + .5) / n, q = (current[i] + .5) / m, middle = (p + q) / 2;
    sum += (p * math_log(p / middle) + q * math_log(q / middle)) / (2 * LN2);
  }
  return math_sqrt(sum > 0 ? sum : 0);
}

/* ---- Kolmogorov and Smirnov; both samples ascending ---- */

double ks_distance(const double *x, size_t n, const double *y, size_t m) {
  size_t i = 0, k = 0;
  double most = 0;
  if (n == 0 || m == 0) return STATS_NONE;
  while (i < n && k < m) {
    const double at = x[i] < y[k] ? x[i] : y[k];
    while (i < n && x[i] <= at) i++;
    while (k < m && y[k] <= at) k++;
    const double off = (double)i / (double)n - (double)k / (double)m;
    if (off > most) most = off;
    if (-off > most) most = -off;
  }
  return most;
}

/* Of all ways to mix the two samples: the share of those that stay nearer than `d`, as lattice paths (Hodges). */
double ks_p_exact(double d, size_t n, size_t m) {
  double row[KS_EXACT_MOST + 1];
  if (n == 0 || m == 0 || n > KS_EXACT_MOST || m > KS_EXACT_MOST || stats_none(d)) return STATS_NONE;
  const double limit = d - 1e-12;
  for (size_t i = 0; i <= n; i++)
    for (size_t k = 0; k <= m; k++) {
      const double off = (double)i / (double)n - (double)k / (double)m;
      const bool inside = off < limit && -off < limit;
      /* Paths to (i, k) as a share of all paths there, so that nothing overflows. */
      const double all = (double)(i + k), from_left = k ? row[k - 1] * (double)k / all : 0;
      const double from_below = i ? row[k] * (double)i / all : 0;
      row[k] = !inside ? 0 : i + k == 0 ? 1 : from_left + from_below;
    }
  return 1 - row[m];
}

#define MARSAGLIA_MOST 48 /* order of the matrix */

static void multiply(const double *a, const double *b, double *out, size_t m) {
  for (size_t i = 0; i < m; i++)
    for (size_t k = 0; k < m; k++) {
      double sum = 0;
      for (size_t l = 0; l < m; l++) sum += a[i * m + l] * b[l * m + k];
      out[i * m + k] = sum;
    }
}

static void copy(double *to, const double *from, size_t count) {
  for (size_t i = 0; i < count; i++) to[i] = from[i];
}

/* P(D < d) of one sample of n, exactly: Marsaglia, Tsang and Wang 2003. The order 2k − 1 must be within bounds. */
static double kolmogorov_below(size_t n, double d) {
  double h[MARSAGLIA_MOST * MARSAGLIA_MOST], power[MARSAGLIA_MOST * MARSAGLIA_MOST], other[MARSAGLIA_MOST * MARSAGLIA_MOST];
  const size_t k = (size_t)((double)n * d) + 1, m = 2 * k - 1;
  const double rest = (double)k - (double)n * d;
  for (size_t i = 0; i < m; i++)
    for (size_t l = 0; l < m; l++) h[i * m + l] = i + 1 >= l ? 1 : 0;
  double left = rest;
  for (size_t i = 0; i < m; i++, left *= rest) {
    h[i * m] -= left;
    h[(m - 1) * m + (m - 1 - i)] -= left;
  }
  double twice = 2 * rest - 1, corner = 0;
  if (twice > 0) {
    corner = 1;
    for (size_t i = 0; i < m; i++) corner *= twice;
  }
  h[(m - 1) * m] += corner;
  for (size_t i = 0; i < m; i++)
    for (size_t l = 0; l < m; l++)
      for (size_t g = 1; i + 1 > l && g <= i - l + 1; g++) h[i * m + l] /= (double)g;
  for (size_t i = 0; i < m * m; i++) power[i] = i / m == i % m;
  for (size_t bits = n; bits; bits >>= 1) {
    if (bits & 1) {
      multiply(power, h, other, m);
      copy(power, other, m * m);
    }
    multiply(h, h, other, m);
    copy(h, other, m * m);
  }
  double s = power[(k - 1) * m + k - 1];
  for (size_t i = 1; i <= n; i++) s = s * (double)i / (double)n;
  return s;
}

static double kolmogorov_tail(double x) {
  double sum = 0;
  if (x < .2) return 1;
  for (int k = 1; k < 100; k++) {
    const double term = math_exp(-2 * (double)k * (double)k * x * x);
    sum += k & 1 ? term : -term;
    if (term < 1e-17) break;
  }
  return math_clamp(2 * sum, 0, 1);
}

double ks_p(double d, size_t n, size_t m) {
  if (n == 0 || m == 0 || stats_none(d)) return STATS_NONE;
  const double size = (double)n * (double)m / ((double)n + (double)m);
  const size_t whole = (size_t)(size + .5);
  if (whole > 0 && whole <= 140 && 2 * ((double)whole * d + 1) < MARSAGLIA_MOST && d < 1) return 1 - kolmogorov_below(whole, d);
  return kolmogorov_tail(math_sqrt(size) * d);
}

double wasserstein_distance(const double *x, size_t n, const double *y, size_t m) {
  size_t i = 0, k = 0;
  double sum = 0, before = 0;
  if (n == 0 || m == 0) return STATS_NONE;
  for (bool first = true; i < n || k < m; first = false) {
    const double at = k == m || (i < n && x[i] <= y[k]) ? x[i] : y[k];
    const double off = (double)i / (double)n - (double)k / (double)m;
    if (!first) sum += (off < 0 ? -off : off) * (at - before);
    before = at;
    while (i < n && x[i] <= at) i++;
    while (k < m && y[k] <= at) k++;
  }
  return sum;
}
