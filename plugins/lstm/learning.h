/* Learning: forward with everything kept, backpropagation through all steps, and Adam. No truncation: a window has as many steps as it has.
 * Sums go over rows and steps in one order, so the same rows give the same gradient on every machine. A template, see lanes.h. */
#ifndef KAIROS_LSTM_LEARNING_H
#define KAIROS_LSTM_LEARNING_H
#include "layers.h"

/* ---- forward ---- */

/* Inverted dropout: what is kept is divided by the share that is. Sixteen bits of chance an element. */
static void drop(struct lesson *l, const real *h, real *to, unsigned char *kept, size_t count) {
  const uint64_t dropped = (uint64_t)(l->dropout * 65536 + 0.5);
  const real scale = REAL(1 / (1 - l->dropout));
  for (size_t i = 0; i < count; i += 4) {
    const uint64_t draw = number_draw(&l->chance);
    for (size_t k = i; k < i + 4; k++) { /* hidden16 is a multiple of 4 */
      kept[k] = (draw >> (16 * (k - i)) & 0xFFFF) >= dropped;
      to[k] = kept[k] ? h[k] * scale : 0;
    }
  }
}

static void layer_keep(const struct plan *p, uint32_t n, const real *weights, const struct workspace *w, size_t rows, const real *x) {
  const struct lstm_layer *l = &p->lstm[n];
  const struct lstm_work *work = &w->lstm[n];
  const size_t units = l->hidden16, wide = 4 * units, step = rows * units;
  real *z = work->z, *h = work->h, *c = work->c, *tanh_c = work->tanh_c;
  product(p->steps * rows, wide, l->inputs, (struct left){x, l->stride, 1}, (struct right){weights + l->w, 64, (size_t)l->inputs * 64},
          (struct result){z, wide, 64, weights + l->b, false});
  for (size_t t = 0; t < p->steps; t++) {
    real *zt = z + t * rows * wide;
    if (t)
      product(rows, wide, l->hidden, (struct left){h + (t - 1) * step, units, 1},
              (struct right){weights + l->u, 64, (size_t)l->hidden * 64}, (struct result){zt, wide, 64, NULL, t % 2 == 1});
    gates_keep(rows, units, zt, w->present + t * rows, t ? c + (t - 1) * step : NULL, t ? h + (t - 1) * step : NULL, c + t * step,
               tanh_c + t * step, h + t * step);
  }
}

/* What layer n reads: the batch, or the layer before, thinned. */
static const real *layer_input(const struct lesson *l, uint32_t n) {
  return n == 0 ? l->work->x : l->dropout > 0 ? l->work->lstm[n - 1].dropped : l->work->lstm[n - 1].h;
}

static const real *last_h(const struct plan *p, const struct workspace *w, size_t rows) {
  const struct lstm_layer *last = &p->lstm[p->lstm_count - 1];
  return (const real *)w->lstm[p->lstm_count - 1].h + (p->steps - 1) * rows * last->hidden16;
}

static void forward_keeping(struct lesson *l, size_t rows) {
  const struct plan *p = l->plan;
  struct workspace *w = l->work;
  for (uint32_t n = 0; n < p->lstm_count; n++) {
    layer_keep(p, n, w->weights, w, rows, layer_input(l, n));
    if (n + 1 < p->lstm_count && l->dropout > 0)
      drop(l, w->lstm[n].h, w->lstm[n].dropped, w->lstm[n].kept, p->steps * rows * p->lstm[n].hidden16);
  }
  dense_forward(p, w->weights, w, rows, last_h(p, w, rows), p->lstm[p->lstm_count - 1].hidden16);
}

/* ---- backward ---- */

static const real nothing[LSTM_UNITS_MOST * 4 + 64]; /* a row to start from */
static const real one = 1;

/* Through the dense layers; leaves the gradient of the last h in w->dh. */
static void dense_backward(const struct plan *p, struct workspace *w, size_t rows, double share) {
  real *gradient = w->gradient, *dy = w->dense_gradient[0];
  const real *transposed = w->transposed;
  const size_t stride = p->lstm[p->lstm_count - 1].hidden16;
  memset(dy, 0, rows * 16 * sizeof *dy);
  for (size_t r = 0; r < rows; r++) dy[r * 16] = REAL((number_sigmoid(w->logits[r]) - w->targets[r]) * share);
  for (uint32_t n = p->dense_count; n-- > 0;) {
    const struct dense_layer *d = &p->dense[n];
    const real *x = n ? w->dense[n] : last_h(p, w, rows);
    const size_t x_row = n ? d->inputs16 : stride;
    real *dx = n ? w->dense_gradient[(p->dense_count - n) % 2] : w->dh;
    const struct right right = {dy, d->outputs16, 64};
    product(d->inputs, d->outputs16, rows, (struct left){x, 1, x_row}, right,
            (struct result){gradient + d->w, d->outputs16, 64, NULL, false});
    product(1, d->outputs16, rows, (struct left){&one, 0, 0}, right, (struct result){gradient + d->b, d->outputs16, 64, NULL, false});
    product(rows, d->inputs16, d->outputs, (struct left){dy, d->outputs16, 1}, (struct right){transposed + d->back_w, d->inputs16, 64},
            (struct result){dx, d->inputs16, 64, nothing, false});
    for (size_t i = 0; n && i < rows * d->inputs16; i++) dx[i] = x[i] > 0 ? dx[i] : 0;
    dy = dx;
  }
}

/* Through the steps of one layer: z becomes the gradient of z. `more`: of h at every step, from the layer above; NULL above the last. */
static void layer_backward(const struct plan *p, uint32_t n, struct workspace *w, size_t rows, const real *more) {
  const struct lstm_layer *l = &p->lstm[n];
  const size_t units = l->hidden16, wide = 4 * units, step = rows * units;
  real *z = w->lstm[n].z, *dh = w->dh, *carry = w->carry;
  const real *c = w->lstm[n].c, *tanh_c = w->lstm[n].tanh_c, *back = (const real *)w->transposed + l->back_u;
  memset(w->dc, 0, step * sizeof(real));
  if (more) memset(dh, 0, step * sizeof *dh);
  for (size_t t = p->steps; t-- > 0;) {
    gates_back(rows, units, z + t * rows * wide, w->present + t * rows, t ? c + (t - 1) * step : NULL, tanh_c + t * step, dh,
               more ? more + t * step : NULL, w->dc, carry);
    if (t == 0) break;
    product(rows, units, wide, (struct left){z + t * rows * wide, wide, 1}, (struct right){back, units, 64},
            (struct result){carry, units, 64, NULL, false});
    real *other = dh;
    dh = carry;
    carry = other;
  }
}

static void layer_gradient(const struct lesson *l, uint32_t n, size_t rows) {
  const struct plan *p = l->plan;
  const struct lstm_layer *layer = &p->lstm[n];
  const size_t units = layer->hidden16, wide = 4 * units, all = p->steps * rows;
  real *gradient = l->work->gradient;
  const real *dz = l->work->lstm[n].z, *h = l->work->lstm[n].h;
  product(layer->inputs, wide, all, (struct left){layer_input(l, n), 1, layer->stride}, (struct right){dz, wide, 64},
          (struct result){gradient + layer->w, 64, (size_t)layer->inputs * 64, NULL, false});
  if (p->steps > 1)
    product(layer->hidden, wide, all - rows, (struct left){h, 1, units}, (struct right){dz + rows * wide, wide, 64},
            (struct result){gradient + layer->u, 64, (size_t)layer->hidden * 64, NULL, false});
  product(1, wide, all, (struct left){&one, 0, 0}, (struct right){dz, wide, 64}, (struct result){gradient + layer->b, 64, 64, NULL, false});
}

/* The gradient of what layer n read, which is the h of the layer before, thinned. */
static void input_gradient(const struct lesson *l, uint32_t n, size_t rows, real *to) {
  const struct plan *p = l->plan;
  const struct lstm_layer *layer = &p->lstm[n];
  const size_t all = p->steps * rows, wide = 4 * (size_t)layer->hidden16, width = layer->inputs16;
  product(all, width, wide, (struct left){l->work->lstm[n].z, wide, 1},
          (struct right){(const real *)l->work->transposed + layer->back_w, width, 64}, (struct result){to, width, 64, nothing, false});
  const unsigned char *kept = l->work->lstm[n - 1].kept;
  const real scale = REAL(1 / (1 - l->dropout));
  for (size_t i = 0; l->dropout > 0 && i < all * width; i++) to[i] = kept[i] ? to[i] * scale : 0;
}

static double learn(struct lesson *l, uint32_t count, double share) {
  const struct plan *p = l->plan;
  struct workspace *w = l->work;
  double loss = 0;
  forward_keeping(l, count);
  for (uint32_t r = 0; r < count; r++) loss += number_loss(w->logits[r], w->targets[r]);
  dense_backward(p, w, count, share);
  const real *more = NULL;
  for (uint32_t n = p->lstm_count; n-- > 0;) {
    layer_backward(p, n, w, count, more);
    layer_gradient(l, n, count);
    if (n == 0) break;
    input_gradient(l, n, count, w->in_gradient);
    more = w->in_gradient;
  }
  return loss;
}

/* ---- weights ---- */

static void transpose(const struct plan *p, struct workspace *w) {
  const real *from = w->weights;
  real *to = w->transposed;
  for (uint32_t n = 0; n < p->lstm_count; n++) {
    const struct lstm_layer *l = &p->lstm[n];
    const size_t wide = 4 * (size_t)l->hidden16;
    for (size_t column = 0; column < wide; column++) {
      const real *u = from + l->u + column / 64 * l->hidden * 64 + column % 64,
                 *in = from + l->w + column / 64 * l->inputs * 64 + column % 64;
      for (size_t k = 0; k < l->hidden; k++) to[l->back_u + column * l->hidden16 + k] = u[k * 64];
      for (size_t k = 0; n && k < l->inputs; k++) to[l->back_w + column * l->inputs16 + k] = in[k * 64];
    }
  }
  for (uint32_t n = 0; n < p->dense_count; n++) {
    const struct dense_layer *d = &p->dense[n];
    for (size_t row = 0; row < d->outputs; row++)
      for (size_t k = 0; k < d->inputs; k++) to[d->back_w + row * d->inputs16 + k] = from[d->w + k * d->outputs16 + row];
  }
}

/* The root of the sum of squares; sixteen sums side by side on every machine. */
static double norm(const real *g, size_t count) {
  real sums[16] = {0};
  double all = 0;
  for (size_t i = 0; i < count; i += 16)
    for (size_t k = 0; k < 16; k += LANES) {
      const lanes v = lanes_load(g + i + k);
      lanes_store(sums + k, lanes_fma(v, v, lanes_load(sums + k)));
    }
  for (size_t k = 0; k < 16; k++) all += (double)sums[k];
  return sqrt(all);
}

/* m = b1 m + (1 - b1) g    v = b2 v + (1 - b2) g²    weight -= rate (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + epsilon) */
static double step(struct lesson *l, const struct adam *a) {
  real *weights = l->work->weights, *gradient = l->work->gradient, *momentum = l->work->momentum, *square = l->work->square;
  const size_t count = l->plan->packed;
  const double length = norm(gradient, count), shrink = a->clip > 0 && length > a->clip ? a->clip / (length + 1e-6) : 1;
  const lanes scale = lanes_all(REAL(shrink)), first = lanes_all(REAL(a->first)), first_rest = lanes_all(REAL(1 - a->first));
  const lanes second = lanes_all(REAL(a->second)), second_rest = lanes_all(REAL(1 - a->second)), epsilon = lanes_all(REAL(a->epsilon));
  const lanes rate = lanes_all(REAL(a->rate / (1 - a->first_power))), correct = lanes_all(REAL(1 / (1 - a->second_power)));
  for (size_t i = 0; i < count; i += LANES) {
    const lanes g = lanes_load(gradient + i) * scale;
    const lanes m = lanes_fma(first, lanes_load(momentum + i), first_rest * g);
    const lanes v = lanes_fma(second, lanes_load(square + i), second_rest * g * g);
    lanes_store(momentum + i, m);
    lanes_store(square + i, v);
    lanes_store(weights + i, lanes_load(weights + i) - rate * m / (lanes_sqrt(v * correct) + epsilon));
    lanes_store(gradient + i, lanes_all(0));
  }
  transpose(l->plan, l->work);
  return length;
}

#endif
