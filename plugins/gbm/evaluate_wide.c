/* Predictions from a pack of small trees with AVX-512; called only where way_best found it. Promises the sums of the portable way. For
 * sixteen rows at a time: all seven comparisons of a tree at once, a mask each, from which three bits a row name the leaf; the eight leaves
 * are one register, looked up by a permutation. For one row: the same over sixteen trees, with the row's lanes in two registers. */
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

WIDE static inline __attribute__((always_inline)) void add_tree(const struct small_tree *tree, const float *lanes, struct sums sums[SIDES],
                                                                uint32_t sides) {
  const __m512i leaves = _mm512_load_si512(tree->leaf);
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
    for (uint32_t t = 0; t < p->trees; t++) add_tree(&p->small_trees[t], lanes, of, SIDES);
  else
    for (uint32_t t = 0; t < p->trees; t++) add_tree(&p->small_trees[t], lanes, of, count > SIDE ? 2 : 1);
  const __m512i low = _mm512_set_epi64(11, 3, 10, 2, 9, 1, 8, 0), high = _mm512_set_epi64(15, 7, 14, 6, 13, 5, 12, 4);
  for (uint32_t side = 0; side < SIDES; side++) {
    _mm512_storeu_si512(sums + side * SIDE, _mm512_permutex2var_epi64(of[side].even, low, of[side].odd));
    _mm512_storeu_si512(sums + side * SIDE + 8, _mm512_permutex2var_epi64(of[side].even, high, of[side].odd));
  }
}

/* One row over all trees, its lanes in one register or two. */
WIDE static inline __attribute__((always_inline)) int64_t add_row(const struct pack *p, const float *lanes, bool two) {
  const __m512 low = _mm512_load_ps(lanes), high = _mm512_load_ps(lanes + PACK_GROUP);
  const __m512i trees = _mm512_set_epi32(240, 224, 208, 192, 176, 160, 144, 128, 112, 96, 80, 64, 48, 32, 16, 0); /* in words of 8 bytes */
  _Static_assert(sizeof(struct small_tree) == 128, "the numbers above");
  int64_t sum[4] = {0};
  for (uint32_t t = 0; t < p->trees; t += PACK_GROUP) {
    const struct small_group *group = &p->groups[t / PACK_GROUP];
    __m512 lane[7];
    for (int n = 0; n < 7; n++) {
      const __m512i which = _mm512_cvtepu8_epi32(_mm_load_si128((const __m128i *)(const void *)group->lane[n]));
      lane[n] = two ? _mm512_permutex2var_ps(low, which, high) : _mm512_permutexvar_ps(which, low);
    }
    struct path path;
#define RIGHT(mask, n) _mm512_mask_cmp_ps_mask(mask, lane[n], _mm512_load_ps(group->threshold[n]), _CMP_NLE_UQ)
    FOLLOW(path, RIGHT);
#undef RIGHT
    uint32_t at[PACK_GROUP];
    _mm512_storeu_si512(at, _mm512_add_epi32(trees, leaf_number(path)));
    const int64_t *leaves = p->small_trees[t].leaf;
    for (int tree = 0; tree < PACK_GROUP; tree++) sum[tree % 4] += leaves[at[tree]]; /* faster than a gather */
  }
  return sum[0] + sum[1] + (sum[2] + sum[3]);
}

WIDE int64_t wide_row(const struct pack *p, const float *lanes) {
  return p->used <= PACK_GROUP ? add_row(p, lanes, false) : add_row(p, lanes, true);
}
#endif
