/* rooms: host kit; inside: host; libraries: plugin_gbm_parts */
/* Promise: however predictions are computed (many rows at once or one alone, wide instructions or none, shallow trees or deep ones), they
 * are those of the forest's own rule, the same bits by every way: with missing values, infinities, zeros that count as missing, values that
 * stand exactly on a threshold, and inputs that no tree asks for. */
#include "gbm_parts.h"
#include "kit/rng.h"

#define INPUTS 7 /* the last is asked for by no tree */
#define ROWS   200

static const double numbers[] = {-2, -1, -0.1, -0.0, 0, 1e-36, -1e-36, 0.1, 1, 2, 1e300, -1e300, INFINITY, -INFINITY, NAN};

static double number(struct rng *chance) {
  const size_t count = sizeof numbers / sizeof *numbers, which = (size_t)(rng_uniform(chance) * 2 * (double)count);
  return which < count ? numbers[which] : rng_normal(chance);
}

static void grow(struct forest *f, struct rng *chance, int depth, uint32_t flags) {
  struct node *node = forest_add_node(f, &meter.host);
  assert_non_null(node);
  node->number = rng_normal(chance);
  if (depth == 0 || rng_uniform(chance) < 0.2) return;
  double threshold = number(chance);
  while (!threshold_usable(threshold)) threshold = number(chance);
  node->number = threshold;
  node->input = (uint32_t)(rng_uniform(chance) * (INPUTS - 1));
  node->flags = (uint32_t)(rng_uniform(chance) * 4) & flags;
  grow(f, chance, depth - 1, flags);
  grow(f, chance, depth - 1, flags);
}

static void plant(kairos_model *m, struct rng *chance, uint32_t trees, int depth, bool single, uint32_t flags) {
  kairos_error error = {.size = sizeof error};
  assert_int_equal(part_create(m, "{\"inputs\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\"]}", &error), KAIROS_OK);
  struct forest f = forest_new(INPUTS);
  assert_true(forest_begin(&f, &meter.host));
  f.single = single;
  f.base = rng_normal(chance);
  for (uint32_t t = 0; t < trees; t++) {
    assert_true(forest_add_tree(&f, &meter.host));
    grow(&f, chance, depth, flags);
    assert_true(forest_close_tree(&f));
  }
  assert_int_equal(model_adopt(m, &f, &error), KAIROS_OK);
}

/* Every third row has all inputs, every seventh none. */
static struct part_table *rows_of(struct rng *chance) {
  struct part_table *t = part_table(ROWS, INPUTS);
  for (uint32_t r = 0; r < ROWS; r++)
    for (uint32_t i = 0; i < INPUTS; i++) *part_cell(t, r, i) = r % 7 == 0 ? NAN : r % 3 == 0 ? rng_normal(chance) : number(chance);
  for (uint32_t r = 0; r < ROWS; r += 14) *part_cell(t, r, INPUTS - 1) = 1; /* no tree asks for it, but it is there */
  return t;
}

static void assert_same_by_every_way(const kairos_model *m, struct part_table *t) {
  double margins[WAY_COUNT][ROWS];
  float *lanes = part_lanes(m);
  for (int way = 0; way <= (int)way_best(); way++) part_margins(m, (enum way)way, t, margins[way]);
  for (uint32_t r = 0; r < ROWS; r++) {
    const double wanted = part_by_rule(m, t, r), got = margins[WAY_PORTABLE][r];
    bool known = false;
    for (uint32_t i = 0; i < INPUTS; i++) known |= *part_cell(t, r, i) - *part_cell(t, r, i) == 0;
    assert_int_equal(known, got == got);
    if (known && fabs(got - wanted) > 1e-12 * (1 + fabs(wanted))) fail_msg("row %u: %.17g, by the rule %.17g", r, got, wanted);
    for (int way = 0; way <= (int)way_best(); way++) {
      int64_t sum;
      assert_int_equal(pack_row(m->pack, (enum way)way, &t->batch, r, lanes, &sum), known);
      if (!known) continue;
      if (!(margins[way][r] == got)) fail_msg("row %u, way %d: %.17g, not %.17g", r, way, margins[way][r], got);
      if (!((double)sum * m->pack->unit == got)) fail_msg("row %u alone, way %d: another sum", r, way);
    }
  }
  free(lanes);
}

static void every_way_is_the_rule(void **state) {
  (void)state;
  static const uint32_t trees[] = {1, 3, 8, 100, 127, 128, 129, 300};
  struct rng chance = rng_from(21);
  for (size_t n = 0; n < 6 * sizeof trees / sizeof *trees; n++) {
    const uint32_t flags = n % 3 == 0 ? 0 : n % 3 == 1 ? NODE_MISSING_LEFT : NODE_MISSING_LEFT | NODE_ZERO_MISSING;
    for (int depth = 0; depth <= 4; depth += 1 + (depth == 1)) {
      kairos_model m;
      plant(&m, &chance, trees[n / 6], depth, n % 2, flags);
      struct part_table *t = rows_of(&chance);
      assert_same_by_every_way(&m, t);
      for (uint32_t i = 0; i < INPUTS; i++)
        for (uint32_t r = 0; r < ROWS; r++)
          if (isinf(*part_cell(t, r, i))) *part_cell(t, r, i) = NAN; /* with validity bits: what is not finite is not valid either */
      struct part_table *holes = part_table(ROWS, INPUTS);
      memcpy(holes->values, t->values, (size_t)ROWS * INPUTS * sizeof *t->values);
      part_table_holes(holes);
      double plain[ROWS], holed[ROWS];
      part_margins(&m, way_best(), t, plain);
      part_margins(&m, way_best(), holes, holed);
      for (uint32_t r = 0; r < ROWS; r++) assert_true(plain[r] == holed[r] || (plain[r] != plain[r] && holed[r] != holed[r]));
      part_table_free(holes);
      part_table_free(t);
      part_free(&m);
    }
  }
}

static int begin(void **state) {
  (void)state;
  meter_begin(&meter, "test", METER_MODEL_MOST);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_way_is_the_rule)};
  return cmocka_run_group_tests(tests, begin, NULL);
}
