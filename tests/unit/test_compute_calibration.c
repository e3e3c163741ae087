/* rooms: compute language kit */
/* A calibration learned from outputs that promise too much tells the truth afterwards, comes back from its state's figures with the same
 * bits, leaves outputs alone when there is too little to learn from, and refuses figures that were tampered with. */
#include "compute_world.h"
#include "kit/math.h"
#include "kit/rng.h"
#include "stats/stats.h"
#include <string.h>

#define ROWS 3000
static double output[ROWS], outcome[ROWS], truth[ROWS];

/* Outputs whose log odds are three times too large, and moved. */
static void too_sure(uint64_t seed) {
  struct rng chance = rng_from(seed);
  for (int i = 0; i < ROWS; i++) {
    const double odds = rng_normal(&chance);
    truth[i] = 1 / (1 + math_exp(-odds));
    output[i] = 1 / (1 + math_exp(-3 * odds - 1));
    outcome[i] = rng_uniform(&chance) < truth[i];
  }
}

static void check_truth(const struct calibration *c, double within) {
  struct reliability bins[RELIABILITY_BINS];
  static double p[ROWS];
  double off = 0;
  too_sure(99); /* other people */
  assert_true(calibration_error(output, outcome, ROWS, bins) > .1);
  for (int i = 0; i < ROWS; i++) {
    p[i] = calibration_apply(c, output[i]);
    assert_true(p[i] >= 0 && p[i] <= 1);
    off += p[i] > truth[i] ? p[i] - truth[i] : truth[i] - p[i];
  }
  assert_true(off / ROWS < within);
  assert_true(calibration_error(p, outcome, ROWS, bins) < .04);
  assert_true(log_loss(p, outcome, ROWS) < log_loss(output, outcome, ROWS) - .1);
}

static void outputs_come_to_tell_the_truth(void **state) {
  (void)state;
  struct arena a = {0};
  too_sure(1);
  struct calibration *platt = calibration_fit(false, output, outcome, 600, &a), *steps = calibration_fit(true, output, outcome, ROWS, &a);
  assert_string_equal(calibration_method(platt), "platt");
  assert_string_equal(calibration_method(steps), "isotonic");
  check_truth(platt, .03);
  check_truth(steps, .04);
  assert_true(calibration_apply(NULL, .3) == .3);
  arena_free(&a);
}

static void sets_hold_what_they_promise(void **state) {
  (void)state;
  struct arena a = {0};
  double held = 0;
  too_sure(2);
  struct calibration *c = calibration_fit(false, output, outcome, 1000, &a);
  assert_null(calibration_confidence(c, .5));
  assert_false(calibration_conform(c, output, outcome, 8, .1, &a)); /* too few for nine in ten */
  assert_true(calibration_conform(c, output + 1000, outcome + 1000, 1000, .1, &a));
  too_sure(3);
  for (int i = 0; i < ROWS; i++) {
    const double p = calibration_apply(c, output[i]);
    const char *word = calibration_confidence(c, p);
    const bool both = strcmp(word, "low") == 0, one = strcmp(word, "high") == 0;
    held += both || (one && (p > .5) == (outcome[i] > .5));
  }
  assert_true(held / ROWS > .87 && held / ROWS < .95);
  assert_string_equal(calibration_confidence(c, .5), "low");
  assert_string_equal(calibration_confidence(c, .97), "high");
  arena_free(&a);
}

static void it_comes_back_from_the_figures(void **state) {
  (void)state;
  struct arena a = {0};
  struct err e = {0};
  too_sure(4);
  for (int isotonic = 0; isotonic < 2; isotonic++) {
    struct buf text = {0};
    struct json_writer w = json_to(&text);
    struct calibration *c = calibration_fit(isotonic, output, outcome, ROWS, &a), *back;
    assert_true(calibration_conform(c, output, outcome, ROWS, .1, &a));
    json_open_object(&w);
    json_key(&w, "calibration");
    calibration_write(c, &w);
    json_close_object(&w);
    if (!calibration_read(buf_view(&text), &a, &back, &e)) fail_msg("%s", e.text);
    for (int i = 0; i < ROWS; i++) {
      const double p = calibration_apply(c, output[i]);
      assert_true(calibration_apply(back, output[i]) == p);
      assert_string_equal(calibration_confidence(back, p), calibration_confidence(c, p));
    }
    buf_free(&text);
  }
  arena_free(&a);
}

static void too_little_leaves_outputs_alone(void **state) {
  (void)state;
  struct arena a = {0};
  struct buf text = {0};
  struct json_writer w = json_to(&text);
  too_sure(5);
  for (int i = 0; i < 200; i++) outcome[i] = i < 19;
  const struct calibration *c = calibration_fit(false, output, outcome, 200, &a);
  assert_string_equal(calibration_method(c), "none");
  assert_true(calibration_apply(c, .3) == .3);
  calibration_write(c, &w);
  assert_non_null(strstr(arena_text(&a, text.at, text.len), "fewer than 20 of one outcome"));
  too_sure(6);
  assert_string_equal(calibration_method(calibration_fit(true, output, outcome, 999, &a)), "platt"); /* too few for steps */
  buf_free(&text);
  arena_free(&a);
}

static void what_was_tampered_with_is_refused(void **state) {
  (void)state;
  static const char *const wrong[][2] = {
      {"{\"calibration\":{}}", "calibration.method"},
      {"{\"calibration\":{\"method\":\"magic\"}}", "calibration.method"},
      {"{\"calibration\":{\"method\":\"platt\",\"a\":1}}", "numbers a and b"},
      {"{\"calibration\":{\"method\":\"isotonic\"}}", "lists x and y"},
      {"{\"calibration\":{\"method\":\"isotonic\",\"x\":[1,2],\"y\":[0]}}", "lists x and y"},
      {"{\"calibration\":{\"method\":\"isotonic\",\"x\":[1,1],\"y\":[0,1]}}", "calibration.x[1]"},
      {"{\"calibration\":{\"method\":\"isotonic\",\"x\":[1,2],\"y\":[0.5,0.4]}}", "calibration.y[1]"},
      {"{\"calibration\":{\"method\":\"isotonic\",\"x\":[1,2],\"y\":[0.5,1.5]}}", "calibration.y[1]"},
      {"{\"calibration\":{\"method\":\"none\",\"quantile\":0.5}}", "quantile and alpha"},
      {"{\"calibration\":{\"method\":\"none\",\"quantile\":7,\"alpha\":0.1}}", "quantile and alpha"},
  };
  struct arena a = {0};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    struct err e = {0};
    struct calibration *c;
    assert_false(calibration_read(str_from(wrong[i][0]), &a, &c, &e));
    if (!strstr(e.text, wrong[i][1])) fail_msg("%s: expected \"%s\", got \"%s\"", wrong[i][0], wrong[i][1], e.text);
  }
  struct calibration *none = NULL;
  assert_true(calibration_read(STR("{\"rows\":1}"), &a, &none, NULL));
  assert_null(none);
  arena_free(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(outputs_come_to_tell_the_truth),    cmocka_unit_test(sets_hold_what_they_promise),
      cmocka_unit_test(it_comes_back_from_the_figures),    cmocka_unit_test(too_little_leaves_outputs_alone),
      cmocka_unit_test(what_was_tampered_with_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
