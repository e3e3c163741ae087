/* rooms: kit; libraries: plugin_goal_parts */
/* The goal_setter's arithmetic is that of METHODS 4: tests/vectors/goals.json, within 1e-9. */
#include "goal_setter.h"
#include "kit/math.h"
#include "vectors.h"

static struct vectors goals;
static struct posterior posterior;

static int open_vectors(void **state) {
  (void)state;
  vectors_open(&goals, "goals.json");
  return 0;
}

static int close_vectors(void **state) {
  (void)state;
  vectors_close(&goals);
  return 0;
}

static void percentiles(void **state) {
  (void)state;
  size_t n;
  double *window = vectors_list(&goals, "percentile.window", &n);
  assert_close(simple_percentile(window, (uint32_t)n, 0.6), vectors_number(&goals, "percentile.type6_60"), 1e-9, "the 60th of nine");
  assert_close(simple_percentile(window, (uint32_t)n, 0.4), vectors_number(&goals, "percentile.rank4_of_9"), 1e-9, "the 40th of nine");
  double *shorter = vectors_list(&goals, "percentile_short.window", &n);
  assert_close(simple_percentile(shorter, (uint32_t)n, 0.6), vectors_number(&goals, "percentile_short.type6_60"), 1e-9, "of four");
  double between[] = {1, 2}, one[] = {7};
  assert_close(simple_percentile(between, 2, 0.5), 1.5, 1e-12, "between two");
  assert_close(simple_percentile(one, 1, 0.6), 7, 0, "of one");
}

static void the_factor_rule(void **state) {
  (void)state;
  size_t n, m;
  uint8_t *achieved = vectors_flags(&goals, "factor_rule.achieved", &n);
  double *expected = vectors_list(&goals, "factor_rule.goals", &m), goal = 6000;
  assert_int_equal(n, m);
  for (uint32_t t = 0; t < n; t++) {
    goal *= simple_factor(achieved, t + 1, false);
    goal = goal > 15000 ? 15000 : goal < 2000 ? 2000 : goal;
    assert_close(goal, expected[t], 1e-9 * expected[t] + 1e-6, "factor rule"); /* the file keeps 12 digits */
  }
  const unsigned char met[] = {1, 1, 1, 1, 1}, missed[] = {0, 0, 0, 0, 0};
  assert_close(simple_factor(met, 5, true) * simple_factor(missed, 5, true), 1, 1e-15, "up and down, symmetric");
}

static void people_respond(void **state) {
  (void)state;
  const uint32_t list = vectors_at(&goals, "respond_cases");
  for (uint32_t i = 0; i < goals.json.tokens[list].count; i++) {
    const uint32_t at = json_child(&goals.json, list, i);
    double v[4];
    for (uint32_t k = 0; k < 4; k++) assert_true(json_double(&goals.json, json_child(&goals.json, at, k), &v[k]));
    assert_close(goal_respond(v[0], v[1], v[2]), v[3], 1e-12, "respond");
  }
}

static void learn(void) {
  struct goal_day days[GOAL_DAYS_MOST];
  size_t n, m;
  double *set = vectors_list(&goals, "behavioural_analytics.goals", &n), *done = vectors_list(&goals, "behavioural_analytics.steps", &m);
  assert_true(n == m && n <= GOAL_DAYS_MOST);
  for (size_t d = 0; d < n; d++) days[d] = (struct goal_day){.goal = set[d], .done = done[d]};
  posterior_learn(&posterior, days, (uint32_t)n, 0.8);
}

static void the_posterior(void **state) {
  (void)state;
  size_t n;
  uint32_t best = 0;
  double mean[4] = {0}, sum = 0;
  learn();
  double *expected = vectors_list(&goals, "behavioural_analytics.post_mean", &n);
  double *map = vectors_list(&goals, "behavioural_analytics.map", &n);
  for (uint32_t i = 0; i < GOAL_TYPES; i++) {
    const struct goal_type t = goal_type(i);
    const double parts[] = {t.baseline, t.response, t.decay, t.efficacy};
    for (int k = 0; k < 4; k++) mean[k] += posterior.weight[i] * parts[k];
    if (posterior.weight[i] > posterior.weight[best]) best = i;
  }
  for (int k = 0; k < 4; k++) assert_close(mean[k], expected[k], 1e-9, "posterior mean");
  const struct goal_type t = goal_type(best);
  assert_true(t.baseline == map[0] && t.response == map[1] && t.decay == map[2] && t.efficacy == map[3]);
  assert_close(posterior.weight[best], vectors_number(&goals, "behavioural_analytics.map_w"), 1e-9, "weight of the best");
  const double most = posterior.log_weight[best];
  for (uint32_t i = 0; i < GOAL_TYPES; i++) sum += math_exp(posterior.log_weight[i] - most);
  const double days_part = 14 * math_log(2 * 0.8);
  assert_close(most - days_part + math_log(sum) - math_log(GOAL_TYPES), vectors_number(&goals, "behavioural_analytics.log_evidence"), 1e-9,
               "log evidence");
}

static void the_plan(void **state) {
  (void)state;
  double candidates[49];
  size_t n;
  struct plan plan;
  learn();
  for (int k = 0; k < 49; k++) candidates[k] = .25 * (k + 12);
  plan_best(&posterior, candidates, 49, 0.5, true, &plan);
  assert_close(plan.goal, vectors_number(&goals, "behavioural_analytics.plan.best_goal"), 1e-12, "unconstrained goal");
  assert_close(plan.expected, vectors_number(&goals, "behavioural_analytics.plan.exp_steps"), 1e-9, "unconstrained steps");
  assert_close(plan.hit_rate, vectors_number(&goals, "behavioural_analytics.plan.hit_rate"), 1e-9, "unconstrained hit rate");
  double *safe = vectors_list(&goals, "behavioural_analytics.plan.chance_constrained_hit50", &n);
  assert_int_equal(candidates[plan_best(&posterior, candidates, 49, 0.5, false, &plan)] * 100, safe[0] * 100);
  assert_close(plan.expected, safe[1], 1e-9, "expected steps");
  assert_close(plan.hit_rate, safe[2], 1e-9, "hit rate");
  const uint32_t table = vectors_at(&goals, "behavioural_analytics.plan.table");
  for (uint32_t i = 0; i < goals.json.tokens[table].count; i++) {
    const uint32_t row = json_child(&goals.json, table, i);
    double v[3];
    for (uint32_t k = 0; k < 3; k++) assert_true(json_double(&goals.json, json_child(&goals.json, row, k), &v[k]));
    plan = plan_goal(&posterior, v[0]);
    assert_close(plan.expected, v[1], 1e-9, "table: steps");
    assert_close(plan.hit_rate, v[2], 1e-9, "table: hit rate");
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(percentiles),   cmocka_unit_test(the_factor_rule), cmocka_unit_test(people_respond),
      cmocka_unit_test(the_posterior), cmocka_unit_test(the_plan),
  };
  return cmocka_run_group_tests(tests, open_vectors, close_vectors);
}
