/* Double-double, private to kit: a number as the unevaluated sum of two doubles, about 106 bits. Built on exact sums (Knuth) and exact
 * products (Dekker), which need round-to-nearest and no fused or wider arithmetic: the build gives both. */
#pragma once

struct pair {
  double high, low;
};

/* a + b exactly. */
static inline struct pair pair_sum(double a, double b) {
  double high = a + b;
  double part = high - a;
  return (struct pair){high, (a - (high - part)) + (b - part)};
}

/* a + b exactly, when |a| >= |b| or a is 0. */
static inline struct pair pair_quick_sum(double a, double b) {
  double high = a + b;
  return (struct pair){high, b - (high - a)};
}

/* a * b exactly, for |a|, |b| < 2^990 and a product that is not subnormal. */
static inline struct pair pair_product(double a, double b) {
  const double splitter = 134217729.0; /* 2^27 + 1 */
  double c = splitter * a;
  double a_high = c - (c - a);
  double a_low = a - a_high;
  c = splitter * b;
  double b_high = c - (c - b);
  double b_low = b - b_high;
  double high = a * b;
  return (struct pair){high, ((a_high * b_high - high) + a_high * b_low + a_low * b_high) + a_low * b_low};
}

static inline struct pair pair_add(struct pair a, struct pair b) {
  struct pair s = pair_sum(a.high, b.high);
  return pair_quick_sum(s.high, s.low + (a.low + b.low));
}

static inline struct pair pair_multiply(struct pair a, struct pair b) {
  struct pair p = pair_product(a.high, b.high);
  return pair_quick_sum(p.high, p.low + (a.high * b.low + a.low * b.high));
}

static inline struct pair pair_divide(struct pair a, struct pair b) {
  double quotient = a.high / b.high;
  struct pair back = pair_product(quotient, b.high);
  double rest = ((a.high - back.high) - back.low) + a.low - quotient * b.low;
  return pair_quick_sum(quotient, rest / b.high);
}
