/* rooms: judge book kit stats */
/* A served model and the state beside it are judged on the same rows, once each: when what was predicted came, or when its time is over;
 * one outcome answers one prediction, the oldest that waits. */
#include "judge/judge.h"
#include "kit/math.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define HOUR INT64_C(3600000)
#define NONE (__builtin_nan(""))

static void close_to(double got, double wanted) {
  if (!(got - wanted < 1e-12 && wanted - got < 1e-12)) fail_msg("expected %.12g, got %.12g", wanted, got);
}

static void outcomes_and_silence(void **state) {
  (void)state;
  struct scores *s = scores_new(&(struct scores_terms){.within = 18 * HOUR});
  struct score f;
  assert_true(scores_answer(s, 3, 1, 100 * HOUR, .8, .6));
  assert_true(scores_answer(s, 3, 2, 101 * HOUR, .8, .6));
  scores_sum(s, &f);
  assert_int_equal(f.rows, 0);
  scores_outcome(s, 3, 1, 110 * HOUR, true);
  scores_outcome(s, 3, 1, 111 * HOUR, true); /* nobody waits any more */
  scores_sum(s, &f);
  assert_int_equal(f.rows, 1);
  close_to(f.base_rate, 1);
  close_to(f.log_loss, -math_log(.8));
  close_to(f.gain, math_log(.6) - math_log(.8));
  scores_until(s, 3, 100 * HOUR);
  scores_sum(s, &f);
  assert_int_equal(f.both, 1); /* user 2 may still do it */
  scores_until(s, 3, 120 * HOUR);
  scores_sum(s, &f);
  assert_int_equal(f.both, 2);
  assert_int_equal(f.users, 2);
  close_to(f.base_rate, .5);
  close_to(f.accuracy, .5);
  close_to(f.beside_loss, -(math_log(.6) + math_log(1 - .6)) / 2);
  assert_int_equal(f.first, 100 * HOUR);
  assert_int_equal(f.last, 101 * HOUR);
  scores_free(s);
}

static void the_oldest_in_time_is_answered(void **state) {
  (void)state;
  struct scores *s = scores_new(&(struct scores_terms){.within = 18 * HOUR});
  struct score f;
  assert_true(scores_answer(s, 0, 7, 0, .9, NONE));
  assert_true(scores_answer(s, 0, 7, 10 * HOUR, .9, NONE));
  assert_true(scores_answer(s, 0, 7, 11 * HOUR, .2, NONE));
  scores_outcome(s, 0, 7, 20 * HOUR, true); /* too late for the first: a no; the second was meant */
  scores_sum(s, &f);
  assert_int_equal(f.rows, 2);
  assert_int_equal(f.both, 0);
  close_to(f.log_loss, -(math_log(1 - .9) + math_log(.9)) / 2);
  scores_outcome(s, 0, 7, 21 * HOUR, true);
  scores_sum(s, &f);
  assert_int_equal(f.rows, 3);
  close_to(f.accuracy, 1 / 3.);
  scores_free(s);
}

/* The same people in other partitions and read in another order give the same bits; a partition that begins anew forgets. */
static void order_of_partitions_does_not_matter(void **state) {
  (void)state;
  struct score f[2];
  for (int way = 0; way < 2; way++) {
    struct scores *s = scores_new(&(struct scores_terms){.within = HOUR});
    for (uint32_t k = 0; k < 16; k++) {
      const uint32_t part = way ? 15 - k : k;
      for (uint64_t i = 0; i < 1000; i++) {
        const uint64_t user = part * 100 + i % 37;
        assert_true(scores_answer(s, part, user, (int64_t)i * HOUR / 4, .1 + .8 * (double)(i * 7 % 11) / 11, .5));
        if (i % 3 == 0) scores_outcome(s, part, user, (int64_t)i * HOUR / 4 + 1000, true);
      }
      scores_until(s, part, 10000 * HOUR);
    }
    scores_sum(s, &f[way]);
    if (way) {
      for (uint32_t part = 1; part < 16; part++) scores_begin(s, part);
      struct score one;
      scores_sum(s, &one);
      assert_int_equal(one.both, 1000);
      assert_int_equal(one.users, 37);
    }
    scores_free(s);
  }
  assert_int_equal(f[0].both, 16000);
  assert_int_equal(f[0].rows, 16000);
  assert_memory_equal(&f[0], &f[1], sizeof f[0]);
}

static void only_thirty_days_count(void **state) {
  (void)state;
  struct scores *s = scores_new(&(struct scores_terms){.within = HOUR});
  struct score f;
  for (int64_t day = 1; day <= 100; day++) {
    assert_true(scores_answer(s, 0, 1, day * 24 * HOUR, day > 70 ? .9 : .1, NONE));
    scores_outcome(s, 0, 1, day * 24 * HOUR + 1, true);
  }
  scores_sum(s, &f);
  assert_int_equal(f.rows, 30);
  close_to(f.accuracy, 1);
  for (int64_t day = 70; day <= 71; day++) { /* of another partition, which is behind: the days are those of all */
    assert_true(scores_answer(s, 1, 2, day * 24 * HOUR, .9, NONE));
    scores_outcome(s, 1, 2, day * 24 * HOUR + 1, true);
  }
  scores_sum(s, &f);
  assert_int_equal(f.rows, 31);
  scores_free(s);
}

static void a_change_is_noticed_once(void **state) {
  (void)state;
  struct scores *s = scores_new(&(struct scores_terms){.within = HOUR});
  for (int64_t i = 0; i < 2000; i++) {
    if (i == 1000) assert_false(scores_changed(s));
    assert_true(scores_answer(s, 0, 1, i * HOUR, i < 1000 ? .9 : .1, NONE));
    scores_outcome(s, 0, 1, i * HOUR + 1, true);
  }
  assert_true(scores_changed(s));
  assert_false(scores_changed(s));
  scores_free(s);
}

/* Sets that were cut for people as they were follow them when they change: of those that a fixed end would miss half, nine in ten are held
 * again. Another partition's outcomes say nothing, and one that begins anew has none. */
static void sets_follow_people_who_change(void **state) {
  (void)state;
  struct scores *s = scores_new(&(struct scores_terms){.within = HOUR});
  struct score_sets was, now, other;
  double before = 0;
  uint64_t fixed = 0;
  for (int64_t i = 0; i < 4000; i++) {
    const double p = .6 + .39 * (double)(i * 37 % 100) / 100;
    const bool yes = i * 7919 % 100 < (i < 2000 ? 97 : 60);
    if (i == 2000) before = scores_sets(s, 4, &was);
    if (i >= 2000) fixed += (yes ? 1 - p : p) > before;
    assert_true(scores_answer(s, 4, (uint64_t)i, i * 2 * HOUR, p, NONE));
    scores_outcome(s, 4, (uint64_t)i, i * 2 * HOUR + 1, yes);
  }
  assert_true(before > .3 && before < .5);
  const double after = scores_sets(s, 4, &now);
  assert_true(after > .9);
  assert_int_equal(now.asked, 4000 - 20);
  const double held = (double)(now.held - was.held) / 2000;
  assert_true(fixed > 700 && held > .88 && held < .92);
  assert_true(scores_sets(s, 5, &other) != scores_sets(s, 5, &other) && other.asked == 0); /* none */
  close_to(other.level, .1);
  scores_begin(s, 4);
  assert_true(scores_sets(s, 4, &now) != after && now.asked == 0);
  scores_free(s);
}

/* What comes with the last moment of its time came in time, also when others are answered in that moment. */
static void the_last_moment_counts(void **state) {
  (void)state;
  struct scores *s = scores_new(&(struct scores_terms){.within = 18 * HOUR});
  struct score f;
  assert_true(scores_answer(s, 0, 1, 0, .9, NONE));
  assert_true(scores_answer(s, 0, 2, 0, .9, NONE));
  assert_true(scores_answer(s, 0, 3, 18 * HOUR, .9, NONE));
  scores_outcome(s, 0, 1, 18 * HOUR, true);
  scores_sum(s, &f);
  assert_int_equal(f.rows, 1);
  close_to(f.base_rate, 1);
  assert_true(scores_answer(s, 0, 3, 18 * HOUR + 1, .9, NONE));
  scores_outcome(s, 0, 2, 18 * HOUR + 1, true);
  scores_sum(s, &f);
  assert_int_equal(f.rows, 2);
  close_to(f.base_rate, .5);
  scores_free(s);
}

/* The error of a gain is that of people: each one's rows together, and two people are few. */
static void errors_are_those_of_people(void **state) {
  (void)state;
  struct scores *s = scores_new(&(struct scores_terms){.within = HOUR});
  struct score f;
  const double gain[2] = {math_log(.9) - math_log(.6), math_log(.7) - math_log(.6)};
  double squares = 0;
  for (int64_t row = 0; row < 4; row++)
    for (uint64_t user = 0; user < 2; user++) {
      assert_true(scores_answer(s, (uint32_t)user, user, row * HOUR, .6, user ? .7 : .9));
      scores_outcome(s, (uint32_t)user, user, row * HOUR + 1, true);
    }
  scores_sum(s, &f);
  const double mean = (gain[0] + gain[1]) / 2;
  for (int user = 0; user < 2; user++) squares += 16 * (gain[user] - mean) * (gain[user] - mean);
  close_to(f.gain, mean);
  close_to(f.error, math_sqrt(squares * 2 / 1) / 8);
  scores_free(s);
}

/* The other terms of a `train`: what comes too soon, a no that is said, outcomes that are an absence, silence that says nothing. */
static void terms_are_kept(void **state) {
  (void)state;
  struct score f;
  struct scores *s = scores_new(&(struct scores_terms){.after = HOUR, .within = 18 * HOUR});
  assert_true(scores_answer(s, 0, 1, 0, .9, NONE));
  scores_outcome(s, 0, 1, HOUR, true); /* too soon */
  scores_sum(s, &f);
  assert_int_equal(f.rows, 0);
  scores_outcome(s, 0, 1, 2 * HOUR, false);
  scores_sum(s, &f);
  assert_int_equal(f.rows, 1);
  close_to(f.base_rate, 0);
  scores_free(s);
  s = scores_new(&(struct scores_terms){.within = 18 * HOUR, .absent = true});
  assert_true(scores_answer(s, 0, 1, 0, .9, NONE));
  assert_true(scores_answer(s, 0, 1, HOUR, .9, NONE));
  assert_true(scores_answer(s, 0, 2, 2 * HOUR, .9, NONE));
  scores_outcome(s, 0, 1, 3 * HOUR, true); /* it came: a no for both */
  scores_until(s, 0, 100 * HOUR);
  scores_sum(s, &f);
  assert_int_equal(f.rows, 3);
  close_to(f.base_rate, 1 / 3.);
  scores_free(s);
  s = scores_new(&(struct scores_terms){.within = 18 * HOUR, .left_out = true});
  assert_true(scores_answer(s, 0, 1, 0, .9, NONE));
  assert_true(scores_answer(s, 0, 2, HOUR, .9, NONE));
  scores_outcome(s, 0, 2, 2 * HOUR, false);
  scores_until(s, 0, 100 * HOUR);
  scores_sum(s, &f);
  assert_int_equal(f.rows, 1);
  scores_free(s);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(outcomes_and_silence),
                                     cmocka_unit_test(the_oldest_in_time_is_answered),
                                     cmocka_unit_test(order_of_partitions_does_not_matter),
                                     cmocka_unit_test(only_thirty_days_count),
                                     cmocka_unit_test(a_change_is_noticed_once),
                                     cmocka_unit_test(sets_follow_people_who_change),
                                     cmocka_unit_test(the_last_moment_counts),
                                     cmocka_unit_test(errors_are_those_of_people),
                                     cmocka_unit_test(terms_are_kept)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
