/* rooms: stats kit */
/* The numbers behind habit strength are those of METHODS 1: tests/vectors/habit.json, computed by numpy and scipy. */
#include "stats/stats.h"
#include "vectors.h"
#include <string.h>

static struct vectors habit;

static int open_vectors(void **state) {
  (void)state;
  vectors_open(&habit, "habit.json");
  return 0;
}

static int close_vectors(void **state) {
  (void)state;
  vectors_close(&habit);
  return 0;
}

static void check(const char *group, const char *name, double got) {
  char path[128];
  snprintf(path, sizeof path, "%s.%s", group, name);
  assert_close(got, vectors_number(&habit, path), 1e-10, path);
}

static void circular_statistics_agree(void **state) {
  (void)state;
  const char *cases[] = {"tight", "midnight", "opposite", "uniform", "single", "two"};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char group[64], path[96];
    size_t n;
    struct circular c;
    snprintf(group, sizeof group, "circular.%s", cases[i]);
    snprintf(path, sizeof path, "%s.hours", group);
    double *hours = vectors_list(&habit, path, &n);
    assert_true(circular_hours(hours, NULL, n, &c));
    check(group, "C", c.c);
    check(group, "S", c.s);
    check(group, "R", c.resultant);
    check(group, "circ_var", c.variance);
    /* evenly spread hours have no mean and no spread: the vector's figures there are rounding noise */
    bool even = strcmp(cases[i], "opposite") == 0 || strcmp(cases[i], "uniform") == 0;
    if (even) assert_true(stats_none(c.mean_hour) && stats_none(c.sd_hours));
    else {
      double mean = c.mean_hour > 23.999999 ? c.mean_hour - 24 : c.mean_hour;
      check(group, "mean_hour", mean);
      check(group, "circ_sd_hours", c.sd_hours);
    }
  }
}

static void two_regular_times_a_day_are_regular(void **state) {
  (void)state;
  size_t n;
  double *hours = vectors_list(&habit, "circular.two.hours", &n);
  struct circular c;
  assert_true(circular_hours(hours, NULL, n, &c));
  assert_true(c.resultant < 0.02);
  assert_true(circular_regularity(hours, n) > 0.98);
}

static void weights_count_like_repetitions(void **state) {
  (void)state;
  double hours[] = {6, 6, 6, 9}, once[] = {6, 9}, weights[] = {3, 1};
  struct circular a, b;
  assert_true(circular_hours(hours, NULL, 4, &a));
  assert_true(circular_hours(once, weights, 2, &b));
  assert_close(a.resultant, b.resultant, 1e-14, "weighted R");
  assert_close(a.mean_hour, b.mean_hour, 1e-12, "weighted mean");
  assert_false(circular_hours(hours, NULL, 0, &a));
}

static void rayleigh_agrees(void **state) {
  (void)state;
  size_t n;
  double *hours = vectors_list(&habit, "rayleigh.hours", &n);
  struct circular c;
  assert_true(circular_hours(hours, NULL, n, &c));
  check("rayleigh", "z", c.rayleigh_z);
  check("rayleigh", "p", c.rayleigh_p);
  assert_close(c.resultant2_fair, (5 * c.resultant * c.resultant - 1) / 4, 1e-15, "fair R²");
}

static void entropies_agree(void **state) {
  (void)state;
  const char *cases[] = {"one_day", "mwf", "uniform"};
  struct entropy e;
  size_t n;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char group[64], path[96];
    snprintf(group, sizeof group, "dow_entropy.%s", cases[i]);
    snprintf(path, sizeof path, "%s.counts", group);
    double *counts = vectors_list(&habit, path, &n);
    assert_true(entropy_counts(counts, n, 7, &e));
    check(group, "H", e.h);
    check(group, "Hnorm", e.normalised);
    check(group, "stability", e.stability);
    check(group, "H_miller_madow", e.miller_madow);
  }
  double *empty = vectors_list(&habit, "dow_entropy.empty.counts", &n);
  assert_false(entropy_counts(empty, n, 7, &e));
}

static void composite_agrees(void **state) {
  (void)state;
  size_t n, hours, places;
  uint8_t *done = vectors_flags(&habit, "composite.done", &n);
  double *times = vectors_list(&habit, "composite.time_hours", &hours), *counts = vectors_list(&habit, "composite.loc_counts", &places);
  struct circular c;
  struct entropy e;
  assert_true(circular_hours(times, NULL, hours, &c));
  assert_true(entropy_counts(counts, places, 3, &e));
  double total = 0;
  for (size_t i = 0; i < n; i++) total += done[i];
  double frequency = math_clamp(total / (vectors_number(&habit, "composite.target_per_week") * (double)n / 7), 0, 1);
  double consistency = run_consistency(done, n), context = .5 * c.resultant + .5 * e.stability;
  check("composite", "frequency", frequency);
  check("composite", "consistency", consistency);
  check("composite", "time_R", c.resultant);
  check("composite", "loc_stability", e.stability);
  check("composite", "context", context);
  check("composite", "strength", .4 * frequency + .4 * consistency + .2 * context);
}

static void growth_agrees(void **state) {
  (void)state;
  size_t n;
  double *x = vectors_list(&habit, "lally.x", &n), *y = vectors_list(&habit, "lally.y", &n);
  struct growth g;
  assert_true(growth_fit(x, y, n, 42, &g));
  double pairs[][2] = {{g.a, vectors_number(&habit, "lally.a")},
                       {g.b, vectors_number(&habit, "lally.b")},
                       {g.c, vectors_number(&habit, "lally.c")},
                       {g.r2, vectors_number(&habit, "lally.R2")},
                       {g.days_to_asymptote95, vectors_number(&habit, "lally.days_to_95pct_of_asymptote")},
                       {g.days_to_rise95, vectors_number(&habit, "lally.days_to_95pct_of_rise")}};
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) assert_close(pairs[i][0] / pairs[i][1], 1, 1e-5, "growth");
  size_t three;
  double *se = vectors_list(&habit, "lally.se", &three);
  assert_close(g.se_a / se[0], 1, 1e-3, "se a");
  assert_close(g.se_c / se[2], 1, 1e-3, "se c");
  assert_false(growth_fit(x, y, 9, 42, &g));
  double flat[12] = {0}, days[12];
  for (int i = 0; i < 12; i++) days[i] = i;
  assert_false(growth_fit(days, flat, 12, 42, &g));
}

static void recursions_agree(void **state) {
  (void)state;
  size_t n, m;
  uint8_t *done = vectors_flags(&habit, "hebbian.done", &n);
  double *expected = vectors_list(&habit, "hebbian.h", &m), *h = ARENA_ARRAY(&habit.arena, double, n);
  hebbian(done, n, .05, .06, .03, h);
  for (size_t i = 0; i < m; i++) assert_close(h[i], expected[i], 1e-10, "hebbian");
  done = vectors_flags(&habit, "ewma.done", &n);
  expected = vectors_list(&habit, "ewma.corrected", &m);
  for (size_t i = 0; i < m; i++) assert_close(ewma_share(done, i + 1, .1), expected[i], 1e-10, "ewma");
  uint8_t grid[] = {1, 0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 1, 1, 1, 0, 1};
  check("regularity_index", "index", regularity_index(grid, 4, 4));
  assert_true(stats_none(regularity_index(grid, 1, 4)));
}

static void streaks_are_right_and_the_old_rule_is_kept(void **state) {
  (void)state;
  const char *cases[] = {"one_miss", "gap", "miss_first", "all_missed"};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char path[96];
    size_t n, m;
    uint32_t got[16];
    int32_t days[16];
    snprintf(path, sizeof path, "streak.%s.day", cases[i]);
    double *day = vectors_list(&habit, path, &n);
    for (size_t k = 0; k < n; k++) days[k] = (int32_t)day[k];
    snprintf(path, sizeof path, "streak.%s.done", cases[i]);
    uint8_t *done = vectors_flags(&habit, path, &m);
    snprintf(path, sizeof path, "streak.%s.correct", cases[i]);
    double *correct = vectors_list(&habit, path, &m);
    streak_lengths(days, done, n, got);
    for (size_t k = 0; k < n; k++) assert_int_equal(got[k], (int)correct[k]);
    snprintf(path, sizeof path, "streak.%s.seed_compat", cases[i]);
    double *compat = vectors_list(&habit, path, &m);
    streak_lengths_compat(days, done, n, got);
    for (size_t k = 0; k < n; k++) assert_int_equal(got[k], (int)compat[k]);
  }
}

static void auc_counts_ties_half(void **state) {
  (void)state;
  size_t n;
  uint32_t scratch[16];
  double *score = vectors_list(&habit, "auc_ties.score", &n), *y = vectors_list(&habit, "auc_ties.y", &n);
  check("auc_ties", "auc", auc_midrank(score, y, n, scratch));
  double ones[] = {1, 1, 1};
  assert_true(stats_none(auc_midrank(score, ones, 3, scratch)));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(circular_statistics_agree),
      cmocka_unit_test(two_regular_times_a_day_are_regular),
      cmocka_unit_test(weights_count_like_repetitions),
      cmocka_unit_test(rayleigh_agrees),
      cmocka_unit_test(entropies_agree),
      cmocka_unit_test(composite_agrees),
      cmocka_unit_test(growth_agrees),
      cmocka_unit_test(recursions_agree),
      cmocka_unit_test(streaks_are_right_and_the_old_rule_is_kept),
      cmocka_unit_test(auc_counts_ties_half),
  };
  return cmocka_run_group_tests(tests, open_vectors, close_vectors);
}
