/* anytime: means of samples, and bounds of them that may be looked at after every observation. A header of its own for rooms that hand
 * samples on and need none of the rest. All functions are [any]. */
#pragma once
#include <stddef.h>

struct moments {
  double n, mean, variance; /* variance: ddof 1; the mean is none for n = 0 */
  double clusters;          /* people behind the n, where one gives several; variance / n is the squared error then too. 0: one each */
};
struct moments moments_of(const double *x, size_t n);
/* Whether `counts` are drawn as `weights` (of sum 1) say, looked at after every draw: p that is below alpha, ever, in a share alpha of
 * cases at most. None for fewer than 2 cells, a weight that is not positive, or fewer than CELL_LEAST expected in a cell. */
#define CELL_LEAST 8.0
double ratio_always_p(const double *counts, const double *weights, size_t cells);
double ratio_evidence(const double *counts, const double *weights, size_t cells, double concentration); /* log Bayes factor against it */
struct bounded {
  double estimate, low, high; /* each bound by itself holds at all times together with confidence 1 - alpha */
  double p;                   /* of nothing there, two-sided: below any level, ever, in that share of cases at most */
};
#define ANYTIME_LEAST                                                                                                                      \
  100.0 /* with fewer (people, where there are clusters) in a sample all three are none: the bounds are asymptotic. So without variance */
double anytime_width(double square, double n, double alpha); /* from the estimate to a bound; n behind an error of that square */
struct bounded anytime_mean(const struct moments *s, double alpha);
struct bounded anytime_difference(const struct moments *a, const struct moments *b, double alpha); /* b less a */
/* The same where the samples are not independent: `square` is the squared standard error of the difference. */
struct bounded anytime_apart(const struct moments *a, const struct moments *b, double square, double alpha);
struct bounded anytime_lift(const struct moments *a, const struct moments *b,
                            double alpha); /* (b - a) / |a|, by the delta method; none: a is 0 */
