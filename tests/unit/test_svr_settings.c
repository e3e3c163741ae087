/* rooms: host kit; inside: host; libraries: plugin_svr_parts */
/* Promise: an svr's configuration is read whole or refused with the field and what was expected; and its evaluator gives the value of the
 * formula, the same bits whatever batch a row comes in, and 0 for what is missing. */
#include "kit/rng.h"
#include "svr_parts.h"
#include <math.h>

static int begin(void **state) {
  (void)state;
  meter_begin(&meter, "test", METER_MODEL_MOST);
  return 0;
}

static void settings_are_read(void **state) {
  (void)state;
  kairos_model m;
  kairos_error error = {.size = sizeof error};
  assert_int_equal(
      part_create(&m,
                  " {\"inputs\" : [\"steps_7d\", \"sleep.hours\"], \"C\":10, \"epsilon\":0.01,\"gamma\":0.5, \"tolerance\":1e-4,"
                  "\"standardise\":false, \"output\":{\"name\":\"skip\",\"low\":-1,\"high\":2.5}} ",
                  &error),
      KAIROS_OK);
  assert_int_equal(m.settings.shape.input_count, 2);
  assert_string_equal(m.settings.shape.names, "steps_7d");
  assert_string_equal(m.settings.shape.names + 9, "sleep.hours");
  assert_true(m.settings.c == 10 && m.settings.epsilon == 0.01 && m.settings.gamma == 0.5 && m.settings.gamma_rule == GAMMA_NUMBER);
  assert_true(m.settings.tolerance == 1e-4 && !m.settings.standardise && m.settings.shape.low == -1 && m.settings.shape.high == 2.5);
  assert_string_equal(m.settings.shape.output, "skip");
  part_free(&m);

  assert_int_equal(part_create(&m, "{\"inputs\":[\"a\"]}", &error), KAIROS_OK); /* D02 */
  assert_true(m.settings.c == 100 && m.settings.gamma_rule == GAMMA_SCALE && m.settings.epsilon == 0.1 && m.settings.standardise);
  part_free(&m);
}

static void faults_are_named(void **state) {
  (void)state;
  const struct {
    const char *config, *words;
  } faults[] = {
      {"{}", "expected inputs"},
      {"", "expected one JSON object, at byte 0"},
      {"[]", "at byte 0"},
      {"{\"inputs\":[\"a\"]", "at byte 15"},
      {"{\"inputs\":[\"a\"]}x", "at byte 16"},
      {"{\"inputs\":[\"a\",]}", "at byte 15"},
      {"{\"inputs\":[\"a\x01\"]}", "at byte 13"},
      {"{\"inputs\":[[[[[[[[[[[[[[[[[[[[", "deeper than 16"},
      {"{\"inputs\":\"a\"}", "inputs: expected a list of names"},
      {"{\"inputs\":[]}", "the list is empty"},
      {"{\"inputs\":[1]}", "input 1: expected a name"},
      {"{\"inputs\":[\"a\",\"b c\"]}", "input 2: expected a name"},
      {"{\"inputs\":[\"a\",\"b\",\"a\"]}", "'a' stands twice"},
      {"{\"inputs\":[\"a\"],\"inputs\":[\"b\"]}", "inputs stands twice"},
      {"{\"inputs\":[\"a\"],\"c\":1}", "unknown field \"c\""},
      {"{\"inputs\":[\"a\"],\"C\":0}", "C: expected a number in"},
      {"{\"inputs\":[\"a\"],\"C\":\"1\"}", "C: expected a number in"},
      {"{\"inputs\":[\"a\"],\"C\":01}", "at byte"},
      {"{\"inputs\":[\"a\"],\"epsilon\":-0.1}", "epsilon: expected a number in [0"},
      {"{\"inputs\":[\"a\"],\"epsilon\":1e999}", "epsilon: expected"},
      {"{\"inputs\":[\"a\"],\"gamma\":\"best\"}", "gamma: expected"},
      {"{\"inputs\":[\"a\"],\"gamma\":0}", "gamma: expected"},
      {"{\"inputs\":[\"a\"],\"standardise\":1}", "standardise: expected true or false"},
      {"{\"inputs\":[\"a\"],\"output\":{\"low\":1,\"high\":1}}", "low 1 is not below high 1"},
      {"{\"inputs\":[\"a\"],\"output\":{\"lo\":1}}", "output: unknown field \"lo\""},
      {"{\"inputs\":[\"a\"],\"output\":\"p\"}", "output: expected {"},
  };
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
    kairos_model m;
    kairos_error error = {.size = sizeof error};
    assert_int_equal(part_create(&m, faults[i].config, &error), KAIROS_BAD_CONFIG);
    if (!strstr(error.message, faults[i].words)) fail_msg("%s: expected '%s', got '%s'", faults[i].config, faults[i].words, error.message);
    assert_int_equal(atomic_load(&meter.used), 0);
  }
}

#define INPUTS  5
#define VECTORS 203
#define ROWS    65
#define LIGHT   3301

static void fill(struct machine *m, struct rng *chance, uint32_t vectors) {
  assert_true(machine_new(m, &meter.host, INPUTS, vectors));
  m->gamma = 0.07;
  m->bias = 0.25;
  for (uint32_t i = 0; i < INPUTS; i++) {
    m->mean[i] = rng_normal(chance);
    m->scale[i] = 0.5 + rng_uniform(chance);
  }
  for (uint32_t v = 0; v < vectors; v++) {
    m->coefficients[v] = 10 * rng_normal(chance);
    for (uint32_t i = 0; i < INPUTS; i++) *machine_support(m, v, i) = rng_normal(chance);
  }
  machine_ready(m);
}

/* The value, the same bits by every way that this machine can go. */
static double value_of(const struct machine *m, const double *z) {
  double scratch[INPUTS];
  const double value = machine_value(m, WAY_PORTABLE, z, scratch);
  for (int way = WAY_PORTABLE + 1; way <= (int)way_best(); way++) assert_true(machine_value(m, (enum way)way, z, scratch) == value);
  return value;
}

static double by_formula(const struct machine *m, const double *z) {
  double sum = m->bias;
  for (uint32_t v = 0; v < m->vectors; v++) {
    double distance = 0;
    for (uint32_t i = 0; i < m->inputs; i++) distance += pow(z[i] - *machine_support(m, v, i), 2);
    sum += m->coefficients[v] * exp(-m->gamma * distance);
  }
  return sum;
}

static void value_is_the_formula(bool floats) {
  struct rng chance = rng_from(9);
  struct machine m;
  fill(&m, &chance, VECTORS);
  for (uint32_t i = 0; floats && i < VECTORS * INPUTS; i++) m.support[i] = (double)(float)m.support[i];
  machine_ready(&m);
  assert_int_equal(m.single, floats);
  for (int n = 0; n < 2000; n++) {
    double z[INPUTS];
    const double spread = n < 1000 ? 1 : 30;
    for (int i = 0; i < INPUTS; i++) z[i] = spread * rng_normal(&chance);
    assert_true(fabs(value_of(&m, z) - by_formula(&m, z)) < 1e-11);
  }
  const double far[INPUTS] = {1e300, -1e300, INFINITY, 0, 0};
  assert_true(value_of(&m, far) == m.bias); /* infinitely far from everything: the bias alone */
  machine_free(&m, &meter.host);
}

/* A large machine of small coefficients is computed in floats: by every way the same, and as near to the formula as svr.h says. */
static void a_light_value_is_near_the_formula(void **state) {
  (void)state;
  struct rng chance = rng_from(10);
  struct machine m;
  fill(&m, &chance, LIGHT);
  for (uint32_t v = 0; v < LIGHT; v++) m.coefficients[v] *= 0.1;
  machine_ready(&m);
  assert_true(m.light);
  double squares = 0;
  for (int n = 0; n < 90; n++) {
    double z[INPUTS];
    const double spread = n < 60 ? 1 : n < 75 ? 30 : 1e6;
    for (int i = 0; i < INPUTS; i++) z[i] = spread * rng_normal(&chance);
    const double wrong = value_of(&m, z) - by_formula(&m, z);
    assert_true(fabs(wrong) < 3 * SVR_LIGHT_ERROR);
    squares += n < 60 ? wrong * wrong : 0;
  }
  assert_true(sqrt(squares / 60) < SVR_LIGHT_ERROR);
  const double far[INPUTS] = {1e300, -1e300, INFINITY, 0, 0}, none[INPUTS] = {NAN, 0, 0, 0, 0};
  assert_true(value_of(&m, far) == m.bias);
  assert_true(value_of(&m, none) == m.bias);
  for (uint32_t v = 0; v < LIGHT; v++) m.coefficients[v] *= 1000; /* what floats would cost is too much now */
  machine_ready(&m);
  assert_false(m.light);
  machine_free(&m, &meter.host);
}

static void the_value_is_the_formula(void **state) {
  (void)state;
  value_is_the_formula(false);
  value_is_the_formula(true); /* support vectors that are floats are kept as such */
}

/* The exponential by itself: one support vector with coefficient 1 at 0, gamma 1. */
static void the_exponential_is_good(void **state) {
  (void)state;
  struct machine m;
  assert_true(machine_new(&m, &meter.host, 1, 1));
  m.gamma = 1;
  m.coefficients[0] = 1;
  machine_ready(&m);
  double worst = 0;
  for (int n = 0; n < 200000; n++) {
    const double z = n * 1.3e-4, wanted = exp(-(z * z)), got = value_of(&m, &z);
    const double wrong = fabs(got - wanted) / wanted / (1 + z * z); /* an exponent of 100 has its last digits a hundred times further up */
    if (wanted > 1e-300 && wrong > worst) worst = wrong;
  }
  assert_true(worst <= 4.5e-16);
  const double zero = 0;
  assert_true(value_of(&m, &zero) == 1.0);
  machine_free(&m, &meter.host);
}

/* Support vectors that all lie far from 0 cost no digits, and a row on top of one is not above 1. */
static void far_from_zero_is_as_good(void **state) {
  (void)state;
  struct rng chance = rng_from(12);
  struct machine m;
  fill(&m, &chance, VECTORS);
  for (uint32_t v = 0; v < VECTORS; v++)
    for (uint32_t i = 0; i < INPUTS; i++) *machine_support(&m, v, i) += 1e6 * (i + 1);
  machine_ready(&m);
  for (uint32_t v = 0; v < VECTORS; v++)
    assert_true(fabs(value_of(&m, machine_support(&m, v, 0)) - by_formula(&m, machine_support(&m, v, 0))) < 1e-9);
  machine_free(&m, &meter.host);
}

static void missing_inputs_are_the_mean(void **state) {
  (void)state;
  struct rng chance = rng_from(4);
  struct machine m;
  fill(&m, &chance, VECTORS);
  double values[INPUTS][ROWS], z[INPUTS];
  uint64_t valid[INPUTS][2];
  kairos_column columns[INPUTS], *pointers[INPUTS];
  memset(valid, 0xFF, sizeof valid);
  for (int i = 0; i < INPUTS; i++) {
    for (int r = 0; r < ROWS; r++) values[i][r] = rng_normal(&chance);
    columns[i] = (kairos_column){.size = sizeof *columns, .type = KAIROS_F64, .width = 1, .data = values[i], .valid = valid[i]};
    pointers[i] = &columns[i];
  }
  const kairos_batch batch = {.size = sizeof batch, .rows = ROWS, .column_count = INPUTS, .columns = pointers};
  valid[2][1] = 0;     /* row 64 lacks input 2 by its bit */
  values[3][64] = NAN; /* and input 3 by its value */
  assert_true(machine_standardise(&m, &batch, 64, z));
  assert_true(z[2] == 0 && z[3] == 0 && z[0] == (values[0][64] - m.mean[0]) / m.scale[0]);
  valid[0][1] = 0; /* three of five are more than half */
  assert_false(machine_standardise(&m, &batch, 64, z));
  assert_true(machine_standardise(&m, &batch, 63, z));
  machine_free(&m, &meter.host);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(settings_are_read),        cmocka_unit_test(faults_are_named),
      cmocka_unit_test(the_value_is_the_formula), cmocka_unit_test(a_light_value_is_near_the_formula),
      cmocka_unit_test(the_exponential_is_good),  cmocka_unit_test(missing_inputs_are_the_mean),
      cmocka_unit_test(far_from_zero_is_as_good),
  };
  return cmocka_run_group_tests(tests, begin, NULL);
}
