/* Exponential, logarithm, power and rounding with the same bits on every machine. Promises that only + - * / and sqrt of IEEE doubles are
 * used, in a fixed order, so replay on another processor or C library meets the same thresholds. The methods are the textbook's: reduce
 * the argument exactly, sum a Taylor series that converges beyond the last bit, compensate what the last additions lose. Does not set
 * errno or rounding modes. Called by every room on every thread. */
#include "kit/math.h"
#include "math_pair.h"
#include <math.h>
#include <stdint.h>
#include <string.h>

/* ln 2 as a 42-bit head, whose product with any exponent is exact, and the rest. */
#define LN2_HEAD 0x1.62e42fefa3800p-1
#define LN2_TAIL 0x1.ef35793c76730p-45
#define ONE_LN2  0x1.71547652b82fep+0

static uint64_t bits_of(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

static double from_bits(uint64_t bits) {
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

bool math_finite(double x) {
  return x - x == 0;
}

double math_sqrt(double x) {
  return sqrt(x);
} /* IEEE 754 demands the correctly rounded root everywhere */

double math_clamp(double x, double low, double high) {
  if (x < low) return low;
  return x > high ? high : x;
}

/* The product with 1e6 is looked at exactly: 0.4999999999999999e-6 must not be taken for a half. */
double math_round6(double x) {
  double size = fabs(x);
  if (!(size < 4e9)) return x; /* doubles are no finer than that there; also infinities and NaN */
  struct pair millionths = pair_product(size, 1e6);
  double whole = (double)(int64_t)millionths.high;
  double part = millionths.high - whole;
  if (part > 0.5 || (part == 0.5 && millionths.low >= 0)) whole += 1;
  if (whole == 0) return 0; /* without a sign */
  return (x < 0 ? -whole : whole) / 1e6;
}

/* --- exp --- */

/* 2^power times value, for value in (0.5, 2); the result may be subnormal, zero or infinite. */
static double scale(double value, int power) {
  if (power > 1023) return value * 0x1p1023 * from_bits((uint64_t)power << 52);
  if (power < -1021) return value * from_bits((uint64_t)(power + 1000 + 1023) << 52) * 0x1p-1000;
  return value * from_bits((uint64_t)(power + 1023) << 52);
}

/* Sum of r^(n-2)/n! for n from 2 to 14, |r| <= 0.347. */
static double exp_series(double r) {
  double sum = 1.0 / 87178291200.0;
  sum = sum * r + 1.0 / 6227020800.0;
  sum = sum * r + 1.0 / 479001600.0;
  sum = sum * r + 1.0 / 39916800.0;
  sum = sum * r + 1.0 / 3628800.0;
  sum = sum * r + 1.0 / 362880.0;
  sum = sum * r + 1.0 / 40320.0;
  sum = sum * r + 1.0 / 5040.0;
  sum = sum * r + 1.0 / 720.0;
  sum = sum * r + 1.0 / 120.0;
  sum = sum * r + 1.0 / 24.0;
  sum = sum * r + 1.0 / 6.0;
  return sum * r + 0.5;
}

/* exp(high + low) for |low| far below |high|. */
static double exp_of(double high, double low) {
  if (high > 710) return INFINITY;
  if (high < -746) return 0;
  int power = (int)(high * ONE_LN2 + (high < 0 ? -0.5 : 0.5));
  double head = high - power * LN2_HEAD; /* exact */
  double tail = power * LN2_TAIL - low;
  double r = head - tail;
  double lost = (head - r) - tail;
  double value = 1 + (r + (r * r * exp_series(r) + lost));
  return scale(value, power);
}

double math_exp(double x) {
  if (x != x) return x;
  return exp_of(x, 0);
}

/* --- log --- */

/* x = mantissa * 2^power with the mantissa in [sqrt 1/2, sqrt 2); x > 0 and finite. */
static double split(double x, int *power) {
  int shift = 0;
  if (x < 0x1p-1022) {
    x *= 0x1p54;
    shift = 54;
  }
  uint64_t bits = bits_of(x);
  *power = (int)(bits >> 52) - 1023 - shift;
  double mantissa = from_bits((bits & UINT64_C(0xFFFFFFFFFFFFF)) | UINT64_C(0x3FF0000000000000));
  if (mantissa >= 1.4142135623730951) {
    mantissa *= 0.5;
    ++*power;
  }
  return mantissa;
}

/* Sum of 2 z^n/(2n+3) from n = 0: what atanh(s) has beyond s, over s^3, twice; z = s^2 <= 0.0295. */
static double log_series(double z) {
  double sum = 2.0 / 25;
  sum = sum * z + 2.0 / 23;
  sum = sum * z + 2.0 / 21;
  sum = sum * z + 2.0 / 19;
  sum = sum * z + 2.0 / 17;
  sum = sum * z + 2.0 / 15;
  sum = sum * z + 2.0 / 13;
  sum = sum * z + 2.0 / 11;
  sum = sum * z + 2.0 / 9;
  sum = sum * z + 2.0 / 7;
  sum = sum * z + 2.0 / 5;
  return sum * z + 2.0 / 3;
}

/* With s = f/(2+f): log(1+f) = 2 atanh(s) = 2s + s R, and 2s = f - s f, so only the small term s (f - R) is rounded. */
double math_log(double x) {
  if (x != x || x == INFINITY) return x;
  if (x <= 0) return x == 0 ? -INFINITY : NAN;
  int power;
  double f = split(x, &power) - 1; /* exact */
  double s = f / (2 + f);
  double z = s * s;
  double small = s * (f - z * log_series(z));
  if (power == 0) return f - small;
  return power * LN2_HEAD - ((small - power * LN2_TAIL) - f);
}

/* --- pow --- */

/* Sum of 2 z^n/(2n+5) from n = 0: from the fifth power of s on, where a double is precise enough. */
static double log_series_far(double z) {
  double sum = 2.0 / 27;
  sum = sum * z + 2.0 / 25;
  sum = sum * z + 2.0 / 23;
  sum = sum * z + 2.0 / 21;
  sum = sum * z + 2.0 / 19;
  sum = sum * z + 2.0 / 17;
  sum = sum * z + 2.0 / 15;
  sum = sum * z + 2.0 / 13;
  sum = sum * z + 2.0 / 11;
  sum = sum * z + 2.0 / 9;
  sum = sum * z + 2.0 / 7;
  return sum * z + 2.0 / 5;
}

/* log x to about 65 bits, since pow multiplies its error by up to 745. */
static struct pair log_pair(double x) {
  static const struct pair two_thirds = {0x1.5555555555555p-1, 0x1.5555555555555p-55};
  int power;
  double f = split(x, &power) - 1;
  struct pair s = pair_divide((struct pair){f, 0}, pair_sum(2, f));
  struct pair square = pair_multiply(s, s);
  struct pair cube = pair_multiply(square, s);
  double far = cube.high * square.high * log_series_far(square.high);
  struct pair sum = pair_add((struct pair){2 * s.high, 2 * s.low}, pair_multiply(cube, two_thirds));
  sum = pair_add(sum, (struct pair){far, 0});
  struct pair exponent = pair_quick_sum(power * LN2_HEAD, power * LN2_TAIL);
  return power == 0 ? sum : pair_add(exponent, sum);
}

static double pow_positive(double x, double y) {
  if (x == 1) return 1;
  struct pair l = log_pair(x);
  double rough = l.high * y;
  if (rough > 800) return INFINITY;
  if (rough < -800) return 0;
  if (fabs(y) < 0x1p-200) return 1; /* and keeps the exact product below away from subnormals */
  struct pair product = pair_multiply(l, (struct pair){y, 0});
  return exp_of(product.high, product.low);
}

static bool is_integer(double y) {
  return fabs(y) >= 0x1p53 || (double)(int64_t)y == y;
}

static bool is_odd(double y) {
  return fabs(y) < 0x1p53 && (double)(int64_t)y == y && ((int64_t)y & 1);
}

/* As C says (7.12.7.4, F.10.4.4): pow(x, 0) and pow(1, y) are 1 even for NaN. */
double math_pow(double x, double y) {
  if (y == 0 || x == 1) return 1;
  if (x != x || y != y) return NAN;
  double size = fabs(x);
  bool minus = signbit(x) && is_odd(y);
  if (!math_finite(y)) {
    if (size == 1) return 1;
    return (size > 1) == (y > 0) ? INFINITY : 0;
  }
  if (size == 0 || size == INFINITY) {
    double limit = (size == 0) == (y > 0) ? 0 : INFINITY;
    return minus ? -limit : limit;
  }
  if (x < 0 && !is_integer(y)) return NAN;
  double value = pow_positive(size, y);
  return minus ? -value : value;
}
