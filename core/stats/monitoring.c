/* Monitoring (METHODS 10.2, 10.3): a stream of figures, one at a time: Page-Hinkley and ADWIN2 say when its mean has changed, z-scores when
 * one figure is out of the ordinary; and the two rules of retraining, when to and when to deploy. Promises constant memory for any length.
 * Called by judge and by api's lifecycle, on any thread. */
#include "stats.h"

/* ---- Page-Hinkley ---- */

#define PAGE_FADES 0.9999
#define PAGE_LEAST 30

bool page_hinkley_add(struct page_hinkley *p, double x, double delta, double lambda) {
  if (p->alarm || p->n == 0) *p = (struct page_hinkley){.n = 1};
  p->mean += (x - p->mean) / p->n;
  p->sum = PAGE_FADES * p->sum + x - p->mean - delta;
  if (p->sum < 0) p->sum = 0;
  p->n++;
  return p->alarm = p->n >= PAGE_LEAST && p->sum >= lambda;
}

/* ---- ADWIN2 ---- */

#define ADWIN_CLOCK 32
#define ADWIN_GRACE 10
#define ADWIN_LEAST 5

static double row_size(uint32_t row) {
  return (double)(UINT64_C(1) << row);
}

static void remove_first(struct adwin_row *r, uint32_t count) {
  for (uint32_t i = count; i < r->count; i++) {
    r->total[i - count] = r->total[i];
    r->variance[i - count] = r->variance[i];
  }
  r->count -= count;
}

/* The two oldest of a full row become one of the next. */
static void compress(struct adwin *a) {
  for (uint32_t i = 0; i + 1 < ADWIN_ROWS && a->row[i].count > ADWIN_BUCKETS; i++) {
    struct adwin_row *r = &a->row[i], *up = &a->row[i + 1];
    const double n = row_size(i), apart = r->total[0] / n - r->total[1] / n;
    if (i + 1 == a->rows) a->rows++;
    up->total[up->count] = r->total[0] + r->total[1];
    up->variance[up->count++] = r->variance[0] + r->variance[1] + n * n / (2 * n) * apart * apart;
    remove_first(r, 2);
  }
}

static void drop_oldest(struct adwin *a) {
  struct adwin_row *r = &a->row[a->rows - 1];
  const double n = row_size(a->rows - 1), u = r->total[0];
  a->width -= n;
  a->total -= u;
  const double apart = u / n - a->total / a->width;
  a->variance -= r->variance[0] + n * a->width / (n + a->width) * apart * apart;
  remove_first(r, 1);
  if (r->count == 0 && a->rows > 1) a->rows--;
}

static bool is_cut(const struct adwin *a, double n0, double n1, double apart, double delta) {
  const double d = math_log(2 * math_log(a->width) / delta), m = 1 / (n0 - ADWIN_LEAST + 1) + 1 / (n1 - ADWIN_LEAST + 1);
  const double most = math_sqrt(2 * m * a->variance / a->width * d) + 2.0 / 3 * d * m;
  return apart > most || -apart > most;
}

/* Is there a place where the window falls into two with different means? The newest bucket of a row is never cut after. */
static bool find_cut(const struct adwin *a, double delta) {
  double n0 = 0, u0 = 0, n1 = a->width, u1 = a->total;
  for (uint32_t i = a->rows; i-- > 0;)
    for (uint32_t k = 0; k + 1 < a->row[i].count; k++) {
      n0 += row_size(i);
      u0 += a->row[i].total[k];
      n1 -= row_size(i);
      u1 -= a->row[i].total[k];
      if (n0 >= ADWIN_LEAST && n1 >= ADWIN_LEAST && is_cut(a, n0, n1, u0 / n0 - u1 / n1, delta)) return true;
    }
  return false;
}

bool adwin_add(struct adwin *a, double x, double delta) {
  bool changed = false;
  if (a->rows == 0) *a = (struct adwin){.rows = 1};
  if (a->width > 0) a->variance += a->width / (a->width + 1) * (x - a->total / a->width) * (x - a->total / a->width);
  a->width++;
  a->total += x;
  a->row[0].variance[a->row[0].count] = 0;
  a->row[0].total[a->row[0].count++] = x;
  compress(a);
  if (++a->seen % ADWIN_CLOCK || a->width <= ADWIN_GRACE) return false;
  while (find_cut(a, delta)) {
    drop_oldest(a);
    changed = true;
  }
  return changed;
}

/* ---- one figure against those before it ---- */

double z_score(const double *before, size_t n, double x) {
  if (n < Z_LEAST) return STATS_NONE;
  const double mean = mean_of(before, n), deviation = math_sqrt(variance_of(before, n));
  if (deviation > 0) return (x - mean) / deviation;
  return x == mean ? 0 : x > mean ? __builtin_inf() : -__builtin_inf();
}

double z_score_robust(const double *before, size_t n, double x, double *scratch) {
  if (n == 0) return STATS_NONE;
  for (size_t i = 0; i < n; i++) scratch[i] = before[i];
  stats_sort(scratch, n);
  const double middle = quantile_sorted(scratch, n, .5, 7);
  for (size_t i = 0; i < n; i++) scratch[i] = before[i] > middle ? before[i] - middle : middle - before[i];
  stats_sort(scratch, n);
  const double apart = quantile_sorted(scratch, n, .5, 7);
  if (apart > 0) return 0.6744897501960817 * (x - middle) / apart;
  return x == middle ? 0 : x > middle ? __builtin_inf() : -__builtin_inf();
}

/* ---- retraining ---- */

bool retrain_is_due(double now, double baseline) {
  return now < RETRAIN_SHARE * baseline;
}

double retrain_gain(double before, double after) {
  return (after - before) / before;
}

uint32_t false_discoveries(const double *p, size_t n, double level, bool *found) {
  uint32_t count = 0;
  double highest = -1;
  for (size_t i = 0; i < n; i++) { /* Benjamini and Hochberg: the largest p within its rank's share */
    size_t rank = 0;
    for (size_t k = 0; k < n; k++) rank += p[k] <= p[i];
    if (p[i] <= level * (double)rank / (double)n && p[i] > highest) highest = p[i];
  }
  for (size_t i = 0; i < n; i++) count += found[i] = p[i] <= highest;
  return count;
}
