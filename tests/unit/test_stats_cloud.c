/* rooms: stats kit */
/* Mahalanobis' distance is that of the rows' own covariance (METHODS 2.5): held to what is worked out by hand, blind to units, finite where
 * inputs never vary or say the same, and large where each input is usual and the two together are not. */
#include "stats/stats.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define ROWS 400

static double mean[3], scale[3], lower[6], scratch[3];

static struct cloud cloud_of(size_t count) {
  return (struct cloud){count, mean, scale, lower};
}

static void near(double got, double expected, double within) {
  if (!(got >= expected - within && got <= expected + within)) fail_msg("expected %.9g, got %.9g", expected, got);
}

/* Two inputs that are as good as one, from a grid without chance: y = x and a little of its own. */
static void fill(double *rows, double unit) {
  for (int r = 0; r < ROWS; r++) {
    const double x = (r % 20 - 9.5) / 5.766281297335398, own = (r / 20 - 9.5) / 5.766281297335398; /* mean 0, variance 1 */
    rows[2 * r] = 3 + x;
    rows[2 * r + 1] = unit * (7 + .8 * x + .6 * own); /* correlation .8 */
  }
}

static void distances_are_those_of_the_covariance(void **state) {
  (void)state;
  static double rows[2 * ROWS];
  const struct cloud c = cloud_of(2);
  for (double unit = 1; unit < 1e7; unit *= 1000) {
    fill(rows, unit);
    assert_true(cloud_fit(&c, rows, ROWS));
    near(mean[0], 3, 1e-9);
    near(scale[1], unit, 1e-9 * unit);
    /* (1, .8; .8, 1) and a thousandth: the inverse is (d, -o; -o, d) / (d² − o²) */
    const double d = 1.001, o = .8, det = d * d - o * o;
    near(cloud_distance(&c, (double[]){3, 7 * unit}, scratch), 0, 1e-9);
    near(cloud_distance(&c, (double[]){3 + 2, (7 + 2) * unit}, scratch), math_sqrt(4 * (2 * d - 2 * o) / det), 1e-7);
    near(cloud_distance(&c, (double[]){3 + 2, (7 - 2) * unit}, scratch), math_sqrt(4 * (2 * d + 2 * o) / det), 1e-7);
    near(cloud_distance(&c, (double[]){3 + 2, STATS_NONE}, scratch), math_sqrt(4 * d / det), 1e-7); /* missing: the mean */
  }
  assert_true(cloud_distance(&c, (double[]){5, 5e6}, scratch) > 2 * cloud_distance(&c, (double[]){5, 9e6}, scratch));
}

static void what_never_varies_does_no_harm(void **state) {
  (void)state;
  double rows[3 * 8];
  const struct cloud c = cloud_of(3);
  for (int r = 0; r < 8; r++) {
    rows[3 * r] = r % 2;
    rows[3 * r + 1] = 2.0 * (r % 2); /* says the same */
    rows[3 * r + 2] = 5;             /* says nothing */
  }
  assert_true(cloud_fit(&c, rows, 8));
  near(cloud_distance(&c, (double[]){1, 2, 5}, scratch), 1, .01);
  assert_true(cloud_distance(&c, (double[]){1, 0, 5}, scratch) > 30);
  assert_true(cloud_distance(&c, (double[]){1, 2, 8}, scratch) > 30);
  for (int i = 0; i < 24; i++) rows[i] = STATS_NONE;
  assert_true(cloud_fit(&c, rows, 8)); /* nothing was ever known: every row that has anything is far from it */
  assert_true(cloud_distance(&c, (double[]){1, 0, 0}, scratch) > 30);
  assert_false(cloud_fit(&c, rows, 0));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(distances_are_those_of_the_covariance),
                                     cmocka_unit_test(what_never_varies_does_no_harm)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
