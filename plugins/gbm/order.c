/* Sorting columns of floats. Promises an order that is a function of the values alone (a radix sort, stable), with missing values behind
 * all others. Called while training, one thread. */
#include "train.h"
#include <string.h>

#define DIGITS 2048

/* Bits that rise as the float rises; a missing value above all. */
static uint32_t order_key(float value) {
  uint32_t bits;
  if (value != value) return UINT32_MAX;
  value += 0.0f; /* −0 is 0 */
  memcpy(&bits, &value, sizeof bits);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

/* One pass of 11 bits from `from` to `to`. */
static void order_pass(const float *values, uint32_t rows, const uint32_t *from, uint32_t *to, int shift) {
  uint32_t start[DIGITS] = {0}, sum = 0;
  for (uint32_t r = 0; r < rows; r++) start[order_key(values[r]) >> shift & (DIGITS - 1)]++;
  for (uint32_t d = 0; d < DIGITS; d++) {
    const uint32_t count = start[d];
    start[d] = sum;
    sum += count;
  }
  for (uint32_t r = 0; r < rows; r++) {
    const uint32_t row = from ? from[r] : r;
    to[start[order_key(values[row]) >> shift & (DIGITS - 1)]++] = row;
  }
}

uint32_t order_column(const float *values, uint32_t rows, uint32_t *order, uint32_t *spare) {
  order_pass(values, rows, NULL, order, 0);
  order_pass(values, rows, order, spare, 11);
  order_pass(values, rows, spare, order, 22);
  uint32_t known = rows;
  while (known > 0 && values[order[known - 1]] != values[order[known - 1]]) known--;
  return known;
}
