/* rooms: host kit; inside: host; libraries: plugin_hazard_parts */
/* Promise: a hazard learned here has the coefficients and foresees the losses of METHODS 13.3 (statsmodels' Logit over person-weeks),
 * through the whole path as well: trained in the child, state in its envelope, loaded, asked through a session. Rows without an end get a
 * ridge and say so; states that are not one are refused. */
#include "common/refuse.h"
#include "hazard.h"
#include "host/host.h"
#include "kit/file.h"
#include "meter.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#define ROWS_MOST 400

static const json_t *vector; /* of load.json: hazard */
static json_t *vectors;
static struct plugin *plugin;
static char store[64];
static struct meter meter;
static double week[ROWS_MOST], mood[ROWS_MOST], event[ROWS_MOST];
static uint32_t rows;

static int open_all(void **state) {
  (void)state;
  struct err e = {0};
  meter_begin(&meter, "test", METER_MODEL_MOST);
  vectors = json_load_file(KAIROS_SOURCE_DIR "/tests/vectors/load.json", 0, NULL);
  vector = json_object_get(vectors, "hazard");
  const json_t *list = json_object_get(vector, "rows");
  rows = (uint32_t)json_array_size(list);
  if (rows == 0 || rows > ROWS_MOST) return -1;
  for (uint32_t r = 0; r < rows; r++) {
    week[r] = json_number_value(json_array_get(json_array_get(list, r), 1));
    mood[r] = json_number_value(json_array_get(json_array_get(list, r), 2));
    event[r] = json_number_value(json_array_get(json_array_get(list, r), 3));
  }
  snprintf(store, sizeof store, "/tmp/kairos-hazard-XXXXXX");
  if (!mkdtemp(store)) return -1;
  if (plugin_open(KAIROS_BINARY_DIR "/plugins/hazard.so", store, &plugin, &e)) return 0;
  fprintf(stderr, "%s\n", e.text);
  return -1;
}

static int close_all(void **state) {
  (void)state;
  struct err e = {0};
  json_decref(vectors);
  return file_remove_tree(store, &e) ? 0 : -1;
}

/* ---- the parts ---- */

static void part_create(kairos_model *model, const char *config) {
  kairos_error error = {.size = sizeof error};
  *model = (kairos_model){.host = &meter.host};
  if (settings_read(&model->settings, &meter.host, config, &error) != KAIROS_OK) fail_msg("%s", error.message);
}

static void part_free(kairos_model *model) {
  if (model->trained) curve_free(&model->curve, model->host);
  settings_free(&model->settings, model->host);
  assert_int_equal(atomic_load(&meter.used), 0);
}

static kairos_status part_train(kairos_model *model, double *x0, double *x1, double *y, uint32_t count, kairos_error *error) {
  kairos_column a = {sizeof a, KAIROS_F64, 1, 0, x0, NULL}, b = {sizeof b, KAIROS_F64, 1, 0, x1, NULL},
                c = {sizeof c, KAIROS_F64, 1, 0, y, NULL};
  kairos_column *const in[] = {&a, &b}, *const out[] = {&c};
  const kairos_batch x = {sizeof x, count, 2, 0, in, NULL}, target = {sizeof target, count, 1, 0, out, NULL};
  return hazard_train(model, &x, &target, error);
}

static void the_coefficients_are_the_oracle_s(void **state) {
  (void)state;
  kairos_model model;
  kairos_error error = {.size = sizeof error};
  part_create(&model, "{\"inputs\":[\"week\",\"mood\"],\"time\":\"week\"}");
  if (part_train(&model, week, mood, event, rows, &error) != KAIROS_OK) fail_msg("%s", error.message);
  const struct curve *c = &model.curve;
  const json_t *wanted = json_object_get(vector, "coef");
  double constant = c->constant;
  for (uint32_t i = 0; i < 2; i++) { /* back to the units of the inputs */
    const double slope = c->slopes[i] / c->scale[i];
    constant -= slope * c->mean[i];
    assert_true(fabs(slope - json_number_value(json_array_get(wanted, i + 1))) < 1e-7);
  }
  assert_true(fabs(constant - json_number_value(json_array_get(wanted, 0))) < 1e-7);
  assert_false(c->ridged);
  assert_int_equal(c->rows, rows);
  part_free(&model);
}

/* An input that tells losses and stays apart: Newton's steps would go on for ever. One that never varies teaches nothing and does no harm.
 */
static void what_has_no_end_gets_a_ridge(void **state) {
  (void)state;
  double apart[40], still[40], lost[40], none[40] = {0};
  for (int i = 0; i < 40; i++) {
    apart[i] = i;
    still[i] = 3;
    lost[i] = i >= 30;
  }
  kairos_model model;
  kairos_error error = {.size = sizeof error};
  part_create(&model, "{\"inputs\":[\"a\",\"b\"]}");
  if (part_train(&model, apart, still, lost, 40, &error) != KAIROS_OK) fail_msg("%s", error.message);
  assert_true(model.curve.ridged && isfinite(model.curve.slopes[0]) && model.curve.slopes[0] > 1);
  assert_true(fabs(model.curve.slopes[1]) < 1e-6);
  assert_int_equal(part_train(&model, apart, still, none, 40, &error), KAIROS_BAD_INPUT);
  assert_non_null(strstr(error.message, "0 are losses"));
  part_free(&model);
}

struct source {
  const char *at;
  size_t left;
};
static size_t source_read(const kairos_reader *reader, void *to, size_t n) {
  struct source *s = reader->context;
  n = n < s->left ? n : s->left;
  if (n) memcpy(to, s->at, n);
  s->at += n;
  s->left -= n;
  return n;
}
static bool sink_write(const kairos_writer *writer, const void *from, size_t n) {
  buf_put(writer->context, from, n);
  return true;
}
static kairos_status part_load(kairos_model *model, const char *at, size_t length, kairos_error *error) {
  struct source s = {at, length};
  const kairos_reader reader = {.size = sizeof reader, .context = &s, .length = length, .read = source_read};
  return state_load(model, &reader, 1, error);
}

static void states_come_back_or_are_refused(void **state) {
  (void)state;
  kairos_model model, other;
  kairos_error error = {.size = sizeof error};
  struct buf bytes = {0}, again = {0};
  kairos_writer writer = {.size = sizeof writer, .context = &bytes, .write = sink_write};
  part_create(&model, "{\"inputs\":[\"week\",\"mood\"]}");
  assert_int_equal(state_save(&model, &writer, &error), KAIROS_FAILED);
  assert_int_equal(part_train(&model, week, mood, event, rows, &error), KAIROS_OK);
  assert_int_equal(state_save(&model, &writer, &error), KAIROS_OK);
  part_create(&other, "{\"inputs\":[\"week\",\"mood\"]}");
  for (size_t cut = 0; cut < bytes.len; cut++) assert_int_equal(part_load(&other, bytes.at, cut, &error), KAIROS_BAD_STATE);
  assert_false(other.trained);
  assert_int_equal(part_load(&other, bytes.at, bytes.len, &error), KAIROS_OK);
  /* The last two are wrong as a scale only: a slope of 1e100 over 1e-290 is no number, and the chance would be none. */
  const double wrong[] = {NAN, INFINITY, 1e200, -0.5, 1e-290};
  const size_t places[] = {16, 24, 40, 56}; /* the constant, a mean, a scale, a slope */
  for (size_t p = 0; p < 4; p++)
    for (size_t k = 0; k < (p == 2 ? 5 : 3); k++) {
      char *bent = malloc(bytes.len);
      assert_non_null(bent);
      memcpy(bent, bytes.at, bytes.len);
      memcpy(bent + places[p], &wrong[k], 8);
      assert_int_equal(part_load(&other, bent, bytes.len, &error), KAIROS_BAD_STATE);
      free(bent);
    }
  writer.context = &again; /* what was refused changed nothing */
  assert_int_equal(state_save(&other, &writer, &error), KAIROS_OK);
  assert_int_equal(again.len, bytes.len);
  assert_memory_equal(again.at, bytes.at, bytes.len);
  buf_free(&bytes);
  buf_free(&again);
  if (other.trained) curve_free(&other.curve, other.host);
  settings_free(&other.settings, other.host);
  part_free(&model);
}

static void wrong_settings_are_named(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"{\"inputs\":[\"a\"],\"time\":\"b\"}", "\"b\" is none of the inputs"},
      {"{\"inputs\":[\"a\"],\"steps\":1.5}", "a whole number"},
      {"{\"inputs\":[\"a\"],\"steps\":0}", "steps"},
      {"{\"inputs\":[\"a\"],\"weeks\":4}", "unknown field"},
      {"{\"inputs\":[\"a\"],\"unit\":0}", "unit"},
      {"{\"inputs\":[\"a\"],\"time\":7}", "time: expected the name"},
      {"{}", "expected inputs"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct settings s;
    kairos_error error = {.size = sizeof error};
    assert_int_equal(settings_read(&s, &meter.host, cases[i][0], &error), KAIROS_BAD_CONFIG);
    if (!strstr(error.message, cases[i][1])) fail_msg("%s: %s", cases[i][0], error.message);
    assert_int_equal(atomic_load(&meter.used), 0);
  }
}

/* ---- the whole path ---- */

static const char *const names[] = {"week", "mood"};

static struct trained *train_and_load(const char *config) {
  struct err e = {0};
  struct buf envelope = {0};
  struct trained *m = NULL;
  const double *columns[] = {week, mood};
  const struct model_spec spec = {.name = "m", .inputs = names, .input_count = 2, .config = str_from(config)};
  const struct training t = {.rows = rows, .inputs = columns, .target = event, .limit_ms = 60000, .memory_limit = (size_t)256 << 20};
  if (!model_train(plugin, &spec, &t, STR("{}"), &envelope, &e) || !model_create(plugin, &spec, &m, &e) ||
      !model_load(m, buf_view(&envelope), &e))
    fail_msg("%s", e.text);
  buf_free(&envelope);
  return m;
}

static double ask(const struct trained *m, double in_week, double in_mood, uint64_t there) {
  struct err e = {0};
  struct session *s;
  const double *columns[] = {&in_week, &in_mood};
  const uint64_t one = there & 1, two = there >> 1 & 1, *valid[] = {&one, &two}, seed = 0;
  uint64_t good = 0, *bits = &good;
  double y = 0, *out = &y;
  if (!session_open(m, 1, &s, &e) || !session_predict(s, 1, columns, valid, &seed, &out, &bits, &e)) fail_msg("%s", e.text);
  session_close(s);
  return good & 1 ? y : NAN;
}

static void what_is_foreseen_is_the_oracle_s(void **state) {
  (void)state;
  const json_t *kept = json_object_get(vector, "survival_z05");
  for (uint32_t steps = 1; steps <= 8; steps++) {
    char config[120];
    snprintf(config, sizeof config, "{\"time\":\"week\",\"steps\":%u}", steps);
    struct trained *m = train_and_load(config);
    const double lost = ask(m, 1, .5, 3);
    assert_true(fabs(1 - lost - json_number_value(json_array_get(kept, steps - 1))) < 1e-7);
    if (steps == 4) assert_true(fabs(lost - json_number_value(json_object_get(vector, "churn_prob_4w"))) < 1e-7);
    assert_true(isnan(ask(m, 1, .5, 0))); /* nothing known, nothing said */
    assert_true(ask(m, 1e9, -1e9, 3) >= 0 && ask(m, 1e9, 1e9, 3) <= 1);
    model_free(m);
  }
  struct trained *still = train_and_load("{\"steps\":2}"); /* no time: the same chance twice */
  struct trained *once = train_and_load("{}");
  const double one = ask(once, 1, .5, 3);
  assert_true(fabs(ask(still, 1, .5, 3) - (1 - (1 - one) * (1 - one))) < 1e-12);
  model_free(still);
  model_free(once);
}

static void explanations_add_up_to_the_log_odds(void **state) {
  (void)state;
  struct err e = {0};
  struct session *s;
  struct explanation said;
  struct trained *m = train_and_load("{\"time\":\"week\"}");
  const double at[] = {3, -.4}, *columns[] = {&at[0], &at[1]};
  const uint64_t all = 1, *valid[] = {&all, &all};
  double moved[2];
  if (!session_open(m, 1, &s, &e) || !session_explain(s, 0, columns, valid, moved, &said, &e)) fail_msg("%s", e.text);
  const double h = ask(m, at[0], at[1], 3);
  assert_true(fabs(said.base + moved[0] + moved[1] - log(h / (1 - h))) < 1e-9);
  assert_non_null(strstr(said.scale, "log odds"));
  session_close(s);
  model_free(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_coefficients_are_the_oracle_s), cmocka_unit_test(what_has_no_end_gets_a_ridge),
      cmocka_unit_test(states_come_back_or_are_refused),   cmocka_unit_test(wrong_settings_are_named),
      cmocka_unit_test(what_is_foreseen_is_the_oracle_s),  cmocka_unit_test(explanations_add_up_to_the_log_odds),
  };
  return cmocka_run_group_tests(tests, open_all, close_all);
}
