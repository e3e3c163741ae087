/* The arithmetic of one kernel: `real`, and as many of them side by side as the machine computes with one instruction. A template: wide.c,
 * half.c, portable.c and exact.c each say KERNEL_… and include what is built on it. Everything below is one correctly rounded operation of
 * IEEE 754, so the three kernels of floats give the same bits: what differs is only how many values go side by side. */
#ifndef KAIROS_LSTM_LANES_H
#define KAIROS_LSTM_LANES_H
#include "lstm.h"
#include <math.h>
#include <string.h>

#if defined(KERNEL_WIDE)
#include <immintrin.h>
#define LANES 16
typedef float real;
typedef __m512 lanes;
static inline lanes lanes_load(const real *at) {
  return _mm512_loadu_ps(at);
}
static inline void lanes_store(real *at, lanes v) {
  _mm512_storeu_ps(at, v);
}
static inline lanes lanes_all(real v) {
  return _mm512_set1_ps(v);
}
static inline lanes lanes_fma(lanes a, lanes b, lanes c) {
  return _mm512_fmadd_ps(a, b, c);
}
static inline lanes lanes_within(lanes v, real low, real high) {
  return _mm512_min_ps(_mm512_max_ps(v, lanes_all(low)), lanes_all(high));
}
static inline lanes lanes_sqrt(lanes v) {
  return _mm512_sqrt_ps(v);
}
/* v · 2^n, n being the low bits of `shifted` */
static inline lanes lanes_scale(lanes v, lanes shifted) {
  return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(v), _mm512_slli_epi32(_mm512_castps_si512(shifted), 23)));
}

#elif defined(KERNEL_HALF)
#include <immintrin.h>
#define LANES 8
typedef float real;
typedef __m256 lanes;
static inline lanes lanes_load(const real *at) {
  return _mm256_loadu_ps(at);
}
static inline void lanes_store(real *at, lanes v) {
  _mm256_storeu_ps(at, v);
}
static inline lanes lanes_all(real v) {
  return _mm256_set1_ps(v);
}
static inline lanes lanes_fma(lanes a, lanes b, lanes c) {
  return _mm256_fmadd_ps(a, b, c);
}
static inline lanes lanes_within(lanes v, real low, real high) {
  return _mm256_min_ps(_mm256_max_ps(v, lanes_all(low)), lanes_all(high));
}
static inline lanes lanes_sqrt(lanes v) {
  return _mm256_sqrt_ps(v);
}
static inline lanes lanes_scale(lanes v, lanes shifted) {
  return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(v), _mm256_slli_epi32(_mm256_castps_si256(shifted), 23)));
}

#elif defined(KERNEL_PORTABLE)
#define LANES 1
typedef float real;
typedef float lanes;
static inline lanes lanes_load(const real *at) {
  return *at;
}
static inline void lanes_store(real *at, lanes v) {
  *at = v;
}
static inline lanes lanes_all(real v) {
  return v;
}
static inline lanes lanes_fma(lanes a, lanes b, lanes c) {
  return fmaf(a, b, c); /* exact on every machine, by hardware or not */
}
static inline lanes lanes_within(lanes v, real low, real high) {
  v = v > low ? v : low;
  return v < high ? v : high;
}
static inline lanes lanes_sqrt(lanes v) {
  return sqrtf(v);
}
static inline lanes lanes_scale(lanes v, lanes shifted) {
  uint32_t bits, n;
  memcpy(&bits, &v, sizeof bits);
  memcpy(&n, &shifted, sizeof n);
  bits += n << 23;
  memcpy(&v, &bits, sizeof v);
  return v;
}

#elif defined(KERNEL_EXACT)
#define LANES 1
typedef double real;
typedef double lanes;
static inline lanes lanes_load(const real *at) {
  return *at;
}
static inline void lanes_store(real *at, lanes v) {
  *at = v;
}
static inline lanes lanes_all(real v) {
  return v;
}
static inline lanes lanes_fma(lanes a, lanes b, lanes c) {
  return a * b + c;
}
static inline lanes lanes_within(lanes v, real low, real high) {
  v = v > low ? v : low;
  return v < high ? v : high;
}
static inline lanes lanes_sqrt(lanes v) {
  return sqrt(v);
}
#else
#error "which kernel?"
#endif

#define REAL(number) ((real)(number))

#if defined(KERNEL_EXACT)
#define EXP_MOST 230 /* three factors of this power stay finite */
/* e^x within 2 units in the last place for |x| up to EXP_MOST, beyond as there. */
static inline lanes lanes_exp(lanes x) {
  return number_exp(lanes_within(x, -EXP_MOST, EXP_MOST));
}
#else
#define EXP_MOST 29 /* three factors of this power stay finite */
/* e^x for |x| up to EXP_MOST, beyond as there: 2^n · 2^f, f = x / ln 2 - n within ±1/2, by a polynomial that is 1 at 0 and off by at most
 * 3e-9. The rounding of x / ln 2 makes the relative error grow to 2e-7 + 6e-8 |x|; in 1/(1 + e^x) and tanh less than 2e-7 is left. */
static inline lanes lanes_exp(lanes x) {
  const lanes round = lanes_all(0x1.8p23F); /* adding it leaves the nearest integer in the low bits */
  const lanes t = lanes_within(x, -EXP_MOST, EXP_MOST) * lanes_all(0x1.715476p0F);
  const lanes shifted = t + round, f = t - (shifted - round);
  lanes p = lanes_fma(lanes_all(0x1.470b4ap-13F), f, lanes_all(0x1.5f7276p-10F));
  p = lanes_fma(p, f, lanes_all(0x1.3b270ep-7F));
  p = lanes_fma(p, f, lanes_all(0x1.c6ae72p-5F));
  p = lanes_fma(p, f, lanes_all(0x1.ebfbe2p-3F));
  p = lanes_fma(p, f, lanes_all(0x1.62e432p-1F));
  p = lanes_fma(p, f, lanes_all(1));
  return lanes_scale(p, shifted);
}
#endif

#endif
