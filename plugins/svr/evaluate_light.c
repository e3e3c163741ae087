/* Predictions of an svr in floats, for machines whose coefficients are small enough (machine.c judges): sixteen support vectors side by
 * side and half the memory to read. Promises the same bits whichever way computes and whatever batch a row comes in: each operation is one
 * correctly rounded one of IEEE 754, in one order. What the rounding of floats costs is told in svr.h. As many threads as like. */
#include "svr.h"
#include <math.h>
#include <string.h>

/* 2^x for -125 ≤ x ≤ 0, see evaluate.c: 2^k · 2^(j/16) · 2^r with |r| ≤ 1/32; what the polynomial leaves is below 1e-8. */
#define POWER_SQUARE  0.2402265070F
#define POWER_CUBE    0.0555041087F
#define POWER_LINE    0.6931471806F
#define POWER_LEAST   (-125.0F)
#define POWER_SHIFTER 0x1.8p19F /* adding it leaves the nearest sixteenth in the low bits */
#define POWER_BITS    19        /* j · 2^19 is taken off the bits of 2^(j/16), because t's low bits are k · 16 + j */
static const uint32_t sixteenths[] = {
    0x3f800000U, 0x3f7daac3U, 0x3f7b95c2U, 0x3f79c3d3U, 0x3f7837f0U, 0x3f76f532U, 0x3f75fed7U, 0x3f75583fU,
    0x3f7504f3U, 0x3f7508a4U, 0x3f75672aU, 0x3f76248cU, 0x3f7744fdU, 0x3f78ccdfU, 0x3f7ac0c7U, 0x3f7d257dU,
};

struct row { /* s = 2 gamma log₂e (z − centre), e = −gamma log₂e |z − centre|² */
  const float *s;
  float e;
};

static inline float power_of_two(float x) {
  x = x > POWER_LEAST ? x : POWER_LEAST; /* also when it is not a number */
  x = x < 0 ? x : 0;                     /* what rounding put above */
  const float t = x + POWER_SHIFTER, r = x - (t - POWER_SHIFTER);
  float p = fmaf(POWER_CUBE, r, POWER_SQUARE), power;
  p = fmaf(p, r, POWER_LINE);
  p = fmaf(p, r, 1);
  uint32_t bits;
  memcpy(&bits, &t, sizeof bits);
  bits = sixteenths[bits & 15] + (bits << POWER_BITS);
  memcpy(&power, &bits, sizeof power);
  return p * power;
}

/* Sixteen sums in doubles, to which each chunk adds four support vectors at once that were added up in floats. */
#define SUMS 16
_Static_assert(SVR_LIGHT_CHUNK == 4 * SUMS, "four packs a chunk");

static inline double join(double sum[SUMS]) {
  for (uint32_t half = SUMS / 2; half; half /= 2)
    for (uint32_t v = 0; v < half; v++) sum[v] += sum[v + half];
  return sum[0];
}

static inline __attribute__((always_inline)) double value_by_loops(const struct machine *m, struct row row) {
  double sum[SUMS] = {0};
  const float *chunk = machine_light_chunk(m);
  for (uint32_t left = machine_light_chunks(m); left > 0; left--, chunk += machine_light_size(m)) {
    const float *inputs = chunk + 2 * SVR_LIGHT_CHUNK;
    float x[SVR_LIGHT_CHUNK] = {0}, part[SUMS] = {0};
    for (uint32_t i = 0; i < m->inputs; i++)
      for (uint32_t v = 0; v < SVR_LIGHT_CHUNK; v++) x[v] = fmaf(row.s[i], inputs[(size_t)i * SVR_LIGHT_CHUNK + v], x[v]);
    for (uint32_t v = 0; v < SVR_LIGHT_CHUNK; v++) x[v] = power_of_two(x[v] + (row.e + chunk[v]));
    for (uint32_t v = 0; v < SVR_LIGHT_CHUNK; v++) part[v % SUMS] = fmaf(chunk[SVR_LIGHT_CHUNK + v], x[v], part[v % SUMS]);
    for (uint32_t v = 0; v < SUMS; v++) sum[v] += (double)part[v];
  }
  return join(sum);
}

#if defined(__x86_64__)
#include <immintrin.h>
#define WIDE  __attribute__((target("avx512f,avx512dq,fma")))
#define PACKS (SVR_LIGHT_CHUNK / SUMS)

WIDE static inline __attribute__((always_inline)) __m512 power_wide(__m512 x) {
  const __m512 shifter = _mm512_set1_ps(POWER_SHIFTER);
  x = _mm512_max_ps(x, _mm512_set1_ps(POWER_LEAST)); /* the second when the first is not a number */
  x = _mm512_min_ps(x, _mm512_setzero_ps());
  const __m512 t = _mm512_add_ps(x, shifter), r = _mm512_sub_ps(x, _mm512_sub_ps(t, shifter));
  const __m512i bits = _mm512_castps_si512(t), table = _mm512_loadu_si512(sixteenths);
  const __m512i power = _mm512_add_epi32(_mm512_permutexvar_epi32(bits, table), _mm512_slli_epi32(bits, POWER_BITS));
  __m512 p = _mm512_fmadd_ps(_mm512_set1_ps(POWER_CUBE), r, _mm512_set1_ps(POWER_SQUARE));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(POWER_LINE));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1));
  return _mm512_mul_ps(p, _mm512_castsi512_ps(power));
}

WIDE static double value_wide(const struct machine *m, struct row row) {
  __m512d low = _mm512_setzero_pd(), high = low;
  const float *chunk = machine_light_chunk(m);
  for (uint32_t left = machine_light_chunks(m); left > 0; left--, chunk += machine_light_size(m)) {
    const float *inputs = chunk + 2 * SVR_LIGHT_CHUNK;
    __m512 x[PACKS], part = _mm512_setzero_ps();
    for (int k = 0; k < PACKS; k++) x[k] = _mm512_setzero_ps();
    for (uint32_t i = 0; i < m->inputs; i++, inputs += SVR_LIGHT_CHUNK)
      for (int k = 0; k < PACKS; k++) x[k] = _mm512_fmadd_ps(_mm512_set1_ps(row.s[i]), _mm512_load_ps(inputs + SUMS * k), x[k]);
    for (int k = 0; k < PACKS; k++) {
      const __m512 e = _mm512_add_ps(_mm512_set1_ps(row.e), _mm512_load_ps(chunk + SUMS * k));
      x[k] = power_wide(_mm512_add_ps(x[k], e));
    }
    for (int k = 0; k < PACKS; k++) part = _mm512_fmadd_ps(_mm512_load_ps(chunk + SVR_LIGHT_CHUNK + SUMS * k), x[k], part);
    low = _mm512_add_pd(low, _mm512_cvtps_pd(_mm512_castps512_ps256(part)));
    high = _mm512_add_pd(high, _mm512_cvtps_pd(_mm512_extractf32x8_ps(part, 1)));
  }
  double sums[SUMS];
  _mm512_storeu_pd(sums, low);
  _mm512_storeu_pd(sums + 8, high);
  return join(sums);
}

/* The loops again, for machines with fused multiply-add only. */
__attribute__((target("avx2,fma"))) static double value_fused(const struct machine *m, struct row row) {
  return value_by_loops(m, row);
}
#endif

static double value_plain(const struct machine *m, struct row row) {
  return value_by_loops(m, row);
}

double machine_value_light(const struct machine *m, enum way way, const double *z) {
  const double scale = m->gamma * 0x1.71547652b82fep0;
  double squares = 0;
  float s[SVR_LIGHT_INPUTS] = {0};
  for (uint32_t i = 0; i < m->inputs; i++) {
    const double from_centre = z[i] - m->centre[i];
    squares = fma(from_centre, from_centre, squares);
  }
  if (!(scale * squares < SVR_LIGHT_FAR)) return 0;
  for (uint32_t i = 0; i < m->inputs; i++) s[i] = (float)(2 * scale * (z[i] - m->centre[i]));
  const struct row row = {s, (float)(-scale * squares)};
#if defined(__x86_64__)
  if (way == WAY_AVX512) return value_wide(m, row);
  if (way == WAY_FUSED) return value_fused(m, row);
#endif
  (void)way;
  return value_plain(m, row);
}
