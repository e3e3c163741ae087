/* rooms: stats kit */
/* Groups: tests/vectors/fair_dp.json's rates and gaps, what is too small to compare, and the promise beside each gap: where groups mean
 * nothing one in a hundred is noticed, whoever has many rows, and where one is served worse it is seen. */
#include "kit/rng.h"
#include "stats/stats.h"
#include "vectors.h"

static struct vectors fair;

static int open_vectors(void **state) {
  (void)state;
  vectors_open(&fair, "fair_dp.json");
  return 0;
}

static int close_vectors(void **state) {
  (void)state;
  vectors_close(&fair);
  return 0;
}

#define PEOPLE 120
static uint32_t person[PEOPLE], group[PEOPLE];

static struct serving published(void) {
  size_t rows;
  const double *y = vectors_list(&fair, "y", &rows), *said = vectors_list(&fair, "yhat", &rows);
  const uint32_t letters = vectors_at(&fair, "group");
  assert_int_equal(rows, PEOPLE);
  for (uint32_t i = 0; i < PEOPLE; i++) {
    const struct str letter = json_text(&fair.json, json_child(&fair.json, letters, i), &fair.arena);
    person[i] = i;
    group[i] = (uint32_t)(letter.at[0] - 'A');
  }
  return (struct serving){said, y, person, rows, group, PEOPLE, 3, .5};
}

static void published_figures(void **state) {
  (void)state;
  static const char *const names[] = {"A", "B", "C"};
  const struct serving in = published();
  struct served g[3];
  double ratio;
  char path[40];
  served_count(&in, in.group, g);
  for (int i = 0; i < 3; i++) {
    const struct {
      const char *member;
      double is;
    } rates[] = {{"n", g[i].rows},
                 {"n", g[i].people},
                 {"P", g[i].yes},
                 {"N", g[i].rows - g[i].yes},
                 {"sel", served_rate(&g[i], GAP_SAID)},
                 {"tpr", served_rate(&g[i], GAP_HITS)},
                 {"fpr", served_rate(&g[i], GAP_WRONG)},
                 {"acc", served_rate(&g[i], GAP_ACCURACY)}};
    for (size_t k = 0; k < sizeof rates / sizeof *rates; k++) {
      snprintf(path, sizeof path, "by_group.%s.%s", names[i], rates[k].member);
      assert_close(rates[k].is, vectors_number(&fair, path), 1e-10, path);
    }
  }
  const double hits = served_gap(g, 3, GAP_HITS, NULL), wrong = served_gap(g, 3, GAP_WRONG, NULL);
  assert_close(served_gap(g, 3, GAP_SAID, &ratio), vectors_number(&fair, "demographic_parity_difference"), 1e-9, "parity");
  assert_close(ratio, vectors_number(&fair, "demographic_parity_ratio"), 1e-9, "its ratio");
  assert_close(hits, vectors_number(&fair, "equal_opportunity_difference"), 1e-9, "opportunity");
  assert_close(hits > wrong ? hits : wrong, vectors_number(&fair, "equalized_odds_difference"), 1e-9, "odds");
}

/* A gap of .2 among 120 people is nothing: chi-square gives p = .197, dealing people anew about the same. */
static void a_gap_among_few_is_chance(void **state) {
  (void)state;
  const struct serving in = published();
  struct gap_chance chance[GAPS], again[GAPS];
  struct served counts[3];
  uint32_t dealt[PEOPLE];
  served_chance(&in, 1, dealt, counts, chance);
  assert_close(chance[GAP_SAID].p, vectors_number(&fair, "selection_chi2.p"), .06, "p");
  assert_true(chance[GAP_SAID].expected > .08 && chance[GAP_SAID].expected < .18);
  assert_true(chance[GAP_SAID].noticed > .2 && chance[GAP_SAID].noticed < .45);
  served_chance(&in, 1, dealt, counts, again);
  assert_memory_equal(chance, again, sizeof chance);
}

static void a_handful_is_compared_with_nobody(void **state) {
  (void)state;
  struct served g[3] = {{.people = 100, .rows = 100, .yes = 50, .said = 50, .hits = 40, .wrong = 10, .predicted = 50},
                        {.people = 29, .rows = 900, .yes = 0, .said = 900, .hits = 0, .wrong = 900, .predicted = 900},
                        {.people = 0}};
  assert_true(stats_none(served_gap(g, 3, GAP_SAID, NULL))); /* 900 rows of 29 people are 29 people */
  g[1].people = 30;
  assert_close(served_gap(g, 3, GAP_SAID, NULL), .5, 1e-12, "thirty");
  assert_true(stats_none(served_gap(g, 3, GAP_HITS, NULL))); /* nobody of them has a yes */
  assert_close(served_gap(g, 3, GAP_WRONG, NULL), .8, 1e-12, "of the no");
  assert_close(served_gap(g, 3, GAP_CALIBRATION, NULL), 1, 1e-12, "too high for one");
  assert_true(stats_none(served_rate(&g[2], GAP_SAID)) && stats_none(served_rate(&g[2], GAP_ACCURACY)));
  const struct serving nobody = {.groups = 1};
  struct gap_chance chance[GAPS];
  served_chance(&nobody, 1, NULL, g, chance);
  assert_true(stats_none(chance[GAP_SAID].p) && stats_none(chance[GAP_HITS].expected));
}

#define CROWD 200
#define EACH  20
static double crowd_p[CROWD * EACH], crowd_y[CROWD * EACH];
static uint32_t crowd_person[CROWD * EACH], crowd_group[CROWD];

/* People who differ much from each other, twenty rows each; the second group hears yes less often by `unfair`. */
static struct serving crowd(struct rng *chance, double unfair) {
  for (uint32_t k = 0; k < CROWD; k++) {
    crowd_group[k] = k % 2;
    const double own = rng_uniform(chance);
    for (uint32_t i = k * EACH; i < (k + 1) * EACH; i++) {
      crowd_person[i] = k;
      crowd_y[i] = rng_uniform(chance) < own;
      crowd_p[i] = own - (k % 2 ? unfair : 0);
    }
  }
  return (struct serving){crowd_p, crowd_y, crowd_person, CROWD * EACH, crowd_group, CROWD, 2, .5};
}

static void chance_is_called_chance(void **state) {
  (void)state;
  struct rng chance = rng_from(11);
  struct gap_chance out[GAPS];
  struct served counts[2];
  uint32_t dealt[CROWD];
  int noticed = 0;
  for (int run = 0; run < 60; run++) {
    const struct serving in = crowd(&chance, 0);
    served_chance(&in, (uint64_t)run, dealt, counts, out);
    noticed += out[GAP_SAID].p < .05;
  }
  assert_true(noticed <= 8); /* 3 expected; as independent rows nearly all of them would be */
  const struct serving in = crowd(&chance, .3);
  served_chance(&in, 1, dealt, counts, out);
  assert_true(out[GAP_SAID].p < .01 && out[GAP_CALIBRATION].p < .01);
  for (int k = 0; k < GAPS; k++) /* what was seen is one of the ways to deal: nothing is impossible after a thousand */
    if (!stats_none(out[k].p)) assert_true(out[k].p >= 1 / (SERVED_DEALS + 1.));
  served_count(&in, in.group, counts);
  assert_true(served_gap(counts, 2, GAP_SAID, NULL) > out[GAP_SAID].noticed);
  assert_close(served_gap(counts, 2, GAP_CALIBRATION, NULL), .3, .05, "how much too low");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(published_figures),
      cmocka_unit_test(a_gap_among_few_is_chance),
      cmocka_unit_test(a_handful_is_compared_with_nobody),
      cmocka_unit_test(chance_is_called_chance),
  };
  return cmocka_run_group_tests(tests, open_vectors, close_vectors);
}
