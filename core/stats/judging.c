/* Judging predictions of 0/1 outcomes (METHODS 3.2): AUC with mid-rank ties, Brier score, log loss, accuracy, F1. Promises nothing about a
 * sample without both classes but to say so. Called by compute's evaluation and the training tool, on any thread. */
#include "stats.h"

/* qsort has no context argument that every libc agrees on: an own heap sort of indices by score, ties by index. */
static bool comes_before(const double *p, uint32_t a, uint32_t b) {
  return p[a] != p[b] ? p[a] < p[b] : a < b;
}

static void sift(const double *p, uint32_t *at, size_t root, size_t n) {
  uint32_t held = at[root];
  for (size_t child = 2 * root + 1; child < n; child = 2 * root + 1) {
    if (child + 1 < n && comes_before(p, at[child], at[child + 1])) child++;
    if (!comes_before(p, held, at[child])) break;
    at[root] = at[child];
    root = child;
  }
  at[root] = held;
}

static void sort_by_score(const double *p, uint32_t *at, size_t n) {
  for (size_t i = 0; i < n; i++) at[i] = (uint32_t)i;
  for (size_t i = n / 2; i-- > 0;) sift(p, at, i, n);
  for (size_t last = n; last-- > 1;) {
    uint32_t top = at[0];
    at[0] = at[last];
    at[last] = top;
    sift(p, at, 0, last);
  }
}

double auc_midrank(const double *p, const double *y, size_t n, uint32_t *scratch) {
  if (n == 0) return STATS_NONE;
  sort_by_score(p, scratch, n);
  double positives = 0, ranks = 0;
  for (size_t from = 0; from < n;) {
    size_t to = from;
    while (to < n && p[scratch[to]] == p[scratch[from]]) to++;
    double middle = ((double)from + 1 + (double)to) / 2;
    for (size_t i = from; i < to; i++) {
      if (y[scratch[i]] < 0.5) continue;
      positives++;
      ranks += middle;
    }
    from = to;
  }
  double negatives = (double)n - positives;
  if (positives < 1 || negatives < 1) return STATS_NONE;
  return (ranks - positives * (positives + 1) / 2) / (positives * negatives);
}

double brier_score(const double *p, const double *y, size_t n) {
  if (n == 0) return STATS_NONE;
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += (p[i] - y[i]) * (p[i] - y[i]);
  return sum / (double)n;
}

double log_loss(const double *p, const double *y, size_t n) {
  if (n == 0) return STATS_NONE;
  double sum = 0;
  for (size_t i = 0; i < n; i++) {
    double q = math_clamp(p[i], 1e-15, 1 - 1e-15);
    sum -= y[i] * math_log(q) + (1 - y[i]) * math_log(1 - q);
  }
  return sum / (double)n;
}

double accuracy_at(const double *p, const double *y, size_t n, double threshold) {
  if (n == 0) return STATS_NONE;
  double right = 0;
  for (size_t i = 0; i < n; i++) right += (p[i] >= threshold) == (y[i] >= 0.5);
  return right / (double)n;
}

double f1_at(const double *p, const double *y, size_t n, double threshold) {
  double hit = 0, wrong = 0;
  for (size_t i = 0; i < n; i++) {
    bool said = p[i] >= threshold, is = y[i] >= 0.5;
    hit += said && is;
    wrong += said != is;
  }
  return hit + wrong > 0 ? 2 * hit / (2 * hit + wrong) : STATS_NONE;
}

/* Newton's method on two parameters, at most 50 steps. */
bool calibration_line(const double *p, const double *y, size_t n, double *slope, double *intercept) {
  double a = 0, b = 0;
  if (n < 10) return false;
  for (int round = 0; round < 50; round++) {
    double ga = 0, gb = 0, haa = 0, hab = 0, hbb = 0;
    for (size_t i = 0; i < n; i++) {
      double q = math_clamp(p[i], 1e-6, 1 - 1e-6), x = math_log(q / (1 - q)), s = 1 / (1 + math_exp(-(a + b * x))), w = s * (1 - s);
      ga += y[i] - s;
      gb += (y[i] - s) * x;
      haa += w;
      hab += w * x;
      hbb += w * x * x;
    }
    double det = haa * hbb - hab * hab;
    if (!(det > 1e-12)) return false;
    double da = (hbb * ga - hab * gb) / det, db = (haa * gb - hab * ga) / det;
    a += da;
    b += db;
    if (!(a < 50 && a > -50 && b < 50 && b > -50)) return false;
    if (da * da + db * db < 1e-20) break;
  }
  *intercept = a;
  *slope = b;
  return true;
}
