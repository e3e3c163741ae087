/* The beta distribution: what is known of a rate after so many successes and failures (METHODS 14). Promises eight digits where a and b are
 * up to some thousands. Called by compute, on any thread. */
#include "stats.h"

/* Lentz's continued fraction of the incomplete beta function. */
static double fraction(double a, double b, double x) {
  const double tiny = 1e-300;
  double c = 1, d = 1 - (a + b) * x / (a + 1);
  d = 1 / (d < tiny && d > -tiny ? tiny : d);
  double h = d;
  for (int k = 1; k < 10000; k++) {
    const double even = k * (b - k) * x / ((a + 2 * k - 1) * (a + 2 * k));
    d = 1 + even * d;
    c = 1 + even / c;
    d = 1 / (d < tiny && d > -tiny ? tiny : d);
    c = c < tiny && c > -tiny ? tiny : c;
    h *= d * c;
    const double odd = -(a + k) * (a + b + k) * x / ((a + 2 * k) * (a + 2 * k + 1));
    d = 1 + odd * d;
    c = 1 + odd / c;
    d = 1 / (d < tiny && d > -tiny ? tiny : d);
    c = c < tiny && c > -tiny ? tiny : c;
    h *= d * c;
    if (d * c - 1 < 1e-15 && d * c - 1 > -1e-15) break;
  }
  return h;
}

double beta_below(double x, double a, double b) {
  if (!(a > 0) || !(b > 0) || stats_none(x)) return STATS_NONE;
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const double front = math_exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * math_log(x) + b * math_log(1 - x));
  return x < (a + 1) / (a + b + 2) ? front * fraction(a, b, x) / a : 1 - front * fraction(b, a, 1 - x) / b;
}

double beta_quantile(double p, double a, double b) {
  if (!(p >= 0 && p <= 1) || !(a > 0) || !(b > 0)) return STATS_NONE;
  double low = 0, high = 1;
  for (int i = 0; i < 60 && high - low > 1e-13; i++) { /* never wrong, and fast enough for a page */
    const double middle = (low + high) / 2;
    if (beta_below(middle, a, b) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

double student_tail(double t, double df) {
  if (!(df > 0) || stats_none(t)) return STATS_NONE;
  const double half = beta_below(df / (df + t * t), df / 2, 0.5) / 2;
  return t > 0 ? half : 1 - half;
}
