/* rooms: stats kit */
/* Distances of distributions, stream detectors, z-scores and the rules of retraining are those of METHODS 10, whose vectors scipy and an
 * own implementation of Bifet and Gavaldà computed: drift.json. */
#include "stats/stats.h"
#include "vectors.h"
#include <string.h>

static struct vectors drift;

static int open_vectors(void **state) {
  (void)state;
  vectors_open(&drift, "drift.json");
  return 0;
}

static int close_vectors(void **state) {
  (void)state;
  vectors_close(&drift);
  return 0;
}

struct two {
  double *x, *y;
  size_t n, m;
};
static struct two samples(void) {
  struct two t;
  t.x = vectors_list(&drift, "ref", &t.n);
  t.y = vectors_list(&drift, "cur", &t.m);
  stats_sort(t.x, t.n);
  stats_sort(t.y, t.m);
  return t;
}

static void counts_of(const struct drift_bins *b, const double *x, size_t n, double counts[DRIFT_BINS]) {
  memset(counts, 0, DRIFT_BINS * sizeof *counts);
  for (size_t i = 0; i < n; i++) counts[drift_bin(b, x[i])]++;
}

static void bins_agree(void **state) {
  (void)state;
  const struct two t = samples();
  struct drift_bins b;
  double before[DRIFT_BINS], now[DRIFT_BINS];
  size_t n;
  drift_edges(t.x, t.n, &b);
  const double *edges = vectors_list(&drift, "psi.inner_edges", &n);
  assert_int_equal(b.edges, n);
  for (size_t i = 0; i < n; i++) assert_close(b.edge[i], edges[i], 1e-9, "edge");
  counts_of(&b, t.x, t.n, before);
  counts_of(&b, t.y, t.m, now);
  const double *wanted = vectors_list(&drift, "psi.ref_counts", &n);
  for (size_t i = 0; i < n; i++) assert_true(before[i] == wanted[i]);
  wanted = vectors_list(&drift, "psi.cur_counts", &n);
  for (size_t i = 0; i < n; i++) assert_true(now[i] == wanted[i]);
  const double psi = psi_of(before, now, DRIFT_BINS);
  assert_close(psi, vectors_number(&drift, "psi.value"), 1e-9, "PSI");
  assert_close(psi_p(psi, 120, 90, DRIFT_BINS), vectors_number(&drift, "psi_null_mean_var.p"), 1e-9, "p of PSI");
  assert_close(psi_of(before, before, DRIFT_BINS), 0, 1e-12, "PSI of the same");
  assert_close(js_distance(before, before, DRIFT_BINS), 0, 1e-7, "JS of the same");
  assert_true(stats_none(psi_of(before, (const double[DRIFT_BINS]){0}, DRIFT_BINS)));
}

static void distances_agree(void **state) {
  (void)state;
  const struct two t = samples();
  struct drift_bins b;
  double before[DRIFT_BINS], now[DRIFT_BINS];
  drift_edges(t.x, t.n, &b);
  counts_of(&b, t.x, t.n, before);
  counts_of(&b, t.y, t.m, now);
  const double js = js_distance(before, now, DRIFT_BINS);
  assert_close(js, vectors_number(&drift, "js.base2_distance"), 1e-9, "JS distance");
  assert_close(js * js, vectors_number(&drift, "js.base2_divergence"), 1e-9, "JS divergence");
  assert_close(wasserstein_distance(t.x, t.n, t.y, t.m), vectors_number(&drift, "wasserstein"), 1e-9, "Wasserstein");
  const double d = ks_distance(t.x, t.n, t.y, t.m);
  assert_close(d, vectors_number(&drift, "ks.D"), 1e-9, "D");
  assert_close(ks_p(d, t.n, t.m), vectors_number(&drift, "ks.p"), 1e-9, "p of D");
  assert_close(ks_distance(t.x, t.n, t.x, t.n), 0, 1e-12, "D of the same");
}

static void small_samples_are_exact(void **state) {
  (void)state;
  size_t n;
  double *x = vectors_list(&drift, "ref", &n), *y = vectors_list(&drift, "cur", &n);
  stats_sort(x, 12);
  stats_sort(y, 10);
  const double d = ks_distance(x, 12, y, 10);
  assert_close(d, vectors_number(&drift, "ks.D_small"), 1e-9, "D");
  assert_close(ks_p_exact(d, 12, 10), vectors_number(&drift, "ks.p_exact"), 1e-9, "exact p");
  assert_true(stats_none(ks_p_exact(.5, 101, 10)));
  assert_close(ks_p(.02, 5000, 5000), .27, .01, "large samples"); /* 2 exp(-2 · 2500 · .0004), less a little */
}

static void equal_edges_are_merged(void **state) {
  (void)state;
  const double x[] = {0, 0, 0, 0, 0, 0, 0, 1, 1, 2};
  struct drift_bins b;
  drift_edges(x, 10, &b);
  assert_in_range(b.edges, 1, 4);
  for (uint32_t i = 1; i < b.edges; i++) assert_true(b.edge[i] > b.edge[i - 1]);
  assert_int_equal(drift_bin(&b, 0), 0);
  assert_int_equal(drift_bin(&b, 9), b.edges);
}

static void page_hinkley_agrees(void **state) {
  (void)state;
  struct arena a = {0};
  const struct str bits = json_text(&drift.json, vectors_at(&drift, "page_hinkley.bits"), &a);
  struct page_hinkley p = {0};
  size_t found = 0;
  for (size_t i = 0; i < bits.len; i++)
    if (page_hinkley_add(&p, bits.at[i] - '0', .005, 20)) {
      assert_int_equal(i, 347);
      found++;
    }
  assert_int_equal(found, 1);
  assert_close(p.sum, vectors_number(&drift, "page_hinkley.final_sum"), 1e-9, "sum");
  arena_free(&a);
}

/* However plain it is: thirty figures are looked at before anything is said of them. */
static void page_hinkley_waits(void **state) {
  (void)state;
  struct page_hinkley p = {0};
  int first = 0;
  for (int i = 1; i <= 60 && !first; i++)
    if (page_hinkley_add(&p, i < 5 ? 0 : 100, .005, 20)) first = i;
  assert_in_range(first, 29, 31);
}

static void adwin_agrees(void **state) {
  (void)state;
  struct arena a = {0};
  const struct str bits = json_text(&drift.json, vectors_at(&drift, "page_hinkley.bits"), &a);
  struct adwin w = {0};
  size_t n, found = 0;
  const double *wanted = vectors_list(&drift, "adwin.detections", &n);
  for (size_t i = 0; i < bits.len; i++)
    if (adwin_add(&w, bits.at[i] - '0', .002)) {
      assert_true(found < n && (double)i == wanted[found]);
      found++;
    }
  assert_int_equal(found, n);
  assert_close(w.width, vectors_number(&drift, "adwin.final_width"), 1e-9, "width");
  assert_close(w.total / w.width, vectors_number(&drift, "adwin.final_mean"), 1e-9, "mean");
  assert_close(w.variance / w.width, vectors_number(&drift, "adwin.final_var"), 1e-9, "variance");
  arena_free(&a);
}

/* The vector's history has seven points: METHODS wants eight, so its own mean is asked for as the eighth. */
static void z_scores_agree(void **state) {
  (void)state;
  size_t n;
  const double *before = vectors_list(&drift, "zscore.hist", &n);
  double scratch[16];
  assert_int_equal(n, 7);
  assert_true(stats_none(z_score(before, n, 13)));
  assert_close(z_score_robust(before, n, 13, scratch), vectors_number(&drift, "zscore.mad_z"), 1e-9, "robust z");
  const double mean = mean_of(before, n), sd = math_sqrt(variance_of(before, n));
  assert_close((13 - mean) / sd, vectors_number(&drift, "zscore.z_ddof1"), 1e-9, "z");
  double eight[8];
  memcpy(eight, before, 7 * sizeof *eight);
  eight[7] = mean;
  assert_close(z_score(eight, 8, 13), (13 - mean) / (sd * math_sqrt(6.0 / 7)), 1e-9, "z of eight");
  const double same[] = {2, 2, 2, 2, 2, 2, 2, 2};
  assert_true(z_score(same, 8, 2) == 0);
  assert_true(z_score(same, 8, 2.5) > 1e300);
  assert_true(z_score(same, 8, 1) < -1e300);
}

static void retraining_agrees(void **state) {
  (void)state;
  const double base = vectors_number(&drift, "retrain_rules.acc_base");
  assert_true(retrain_is_due(vectors_number(&drift, "retrain_rules.acc_now"), base));
  assert_false(retrain_is_due(vectors_number(&drift, "retrain_rules.acc_now2"), base));
  assert_false(retrain_is_due(RETRAIN_SHARE * .8, .8)); /* a twentieth less is borne, more is not */
  assert_true(retrain_is_due(RETRAIN_SHARE * .8 - 1e-9, .8));
  const double gain = retrain_gain(vectors_number(&drift, "retrain_rules.deploy.old"), vectors_number(&drift, "retrain_rules.deploy.new"));
  assert_close(gain, vectors_number(&drift, "retrain_rules.deploy.relative"), 1e-9, "relative");
  assert_false(gain > .05);
}

static void false_discoveries_are_few(void **state) {
  (void)state;
  const double p[] = {.0002, .9, .0009, .5, .04};
  bool found[5];
  assert_int_equal(false_discoveries(p, 5, .001, found), 1); /* .0009 is above its rank's .0004 */
  assert_true(found[0] && !found[2]);
  assert_int_equal(false_discoveries(p, 5, .1, found), 3);
  assert_true(found[0] && found[2] && found[4]);
  assert_int_equal(false_discoveries(p, 5, 1e-9, found), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(bins_agree),
                                     cmocka_unit_test(distances_agree),
                                     cmocka_unit_test(small_samples_are_exact),
                                     cmocka_unit_test(equal_edges_are_merged),
                                     cmocka_unit_test(page_hinkley_agrees),
                                     cmocka_unit_test(page_hinkley_waits),
                                     cmocka_unit_test(adwin_agrees),
                                     cmocka_unit_test(z_scores_agree),
                                     cmocka_unit_test(retraining_agrees),
                                     cmocka_unit_test(false_discoveries_are_few)};
  return cmocka_run_group_tests(tests, open_vectors, close_vectors);
}
