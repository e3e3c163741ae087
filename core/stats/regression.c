/* Lines and growth curves: ordinary least squares for trends, and the growth of automaticity y = a - b exp(-c x) (METHODS 1.4) by variable
 * projection: for a fixed c the curve is a line in exp(-c x), so only c is searched. Promises a fit or an honest "none". Called by compute
 * and by reports, on any thread. */
#include "stats.h"

bool line_fit(const double *x, const double *y, size_t n, struct line *out) {
  *out = (struct line){.r2_adjusted = STATS_NONE, .slope_se = STATS_NONE};
  if (n < 2) return false;
  double mx = mean_of(x, n), my = mean_of(y, n), sxx = 0, sxy = 0, syy = 0;
  for (size_t i = 0; i < n; i++) {
    double dx = x[i] - mx, dy = y[i] - my;
    sxx += dx * dx;
    sxy += dx * dy;
    syy += dy * dy;
  }
  if (!(sxx > 0)) return false;
  out->slope = sxy / sxx;
  out->intercept = my - out->slope * mx;
  double residual = syy - out->slope * sxy;
  if (residual < 0) residual = 0;
  out->r2 = syy > 0 ? 1 - residual / syy : 0;
  if (n > 2) {
    double df = (double)n - 2;
    out->slope_se = math_sqrt(residual / df / sxx);
    out->r2_adjusted = syy > 0 ? 1 - (1 - out->r2) * ((double)n - 1) / df : 0;
  }
  return true;
}

/* The best a and b for one c, and the squared error they leave. */
static double growth_at(const double *x, const double *y, size_t n, double c, double *a, double *b) {
  double me = 0, my = 0, see = 0, sey = 0;
  for (size_t i = 0; i < n; i++) {
    me += math_exp(-c * x[i]);
    my += y[i];
  }
  me /= (double)n;
  my /= (double)n;
  for (size_t i = 0; i < n; i++) {
    double e = math_exp(-c * x[i]) - me;
    see += e * e;
    sey += e * (y[i] - my);
  }
  double slope = see > 0 ? sey / see : 0, error = 0;
  *b = -slope;
  *a = my - slope * me;
  for (size_t i = 0; i < n; i++) {
    double r = y[i] - (*a - *b * math_exp(-c * x[i]));
    error += r * r;
  }
  return error;
}

#define GROWTH_LOW  1e-4
#define GROWTH_HIGH 1.0
#define GROWTH_GRID 40

/* The bracket around the best of a grid in log c, narrowed by golden section. */
static double growth_search(const double *x, const double *y, size_t n) {
  double a, b, step = math_log(GROWTH_HIGH / GROWTH_LOW) / (GROWTH_GRID - 1), best = 0, best_error = STATS_NONE;
  for (int i = 0; i < GROWTH_GRID; i++) {
    double at = math_log(GROWTH_LOW) + step * i, error = growth_at(x, y, n, math_exp(at), &a, &b);
    if (stats_none(best_error) || error < best_error) {
      best_error = error;
      best = at;
    }
  }
  double low = best - step, high = best + step, ratio = (math_sqrt(5) - 1) / 2;
  double p = high - ratio * (high - low), q = low + ratio * (high - low);
  double ep = growth_at(x, y, n, math_exp(p), &a, &b), eq = growth_at(x, y, n, math_exp(q), &a, &b);
  for (int i = 0; i < 80; i++) {
    if (ep < eq) {
      high = q, q = p, eq = ep;
      p = high - ratio * (high - low);
      ep = growth_at(x, y, n, math_exp(p), &a, &b);
    } else {
      low = p, p = q, ep = eq;
      q = low + ratio * (high - low);
      eq = growth_at(x, y, n, math_exp(q), &a, &b);
    }
  }
  return math_exp((low + high) / 2);
}

/* J'J over (a, b, c) and J'r. */
static void growth_normal(const double *x, const double *y, size_t n, const struct growth *g, double m[3][3], double v[3]) {
  for (int i = 0; i < 3; i++) {
    v[i] = 0;
    for (int k = 0; k < 3; k++) m[i][k] = 0;
  }
  for (size_t i = 0; i < n; i++) {
    double e = math_exp(-g->c * x[i]), j[3] = {1, -e, g->b * x[i] * e}, r = y[i] - (g->a - g->b * e);
    for (int p = 0; p < 3; p++) {
      v[p] += j[p] * r;
      for (int q = 0; q < 3; q++) m[p][q] += j[p] * j[q];
    }
  }
}

/* Inverse of a symmetric 3 × 3 by cofactors; false when singular. */
static bool invert3(double m[3][3], double out[3][3]) {
  double c00 = m[1][1] * m[2][2] - m[1][2] * m[2][1], c01 = m[1][2] * m[2][0] - m[1][0] * m[2][2];
  double c02 = m[1][0] * m[2][1] - m[1][1] * m[2][0], det = m[0][0] * c00 + m[0][1] * c01 + m[0][2] * c02;
  if (!(det > 0)) return false;
  out[0][0] = c00 / det;
  out[0][1] = out[1][0] = c01 / det;
  out[0][2] = out[2][0] = c02 / det;
  out[1][1] = (m[0][0] * m[2][2] - m[0][2] * m[2][0]) / det;
  out[1][2] = out[2][1] = (m[0][1] * m[2][0] - m[0][0] * m[2][1]) / det;
  out[2][2] = (m[0][0] * m[1][1] - m[0][1] * m[1][0]) / det;
  return true;
}

/* A few Gauss–Newton steps from the projected solution, then standard errors from J'J. */
static bool growth_polish(const double *x, const double *y, size_t n, struct growth *g) {
  double m[3][3], v[3], inverse[3][3], error = 0;
  for (int round = 0; round < 8; round++) {
    growth_normal(x, y, n, g, m, v);
    if (!invert3(m, inverse)) return false;
    double step[3];
    for (int i = 0; i < 3; i++) step[i] = inverse[i][0] * v[0] + inverse[i][1] * v[1] + inverse[i][2] * v[2];
    g->a += step[0];
    g->b += step[1];
    g->c += step[2];
  }
  double my = mean_of(y, n), total = 0;
  for (size_t i = 0; i < n; i++) {
    double r = y[i] - (g->a - g->b * math_exp(-g->c * x[i]));
    error += r * r;
    total += (y[i] - my) * (y[i] - my);
  }
  double s2 = error / ((double)n - 3);
  g->se_a = math_sqrt(s2 * inverse[0][0]);
  g->se_b = math_sqrt(s2 * inverse[1][1]);
  g->se_c = math_sqrt(s2 * inverse[2][2]);
  g->r2 = total > 0 ? 1 - error / total : 0;
  return true;
}

bool growth_fit(const double *x, const double *y, size_t n, double scale_most, struct growth *out) {
  *out = (struct growth){0};
  if (n < 10) return false;
  out->c = growth_search(x, y, n);
  growth_at(x, y, n, out->c, &out->a, &out->b);
  if (!growth_polish(x, y, n, out) || !math_finite(out->a) || !math_finite(out->b) || !math_finite(out->c)) return false;
  bool inside = out->c > GROWTH_LOW * 1.01 && out->c < GROWTH_HIGH * 0.99;
  if (!inside || out->a > 1.2 * scale_most || out->a <= 0 || out->b <= 0 || out->r2 < 0.7) return false;
  out->days_to_asymptote95 = math_log(20 * out->b / out->a) / out->c;
  out->days_to_rise95 = math_log(20) / out->c;
  return true;
}
