/* Circular statistics of times of the day (METHODS 1.2): mean direction, resultant length, spread, and Rayleigh's test against times that
 * are spread evenly. Promises that midnight is no edge. Does not know time zones: hours are the user's local wall clock already. Called by
 * compute for patterns and habit strength, on any thread. */
#include "stats.h"

double circular_resultant(double cosines, double sines, double weight) {
  double r = math_sqrt(cosines * cosines + sines * sines) / weight;
  return r > 1 ? 1 : r;
}

static void circular_finish(struct circular *out) {
  double n = (double)out->n, r = math_sqrt(out->c * out->c + out->s * out->s);
  if (r > 1) r = 1;
  if (out->n == 1) r = 1;
  out->resultant = r;
  out->variance = 1 - r;
  out->mean_hour = out->sd_hours = STATS_NONE;
  if (r >= 1e-12) {
    double angle = math_atan2(out->s, out->c);
    if (angle < 0) angle += 2 * STATS_PI;
    out->mean_hour = angle * 24 / (2 * STATS_PI);
    out->sd_hours = r < 1 ? math_sqrt(-2 * math_log(r)) * 24 / (2 * STATS_PI) : 0;
  }
  out->resultant2_fair = out->n > 1 ? (n * r * r - 1) / (n - 1) : STATS_NONE;
  out->rayleigh_z = n * r * r;
  double inner = 1 + 4 * n + 4 * (n * n - n * r * (n * r));
  double p = math_exp(math_sqrt(inner) - (1 + 2 * n));
  out->rayleigh_p = p > 1 ? 1 : p;
}

bool circular_sums(double cosines, double sines, double weight, size_t n, struct circular *out) {
  *out = (struct circular){.n = n};
  if (n == 0 || !(weight > 0)) return false;
  out->c = cosines / weight;
  out->s = sines / weight;
  circular_finish(out);
  return true;
}

static bool circular_harmonic(const double *hours, const double *weights, size_t n, double harmonic, struct circular *out) {
  double c = 0, s = 0, total = 0;
  for (size_t i = 0; i < n; i++) {
    double w = weights ? weights[i] : 1, angle = harmonic * 2 * STATS_PI * hours[i] / 24;
    c += w * math_cos(angle);
    s += w * math_sin(angle);
    total += w;
  }
  return circular_sums(c, s, total, n, out);
}

bool circular_hours(const double *hours, const double *weights, size_t n, struct circular *out) {
  return circular_harmonic(hours, weights, n, 1, out);
}

double circular_regularity(const double *hours, size_t n) {
  struct circular one, two;
  if (!circular_harmonic(hours, NULL, n, 1, &one) || !circular_harmonic(hours, NULL, n, 2, &two)) return STATS_NONE;
  return one.resultant > two.resultant ? one.resultant : two.resultant;
}
