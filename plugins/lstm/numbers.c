/* Exponential, sigmoid, loss and chance by nothing but + - × / on doubles and integers, in a fixed order: the same bits on every machine
 * and from every compiler, with no mathematics of the C library. Pure functions, any thread. */
#include "lstm.h"
#include <string.h>

/* 2^k · e^r with r within ± ln 2 / 2: the Taylor series to r^13 leaves less than 5e-18. */
double number_exp(double x) {
  static const double inverse[] = {1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040,
                                   1.0 / 720,        1.0 / 120,       1.0 / 24,       1.0 / 6,       0.5,          1.0,         1.0};
  const double round = 0x1.8p52; /* adding it leaves the nearest integer in the low bits */
  x = x < -700 ? -700 : x > 700 ? 700 : x;
  const double t = x * 0x1.71547652b82fep0 + round, n = t - round;
  const double r = (x - n * 0x1.62e42fefa0000p-1) - n * 0x1.cf79abc9e3b3ap-40;
  double p = inverse[0];
  for (size_t i = 1; i < sizeof inverse / sizeof *inverse; i++) p = p * r + inverse[i];
  uint64_t bits, shift;
  memcpy(&bits, &p, sizeof bits);
  memcpy(&shift, &t, sizeof shift);
  bits += shift << 52;
  memcpy(&p, &bits, sizeof p);
  return p;
}

double number_sigmoid(double x) {
  const double e = number_exp(x < 0 ? x : -x);
  return x < 0 ? e / (1 + e) : 1 / (1 + e);
}

/* ln(1 + e) for e from 0 to 1 is 2 artanh(e / (2 + e)), whose argument is at most 1/3. */
static double log_of_one_and(double e) {
  const double s = e / (2 + e), square = s * s;
  double sum = 0;
  for (int k = 33; k >= 1; k -= 2) sum = sum * square + 1.0 / k;
  return 2 * s * sum;
}

double number_loss(double logit, double target) {
  const double positive = logit > 0 ? logit : 0, size = logit > 0 ? logit : -logit;
  return positive - logit * target + log_of_one_and(number_exp(-size));
}

uint64_t number_draw(uint64_t *state) {
  uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
  z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
  return z ^ (z >> 31);
}

double number_unit(uint64_t *state) {
  return (double)(number_draw(state) >> 11) * 0x1p-53;
}
