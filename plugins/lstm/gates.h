/* The gates of an LSTM, elementwise over rows of hidden16 units: forward, forward with everything kept for learning, and backward. A step
 * that is missing carries h and c on unchanged. A template, see lanes.h. */
#ifndef KAIROS_LSTM_GATES_H
#define KAIROS_LSTM_GATES_H
#include "lanes.h"
#include <string.h>

static inline lanes lanes_sigmoid(lanes x) {
  return lanes_all(1) / (lanes_all(1) + lanes_exp(-x));
}

static inline lanes lanes_tanh(lanes x) {
  const lanes e = lanes_exp(lanes_all(-2) * x);
  return (lanes_all(1) - e) / (lanes_all(1) + e);
}

/* One row of one step. z: [4][units]; c is changed in place. With e_x = e^-z_x (e_g = e^-2 z_g) two divisions do for five:
 *   c = [c (1 + e_i)(1 + e_g) + (1 - e_g)(1 + e_f)] / [(1 + e_i)(1 + e_g)(1 + e_f)]     h = (1 - e_c) / [(1 + e_c)(1 + e_o)] */
static inline void gates_row(size_t units, const real *z, real *c, real *h) {
  const lanes one = lanes_all(1);
  for (size_t u = 0; u < units; u += LANES) {
    const lanes i = one + lanes_exp(-lanes_load(z + u)), f = one + lanes_exp(-lanes_load(z + units + u));
    const lanes e = lanes_exp(lanes_all(-2) * lanes_load(z + 2 * units + u)), o = one + lanes_exp(-lanes_load(z + 3 * units + u));
    const lanes ig = i * (one + e);
    const lanes cell = lanes_fma(lanes_load(c + u), ig, (one - e) * f) / (ig * f);
    const lanes ec = lanes_exp(lanes_all(-2) * cell);
    lanes_store(c + u, cell);
    lanes_store(h + u, (one - ec) / ((one + ec) * o));
  }
}

/* `before`: h of the step before, NULL when there is none. `present`: of the rows. */
static void gates(size_t rows, size_t units, const real *z, const unsigned char *present, const real *before, real *c, real *h) {
  for (size_t r = 0; r < rows; r++) {
    if (present[r]) gates_row(units, z + r * 4 * units, c + r * units, h + r * units);
    else if (!before) memset(h + r * units, 0, units * sizeof *h);
    else if (before != h) memcpy(h + r * units, before + r * units, units * sizeof *h);
  }
}

/* The same, keeping i, f, g, o in z's place, and every step's c and tanh(c). */
static inline void gates_keep_row(size_t units, real *z, const real *c_before, real *c, real *tanh_c, real *h) {
  for (size_t u = 0; u < units; u += LANES) {
    const lanes i = lanes_sigmoid(lanes_load(z + u)), f = lanes_sigmoid(lanes_load(z + units + u));
    const lanes g = lanes_tanh(lanes_load(z + 2 * units + u)), o = lanes_sigmoid(lanes_load(z + 3 * units + u));
    lanes cell = i * g;
    if (c_before) cell = lanes_fma(f, lanes_load(c_before + u), cell);
    const lanes t = lanes_tanh(cell);
    lanes_store(z + u, i);
    lanes_store(z + units + u, f);
    lanes_store(z + 2 * units + u, g);
    lanes_store(z + 3 * units + u, o);
    lanes_store(c + u, cell);
    lanes_store(tanh_c + u, t);
    lanes_store(h + u, o * t);
  }
}

static void carry_on(real *to, const real *from, size_t units) {
  if (from) memcpy(to, from, units * sizeof *to);
  else memset(to, 0, units * sizeof *to);
}

static void gates_keep(size_t rows, size_t units, real *z, const unsigned char *present, const real *c_before, const real *h_before,
                       real *c, real *tanh_c, real *h) {
  for (size_t r = 0; r < rows; r++) {
    const size_t at = r * units;
    if (present[r]) {
      gates_keep_row(units, z + 4 * at, c_before ? c_before + at : NULL, c + at, tanh_c + at, h + at);
      continue;
    }
    carry_on(c + at, c_before ? c_before + at : NULL, units);
    carry_on(h + at, h_before ? h_before + at : NULL, units);
  }
}

/* One row of one step backwards. z: i, f, g, o; becomes the gradient of z. dc: of this step's c, becomes that of the step before. */
static inline void gates_back_row(size_t units, real *z, const real *c_before, const real *tanh_c, const real *dh, const real *more,
                                  real *dc) {
  const lanes one = lanes_all(1);
  for (size_t u = 0; u < units; u += LANES) {
    const lanes i = lanes_load(z + u), f = lanes_load(z + units + u), g = lanes_load(z + 2 * units + u);
    const lanes o = lanes_load(z + 3 * units + u), t = lanes_load(tanh_c + u);
    lanes d = lanes_load(dh + u), before = lanes_all(0);
    if (more) d = d + lanes_load(more + u);
    if (c_before) before = lanes_load(c_before + u);
    const lanes dcell = lanes_fma(d * o, one - t * t, lanes_load(dc + u));
    lanes_store(z + u, dcell * g * i * (one - i));
    lanes_store(z + units + u, dcell * before * f * (one - f));
    lanes_store(z + 2 * units + u, dcell * i * (one - g * g));
    lanes_store(z + 3 * units + u, d * t * o * (one - o));
    lanes_store(dc + u, dcell * f);
  }
}

/* dh: of this step's h, from the steps after; `more`: from what reads h now (NULL: nothing does). `carry` becomes what a missing step hands
 * on unchanged, 0 in all other rows. */
static void gates_back(size_t rows, size_t units, real *z, const unsigned char *present, const real *c_before, const real *tanh_c,
                       const real *dh, const real *more, real *dc, real *carry) {
  for (size_t r = 0; r < rows; r++) {
    const size_t at = r * units;
    if (present[r]) {
      gates_back_row(units, z + 4 * at, c_before ? c_before + at : NULL, tanh_c + at, dh + at, more ? more + at : NULL, dc + at);
      memset(carry + at, 0, units * sizeof *carry);
      continue;
    }
    memset(z + 4 * at, 0, 4 * units * sizeof *z);
    for (size_t u = 0; u < units; u++) carry[at + u] = more ? dh[at + u] + more[at + u] : dh[at + u];
  }
}

#endif
