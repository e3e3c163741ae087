/* Distributions (METHODS 0.2): the normal's cdf and its inverse, log gamma, the incomplete gamma function and with it chi-square tails and
 * the sample-ratio test. Promises relative errors near 1e-13 in the ranges that statistics use, tails included (they are computed as
 * themselves, not as 1 minus the rest). Called by judge and tests, on any thread. */
#include "stats.h"

#define HALF_LOG_TWO_PI 0.918938533204672741780329736405617640
#define STIRLING_FROM   8
#define ENOUGH          500 /* terms; every series here ends far earlier for the arguments it is used for */
#define TINY            1e-300

/* exp(-x²/2) with x² split, so that the rounding of the square does not grow with x. */
static double exp_minus_half_square(double x) {
  double high = (double)(int64_t)(x * 16) / 16, rest = (x - high) * (x + high);
  return math_exp(-high * high / 2) * math_exp(-rest / 2);
}

/* Upper tail of the normal for z >= 0. */
static double normal_upper(double z) {
  if (z > 39) return 0;
  double density = exp_minus_half_square(z) / math_sqrt(2 * STATS_PI);
  if (z < 2) { /* 1/2 - density (z + z³/3 + z⁵/15 + …) */
    double term = z, sum = z;
    for (int k = 3; k < ENOUGH && term > sum * 1e-17; k += 2) {
      term *= z * z / k;
      sum += term;
    }
    return 0.5 - density * sum;
  }
  double b = z, d = 1 / b, c = 1 / TINY, h = d; /* Lentz: 1/(z + 1/(z + 2/(z + 3/(z + …)))) */
  for (int k = 1; k < ENOUGH; k++) {
    d = 1 / (z + k * d);
    c = z + k / c;
    double factor = c * d;
    h *= factor;
    double off = factor - 1;
    if (off < 1e-16 && off > -1e-16) break;
  }
  return density * h;
}

double normal_cdf(double z) {
  if (stats_none(z)) return z;
  return z < 0 ? normal_upper(-z) : 1 - normal_upper(z);
}

/* A start by Acklam's rational approximation would do; a bracketed Newton on the tail itself needs none of its constants. Works on the
 * lower tail p <= 1/2, where the cdf keeps its relative accuracy. */
static double normal_quantile_lower(double p) {
  double z = p > 0.1 ? -(0.5 - p) * math_sqrt(2 * STATS_PI) : -math_sqrt(-2 * math_log(p));
  double low = -39, high = 0;
  for (int i = 0; i < 100; i++) {
    double cdf = normal_upper(-z), density = exp_minus_half_square(z) / math_sqrt(2 * STATS_PI);
    if (cdf < p) low = z;
    else high = z;
    double ratio = (cdf - p) / density; /* Halley: the second derivative of the cdf is -z times the density */
    double next = z - ratio / (1 + z * ratio / 2);
    if (!(next >= low && next <= high)) next = (low + high) / 2;
    double moved = next - z;
    z = next;
    if (moved * moved <= z * z * 1e-32) break;
  }
  return z;
}

double normal_quantile(double p) {
  if (!(p >= 0 && p <= 1)) return STATS_NONE;
  if (p == 0) return -__builtin_inf();
  if (p == 1) return __builtin_inf();
  if (p == 0.5) return 0;
  return p < 0.5 ? normal_quantile_lower(p) : -normal_quantile_lower(1 - p);
}

/* What Stirling's formula leaves of log gamma(x); exact to a double from 8 on. */
static double stirling_rest(double x) {
  static const double bernoulli[] = {1.0 / 12,   -1.0 / 360,      1.0 / 1260, -1.0 / 1680,
                                     1.0 / 1188, -691.0 / 360360, 1.0 / 156,  -3617.0 / 122400};
  double square = x * x, power = x, series = 0;
  for (size_t i = 0; i < sizeof bernoulli / sizeof *bernoulli; i++) {
    series += bernoulli[i] / power;
    power *= square;
  }
  return series;
}

double log_gamma(double x) {
  if (!(x > 0)) return STATS_NONE;
  double product = 1; /* moved up to where the series is exact */
  for (; x < STIRLING_FROM; x += 1) product *= x;
  return (x - 0.5) * math_log(x) - x + HALF_LOG_TWO_PI + stirling_rest(x) - math_log(product);
}

/* m - log(1 + m), by its series near 0 where the difference would cancel. */
static double log_gap(double m) {
  if (m > 0.3 || m < -0.3) return m - math_log(1 + m);
  double power = m * m, sum = 0;
  for (int k = 2; k < 60; k++) {
    sum += power / k;
    power *= -m;
  }
  return sum;
}

/* x^a e^-x / gamma(a); for large a without the cancellation of three large logarithms. */
static double gamma_weight(double a, double x) {
  if (a < STIRLING_FROM) return math_exp(a * math_log(x) - x - log_gamma(a));
  return math_sqrt(a / (2 * STATS_PI)) * math_exp(-a * log_gap((x - a) / a) - stirling_rest(a));
}

static double gamma_series(double a, double x) { /* P for x < a + 1 */
  double term = 1 / a, sum = term;
  for (int k = 1; k < 10 * ENOUGH && term > sum * 1e-17; k++) {
    term *= x / (a + k);
    sum += term;
  }
  return sum * gamma_weight(a, x);
}

static double gamma_fraction(double a, double x) { /* Q for x >= a + 1 */
  double b = x + 1 - a, c = 1 / TINY, d = 1 / b, h = d;
  for (int k = 1; k < 10 * ENOUGH; k++) {
    double an = -(double)k * (k - a);
    b += 2;
    d = an * d + b;
    if (d < TINY && d > -TINY) d = TINY;
    c = b + an / c;
    if (c < TINY && c > -TINY) c = TINY;
    d = 1 / d;
    double factor = c * d, off = factor - 1;
    h *= factor;
    if (off < 1e-16 && off > -1e-16) break;
  }
  return h * gamma_weight(a, x);
}

double gamma_lower(double a, double x) {
  if (!(a > 0) || !(x >= 0)) return STATS_NONE;
  if (x == 0) return 0;
  return x < a + 1 ? gamma_series(a, x) : 1 - gamma_fraction(a, x);
}

double gamma_upper(double a, double x) {
  if (!(a > 0) || !(x >= 0)) return STATS_NONE;
  if (x == 0) return 1;
  return x < a + 1 ? 1 - gamma_series(a, x) : gamma_fraction(a, x);
}

double chi_square_tail(double x, double df) {
  return x <= 0 && df > 0 ? 1 : gamma_upper(df / 2, x / 2);
}

double sample_ratio_p(const double *counts, const double *weights, size_t cells, double *statistic) {
  double n = 0, total = 0, sum = 0;
  if (statistic) *statistic = STATS_NONE;
  if (cells < 2) return STATS_NONE;
  for (size_t i = 0; i < cells; i++) {
    if (!(weights[i] > 0)) return STATS_NONE;
    n += counts[i];
    total += weights[i];
  }
  if (!(n > 0)) return STATS_NONE;
  for (size_t i = 0; i < cells; i++) {
    double expected = n * weights[i] / total, off = counts[i] - expected;
    sum += off * off / expected;
  }
  if (statistic) *statistic = sum;
  return chi_square_tail(sum, (double)cells - 1);
}
