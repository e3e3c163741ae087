/* Predictions from a pack, the portable way. Promises the same sums as every other way: comparisons of floats and sums of whole numbers are
 * exact. Rows are taken sixty-four at a time, all trees over them, without a branch that depends on a value. Reads the pack and the batch
 * only: as many threads as like, each with its own lanes. */
#include "fill.h"
#include "pack.h"

enum way way_best(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl"))
    return WAY_AVX512;
#endif
  return WAY_PORTABLE;
}

static int64_t small_leaf(const struct small_tree *t, const struct small_leaves *leaves, const float *lanes, uint32_t row) {
  const uint32_t a = !(lanes[t->lane[0] + row] <= t->threshold[0]), second = 1 + a;
  const uint32_t b = !(lanes[t->lane[second] + row] <= t->threshold[second]), third = 3 + 2 * a + b;
  const uint32_t c = !(lanes[t->lane[third] + row] <= t->threshold[third]);
  return leaves->leaf[4 * a + 2 * b + c];
}

static void small_rows(const struct pack *p, const float *lanes, int64_t sums[PACK_ROWS]) {
  for (uint32_t t = 0; t < p->trees; t++)
    for (uint32_t r = 0; r < PACK_ROWS; r++) sums[r] += small_leaf(&p->small_trees[t], &p->small_leaves[t], lanes, r);
}

static void walk_rows(const struct pack *p, const float *lanes, int64_t sums[PACK_ROWS]) {
  for (uint32_t t = 0; t < p->trees; t++) {
    uint32_t at[PACK_ROWS];
    for (uint32_t r = 0; r < PACK_ROWS; r++) at[r] = p->walks[t].root;
    for (uint32_t step = 0; step < p->walks[t].depth; step++)
      for (uint32_t r = 0; r < PACK_ROWS; r++) { /* many walks: none waits for another's memory */
        const struct walk_node *n = &p->nodes[at[r]];
        at[r] = n->child[!(lanes[n->lane * PACK_ROWS + r] <= n->threshold)];
      }
    for (uint32_t r = 0; r < PACK_ROWS; r++) sums[r] += p->leaves[at[r]];
  }
}

void pack_rows(const struct pack *p, enum way way, const kairos_batch *in, uint32_t first, uint32_t count, float *lanes,
               int64_t sums[PACK_ROWS], uint64_t *answered) {
#if defined(__x86_64__)
  if (way == WAY_AVX512 && p->small) {
    wide_rows(p, in, first, count, lanes, sums, answered);
    return;
  }
#endif
  (void)way;
  *answered = fill_lanes(p, in, first, count, lanes);
  for (uint32_t r = 0; r < PACK_ROWS; r++) sums[r] = p->base;
  if (p->small) small_rows(p, lanes, sums);
  else walk_rows(p, lanes, sums);
}

/* ---- one row: its lanes lie one after the other ---- */

static int64_t small_row(const struct pack *p, const float *lanes) {
  int64_t sum = 0;
  for (uint32_t t = 0; t < p->trees; t++) {
    const struct small_tree *tree = &p->small_trees[t];
    const uint32_t a = !(lanes[tree->lane[0] / PACK_ROWS] <= tree->threshold[0]), second = 1 + a;
    const uint32_t b = !(lanes[tree->lane[second] / PACK_ROWS] <= tree->threshold[second]), third = 3 + 2 * a + b;
    const uint32_t c = !(lanes[tree->lane[third] / PACK_ROWS] <= tree->threshold[third]);
    sum += p->small_leaves[t].leaf[4 * a + 2 * b + c];
  }
  return sum;
}

static int64_t walk_row(const struct pack *p, const float *lanes) {
  int64_t sum = 0;
  for (uint32_t t = 0; t < p->trees; t++) {
    uint32_t at = p->walks[t].root;
    for (uint32_t step = 0; step < p->walks[t].depth; step++) {
      const struct walk_node *n = &p->nodes[at];
      at = n->child[!(lanes[n->lane] <= n->threshold)];
    }
    sum += p->leaves[at];
  }
  return sum;
}

bool pack_row(const struct pack *p, enum way way, const kairos_batch *in, uint32_t row, float *lanes, int64_t *sum) {
#if defined(__x86_64__)
  if (way == WAY_AVX512 && p->ranks.blocks) {
    const bool whole = wide_row_whole(p, in, row, sum), found = whole || fill_keys(p, in, row, lanes);
    *sum = p->base + (whole ? *sum : wide_row(p, lanes));
    return found;
  }
#endif
  (void)way;
  const bool any = fill_row(p, in, row, lanes);
  *sum = p->base + (p->small ? small_row(p, lanes) : walk_row(p, lanes));
  return any;
}
