/* rooms: host kit; inside: host; libraries: plugin_lstm_parts */
/* Promise: an lstm learns what a sequence says and an average does not; the same table gives the same bytes on every kernel of floats; and
 * where there is too little to learn from, it says so and stays without weights. */
#include "lstm_parts.h"

#include "host/host.h"
#include "kit/file.h"
#include "kit/rng.h"

#define STEPS 8
#define SMALL                                                                                                                              \
  "\"inputs\":[\"a\",\"b\"],\"steps\":8,\"lstm\":[8],\"dense\":[4],\"learning_rate\":0.01,\"epochs\":25,\"patience\":5,\"least_people\":"  \
  "20,"                                                                                                                                    \
  "\"least_outcomes\":50"

static int begin(void **state) {
  (void)state;
  meter_begin(&meter, "test", METER_MODEL_MOST);
  return 0;
}

struct lesson_rows {
  struct part_table *x, *y;
};

/* Two rows a person. Input a is noise of mean 0; the outcome is whether it rose above 0 in the later half more than in the earlier. */
static struct lesson_rows rows_of(uint32_t people, uint32_t outcome_of_all) {
  struct lesson_rows t = {part_table(2 * people, 2, STEPS), part_table(2 * people, 1, 1)};
  for (uint32_t r = 0; r < 2 * people; r++) {
    double late = 0;
    t.x->seeds[r] = 1000 + r / 2;
    for (uint32_t s = 0; s < STEPS; s++) {
      const double a = rng_mix(r * 100 + s) - 0.5;
      *part_cell(t.x, r, s, 0) = 40 + 10 * a;
      *part_cell(t.x, r, s, 1) = 3;
      late += s < STEPS / 2 ? -a : a;
    }
    if (r % 5 == 0) part_hole(t.x, r, r % STEPS, 0);
    *part_cell(t.y, r, 0, 0) = outcome_of_all < 2 ? outcome_of_all : late > 0;
  }
  return t;
}

static void rows_free(struct lesson_rows t) {
  part_table_free(t.x);
  part_table_free(t.y);
}

static void it_learns_the_order_and_gives_the_same_bytes(void **state) {
  (void)state;
  struct lesson_rows t = rows_of(300, 2);
  struct buf first = {0}, again = {0};
  for (size_t k = 0; k < KERNELS_COUNT; k++)
    for (int twice = 0; twice < 2; twice++) {
      kairos_model m;
      kairos_error error = {.size = sizeof error};
      if (!kernels_list(k) || kernels_list(k) == kernels_exact) continue;
      part_new(&m, "{" SMALL "}");
      m.kernels = kernels_list(k);
      if (lstm_train(&m, &t.x->batch, &t.y->batch, &error) != KAIROS_OK) fail_msg("%s", error.message);
      part_put(&m, state_save, first.len ? &again : &first);
      if (again.len) {
        assert_int_equal(again.len, first.len);
        assert_memory_equal(again.at, first.at, first.len);
      }
      assert_true(m.network.mean[0] > 39 && m.network.mean[0] < 41 && m.network.factor[0] > 0.3);
      assert_true(m.network.mean[1] == 3 && m.network.factor[1] == 1); /* a constant input is no fault */
      struct lesson_rows fresh = rows_of(600, 2);
      double *p = calloc(fresh.x->rows, sizeof *p);
      uint32_t right = 0, asked = 0;
      assert_non_null(p);
      part_answers(&m, fresh.x, 24, p);
      for (uint32_t r = 600; r < 1200; r++, asked++) right += (p[r] > 0.5) == (*part_cell(fresh.y, r, 0, 0) > 0.5);
      if (right < asked * 85 / 100) fail_msg("only %u of %u", right, asked);
      free(p);
      rows_free(fresh);
      part_free(&m);
    }
  /* another seed, other weights */
  kairos_model m;
  kairos_error error = {.size = sizeof error};
  part_new(&m, "{" SMALL ",\"seed\":1}");
  assert_int_equal(lstm_train(&m, &t.x->batch, &t.y->batch, &error), KAIROS_OK);
  part_put(&m, state_save, &again);
  assert_true(again.len == first.len && memcmp(again.at, first.at, first.len) != 0);
  part_free(&m);
  buf_free(&first);
  buf_free(&again);
  rows_free(t);
}

static void refused(const char *config, struct lesson_rows t, kairos_status status, const char *words) {
  kairos_model m;
  kairos_error error = {.size = sizeof error};
  part_new(&m, config);
  assert_int_equal(lstm_train(&m, &t.x->batch, &t.y->batch, &error), status);
  if (!strstr(error.message, words)) fail_msg("expected '%s', got '%s'", words, error.message);
  assert_false(m.trained);
  part_free(&m);
  rows_free(t);
}

static void too_little_is_said(void **state) {
  (void)state;
  struct lesson_rows t = rows_of(60, 2);
  refused("{" SMALL "}", rows_of(0, 2), KAIROS_BAD_INPUT, "0 rows of 0 people");
  refused("{" SMALL "}", rows_of(19, 2), KAIROS_BAD_INPUT, "38 rows of 19 people, the rarer outcome in");
  refused("{\"inputs\":[\"a\",\"b\"],\"steps\":8}", rows_of(49, 2), KAIROS_BAD_INPUT, "expected at least 50 people and 100 of it");
  refused("{" SMALL "}", rows_of(60, 0), KAIROS_BAD_INPUT, "all 120 rows have the same outcome");
  refused("{" SMALL "}", rows_of(60, 1), KAIROS_BAD_INPUT, "all 120 rows have the same outcome");
  *part_cell(t.y, 17, 0, 0) = 2;
  refused("{" SMALL "}", t, KAIROS_BAD_INPUT, "row 17: its target is 2");
  t = rows_of(60, 2);
  for (uint32_t r = 0; r < 120; r++)
    for (uint32_t s = 0; s < STEPS; s++) *part_cell(t.x, r, s, 0) = 5;
  refused("{" SMALL "}", t, KAIROS_BAD_INPUT, "every input is constant");
  t = rows_of(60, 2);
  for (uint32_t r = 0; r < 120; r++)
    for (uint32_t s = 0; s < STEPS; s++)
      for (uint32_t i = 0; i < 2; i++) part_hole(t.x, r, s, i);
  refused("{" SMALL "}", t, KAIROS_BAD_INPUT, "0 rows of 0 people");
  t = rows_of(60, 2);
  for (uint32_t r = 0; r < 120; r++) part_hole(t.y, r, 0, 0);
  refused("{" SMALL "}", t, KAIROS_BAD_INPUT, "0 rows of 0 people");
  t = rows_of(60, 2);
  for (uint32_t r = 0; r < 120; r++) *part_cell(t.x, r, r % STEPS, 0) = 1e308;
  refused("{" SMALL "}", t, KAIROS_BAD_INPUT, "too large to add up");
  t = rows_of(60, 2);
  t.x->batch.column_count = 1;
  refused("{" SMALL "}", t, KAIROS_BAD_INPUT, "expected 2 inputs");
}

/* The outcome has nothing to do with the rows: whatever was fitted, it is not handed out as a model. */
static void noise_is_not_served(void **state) {
  (void)state;
  struct lesson_rows t = rows_of(400, 2);
  for (uint32_t r = 0; r < 800; r++) *part_cell(t.y, r, 0, 0) = rng_mix(77000 + r) < 0.5;
  refused("{\"inputs\":[\"a\",\"b\"],\"steps\":8,\"lstm\":[16],\"dense\":[],\"learning_rate\":0.01,\"epochs\":12}", t, KAIROS_FAILED,
          "it learned nothing: log loss");
}

static bool cancelled(const kairos_host *host) {
  (void)host;
  return true;
}

static void no_memory_and_cancelling(void **state) {
  (void)state;
  struct lesson_rows t = rows_of(60, 2);
  kairos_model m;
  kairos_error error = {.size = sizeof error};
  for (int64_t nth = 1; nth <= 5; nth++) {
    part_new(&m, "{" SMALL "}");
    meter_fail(&meter, nth);
    assert_int_equal(lstm_train(&m, &t.x->batch, &t.y->batch, &error), KAIROS_NO_MEMORY);
    meter_fail(&meter, 0);
    assert_false(m.trained);
    part_free(&m);
  }
  part_new(&m, "{" SMALL "}");
  const kairos_host kept = meter.host;
  meter.host.cancelled = cancelled;
  assert_int_equal(lstm_train(&m, &t.x->batch, &t.y->batch, &error), KAIROS_CANCELLED);
  meter.host = kept;
  part_free(&m);
  rows_free(t);
}

/* Plugin from its file, training in a child, envelope, session. */
static void the_whole_path(void **state) {
  (void)state;
  char store[64];
  struct err e = {0};
  struct plugin *lstm = NULL;
  struct lesson_rows rows = rows_of(300, 2);
  static const char *const names[] = {"a", "b"};
  const struct model_spec spec = {.name = "m", .inputs = names, .input_count = 2, .config = STR("{" SMALL "}")};
  const double *columns[] = {part_cell(rows.x, 0, 0, 0), part_cell(rows.x, 0, 0, 1)};
  const uint64_t *valid[] = {rows.x->columns[0].valid, rows.x->columns[1].valid};
  const struct training job = {.rows = rows.x->rows,
                               .inputs = columns,
                               .valid = valid,
                               .target = rows.y->values,
                               .seeds = rows.x->seeds,
                               .limit_ms = 300000,
                               .memory_limit = (size_t)1 << 30};
  struct buf envelope = {0};
  struct trained *m = NULL;
  struct session *s = NULL;
  double got[100], wanted[600], *out = got;
  uint64_t bits[2], *bit = bits;
  snprintf(store, sizeof store, "/tmp/kairos-lstm-XXXXXX");
  assert_non_null(mkdtemp(store));
  if (!plugin_open(KAIROS_BINARY_DIR "/plugins/lstm.so", store, &lstm, &e) || !model_train(lstm, &spec, &job, STR("{}"), &envelope, &e) ||
      !model_create(lstm, &spec, &m, &e) || !model_load(m, buf_view(&envelope), &e) || !session_open(m, 100, &s, &e) ||
      !session_predict(s, 100, columns, valid, rows.x->seeds, &out, &bit, &e))
    fail_msg("%s", e.text);
  kairos_model here;
  kairos_error error = {.size = sizeof error};
  part_new(&here, "{" SMALL "}");
  assert_int_equal(lstm_train(&here, &rows.x->batch, &rows.y->batch, &error), KAIROS_OK);
  part_answers(&here, rows.x, 24, wanted);
  for (uint32_t r = 0; r < 100; r++) {
    assert_true(bits[r / 64] >> (r % 64) & 1);
    assert_true(got[r] == wanted[r]);
  }
  part_free(&here);
  session_close(s);
  model_free(m);
  buf_free(&envelope);
  rows_free(rows);
  assert_true(file_remove_tree(store, &e));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_learns_the_order_and_gives_the_same_bytes),
      cmocka_unit_test(too_little_is_said),
      cmocka_unit_test(noise_is_not_served),
      cmocka_unit_test(no_memory_and_cancelling),
      cmocka_unit_test(the_whole_path),
  };
  return cmocka_run_group_tests(tests, begin, NULL);
}
