/* Inside judge: what happened in the time after somebody was exposed, and what it makes of a metric. */
#pragma once
#include "judge.h"

struct aftermath {
  double of, sum, over; /* events that count, the sum of their numbers, events that they are a share of */
};
void aftermath_add(struct aftermath *a, bool of, double number, bool over);
double aftermath_outcome(const struct aftermath *a, enum measure_kind kind); /* none: nothing is known */
/* The variance of whether something happened where it did to all of `n`, or to nobody: as if it had to one more, and to one more had not. A
 * sample of shares without any variance is not one of which nothing is known. */
static inline double settled_variance(double mean, double n) {
  const double p = (mean * n + 1) / (n + 2);
  return p * (1 - p);
}
