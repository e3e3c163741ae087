/* rooms: host kit; inside: host; libraries: plugin_gbm_parts */
/* Promise: a node's rows are parted stably by the rule of its split, the same way whether sixteen go side by side or one after the other.
 */
#include "gbm_parts.h"
#include "kit/rng.h"
#include "train.h"

#define ROWS 1000

struct trial {
  uint8_t *column;
  uint32_t *rows, *spare;
  uint32_t count, lefts;
  bool missing;
};

static void part(struct trial *t, const uint32_t *from, uint8_t bin, bool missing_left, bool wide) {
  memcpy(t->rows, from, t->count * sizeof *from);
  t->lefts = rows_part(t->column, bin, missing_left, t->rows, t->count, t->spare, wide, &t->missing);
}

/* What the rule says, row by row. */
static void assert_parted(const struct trial *t, const uint32_t *from, uint8_t bin, bool missing_left) {
  uint32_t lefts = 0, rights = t->lefts;
  bool missing = false;
  for (uint32_t i = 0; i < t->count; i++) {
    const uint8_t of = t->column[from[i]];
    const bool left = of == BIN_MISSING ? missing_left : of <= bin;
    missing |= of == BIN_MISSING;
    assert_int_equal(t->rows[left ? lefts++ : rights++], from[i]);
  }
  assert_int_equal(lefts, t->lefts);
  assert_int_equal(missing, t->missing);
}

static void rows_go_where_the_rule_says(void **state) {
  (void)state;
  struct rng chance = rng_from(5);
  uint32_t from[ROWS];
  struct trial t = {.column = malloc(ROWS + ROWS_SLACK),
                    .rows = calloc(ROWS + ROWS_SLACK, sizeof(uint32_t)),
                    .spare = calloc(ROWS + ROWS_SLACK, sizeof(uint32_t))};
  for (int n = 0; n < 2000; n++) {
    const double holes = n % 3 * 0.2;
    const uint32_t bins = n % 2 ? 255 : 4;
    for (uint32_t r = 0; r < ROWS; r++) t.column[r] = rng_uniform(&chance) < holes ? BIN_MISSING : (uint8_t)(rng_uniform(&chance) * bins);
    t.count = 0;
    const double share = rng_uniform(&chance);
    for (uint32_t r = 0; r < ROWS; r++)
      if (rng_uniform(&chance) < share) from[t.count++] = r;
    const uint8_t bin = (uint8_t)(rng_uniform(&chance) * bins);
    for (int wide = 0; wide < 2; wide++) {
      part(&t, from, bin, n & 4, wide);
      assert_parted(&t, from, bin, n & 4);
    }
  }
  free(t.column);
  free(t.rows);
  free(t.spare);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(rows_go_where_the_rule_says)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
