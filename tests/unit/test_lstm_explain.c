/* rooms: host kit; inside: host; libraries: plugin_lstm_parts */
/* Promise: what an lstm says of why it answered is the integral that METHODS 3.4 names, worked out here once more by differences; base and
 * contributions add up to the answer's log odds; what is missing or never changed moved nothing; who has no answer has no explanation. */
#include "explain.h"
#include "lstm_parts.h"

#define SMALL   "{\"inputs\":[\"a\",\"b\",\"c\"],\"steps\":5,\"lstm\":[6,5],\"dense\":[8],\"precision\":\"double\",\"missing_flags\":true}"
#define DEFAULT "{\"inputs\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\",\"j\"],\"steps\":14,\"lstm\":[20,12],\"dense\":[8]}"
#define ROWS    3

static int open_all(void **state) {
  (void)state;
  meter_begin(&meter, "test", METER_MODEL_MOST);
  return 0;
}

static double odds(double p) {
  return log(p / (1 - p));
}

static void wide_cosines(struct part_table *t) {
  part_cosines(t);
  for (size_t i = 0; i < (size_t)t->inputs * t->rows * t->steps; i++) t->values[i] *= 8; /* so that gates close and corners are passed */
}

static void explain(const kairos_model *m, struct part_table *t, double *moved, double *base, double *left) {
  kairos_error error = {.size = sizeof error};
  if (explain_rows(m, &t->batch, moved, base, left, &error) != KAIROS_OK) fail_msg("%s", error.message);
}

static void base_and_contributions_add_up(void **state) {
  (void)state;
  static const char *const configs[] = {SMALL, DEFAULT};
  for (int c = 0; c < 2; c++) {
    kairos_model m;
    part_new(&m, configs[c]);
    part_fill(&m, 0.1);
    const uint32_t inputs = m.settings.shape.input_count;
    struct part_table *t = part_table(ROWS, inputs, m.plan.steps);
    double moved[ROWS * 10], base[ROWS], left[ROWS], answers[ROWS], size = 0;
    wide_cosines(t);
    for (uint32_t s = 0; s < m.plan.steps; s += 3) part_hole(t, 1, s, 1);
    for (uint32_t i = 0; i < inputs; i++) part_hole(t, 2, 0, i); /* a step that is missing altogether */
    explain(&m, t, moved, base, left);
    part_answers(&m, t, 1, answers);
    for (uint32_t r = 0; r < ROWS; r++) {
      double sum = base[r];
      for (uint32_t i = 0; i < inputs; i++) sum += moved[r * inputs + i], size += fabs(moved[r * inputs + i]);
      if (fabs(sum - odds(answers[r])) > (c ? 2e-6 : 1e-12)) fail_msg("row %u: %.12g adds up to %.12g", r, odds(answers[r]), sum);
      if (fabs(left[r]) > 2e-3) fail_msg("row %u: fifty steps leave %g", r, left[r]);
    }
    assert_true(size > 1e-4);
    part_table_free(t);
    part_free(&m);
  }
}

/* Row 0 of the table between its own means (share 0) and itself (share 1), as a table; one value moved by `by`. */
static double odds_on_the_way(const kairos_model *m, const struct part_table *t, double share, uint32_t input, uint32_t step, double by) {
  struct part_table *way = part_table(1, t->inputs, t->steps);
  double answer;
  for (uint32_t i = 0; i < t->inputs; i++) {
    double sum = 0;
    for (uint32_t s = 0; s < t->steps; s++) sum += t->values[(size_t)i * t->rows * t->steps + s];
    for (uint32_t s = 0; s < t->steps; s++) {
      const double value = t->values[(size_t)i * t->rows * t->steps + s], own = sum / t->steps;
      *part_cell(way, 0, s, i) = own + share * (value - own) + (i == input && s == step ? by : 0);
    }
  }
  part_answers(m, way, 1, &answer);
  part_table_free(way);
  return odds(answer);
}

static void contributions_are_the_integral(void **state) {
  (void)state;
  kairos_model m;
  part_new(&m, SMALL);
  part_fill(&m, 0.1);
  struct part_table *t = part_table(1, 3, 5);
  double moved[3], base, left, whole[3] = {0}, size = 0;
  wide_cosines(t);
  explain(&m, t, moved, &base, &left);
  for (uint32_t i = 0; i < 3; i++)
    for (uint32_t s = 0; s < 5; s++) {
      double mean = 0;
      for (uint32_t k = 0; k < 5; k++) mean += *part_cell(t, 0, k, i) / 5;
      for (int k = 0; k < EXPLAIN_STEPS; k++) {
        const double share = (k + .5) / EXPLAIN_STEPS, h = 1e-5;
        const double slope = (odds_on_the_way(&m, t, share, i, s, h) - odds_on_the_way(&m, t, share, i, s, -h)) / (2 * h);
        whole[i] += slope * (*part_cell(t, 0, s, i) - mean) / EXPLAIN_STEPS;
      }
    }
  for (uint32_t i = 0; i < 3; i++) size += fabs(whole[i]);
  for (uint32_t i = 0; i < 3; i++) {
    const double expected = whole[i] + left * fabs(whole[i]) / size;
    if (fabs(moved[i] - expected) > 1e-8) fail_msg("input %u: expected %.12g, got %.12g", i, expected, moved[i]);
  }
  assert_true(fabs(base - odds_on_the_way(&m, t, 0, 0, 0, 0)) < 1e-12);
  part_table_free(t);
  part_free(&m);
}

static void what_does_not_change_moved_nothing(void **state) {
  (void)state;
  kairos_model m;
  part_new(&m, SMALL);
  part_fill(&m, 0.1);
  struct part_table *t = part_table(ROWS, 3, 5);
  double moved[ROWS * 3], base[ROWS], left[ROWS];
  wide_cosines(t);
  for (uint32_t s = 0; s < 5; s++) {
    *part_cell(t, 0, s, 1) = 0.7; /* always the same */
    part_hole(t, 1, s, 2);        /* never known */
    for (uint32_t i = 0; i < 3; i++) part_hole(t, 2, s, i);
  }
  explain(&m, t, moved, base, left);
  assert_true(fabs(moved[1]) < 1e-15 && fabs(moved[0]) > 1e-6 && fabs(moved[2]) > 1e-6);
  assert_true(moved[3 + 2] == 0 && fabs(moved[3]) > 1e-6);
  for (uint32_t i = 0; i < 3; i++) assert_true(moved[6 + i] != moved[6 + i]);
  assert_true(base[2] != base[2]);
  part_table_free(t);
  part_free(&m);
}

/* Floats, on whatever kernel the machine has, say the same as each other. */
static void every_kernel_says_the_same(void **state) {
  (void)state;
  kairos_model m;
  part_new(&m, DEFAULT);
  part_fill(&m, 0.1);
  struct part_table *t = part_table(1, 10, m.plan.steps);
  double first[10], moved[10], base, left;
  wide_cosines(t);
  explain(&m, t, first, &base, &left);
  for (size_t k = 0; k < KERNELS_COUNT; k++) {
    const struct kernels *kernels = kernels_list(k);
    if (!kernels || kernels == kernels_exact) continue;
    part_switch(&m, kernels);
    explain(&m, t, moved, &base, &left);
    assert_memory_equal(moved, first, sizeof first);
  }
  part_table_free(t);
  part_free(&m);
}

static void no_memory_is_said(void **state) {
  (void)state;
  kairos_model m;
  kairos_error error = {.size = sizeof error};
  part_new(&m, SMALL);
  struct part_table *t = part_table(1, 3, 5);
  double moved[3], base;
  assert_int_equal(explain_rows(&m, &t->batch, moved, &base, NULL, &error), KAIROS_FAILED);
  part_fill(&m, 0.1);
  const uint64_t used = atomic_load(&meter.used);
  meter.most = used + 4096;
  assert_int_equal(explain_rows(&m, &t->batch, moved, &base, NULL, &error), KAIROS_NO_MEMORY);
  assert_int_equal(atomic_load(&meter.used), used);
  meter.most = METER_MODEL_MOST;
  explain(&m, t, moved, &base, NULL);
  part_table_free(t);
  part_free(&m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(base_and_contributions_add_up),
      cmocka_unit_test(contributions_are_the_integral),
      cmocka_unit_test(what_does_not_change_moved_nothing),
      cmocka_unit_test(every_kernel_says_the_same),
      cmocka_unit_test(no_memory_is_said),
  };
  return cmocka_run_group_tests(tests, open_all, NULL);
}
