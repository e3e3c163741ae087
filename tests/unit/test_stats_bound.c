/* rooms: stats kit */
/* The lower bound of a share that may be looked at after every count: expected values by mpmath at 40 digits, and the promise itself, that
 * looking all the time is wrong no more often than alpha. */
#include "kit/rng.h"
#include "stats/stats.h"
#include "vectors.h"

static void bounds_are_accurate(void **state) {
  (void)state;
  static const double cases[][3] = {{1, 1, 0.025641025641025641},    {2, 2, 0.13893901964695468},     {8, 30, 0.081496527391799629},
                                    {18, 30, 0.3434323579092018},    {3, 100, 0.0015263254157159429}, {60, 1000, 0.036028235602865379},
                                    {500, 1000, 0.44708114626551859}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    assert_close(share_low(cases[i][0], cases[i][1], 0.05), cases[i][2], 1e-7, "bound");
  assert_true(share_low(0, 0, 0.05) == 0 && share_low(0, 1000, 0.05) == 0);
  assert_true(share_low(1000, 1000, 0.05) > 0.99 && share_low(1000, 1000, 0.05) < 1);
}

static void bounds_grow_with_what_is_known(void **state) {
  (void)state;
  double before = 0;
  for (double n = 10; n <= 10000; n *= 2) {
    double low = share_low(n / 5, n, 0.05);
    assert_true(low > before && low < 0.2);
    before = low;
  }
  assert_true(before > 0.17);
  assert_true(share_low(20, 100, 0.01) < share_low(20, 100, 0.05));
}

/* 400 rollouts of 200 people each, looked at after every one. */
static void looking_always_is_wrong_rarely(void **state) {
  (void)state;
  static const double shares[] = {0.03, 0.3};
  struct rng chance = rng_from(11);
  for (size_t k = 0; k < 2; k++) {
    int wrong = 0;
    for (int run = 0; run < 400; run++) {
      int bad = 0, crossed = 0;
      for (int n = 1; n <= 200 && !crossed; n++) {
        if (rng_uniform(&chance) >= shares[k]) continue;
        crossed = share_low(++bad, n, 0.05) > shares[k]; /* it can only cross where the count rises */
      }
      wrong += crossed;
    }
    assert_in_range(wrong, 0, 33); /* 20 at most are meant; three standard errors more */
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(bounds_are_accurate), cmocka_unit_test(bounds_grow_with_what_is_known),
                                     cmocka_unit_test(looking_always_is_wrong_rarely)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
