/* anytime: one-sided bounds of means, differences and lifts that hold at all times together, so that somebody who looks each second is
 * wrong no more often than somebody who looks once: the asymptotic confidence sequence of Waudby-Smith et al., one-sided, with
 * Bessel-corrected variances and independent samples, or with an error that was worked out over clusters. Asymptotic: below ANYTIME_LEAST a
 * sample bounds nothing, nor do samples without any variance, and the answer is none. Pure; any thread. */
#include "stats.h"

#define TIGHTEST 5000.0 /* observations at which the bound is nearest to the estimate */

static double bets_at(double alpha) {
  const double bets = -2 * math_log(alpha);
  return math_sqrt((bets + math_log(bets + 1)) / TIGHTEST);
}

/* Half the width from the estimate to its one-sided bound: `square` is the squared standard error, n all observations behind it. */
double anytime_width(double square, double n, double alpha) {
  const double rho = bets_at(2 * alpha), grown = n * rho * rho + 1;
  return math_sqrt(square * n * 2 * grown / (n * rho * n * rho) * math_log(1 + math_sqrt(grown) / (2 * alpha)));
}

static struct bounded nothing(void) {
  return (struct bounded){STATS_NONE, STATS_NONE, STATS_NONE, STATS_NONE};
}

/* The inverse of the largest that a bettor on both sides can have become. */
static double always_p(double estimate, double square, double n, double alpha) {
  const double rho = bets_at(alpha), grown = n * rho * rho + 1;
  const double log_p = math_log(grown) / 2 - rho * rho * n * estimate * estimate / (2 * square * grown);
  return log_p < 0 ? math_exp(log_p) : 1;
}

static struct bounded bounded(double estimate, double square, double n, double alpha) {
  if (!(square > 0)) return nothing();
  const double half = anytime_width(square, n, alpha);
  return (struct bounded){estimate, estimate - half, estimate + half, always_p(estimate, square, n, alpha)};
}

static bool is_enough(const struct moments *s) {
  return s->n >= ANYTIME_LEAST && (s->clusters <= 0 || s->clusters >= ANYTIME_LEAST);
}

struct bounded anytime_mean(const struct moments *s, double alpha) {
  return is_enough(s) ? bounded(s->mean, s->variance / s->n, s->n, alpha) : nothing();
}

struct bounded anytime_difference(const struct moments *a, const struct moments *b, double alpha) {
  return anytime_apart(a, b, a->variance / a->n + b->variance / b->n, alpha);
}

struct bounded anytime_apart(const struct moments *a, const struct moments *b, double square, double alpha) {
  return is_enough(a) && is_enough(b) ? bounded(b->mean - a->mean, square, a->n + b->n, alpha) : nothing();
}

struct bounded anytime_lift(const struct moments *a, const struct moments *b, double alpha) {
  if (!is_enough(a) || !is_enough(b) || a->mean == 0) return nothing();
  const double base = a->mean < 0 ? -a->mean : a->mean, square = a->mean * a->mean;
  return bounded((b->mean - a->mean) / base, b->variance / b->n / square + a->variance / a->n * b->mean * b->mean / (square * square),
                 a->n + b->n, alpha);
}

struct moments moments_of(const double *x, size_t n) {
  return (struct moments){(double)n, mean_of(x, n), n > 1 ? variance_of(x, n) : 0, 0};
}

/* ---- shares ---- */

/* Lindon and Malek: a Dirichlet distribution around the weights beside the weights themselves. */
double ratio_evidence(const double *counts, const double *weights, size_t cells, double concentration) {
  double n = 0, all = 0, sum = 0;
  for (size_t i = 0; i < cells; i++) {
    const double a = concentration * weights[i];
    n += counts[i];
    all += a;
    sum += log_gamma(a + counts[i]) - log_gamma(a) - counts[i] * math_log(weights[i]);
  }
  return log_gamma(all) - log_gamma(all + n) + sum;
}

/* The mean of two such factors is one too: the wide one sees at once what is far off, the narrow one in the end what is a little off. */
double ratio_always_p(const double *counts, const double *weights, size_t cells) {
  double n = 0;
  for (size_t i = 0; i < cells; i++) n += counts[i];
  for (size_t i = 0; i < cells; i++)
    if (!(weights[i] > 0) || n * weights[i] < CELL_LEAST) return STATS_NONE;
  if (cells < 2) return STATS_NONE;
  const double wide = ratio_evidence(counts, weights, cells, 100), narrow = ratio_evidence(counts, weights, cells, 10000);
  const double larger = wide > narrow ? wide : narrow;
  const double log_p = math_log(2) - larger - math_log(math_exp(wide - larger) + math_exp(narrow - larger));
  return log_p < 0 ? math_exp(log_p) : 1;
}
