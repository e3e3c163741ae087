/* rooms: compute stats kit */
/* Champions are what they are called: logistic regression ends at its optimum, whatever the data; the last value is a rate of what came
 * before; and a gain over them is judged person by person. */
#include "compute/compute.h"
#include "kit/math.h"
#include "kit/rng.h"
#include "stats/stats.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void near(double got, double wanted, double tolerance) {
  if (!(got - wanted <= tolerance && wanted - got <= tolerance)) fail_msg("expected %.12g, got %.12g", wanted, got);
}

/* ---- logistic regression ---- */

static void closed_forms_come_out(void **state) {
  (void)state;
  double beta[2], scratch[8];
  const double y[] = {1, 1, 1, 0, 1, 0, 0, 0, 0, 0}, x[] = {1, 1, 1, 1, 0, 0, 0, 0, 0, 0};
  assert_true(logistic_fit(x, y, 10, 0, 1, beta, scratch));
  near(beta[0], math_log(0.4 / 0.6), 1e-9);
  assert_true(logistic_fit(x, y, 10, 1, 1e-9, beta, scratch)); /* 3 of 4 against 1 of 6 */
  near(beta[1], math_log(1.0 / 5), 1e-6);
  near(beta[0], math_log(3) - math_log(1.0 / 5), 1e-6);
  near(logistic_at(beta, x, 1), 0.75, 1e-7);
  assert_false(logistic_fit(x, y, 0, 1, 1, beta, scratch));
  assert_false(logistic_fit(x, y, 10, 1, 0, beta, scratch));
}

/* Every slope of the penalised loss is 0 at the end, and people who can be told apart by one input do not make it run away. */
static void it_ends_at_the_optimum(void **state) {
  (void)state;
  enum { N = 300, K = 5 };
  static double x[N * K], y[N];
  double beta[K + 1], scratch[(K + 1) * (K + 3)];
  for (int separable = 0; separable < 2; separable++) {
    for (int i = 0; i < N; i++) {
      for (int c = 0; c < K; c++) x[i * K + c] = 4 * rng_mix((uint64_t)(i * K + c)) - 2;
      y[i] = separable ? x[i * K] > 0.3 : rng_mix((uint64_t)(90000 + i)) < 1 / (1 + math_exp(-x[i * K] + 0.5 * x[i * K + 2]));
    }
    assert_true(logistic_fit(x, y, N, K, 0.7, beta, scratch));
    for (int c = 0; c <= K; c++) {
      double slope = c < K ? 0.7 * beta[c] : 0;
      for (int i = 0; i < N; i++) slope += (logistic_at(beta, x + i * K, K) - y[i]) * (c < K ? x[i * K + c] : 1);
      near(slope, 0, 1e-6);
      assert_true(beta[c] > -50 && beta[c] < 50);
    }
    assert_true(beta[0] > 0.5);
  }
}

/* ---- champions ---- */

#define PEOPLE 120
#define ROWS   (PEOPLE * 5)

struct table {
  double number[ROWS], window[ROWS * 3], outcome[ROWS], before[ROWS];
  uint64_t number_valid[ROWS / 64 + 1], window_valid[ROWS * 3 / 64 + 1], user[ROWS];
  bool late[ROWS];
  double *inputs[2];
  uint64_t *valid[2];
  uint32_t widths[2];
  struct training_rows rows;
};

/* The outcome follows the window's newest value, and little else; a missing number is under a cleared bit, with rubbish. */
static struct table *table_new(uint64_t seed) {
  struct table *t = calloc(1, sizeof *t);
  assert_non_null(t);
  for (uint32_t r = 0; r < ROWS; r++) {
    const uint64_t at = seed + 10 * r;
    t->user[r] = seed + r / 5;
    t->number[r] = 1e9;
    if (r % 3) {
      t->number[r] = rng_mix(at);
      t->number_valid[r / 64] |= UINT64_C(1) << (r % 64);
    }
    for (uint32_t s = 0; s < 3; s++) {
      const uint32_t bit = r * 3 + s;
      t->window[bit] = 100 + 20 * rng_mix(at + 1 + s);
      if (s != 1) t->window_valid[bit / 64] |= UINT64_C(1) << (bit % 64);
    }
    t->outcome[r] = rng_mix(at + 7) < (t->window[r * 3 + 2] > 110 ? 0.9 : 0.2);
    t->before[r] = r % 5 ? t->outcome[r - 1] : STATS_NONE;
  }
  t->inputs[0] = t->number;
  t->inputs[1] = t->window;
  t->valid[0] = t->number_valid;
  t->valid[1] = t->window_valid;
  t->widths[0] = 1;
  t->widths[1] = 3;
  t->rows = (struct training_rows){.rows = ROWS,
                                   .inputs = t->inputs,
                                   .valid = t->valid,
                                   .target = t->outcome,
                                   .outcome = t->outcome,
                                   .before = t->before,
                                   .user = t->user,
                                   .late = t->late,
                                   .widths = t->widths,
                                   .input_count = 2};
  return t;
}

static void logistic_learns_from_numbers_and_windows(void **state) {
  (void)state;
  struct table *train = table_new(1000), *test = table_new(900000);
  double p[ROWS], base[ROWS], error;
  uint32_t scratch[ROWS];
  assert_true(champion_logistic(&train->rows, &test->rows, p));
  for (uint32_t r = 0; r < ROWS; r++) {
    assert_true(p[r] > 0 && p[r] < 1);
    base[r] = 0.55;
  }
  assert_true(auc_midrank(p, test->outcome, ROWS, scratch) > 0.8);
  const double gain = gain_over(&test->rows, p, base, &error);
  assert_true(gain > 5 * error && error > 0);
  /* what stands under a cleared bit is not read */
  for (uint32_t r = 0; r < ROWS; r++) test->number[r] += r % 3 ? 0 : 1e6;
  double again[ROWS];
  assert_true(champion_logistic(&train->rows, &test->rows, again));
  assert_memory_equal(p, again, sizeof p);
  free(train);
  free(test);
}

static void the_last_value_is_a_rate(void **state) {
  (void)state;
  struct table *train = table_new(1000), *test = table_new(900000);
  double p[ROWS], done[3] = {0}, asked[3] = {0};
  champion_last_value(&train->rows, &test->rows, p);
  for (uint32_t r = 0; r < ROWS; r++) {
    const size_t kind = stats_none(train->before[r]) ? 2 : (size_t)train->before[r];
    done[kind] += train->outcome[r];
    asked[kind]++;
  }
  for (uint32_t r = 0; r < ROWS; r++) {
    const size_t kind = stats_none(test->before[r]) ? 2 : (size_t)test->before[r];
    near(p[r], (done[kind] + 1) / (asked[kind] + 2), 1e-15);
  }
  free(train);
  free(test);
}

/* Five rows that are one and the same say no more than one: the error is that of as many rows as there are people. */
static void a_persons_rows_count_as_one_person(void **state) {
  (void)state;
  struct table *t = table_new(5);
  double p[ROWS], other[ROWS], error, alone_error;
  for (uint32_t r = 0; r < ROWS; r++) {
    t->outcome[r] = r / 5 % 2;
    p[r] = r / 5 % 3 == 0 ? 0.9 : 0.4;
    other[r] = 0.5;
  }
  const double gain = gain_over(&t->rows, p, other, &error);
  for (uint32_t r = 0; r < ROWS; r++) t->user[r] = r;
  near(gain_over(&t->rows, p, other, &alone_error), gain, 1e-15);
  near(error / alone_error, math_sqrt(5 * (double)PEOPLE / (PEOPLE - 1) * (ROWS - 1) / ROWS), 1e-9);
  near(gain_over(&t->rows, p, p, &error), 0, 0);
  near(error, 0, 0);
  free(t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(closed_forms_come_out),
      cmocka_unit_test(it_ends_at_the_optimum),
      cmocka_unit_test(logistic_learns_from_numbers_and_windows),
      cmocka_unit_test(the_last_value_is_a_rate),
      cmocka_unit_test(a_persons_rows_count_as_one_person),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
