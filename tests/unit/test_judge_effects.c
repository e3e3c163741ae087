/* rooms: judge book kit stats */
/* What came of people beside others: everybody once, by their first exposure, with what happened after it and within the time; the sums are
 * those of the plain formulas. */
#include "judge/judge.h"
#include "stats/stats.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define HOUR INT64_C(3600000)

static void close_to(double got, double wanted) {
  if (!(got - wanted < 1e-12 && wanted - got < 1e-12)) fail_msg("expected %.12g, got %.12g", wanted, got);
}

static void only_what_came_after_and_in_time(void **state) {
  (void)state;
  struct effects *e = effects_new(&(struct effects_terms){MEASURE_COUNT, 2 * HOUR});
  struct moments s[EFFECT_ARMS];
  assert_true(effects_expose(e, 3, 7, 10 * HOUR, 1));
  assert_true(effects_expose(e, 3, 7, 11 * HOUR, 0)); /* in later all the same: the first exposure counts */
  assert_true(effects_expose(e, 3, 8, 10 * HOUR, 0));
  effects_event(e, 3, 7, 10 * HOUR, true, 1, false);     /* the event that let them in */
  effects_event(e, 3, 7, 11 * HOUR, true, 1, false);     /* counts */
  effects_event(e, 3, 7, 12 * HOUR, true, 1, false);     /* counts, just */
  effects_event(e, 3, 7, 12 * HOUR + 1, true, 1, false); /* too late */
  effects_event(e, 3, 9, 11 * HOUR, true, 1, false);     /* nobody we know */
  effects_sum(e, 12 * HOUR, s);
  close_to(s[0].n + s[1].n, 0); /* their time is not over */
  effects_sum(e, 12 * HOUR + 1, s);
  close_to(s[1].n, 1);
  close_to(s[1].mean, 2);
  close_to(s[0].n, 1);
  close_to(s[0].mean, 0);
  effects_begin(e, 3);
  effects_sum(e, 20 * HOUR, s);
  close_to(s[0].n + s[1].n, 0);
  effects_free(e);
}

static double measured(enum measure_kind kind, double *n) {
  struct effects *e = effects_new(&(struct effects_terms){kind, HOUR});
  struct moments s[EFFECT_ARMS];
  assert_true(effects_expose(e, 0, 1, 1, 0) && effects_expose(e, 0, 2, 1, 0));
  effects_event(e, 0, 1, 2, true, 5, true);
  effects_event(e, 0, 1, 3, true, 8, true);
  effects_event(e, 0, 1, 4, false, 0, true);
  effects_event(e, 0, 1, 4, false, 0, true);
  effects_sum(e, 2 * HOUR, s);
  *n = s[0].n;
  effects_free(e);
  return s[0].mean;
}

static void each_measure_is_what_it_says(void **state) {
  (void)state;
  double n;
  close_to(measured(MEASURE_HAPPENED, &n), .5);
  close_to(measured(MEASURE_COUNT, &n), 1);
  close_to(measured(MEASURE_SUM, &n), 6.5);
  close_to(n, 2);
  close_to(measured(MEASURE_MEAN, &n), 6.5); /* of the one of whom something is known */
  close_to(n, 1);
  close_to(measured(MEASURE_RATE, &n), .5);
  close_to(n, 1);
}

/* The same people in other partitions, and against the plain formulas. */
static void sums_are_those_of_the_formulas(void **state) {
  (void)state;
  struct effects *e = effects_new(&(struct effects_terms){MEASURE_SUM, HOUR});
  struct moments s[EFFECT_ARMS], plain;
  double x[500];
  for (uint64_t i = 0; i < 500; i++) {
    x[i] = (double)(i * 37 % 101) / 7;
    assert_true(effects_expose(e, (uint32_t)(i / 32), i, 5, 1));
    effects_event(e, (uint32_t)(i / 32), i, 6, true, x[i], false);
  }
  effects_sum(e, 2 * HOUR, s);
  plain = moments_of(x, 500);
  close_to(s[1].n, plain.n);
  close_to(s[1].mean, plain.mean);
  if (!(s[1].variance / plain.variance - 1 < 1e-12 && 1 - s[1].variance / plain.variance < 1e-12)) fail_msg("%.15g", s[1].variance);
  effects_free(e);
}

static void a_day_without_anybody_is_silence(void **state) {
  (void)state;
  assert_int_equal(draws_silent_since(5 * HOUR, HOUR, 29 * HOUR), 5 * HOUR);
  assert_int_equal(draws_silent_since(5 * HOUR, HOUR, 29 * HOUR - 1), 0);
  assert_int_equal(draws_silent_since(0, HOUR, 24 * HOUR), 0); /* nobody ever, and not watched for a day yet */
  assert_int_equal(draws_silent_since(0, HOUR, 25 * HOUR), HOUR);
}

/* Everybody of one arm and nobody of the other: no sample varies, and nothing could be plainer. A share knows by itself how sure it is. */
static void all_and_nobody_are_told_apart(void **state) {
  (void)state;
  for (int kind = MEASURE_HAPPENED; kind <= MEASURE_COUNT; kind++) {
    struct effects *e = effects_new(&(struct effects_terms){(enum measure_kind)kind, HOUR});
    struct moments s[EFFECT_ARMS];
    for (uint64_t u = 0; u < 300; u++) {
      assert_true(effects_expose(e, (uint32_t)(u % BOOK_PARTITIONS), u, 1, u % 2));
      if (u % 2) effects_event(e, (uint32_t)(u % BOOK_PARTITIONS), u, 2, true, 1, false);
    }
    effects_sum(e, 2 * HOUR, s);
    close_to(s[0].mean, 0);
    close_to(s[1].mean, 1);
    const struct bounded b = anytime_difference(&s[0], &s[1], .05), same = anytime_difference(&s[0], &s[0], .05),
                         level = anytime_mean(&s[0], .05);
    if (kind == MEASURE_HAPPENED) {
      close_to(s[0].variance, 1. / 152 * (151. / 152)); /* as if one more had, and one more had not */
      assert_true(b.low > .85 && b.estimate == 1 && same.low < 0 && same.high > 0 && level.high > 0 && level.high < .1);
    } else assert_true(stats_none(b.low) && stats_none(level.low)); /* a count may be anything: three alike say nothing of the next */
    effects_free(e);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(only_what_came_after_and_in_time), cmocka_unit_test(each_measure_is_what_it_says),
      cmocka_unit_test(sums_are_those_of_the_formulas),   cmocka_unit_test(a_day_without_anybody_is_silence),
      cmocka_unit_test(all_and_nobody_are_told_apart),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
