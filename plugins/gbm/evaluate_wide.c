/* Predictions from a pack of small trees with AVX-512; called only where way_best found it. Promises the sums of the portable way. For
 * sixteen rows at a time: all seven comparisons of a tree at once, a mask each, from which three bits a row name the leaf; the eight leaves
 * are one register, looked up by a permutation. For one row: each
 * input's thresholds are compared at once, which gives a mask of the leaves of 128 trees, and the masks of all inputs leave one leaf a
 * tree. */
#include "fill.h"
#include "pack.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define WIDE __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,bmi,bmi2,popcnt,lzcnt")))

/* Bit r of each: row r goes right at the first, second and third node of its path: its leaf's number from the high bit to the low. */
struct path {
  __mmask16 a, b, c;
};

/* RIGHT(mask, n): which rows of the mask go right at node n. */
#define FOLLOW(path, RIGHT)                                                                                                                \
  do {                                                                                                                                     \
    (path).a = RIGHT((__mmask16)0xFFFF, 0);                                                                                                \
    const __mmask16 left_right = RIGHT(_knot_mask16((path).a), 1), right_right = RIGHT((path).a, 2);                                       \
    (path).b = _kor_mask16(left_right, right_right);                                                                                       \
    const __mmask16 left_left = _knot_mask16(_kor_mask16((path).a, (path).b)), right_left = _kandn_mask16((path).b, (path).a);             \
    (path).c =                                                                                                                             \
        _kor_mask16(_kor_mask16(RIGHT(left_left, 3), RIGHT(left_right, 4)), _kor_mask16(RIGHT(right_left, 5), RIGHT(right_right, 6)));     \
  } while (0)

WIDE static inline __attribute__((always_inline)) __m512i leaf_number(struct path path) {
  const __m512i one = _mm512_set1_epi32(1), two = _mm512_set1_epi32(2);
  const __m512i first = _mm512_maskz_set1_epi32(path.a, 4), second = _mm512_mask_or_epi32(first, path.b, first, two);
  return _mm512_mask_or_epi32(second, path.c, second, one);
}

#define SIDE  16                 /* rows in a register */
#define SIDES (PACK_ROWS / SIDE) /* registers for a block of rows: a tree's thresholds and leaves are fetched once for all of them */

struct sums { /* of rows 0, 2, 4 … and 1, 3, 5 … of a side */
  __m512i even, odd;
};

WIDE static inline __attribute__((always_inline)) void add_tree(const struct pack *p, uint32_t number, const float *lanes,
                                                                struct sums sums[SIDES], uint32_t sides) {
  const struct small_tree *tree = &p->small_trees[number];
  const __m512i leaves = _mm512_load_si512(p->small_leaves[number].leaf);
  const float *lane[7];
  __m512 threshold[7];
  for (int n = 0; n < 7; n++) {
    lane[n] = lanes + tree->lane[n];
    threshold[n] = _mm512_set1_ps(tree->threshold[n]);
  }
  for (uint32_t side = 0; side < sides; side++) {
    struct path path;
#define RIGHT(mask, n) _mm512_mask_cmp_ps_mask(mask, threshold[n], _mm512_load_ps(lane[n] + side * SIDE), _CMP_NGE_UQ)
    FOLLOW(path, RIGHT);
#undef RIGHT
    const __m512i index = leaf_number(path);
    sums[side].even = _mm512_add_epi64(sums[side].even, _mm512_permutexvar_epi64(index, leaves)); /* it looks at three bits of each 64 */
    sums[side].odd = _mm512_add_epi64(sums[side].odd, _mm512_permutexvar_epi64(_mm512_srli_epi64(index, 32), leaves));
  }
}

WIDE void wide_rows(const struct pack *p, const kairos_batch *in, uint32_t first, uint32_t count, float *lanes, int64_t sums[PACK_ROWS],
                    uint64_t *answered) {
  *answered = fill_lanes(p, in, first, count, lanes);
  const __m512i base = _mm512_set1_epi64(p->base);
  struct sums of[SIDES] = {{base, base}, {base, base}, {base, base}, {base, base}};
  _Static_assert(SIDES == 4, "the sides above");
  if (count > 2 * SIDE)
    for (uint32_t t = 0; t < p->trees; t++) add_tree(p, t, lanes, of, SIDES);
  else
    for (uint32_t t = 0; t < p->trees; t++) add_tree(p, t, lanes, of, count > SIDE ? 2 : 1);
  const __m512i low = _mm512_set_epi64(11, 3, 10, 2, 9, 1, 8, 0), high = _mm512_set_epi64(15, 7, 14, 6, 13, 5, 12, 4);
  for (uint32_t side = 0; side < SIDES; side++) {
    _mm512_storeu_si512(sums + side * SIDE, _mm512_permutex2var_epi64(of[side].even, low, of[side].odd));
    _mm512_storeu_si512(sums + side * SIDE + 8, _mm512_permutex2var_epi64(of[side].even, high, of[side].odd));
  }
}

/* ---- one row ---- */

/* What a value that is there leaves of a block's trees. */
WIDE static inline __attribute__((always_inline)) const uint8_t *mask_of(const struct rank_lane *lane, const float **threshold,
                                                                         float value) {
  const __m512 all = _mm512_set1_ps(value);
  const float *at = *threshold;
  uint32_t rank = 0;
  _Static_assert(RANK_PACK == 2 * SIDE, "two comparisons");
  do {
    const __mmask16 low = _mm512_cmp_ps_mask(all, _mm512_load_ps(at), _CMP_GT_OQ);
    const __mmask16 high = _mm512_cmp_ps_mask(all, _mm512_load_ps(at + SIDE), _CMP_GT_OQ);
    rank += (uint32_t)__builtin_popcount(_mm512_kunpackw(high, low));
    at += RANK_PACK;
  } while (at != lane->thresholds_end);
  *threshold = at;
  return lane->masks[rank];
}

/* The number of the lowest bit of each byte; of those with none, any. */
WIDE static inline __attribute__((always_inline)) __m512i lowest_bit(__m512i bytes) {
  const __m512i nibble = _mm512_set1_epi8(15);
  const __m512i of_low = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 0, 1, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0));
  const __m512i of_high = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 4, 5, 0, 6, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0));
  const __m512i one = _mm512_and_si512(bytes, _mm512_sub_epi8(_mm512_setzero_si512(), bytes));
  const __m512i low = _mm512_and_si512(one, nibble), high = _mm512_and_si512(_mm512_srli_epi16(one, 4), nibble);
  return _mm512_or_si512(_mm512_shuffle_epi8(of_low, low), _mm512_shuffle_epi8(of_high, high));
}

struct reach { /* the leaves of a block's trees that can still be reached */
  __m512i first, second;
};
_Static_assert(RANK_TREES == sizeof(struct reach), "two halves");

WIDE static inline __attribute__((always_inline)) struct reach all_leaves(void) {
  return (struct reach){_mm512_set1_epi8(-1), _mm512_set1_epi8(-1)};
}

WIDE static inline __attribute__((always_inline)) void narrow(struct reach *r, const uint8_t *mask) {
  r->first = _mm512_and_si512(r->first, _mm512_load_si512(mask));
  r->second = _mm512_and_si512(r->second, _mm512_load_si512(mask + sizeof r->first));
}

/* The sum of what is left over: a leaf a tree. */
#define CHAINS 4
WIDE static inline __attribute__((always_inline)) int64_t add_up(const struct pack *p, const struct rank_block *block, struct reach r) {
  const struct small_leaves *tree = p->small_leaves + block->first_tree, *end = tree + block->trees;
  int64_t sum[CHAINS] = {0};
  _Alignas(64) uint8_t leaves[RANK_TREES];
  _mm512_store_si512(leaves, lowest_bit(r.first));
  _mm512_store_si512(leaves + sizeof r.first, lowest_bit(r.second));
  for (const uint8_t *leaf = leaves; tree < end; tree += PACK_CHAINS, leaf += PACK_CHAINS)
    for (uint32_t k = 0; k < PACK_CHAINS; k++) sum[k % CHAINS] += tree[k].leaf[leaf[k]]; /* faster than a gather */
  return sum[0] + sum[1] + (sum[2] + sum[3]);
}

WIDE int64_t wide_row(const struct pack *p, const float *values) {
  int64_t sum = 0;
  for (uint32_t b = 0; b < p->ranks.block_count; b++) {
    const struct rank_block *block = &p->ranks.blocks[b];
    const float *threshold = block->thresholds;
    struct reach r = all_leaves();
    for (const struct rank_lane *lane = p->ranks.lanes + block->first_lane, *end = lane + block->lanes; lane < end; lane++) {
      const float value = values[lane->key];
      const uint8_t *mask = mask_of(lane, &threshold, value);
      narrow(&r, value == value ? mask : lane->missing);
    }
    sum += add_up(p, block, r);
  }
  return sum;
}

WIDE bool wide_row_whole(const struct pack *p, const kairos_batch *in, uint32_t row, int64_t *sum) {
  const struct rank_block *block = p->ranks.blocks;
  if (p->ranks.block_count != 1 || !p->single || p->ranks.zero_missing || block->lanes == 0) return false;
  const float *threshold = block->thresholds;
  struct reach r = all_leaves();
  double odd = 0; /* v - v is 0 for finite values only */
  for (const struct rank_lane *lane = p->ranks.lanes, *end = lane + block->lanes; lane < end; lane++) {
    const kairos_column *column = in->columns[lane->input];
    const double value = ((const double *)column->data)[row];
    if (column->valid && !(column->valid[row / 64] >> (row % 64) & 1)) return false;
    odd += value - value;
    narrow(&r, mask_of(lane, &threshold, (float)value));
  }
  *sum = add_up(p, block, r);
  return odd == 0;
}
#endif
