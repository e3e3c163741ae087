/* Calibration of predictions of 0/1 outcomes, and what they may be trusted with (METHODS 2.5, 3.2, 3.3): Platt's sigmoid by Lin, Lin and
 * Weng's Newton method, isotonic regression by pooling, expected calibration error, Wilson's interval, split conformal sets and their
 * adaptive level. Promises that what is fitted never leaves 0 to 1. Does not split data: fit on people that nothing was trained on. Called
 * by compute and the training tool, on any thread. */
#include "stats.h"
#include <stdlib.h>

/* ---- Platt ---- */

static double log1p_exp_down(double z) { /* log(1 + e^-|z|) */
  const double e = math_exp(z < 0 ? z : -z);
  return e < 1e-8 ? e - e * e / 2 : math_log(1 + e);
}

double platt_at(struct platt p, double score) {
  const double z = p.a * score + p.b, e = math_exp(z < 0 ? z : -z);
  return z >= 0 ? e / (1 + e) : 1 / (1 + e);
}

struct platt_problem {
  const double *score, *y;
  size_t n;
  double positive, negative; /* the targets: never 0 or 1, so that separable data has an end */
};

static double platt_loss(const struct platt_problem *p, double a, double b) {
  double sum = 0;
  for (size_t i = 0; i < p->n; i++) {
    const double z = a * p->score[i] + b, t = p->y[i] > .5 ? p->positive : p->negative;
    sum += (z >= 0 ? t * z : (t - 1) * z) + log1p_exp_down(z);
  }
  return sum;
}

struct platt_slope {
  double ga, gb, haa, hbb, hab;
};

static struct platt_slope platt_slope(const struct platt_problem *p, struct platt at) {
  struct platt_slope s = {0, 0, 1e-12, 1e-12, 0};
  for (size_t i = 0; i < p->n; i++) {
    const double f = p->score[i], q = platt_at(at, f), t = p->y[i] > .5 ? p->positive : p->negative, weight = q * (1 - q);
    s.ga += f * (t - q);
    s.gb += t - q;
    s.haa += f * f * weight;
    s.hbb += weight;
    s.hab += f * weight;
  }
  return s;
}

/* A step down the Newton direction that is long enough; false: none is. */
static bool platt_step(const struct platt_problem *p, const struct platt_slope *s, struct platt *at, double *loss) {
  const double det = s->haa * s->hbb - s->hab * s->hab;
  const double da = -(s->hbb * s->ga - s->hab * s->gb) / det, db = -(s->haa * s->gb - s->hab * s->ga) / det;
  const double down = s->ga * da + s->gb * db;
  for (double step = 1; step >= 1e-10; step /= 2) {
    const double now = platt_loss(p, at->a + step * da, at->b + step * db);
    if (!(now < *loss + 1e-4 * step * down)) continue;
    at->a += step * da;
    at->b += step * db;
    *loss = now;
    return true;
  }
  return false;
}

bool platt_fit(const double *score, const double *y, size_t n, struct platt *out) {
  double positives = 0;
  for (size_t i = 0; i < n; i++) positives += y[i] > .5;
  const double negatives = (double)n - positives;
  if (n == 0) return false;
  const struct platt_problem p = {score, y, n, (positives + 1) / (positives + 2), 1 / (negatives + 2)};
  *out = (struct platt){0, math_log((negatives + 1) / (positives + 1)), 0};
  double loss = platt_loss(&p, out->a, out->b);
  for (; out->steps < 100; out->steps++) {
    const struct platt_slope s = platt_slope(&p, *out);
    if (s.ga < 1e-5 && s.ga > -1e-5 && s.gb < 1e-5 && s.gb > -1e-5) break;
    if (!platt_step(&p, &s, out, &loss)) break;
  }
  return math_finite(out->a) && math_finite(out->b);
}

/* ---- isotonic ---- */

static int by_x(const void *left, const void *right) {
  const struct isotonic_point *a = left, *b = right;
  if (a->x != b->x) return a->x < b->x ? -1 : 1;
  return a->y < b->y ? -1 : a->y > b->y;
}

/* Points of the same x become one: their mean. */
static size_t merge_ties(struct isotonic_point *p, size_t n) {
  size_t kept = 0;
  for (size_t i = 0; i < n; i++) {
    const double y = p[i].y;
    if (kept && p[kept - 1].x == p[i].x) {
      p[kept - 1].weight += 1;
      p[kept - 1].y += (y - p[kept - 1].y) / p[kept - 1].weight;
    } else {
      p[kept++] = (struct isotonic_point){p[i].x, y, 1, p[i].x};
    }
  }
  return kept;
}

/* Neighbours that fall, or are level, are pooled into blocks from `x` to `last`, in place. */
static size_t pool(struct isotonic_point *p, size_t n) {
  size_t count = 0;
  for (size_t i = 0; i < n; i++) {
    struct isotonic_point b = p[i];
    while (count && p[count - 1].y >= b.y) {
      const struct isotonic_point *before = &p[--count];
      const double weight = before->weight + b.weight;
      b.y = (before->y * before->weight + b.y * b.weight) / weight;
      b.weight = weight;
      b.x = before->x;
    }
    p[count++] = b;
  }
  return count;
}

size_t isotonic_fit(struct isotonic_point *p, size_t n) {
  qsort(p, n, sizeof *p, by_x);
  const size_t blocks = pool(p, merge_ties(p, n));
  size_t corners = 0;
  for (size_t k = 0; k < blocks; k++) corners += p[k].last > p[k].x ? 2 : 1;
  size_t to = corners; /* from the end, so that no block is overwritten before it is read */
  for (size_t k = blocks; k-- > 0;) {
    const struct isotonic_point b = p[k];
    if (b.last > b.x) p[--to] = (struct isotonic_point){b.last, b.y, 0, b.last};
    p[--to] = b;
  }
  return corners;
}

double isotonic_at(const struct isotonic_point *p, size_t count, double x) {
  if (count == 0 || stats_none(x)) return STATS_NONE;
  if (x <= p[0].x) return p[0].y;
  if (x >= p[count - 1].x) return p[count - 1].y;
  size_t low = 0, high = count - 1;
  while (high - low > 1) {
    const size_t middle = (low + high) / 2;
    if (p[middle].x <= x) low = middle;
    else high = middle;
  }
  return p[low].y + (p[high].y - p[low].y) * (x - p[low].x) / (p[high].x - p[low].x);
}

/* ---- how far probabilities can be taken at their word ---- */

double calibration_error(const double *p, const double *y, size_t n, struct reliability bins[RELIABILITY_BINS]) {
  for (int b = 0; b < RELIABILITY_BINS; b++) bins[b] = (struct reliability){0};
  for (size_t i = 0; i < n; i++) {
    int b = (int)(math_clamp(p[i], 0, 1) * RELIABILITY_BINS);
    if (b == RELIABILITY_BINS) b--;
    bins[b].n++;
    bins[b].predicted += p[i];
    bins[b].observed += y[i];
  }
  double sum = 0;
  for (int b = 0; b < RELIABILITY_BINS; b++) {
    if (!bins[b].n) continue;
    bins[b].predicted /= (double)bins[b].n;
    bins[b].observed /= (double)bins[b].n;
    const double off = bins[b].observed - bins[b].predicted;
    sum += (double)bins[b].n / (double)n * (off < 0 ? -off : off);
  }
  return n ? sum : STATS_NONE;
}

void wilson_interval(double done, double n, double z, double *low, double *high) {
  *low = *high = STATS_NONE;
  if (!(n > 0)) return;
  const double p = done / n, scale = 1 + z * z / n, middle = p + z * z / (2 * n);
  const double spread = z * math_sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  *low = math_clamp((middle - spread) / scale, 0, 1);
  *high = math_clamp((middle + spread) / scale, 0, 1);
}

/* ---- conformal ---- */

/* ⌈x⌉ that a rounding of the product above a whole number does not move. */
static size_t ceiling(double x) {
  const size_t whole = (size_t)x;
  return x - (double)whole > 1e-9 ? whole + 1 : whole;
}

double conformal_quantile(const double *sorted, size_t n, double alpha) {
  if (alpha >= 1) return -__builtin_inf();
  if (!(alpha > 0)) return __builtin_inf();
  const size_t rank = ceiling(((double)n + 1) * (1 - alpha));
  return rank > n ? __builtin_inf() : sorted[rank ? rank - 1 : 0];
}

enum conformal conformal_set(double p, double quantile) {
  return (enum conformal)((1 - p <= quantile ? CONFORMAL_YES : 0) | (p <= quantile ? CONFORMAL_NO : 0));
}

double conformal_adapt(double alpha, double target, double gamma, bool missed) {
  return alpha + gamma * (target - (missed ? 1 : 0));
}
