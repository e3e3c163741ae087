/* Predictions of an svr. Promises the same bits for a row whatever batch it comes in and whatever machine computes: only + − × on doubles
 * in a fixed order, an own exponential without libm, eight support vectors side by side and their sums joined in one order. Rows are
 * independent. Reads nothing but the machine and the row: as many threads as like. */
#include "svr.h"
#include <string.h>

/* Two doubles side by side are what every x86-64 and AArch64 computes with one instruction; a block is four such pairs. */
#define PAIRS (SVR_BLOCK / 2)
typedef double pair __attribute__((vector_size(16)));
typedef uint64_t bits_pair __attribute__((vector_size(16)));

/* e^x for x ≤ 0, in place, within 2 units in the last place; below −708, where it is next to the smallest double, e^−708. 2^k · e^r with
 * r within ± ln2 / 2: the Taylor series to r^13 leaves less than 5e-18. */
static inline void exp_block(pair x[PAIRS]) {
  static const double inverse[] = {1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040,
                                   1.0 / 720,        1.0 / 120,       1.0 / 24,       1.0 / 6,       0.5,          1.0,         1.0};
  const double round = 0x1.8p52; /* adding it leaves the nearest integer in the low bits */
  const pair least = {-708.0, -708.0};
  pair t[PAIRS], r[PAIRS], p[PAIRS];
  for (int k = 0; k < PAIRS; k++) {
    const bits_pair inside = (bits_pair)(x[k] > least); /* all ones where it holds */
    x[k] = (pair)(((bits_pair)x[k] & inside) | ((bits_pair)least & ~inside));
    t[k] = x[k] * 0x1.71547652b82fep0 + round;
    const pair n = t[k] - round;
    r[k] = (x[k] - n * 0x1.62e42fefa0000p-1) - n * 0x1.cf79abc9e3b3ap-40;
    p[k] = (pair){inverse[0], inverse[0]};
  }
  for (size_t n = 1; n < sizeof inverse / sizeof *inverse; n++) /* four chains side by side, none waits for another */
    for (int k = 0; k < PAIRS; k++) p[k] = p[k] * r[k] + inverse[n];
  for (int k = 0; k < PAIRS; k++) x[k] = (pair)((bits_pair)p[k] + ((bits_pair)t[k] << 52));
}

bool machine_standardise(const struct machine *m, const kairos_batch *in, uint32_t row, double *z) {
  uint32_t missing = 0;
  for (uint32_t i = 0; i < m->inputs; i++) {
    const kairos_column *column = in->columns[i];
    const double value = ((const double *)column->data)[row];
    const bool valid = !column->valid || (column->valid[row / 64] >> (row % 64) & 1);
    if (valid && value - value == 0) {
      z[i] = (value - m->mean[i]) / m->scale[i];
    } else {
      z[i] = 0;
      missing++;
    }
  }
  return 2 * missing <= m->inputs;
}

static inline pair load_pair(const double *at) {
  pair value;
  memcpy(&value, at, sizeof value);
  return value;
}

double machine_value(const struct machine *m, const double *z) {
  pair sum[PAIRS] = {{0}};
  const double *support = m->support, *coefficients = m->coefficients;
  for (uint32_t b = 0; b < m->blocks; b++, coefficients += SVR_BLOCK) {
    pair distance[PAIRS] = {{0}};
    for (uint32_t i = 0; i < m->inputs; i++, support += SVR_BLOCK)
      for (int k = 0; k < PAIRS; k++) {
        const pair difference = z[i] - load_pair(support + 2 * k);
        distance[k] += difference * difference;
      }
    for (int k = 0; k < PAIRS; k++) distance[k] *= -m->gamma;
    exp_block(distance);
    for (int k = 0; k < PAIRS; k++) sum[k] += load_pair(coefficients + 2 * k) * distance[k];
  }
  const pair all = (sum[0] + sum[1]) + (sum[2] + sum[3]);
  return all[0] + all[1] + m->bias;
}
