/* Parts a node's rows between its children. Promises a stable order, the same on every machine: those that go left stay in front, those
 * that go right follow. Where the machine has AVX-512, sixteen rows at a time are looked up and written without a branch or a store a row.
 * Runs in the training child. */
#include "train.h"
#include <string.h>

/* A row goes left when its bin, `turn` further and modulo 256, is at most `most`: so the bin of missing values, 255, comes first or last.
 */
struct rule {
  const uint8_t *column;
  uint8_t turn, most;
};

/* Rows `from` and on; `lefts` of those before went left. */
static uint32_t part_plainly(struct rule rule, uint32_t *rows, uint32_t from, uint32_t count, uint32_t lefts, uint32_t *rights,
                             bool *missing) {
  bool seen = *missing;
  for (uint32_t i = from; i < count; i++) {
    const uint32_t row = rows[i];
    const uint8_t bin = rule.column[row];
    const bool left = (uint8_t)(bin + rule.turn) <= rule.most;
    rows[lefts] = row;
    rights[i - lefts] = row;
    lefts += left;
    seen |= bin == BIN_MISSING;
  }
  *missing = seen;
  return lefts;
}

#if defined(__x86_64__)
#include <immintrin.h>
#define WIDE __attribute__((target("avx512f,avx512bw,bmi,bmi2,popcnt,lzcnt")))
#define SIDE 16

WIDE static uint32_t part_widely(struct rule rule, uint32_t *rows, uint32_t count, uint32_t *rights, bool *missing) {
  const __m512i byte = _mm512_set1_epi32(0xFF), turn = _mm512_set1_epi32(rule.turn), most = _mm512_set1_epi32(rule.most);
  uint32_t lefts = 0, i = 0;
  __mmask16 seen = 0;
  for (; i + SIDE <= count; i += SIDE) {
    const __m512i row = _mm512_loadu_si512(rows + i);
    const __m512i bin = _mm512_and_si512(_mm512_i32gather_epi32(row, rule.column, 1), byte); /* reads three bytes beyond */
    const __mmask16 left = _mm512_cmple_epu32_mask(_mm512_and_si512(_mm512_add_epi32(bin, turn), byte), most);
    seen |= _mm512_cmpeq_epi32_mask(bin, byte);
    _mm512_storeu_si512(rows + lefts, _mm512_maskz_compress_epi32(left, row)); /* the rest is overwritten later */
    _mm512_storeu_si512(rights + (i - lefts), _mm512_maskz_compress_epi32((__mmask16)~left, row));
    lefts += (uint32_t)__builtin_popcount(left);
  }
  *missing = seen != 0;
  return part_plainly(rule, rows, i, count, lefts, rights, missing);
}

static bool can_go_wide(void) {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
}
#else
#define part_widely(rule, rows, count, rights, missing) part_plainly(rule, rows, 0, count, 0, rights, missing)
static bool can_go_wide(void) {
  return false;
}
#endif

uint32_t rows_part(const uint8_t *column, uint8_t bin, bool missing_left, uint32_t *rows, uint32_t count, uint32_t *spare, bool wide,
                   bool *any_missing) {
  const struct rule rule = {column, missing_left, (uint8_t)(bin + missing_left)};
  bool missing = false;
  const uint32_t lefts =
      wide && can_go_wide() ? part_widely(rule, rows, count, spare, &missing) : part_plainly(rule, rows, 0, count, 0, spare, &missing);
  memcpy(rows + lefts, spare, (count - lefts) * sizeof *rows);
  *any_missing = missing;
  return lefts;
}
