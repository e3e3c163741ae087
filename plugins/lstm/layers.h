/* Through the layers: weights into a kernel's order and back, rows of a batch into steps, and forward to the logits. A template, see
 * lanes.h. */
#ifndef KAIROS_LSTM_LAYERS_H
#define KAIROS_LSTM_LAYERS_H
#include "gates.h"
#include "product.h"

/* ---- weights ---- */

/* Where unit `unit` of gate `gate` stands in a packed matrix of `depth` rows, at depth k. */
static inline size_t packed_at(const struct lstm_layer *l, size_t depth, size_t k, size_t gate, size_t unit) {
  const size_t column = gate * l->hidden16 + unit;
  return column / 64 * depth * 64 + k * 64 + column % 64;
}

/* Walks every weight of the canonical order with its place in the packed one; `packing` says which way. */
static void repack(const struct plan *p, double *canonical, real *packed, bool packing) {
#define MOVE(from, to)                                                                                                                     \
  do {                                                                                                                                     \
    if (packing) packed[to] = REAL(canonical[from]);                                                                                       \
    else canonical[from] = (double)packed[to];                                                                                             \
  } while (0)
  for (uint32_t n = 0; n < p->lstm_count; n++) {
    const struct lstm_layer *l = &p->lstm[n];
    for (size_t gate = 0; gate < 4; gate++)
      for (size_t unit = 0; unit < l->hidden; unit++) {
        const size_t row = gate * l->hidden + unit;
        for (size_t k = 0; k < l->inputs; k++) MOVE(l->from_w + row * l->inputs + k, l->w + packed_at(l, l->inputs, k, gate, unit));
        for (size_t k = 0; k < l->hidden; k++) MOVE(l->from_u + row * l->hidden + k, l->u + packed_at(l, l->hidden, k, gate, unit));
        MOVE(l->from_b + row, l->b + gate * l->hidden16 + unit);
      }
  }
  for (uint32_t n = 0; n < p->dense_count; n++) {
    const struct dense_layer *d = &p->dense[n];
    for (size_t row = 0; row < d->outputs; row++) {
      for (size_t k = 0; k < d->inputs; k++) MOVE(d->from_w + row * d->inputs + k, d->w + k * d->outputs16 + row);
      MOVE(d->from_b + row, d->b + row);
    }
  }
#undef MOVE
}

static void pack(const struct plan *p, const double *canonical, void *packed) {
  double *from;
  memcpy(&from, &canonical, sizeof from); /* only read when packing */
  memset(packed, 0, p->packed * sizeof(real));
  repack(p, from, packed, true);
}

static void unpack(const struct plan *p, const void *packed, double *canonical) {
  real *from;
  memcpy(&from, &packed, sizeof from); /* only read when unpacking */
  repack(p, canonical, from, false);
}

/* ---- rows of a batch ---- */

static inline bool bit_of(const uint64_t *bits, size_t number) {
  return !bits || (bits[number / 64] >> (number % 64) & 1);
}

/* One input of one row into every step; a value that is missing or not finite counts as the training mean. */
static void gather_input(const struct plan *p, const struct scaling *s, const kairos_column *column, uint32_t input, size_t row, real *x,
                         size_t stride, unsigned char *present, size_t rows) {
  const size_t first = row * p->steps;
  const double *values = (const double *)column->data + first, mean = s->mean[input], factor = s->factor[input];
  for (size_t t = 0; t < p->steps; t++, x += stride, present += rows) {
    const double value = values[t];
    const bool known = bit_of(column->valid, first + t) && value - value == 0;
    const double z = (value - mean) * factor;
    x[input] = known ? REAL(z > LSTM_NUMBER_MOST ? LSTM_NUMBER_MOST : z < -LSTM_NUMBER_MOST ? -LSTM_NUMBER_MOST : z) : 0;
    if (s->flags) x[s->inputs + input] = known ? 0 : 1;
    if (known) *present = 1;
  }
}

static void gather(const struct plan *p, const struct scaling *s, const kairos_batch *in, const uint32_t *rows, uint32_t first,
                   uint32_t count, struct workspace *w) {
  const size_t stride = (size_t)count * p->features;
  memset(w->present, 0, (size_t)p->steps * count);
  for (uint32_t r = 0; r < count; r++) {
    const size_t row = rows ? rows[r] : first + r;
    for (uint32_t c = 0; c < s->inputs; c++)
      gather_input(p, s, in->columns[c], c, row, (real *)w->x + (size_t)r * p->features, stride, w->present + r, count);
    w->known[r] = 0;
    for (size_t t = 0; t < p->steps; t++) w->known[r] += w->present[t * count + r];
  }
}

/* ---- forward ---- */

static bool any_present(const unsigned char *present, size_t rows) {
  for (size_t r = 0; r < rows; r++)
    if (present[r]) return true;
  return false;
}

/* One layer over the steps from `begin` to before `end`, its h of every step kept where another layer reads it. Whoever begins later has
 * put the layer's c, and h of the step before, in their places. What is projected at once (W x + b of some steps) is bounded, so that long
 * windows need no more scratch. */
static void layer_forward(const struct plan *p, uint32_t n, const real *weights, const struct workspace *w, size_t rows, const real *x,
                          size_t begin, size_t end) {
  const struct lstm_layer *l = &p->lstm[n];
  const size_t wide = 4 * (size_t)l->hidden16, units = l->hidden16, keep = n + 1 < p->lstm_count ? rows * units : 0;
  real *z = w->lstm[n].z, *h = w->lstm[n].h, *c = w->lstm[n].c;
  if (begin == 0) memset(c, 0, rows * units * sizeof *c);
  if (begin == 0 && !keep) memset(h, 0, rows * units * sizeof *h);
  for (size_t t = begin; t < end; t++) {
    if (t == begin || t % STEPS_AT_ONCE == 0) {
      const size_t room = STEPS_AT_ONCE - t % STEPS_AT_ONCE, some = end - t < room ? end - t : room;
      product(some * rows, wide, l->inputs, (struct left){x + t * rows * l->stride, l->stride, 1},
              (struct right){weights + l->w, 64, (size_t)l->inputs * 64},
              (struct result){z + t % STEPS_AT_ONCE * rows * wide, wide, 64, weights + l->b, false});
    }
    const unsigned char *present = w->present + t * rows;
    real *zt = z + t % STEPS_AT_ONCE * rows * wide, *before = t ? h + (t - 1) * keep : NULL;
    if (before && any_present(present, rows))
      product(rows, wide, l->hidden, (struct left){before, units, 1}, (struct right){weights + l->u, 64, (size_t)l->hidden * 64},
              (struct result){zt, wide, 64, NULL, t % 2 == 1});
    gates(rows, units, zt, present, before, c, h + t * keep);
  }
}

static void dense_forward(const struct plan *p, const real *weights, const struct workspace *w, size_t rows, const real *h, size_t stride) {
  for (uint32_t n = 0; n < p->dense_count; n++) {
    const struct dense_layer *d = &p->dense[n];
    real *out = w->dense[n + 1];
    product(rows, d->outputs16, d->inputs, (struct left){n ? w->dense[n] : h, n ? d->inputs16 : stride, 1},
            (struct right){weights + d->w, d->outputs16, 64}, (struct result){out, d->outputs16, 64, weights + d->b, false});
    if (n + 1 < p->dense_count)
      for (size_t i = 0; i < rows * d->outputs16; i++) out[i] = out[i] > 0 ? out[i] : 0;
  }
  const real *logits = w->dense[p->dense_count];
  for (size_t r = 0; r < rows; r++) w->logits[r] = (double)logits[r * p->dense[p->dense_count - 1].outputs16];
}

static void forward(const struct plan *p, const void *packed, struct workspace *w, uint32_t count, uint32_t begin, uint32_t end) {
  const real *x = w->x;
  for (uint32_t n = 0; n < p->lstm_count; n++) {
    layer_forward(p, n, packed, w, count, x, begin, end);
    x = w->lstm[n].h;
  }
  if (end == p->steps) dense_forward(p, packed, w, count, x, p->lstm[p->lstm_count - 1].hidden16);
}

static void predict(const struct plan *p, const void *packed, struct workspace *w, uint32_t count) {
  forward(p, packed, w, count, 0, p->steps);
}

#endif
