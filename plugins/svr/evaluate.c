/* Predictions of an svr. Promises the same bits for a row whatever batch it comes in and whatever machine computes: only + − × on doubles
 * in a fixed order, an own exponential without libm, eight support vectors side by side and their sums joined in one order. Rows are
 * independent. Reads nothing but the machine and the row: as many threads as like. */
#include "svr.h"
#include <string.h>

/* e^x for x ≤ 0, in place, within 2 units in the last place; below −708, where it is next to the smallest double, e^−708. 2^k · e^r with
 * r within ± ln2 / 2: the Taylor series to r^13 leaves less than 5e-18. */
static inline void exp_block(double *x) {
  static const double inverse[] = {1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040,
                                   1.0 / 720,        1.0 / 120,       1.0 / 24,       1.0 / 6,       0.5,          1.0,         1.0};
  const double round = 0x1.8p52; /* adding it leaves the nearest integer in the low bits */
  double t[SVR_BLOCK], r[SVR_BLOCK], p[SVR_BLOCK];
  uint64_t bits[SVR_BLOCK], power[SVR_BLOCK];
  for (int i = 0; i < SVR_BLOCK; i++) {
    const double clipped = x[i] > -708.0 ? x[i] : -708.0;
    t[i] = clipped * 0x1.71547652b82fep0 + round;
    const double k = t[i] - round;
    r[i] = (clipped - k * 0x1.62e42fefa0000p-1) - k * 0x1.cf79abc9e3b3ap-40;
    p[i] = inverse[0];
  }
  for (size_t n = 1; n < sizeof inverse / sizeof *inverse; n++)
    for (int i = 0; i < SVR_BLOCK; i++) p[i] = p[i] * r[i] + inverse[n];
  memcpy(power, t, sizeof power);
  memcpy(bits, p, sizeof bits);
  for (int i = 0; i < SVR_BLOCK; i++) bits[i] += power[i] << 52;
  memcpy(x, bits, sizeof bits);
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

double machine_value(const struct machine *m, const double *z) {
  double sum[SVR_BLOCK] = {0};
  const double *support = m->support;
  for (uint32_t b = 0; b < m->blocks; b++) {
    double distance[SVR_BLOCK] = {0};
    for (uint32_t i = 0; i < m->inputs; i++, support += SVR_BLOCK) {
      const double zi = z[i];
      for (int k = 0; k < SVR_BLOCK; k++) {
        const double difference = zi - support[k];
        distance[k] += difference * difference;
      }
    }
    for (int k = 0; k < SVR_BLOCK; k++) distance[k] *= -m->gamma;
    exp_block(distance);
    const double *coefficients = m->coefficients + (size_t)b * SVR_BLOCK;
    for (int k = 0; k < SVR_BLOCK; k++) sum[k] += coefficients[k] * distance[k];
  }
  return (((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]))) + m->bias;
}
