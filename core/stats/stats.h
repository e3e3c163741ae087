/* stats: pure functions over arrays. No state, no allocation but where a scratch array is asked for, sums in the order given, mathematics
 * from kit/math: the same input gives the same bits everywhere. What is undefined (an empty sample, a direction without a mean) is
 * STATS_NONE, never a magic 0; stats_none() asks. All functions are [any]. */
#pragma once
#include "kit/math.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STATS_NONE (__builtin_nan(""))
#define STATS_PI   3.141592653589793238462643383279502884
static inline bool stats_none(double v) {
  return v != v;
}

/* ---- circular: times of the day, hours in [0, 24) ---- */
struct circular {
  size_t n;
  double c, s;                   /* mean cosine and sine */
  double resultant;              /* R: 0 spread evenly, 1 all at one time; 1 for n = 1 */
  double mean_hour;              /* none when R < 1e-12 */
  double variance;               /* 1 - R */
  double sd_hours;               /* none when R < 1e-12 */
  double resultant2_fair;        /* (n R^2 - 1)/(n - 1), unbiased for R^2; none for n < 2 */
  double rayleigh_z, rayleigh_p; /* against evenly spread; Zar's form */
};
/* `weights` may be NULL. False for n = 0 or a weight sum that is not positive. */
bool circular_hours(const double *hours, const double *weights, size_t n, struct circular *out);
/* From sums of cosines and sines that the caller kept, harmonic 1. */
bool circular_sums(double cosines, double sines, double weight, size_t n, struct circular *out);
double circular_resultant(double cosines, double sines, double weight); /* R alone, at most 1 */
/* The larger of R and the second harmonic's R: people with two regular times a day are regular. None for n = 0. */
double circular_regularity(const double *hours, size_t n);

/* ---- categories and sequences ---- */
struct entropy {
  double h;            /* nats, plug-in */
  double normalised;   /* H / ln K */
  double stability;    /* 1 - H / ln K; 1 for K = 1 */
  double miller_madow; /* H + (m - 1)/(2 n), m non-empty cells */
  uint32_t cells;      /* m */
};
/* K = categories that could occur (0: `count`). False when all counts are 0. */
bool entropy_counts(const double *counts, size_t count, double categories, struct entropy *out);
/* sqrt(sum of squared lengths of the runs of done) / n: 0 nothing done, 1 all done. None for n = 0. */
double run_consistency(const uint8_t *done, size_t n);
/* Streak at each day: consecutive calendar days done; a gap of more than one day or a miss starts again at 0 (T01). `day` ascending. */
void streak_lengths(const int32_t *day, const uint8_t *done, size_t n, uint32_t *out);
/* The source document's rule, off by one after a miss; kept for comparison only. */
void streak_lengths_compat(const int32_t *day, const uint8_t *done, size_t n, uint32_t *out);
/* Habit strength as a recursion: done h += gain (1 - h), missed h -= decay h; the value after each step goes to `out` (may be NULL). */
double hebbian(const uint8_t *done, size_t n, double start, double gain, double decay, double *out);
/* Exponentially weighted share of done, bias-corrected x/(1-(1-alpha)^t). None for n = 0. */
double ewma_share(const uint8_t *done, size_t n, double alpha);
/* 2 P(same state one row later) - 1 over a grid of days × slots, row by row. None for fewer than 2 days. */
double regularity_index(const uint8_t *grid, size_t days, size_t slots);
/* A rate pulled to `prior` with the weight of so many observations: (done + weight prior)/(n + weight). */
double shrunk_rate(double done, double n, double prior, double weight);

/* ---- lines and curves ---- */
struct line {
  double slope, intercept, r2, r2_adjusted, slope_se; /* the last two none for n < 3 */
};
/* Ordinary least squares of y on x; false for n < 2 or when all x are equal. */
bool line_fit(const double *x, const double *y, size_t n, struct line *out);
struct growth { /* y = a - b exp(-c x), Lally et al. 2010 */
  double a, b, c, r2;
  double se_a, se_b, se_c;
  double days_to_asymptote95, days_to_rise95; /* ln(20 b/a)/c, ln(20)/c */
};
/* False: no fit (n < 10, c at a bound of [1e-4, 1], a above 1.2 × scale_most, or R² < .7). */
bool growth_fit(const double *x, const double *y, size_t n, double scale_most, struct growth *out);

/* ---- order ---- */
void stats_sort(double *x, size_t n); /* ascending, in place */
/* Hyndman–Fan type 7 (interpolation of (n-1) q) or 6 ((n+1) q, clamped); `sorted` ascending. None for n = 0. */
double quantile_sorted(const double *sorted, size_t n, double q, int type);
double mean_of(const double *x, size_t n);     /* none for n = 0 */
double variance_of(const double *x, size_t n); /* ddof 1; none for n < 2 */

/* ---- distributions ---- */
double normal_cdf(double z);
double normal_quantile(double p);            /* ±infinity at 0 and 1, none outside */
double log_gamma(double x);                  /* x > 0 */
double gamma_lower(double a, double x);      /* P(a, x), regularised */
double gamma_upper(double a, double x);      /* Q = 1 - P, computed as itself */
double chi_square_tail(double x, double df); /* P(X > x) */
/* Sample-ratio test: chi-square p of `counts` against `weights` (any positive scale). None for fewer than 2 cells, an empty total, or a
 * weight that is not positive. */
double sample_ratio_p(const double *counts, const double *weights, size_t cells, double *statistic);

/* ---- judging predictions p of 0/1 outcomes y ---- */
/* `scratch` holds n indices. None when only one class is there. Ties count half (mid-ranks). */
double auc_midrank(const double *p, const double *y, size_t n, uint32_t *scratch);
double brier_score(const double *p, const double *y, size_t n);
double log_loss(const double *p, const double *y, size_t n); /* p clipped at 1e-15 */
double accuracy_at(const double *p, const double *y, size_t n, double threshold);
double f1_at(const double *p, const double *y, size_t n, double threshold); /* none when nothing is positive and nothing predicted so */
/* Logistic regression of y on the log-odds of p: slope 1 and intercept 0 for calibrated predictions. False with one class, fewer than 10
 * rows, or when y is separable by p. */
bool calibration_line(const double *p, const double *y, size_t n, double *slope, double *intercept);
