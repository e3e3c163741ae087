/* rooms: stats kit */
/* Calibration, conformal sets, stacking, training load, plateaus and rates are those of METHODS 2.5, 3.2, 3.3, 13 and 14, whose vectors
 * scikit-learn, scipy and statsmodels computed: gbm.json and load.json. */
#include "stats/stats.h"
#include "vectors.h"
#include <string.h>

static struct vectors gbm, load;

static int open_vectors(void **state) {
  (void)state;
  vectors_open(&gbm, "gbm.json");
  vectors_open(&load, "load.json");
  return 0;
}

static int close_vectors(void **state) {
  (void)state;
  vectors_close(&gbm);
  vectors_close(&load);
  return 0;
}

static double logistic(double z) {
  return 1 / (1 + math_exp(-z));
}

static void platt_agrees(void **state) {
  (void)state;
  size_t n;
  struct platt p;
  double *score = vectors_list(&gbm, "calibration.decision", &n), *y = vectors_list(&gbm, "calibration.y", &n);
  double *wanted = vectors_list(&gbm, "calibration.p_platt", &n), *mapped = ARENA_ARRAY(&gbm.arena, double, n);
  struct reliability bins[RELIABILITY_BINS];
  assert_true(platt_fit(score, y, n, &p));
  assert_close(p.a, vectors_number(&gbm, "calibration.platt.A"), 1e-6, "A");
  assert_close(p.b, vectors_number(&gbm, "calibration.platt.B"), 1e-6, "B");
  assert_int_equal(p.steps, 4);
  for (size_t i = 0; i < n; i++) assert_close(mapped[i] = platt_at(p, score[i]), wanted[i], 1e-6, "p");
  assert_close(calibration_error(mapped, y, n, bins), vectors_number(&gbm, "calibration.platted.ece10"), 1e-6, "ece");
  assert_close(log_loss(mapped, y, n), vectors_number(&gbm, "calibration.platted.logloss"), 1e-6, "log loss");
  assert_close(brier_score(mapped, y, n), vectors_number(&gbm, "calibration.platted.brier"), 1e-6, "brier");
}

static void platt_has_an_end(void **state) {
  (void)state;
  const double score[] = {1, 2, 3}, ones[] = {1, 1, 1}, apart[] = {-2, -1, 1, 2}, split[] = {0, 0, 1, 1};
  struct platt p;
  assert_true(platt_fit(score, ones, 3, &p));
  assert_close(p.a, 0, 1e-6, "nothing to tell apart");
  assert_close(p.b, -1.386294361, 1e-6, "all positive");
  assert_true(platt_fit(apart, split, 4, &p));
  assert_close(p.a, -.6739935599, 1e-6, "separable");
  assert_close(p.b, 0, 1e-6, "separable");
  assert_false(platt_fit(score, ones, 0, &p));
}

static void reliability_agrees(void **state) {
  (void)state;
  size_t n;
  double *score = vectors_list(&gbm, "calibration.decision", &n), *y = vectors_list(&gbm, "calibration.y", &n);
  struct reliability bins[RELIABILITY_BINS];
  for (size_t i = 0; i < n; i++) score[i] = logistic(score[i]);
  assert_close(calibration_error(score, y, n, bins), vectors_number(&gbm, "calibration.raw.ece10"), 1e-9, "ece");
  for (int b = 0; b < RELIABILITY_BINS; b++) {
    size_t four;
    const double *row = vectors_row(&gbm, "calibration.raw.ece_rows", (size_t)b, &four);
    assert_int_equal(bins[b].n, (size_t)row[1]);
    assert_close(bins[b].predicted, row[2], 1e-9, "predicted");
    assert_close(bins[b].observed, row[3], 1e-9, "observed");
  }
  double low, high;
  wilson_interval(7, 10, 1.959963984540054, &low, &high);
  assert_close(low, .3967781, 1e-6, "Wilson");
  assert_close(high, .8922087, 1e-6, "Wilson");
  wilson_interval(0, 0, 1.96, &low, &high);
  assert_true(stats_none(low) && stats_none(high));
}

static void isotonic_agrees(void **state) {
  (void)state;
  size_t n, corners;
  double *score = vectors_list(&gbm, "calibration.decision", &n), *y = vectors_list(&gbm, "calibration.y", &n);
  struct isotonic_point points[64];
  for (size_t i = 0; i < n; i++) points[n - 1 - i] = (struct isotonic_point){.x = logistic(score[i]), .y = y[i]};
  corners = isotonic_fit(points, n);
  double *x = vectors_list(&gbm, "calibration.isotonic.x", &n), *level = vectors_list(&gbm, "calibration.isotonic.y", &n);
  assert_int_equal(corners, n);
  for (size_t i = 0; i < n; i++) {
    assert_close(points[i].x, x[i], 1e-9, "x");
    assert_close(points[i].y, level[i], 1e-9, "y");
  }
  double *at = vectors_list(&gbm, "calibration.isotonic.at", &n), *value = vectors_list(&gbm, "calibration.isotonic.val", &n);
  for (size_t i = 0; i < n; i++) assert_close(isotonic_at(points, corners, at[i]), value[i], 1e-9, "between");
  struct isotonic_point same[] = {{.x = 1, .y = 1}, {.x = 1, .y = 0}, {.x = 1, .y = 1}, {.x = 1, .y = 1}};
  assert_int_equal(isotonic_fit(same, 4), 1);
  assert_close(isotonic_at(same, 1, 7), .75, 1e-12, "ties are one point");
  assert_int_equal(isotonic_fit(same, 0), 0);
}

static void conformal_agrees(void **state) {
  (void)state;
  size_t n;
  double *scores = vectors_list(&load, "split_conformal.abs_resid", &n);
  stats_sort(scores, n);
  assert_close(conformal_quantile(scores, n, .1), vectors_number(&load, "split_conformal.q"), 1e-9, "q");
  assert_true(conformal_quantile(scores, 8, .1) > 1e300);
  double *s = vectors_list(&load, "class_conformal.s", &n);
  stats_sort(s, n);
  const double q = conformal_quantile(s, n, .1);
  assert_close(q, vectors_number(&load, "class_conformal.q"), 1e-9, "q of classes");
  assert_int_equal(conformal_set(.8, q), CONFORMAL_YES);
  assert_int_equal(conformal_set(.2, q), CONFORMAL_NO);
  assert_int_equal(conformal_set(.5, q), CONFORMAL_BOTH);
  assert_int_equal(conformal_set(.5, .4), CONFORMAL_NEITHER);
}

static void the_adaptive_level_agrees(void **state) {
  (void)state;
  size_t n;
  double *scores = vectors_list(&load, "aci.scores", &n), past[128], alpha = .1, covered = 0;
  for (size_t i = 20; i < n; i++) {
    memcpy(past, scores, i * sizeof *past);
    stats_sort(past, i);
    const double q = conformal_quantile(past, i, alpha);
    const bool missed = scores[i] > q;
    alpha = conformal_adapt(alpha, .1, .02, missed);
    covered += !missed;
    size_t four;
    if (i >= 30 && i < n - 3) continue;
    const double *row = vectors_row(&load, i < 30 ? "aci.first10" : "aci.last3", i < 30 ? i - 20 : i - (n - 3), &four);
    assert_close(q, row[1], 1e-9, "q");
    assert_int_equal(missed, row[2] > .5);
    assert_close(alpha, row[3], 1e-9, "alpha");
  }
  assert_close(covered / 100, vectors_number(&load, "aci.coverage"), 1e-9, "coverage");
}

/* The same from the state that is kept: scores one by one, the newest 256 of them. */
static void adaptive_sets_agree(void **state) {
  (void)state;
  size_t n, four, seen = 0;
  double *scores = vectors_list(&load, "aci.scores", &n);
  static struct adaptive a;
  for (size_t i = 0; i < n; i++) {
    const double q = adaptive_quantile(&a);
    assert_int_equal(stats_none(q), i < 20);
    const bool missed = adaptive_add(&a, scores[i]);
    if (i < 20 || (i >= 30 && i < n - 3)) continue;
    const double *row = vectors_row(&load, i < 30 ? "aci.first10" : "aci.last3", i < 30 ? i - 20 : i - (n - 3), &four);
    assert_close(q, row[1], 1e-9, "q");
    assert_int_equal(missed, row[2] > .5);
    assert_close(adaptive_level(&a), row[3], 1e-9, "level");
    seen++;
  }
  assert_int_equal(seen, 13);
  assert_close((double)a.held / (double)a.asked, vectors_number(&load, "aci.coverage"), 1e-9, "coverage");
  for (int i = 0; i < 3000; i++) { /* whatever comes, the newest are in order */
    adaptive_add(&a, (double)(i * 7919 % 1000) / 1000);
    assert_true(a.count <= ADAPTIVE_MOST);
    for (uint32_t k = 1; i % 100 == 0 && k < a.count; k++) assert_true(a.sorted[k - 1] <= a.sorted[k]);
  }
  assert_int_equal(a.count, ADAPTIVE_MOST);
  assert_true(adaptive_quantile(&a) < 1.0001); /* of the first stream's scores, up to 3 and more, none is left */
}

/* A set is cut at a score and holds that score. */
static void a_set_holds_its_edge(void **state) {
  (void)state;
  static struct adaptive a;
  a = (struct adaptive){0};
  for (int i = 0; i < 400; i++) assert_false(adaptive_add(&a, .3));
  assert_int_equal(a.asked, 400 - ADAPTIVE_LEAST);
  assert_int_equal(a.held, a.asked);
}

static void stacking_agrees(void **state) {
  (void)state;
  size_t n, three;
  double *y = vectors_list(&load, "stacking.y", &n), columns[3][64], x[3], weights[3];
  const double *parts[] = {columns[0], columns[1], columns[2]}, given[] = {.6, .4, 0};
  for (size_t r = 0; r < n; r++) {
    const double *row = vectors_row(&load, "stacking.oof", r, &three);
    for (int c = 0; c < 3; c++) columns[c][r] = row[c];
  }
  assert_true(least_squares_positive(parts, 3, y, n, x));
  const double *wanted = vectors_list(&load, "stacking.nnls", &three), *blend = vectors_list(&load, "stacking.seed_blend_06_04", &three);
  for (int c = 0; c < 3; c++) assert_close(x[c], wanted[c], 1e-7, "nnls");
  for (size_t r = 0; r < 5; r++) {
    const double row[] = {columns[0][r], columns[1][r], columns[2][r]};
    assert_close(combine_weighted(row, given, 3, NULL), blend[r], 1e-9, "blend");
  }
  assert_false(stack_weights(parts, 3, y, n, given, weights)); /* 40 rows are too few */
  assert_close(weights[0], .6, 1e-12, "as given");
}

/* With rows enough the weights move from the given ones to the learned ones, by n to 200. */
static void stacking_learns(void **state) {
  (void)state;
  enum { ROWS = 600 };
  static double good[ROWS], noise[ROWS], y[ROWS];
  const double *parts[] = {good, noise};
  double weights[2];
  for (int r = 0; r < ROWS; r++) {
    y[r] = r % 3 == 0;
    good[r] = y[r] > .5 ? .9 : .1;
    noise[r] = (r * 7 % 10) / 10.0;
  }
  assert_true(stack_weights(parts, 2, y, ROWS, (double[]){.5, .5}, weights));
  assert_true(weights[0] > .8 && weights[1] >= 0 && weights[1] < .2);
  assert_close(weights[0] + weights[1], 1, 1e-12, "sum");
  double apart;
  assert_close(combine_weighted((double[]){STATS_NONE, 1.7}, weights, 2, &apart), 1, 1e-12,
               "what is missing is left out, the rest clamped");
  assert_close(apart, 0, 0, "one part alone does not disagree");
  assert_true(stats_none(combine_weighted((double[]){STATS_NONE, STATS_NONE}, weights, 2, &apart)) && stats_none(apart));
}

static void nobody_is_weighted_below_zero(void **state) {
  (void)state;
  const double a[] = {1, 2, 3, 4}, b[] = {2, 4, 6, 8}, against[] = {4, 3, 2, 1}, y[] = {1, 2, 3, 4};
  double x[3];
  assert_true(least_squares_positive((const double *[]){a, b, against}, 3, y, 4, x)); /* b is twice a */
  assert_true(x[0] >= 0 && x[1] >= 0 && x[2] >= 0);
  assert_close(x[0] + 2 * x[1], 1, 1e-9, "a and b together");
  assert_true(least_squares_positive((const double *[]){against}, 1, (double[]){-1, -1, -1, -1}, 4, x));
  assert_close(x[0], 0, 0, "all against");
}

static void training_load_agrees(void **state) {
  (void)state;
  size_t n;
  struct load l;
  double *daily = vectors_list(&load, "load", &n);
  load_measure(daily, n, &l);
  assert_close(l.acute, vectors_number(&load, "acute7"), 1e-7, "acute");
  assert_close(l.chronic, vectors_number(&load, "chronic28"), 1e-7, "chronic");
  assert_close(l.ratio, vectors_number(&load, "acwr_coupled"), 1e-7, "coupled");
  assert_close(l.uncoupled, vectors_number(&load, "acwr_uncoupled"), 1e-7, "uncoupled");
  assert_close(l.smooth, vectors_number(&load, "ewma.acwr"), 1e-7, "smooth");
  assert_close(l.monotony, vectors_number(&load, "foster.monotony"), 1e-7, "monotony");
  assert_close(l.strain, vectors_number(&load, "foster.strain"), 1e-4, "strain");
  load_measure((double[28]){0}, 28, &l);
  assert_true(stats_none(l.ratio) && stats_none(l.monotony) && stats_none(l.smooth));
  double burst[28] = {0};
  for (int d = 21; d < 28; d++) burst[d] = 5;
  load_measure(burst, 28, &l);
  assert_close(l.ratio, vectors_number(&load, "max_coupled"), 1e-12, "no coupled ratio is above 4");
  load_measure(burst, 6, &l);
  assert_true(stats_none(l.acute));
}

static void plateaus_agree(void **state) {
  (void)state;
  size_t n, cuts[64], two;
  double *y = vectors_list(&load, "plateau.y", &n), scratch[512], x[14];
  assert_int_equal(change_points(y, n, vectors_number(&load, "plateau.penalty"), scratch, cuts), 1);
  assert_int_equal(cuts[0], (size_t)vectors_list(&load, "plateau.change_points", &two)[0]);
  for (int i = 0; i < 14; i++) x[i] = i;
  struct line line;
  assert_true(line_fit(x, y + n - 14, 14, &line));
  assert_close(line.slope, vectors_number(&load, "plateau.last14.ols_slope"), 1e-7, "slope");
  assert_close(line.slope_se, vectors_number(&load, "plateau.last14.se"), 1e-7, "its error");
  assert_close(theil_sen(x, y + n - 14, 14, scratch), vectors_number(&load, "plateau.last14.theil_sen"), 1e-7, "Theil and Sen");
  assert_close(2 * student_tail(line.slope > 0 ? line.slope / line.slope_se : -line.slope / line.slope_se, 12),
               vectors_number(&load, "plateau.last14.p"), 1e-7, "p of the slope");
  assert_close(flat_p(x, y + n - 14, 14, .02), vectors_number(&load, "plateau.last14.equivalence.p_tost"), 1e-7, "equivalence");
  const double level[] = {3, 3, 3, 3};
  assert_close(flat_p(x, level, 4, .01), 0, 0, "what does not move is flat");
  assert_int_equal(change_points(level, 4, 1, scratch, cuts), 0);
  assert_close(noise_of((double[]){0, 1, 0, 1, 0}, 5, scratch), 1.4826 / math_sqrt(2), 1e-12, "noise of differences");
}

static void run_lengths_agree(void **state) {
  (void)state;
  size_t n, four, likely[64];
  double *y = vectors_list(&load, "plateau.y", &n), out[65], scratch[65], sum = 0;
  const double *p = vectors_list(&load, "plateau.bocpd.prior", &four);
  const struct level_prior prior = {p[0], p[1], p[2], p[3]};
  run_lengths(y, n, vectors_number(&load, "plateau.bocpd.hazard"), prior, out, likely, scratch);
  for (size_t i = 0; i < 4; i++) {
    size_t two;
    const double *row = vectors_row(&load, "plateau.bocpd.final_run_len_post_top", i, &two);
    assert_close(out[(size_t)row[0]], row[1], 1e-7, "run length");
  }
  const double *wanted = vectors_list(&load, "plateau.bocpd.map_run_length", &four);
  assert_int_equal(four, n);
  for (size_t t = 0; t < n; t++) assert_int_equal(likely[t], (size_t)wanted[t]);
  for (size_t r = 0; r <= n; r++) sum += out[r];
  assert_close(sum, 1, 1e-12, "sum");
  run_lengths((double[]){0, 1e200}, 2, .1, prior, out, likely, scratch); /* beyond every density */
  assert_true(out[0] >= 0 && out[0] <= 1 && out[0] + out[1] + out[2] > .999);
  run_lengths(y, 0, .1, prior, out, NULL, scratch);
  assert_close(out[0], 1, 0, "nothing seen");
}

static void rates_agree(void **state) {
  (void)state;
  const double mean = vectors_number(&load, "windows.prior_mean");
  for (size_t h = 0; h < 17; h++) {
    size_t seven;
    const double *row = vectors_row(&load, "windows.rows", h, &seven);
    const double n = row[1], k = row[2], a = 4 * mean + k, b = 4 * (1 - mean) + n - k;
    assert_close(beta_quantile(.05, a, b), row[5], 1e-7, "lower end");
    assert_close(1 - beta_below(.7, a, b), row[6], 1e-7, "P(rate > .7)");
  }
  assert_true(stats_none(beta_below(.5, 0, 1)) && beta_below(-1, 1, 1) == 0 && beta_below(2, 1, 1) == 1);
  assert_close(beta_quantile(.25, 1, 1), .25, 1e-12, "uniform");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(platt_agrees),
      cmocka_unit_test(platt_has_an_end),
      cmocka_unit_test(reliability_agrees),
      cmocka_unit_test(isotonic_agrees),
      cmocka_unit_test(conformal_agrees),
      cmocka_unit_test(the_adaptive_level_agrees),
      cmocka_unit_test(adaptive_sets_agree),
      cmocka_unit_test(a_set_holds_its_edge),
      cmocka_unit_test(stacking_agrees),
      cmocka_unit_test(stacking_learns),
      cmocka_unit_test(nobody_is_weighted_below_zero),
      cmocka_unit_test(training_load_agrees),
      cmocka_unit_test(plateaus_agree),
      cmocka_unit_test(run_lengths_agree),
      cmocka_unit_test(rates_agree),
  };
  return cmocka_run_group_tests(tests, open_vectors, close_vectors);
}
