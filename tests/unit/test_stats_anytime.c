/* rooms: stats kit */
/* Bounds that hold at all times: the golden figures of METHODS 7.5 (one-sided, N* = 5000), and the promise itself: two groups of the same
 * people, looked at after every one of them, differ no more often than alpha. */
#include "kit/rng.h"
#include "stats/stats.h"
#include "vectors.h"

static struct moments sums(double sum, double squares, double n) {
  return (struct moments){n, sum / n, (squares - sum * sum / n) / (n - 1), 0};
}

static void golden_figures(void **state) {
  (void)state;
  const struct moments a = sums(1396.87, 52377.9767, 3000), b = sums(2422.7, 134698.29, 3461);
  const struct bounded difference = anytime_difference(&a, &b, .05), lift = anytime_lift(&a, &b, .05);
  assert_close(difference.estimate, 0.23437666667, 1e-10, "difference");
  assert_close(difference.low, -0.12656844173, 1e-10, "its lower bound");
  assert_close(difference.high, 2 * 0.23437666667 + 0.12656844173, 1e-9, "its upper bound");
  assert_close(lift.estimate, 0.50336108586, 1e-10, "lift");
  assert_close(lift.low, -0.42356454603, 1e-10, "its lower bound");
}

/* The published p of two shares with N* = 5000, on the log scale; nothing there is p = 1; and a p below .05 and an interval that leaves out
 * 0 are the same, two-sided. */
static void golden_p(void **state) {
  (void)state;
  const double p = 1396. / 3000, q = 2422. / 3461;
  const struct moments a = {3000, p, p * (1 - p), 0}, b = {3461, q, q * (1 - q), 0};
  const struct bounded lift = anytime_lift(&a, &b, .05);
  assert_close(lift.estimate, 0.50386335168, 1e-10, "lift");
  assert_close(math_log(lift.p), math_log(5.1747166828e-44), 1e-6, "its p");
  assert_close(anytime_difference(&a, &a, .05).p, 1, 0, "p of nothing");
  const struct moments near = {3461, p + .06, q * (1 - q), 0};
  const struct bounded back = anytime_difference(&near, &a, .05), there = anytime_difference(&a, &near, .05);
  assert_close(back.p, there.p, 1e-15, "the other way round");
  assert_true(there.p > 0 && there.p < .05 && there.low > 0);
}

/* A lift is of the size of what was there before: where the control arm loses, losing less is a gain. */
static void a_lift_is_of_a_size(void **state) {
  (void)state;
  const struct moments a = {4000, -2, 1, 0}, b = {4000, -1, 1, 0}, above = {4000, 2, 1, 0}, more = {4000, 3, 1, 0};
  const struct bounded gain = anytime_lift(&a, &b, .05), same = anytime_lift(&above, &more, .05), loss = anytime_lift(&b, &a, .05);
  assert_close(gain.estimate, .5, 1e-12, "half of the loss is gone");
  assert_close(same.estimate, .5, 1e-12, "half of the gain is added");
  assert_close(loss.estimate, -1, 1e-12, "the loss is twice as large");
  assert_true(gain.low > .4 && loss.high < -.8);
}

static void little_bounds_nothing(void **state) {
  (void)state;
  const struct moments few = {99, .5, .25, 0}, enough = {100, .5, .25, 0}, none = {100, 0, 0, 0};
  assert_true(stats_none(anytime_difference(&few, &enough, .05).low) && stats_none(anytime_difference(&enough, &few, .05).high));
  assert_true(stats_none(anytime_mean(&few, .05).estimate) && anytime_mean(&enough, .05).low < .5);
  assert_true(stats_none(anytime_lift(&none, &enough, .05).estimate));
  assert_true(stats_none(anytime_difference(&none, &none, .05).low)); /* nothing varies: METHODS 0.3 rule 3 */
}

static void looking_always_is_wrong_rarely(void **state) {
  (void)state;
  struct rng chance = rng_from(23);
  int wrong = 0, told = 0;
  for (int run = 0; run < 200; run++) {
    double yes[2] = {0, 0}, n[2] = {0, 0};
    bool crossed = false, said = false;
    for (int i = 0; i < 2000; i++) {
      n[i & 1]++;
      yes[i & 1] += rng_uniform(&chance) < .3;
      const double p = yes[0] / n[0], q = n[1] > 0 ? yes[1] / n[1] : 0;
      const struct moments a = {n[0], p, p * (1 - p), 0}, b = {n[1], q, q * (1 - q), 0};
      const struct bounded seen = anytime_difference(&a, &b, .05);
      crossed = crossed || seen.low > 0;
      said = said || seen.p < .05;
    }
    wrong += crossed;
    told += said;
  }
  assert_true(wrong <= 18 && told <= 18); /* 10 expected at most; 18 is beyond 99.5 % */
}

static void shares_are_watched_at_all_times(void **state) {
  (void)state;
  const double half[] = {.5, .5}, published[] = {6240, 5760}, lost[] = {120, 220}, few[] = {1, 14}, fine[] = {6000, 6000};
  assert_close(math_exp(-ratio_evidence(published, half, 2, 10000)), .0079, .00005, "52 to 48 of 12 000"); /* METHODS 7.4 */
  assert_true(ratio_always_p(lost, half, 2) < .0002);
  assert_true(stats_none(ratio_always_p(few, half, 2)));
  assert_true(ratio_always_p(fine, half, 2) > .999);
  assert_true(stats_none(ratio_always_p(lost, (const double[]){1, 0}, 2)) && stats_none(ratio_always_p(lost, half, 1)));
  struct rng chance = rng_from(5);
  const double weights[] = {.2, .3, .5};
  for (int i = 0; i < 3; i++) { /* one draw says nothing of any weights: their own mean is what is around them */
    double one[3] = {0};
    one[i] = 1;
    assert_close(ratio_evidence(one, weights, 3, 100), 0, 1e-9, "the evidence of one draw");
  }
  const double off[] = {260, 270, 470}; /* p is one by the mean of the two factors, so that the promise is theirs together */
  const double mean = (math_exp(ratio_evidence(off, weights, 3, 100)) + math_exp(ratio_evidence(off, weights, 3, 10000))) / 2;
  assert_true(mean > 10);
  assert_close(ratio_always_p(off, weights, 3) * mean, 1, 1e-9, "p");
  int wrong = 0;
  for (int run = 0; run < 200; run++) {
    double counts[3] = {0};
    bool crossed = false;
    for (int i = 0; i < 3000 && !crossed; i++) {
      const double u = rng_uniform(&chance);
      counts[u < .2 ? 0 : u < .5 ? 1 : 2]++;
      crossed = ratio_always_p(counts, weights, 3) < .05;
    }
    wrong += crossed;
  }
  assert_true(wrong <= 18); /* 10 expected at most */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(golden_figures),
      cmocka_unit_test(golden_p),
      cmocka_unit_test(a_lift_is_of_a_size),
      cmocka_unit_test(little_bounds_nothing),
      cmocka_unit_test(looking_always_is_wrong_rarely),
      cmocka_unit_test(shares_are_watched_at_all_times),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
