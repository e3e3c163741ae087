/* rooms: kit host; libraries: plugin_goal_parts */
/* A proposal stays within the model's limits whatever the days hold, its propensity is the frequency with which it is drawn, and without
 * enough days there is none; settings are read whole or refused by name; the built plugin serves as a policy. */
#include "goal_setter.h"
#include "host/host.h"
#include "kit/file.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct settings settings;
static struct proposing proposing;

static void read(const char *config) {
  kairos_error error = {.size = sizeof error};
  if (settings_read(&settings, config, &error) != KAIROS_OK) fail_msg("%s", error.message);
  proposing.settings = &settings;
}

/* A person who does 6 000 steps, more with a goal that is near. */
static void fill(struct goal_day *days, uint32_t count, double goal, uint64_t seed) {
  for (uint32_t d = 0; d < count; d++) days[d] = (struct goal_day){.goal = goal, .done = 6000 + 1500 * (goal_uniform(seed + d) - 0.3)};
}

static void a_goal_within_its_limits(void **state) {
  (void)state;
  static const char *const methods[] = {"{\"inputs\":[\"a\",\"b\"]}", "{\"inputs\":[\"a\",\"b\"],\"method\":\"percentile\"}",
                                        "{\"inputs\":[\"a\",\"b\"],\"method\":\"factor\",\"step\":100,\"explore\":0.5}"};
  struct goal_day days[28];
  struct proposal p;
  for (int m = 0; m < 3; m++) {
    read(methods[m]);
    for (uint64_t seed = 0; seed < 400; seed++) {
      const double goal = goal_uniform(seed) * 20000;
      for (int d = 0; d < 28; d++) {
        const double u = goal_uniform(seed * 1000 + (uint64_t)d);
        days[d].goal = u < 0.2 ? (double)NAN : goal;
        days[d].done = u > 0.7 ? (double)NAN : u > 0.6 ? 1e9 * u : 14000 * u;
      }
      days[27].goal = goal;
      assert_true(propose(&proposing, days, 28, seed, &p));
      assert_true(p.goal >= settings.low && p.goal <= settings.high);
      assert_true(p.propensity > 0 && p.propensity <= 1 && p.difficulty >= 0 && p.difficulty <= 1 && p.success >= 0 && p.success <= 1);
      assert_true((p.goal - settings.low) / settings.step - p.action < 1e-6);
      if (goal >= settings.low && goal <= settings.high)
        assert_true(p.goal <= goal * 1.1 + settings.step / 2 && p.goal >= goal * 0.9 - settings.step);
    }
  }
}

static void the_propensity_is_a_frequency(void **state) {
  (void)state;
  struct goal_day days[28];
  struct proposal p, first;
  uint32_t same = 0, total = 20000, others = 0;
  double others_say = 0;
  read("{\"inputs\":[\"a\",\"b\"],\"explore\":0.3}");
  fill(days, 28, 6500, 5);
  for (uint64_t seed = 0; !propose(&proposing, days, 28, seed, &first) || first.propensity < 0.5;) seed++;
  for (uint64_t seed = 0; seed < total; seed++) {
    assert_true(propose(&proposing, days, 28, seed * 7919, &p));
    if (p.action == first.action) same++;
    else others++, others_say = p.propensity;
  }
  assert_true(first.propensity == 0.7 || first.propensity == 0.85);
  assert_true((double)same / total > first.propensity - 0.02 && (double)same / total < first.propensity + 0.02);
  assert_true(others > 0 && others_say == 0.15);
}

static void few_days_say_nothing(void **state) {
  (void)state;
  struct goal_day days[28];
  struct proposal p;
  read("{\"inputs\":[\"a\",\"b\"],\"explore\":0}");
  for (int d = 0; d < 28; d++) days[d] = (struct goal_day){(double)NAN, d < 22 ? (double)NAN : 5000};
  assert_false(propose(&proposing, days, 28, 1, &p)); /* six days */
  days[3].done = 999;                                 /* not worn */
  assert_false(propose(&proposing, days, 28, 1, &p));
  days[3].done = 5000;
  assert_true(propose(&proposing, days, 28, 1, &p));
  assert_true(p.goal == 5250 && p.strategy == STRATEGY_RAISE && p.propensity == 1); /* the median × 1.05 */
  for (int d = 0; d < 28; d++) days[d] = (struct goal_day){7000, d < 24 ? (double)NAN : 9000};
  assert_true(propose(&proposing, days, 28, 1, &p));
  assert_true(p.goal == 7000 && p.strategy == STRATEGY_HOLD); /* four valid days: the goal is kept */
}

static void who_fails_is_eased_and_who_meets_is_raised(void **state) {
  (void)state;
  struct goal_day days[28];
  struct proposal p;
  static const char *const methods[] = {"posterior", "percentile", "factor"};
  for (int m = 0; m < 3; m++) {
    char config[200];
    snprintf(config, sizeof config, "{\"inputs\":[\"a\",\"b\"],\"explore\":0,\"method\":\"%s\"}", methods[m]);
    read(config);
    for (int d = 0; d < 28; d++) days[d] = (struct goal_day){9000, 5000 + 10 * d};
    assert_true(propose(&proposing, days, 28, 1, &p));
    assert_int_equal(p.strategy, STRATEGY_EASE);
    const double hard = p.difficulty;
    for (int d = 0; d < 28; d++) days[d] = (struct goal_day){5000, 7900 + 10 * d};
    assert_true(propose(&proposing, days, 28, 1, &p));
    assert_int_equal(p.strategy, STRATEGY_RAISE);
    assert_true(p.difficulty < hard && p.success > 0.5);
  }
}

static void faults_are_named(void **state) {
  (void)state;
  const struct {
    const char *config, *words;
  } cases[] = {
      {"{}", "expected inputs"},
      {"{\"inputs\":[\"a\"]}", "two different names"},
      {"{\"inputs\":[\"a\",\"a\"]}", "two different names"},
      {"{\"inputs\":[\"a\",\"b\",\"c\"]}", "two different names"},
      {"{\"inputs\":[\"a\",\"b c\"]}", "two different names"},
      {"{\"inputs\":{}}", "two different names"},
      {"{\"inputs\":[\"a\",\"b\"],\"method\":\"ppo\"}", "method: expected"},
      {"{\"inputs\":[\"a\",\"b\"],\"days\":36}", "days: expected a whole number of 7 to 35"},
      {"{\"inputs\":[\"a\",\"b\"],\"days\":7.5}", "days: expected"},
      {"{\"inputs\":[\"a\",\"b\"],\"change\":0.6}", "change: expected a number in [0, 0.5]"},
      {"{\"inputs\":[\"a\",\"b\"],\"step\":1}", "step: 1 gives more than"},
      {"{\"inputs\":[\"a\",\"b\"],\"low\":9000,\"high\":9000}", "is not below"},
      {"{\"inputs\":[\"a\",\"b\"],\"days\":7,\"least_days\":9}", "is more than days"},
      {"{\"inputs\":[\"a\",\"b\"],\"symmetric\":1}", "symmetric: expected true or false"},
      {"{\"inputs\":[\"a\",\"b\"],\"rate\":1}", "unknown field \"rate\""},
      {"[]", "expected one JSON object"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    kairos_error error = {.size = sizeof error};
    struct settings s;
    assert_int_equal(settings_read(&s, cases[i].config, &error), KAIROS_BAD_CONFIG);
    if (!strstr(error.message, cases[i].words)) fail_msg("%s: \"%s\" does not say \"%s\"", cases[i].config, error.message, cases[i].words);
  }
}

static void the_plugin_serves(void **state) {
  (void)state;
  char directory[] = "/tmp/kairos-goals-XXXXXX";
  struct plugin *plugin;
  struct trained *model;
  struct session *session;
  struct err e = {0};
  static const char *const inputs[] = {"done", "goal"};
  const struct model_spec spec = {.name = "goals", .inputs = inputs, .input_count = 2, .config = STR("{\"explore\":0}")};
  assert_non_null(mkdtemp(directory));
  if (!plugin_open(KAIROS_BINARY_DIR "/plugins/goal_setter.so", directory, &plugin, &e)) fail_msg("%s", e.text);
  if (!model_create(plugin, &spec, &model, &e)) fail_msg("%s", e.text);
  if (!session_open(model, 4, &session, &e)) fail_msg("%s", e.text);
  double done[2 * 28], goal[2 * 28], out[6][2];
  uint64_t valid[6], seeds[2] = {1, 2}, none[1] = {(UINT64_C(1) << 28) - 1}; /* row 0 has its goals and row 1 has neither */
  const double *columns[] = {done, goal};
  const uint64_t *bits[] = {none, none};
  double *outputs[6];
  uint64_t *output_valid[6];
  for (int i = 0; i < 6; i++) outputs[i] = out[i], output_valid[i] = &valid[i];
  for (int i = 0; i < 56; i++) done[i] = 7000 + i, goal[i] = 6500;
  if (!session_predict(session, 2, columns, bits, seeds, outputs, output_valid, &e)) fail_msg("%s", e.text);
  struct goal_day days[28];
  struct proposal p;
  read("{\"inputs\":[\"a\",\"b\"],\"explore\":0}");
  for (int d = 0; d < 28; d++) days[d] = (struct goal_day){6500, 7000 + d};
  assert_true(propose(&proposing, days, 28, 1, &p));
  for (int i = 0; i < 6; i++) assert_int_equal(valid[i] & 3, 1);
  assert_true(out[0][0] == p.action && out[1][0] == 1 && out[2][0] == p.goal && out[3][0] == p.difficulty && out[4][0] == p.success);
  session_close(session);
  model_free(model);
  char command[200];
  snprintf(command, sizeof command, "rm -rf %s", directory);
  assert_int_equal(system(command), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_goal_within_its_limits), cmocka_unit_test(the_propensity_is_a_frequency),
      cmocka_unit_test(few_days_say_nothing),     cmocka_unit_test(who_fails_is_eased_and_who_meets_is_raised),
      cmocka_unit_test(faults_are_named),         cmocka_unit_test(the_plugin_serves),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
