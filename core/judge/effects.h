/* Inside judge: what happened in the time after somebody was exposed, and what it makes of a metric. */
#pragma once
#include "judge.h"

struct aftermath {
  double of, sum, over; /* events that count, the sum of their numbers, events that they are a share of */
};
void aftermath_add(struct aftermath *a, bool of, double number, bool over);
double aftermath_outcome(const struct aftermath *a, enum measure_kind kind); /* none: nothing is known */
