/* rooms: stats kit */
/* How many people a comparison takes: METHODS 7.1's table and tests/vectors/ab.json, unequal arms, what cannot be, and bounds that are
 * clear of 0 with the people that were planned for. And how large an effect is, in deviations. */
#include "stats/stats.h"
#include "vectors.h"

static struct vectors ab;

static int open_vectors(void **state) {
  (void)state;
  vectors_open(&ab, "ab.json");
  return 0;
}

static int close_vectors(void **state) {
  (void)state;
  vectors_close(&ab);
  return 0;
}

static struct plan shares(double base, double difference) {
  return (struct plan){base, difference, STATS_NONE, .5, .05, .8};
}

static struct plan deviations(double difference) {
  return (struct plan){0, difference, 1, .5, .05, .8};
}

static void holds(struct plan p, double expected) {
  double people[2];
  assert_true(plan_people(&p, false, people));
  assert_close(people[0], expected, 0, "people an arm");
  assert_close(people[1], expected, 0, "people an arm");
}

/* A name with dots is no path: the member of `power` is found by its key. */
static double planned(const char *key, const char *member) {
  double value = __builtin_nan("");
  const uint32_t one = json_get(&ab.json, vectors_at(&ab, "power"), key);
  if (one == JSON_NONE || !json_double(&ab.json, json_get(&ab.json, one, member), &value)) fail_msg("no %s of %s", member, key);
  return value;
}

static void the_table_agrees(void **state) {
  (void)state;
  holds(shares(.3, .05), planned("p1=0.3,abs=0.05", "n_unpooled"));
  holds(shares(.5, .05), planned("p1=0.5,abs=0.05", "n_unpooled"));
  holds(shares(.1, .05), planned("p1=0.1,abs=0.05", "n_unpooled"));
  holds(shares(.6, .05), planned("p1=0.6,abs=0.05", "n_unpooled"));
  holds(shares(.3, .3 * .05), planned("p1=0.3,abs=0.05", "relative5pct_n_unpooled"));
  holds(shares(.5, .5 * .05), planned("p1=0.5,abs=0.05", "relative5pct_n_unpooled"));
  holds(shares(.1, .1 * .05), planned("p1=0.1,abs=0.05", "relative5pct_n_unpooled"));
  holds(shares(.6, .6 * .05), planned("p1=0.6,abs=0.05", "relative5pct_n_unpooled"));
  holds(deviations(.05), planned("cohen_d=0.05", "n_per_arm_t"));
  holds(deviations(.2), planned("cohen_d=0.2", "n_per_arm_t"));
  holds(deviations(.5), planned("cohen_d=0.5", "n_per_arm_t"));
  holds(deviations(.8), planned("cohen_d=0.8", "n_per_arm_t"));
  holds(deviations(-.2), planned("cohen_d=0.2", "n_per_arm_t")); /* worse is as easily seen as better */
}

/* n1 = n (1 + 1/r) / 2: a tenth of the people in the arm that is tried. */
static void unequal_arms_take_more(void **state) {
  (void)state;
  struct plan p = {0, .2, 1, .1, .05, .8};
  double people[2];
  const double z2 = 1.959963984540054 * 1.959963984540054 / 4, equal = 393.405693 - z2, ratio = 1. / 9;
  assert_true(plan_people(&p, false, people));
  assert_close(people[0], __builtin_ceil(equal * (1 + 1 / ratio) / 2 + z2), 0, "the control arm");
  assert_close(people[1], __builtin_ceil(equal * (1 + 1 / ratio) / 2 * ratio + z2), 0, "the other");
}

/* With the people planned for and an estimate that is low by as much as one in five are, the bound touches 0. */
static void bounds_are_clear_of_nothing(void **state) {
  (void)state;
  const struct plan list[] = {shares(.3, .05), shares(.6, -.1), deviations(.2), {10, 1, 4, .2, .025, .9}};
  for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
    const struct plan *p = &list[i];
    double once[2], people[2];
    assert_true(plan_people(p, true, people) && plan_people(p, false, once));
    assert_true(people[0] > once[0] && people[1] > once[1]); /* looking always costs something */
    const double other = p->base + p->difference, own = stats_none(p->deviation) ? p->base * (1 - p->base) : p->deviation * p->deviation;
    const double theirs = stats_none(p->deviation) ? other * (1 - other) : own;
    const double error = math_sqrt(own / people[0] + theirs / people[1]), back = (p->difference > 0 ? 1 : -1) * normal_quantile(p->power);
    const struct moments a = {people[0], p->base, own, 0}, b = {people[1], other - back * error, theirs, 0};
    const struct bounded seen = anytime_difference(&a, &b, p->alpha);
    const double bound = p->difference > 0 ? seen.low : -seen.high;
    assert_true(bound >= -1e-9 && bound < .01 * error);
  }
}

static void few_are_never_too_few(void **state) {
  (void)state;
  struct plan p = shares(0, 1);
  double people[2];
  assert_false(plan_people(&p, true, people)); /* nothing varies: there is nothing to be sure of */
  p = shares(.01, .98);
  assert_true(plan_people(&p, true, people) && people[0] == 100 && people[1] == 100); /* below that no bound is shown */
  p = deviations(50);
  assert_true(plan_people(&p, false, people) && people[0] == 2 && people[1] == 2);
}

static void what_cannot_be_is_none(void **state) {
  (void)state;
  struct plan wrong[] = {shares(.3, 0),           shares(.3, .8),         shares(.3, -.4),         shares(1.2, .1),
                         shares(.3, STATS_NONE),  {0, 1, 0, .5, .05, .8}, {0, 1, -1, .5, .05, .8}, {0, 1, 1, 0, .05, .8},
                         {0, 1, 1, 1, .05, .8},   {0, 1, 1, .5, 0, .8},   {0, 1, 1, .5, .6, .8},   {0, 1, 1, .5, .05, 1},
                         {0, 1, 1, .5, .05, .01}, shares(.3, 1e-12),      shares(.3, -1e-200),     deviations(1e-9)};
  double people[2];
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    for (int always = 0; always < 2; always++) {
      assert_false(plan_people(&wrong[i], always != 0, people));
      assert_true(stats_none(people[0]) && stats_none(people[1]));
    }
}

static void the_smallest_difference_is_the_way_back(void **state) {
  (void)state;
  double people[2];
  for (int always = 0; always < 2; always++) {
    struct plan p = shares(.3, STATS_NONE);
    p.difference = plan_difference(&p, always != 0, 2748);
    assert_true(plan_people(&p, always != 0, people) && people[0] + people[1] <= 2748);
    if (!always) assert_close(p.difference, .05, 1e-4, "1374 an arm");
    p.difference *= .999;
    assert_true(plan_people(&p, always != 0, people) && people[0] + people[1] > 2748);
  }
  struct plan few = shares(.3, STATS_NONE), all = shares(1, STATS_NONE);
  assert_true(stats_none(plan_difference(&few, true, 150)));  /* below 100 an arm nothing is shown, however large */
  assert_true(stats_none(plan_difference(&all, false, 1e6))); /* nothing is above a share of 1 */
}

static void effects_in_deviations(void **state) {
  (void)state;
  size_t n, m;
  const double *a = vectors_list(&ab, "A", &n), *b = vectors_list(&ab, "B", &m);
  const struct moments first = moments_of(a, n), other = moments_of(b, m), one = {1, 2, 0, 0}, same = {50, 2, 0, 0};
  assert_close(effect_size(&first, &other), vectors_number(&ab, "cohen_d.pooled"), 1e-9, "Cohen's d");
  assert_close(effect_size(&other, &first), -vectors_number(&ab, "cohen_d.pooled"), 1e-9, "the other way round");
  assert_true(stats_none(effect_size(&one, &other)) && stats_none(effect_size(&same, &same)));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_table_agrees),
      cmocka_unit_test(unequal_arms_take_more),
      cmocka_unit_test(bounds_are_clear_of_nothing),
      cmocka_unit_test(few_are_never_too_few),
      cmocka_unit_test(what_cannot_be_is_none),
      cmocka_unit_test(the_smallest_difference_is_the_way_back),
      cmocka_unit_test(effects_in_deviations),
  };
  return cmocka_run_group_tests(tests, open_vectors, close_vectors);
}
