/* rooms: host kit; inside: host; libraries: plugin_svr_parts */
/* Promise: a state of an svr is taken only when all of it is usable, gives the same bytes again, and a refused one leaves the model as it
 * was; and libsvm's model text is read without libsvm's loader, to the same predictions. */
#include "kit/file.h"
#include "kit/rng.h"
#include "svr_parts.h"
#include <libsvm/svm.h>
#include <math.h>
#include <unistd.h>

#define CONFIG "{\"inputs\":[\"a\",\"b\",\"c\"]}"
#define HEAD   (12 + 16)

static struct buf good; /* a state of 11 support vectors */

static void put(struct buf *out, double value) {
  buf_put(out, &value, sizeof value);
}

static int make_good(void **state) {
  (void)state;
  meter_begin(&meter, "test", METER_MODEL_MOST);
  const uint32_t head[] = {3, 11, 40};
  buf_put(&good, head, sizeof head);
  put(&good, 0.25);
  put(&good, -0.5);
  for (int i = 0; i < 3; i++) put(&good, i * 10.0);
  for (int i = 0; i < 3; i++) put(&good, i + 0.5);
  for (int i = 0; i < 11 + 33; i++) put(&good, (i % 7) / 3.0 - 1);
  return 0;
}

static int drop_good(void **state) {
  (void)state;
  buf_free(&good);
  return 0;
}

static void refused(struct str bytes, const char *words) {
  kairos_model model;
  kairos_error error = {.size = sizeof error};
  assert_int_equal(part_create(&model, CONFIG, &error), KAIROS_OK);
  assert_int_equal(part_load(&model, bytes, 0, &error), KAIROS_BAD_STATE);
  if (!strstr(error.message, words)) fail_msg("expected '%s', got '%s'", words, error.message);
  assert_false(model.trained);
  part_free(&model);
}

static void load_then_save_is_byte_equal(void **state) {
  (void)state;
  const size_t steps[] = {0, 1, 7, 1021};
  for (size_t i = 0; i < 4; i++) {
    kairos_model model;
    kairos_error error = {.size = sizeof error};
    struct buf again = {0};
    assert_int_equal(part_create(&model, CONFIG, &error), KAIROS_OK);
    assert_int_equal(part_load(&model, buf_view(&good), steps[i], &error), KAIROS_OK);
    part_save(&model, &again);
    assert_int_equal(again.len, good.len);
    assert_memory_equal(again.at, good.at, good.len);
    /* a refusal leaves the weights: the same bytes once more */
    assert_int_equal(part_load(&model, STR("rubbish"), 0, &error), KAIROS_BAD_STATE);
    buf_clear(&again);
    part_save(&model, &again);
    assert_memory_equal(again.at, good.at, good.len);
    buf_free(&again);
    part_free(&model);
  }
}

static void cut_and_long_states_are_refused(void **state) {
  (void)state;
  for (size_t i = 0; i < 64; i++) {
    const size_t length = i * good.len / 64;
    char *exact = malloc(length ? length : 1);
    assert_non_null(exact);
    memcpy(exact, good.at, length);
    refused((struct str){exact, length}, length < HEAD ? "expected at least 28 bytes" : "take");
    free(exact);
  }
  struct buf longer = {0};
  buf_str(&longer, buf_view(&good));
  buf_char(&longer, 0);
  refused(buf_view(&longer), "take");
  buf_free(&longer);
}

/* A reader that announces more than it has. */
static void a_lying_reader_is_refused(void **state) {
  (void)state;
  kairos_model model;
  kairos_error error = {.size = sizeof error};
  struct part_source source = {{good.at, good.len - 1}, 0};
  const kairos_reader reader = {.size = sizeof reader, .context = &source, .length = good.len, .read = part_read};
  assert_int_equal(part_create(&model, CONFIG, &error), KAIROS_OK);
  assert_int_equal(state_load(&model, &reader, 1, &error), KAIROS_BAD_STATE);
  assert_int_equal(state_load(&model, &reader, 2, &error), KAIROS_BAD_STATE);
  assert_non_null(strstr(error.message, "version 2, this plugin reads version 1"));
  part_free(&model);
}

static void every_number_is_judged(void **state) {
  (void)state;
  const double bad[] = {NAN, INFINITY, -INFINITY, 1e300};
  for (size_t at = 12; at < good.len; at += 8)
    for (size_t k = 0; k < 4; k++) {
      char *bytes = malloc(good.len);
      assert_non_null(bytes);
      memcpy(bytes, good.at, good.len);
      memcpy(bytes + at, &bad[k], 8);
      refused((struct str){bytes, good.len}, "svr state:");
      free(bytes);
    }
  const struct {
    size_t at;
    double value;
    const char *words;
  } zeros[] = {{12, 0, "gamma above 0"}, {12, -1, "gamma above 0"}, {28 + 24, 0, "the scale of input 0"}, {28 + 32, -1, "input 1"}};
  for (size_t k = 0; k < 4; k++) {
    struct buf copy = {0};
    buf_str(&copy, buf_view(&good));
    memcpy(copy.at + zeros[k].at, &zeros[k].value, 8);
    refused(buf_view(&copy), zeros[k].words);
    buf_free(&copy);
  }
}

static void forged_counts_take_no_memory(void **state) {
  (void)state;
  const uint32_t counts[][2] = {{3, 0xFFFFFFFF}, {3, 20001}, {3, 20000}, {0xFFFFFFFF, 11}, {2, 11}, {0, 0}, {3, 0x20000000}};
  for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
    struct buf copy = {0};
    buf_str(&copy, buf_view(&good));
    memcpy(copy.at, counts[k], 8);
    refused(buf_view(&copy), "svr state:");
    assert_true(atomic_load(&meter.peak) < 65536);
    buf_free(&copy);
  }
}

static void random_megabytes_are_refused(void **state) {
  (void)state;
  struct rng chance = rng_from(3);
  const size_t size = (size_t)1 << 20;
  char *bytes = malloc(size);
  assert_non_null(bytes);
  for (int round = 0; round < 3; round++) {
    for (size_t i = 0; i < size; i += 8) {
      const uint64_t word = rng_next(&chance);
      memcpy(bytes + i, &word, 8);
    }
    refused((struct str){bytes, size}, "svr state:");
  }
  free(bytes);
}

static void no_allocation_is_believed(void **state) {
  (void)state;
  for (int64_t nth = 1; nth <= 2; nth++) {
    kairos_model model;
    kairos_error error = {.size = sizeof error};
    meter_fail(&meter, nth);
    const kairos_status created = part_create(&model, CONFIG, &error);
    assert_int_equal(created, nth == 1 ? KAIROS_NO_MEMORY : KAIROS_OK);
    if (created == KAIROS_OK) assert_int_equal(part_load(&model, buf_view(&good), 0, &error), KAIROS_NO_MEMORY);
    meter_fail(&meter, 0);
    part_free(&model);
  }
}

/* ---- libsvm's text ---- */

#define ROWS 60
static struct svm_node nodes[ROWS][4];
static double targets[ROWS];

static struct svm_model *libsvm_model(struct svm_problem *problem, struct svm_node **lines) {
  struct rng chance = rng_from(5);
  for (int r = 0; r < ROWS; r++) {
    double sum = 0;
    for (int i = 0; i < 3; i++) {
      nodes[r][i] = (struct svm_node){i + 1, (double)(int)(rng_normal(&chance) * 1000) / 1000};
      sum += sin(nodes[r][i].value);
    }
    nodes[r][3].index = -1;
    lines[r] = nodes[r];
    targets[r] = sum;
  }
  *problem = (struct svm_problem){ROWS, targets, lines};
  const struct svm_parameter parameter = {
      .svm_type = EPSILON_SVR, .kernel_type = RBF, .gamma = 0.3, .cache_size = 10, .eps = 1e-3, .C = 10, .p = 0.05, .shrinking = 1};
  return svm_train(problem, &parameter);
}

static void quiet(const char *text) {
  (void)text;
}

/* What is exported is libsvm's own text: its loader reads it, predicts the same, and importing it gives the same state to the byte. */
static void assert_exported(const kairos_model *model, const struct svm_model *solved) {
  struct buf text = {0}, state = {0}, again = {0};
  kairos_error error = {.size = sizeof error};
  kairos_model other;
  const kairos_writer writer = {.size = sizeof writer, .context = &text, .write = part_write};
  assert_int_equal(libsvm_export(model, &writer, &error), KAIROS_OK);
  char path[] = "/tmp/kairos-libsvm-XXXXXX";
  close(mkstemp(path));
  assert_true(file_write_atomic(path, buf_view(&text), 0600, NULL));
  struct svm_model *loaded = svm_load_model(path);
  unlink(path);
  assert_non_null(loaded);
  for (int r = 0; r < ROWS; r++) assert_true(fabs(svm_predict(loaded, nodes[r]) - svm_predict(solved, nodes[r])) < 1e-9);
  svm_free_and_destroy_model(&loaded);
  assert_int_equal(part_create(&other, CONFIG, &error), KAIROS_OK);
  assert_int_equal(part_import(&other, buf_view(&text), &error), KAIROS_OK);
  part_save(model, &state);
  part_save(&other, &again);
  assert_true(str_eq(buf_view(&state), buf_view(&again)));
  for (uint32_t i = 0; i < 2; i++) { /* means and deviations have no place in the text */
    if (i == 0) other.machine.mean[1] = 0.5;
    else other.machine.mean[1] = 0, other.machine.scale[2] = 2;
    assert_int_equal(libsvm_export(&other, &writer, &error), KAIROS_UNSUPPORTED);
  }
  machine_free(&other.machine, other.host);
  settings_free(&other.settings, other.host);
  buf_free(&text);
  buf_free(&state);
  buf_free(&again);
}

static void libsvm_text_predicts_the_same(void **state) {
  (void)state;
  struct svm_problem problem;
  struct svm_node *lines[ROWS];
  char path[] = "/tmp/kairos-libsvm-XXXXXX";
  close(mkstemp(path));
  svm_set_print_string_function(quiet);
  struct svm_model *solved = libsvm_model(&problem, lines);
  assert_int_equal(svm_save_model(path, solved), 0);
  struct buf text = {0};
  struct err e = {0};
  assert_true(file_read(path, &text, 1 << 20, &e));
  unlink(path);

  kairos_model model;
  kairos_error error = {.size = sizeof error};
  assert_int_equal(part_create(&model, CONFIG, &error), KAIROS_OK);
  assert_int_equal(part_import(&model, buf_view(&text), &error), KAIROS_OK);
  assert_int_equal(model.machine.vectors, svm_get_nr_sv(solved));
  for (int r = 0; r < ROWS; r++) {
    double scratch[3];
    const double z[] = {nodes[r][0].value, nodes[r][1].value, nodes[r][2].value};
    assert_true(fabs(machine_value(&model.machine, way_best(), z, scratch) - svm_predict(solved, nodes[r])) < 1e-9);
  }
  assert_exported(&model, solved);
  part_free(&model);

  for (size_t i = 0; i < 64; i++) { /* cut anywhere */
    const size_t length = i * text.len / 64;
    assert_int_equal(part_create(&model, CONFIG, &error), KAIROS_OK);
    assert_int_equal(part_import(&model, (struct str){text.at, length}, &error), KAIROS_BAD_STATE);
    part_free(&model);
  }
  buf_free(&text);
  svm_free_and_destroy_model(&solved);
}

static void forged_libsvm_text_is_refused(void **state) {
  (void)state;
#define TOP "svm_type epsilon_svr\nkernel_type rbf\ngamma 0.5\nnr_class 2\n"
  const struct {
    const char *text, *words;
  } forged[] = {
      {TOP "total_sv 2000000000\nrho 0\nSV\n1 1:1\n", "line 5"},
      {TOP "total_sv 20000\nrho 0\nSV\n1 1:1\n", "the file is too short"},
      {TOP "total_sv 3\nrho 0\nSV\n1 1:1\n1 1:2\n", "3 support vectors are announced, 2 are there"},
      {TOP "total_sv 1\nrho 0\nSV\n1 1:1\n1 1:2\n", "lines follow"},
      {TOP "total_sv 1\nrho 0\nSV\n1 4:1\n", "rising indices of 1 to 3"},
      {TOP "total_sv 1\nrho 0\nSV\n1 0:1\n", "rising indices"},
      {TOP "total_sv 1\nrho 0\nSV\n1 -1:1\n", "rising indices"},
      {TOP "total_sv 1\nrho 0\nSV\n1 2:1 1:1\n", "rising indices"},
      {TOP "total_sv 1\nrho 0\nSV\n1 1:nan\n", "rising indices"},
      {TOP "total_sv 1\nrho 0\nSV\n0x1 1:1\n", "expected a coefficient"},
      {TOP "total_sv 1\nrho inf\nSV\n1 1:1\n", "line 6"},
      {TOP "total_sv 1\nrho 0\n1 1:1\n", "line 7"},
      {TOP "total_sv 1\nSV\n1 1:1\n", "come before SV"},
      {TOP "total_sv 1\nrho 0\n", "without a line 'SV'"},
      {"svm_type c_svc\n", "line 1"},
      {"svm_type epsilon_svr\nkernel_type linear\n", "line 2"},
      {"svm_type epsilon_svr\nkernel_type rbf\ngamma -1\n", "line 3"},
      {"", "expected 1 to"},
  };
  for (size_t i = 0; i < sizeof forged / sizeof *forged; i++) {
    kairos_model model;
    kairos_error error = {.size = sizeof error};
    assert_int_equal(part_create(&model, CONFIG, &error), KAIROS_OK);
    assert_int_equal(part_import(&model, str_from(forged[i].text), &error), KAIROS_BAD_STATE);
    if (!strstr(error.message, forged[i].words)) fail_msg("%zu: expected '%s', got '%s'", i, forged[i].words, error.message);
    part_free(&model);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(load_then_save_is_byte_equal),  cmocka_unit_test(cut_and_long_states_are_refused),
      cmocka_unit_test(a_lying_reader_is_refused),     cmocka_unit_test(every_number_is_judged),
      cmocka_unit_test(forged_counts_take_no_memory),  cmocka_unit_test(random_megabytes_are_refused),
      cmocka_unit_test(no_allocation_is_believed),     cmocka_unit_test(libsvm_text_predicts_the_same),
      cmocka_unit_test(forged_libsvm_text_is_refused),
  };
  return cmocka_run_group_tests(tests, make_good, drop_good);
}
