/* Sine, cosine and arc tangent with the same bits on every machine: the half of kit/math.h that goes in circles. Promises and methods as in
 * math.c. sin and cos answer NaN beyond 1e5, where the reduction by pi/2 would no longer be exact enough. Called by every room on every
 * thread. */
#include "kit/math.h"
#include "math_pair.h"
#include <math.h>

/* --- sin and cos --- */

/* pi/2 in three pieces of 33 bits, whose products with the number of quarter turns are exact, and the rest. */
#define QUARTER_1 0x1.921fb54400000p+0
#define QUARTER_2 0x1.0b4611a600000p-34
#define QUARTER_3 0x1.3198a2e000000p-69
#define QUARTER_4 0x1.b839a252049c1p-104
#define TWO_PI_TH 0x1.45f306dc9c883p-1
#define FARTHEST  1e5

/* x minus the nearest multiple of pi/2, within pi/4 around zero; `quarters` says which multiple, modulo 4. */
static struct pair reduce(double x, int *quarters) {
  int n = (int)(x * TWO_PI_TH + (x < 0 ? -0.5 : 0.5));
  *quarters = n & 3;
  if (n == 0) return (struct pair){x, 0};
  struct pair rest = pair_sum(x - n * QUARTER_1, -n * QUARTER_2);
  rest = pair_add(rest, (struct pair){-n * QUARTER_3, -n * QUARTER_4});
  return rest;
}

static double sin_near(struct pair x) {
  double z = x.high * x.high;
  double sum = -1.0 / 121645100408832000.0;
  sum = sum * z + 1.0 / 355687428096000.0;
  sum = sum * z - 1.0 / 1307674368000.0;
  sum = sum * z + 1.0 / 6227020800.0;
  sum = sum * z - 1.0 / 39916800.0;
  sum = sum * z + 1.0 / 362880.0;
  sum = sum * z - 1.0 / 5040.0;
  sum = sum * z + 1.0 / 120.0;
  sum = sum * z - 1.0 / 6.0;
  return x.high + (x.high * z * sum + x.low * (1 - 0.5 * z));
}

static double cos_near(struct pair x) {
  double z = x.high * x.high;
  double sum = 1.0 / 2432902008176640000.0;
  sum = sum * z - 1.0 / 6402373705728000.0;
  sum = sum * z + 1.0 / 20922789888000.0;
  sum = sum * z - 1.0 / 87178291200.0;
  sum = sum * z + 1.0 / 479001600.0;
  sum = sum * z - 1.0 / 3628800.0;
  sum = sum * z + 1.0 / 40320.0;
  sum = sum * z - 1.0 / 720.0;
  sum = sum * z + 1.0 / 24.0;
  struct pair first = pair_quick_sum(1, -0.5 * z); /* keeps what 1 - z/2 loses */
  return first.high + (first.low + (z * z * sum - x.high * x.low));
}

double math_sin(double x) {
  if (x == 0) return x; /* keeps the sign of zero */
  if (!(fabs(x) <= FARTHEST)) return NAN;
  int quarters;
  struct pair near = reduce(x, &quarters);
  double value = quarters & 1 ? cos_near(near) : sin_near(near);
  return quarters & 2 ? -value : value;
}

double math_cos(double x) {
  if (!(fabs(x) <= FARTHEST)) return NAN;
  int quarters;
  struct pair near = reduce(x, &quarters);
  double value = quarters & 1 ? sin_near(near) : cos_near(near);
  return quarters == 1 || quarters == 2 ? -value : value;
}

/* --- atan2 --- */

static const struct pair pi = {0x1.921fb54442d18p+1, 0x1.1a62633145c07p-53};
static const struct pair half_pi = {0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54};
static const struct pair quarter_pi = {0x1.921fb54442d18p-1, 0x1.1a62633145c07p-55};
static const struct pair atan_half = {0x1.dac670561bb4fp-2, 0x1.a2b7f222f65e2p-56};

/* atan(u) - u for |u| <= 1/4. */
static double atan_series(double u) {
  double z = u * u;
  double sum = -1.0 / 27;
  sum = sum * z + 1.0 / 25;
  sum = sum * z - 1.0 / 23;
  sum = sum * z + 1.0 / 21;
  sum = sum * z - 1.0 / 19;
  sum = sum * z + 1.0 / 17;
  sum = sum * z - 1.0 / 15;
  sum = sum * z + 1.0 / 13;
  sum = sum * z - 1.0 / 11;
  sum = sum * z + 1.0 / 9;
  sum = sum * z - 1.0 / 7;
  sum = sum * z + 1.0 / 5;
  sum = sum * z - 1.0 / 3;
  return u * z * sum;
}

/* Angle of a slope 0 <= y/x <= 1, as a pair: atan(c) + atan((y - c x) / (x + c y)) for c of 0, 1/2, 1, where y - c x is exact. */
static struct pair atan_octant(double y, double x) {
  if (4 * y < x) {
    struct pair u = pair_divide((struct pair){y, 0}, (struct pair){x, 0});
    return pair_quick_sum(u.high, u.low + atan_series(u.high));
  }
  struct pair base = 4 * y < 3 * x ? atan_half : quarter_pi;
  double c = 4 * y < 3 * x ? 0.5 : 1.0;
  struct pair u = pair_divide((struct pair){y - c * x, 0}, pair_sum(x, c * y));
  struct pair angle = pair_sum(base.high, u.high);
  return pair_quick_sum(angle.high, angle.low + (base.low + (u.low + atan_series(u.high))));
}

/* Both sizes brought near 1 where the exact steps of atan_octant have room; a slope too small for that is its own angle. */
static struct pair atan_slope(double y, double x) {
  if (y < x * 0x1p-60) return (struct pair){y / x, 0};
  if (x > 0x1p900) return atan_octant(y * 0x1p-900, x * 0x1p-900);
  if (x < 0x1p-800) return atan_octant(y * 0x1p900, x * 0x1p900);
  return atan_octant(y, x);
}

static struct pair minus(struct pair a) {
  return (struct pair){-a.high, -a.low};
}

/* Infinities count as equally far: their slope is 1 or 0. */
static struct pair atan_first_quadrant(double y, double x) {
  if (y == INFINITY && x == INFINITY) return quarter_pi;
  if (y == 0 || x == INFINITY) return (struct pair){0, 0};
  if (x == 0 || y == INFINITY) return half_pi;
  return y <= x ? atan_slope(y, x) : pair_add(half_pi, minus(atan_slope(x, y)));
}

double math_atan2(double y, double x) {
  if (x != x || y != y) return NAN;
  struct pair angle = atan_first_quadrant(fabs(y), fabs(x));
  if (signbit(x)) angle = pair_add(pi, minus(angle));
  double value = angle.high + angle.low;
  return signbit(y) ? -value : value;
}
