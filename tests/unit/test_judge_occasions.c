/* rooms: judge book kit stats */
/* What came of decisions where one person has many: each counts what came after it and in time, weighted by its chance; errors are those of
 * people; the same journal gives the same bits whenever somebody looked; and where nothing differs, looking always is wrong rarely. */
#include "judge/judge.h"
#include "kit/rng.h"
#include "stats/stats.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define HOUR INT64_C(3600000)

static void close_to(double got, double wanted) {
  if (!(got - wanted < 1e-12 && wanted - got < 1e-12)) fail_msg("expected %.15g, got %.15g", wanted, got);
}

static struct occasions *new_occasions(enum measure_kind kind, int64_t within) {
  struct occasions *o = occasions_new(&(struct effects_terms){kind, within}, EFFECT_ARMS);
  assert_non_null(o);
  return o;
}

static void add(struct occasions *o, uint64_t user, int64_t at, uint32_t group, double weight) {
  assert_true(occasions_add(o, (uint32_t)(user % BOOK_PARTITIONS), &(struct occasion){user, at, group, weight}));
}

static void happens(struct occasions *o, uint64_t user, int64_t at, double number) {
  occasions_event(o, (uint32_t)(user % BOOK_PARTITIONS), user, at, true, number, false);
}

static void each_decision_has_a_time_of_its_own(void **state) {
  (void)state;
  struct occasions *o = new_occasions(MEASURE_COUNT, 2 * HOUR);
  struct moments s[EFFECT_ARMS];
  double apart[EFFECT_ARMS];
  add(o, 3, 10 * HOUR, 0, 1);
  add(o, 3, 11 * HOUR, 1, 1);
  happens(o, 3, 10 * HOUR, 1); /* before both */
  happens(o, 3, 12 * HOUR, 1); /* after both, and in time */
  occasions_sum(o, 12 * HOUR, 0, s, apart);
  close_to(s[0].n, 0);             /* what happens in this moment still counts */
  happens(o, 3, 12 * HOUR + 1, 1); /* in the time of the second only */
  happens(o, 4, 12 * HOUR + 1, 1); /* nobody we know */
  occasions_sum(o, 12 * HOUR + 1, 0, s, apart);
  close_to(s[0].n, 1);
  close_to(s[0].mean, 1);
  close_to(s[1].n, 0); /* not over yet */
  occasions_sum(o, 13 * HOUR + 1, 0, s, apart);
  close_to(s[1].n, 1);
  close_to(s[1].mean, 2);
  close_to(s[1].clusters, 1);
  assert_true(occasions_again(o, 3, 3, 20 * HOUR) && occasions_again(o, 5, 5, 20 * HOUR)); /* the second one: nobody we know */
  occasions_sum(o, 40 * HOUR, 0, s, apart);
  close_to(s[1].n, 2); /* in the group of their newest */
  close_to(s[1].mean, 1);
  occasions_begin(o, 3);
  occasions_sum(o, 40 * HOUR, 0, s, apart);
  close_to(s[0].n + s[1].n, 0);
  occasions_free(o);
}

static void chances_weigh(void **state) {
  (void)state;
  struct occasions *o = new_occasions(MEASURE_SUM, HOUR);
  struct moments s[EFFECT_ARMS];
  double apart[EFFECT_ARMS];
  add(o, 1, 0, 2, 1 / .25);
  happens(o, 1, 1, 6);
  add(o, 2, 0, 2, 1 / .75);
  add(o, 3, 0, 2, 0); /* no chance was logged: left out */
  add(o, 4, 0, EFFECT_ARMS, 1);
  occasions_sum(o, 2 * HOUR, 0, s, apart);
  close_to(s[2].n, 2);
  close_to(s[2].mean, 6 * 4 / (4 + 4 / 3.));
  occasions_free(o);
}

/* A thousand decisions of people who always do the same say no more than one decision of each. */
static void errors_are_those_of_people(void **state) {
  (void)state;
  struct moments s[2][EFFECT_ARMS];
  double apart[2][EFFECT_ARMS], x[300];
  for (int many = 0; many < 2; many++) {
    struct occasions *o = new_occasions(MEASURE_SUM, HOUR);
    for (int round = 0; round < (many ? 10 : 1); round++)
      for (uint64_t i = 0; i < 300; i++) {
        x[i] = (double)(i * 37 % 101) / 7;
        add(o, i, round * 2 * HOUR, i < 150, 1);
        happens(o, i, round * 2 * HOUR + 1, x[i]);
      }
    occasions_sum(o, 100 * HOUR, 0, s[many], apart[many]);
    occasions_free(o);
  }
  close_to(s[1][0].n, 1500);
  close_to(s[1][0].clusters, 150);
  close_to(s[1][0].mean, s[0][0].mean);
  close_to(s[1][0].variance / s[1][0].n, s[0][0].variance / s[0][0].n);
  close_to(apart[1][1], apart[0][1]);
  const struct moments plain = moments_of(x, 150); /* group 1, one each: the plain formula */
  close_to(s[0][1].mean, plain.mean);
  close_to(s[0][1].variance / 150, plain.variance / 150);
  close_to(apart[0][1] * 299 / 300, (s[0][0].variance + s[0][1].variance) / 150 * 149 / 150);
}

/* Who is in both arms is compared with themselves: that people differ makes no arm's effect less sure. */
static void a_person_in_both_arms_is_one(void **state) {
  (void)state;
  struct occasions *o = new_occasions(MEASURE_SUM, HOUR);
  struct moments s[EFFECT_ARMS];
  double apart[EFFECT_ARMS];
  for (int64_t round = 0; round < 2; round++)
    for (uint64_t i = 0; i < 200; i++) {
      add(o, i, round * 2 * HOUR, (uint32_t)round, 1);
      happens(o, i, round * 2 * HOUR + 1, (double)(i * 37 % 101) / 7 + (double)round);
    }
  occasions_sum(o, 10 * HOUR, 0, s, apart);
  close_to(s[1].mean - s[0].mean, 1);
  close_to(s[1].clusters, 200);
  assert_true(s[0].variance / s[0].n > .05 && s[1].variance / s[1].n > .05);
  close_to(apart[1], 0);
  occasions_free(o);
}

static void looking_changes_nothing(void **state) {
  (void)state;
  struct occasions *one = new_occasions(MEASURE_SUM, 5 * HOUR), *other = new_occasions(MEASURE_SUM, 5 * HOUR);
  struct moments s[2][EFFECT_ARMS];
  double apart[2][EFFECT_ARMS];
  struct rng chance = rng_from(7);
  for (int64_t t = 0; t < 4000; t++) {
    const uint64_t user = rng_next(&chance) % 90;
    const uint32_t group = (uint32_t)(rng_next(&chance) % 3);
    const double weight = 1 + rng_uniform(&chance), number = rng_uniform(&chance);
    const bool draws = rng_next(&chance) % 2;
    for (int k = 0; k < 2; k++) {
      struct occasions *o = k ? other : one;
      if (draws) add(o, user, t * HOUR / 4, group, weight);
      else happens(o, user, t * HOUR / 4, number);
    }
    if (t % 3 == 0) occasions_sum(one, t * HOUR / 4, 1, s[0], apart[0]);
  }
  occasions_sum(one, 998 * HOUR, 1, s[0], apart[0]); /* some are open still */
  occasions_sum(other, 998 * HOUR, 1, s[1], apart[1]);
  assert_true(s[0][2].n > 500);
  assert_memory_equal(s[0], s[1], sizeof s[0]);
  assert_memory_equal(apart[0], apart[1], sizeof apart[0]);
  occasions_free(one);
  occasions_free(other);
}

/* People differ in what they do and in what an arm does to them, on average nothing; they are looked at after every round. As if decisions
 * were independent, the same bound would be wrong far more often. */
static void looking_always_is_wrong_rarely(void **state) {
  (void)state;
  struct rng chance = rng_from(31);
  int wrong = 0, naive = 0;
  for (int run = 0; run < 200; run++) {
    struct occasions *o = new_occasions(MEASURE_HAPPENED, HOUR);
    struct moments s[EFFECT_ARMS];
    double apart[EFFECT_ARMS], moved[150];
    bool crossed = false, fooled = false;
    for (int i = 0; i < 150; i++) moved[i] = rng_uniform(&chance) < .5 ? .45 : -.45;
    for (int64_t round = 0; round < 30; round++) {
      for (uint64_t i = 0; i < 150; i++) {
        const uint32_t arm = rng_uniform(&chance) < .5;
        add(o, i, round * 2 * HOUR, arm, 2);
        if (rng_uniform(&chance) < .5 + (arm ? moved[i] : 0)) happens(o, i, round * 2 * HOUR + 1, 1);
      }
      occasions_sum(o, round * 2 * HOUR + 2 * HOUR, 0, s, apart);
      const struct moments a = {s[0].n, s[0].mean, s[0].mean * (1 - s[0].mean), 0}, b = {s[1].n, s[1].mean, s[1].mean * (1 - s[1].mean), 0};
      crossed |= anytime_apart(&s[0], &s[1], apart[1], .05).low > 0;
      fooled |= anytime_difference(&a, &b, .05).low > 0;
    }
    wrong += crossed;
    naive += fooled;
    occasions_free(o);
  }
  if (wrong > 18 || naive < 22) fail_msg("wrong in %d of 200, and %d as if decisions were people", wrong, naive); /* 10 expected at most */
}

/* Whatever was sent was followed by it, and silence never was: no person moves a mean, and the bound knows the people all the same. */
static void all_and_nobody_are_told_apart(void **state) {
  (void)state;
  for (int kind = MEASURE_HAPPENED; kind <= MEASURE_COUNT; kind++) {
    struct occasions *o = new_occasions((enum measure_kind)kind, HOUR);
    struct moments s[EFFECT_ARMS];
    double apart[EFFECT_ARMS];
    for (int64_t day = 0; day < 4; day++)
      for (uint64_t u = 0; u < 150; u++) {
        const uint32_t arm = (uint32_t)((u + (uint64_t)day) % 2);
        add(o, u, day * 24 * HOUR, arm, 2);
        if (arm) happens(o, u, day * 24 * HOUR + 1, 1);
      }
    occasions_sum(o, 200 * HOUR, 0, s, apart);
    close_to(s[0].mean, 0);
    close_to(s[1].mean, 1);
    close_to(s[1].clusters, 150);
    const struct bounded b = anytime_apart(&s[0], &s[1], apart[1], .05);
    if (kind == MEASURE_HAPPENED) {
      const double one = 1. / 152 * (151. / 152) / 150; /* of people, not of their four decisions */
      close_to(s[0].variance / s[0].n, one);
      close_to(apart[1], 2 * one);
      close_to(apart[0], 0);
      assert_true(b.low > .85 && b.estimate == 1);
    } else assert_true(stats_none(b.low));
    occasions_free(o);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_decision_has_a_time_of_its_own),
      cmocka_unit_test(chances_weigh),
      cmocka_unit_test(errors_are_those_of_people),
      cmocka_unit_test(a_person_in_both_arms_is_one),
      cmocka_unit_test(looking_changes_nothing),
      cmocka_unit_test(looking_always_is_wrong_rarely),
      cmocka_unit_test(all_and_nobody_are_told_apart),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
