/* Predictions from a pack of small trees with AVX-512; called only where way_best found it. Promises the sums of the portable way. For
 * sixteen rows: all seven comparisons of a tree at once, a mask each, from which three bits a row name the leaf; the eight leaves are one
 * register, looked up by a permutation. For one row: the same over sixteen trees, with the row's lanes in two registers. */
#include "fill.h"
#include "pack.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define WIDE __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,bmi,bmi2,popcnt,lzcnt")))

/* Bit r of each: row r goes right at that node. */
struct path {
  __mmask16 a, b, c; /* at the first, second and third node of its path: the leaf's number from its high bit to its low */
};

WIDE static inline __attribute__((always_inline)) struct path follow(const __mmask16 right[7]) {
  const __mmask16 a = right[0];
  const __mmask16 left_right = _kandn_mask16(a, right[1]), right_right = _kand_mask16(a, right[2]);
  const __mmask16 b = _kor_mask16(left_right, right_right);
  const __mmask16 low = _kor_mask16(_kandn_mask16(_kor_mask16(a, b), right[3]), _kand_mask16(left_right, right[4]));
  const __mmask16 high = _kor_mask16(_kand_mask16(_kandn_mask16(b, a), right[5]), _kand_mask16(right_right, right[6]));
  return (struct path){a, b, _kor_mask16(low, high)};
}

WIDE static inline __attribute__((always_inline)) __m512i leaf_number(struct path path) {
  const __m512i one = _mm512_set1_epi32(1), two = _mm512_set1_epi32(2);
  const __m512i first = _mm512_maskz_set1_epi32(path.a, 4), second = _mm512_mask_or_epi32(first, path.b, first, two);
  return _mm512_mask_or_epi32(second, path.c, second, one);
}

WIDE void wide_rows(const struct pack *p, const kairos_batch *in, uint32_t first, uint32_t count, float *lanes, int64_t sums[PACK_ROWS],
                    uint32_t *answered) {
  *answered = fill_lanes(p, in, first, count, lanes);
  __m512i even = _mm512_set1_epi64(p->base), odd = even; /* sums of rows 0, 2, 4 … and 1, 3, 5 … */
  for (uint32_t t = 0; t < p->trees; t++) {
    const struct small_tree *tree = &p->small_trees[t];
    __mmask16 right[7];
    for (int n = 0; n < 7; n++)
      right[n] = _mm512_cmp_ps_mask(_mm512_load_ps(lanes + tree->lane[n]), _mm512_set1_ps(tree->threshold[n]), _CMP_NLE_UQ);
    const __m512i index = leaf_number(follow(right)), leaves = _mm512_load_si512(tree->leaf);
    even = _mm512_add_epi64(even, _mm512_permutexvar_epi64(index, leaves)); /* of each 64 bits it looks at the lowest three */
    odd = _mm512_add_epi64(odd, _mm512_permutexvar_epi64(_mm512_srli_epi64(index, 32), leaves));
  }
  const __m512i low = _mm512_set_epi64(11, 3, 10, 2, 9, 1, 8, 0), high = _mm512_set_epi64(15, 7, 14, 6, 13, 5, 12, 4);
  _mm512_storeu_si512(sums, _mm512_permutex2var_epi64(even, low, odd));
  _mm512_storeu_si512(sums + 8, _mm512_permutex2var_epi64(even, high, odd));
}

WIDE int64_t wide_row(const struct pack *p, const float *lanes) {
  const __m512 low = _mm512_load_ps(lanes), high = _mm512_load_ps(lanes + PACK_ROWS);
  const __m512i trees = _mm512_set_epi32(240, 224, 208, 192, 176, 160, 144, 128, 112, 96, 80, 64, 48, 32, 16, 0); /* in words of 8 bytes */
  _Static_assert(sizeof(struct small_tree) == 128, "the numbers above");
  __m512i sum = _mm512_setzero_si512();
  for (uint32_t t = 0; t < p->trees; t += PACK_GROUP) {
    const struct small_group *group = &p->groups[t / PACK_GROUP];
    __mmask16 right[7];
    for (int n = 0; n < 7; n++) {
      const __m512i lane = _mm512_cvtepu8_epi32(_mm_load_si128((const __m128i *)(const void *)group->lane[n]));
      right[n] = _mm512_cmp_ps_mask(_mm512_permutex2var_ps(low, lane, high), _mm512_load_ps(group->threshold[n]), _CMP_NLE_UQ);
    }
    const __m512i at = _mm512_add_epi32(trees, leaf_number(follow(right)));
    const void *leaves = p->small_trees[t].leaf;
    sum = _mm512_add_epi64(sum, _mm512_i32gather_epi64(_mm512_castsi512_si256(at), leaves, 8));
    sum = _mm512_add_epi64(sum, _mm512_i32gather_epi64(_mm512_extracti64x4_epi64(at, 1), leaves, 8));
  }
  return _mm512_reduce_add_epi64(sum);
}
#endif
