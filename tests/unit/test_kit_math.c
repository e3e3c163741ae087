/* rooms: kit */
/* Promise: kit's mathematics is within 2 ulp (pow 4) of the true value over its whole range, obeys C's rules at the edges, and has the very
 * bits written down here on every machine and compiler. The reference is long double, which has eleven bits more where it counts. */
#include "kit/math.h"
#include "kit/rng.h"
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define POINTS 200000

static double ulp_of(double x) {
  x = fabs(x);
  return nextafter(x, INFINITY) - x;
}

static double off_by(double got, long double wanted) {
  if ((double)wanted == got) return 0;
  long double distance = ((long double)got - wanted) / (long double)ulp_of((double)wanted);
  return (double)fabsl(distance);
}

static double between(struct rng *r, double low, double high) {
  return low + (high - low) * rng_uniform(r);
}

static void assert_within(const char *what, double worst, double at, double most) {
  if (worst > most || worst != worst) fail_msg("%s is %.3f ulp off at %.17g, promised %.1f", what, worst, at, most);
}

static void worst_of(const char *what, double (*ours)(double), long double (*reference)(long double), double low, double high,
                     double most) {
  struct rng r = rng_from(7);
  double worst = 0;
  double worst_at = 0;
  for (int i = 0; i < POINTS; i++) {
    double x = between(&r, low, high);
    double off = off_by(ours(x), reference((long double)x));
    if (off > worst) {
      worst = off;
      worst_at = x;
    }
  }
  assert_within(what, worst, worst_at, most);
}

static void exp_is_close(void **state) {
  (void)state;
  worst_of("exp", math_exp, expl, -1, 1, 2);
  worst_of("exp", math_exp, expl, -700, 709, 2);
  worst_of("exp", math_exp, expl, -1e-8, 1e-8, 2);
}

static void log_is_close(void **state) {
  (void)state;
  worst_of("log", math_log, logl, 0.5, 2, 2);
  worst_of("log", math_log, logl, 0.999, 1.001, 2);
  worst_of("log", math_log, logl, 1e-6, 1e6, 2);
  worst_of("log", math_log, logl, 0, 1e-300, 2);
  worst_of("log", math_log, logl, 1e-312, 1e-308, 2);
}

static void sin_and_cos_are_close(void **state) {
  (void)state;
  double ranges[] = {0.8, 7, 100, 1e5};
  for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
    worst_of("sin", math_sin, sinl, -ranges[i], ranges[i], 2);
    worst_of("cos", math_cos, cosl, -ranges[i], ranges[i], 2);
  }
}

/* Where a reduction by a short pi/2 loses everything: the doubles nearest to its multiples. */
static void sin_and_cos_hold_near_quarter_turns(void **state) {
  (void)state;
  const long double half_pi = 1.57079632679489661923132169163975144L;
  for (int n = 1; n < 63000; n++) {
    double x = (double)(n * half_pi);
    double sine = off_by(math_sin(x), sinl((long double)x));
    double cosine = off_by(math_cos(x), cosl((long double)x));
    assert_within("sin near a quarter turn", sine, x, 2);
    assert_within("cos near a quarter turn", cosine, x, 2);
  }
}

static void atan2_is_close_in_every_direction(void **state) {
  (void)state;
  struct rng r = rng_from(9);
  double worst = 0;
  double worst_at = 0;
  for (int i = 0; i < 2 * POINTS; i++) {
    double y = between(&r, -1, 1);
    double x = between(&r, -1, 1);
    if (i % 4 == 1) y *= 1e-9;
    if (i % 4 == 2) x = ldexp(x, 990);
    if (i % 4 == 2) y = ldexp(y, 995);
    if (i % 4 == 3) x = ldexp(x, -1000);
    if (i % 4 == 3) y = ldexp(y, -1003);
    double off = off_by(math_atan2(y, x), atan2l((long double)y, (long double)x));
    if (off > worst) {
      worst = off;
      worst_at = y / x;
    }
  }
  assert_within("atan2", worst, worst_at, 2);
}

static void pow_is_close(void **state) {
  (void)state;
  struct rng r = rng_from(11);
  double worst = 0;
  double worst_at = 0;
  double worst_far = 0;
  for (int i = 0; i < POINTS; i++) {
    double x = i % 2 ? between(&r, 0, 2) : exp(between(&r, -50, 50));
    double y = between(&r, -60, 60);
    if (!(x > 0)) continue;
    double size = fabs(y * log(x));
    if (size > 690) continue;
    double off = off_by(math_pow(x, y), powl((long double)x, (long double)y));
    if (size < 50 && off > worst) {
      worst = off;
      worst_at = x;
    }
    if (off > worst_far) worst_far = off;
  }
  assert_within("pow", worst, worst_at, 4);
  assert_within("pow far out", worst_far, 0, 8);
}

static void edges_are_as_in_c(void **state) {
  (void)state;
  assert_true(math_exp(INFINITY) == INFINITY && math_exp(-INFINITY) == 0 && math_exp(0) == 1);
  assert_true(math_exp(710) == INFINITY && math_exp(-746) == 0 && math_exp(-745.1) > 0 && isnan(math_exp(NAN)));
  assert_true(math_log(0) == -INFINITY && math_log(1) == 0 && math_log(INFINITY) == INFINITY);
  assert_true(isnan(math_log(-1)) && isnan(math_log(NAN)));
  assert_true(isnan(math_sin(INFINITY)) && isnan(math_cos(NAN)) && isnan(math_sin(2e5)));
  assert_true(math_sin(0) == 0 && signbit(math_sin(-0.0)) && math_cos(0) == 1);
  const double values[] = {-INFINITY, -2.5, -2, -1, -0.5, -0.0, 0, 0.5, 1, 2, 3, 2.5, 1e300, INFINITY, NAN};
  size_t n = sizeof values / sizeof *values;
  for (size_t i = 0; i < n; i++) {
    for (size_t k = 0; k < n; k++) {
      double x = values[i];
      double y = values[k];
      double got = math_pow(x, y);
      double wanted = pow(x, y);
      bool same = (isnan(got) && isnan(wanted)) || got == wanted || off_by(got, (long double)wanted) <= 4;
      if (!same || (!isnan(got) && signbit(got) != signbit(wanted))) fail_msg("pow(%g, %g) is %g, C says %g", x, y, got, wanted);
      got = math_atan2(x, y);
      wanted = atan2(x, y);
      same = (isnan(got) && isnan(wanted)) || off_by(got, (long double)wanted) <= 2;
      if (!same || (!isnan(got) && signbit(got) != signbit(wanted))) fail_msg("atan2(%g, %g) is %g, C says %g", x, y, got, wanted);
    }
  }
}

static uint64_t bits_of(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

/* The sum of all bits over a fixed walk: another compiler, processor or library must come to the same number. */
static void bits_are_the_same_everywhere(void **state) {
  (void)state;
  struct rng r = rng_from(2025);
  uint64_t sum = 0;
  for (int i = 0; i < 50000; i++) {
    double x = between(&r, -20, 20);
    double y = between(&r, 0.01, 9);
    sum = sum * 31 + bits_of(math_exp(x));
    sum = sum * 31 + bits_of(math_log(y));
    sum = sum * 31 + bits_of(math_pow(y, x));
    sum = sum * 31 + bits_of(math_sin(x));
    sum = sum * 31 + bits_of(math_cos(x * 1000));
    sum = sum * 31 + bits_of(math_atan2(x, y));
    sum = sum * 31 + bits_of(math_sqrt(y));
    sum = sum * 31 + bits_of(math_round6(x));
  }
  if (sum != UINT64_C(0x06d9c0892889bda2)) fail_msg("the walk ends at 0x%016" PRIx64, sum);
}

static void beliefs_round_to_six_places(void **state) {
  (void)state;
  assert_true(math_round6(0.81) == 0.81);
  assert_true(math_round6(0.1234564999) == 0.123456);
  assert_true(math_round6(0.1234565001) == 0.123457);
  assert_true(math_round6(-0.1234565001) == -0.123457);
  assert_true(math_round6(1.0 / 3) == 0.333333);
  assert_true(math_round6(2.0 / 3) == 0.666667);
  assert_true(math_round6(0x1p-7) == 0.007813); /* 0.0078125 is an exact half: away from zero */
  assert_true(math_round6(-0x1p-7) == -0.007813);
  assert_true(math_round6(0.49999999999999994e-6) == 0);
  assert_true(!signbit(math_round6(-1e-9)));
  assert_true(math_round6(5e12 + 0.25) == 5e12 + 0.25);
  assert_true(isnan(math_round6(NAN)) && math_round6(INFINITY) == INFINITY);
  struct rng r = rng_from(3);
  for (int i = 0; i < 100000; i++) {
    double x = between(&r, -1000, 1000);
    double once = math_round6(x);
    assert_true(fabs(once - x) <= 0.5000001e-6);
    assert_true(math_round6(once) == once);
  }
}

static void clamp_and_finite(void **state) {
  (void)state;
  assert_true(math_clamp(2, 0, 1) == 1 && math_clamp(-2, 0, 1) == 0 && math_clamp(0.5, 0, 1) == 0.5);
  assert_true(isnan(math_clamp(NAN, 0, 1)));
  assert_true(math_finite(1e308) && !math_finite(INFINITY) && !math_finite(-INFINITY) && !math_finite(NAN));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(exp_is_close),
      cmocka_unit_test(log_is_close),
      cmocka_unit_test(sin_and_cos_are_close),
      cmocka_unit_test(sin_and_cos_hold_near_quarter_turns),
      cmocka_unit_test(atan2_is_close_in_every_direction),
      cmocka_unit_test(pow_is_close),
      cmocka_unit_test(edges_are_as_in_c),
      cmocka_unit_test(bits_are_the_same_everywhere),
      cmocka_unit_test(beliefs_round_to_six_places),
      cmocka_unit_test(clamp_and_finite),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
