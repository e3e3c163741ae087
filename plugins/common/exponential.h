/* e^x for x ≤ 0 without libm: only + − × on doubles in one order, so the same bits on every machine and whether the compiler works on one
 * number or on eight side by side. */
#ifndef KAIROS_COMMON_EXPONENTIAL_H
#define KAIROS_COMMON_EXPONENTIAL_H
#include <stdint.h>
#include <string.h>

/* Within 2 units in the last place; below −708, where it is next to the smallest double, e^−708; NaN gives e^−708 too. 2^k · e^r with r
 * within ± ln2 / 2: the Taylor series to r^13 leaves less than 5e-18. Added up in pairs, so that no long chain has to be waited for. */
static inline double exp_down(double x) {
  const double shifter = 0x1.8p52; /* adding it leaves the nearest integer in the low bits */
  x = x > -708.0 ? x : -708.0;
  const double t = x * 0x1.71547652b82fep0 + shifter, n = t - shifter;
  const double r = (x - n * 0x1.62e42fefa0000p-1) - n * 0x1.cf79abc9e3b3ap-40;
  const double r2 = r * r, r4 = r2 * r2, r8 = r4 * r4;
  const double a = (1.0 + r) + r2 * (0.5 + r * (1.0 / 6));
  const double b = (1.0 / 24 + r * (1.0 / 120)) + r2 * (1.0 / 720 + r * (1.0 / 5040));
  const double c = (1.0 / 40320 + r * (1.0 / 362880)) + r2 * (1.0 / 3628800 + r * (1.0 / 39916800));
  const double d = 1.0 / 479001600 + r * (1.0 / 6227020800);
  const double p = (a + r4 * b) + r8 * (c + r4 * d);
  uint64_t bits, power;
  memcpy(&bits, &p, sizeof bits);
  memcpy(&power, &t, sizeof power);
  bits += power << 52;
  double y;
  memcpy(&y, &bits, sizeof y);
  return y;
}

/* 1 / (1 + e^−x), from the side where nothing is lost. */
static inline double logistic(double x) {
  const double e = exp_down(x < 0 ? x : -x), share = 1 / (1 + e);
  return x < 0 ? e * share : share;
}

#endif
