/* rooms: host kit; libraries: plugin_svr_parts */
/* Promise: an svr trained here says what scikit-learn's and libsvm's say (METHODS 2.4), through the whole path: plugin opened from its
 * file, trained in the child, state in its envelope, loaded into another model, asked through a session. */
#include "host/host.h"
#include "kit/file.h"
#include "svr.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

static json_t *vectors;
static struct plugin *svr;
static char store[64];

static int open_all(void **state) {
  (void)state;
  struct err e = {0};
  vectors = json_load_file(KAIROS_SOURCE_DIR "/tests/vectors/svr.json", 0, NULL);
  snprintf(store, sizeof store, "/tmp/kairos-svr-XXXXXX");
  if (!vectors || !mkdtemp(store)) return -1;
  if (plugin_open(KAIROS_BINARY_DIR "/plugins/svr.so", store, &svr, &e)) return 0;
  fprintf(stderr, "%s\n", e.text);
  return -1;
}

static int close_all(void **state) {
  (void)state;
  struct err e = {0};
  json_decref(vectors);
  return file_remove_tree(store, &e) ? 0 : -1;
}

#define MOST 64
struct matrix {
  uint32_t rows, inputs;
  double columns[8][MOST];
  double flat[8 * MOST];
};

static struct matrix read_matrix(const char *name) {
  struct matrix m = {0};
  const json_t *rows = json_object_get(vectors, name);
  m.rows = (uint32_t)json_array_size(rows);
  m.inputs = (uint32_t)json_array_size(json_array_get(rows, 0));
  assert_in_range(m.rows, 1, MOST);
  for (uint32_t r = 0; r < m.rows; r++)
    for (uint32_t i = 0; i < m.inputs; i++)
      m.columns[i][r] = m.flat[r * m.inputs + i] = json_number_value(json_array_get(json_array_get(rows, r), i));
  return m;
}

static const char *const names[] = {"a", "b", "c"};

static struct model_spec spec_of(const char *config, size_t inputs) {
  return (struct model_spec){.name = "m", .inputs = names, .input_count = inputs, .config = str_from(config)};
}

static void columns_of(const struct matrix *m, const double *columns[8]) {
  for (uint32_t i = 0; i < m->inputs; i++) columns[i] = m->columns[i];
}

static struct trained *train_and_load(const struct model_spec *spec, const struct matrix *x, const double *y) {
  struct err e = {0};
  struct buf envelope = {0};
  struct trained *m = NULL;
  const double *columns[8];
  columns_of(x, columns);
  const struct training t = {.rows = x->rows, .inputs = columns, .target = y, .limit_ms = 60000, .memory_limit = (size_t)256 << 20};
  if (!model_train(svr, spec, &t, STR("{}"), &envelope, &e) || !model_create(svr, spec, &m, &e) || !model_load(m, buf_view(&envelope), &e))
    fail_msg("%s", e.text);
  buf_free(&envelope);
  return m;
}

static void predict(const struct trained *m, const struct matrix *x, double *y) {
  struct err e = {0};
  struct session *s;
  const double *columns[8];
  uint64_t valid, *bits = &valid, seeds[MOST] = {0};
  columns_of(x, columns);
  if (!session_open(m, MOST, &s, &e) || !session_predict(s, x->rows, columns, NULL, seeds, &y, &bits, &e)) fail_msg("%s", e.text);
  assert_true(valid == (UINT64_C(1) << x->rows) - 1);
  session_close(s);
}

static void assert_near(const json_t *expected, const double *got, size_t count, double tolerance) {
  assert_int_equal(json_array_size(expected), count);
  for (size_t i = 0; i < count; i++) {
    const double wanted = json_number_value(json_array_get(expected, i));
    if (!(fabs(got[i] - wanted) <= tolerance)) fail_msg("value %zu: expected %.9g, got %.9g", i, wanted, got[i]);
  }
}

static void predictions_are_those_of_the_oracle(void **state) {
  (void)state;
  const struct matrix x = read_matrix("X"), test = read_matrix("X_test");
  const json_t *cases = json_object_get(vectors, "cases"), *one;
  double y[MOST], got[MOST];
  for (uint32_t r = 0; r < x.rows; r++) y[r] = json_number_value(json_array_get(json_object_get(vectors, "y"), r));
  size_t index;
  json_array_foreach(cases, index, one) {
    char config[300];
    snprintf(config, sizeof config,
             "{\"C\":%.17g,\"epsilon\":%.17g,\"tolerance\":1e-8,\"gamma\":\"scale\",\"standardise\":false,"
             "\"output\":{\"name\":\"y\",\"low\":-100,\"high\":100}}",
             json_number_value(json_object_get(one, "C")), json_number_value(json_object_get(one, "epsilon")));
    const struct model_spec spec = spec_of(config, x.inputs);
    struct trained *m = train_and_load(&spec, &x, y);
    predict(m, &x, got);
    assert_near(json_object_get(one, "pred_train"), got, x.rows, 1e-5);
    predict(m, &test, got);
    assert_near(json_object_get(one, "pred_test"), got, test.rows, 1e-5);
    if (index == 0) assert_near(json_object_get(vectors, "libsvm_3_24_pred_test_C100"), got, test.rows, 1e-5);
    model_free(m);
  }
  assert_int_equal(index, 3);
}

static void gamma_is_exact(void **state) {
  (void)state;
  const struct matrix x = read_matrix("X");
  const double wanted = json_number_value(json_object_get(vectors, "gamma_scale")); /* written with 12 digits */
  assert_true(fabs(gamma_scale(x.flat, x.rows, x.inputs) - wanted) <= 5e-13);
  double ones[10];
  for (int i = 0; i < 10; i++) ones[i] = 1;
  assert_true(gamma_scale(ones, 5, 2) == json_number_value(json_object_get(json_object_get(vectors, "zero_variance"), "gamma")));
  assert_true(gamma_scale(ones, 5, 2) == 1.0);
}

static void a_constant_target_is_its_constant(void **state) {
  (void)state;
  const struct matrix x = read_matrix("X"), test = read_matrix("X_test");
  double y[MOST], got[MOST];
  for (uint32_t r = 0; r < x.rows; r++) y[r] = 0.4;
  const struct model_spec spec = spec_of("{\"C\":100,\"epsilon\":0.1,\"standardise\":false}", x.inputs);
  struct trained *m = train_and_load(&spec, &x, y);
  predict(m, &test, got);
  for (uint32_t r = 0; r < test.rows; r++)
    assert_true(fabs(got[r] - json_number_value(json_object_get(json_object_get(vectors, "constant_target"), "pred"))) < 1e-12);
  model_free(m);
}

/* Inputs that never vary (the deviation becomes 1, gamma 1), and a target beyond the range. */
static void zero_variance_and_the_range(void **state) {
  (void)state;
  struct matrix x = {.rows = 5, .inputs = 2};
  for (int r = 0; r < 5; r++) x.columns[0][r] = x.columns[1][r] = 0.1;
  const double y[] = {3, 3, 3, 3, 3};
  double got[MOST];
  const struct model_spec spec = spec_of("{\"output\":{\"name\":\"y\",\"low\":0,\"high\":1}}", 2);
  struct trained *m = train_and_load(&spec, &x, y);
  predict(m, &x, got);
  for (int r = 0; r < 5; r++) assert_true(got[r] == 1.0); /* T03: clamped, not absent */
  model_free(m);
}

/* Standardising makes the model blind to the units of its inputs. */
static void units_do_not_matter_when_standardised(void **state) {
  (void)state;
  struct matrix x = read_matrix("X");
  double y[MOST], first[MOST], second[MOST];
  for (uint32_t r = 0; r < x.rows; r++) y[r] = json_number_value(json_array_get(json_object_get(vectors, "y"), r));
  const struct model_spec spec = spec_of("{\"tolerance\":1e-8,\"output\":{\"low\":-9,\"high\":9}}", x.inputs);
  struct trained *m = train_and_load(&spec, &x, y);
  predict(m, &x, first);
  model_free(m);
  for (uint32_t r = 0; r < x.rows; r++) x.columns[1][r] = x.columns[1][r] * 3600 - 7;
  m = train_and_load(&spec, &x, y);
  predict(m, &x, second);
  model_free(m);
  for (uint32_t r = 0; r < x.rows; r++) assert_true(fabs(first[r] - second[r]) < 1e-4);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(predictions_are_those_of_the_oracle),   cmocka_unit_test(gamma_is_exact),
      cmocka_unit_test(a_constant_target_is_its_constant),     cmocka_unit_test(zero_variance_and_the_range),
      cmocka_unit_test(units_do_not_matter_when_standardised),
  };
  return cmocka_run_group_tests(tests, open_all, close_all);
}
