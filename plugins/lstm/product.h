/* C = start + A · B, or C += A · B: the one product of matrices that forward, backward and gradients are made of. Each number of C is one
 * chain of fused multiply-adds over k in rising order, whatever the sizes and however the work is cut, so a row of a batch has the bits it
 * has alone. A template, see lanes.h.
 *   A(m, k) = a.at[m · row + k · step]     each number is used for all columns
 *   B(k, n) = b.at[n / 64 · tile + k · step + n % 64]     columns lie in tiles of 64
 *   C(m, n) = c.at[n / 64 · tile + m · row + n % 64] */
#ifndef KAIROS_LSTM_PRODUCT_H
#define KAIROS_LSTM_PRODUCT_H
#include "lanes.h"

struct left {
  const real *at;
  size_t row, step;
};
struct right {
  const real *at;
  size_t step, tile;
};
struct result {
  real *at;
  size_t row, tile;
  const real *start; /* a row that every row begins with; NULL: with what is there */
  bool backwards;    /* tiles from last to first: what was used last is still in the cache */
};

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CHECKED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CHECKED 1
#endif
#endif

/* How many rows and lanes of C stay in registers. A build that checks every access takes one row at a time: unrolled, the checks alone
 * would keep a compiler busy for minutes. */
#if CHECKED
#define ROWS_AT_ONCE    1
#define COLUMNS_AT_ONCE 16
#elif LANES == 16
#define ROWS_AT_ONCE    6
#define COLUMNS_AT_ONCE 64
#elif LANES == 8
#define ROWS_AT_ONCE    6
#define COLUMNS_AT_ONCE 16
#else
#define ROWS_AT_ONCE    4
#define COLUMNS_AT_ONCE 16
#endif
#define LANES_MOST   (64 / LANES)
#define DEPTH_ATONCE 128 /* of k, so that a tile of B stays in the first cache */

#if CHECKED
#define UNROLL
#define INLINED
#else
#define UNROLL  _Pragma("GCC unroll 16")
#define INLINED __attribute__((always_inline))
#endif

/* `rows` and `columns` (in lanes) are constants wherever it is inlined. */
static inline INLINED void product_block(const size_t rows, const size_t columns, size_t depth, const real *a, size_t a_row, size_t a_step,
                                         const real *b, size_t b_step, real *c, size_t c_row, const real *start) {
  lanes sum[ROWS_AT_ONCE][LANES_MOST];
  UNROLL for (size_t r = 0; r < rows; r++) {
    const real *from = start ? start : c + r * c_row;
    UNROLL for (size_t v = 0; v < columns; v++) sum[r][v] = lanes_load(from + v * LANES);
  }
  for (size_t k = 0; k < depth; k++, a += a_step, b += b_step) {
    lanes right[LANES_MOST];
    UNROLL for (size_t v = 0; v < columns; v++) right[v] = lanes_load(b + v * LANES);
    UNROLL for (size_t r = 0; r < rows; r++) {
      const lanes left = lanes_all(a[r * a_row]);
      UNROLL for (size_t v = 0; v < columns; v++) sum[r][v] = lanes_fma(left, right[v], sum[r][v]);
    }
  }
  UNROLL for (size_t r = 0; r < rows; r++) {
    UNROLL for (size_t v = 0; v < columns; v++) lanes_store(c + r * c_row + v * LANES, sum[r][v]);
  }
}

/* All rows of some columns of one tile. */
static inline INLINED void product_strip(const size_t columns, size_t m, size_t depth, struct left a, const real *b, size_t b_step, real *c,
                                         size_t c_row, const real *start) {
  size_t r = 0;
  for (; r + ROWS_AT_ONCE <= m; r += ROWS_AT_ONCE)
    product_block(ROWS_AT_ONCE, columns, depth, a.at + r * a.row, a.row, a.step, b, b_step, c + r * c_row, c_row, start);
  a.at += r * a.row;
  c += r * c_row;
#if ROWS_AT_ONCE > 1
  switch (m - r) {
#if ROWS_AT_ONCE > 4
  case 5: product_block(5, columns, depth, a.at, a.row, a.step, b, b_step, c, c_row, start); break;
  case 4: product_block(4, columns, depth, a.at, a.row, a.step, b, b_step, c, c_row, start); break;
#endif
  case 3: product_block(3, columns, depth, a.at, a.row, a.step, b, b_step, c, c_row, start); break;
  case 2: product_block(2, columns, depth, a.at, a.row, a.step, b, b_step, c, c_row, start); break;
  case 1: product_block(1, columns, depth, a.at, a.row, a.step, b, b_step, c, c_row, start); break;
  default: break;
  }
#endif
}

static __attribute__((noinline)) void product_tile(size_t m, size_t n, size_t depth, struct left a, const real *b, size_t b_step, real *c,
                                                   size_t c_row, const real *start) {
  size_t column = 0;
#if COLUMNS_AT_ONCE == 64
  if (n == 64) {
    product_strip(64 / LANES, m, depth, a, b, b_step, c, c_row, start);
    return;
  }
#else
  if (m == 1 && n == 64) { /* one row alone has too few sums to keep the machine busy 16 columns at a time */
    product_block(1, 64 / LANES, depth, a.at, a.row, a.step, b, b_step, c, c_row, start);
    return;
  }
#endif
  for (; column < n; column += 16)
    product_strip(16 / LANES, m, depth, a, b + column, b_step, c + column, c_row, start ? start + column : NULL);
}

/* n: a multiple of 16. */
static inline void product(size_t m, size_t n, size_t k, struct left a, struct right b, struct result c) {
  const size_t tiles = (n + 63) / 64;
  for (size_t done = 0; done < k; done += DEPTH_ATONCE) {
    const size_t depth = k - done < DEPTH_ATONCE ? k - done : DEPTH_ATONCE;
    const struct left part = {a.at + done * a.step, a.row, a.step};
    for (size_t i = 0; i < tiles; i++) {
      const size_t t = c.backwards ? tiles - 1 - i : i, columns = n - 64 * t < 64 ? n - 64 * t : 64;
      const real *start = done == 0 && c.start ? c.start + 64 * t : NULL;
      product_tile(m, columns, depth, part, b.at + t * b.tile + done * b.step, b.step, c.at + t * c.tile, c.row, start);
    }
  }
}

#endif
