/* rooms: compute language kit */
/* What a model's file says of its retraining: the source document's numbers where it says nothing, a sentence where it says nonsense, and a
 * night that is never missed and never comes twice, over restarts too. */
#include "compute/compute.h"
#include "kit/clock.h"
#include "language/nouns.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct node train = {.kind = NODE_TABLE};

static bool read(const char *key, struct node value, struct retraining *out, struct err *e) {
  const struct str keys[] = {str_from(key)};
  const struct node table = {.kind = NODE_TABLE, .pairs = 1, .keys = keys, .values = &value};
  const struct noun_model n = {.state = STR("x.state"), .train = &train, .retrain = &table};
  return model_retraining(&n, out, e);
}

static struct node text(const char *t) {
  return (struct node){.kind = NODE_TEXT, .text = str_from(t)};
}

static struct node number(double v) {
  return (struct node){.kind = NODE_NUMBER, .number = v};
}

static void what_is_not_said_is_as_required(void **state) {
  (void)state;
  struct retraining r;
  struct err e = {0};
  const struct noun_model n = {.state = STR("x.state")};
  assert_true(model_retraining(&n, &r, &e));
  assert_false(r.nightly);
  assert_int_equal(r.lookback, 90 * CLOCK_DAY); /* K02 */
  assert_int_equal(r.samples, 10000);           /* K02 */
  assert_true(r.gain == .05);                   /* K03 */
  assert_true(r.drift == .3);                   /* K05 */
  assert_int_equal(r.shadow, 7 * CLOCK_DAY);    /* METHODS 10.3 */
  assert_int_equal(r.users, 50);
  assert_int_equal(r.positives, 100);
}

static void nonsense_is_a_sentence(void **state) {
  (void)state;
  struct retraining r;
  struct err e = {0};
  assert_false(read("at", text("3 am"), &r, &e));
  assert_non_null(strstr(e.text, "expected a time of day in UTC, such as \"03:00\""));
  assert_false(read("at", text("24:00"), &r, &e));
  assert_false(read("sampels", number(500), &r, &e));
  assert_non_null(strstr(e.text, "\"sampels\" is none of its fields (did you mean \"samples\"?)"));
  assert_false(read("gain", number(-1), &r, &e));
  assert_non_null(strstr(e.text, "retrain.gain: expected a number from 0 to 10"));
  assert_false(read("shadow", text("a week"), &r, &e));
  assert_true(read("samples", number(500), &r, &e));
  assert_int_equal(r.samples, 500);
  const struct str keys[] = {STR("gain")};
  const struct node value = number(.1), table = {.kind = NODE_TABLE, .pairs = 1, .keys = keys, .values = &value};
  const struct noun_model untrained = {.state = STR("x.state"), .retrain = &table};
  assert_false(model_retraining(&untrained, &r, &e)); /* nothing says what to learn */
}

static void a_night_comes_once(void **state) {
  (void)state;
  struct retraining r;
  struct err e = {0};
  int64_t noon, last;
  assert_true(read("at", text("03:30"), &r, &e));
  assert_true(clock_parse(STR("2026-03-10T12:00:00Z"), &noon));
  last = noon - 9 * CLOCK_HOUR; /* at three: before its time */
  assert_true(retraining_due(&r, last, noon));
  last = noon - 8 * CLOCK_HOUR;
  assert_false(retraining_due(&r, last, noon));
  assert_false(retraining_due(&r, last, noon + 15 * CLOCK_HOUR));                    /* 03:00 of the next day */
  assert_true(retraining_due(&r, last, noon + 15 * CLOCK_HOUR + 30 * CLOCK_MINUTE)); /* to the minute */
  assert_true(retraining_due(&r, last, noon + 200 * CLOCK_HOUR));                    /* the machine was off for a week */
  int trainings = 0;
  for (int64_t now = noon; now < noon + 10 * CLOCK_DAY; now += CLOCK_MINUTE) /* ten days, looked at each minute */
    if (retraining_due(&r, last, now)) {
      trainings++;
      last = now;
    }
  assert_int_equal(trainings, 10);
  r.nightly = false;
  assert_false(retraining_due(&r, 0, noon));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_not_said_is_as_required), cmocka_unit_test(nonsense_is_a_sentence),
                                     cmocka_unit_test(a_night_comes_once)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
