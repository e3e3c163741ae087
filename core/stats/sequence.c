/* Categories and sequences of days (METHODS 1.1, 1.3, 1.4): entropy with its bias correction, runs, streaks in the correct and in the
 * source document's form, recursions of habit strength, shrunk rates. Promises values in their stated ranges; does not know calendars
 * beyond "one day later". Called by compute, on any thread. */
#include "stats.h"

bool entropy_counts(const double *counts, size_t count, double categories, struct entropy *out) {
  *out = (struct entropy){0};
  double n = 0;
  for (size_t i = 0; i < count; i++) n += counts[i];
  if (!(n > 0)) return false;
  double h = 0;
  for (size_t i = 0; i < count; i++) {
    if (!(counts[i] > 0)) continue;
    double p = counts[i] / n;
    h -= p * math_log(p);
    out->cells++;
  }
  double k = categories > 0 ? categories : (double)count;
  out->h = h;
  out->normalised = k > 1 ? h / math_log(k) : 0;
  out->stability = 1 - out->normalised;
  out->miller_madow = h + ((double)out->cells - 1) / (2 * n);
  return true;
}

double run_consistency(const uint8_t *done, size_t n) {
  if (n == 0) return STATS_NONE;
  double squares = 0, run = 0;
  for (size_t i = 0; i <= n; i++) {
    if (i < n && done[i]) {
      run++;
      continue;
    }
    squares += run * run;
    run = 0;
  }
  return math_sqrt(squares) / (double)n;
}

void streak_lengths(const int32_t *day, const uint8_t *done, size_t n, uint32_t *out) {
  uint32_t run = 0;
  for (size_t i = 0; i < n; i++) {
    if (!done[i]) run = 0;
    else run = i > 0 && (int64_t)day[i] - day[i - 1] == 1 ? run + 1 : 1;
    out[i] = run;
  }
}

void streak_lengths_compat(const int32_t *day, const uint8_t *done, size_t n, uint32_t *out) {
  uint32_t place = 0;
  for (size_t i = 0; i < n; i++) {
    bool opens = i == 0 || (int64_t)day[i] - day[i - 1] > 1 || !done[i];
    place = opens ? 1 : place + 1;
    out[i] = done[i] ? place : 0;
  }
}

double hebbian(const uint8_t *done, size_t n, double start, double gain, double decay, double *out) {
  double h = start;
  for (size_t i = 0; i < n; i++) {
    h = done[i] ? h + gain * (1 - h) : h - decay * h;
    if (out) out[i] = h;
  }
  return h;
}

double ewma_share(const uint8_t *done, size_t n, double alpha) {
  if (n == 0) return STATS_NONE;
  double x = 0, left = 1;
  for (size_t i = 0; i < n; i++) {
    x += alpha * ((done[i] ? 1 : 0) - x);
    left *= 1 - alpha;
  }
  return x / (1 - left);
}

double regularity_index(const uint8_t *grid, size_t days, size_t slots) {
  if (days < 2 || slots == 0) return STATS_NONE;
  double same = 0;
  for (size_t i = 0; i < (days - 1) * slots; i++) same += (grid[i] != 0) == (grid[i + slots] != 0);
  return 2 * same / (double)((days - 1) * slots) - 1;
}

double shrunk_rate(double done, double n, double prior, double weight) {
  return (done + weight * prior) / (n + weight);
}
