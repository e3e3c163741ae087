/* stats: pure functions over arrays. No state, no allocation but where a scratch array is asked for, sums in the order given, mathematics
 * from kit/math: the same input gives the same bits everywhere. What is undefined (an empty sample, a direction without a mean) is
 * STATS_NONE, never a magic 0; stats_none() asks. All functions are [any]. */
#pragma once
#include "kit/math.h"
#include "stats/anytime.h"
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

/* ---- logistic regression ---- */
/* Slopes beta[0..k) with ridge / 2 · their squares added to the sum of log losses, and the intercept beta[k], without. x row-major [n × k],
 * y 0 to 1, ridge above 0; `scratch` (k + 1)(k + 3) numbers. False: nothing to fit, or no end was found. */
bool logistic_fit(const double *x, const double *y, size_t n, size_t k, double ridge, double *beta, double *scratch);
double logistic_at(const double *beta, const double *x, size_t k);

/* ---- calibration ---- */
struct platt { /* p = 1 / (1 + exp(a score + b)) */
  double a, b;
  uint32_t steps;
};
/* False: nothing to fit, or no end was found. */
bool platt_fit(const double *score, const double *y, size_t n, struct platt *out);
double platt_at(struct platt p, double score);
struct isotonic_point {
  double x, y;
  double weight, last; /* while fitting */
};
/* Points (x, y) in any order become the corners of the rising step curve nearest to them; returns how many.
 * `isotonic_at` is linear between corners and flat outside. */
size_t isotonic_fit(struct isotonic_point *points, size_t n);
double isotonic_at(const struct isotonic_point *corners, size_t count, double x);
#define RELIABILITY_BINS 10
struct reliability {
  size_t n;
  double predicted, observed; /* means; 0 for n = 0 */
};
/* Expected calibration error over ten bins of equal width, and the bins. */
double calibration_error(const double *p, const double *y, size_t n, struct reliability bins[RELIABILITY_BINS]);
/* The one-sided lower bound of a share of `done` in `n` that holds at all times together with confidence 1 − alpha; 0 for none. */
double share_low(double done, double n, double alpha);
void wilson_interval(double done, double n, double z, double *low, double *high); /* none for n = 0 */

/* ---- conformal prediction ---- */
/* The ⌈(n + 1)(1 − alpha)⌉-th smallest score; infinity when there are too few, −infinity for alpha ≥ 1. */
double conformal_quantile(const double *sorted, size_t n, double alpha);
enum conformal { CONFORMAL_NEITHER = 0, CONFORMAL_NO = 1, CONFORMAL_YES = 2, CONFORMAL_BOTH = 3 };
enum conformal conformal_set(double p, double quantile); /* scores are 1 − the probability of what came */
/* The next level for one whose data drift (Gibbs and Candès): wider after a miss, a little narrower after a hit. */
double conformal_adapt(double alpha, double target, double gamma, bool missed);

#define ADAPTIVE_MOST   256 /* newest scores that a set is cut from */
#define ADAPTIVE_LEAST  20
#define ADAPTIVE_TARGET 0.1
#define ADAPTIVE_GAIN   0.02
struct adaptive { /* begins as {0}; scores are finite */
  double shift;   /* of the level from its target */
  uint32_t count, next;
  uint64_t asked, held; /* sets that were held against what came, and how many of them held it */
  double recent[ADAPTIVE_MOST], sorted[ADAPTIVE_MOST];
};
double adaptive_level(const struct adaptive *a);
double adaptive_quantile(const struct adaptive *a);  /* none for too few outcomes; infinite: everything is in the set */
bool adaptive_add(struct adaptive *a, double score); /* 1 − the probability of what came; true: the set did not hold it */

/* ---- clouds ---- */
struct cloud { /* of rows of `count` numbers; NaN is missing */
  size_t count;
  double *mean, *scale; /* [count]; scale 1 where nothing varies */
  double *lower;        /* [count (count + 1) / 2]: Cholesky's lower half of the correlations, row by row */
};
bool cloud_fit(const struct cloud *c, const double *rows, size_t n);              /* rows [n × count]; false: none */
double cloud_distance(const struct cloud *c, const double *row, double *scratch); /* Mahalanobis'; `scratch` count numbers */

/* ---- combining ---- */
#define STACK_MOST 8   /* models in a combination */
#define STACK_ROWS 200 /* fewer: the weights that were given stay */
/* x ≥ 0 with the least sum of squares of columns · x − y. */
bool least_squares_positive(const double *const *columns, size_t count, const double *y, size_t n, double *x);
/* Weights that sum to 1, learned from predictions that were not trained on and pulled to `given` as by STACK_ROWS rows. False: `given`. */
bool stack_weights(const double *const *columns, size_t count, const double *y, size_t n, const double *given, double *weights);
/* The weighted mean of those parts that are there, each clamped to 0…1; none when none is. `apart`: the widest distance between two. */
double combine_weighted(const double *parts, const double *weights, size_t count, double *apart);

/* ---- groups: are predictions p of 0/1 outcomes as good for all? ---- */
#define SERVED_LEAST 30   /* people; a group with fewer is counted and compared with none */
#define SERVED_DEALS 1000 /* of the people to groups by chance */
struct serving {
  const double *p, *y;
  const uint32_t *person; /* of each row, below `people` */
  size_t rows;
  const uint32_t *group; /* of each person, below `groups` */
  uint32_t people, groups;
  double threshold; /* from which on p says yes */
};
struct served {
  double people, rows, yes, said, hits, wrong, predicted; /* said yes, and was right, or wrong, to; predicted: the sum of p */
};
/* Said yes of all, of those with a yes, of those with a no (demographic parity, equal opportunity, with both equalised odds); right; and by
 * how much p is above what came. */
enum gap { GAP_SAID, GAP_HITS, GAP_WRONG, GAP_ACCURACY, GAP_CALIBRATION, GAPS };
struct gap_chance {
  double expected, p, noticed; /* if groups meant nothing: the mean gap, how often it is as large, what only one in a hundred exceeds */
};
void served_count(const struct serving *in, const uint32_t *of, struct served *out); /* `of`: the group of each person; out [groups] */
double served_rate(const struct served *g, enum gap of);                             /* none: there is nobody of whom it could be said */
/* Largest less smallest, and smallest by largest (`ratio` may be NULL), of groups of SERVED_LEAST people; none for fewer than two. */
double served_gap(const struct served *g, uint32_t groups, enum gap of, double *ratio);
/* `dealt` [people] and `counts` [groups] are scratch. */
void served_chance(const struct serving *in, uint64_t seed, uint32_t *dealt, struct served *counts, struct gap_chance out[GAPS]);

/* ---- planning a comparison of two arms ---- */
struct plan {
  double base, difference; /* the control arm's mean, and what the other's is above it */
  double deviation;        /* of one person; none: the means are shares, and say it themselves */
  double share;            /* of the other arm, of both together */
  double alpha, power;     /* two-sided when looked at once; of the one bound when looked at always */
};
/* People of the control arm and of the other. `always`: for the bounds of anytime_difference, looked at after everybody. False: none, or
 * more than 1e15 of an arm. */
bool plan_people(const struct plan *p, bool always, double people[2]);
double plan_difference(const struct plan *p, bool always,
                       double n); /* the smallest above 0 that n of both show; none: even none so large */
/* (b - a) by their pooled deviation (Cohen's d); none for fewer than 2 on a side and where nothing varies. Of samples without clusters. */
double effect_size(const struct moments *a, const struct moments *b);

/* ---- beta and Student ---- */
double beta_below(double x, double a, double b); /* P(rate < x) */
double beta_quantile(double p, double a, double b);
double student_tail(double t, double df); /* P(T > t) */

/* ---- training load and plateaus ---- */
struct load {            /* of daily loads, the newest last; each none where it is not defined */
  double acute, chronic; /* means of 7 and of 28 days */
  double ratio;          /* coupled, at most 4; it describes, it does not predict injuries */
  double uncoupled;      /* to the 21 days before */
  double smooth;         /* ratio of two exponential means, 2/(7+1) and 2/(28+1) */
  double monotony, strain;
};
void load_measure(const double *daily, size_t days, struct load *out);
/* The noise of a series from its differences: 1.4826 × MAD of them / √2; `scratch` n numbers. */
double noise_of(const double *x, size_t n, double *scratch);
/* Where the mean changes: the exact least cost of squared distances plus `penalty` a change. `scratch` 4 (n + 1) numbers, `cuts` n; returns
 * how many cuts, ascending: a segment begins at each. */
size_t change_points(const double *x, size_t n, double penalty, double *scratch, size_t *cuts);
/* Bayesian online change points (Adams and MacKay): `out` gets n + 1 probabilities, that of r values since the last change at r; each value
 * changes the level with chance `hazard`. The prior of a level and its noise is normal-gamma (mean, weight, shape, rate). `likely` (may be
 * NULL) gets the most probable r after each value. `scratch` n + 1 numbers. */
struct level_prior {
  double mean, weight, shape, rate;
};
void run_lengths(const double *x, size_t n, double hazard, struct level_prior prior, double *out, size_t *likely, double *scratch);
/* Two one-sided tests: p of "the slope is outside ± margin"; small: the series is flat. None for n < 3. */
double flat_p(const double *x, const double *y, size_t n, double margin);
/* The median of the slopes of all pairs; `scratch` n (n − 1) / 2. */
double theil_sen(const double *x, const double *y, size_t n, double *scratch);

/* ---- drift: a sample against a reference ---- */
#define DRIFT_BINS 10
struct drift_bins { /* the reference's deciles, equal ones merged: bin i is (edge[i - 1], edge[i]], the last one open */
  uint32_t edges;
  double edge[DRIFT_BINS - 1];
};
void drift_edges(const double *sorted, size_t n, struct drift_bins *out);
uint32_t drift_bin(const struct drift_bins *b, double x);
/* Of counts in the same bins. PSI with shares of at least 1e-4, and how probable one as large is when nothing drifts; the Jensen-Shannon
 * distance to base 2, 0 to 1, of counts + 1/2. None for an empty side. */
double psi_of(const double *reference, const double *current, size_t bins);
double psi_p(double psi, double n, double m, size_t bins);
double js_distance(const double *reference, const double *current, size_t bins);
/* Two samples, both ascending: the largest distance of their distribution functions, with p for any sizes and exact for small ones; and the
 * mean distance that one must be moved to become the other. */
#define KS_EXACT_MOST 100
double ks_distance(const double *x, size_t n, const double *y, size_t m);
double ks_p(double d, size_t n, size_t m);
double ks_p_exact(double d, size_t n, size_t m); /* none when a sample is larger than KS_EXACT_MOST */
double wasserstein_distance(const double *x, size_t n, const double *y, size_t m);

/* ---- monitoring: one figure at a time ---- */
struct page_hinkley { /* begins as {0} */
  double n, mean, sum;
  bool alarm;
};
/* True: the mean has risen by more than `delta` for long enough that the excess reaches `lambda`; it begins anew then. */
bool page_hinkley_add(struct page_hinkley *p, double x, double delta, double lambda);
#define ADWIN_ROWS    40
#define ADWIN_BUCKETS 5
struct adwin { /* begins as {0}: a window of any length in buckets of 1, 2, 4, … */
  double width, total, variance;
  uint64_t seen;
  uint32_t rows;
  struct adwin_row {
    uint32_t count;
    double total[ADWIN_BUCKETS + 1], variance[ADWIN_BUCKETS + 1];
  } row[ADWIN_ROWS];
};
/* True: the older part of the window had another mean, with confidence 1 - delta, and was dropped. */
bool adwin_add(struct adwin *a, double x, double delta);
/* x against the figures before it, x not among them. None for fewer than Z_LEAST of them; infinite when they were all equal and x is not.
 */
#define Z_LEAST 8
double z_score(const double *before, size_t n, double x);
double z_score_robust(const double *before, size_t n, double x, double *scratch); /* by median and MAD; none for n = 0 */
#define RETRAIN_SHARE 0.95
bool retrain_is_due(double now, double baseline); /* of a figure that is better when higher (K04) */
double retrain_gain(double before, double after); /* relative (K03) */
/* Which of n p-values stand at a false discovery rate of `level` (Benjamini and Hochberg); returns how many. */
uint32_t false_discoveries(const double *p, size_t n, double level, bool *found);
