/* Training load and plateaus (METHODS 13.1, 13.2): acute to chronic load in its three forms, monotony and strain; changes of a mean by
 * optimal partitioning; run lengths by Bayes; a slope that is flat by two one-sided tests; Theil and Sen's slope. Promises "none" where a
 * figure is not defined. Says nothing of injuries: the ratio is coupled with itself. Called by compute, on any thread. */
#include "stats.h"

static double mean_last(const double *x, size_t n, size_t skip, size_t days) {
  return n >= skip + days ? mean_of(x + n - skip - days, days) : STATS_NONE;
}

static double smooth_last(const double *x, size_t n, double days) {
  const double gain = 2 / (days + 1);
  double e = x[0];
  for (size_t i = 1; i < n; i++) e = gain * x[i] + (1 - gain) * e;
  return e;
}

static double ratio_of(double above, double below) {
  return below > 0 ? above / below : STATS_NONE; /* none when either is */
}

void load_measure(const double *daily, size_t days, struct load *out) {
  *out = (struct load){STATS_NONE, STATS_NONE, STATS_NONE, STATS_NONE, STATS_NONE, STATS_NONE, STATS_NONE};
  if (days < 7) return;
  out->acute = mean_last(daily, days, 0, 7);
  out->chronic = mean_last(daily, days, 0, 28);
  out->ratio = ratio_of(out->acute, out->chronic);
  out->uncoupled = ratio_of(out->acute, mean_last(daily, days, 7, 21));
  if (days >= 28) out->smooth = ratio_of(smooth_last(daily, days, 7), smooth_last(daily, days, 28));
  const double variance = variance_of(daily + days - 7, 7);
  out->monotony = variance > 0 ? out->acute / math_sqrt(variance) : STATS_NONE;
  out->strain = out->monotony * out->acute * 7;
}

double noise_of(const double *x, size_t n, double *scratch) {
  if (n < 3) return STATS_NONE;
  for (size_t i = 0; i + 1 < n; i++) scratch[i] = x[i + 1] - x[i];
  stats_sort(scratch, n - 1);
  const double middle = quantile_sorted(scratch, n - 1, .5, 7);
  for (size_t i = 0; i + 1 < n; i++) scratch[i] = scratch[i] > middle ? scratch[i] - middle : middle - scratch[i];
  stats_sort(scratch, n - 1);
  return 1.4826 * quantile_sorted(scratch, n - 1, .5, 7) / math_sqrt(2);
}

size_t change_points(const double *x, size_t n, double penalty, double *scratch, size_t *cuts) {
  double *sum = scratch, *squares = sum + n + 1, *cost = squares + n + 1, *from = cost + n + 1;
  sum[0] = squares[0] = 0;
  cost[0] = -penalty;
  for (size_t to = 1; to <= n; to++) {
    sum[to] = sum[to - 1] + x[to - 1];
    squares[to] = squares[to - 1] + x[to - 1] * x[to - 1];
    for (size_t s = 0; s < to; s++) {
      const double apart = sum[to] - sum[s];
      const double one = cost[s] + squares[to] - squares[s] - apart * apart / (double)(to - s) + penalty;
      if (s && one >= cost[to]) continue;
      cost[to] = one;
      from[to] = (double)s;
    }
  }
  size_t count = 0;
  for (size_t at = n; at && from[at] > 0; at = (size_t)from[at]) cuts[count++] = (size_t)from[at];
  for (size_t i = 0; i < count / 2; i++) {
    const size_t held = cuts[i];
    cuts[i] = cuts[count - 1 - i];
    cuts[count - 1 - i] = held;
  }
  return count;
}

/* Student's density of the next value of a run, given what the run has shown: n values of this sum, squares around their mean. */
static double next_density(double v, struct level_prior p, double n, double mean, double squares) {
  const double weight = p.weight + n, shape = p.shape + n / 2, off = mean - p.mean;
  const double rate = p.rate + squares / 2 + p.weight * n * off * off / (2 * weight);
  const double centre = (p.weight * p.mean + n * mean) / weight, df = 2 * shape, width2 = rate * (weight + 1) / (shape * weight);
  const double t2 = (v - centre) * (v - centre) / width2;
  return math_exp(log_gamma((df + 1) / 2) - log_gamma(df / 2) - (df + 1) / 2 * math_log(1 + t2 / df)) / math_sqrt(df * STATS_PI * width2);
}

void run_lengths(const double *x, size_t n, double hazard, struct level_prior prior, double *out, size_t *likely, double *scratch) {
  out[0] = 1;
  for (size_t t = 0; t < n; t++) {
    double mean = 0, squares = 0, sum = 0, changed = 0;
    for (size_t r = 0; r <= t; r++) { /* the run of length r: the r values before x[t]; mean and squares grow backwards with it */
      if (r) {
        const double step = x[t - r] - mean;
        mean += step / (double)r;
        squares += step * (x[t - r] - mean);
      }
      const double weight = out[r] * next_density(x[t], prior, (double)r, mean, squares);
      changed += weight * hazard;
      scratch[r] = weight * (1 - hazard);
    }
    out[0] = sum = changed;
    for (size_t r = 0; r <= t; r++) sum += out[r + 1] = scratch[r];
    size_t most = 0;
    for (size_t r = 0; r <= t + 1; r++) {
      out[r] = sum > 0 ? out[r] / sum : r == 0; /* a value beyond every run's reach begins one */
      if (out[r] > out[most]) most = r;
    }
    if (likely) likely[t] = most;
  }
}

double flat_p(const double *x, const double *y, size_t n, double margin) {
  struct line line;
  if (n < 3 || !line_fit(x, y, n, &line)) return STATS_NONE;
  if (!(line.slope_se > 0)) return line.slope < margin && line.slope > -margin ? 0 : 1;
  const double df = (double)n - 2;
  const double below = student_tail((line.slope + margin) / line.slope_se, df);
  const double above = 1 - student_tail((line.slope - margin) / line.slope_se, df);
  return below > above ? below : above;
}

double theil_sen(const double *x, const double *y, size_t n, double *scratch) {
  size_t count = 0;
  for (size_t i = 0; i < n; i++)
    for (size_t j = i + 1; j < n; j++)
      if (x[j] != x[i]) scratch[count++] = (y[j] - y[i]) / (x[j] - x[i]);
  stats_sort(scratch, count);
  return quantile_sorted(scratch, count, .5, 7);
}
