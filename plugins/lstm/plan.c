/* Where everything of a network stands: weights in both orders, and the scratch of one call. Promises that parts never overlap, that padded
 * places are 0 and stay so, and that sizes which a configuration may ask for fit a size_t. Knows nothing of values. Called while a model is
 * built, and by sessions when they open. */
#include "common/memory.h"
#include "lstm.h"
#include <string.h>

#define ALIGNMENT 64

static uint32_t up16(uint32_t n) {
  return (n + 15) / 16 * 16;
}

static size_t place(size_t *total, size_t count) {
  const size_t at = *total;
  *total += (count + 15) / 16 * 16; /* every part begins with a whole vector */
  return at;
}

static size_t place_tight(size_t *total, size_t count) {
  const size_t at = *total;
  *total += count;
  return at;
}

static void plan_lstm(struct plan *p, struct lstm_layer *l, uint32_t inputs, uint32_t stride, uint32_t hidden, bool first) {
  *l = (struct lstm_layer){.inputs = inputs, .hidden = hidden, .inputs16 = up16(inputs), .hidden16 = up16(hidden), .stride = stride};
  const size_t wide = 4 * (size_t)l->hidden16, rows = 4 * (size_t)hidden;
  l->w = place(&p->packed, inputs * wide);
  l->u = place(&p->packed, hidden * wide);
  l->b = place(&p->packed, wide);
  if (!first) l->back_w = place(&p->transposed, wide * l->inputs16);
  l->back_u = place(&p->transposed, wide * l->hidden16);
  l->from_w = place_tight(&p->canonical, rows * inputs);
  l->from_u = place_tight(&p->canonical, rows * hidden);
  l->from_b = place_tight(&p->canonical, rows);
}

static void plan_dense(struct plan *p, struct dense_layer *d, uint32_t inputs, uint32_t outputs) {
  *d = (struct dense_layer){.inputs = inputs, .outputs = outputs, .inputs16 = up16(inputs), .outputs16 = up16(outputs)};
  d->w = place(&p->packed, (size_t)inputs * d->outputs16);
  d->b = place(&p->packed, d->outputs16);
  d->back_w = place(&p->transposed, (size_t)outputs * d->inputs16);
  d->from_w = place_tight(&p->canonical, (size_t)outputs * inputs);
  d->from_b = place_tight(&p->canonical, outputs);
}

struct plan plan_of(const struct settings *s) {
  struct plan p = {.steps = s->steps, .features = s->shape.input_count * (s->flags ? 2 : 1), .lstm_count = s->lstm_count};
  uint32_t inputs = p.features, stride = p.features;
  for (uint32_t n = 0; n < s->lstm_count; n++) {
    plan_lstm(&p, &p.lstm[n], inputs, stride, s->lstm[n], n == 0);
    inputs = s->lstm[n];
    stride = p.lstm[n].hidden16;
  }
  for (uint32_t n = 0; n < s->dense_count; n++) {
    plan_dense(&p, &p.dense[p.dense_count++], inputs, s->dense[n]);
    inputs = s->dense[n];
  }
  plan_dense(&p, &p.dense[p.dense_count++], inputs, 1);
  return p;
}

/* ---- one block, cut into parts: first only counted, then handed out ---- */

struct cutter {
  char *at; /* NULL while counting */
  size_t used;
};

static void *cut(struct cutter *c, size_t count, size_t size) {
  void *part = c->at ? c->at + c->used : NULL;
  c->used += (count * size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  return part;
}

/* A zeroed block of that many bytes whose first part is aligned; NULL: no memory. */
static char *take_aligned(const kairos_host *host, size_t bytes, void **block, size_t *size) {
  *size = bytes + ALIGNMENT;
  *block = memory_take(host, *size, 1);
  if (!*block) return NULL;
  const uintptr_t at = (uintptr_t)*block;
  return (char *)*block + (ALIGNMENT - at % ALIGNMENT) % ALIGNMENT;
}

/* ---- a network ---- */

static void cut_network(struct network *n, struct cutter *c, const struct plan *p, const struct kernels *k) {
  n->packed = cut(c, p->packed, k->real_size);
  n->weights = cut(c, p->canonical, sizeof(double));
  n->mean = cut(c, n->inputs, sizeof(double));
  n->factor = cut(c, n->inputs, sizeof(double));
}

bool network_new(struct network *n, const kairos_host *host, const struct plan *p, const struct kernels *k, uint32_t inputs) {
  struct cutter c = {0};
  *n = (struct network){.inputs = inputs};
  cut_network(n, &c, p, k);
  c.at = take_aligned(host, c.used, &n->block, &n->size);
  if (!c.at) return false;
  c.used = 0;
  cut_network(n, &c, p, k);
  for (uint32_t i = 0; i < inputs; i++) n->factor[i] = 1;
  return true;
}

void network_free(struct network *n, const kairos_host *host) {
  memory_give(host, n->block, n->size, 1);
  *n = (struct network){0};
}

void model_adopt(kairos_model *model, struct network *network) {
  for (size_t i = 0; i < model->plan.canonical && !model->settings.exact; i++) network->weights[i] = (double)(float)network->weights[i];
  model->kernels->pack(&model->plan, network->weights, network->packed);
  if (model->trained) network_free(&model->network, model->host);
  model->network = *network;
  model->trained = true;
  model->adopted++;
}

struct scaling model_scaling(const kairos_model *model, const struct network *n) {
  return (struct scaling){n->mean, n->factor, n->inputs, model->settings.flags};
}

/* ---- scratch ---- */

static void cut_layers(struct workspace *w, struct cutter *c, const struct plan *p, size_t real_size) {
  for (uint32_t n = 0; n < p->lstm_count; n++) {
    struct lstm_work *l = &w->lstm[n];
    const size_t row = (size_t)w->rows * p->lstm[n].hidden16, all = p->steps * row;
    const size_t projected = p->steps < STEPS_AT_ONCE ? p->steps : STEPS_AT_ONCE;
    l->z = cut(c, 4 * (w->learning ? all : projected * row), real_size);
    l->h = cut(c, w->learning || n + 1 < p->lstm_count ? all : row, real_size);
    l->c = cut(c, w->learning ? all : row, real_size);
    if (!w->learning) continue;
    l->tanh_c = cut(c, all, real_size);
    l->dropped = cut(c, all, real_size);
    l->kept = cut(c, all, 1);
  }
  for (uint32_t n = 0; n < p->dense_count; n++) w->dense[n + 1] = cut(c, (size_t)w->rows * p->dense[n].outputs16, real_size);
}

static void cut_learning(struct workspace *w, struct cutter *c, const struct plan *p, size_t real_size) {
  size_t widest = 16;
  for (uint32_t n = 0; n < p->lstm_count; n++) widest = p->lstm[n].hidden16 > widest ? p->lstm[n].hidden16 : widest;
  for (uint32_t n = 0; n < p->dense_count; n++) widest = p->dense[n].inputs16 > widest ? p->dense[n].inputs16 : widest;
  w->weights = cut(c, p->packed, real_size);
  w->gradient = cut(c, p->packed, real_size);
  w->momentum = cut(c, p->packed, real_size);
  w->square = cut(c, p->packed, real_size);
  w->transposed = cut(c, p->transposed, real_size);
  w->in_gradient = cut(c, p->steps * w->rows * widest, real_size);
  w->dh = cut(c, w->rows * widest, real_size);
  w->dc = cut(c, w->rows * widest, real_size);
  w->carry = cut(c, w->rows * widest, real_size);
  for (int i = 0; i < 2; i++) w->dense_gradient[i] = cut(c, w->rows * widest, real_size);
}

static void cut_workspace(struct workspace *w, struct cutter *c, const struct plan *p, const struct kernels *k) {
  w->x = cut(c, (size_t)p->steps * w->rows * p->features, k->real_size);
  w->present = cut(c, (size_t)p->steps * w->rows, 1);
  w->known = cut(c, w->rows, sizeof *w->known);
  w->logits = cut(c, w->rows, sizeof(double));
  w->targets = cut(c, w->rows, sizeof(double));
  cut_layers(w, c, p, k->real_size);
  if (w->learning) cut_learning(w, c, p, k->real_size);
}

bool workspace_new(struct workspace *w, const kairos_host *host, const struct plan *p, const struct kernels *k, uint32_t rows,
                   bool learning) {
  struct cutter c = {0};
  *w = (struct workspace){.rows = rows, .learning = learning};
  cut_workspace(w, &c, p, k);
  c.at = take_aligned(host, c.used, &w->block, &w->size);
  if (!c.at) return false;
  c.used = 0;
  cut_workspace(w, &c, p, k);
  return true;
}

void workspace_free(struct workspace *w, const kairos_host *host) {
  memory_give(host, w->block, w->size, 1);
  *w = (struct workspace){0};
}
