/* rooms: stats kit */
/* The special functions keep their relative accuracy (METHODS 0.2), tails included; expected values from mpmath at 50 digits. Judging
 * figures are those of a case small enough to do by hand. */
#include "stats/stats.h"
#include "vectors.h"

static void assert_relative(double got, double expected, double within, const char *what) {
  assert_close(got / expected, 1, within, what);
}

static void normal_is_accurate(void **state) {
  (void)state;
  static const double cdf[][2] = {{-20, 2.7536241186062337e-89}, {-8, 6.220960574271784e-16}, {-3.3, 0.0004834241423837775},
                                  {-2, 0.02275013194817921},     {-1.5, 0.06680720126885807}, {-0.5, 0.3085375387259869},
                                  {1e-08, 0.5000000039894228},   {0.3, 0.6179114221889527},   {1.99, 0.9767045322497881},
                                  {2.01, 0.9777844055705686},    {5, 0.9999997133484281},     {8, 0.9999999999999993}};
  for (size_t i = 0; i < sizeof cdf / sizeof *cdf; i++) assert_relative(normal_cdf(cdf[i][0]), cdf[i][1], 4e-15, "Phi");
  static const double inverse[][2] = {{1e-300, -37.0470962993612},  {1e-100, -21.273453560965326},       {1e-16, -8.222082216130435},
                                      {1e-05, -4.264890793922825},  {0.001, -3.0902323061678136},        {0.025, -1.9599639845400543},
                                      {0.3, -0.5244005127080408},   {0.7, 0.5244005127080407},           {0.975, 1.9599639845400538},
                                      {0.9999, 3.7190164854557084}, {0.999999999999, 7.0344869100478356}};
  for (size_t i = 0; i < sizeof inverse / sizeof *inverse; i++)
    assert_relative(normal_quantile(inverse[i][0]), inverse[i][1], 1e-13, "Phi^-1");
  assert_true(normal_quantile(.5) == 0 && stats_none(normal_quantile(-.1)) && stats_none(normal_quantile(1.1)));
  assert_true(normal_quantile(0) < -1e300 && normal_quantile(1) > 1e300 && normal_cdf(-50) == 0 && normal_cdf(50) == 1);
}

static void normal_quantile_inverts_everywhere(void **state) {
  (void)state;
  for (int i = 1; i < 4000; i++) {
    double p = i / 4000.0;
    assert_relative(normal_cdf(normal_quantile(p)), p, 1e-13, "Phi(Phi^-1(p))");
  }
}

static void gamma_is_accurate(void **state) {
  (void)state;
  static const double lg[][2] = {{1e-05, 11.512919692895826}, {0.1, 2.252712651734206},  {0.5, 0.5723649429247001},
                                 {1.5, -0.12078223763524522}, {2.5, 0.2846828704729192}, {7, 6.579251212010101},
                                 {15.9, 27.625493215168692},  {16, 27.89927138384089},   {100.25, 360.28455963776423},
                                 {1e6, 12815504.569147611}};
  for (size_t i = 0; i < sizeof lg / sizeof *lg; i++) {
    double scale = lg[i][1] > 1 ? lg[i][1] : 1; /* near its zeros at 1 and 2 only the absolute error is small */
    assert_close(log_gamma(lg[i][0]) / scale, lg[i][1] / scale, 3e-14, "log gamma");
  }
  static const double pq[][4] = {
      {0.5, 0.1, 0.345279153981423, 0.654720846018577},       {0.5, 20, 0.9999999997460371, 2.539628589470865e-10},
      {1, 1, 0.6321205588285577, 0.36787944117144233},        {2.5, 2, 0.4505840486472198, 0.5494159513527802},
      {2.5, 6, 0.9652122194937581, 0.03478778050624185},      {10, 3, 0.0011024881301154798, 0.9988975118698845},
      {10, 12, 0.7576078383294876, 0.24239216167051233},      {100, 90, 0.15822098918643016, 0.8417790108135699},
      {100, 140, 0.9998389428252874, 0.00016105717471255585}, {1000, 1000, 0.5042052441802155, 0.4957947558197845},
      {0.01, 0.5, 0.9943732438060329, 0.0056267561939671844}, {50, 200, 1.0, 1.6927979958857087e-37}};
  for (size_t i = 0; i < sizeof pq / sizeof *pq; i++) {
    assert_relative(gamma_lower(pq[i][0], pq[i][1]), pq[i][2], 1e-12, "P");
    assert_relative(gamma_upper(pq[i][0], pq[i][1]), pq[i][3], 1e-12, "Q");
  }
}

static void sample_ratio_is_the_published_one(void **state) {
  (void)state;
  double counts[] = {821588, 815482}, even[] = {.5, .5}, statistic;
  assert_relative(sample_ratio_p(counts, even, 2, &statistic), 1.821792872619186e-06, 1e-10, "p");
  assert_relative(statistic, 22.77436884189436, 1e-12, "chi2");
  double three[] = {400, 300, 300}, weights[] = {.4, .3, .3};
  assert_true(sample_ratio_p(three, weights, 3, &statistic) == 1 && statistic == 0);
  double zero[] = {0, 0, 0};
  assert_true(stats_none(sample_ratio_p(zero, weights, 3, &statistic)));
  weights[1] = 0;
  assert_true(stats_none(sample_ratio_p(three, weights, 3, &statistic)));
}

static void lines_and_quantiles(void **state) {
  (void)state;
  double x[] = {0, 1, 2, 3, 4}, y[] = {1, 3, 2, 5, 4};
  struct line line;
  assert_true(line_fit(x, y, 5, &line)); /* sxy 8, sxx 10, syy 10 */
  assert_close(line.slope, .8, 1e-15, "slope");
  assert_close(line.intercept, 1.4, 1e-15, "intercept");
  assert_close(line.r2, .64, 1e-15, "R²");
  assert_close(line.r2_adjusted, 1 - .36 * 4 / 3, 1e-15, "adjusted R²");
  assert_close(line.slope_se, math_sqrt(3.6 / 3 / 10), 1e-15, "se");
  double same[] = {2, 2, 2};
  assert_false(line_fit(same, y, 3, &line));
  assert_false(line_fit(x, y, 1, &line));
  double list[] = {16, 1, 8, 2, 4};
  stats_sort(list, 5);
  assert_close(quantile_sorted(list, 5, .3, 7), 2.4, 1e-14, "type 7");
  assert_close(quantile_sorted(list, 5, .3, 6), 1.8, 1e-14, "type 6");
  assert_true(quantile_sorted(list, 5, 1, 7) == 16 && quantile_sorted(list, 5, 0, 6) == 1 && stats_none(quantile_sorted(list, 0, .5, 7)));
  assert_close(variance_of(list, 5), 37.2, 1e-12, "variance");
}

static void judging_by_hand(void **state) {
  (void)state;
  double p[] = {.1, .9, .8, .35, .4, .7}, y[] = {0, 1, 1, 0, 1, 0};
  uint32_t scratch[6];
  assert_close(auc_midrank(p, y, 6, scratch), 8.0 / 9, 1e-15, "AUC");
  assert_close(brier_score(p, y, 6), (.01 + .01 + .04 + .1225 + .36 + .49) / 6, 1e-15, "Brier");
  double sum = math_log(.9) + math_log(.9) + math_log(.8) + math_log(.65) + math_log(.4) + math_log(.3);
  assert_close(log_loss(p, y, 6), -sum / 6, 1e-14, "log loss");
  assert_close(accuracy_at(p, y, 6, .5), 4.0 / 6, 1e-15, "accuracy");
  assert_close(f1_at(p, y, 6, .5), 4.0 / 6, 1e-15, "F1");
  double sure[] = {1, 0}, wrong[] = {0, 1};
  assert_close(log_loss(sure, wrong, 2), 34.538776394910684, 1e-3, "clipped log loss");
  double many[300], flags[300];
  uint32_t room[300];
  for (int i = 0; i < 300; i++) {
    many[i] = (i * 7919) % 300;
    flags[i] = many[i] >= 150;
  }
  assert_true(auc_midrank(many, flags, 300, room) == 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(normal_is_accurate),  cmocka_unit_test(normal_quantile_inverts_everywhere),
      cmocka_unit_test(gamma_is_accurate),   cmocka_unit_test(sample_ratio_is_the_published_one),
      cmocka_unit_test(lines_and_quantiles), cmocka_unit_test(judging_by_hand),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
