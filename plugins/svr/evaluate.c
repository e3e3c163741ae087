/* Predictions of an svr. Promises the same bits for a row whatever batch it comes in and whichever way computes: every operation is an
 * exactly rounded one (+ − × and fused multiply-add) on doubles in a fixed order, an own power of two without libm, the support vectors in
 * chunks of SVR_CHUNK whose sums are joined in one order. Rows are independent. Reads nothing but the machine and the row: as many threads
 * as like. */
#include "svr.h"
#include <math.h>
#include <string.h>

/* exp(−gamma |z − v|²) is 2^(e(z) + e(v) + s·v) with s = 2 gamma log₂e z: a fused multiply-add an input. z and v are taken from the support
 * vectors' mean first, so that inputs which all lie far from 0 cost no digits. */
static double scale_row(const struct machine *m, const double *z, double *s) {
  const double scale = m->gamma * 0x1.71547652b82fep0;
  double squares = 0;
  for (uint32_t i = 0; i < m->inputs; i++) {
    const double from_centre = z[i] - m->centre[i];
    squares = fma(from_centre, from_centre, squares);
    s[i] = 2 * scale * from_centre;
  }
  return -scale * squares;
}

/* 2^x for x ≤ 0 = 2^k · 2^(j/16) · 2^r with |r| ≤ 1/32: a polynomial whose error is below 1e-17. Below −1021, where nothing is left of a
 * support vector, 2^−1021. */
static const double power_terms[] = {0x1.430912f86c787p-13,
                                     0x1.5d89be4b23409p-10,
                                     0x1.3b2ab6fba4e77p-7,
                                     0x1.c6b08d6e8a398p-5,
                                     0x1.ebfbdff82c58fp-3,
                                     0x1.62e42fefa39fdp-1,
                                     1.0};
/* Their bits less j · 2^48, because t's low bits are k · 16 + j: adding those × 2^48 gives 2^k · 2^(j/16). */
static const uint64_t sixteenths[] = {
    UINT64_C(0x3ff0000000000000), UINT64_C(0x3fefb5586cf9890f), UINT64_C(0x3fef72b83c7d517b), UINT64_C(0x3fef387a6e756238),
    UINT64_C(0x3fef06fe0a31b715), UINT64_C(0x3feedea64c123422), UINT64_C(0x3feebfdad5362a27), UINT64_C(0x3feeab07dd485429),
    UINT64_C(0x3feea09e667f3bcd), UINT64_C(0x3feea11473eb0187), UINT64_C(0x3feeace5422aa0db), UINT64_C(0x3feec49182a3f090),
    UINT64_C(0x3feee89f995ad3ad), UINT64_C(0x3fef199bdd85529c), UINT64_C(0x3fef5818dcfba487), UINT64_C(0x3fefa4afa2a490da),
};
#define POWER_LEAST   (-1021.0)
#define POWER_SHIFTER 0x1.8p48 /* adding it leaves the nearest sixteenth in the low bits */
#define POWER_TERMS   (sizeof power_terms / sizeof *power_terms)

static inline double power_of_two(double x) {
  x = x > POWER_LEAST ? x : POWER_LEAST; /* also when it is not a number */
  x = x < 0 ? x : 0;                     /* what rounding put above */
  const double t = x + POWER_SHIFTER, r = x - (t - POWER_SHIFTER);
  double p = power_terms[0], power;
  for (size_t n = 1; n < POWER_TERMS; n++) p = fma(p, r, power_terms[n]);
  uint64_t bits;
  memcpy(&bits, &t, sizeof bits);
  bits = sixteenths[bits & 15] + (bits << 48);
  memcpy(&power, &bits, sizeof power);
  return p * power;
}

/* Halves are added until one is left. */
static inline double join(double sum[SVR_CHUNK]) {
  for (uint32_t half = SVR_CHUNK / 2; half; half /= 2)
    for (uint32_t v = 0; v < half; v++) sum[v] += sum[v + half];
  return sum[0];
}

static inline double load_input(const struct machine *m, const void *inputs, size_t at) {
  return m->single ? (double)((const float *)inputs)[at] : ((const double *)inputs)[at];
}

static inline __attribute__((always_inline)) double value_by_loops(const struct machine *m, const double *s, double e) {
  double sum[SVR_CHUNK] = {0};
  for (uint32_t c = 0; c < m->chunks; c++) {
    const double *head = machine_chunk(m, c);
    const void *inputs = head + 2 * SVR_CHUNK;
    double x[SVR_CHUNK];
    for (uint32_t v = 0; v < SVR_CHUNK; v++) x[v] = e + head[v];
    for (uint32_t i = 0; i < m->inputs; i++)
      for (uint32_t v = 0; v < SVR_CHUNK; v++) x[v] = fma(s[i], load_input(m, inputs, (size_t)i * SVR_CHUNK + v), x[v]);
    for (uint32_t v = 0; v < SVR_CHUNK; v++) sum[v] = fma(head[SVR_CHUNK + v], power_of_two(x[v]), sum[v]);
  }
  return join(sum);
}

#if defined(__x86_64__)
#include <immintrin.h>
#define WIDE  __attribute__((target("avx512f,avx512dq,fma")))
#define PACKS (SVR_CHUNK / 8)

WIDE static inline __attribute__((always_inline)) __m512d power_wide(__m512d x) {
  const __m512d shifter = _mm512_set1_pd(POWER_SHIFTER);
  x = _mm512_max_pd(x, _mm512_set1_pd(POWER_LEAST)); /* the second when the first is not a number */
  x = _mm512_min_pd(x, _mm512_setzero_pd());
  const __m512d t = _mm512_add_pd(x, shifter), r = _mm512_sub_pd(x, _mm512_sub_pd(t, shifter));
  const __m512i bits = _mm512_castpd_si512(t), low = _mm512_loadu_si512(sixteenths), high = _mm512_loadu_si512(sixteenths + 8);
  const __m512i power = _mm512_add_epi64(_mm512_permutex2var_epi64(low, bits, high), _mm512_slli_epi64(bits, 48));
  __m512d p = _mm512_set1_pd(power_terms[0]);
  for (size_t n = 1; n < POWER_TERMS; n++) p = _mm512_fmadd_pd(p, r, _mm512_set1_pd(power_terms[n]));
  return _mm512_mul_pd(p, _mm512_castsi512_pd(power));
}

WIDE static inline __attribute__((always_inline)) double value_packs(const struct machine *m, const double *s, double e, bool single) {
  __m512d sum[PACKS];
  for (int k = 0; k < PACKS; k++) sum[k] = _mm512_setzero_pd();
  const double *head = machine_chunk(m, 0);
  const size_t stride = machine_chunk_size(m) / sizeof *head;
  for (uint32_t c = 0; c < m->chunks; c++, head += stride) {
    __m512d x[PACKS];
    for (int k = 0; k < PACKS; k++) x[k] = _mm512_add_pd(_mm512_set1_pd(e), _mm512_load_pd(head + 8 * k));
    const double *doubles = head + 2 * SVR_CHUNK;
    const float *floats = (const float *)doubles;
    for (uint32_t i = 0; i < m->inputs; i++)
      for (int k = 0; k < PACKS; k++) {
        const size_t at = i * (size_t)SVR_CHUNK + 8 * (size_t)k;
        const __m512d v = single ? _mm512_cvtps_pd(_mm256_load_ps(floats + at)) : _mm512_load_pd(doubles + at);
        x[k] = _mm512_fmadd_pd(_mm512_set1_pd(s[i]), v, x[k]);
      }
    for (int k = 0; k < PACKS; k++) sum[k] = _mm512_fmadd_pd(_mm512_load_pd(head + SVR_CHUNK + 8 * k), power_wide(x[k]), sum[k]);
  }
  double sums[SVR_CHUNK];
  for (int k = 0; k < PACKS; k++) _mm512_storeu_pd(sums + 8 * k, sum[k]);
  return join(sums);
}

WIDE static double value_wide(const struct machine *m, const double *s, double e) {
  return m->single ? value_packs(m, s, e, true) : value_packs(m, s, e, false);
}

/* The loops again, for machines with fused multiply-add only. */
__attribute__((target("avx2,fma"))) static double value_fused(const struct machine *m, const double *s, double e) {
  return value_by_loops(m, s, e);
}
#endif

static double value_plain(const struct machine *m, const double *s, double e) {
  return value_by_loops(m, s, e);
}

enum way way_best(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) return WAY_AVX512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return WAY_FUSED;
#endif
  return WAY_PORTABLE;
}

double machine_value(const struct machine *m, enum way way, const double *z, double *scratch) {
  if (m->light) return machine_value_light(m, way, z) + m->bias;
  const double e = scale_row(m, z, scratch);
#if defined(__x86_64__)
  if (way == WAY_AVX512) return value_wide(m, scratch, e) + m->bias;
  if (way == WAY_FUSED) return value_fused(m, scratch, e) + m->bias;
#endif
  (void)way;
  return value_plain(m, scratch, e) + m->bias;
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
