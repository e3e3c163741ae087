/* rooms: host kit; inside: host */
/* Promise: a state and a model's file that do not belong together are refused with the field that differs; a model that is loaded is
 * frozen, saves the bytes it was loaded from, answers every row the same in any batch and from any thread, and gives all its memory back.
 */
#include "envelope.h"
#include "kit/file.h"
#include "kit/rng.h"
#include "model.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROWS 130
static struct plugin *svr;
static char store[64];
static struct buf trained_state;
static double columns[3][ROWS], target[ROWS];
static const double *const inputs[] = {columns[0], columns[1], columns[2]};
static uint64_t seeds[ROWS];
static const char *const names[] = {"steps_7d", "sleep_hours", "streak"};
#define CONFIG "{\"output\":{\"name\":\"skip\",\"low\":0,\"high\":1}}"

static struct model_spec spec(const char *const *list, size_t count, const char *config) {
  return (struct model_spec){.name = "adherence", .inputs = list, .input_count = count, .config = str_from(config)};
}

static int prepare(void **state) {
  (void)state;
  struct err e = {0};
  struct rng chance = rng_from(21);
  for (int r = 0; r < ROWS; r++) {
    for (int i = 0; i < 3; i++) columns[i][r] = rng_normal(&chance);
    target[r] = columns[0][r] > columns[1][r] ? 0.9 : 0.2;
    seeds[r] = (uint64_t)r;
  }
  snprintf(store, sizeof store, "/tmp/kairos-model-XXXXXX");
  const struct model_spec s = spec(names, 3, CONFIG);
  const struct training t = {
      .rows = ROWS, .inputs = inputs, .target = target, .seeds = seeds, .limit_ms = 60000, .memory_limit = (size_t)256 << 20};
  if (mkdtemp(store) && plugin_open(KAIROS_BINARY_DIR "/plugins/svr.so", store, &svr, &e) &&
      model_train(svr, &s, &t, STR("{\"rows\":130}"), &trained_state, &e))
    return 0;
  fprintf(stderr, "%s\n", e.text);
  return -1;
}

static int tidy(void **state) {
  (void)state;
  struct err e = {0};
  buf_free(&trained_state);
  return file_remove_tree(store, &e) ? 0 : -1;
}

static struct trained *load(void) {
  struct err e = {0};
  struct trained *m = NULL;
  const struct model_spec s = spec(names, 3, CONFIG);
  if (!model_create(svr, &s, &m, &e) || !model_load(m, buf_view(&trained_state), &e)) fail_msg("%s", e.text);
  return m;
}

static void training_twice_gives_the_same_bytes(void **state) {
  (void)state;
  struct err e = {0};
  struct buf again = {0};
  const struct model_spec s = spec(names, 3, CONFIG);
  const struct training t = {
      .rows = ROWS, .inputs = inputs, .target = target, .seeds = seeds, .limit_ms = 60000, .memory_limit = (size_t)256 << 20};
  assert_true(model_train(svr, &s, &t, STR("{\"rows\":130}"), &again, &e));
  assert_true(str_eq(buf_view(&again), buf_view(&trained_state)));
  buf_free(&again);
}

static void save_after_load_is_byte_equal(void **state) {
  (void)state;
  struct err e = {0};
  struct trained *m = load();
  struct buf again = {0};
  assert_true(model_save(m, STR("{\"rows\":130}"), &again, &e));
  assert_true(str_eq(buf_view(&again), buf_view(&trained_state)));
  assert_false(model_load(m, buf_view(&trained_state), &e));
  assert_non_null(strstr(e.text, "frozen"));
  buf_free(&again);
  model_free(m);
}

static void mismatches_name_the_field(void **state) {
  (void)state;
  const char *const other_order[] = {"steps_7d", "streak", "sleep_hours"};
  const struct {
    struct model_spec spec;
    const char *words;
  } cases[] = {
      {spec(other_order, 3, CONFIG), "input 2 was 'sleep_hours' (width 1) when the state was made and is 'streak' (width 1) now"},
      {spec(names, 2, CONFIG), "the state was made with 3 inputs, the model has 2"},
      {spec(names, 3, "{\"output\":{\"name\":\"other\"}}"), "output 1 was 'skip' (width 1) when the state was made and is 'other'"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct err e = {0};
    struct trained *m = NULL;
    assert_true(model_create(svr, &cases[i].spec, &m, &e));
    assert_false(model_load(m, buf_view(&trained_state), &e));
    if (!strstr(e.text, cases[i].words)) fail_msg("expected '%s', got '%s'", cases[i].words, e.text);
    assert_int_equal(e.kind, ERR_CONFLICT);
    assert_non_null(strstr(e.text, "model 'adherence'"));
    model_free(m);
  }
}

static void resealed(struct envelope x, const char *words) {
  struct err e = {0};
  struct buf bytes = {0};
  struct trained *m = NULL;
  const struct model_spec s = spec(names, 3, CONFIG);
  assert_true(envelope_write(&x, &bytes));
  assert_true(model_create(svr, &s, &m, &e));
  assert_false(model_load(m, buf_view(&bytes), &e));
  if (!strstr(e.text, words)) fail_msg("expected '%s', got '%s'", words, e.text);
  model_free(m);
  buf_free(&bytes);
}

static void foreign_and_newer_states_are_refused(void **state) {
  (void)state;
  struct err e = {0};
  struct envelope x;
  assert_true(envelope_read(buf_view(&trained_state), &x, &e));
  struct envelope other = x;
  other.plugin = STR("lstm");
  resealed(other, "written by the plugin 'lstm'");
  other = x;
  other.state_version = 2;
  resealed(other, "the state has version 2 (plugin 1.0.0), this plugin (1.0.0) reads up to 1");
  for (size_t i = 0; i < 64; i++) { /* sealed well, the body cut */
    other = x;
    other.body.len = i * x.body.len / 64;
    resealed(other, "svr state:");
  }
}

static void configurations_are_checked(void **state) {
  (void)state;
  const struct {
    const char *config, *words;
  } cases[] = {
      {"{\"inputs\":[\"steps_7d\",\"sleep_hours\",\"mood\"]}", "input 3 is 'mood' in its configuration and 'streak' in the model's file"},
      {"{\"inputs\":[\"steps_7d\"]}", "names 1 inputs, the model's file 3"},
      {"[]", "expected a JSON object"},
      {"{", "its configuration"},
      {"{\"C\":1,\"C\":2}", "its configuration"},
      {"{\"D\":1}", "unknown field \"D\""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct err e = {0};
    struct trained *m = NULL;
    const struct model_spec s = spec(names, 3, cases[i].config);
    assert_false(model_create(svr, &s, &m, &e));
    if (!strstr(e.text, cases[i].words)) fail_msg("%s: expected '%s', got '%s'", cases[i].config, cases[i].words, e.text);
  }
}

static void predict(const struct trained *m, uint32_t first, uint32_t rows, uint32_t most, double *y) {
  struct err e = {0};
  struct session *s = NULL;
  uint64_t valid[4], *bits = valid;
  const double *part[] = {columns[0] + first, columns[1] + first, columns[2] + first};
  if (!session_open(m, most, &s, &e) || !session_predict(s, rows, part, NULL, seeds, &y, &bits, &e)) fail_msg("%s", e.text);
  for (uint32_t r = 0; r < rows; r++) assert_true(valid[r / 64] >> (r % 64) & 1);
  session_close(s);
}

static void a_batch_is_its_rows(void **state) {
  (void)state;
  struct trained *m = load();
  double whole[ROWS], alone, sum = 0;
  predict(m, 0, ROWS, ROWS, whole);
  for (uint32_t r = 0; r < ROWS; r++) {
    predict(m, r, 1, 1, &alone);
    assert_memory_equal(&alone, &whole[r], sizeof alone); /* bit for bit */
    sum += (whole[r] > 0.55) == (target[r] > 0.55);
  }
  assert_true(sum >= 0.95 * ROWS); /* it learnt something */
  predict(m, 0, 0, 1, whole);      /* no rows: fine */
  struct err e = {0};
  struct session *s = NULL;
  double *y = whole;
  uint64_t valid[4], *bits = valid;
  assert_true(session_open(m, 8, &s, &e));
  assert_false(session_predict(s, 9, inputs, NULL, seeds, &y, &bits, &e));
  assert_non_null(strstr(e.text, "a batch of 9 rows in a session that was opened for 8"));
  session_close(s);
  model_free(m);
}

static void missing_inputs(void **state) {
  (void)state;
  struct err e = {0};
  struct trained *m = load();
  struct session *s = NULL;
  double y[ROWS], *outputs = y;
  uint64_t valid[3], *bits = valid, one[3], two[3];
  memset(one, 0xFF, sizeof one);
  memset(two, 0xFF, sizeof two);
  one[0] &= ~UINT64_C(3);
  two[0] &= ~UINT64_C(2); /* row 0 lacks one input, row 1 lacks two of three */
  const uint64_t *const given[] = {one, NULL, two};
  assert_true(session_open(m, ROWS, &s, &e));
  assert_true(session_predict(s, ROWS, inputs, given, seeds, &outputs, &bits, &e));
  assert_int_equal(valid[0] & 7, 5);
  session_close(s);
  model_free(m);
}

struct asker {
  const struct trained *m;
  const double *expected;
  bool same;
};

static void *ask(void *context) {
  struct asker *a = context;
  struct err e = {0};
  struct session *s = NULL;
  double y[ROWS], *outputs = y;
  uint64_t valid[3], *bits = valid;
  a->same = session_open(a->m, ROWS, &s, &e);
  for (int i = 0; i < 50 && a->same; i++)
    a->same = session_predict(s, ROWS, inputs, NULL, seeds, &outputs, &bits, &e) && memcmp(y, a->expected, sizeof y) == 0;
  session_close(s);
  return NULL;
}

static void eight_sessions_at_once(void **state) {
  (void)state;
  struct trained *m = load();
  double expected[ROWS];
  predict(m, 0, ROWS, ROWS, expected);
  pthread_t threads[8];
  struct asker askers[8];
  for (int i = 0; i < 8; i++) {
    askers[i] = (struct asker){m, expected, false};
    assert_int_equal(pthread_create(&threads[i], NULL, ask, &askers[i]), 0);
  }
  for (int i = 0; i < 8; i++) {
    assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_true(askers[i].same);
  }
  model_free(m);
}

/* Every allocation of a model's life fails once: a clean refusal, and nothing is held. */
static void every_failed_allocation_is_clean(void **state) {
  (void)state;
  const struct model_spec s = spec(names, 3, CONFIG);
  int failures = 0;
  for (int64_t nth = 1; nth < 200; nth++) {
    struct err e = {0};
    struct trained *m = NULL;
    struct session *session = NULL;
    kit_fail_allocation(nth);
    const bool fine = model_create(svr, &s, &m, &e) && model_load(m, buf_view(&trained_state), &e) && session_open(m, ROWS, &session, &e);
    kit_fail_allocation(0);
    session_close(session);
    model_free(m);
    if (fine) {
      assert_true(failures > 8);
      return;
    }
    assert_true(e.text[0] != 0);
    failures++;
  }
  fail_msg("no end to the allocations");
}

static void memory_is_counted_capped_and_given_back(void **state) {
  (void)state;
  struct trained *m = load();
  assert_true(model_memory(m) > 3 * sizeof(double));
  const size_t before = atomic_load(&m->meter.used);
  struct err e = {0};
  struct session *s = NULL;
  m->meter.most = before;
  assert_false(session_open(m, 8, &s, &e)); /* at the cap */
  assert_int_equal(e.kind, ERR_BUSY);
  m->meter.most = METER_MODEL_MOST;
  assert_true(session_open(m, 8, &s, &e));
  assert_true(atomic_load(&m->meter.used) > before);
  session_close(s);
  assert_int_equal(atomic_load(&m->meter.used), before);
  m->plugin->table->destroy(m->model);
  assert_int_equal(atomic_load(&m->meter.used), 0);
  m->model = NULL;
  model_free(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(training_twice_gives_the_same_bytes),
      cmocka_unit_test(save_after_load_is_byte_equal),
      cmocka_unit_test(mismatches_name_the_field),
      cmocka_unit_test(foreign_and_newer_states_are_refused),
      cmocka_unit_test(configurations_are_checked),
      cmocka_unit_test(a_batch_is_its_rows),
      cmocka_unit_test(missing_inputs),
      cmocka_unit_test(eight_sessions_at_once),
      cmocka_unit_test(every_failed_allocation_is_clean),
      cmocka_unit_test(memory_is_counted_capped_and_given_back),
  };
  return cmocka_run_group_tests(tests, prepare, tidy);
}
