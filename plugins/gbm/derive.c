/* Where boosting stands after a tree: residuals and weights of all rows, the loss, and both sums of a row as one word. Promises the same
 * bits on every machine: each operation is one correctly rounded one of IEEE 754, in the order of rows, so the compiler may work on as many
 * rows side by side as the machine has room for (the loops are compiled three times, and hold no branch). Runs in the training child. */
#include "common/exponential.h"
#include "train.h"
#include <math.h>
#include <string.h>

#define WAY_INLINE static inline __attribute__((always_inline))

WAY_INLINE void derive_logistic(const double *margin, const double *target, double *residual, double *weight, uint32_t rows) {
  for (uint32_t r = 0; r < rows; r++) {
    const double f = margin[r], e = exp_down(-fabs(f)), share = 1 / (1 + e); /* logistic() without its branch */
    const double p = (f < 0 ? e : 1) * share;
    residual[r] = target[r] - p;
    weight[r] = p * (1 - p);
  }
}

/* Adding it leaves the nearest whole number, ties to even, in the low bits: what lrint gives for numbers below 2^51. */
#define WHOLE 0x1.8p52

WAY_INLINE int64_t whole(double number) {
  const double magic = WHOLE, sum = number + WHOLE;
  int64_t bits, less;
  memcpy(&bits, &sum, sizeof bits);
  memcpy(&less, &magic, sizeof less);
  return bits - less;
}

WAY_INLINE void pack_loop(const double *residual, const double *weight, double residual_scale, double weight_scale, int64_t *sums,
                          uint32_t rows) {
  for (uint32_t r = 0; r < rows; r++) sums[r] = whole(residual[r] * residual_scale) * (INT64_C(1) << 32) + whole(weight[r] * weight_scale);
}

/* log(1 + e^-|f|) of many rows is the logarithm of one product; 256 factors of at most 2 are far from too large. */
#define FACTORS 256
WAY_INLINE double product_of(const double *margin, uint32_t rows) {
  double factor[FACTORS], product = 1;
  for (uint32_t r = 0; r < rows; r++) factor[r] = 1 + exp_down(-fabs(margin[r]));
  for (uint32_t r = 0; r < rows; r++) product *= factor[r];
  return product;
}

#define COMPILED(name, ATTRIBUTE)                                                                                                          \
  ATTRIBUTE static void derive_##name(const double *m, const double *t, double *r, double *w, uint32_t n) {                                \
    derive_logistic(m, t, r, w, n);                                                                                                        \
  }                                                                                                                                        \
  ATTRIBUTE static void pack_##name(const double *r, const double *w, double rs, double ws, int64_t *s, uint32_t n) {                      \
    pack_loop(r, w, rs, ws, s, n);                                                                                                         \
  }                                                                                                                                        \
  ATTRIBUTE static double product_##name(const double *m, uint32_t n) {                                                                    \
    return product_of(m, n);                                                                                                               \
  }
COMPILED(portable, )
#if defined(__x86_64__)
COMPILED(half, __attribute__((target("avx2"))))
COMPILED(wide, __attribute__((target("avx512f,avx512dq"))))
#endif

#if defined(__x86_64__)
#define CALL(what, ...)                                                                                                                    \
  (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") ? what##_wide(__VA_ARGS__)                                      \
   : __builtin_cpu_supports("avx2")                                        ? what##_half(__VA_ARGS__)                                      \
                                                                           : what##_portable(__VA_ARGS__))
#else
#define CALL(what, ...) what##_portable(__VA_ARGS__)
#endif

void stage_derive(struct stage *s) {
  const uint32_t rows = s->table->rows;
  const double *target = s->table->target;
  if (s->settings->objective == OBJECTIVE_LOGISTIC) CALL(derive, s->margin, target, s->residual, s->weight, rows);
  else
    for (uint32_t r = 0; r < rows; r++) s->residual[r] = target[r] - s->margin[r];
}

void stage_pack(const struct stage *s, double residual_scale, double weight_scale, int64_t *sums) {
  CALL(pack, s->residual, s->weight, residual_scale, weight_scale, sums, s->table->rows);
}

double stage_loss(const struct stage *s) {
  const uint32_t rows = s->table->rows;
  const bool logistic = s->settings->objective == OBJECTIVE_LOGISTIC;
  double sum = 0;
  for (uint32_t r = 0; r < rows; r++) {
    const double f = s->margin[r], y = s->table->target[r];
    sum += logistic ? fmax(f, 0) - f * y : (y - f) * (y - f);
  }
  for (uint32_t r = 0; logistic && r < rows; r += FACTORS)
    sum += log(CALL(product, s->margin + r, rows - r < FACTORS ? rows - r : FACTORS));
  return sum / rows;
}
