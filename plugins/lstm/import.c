/* Weights from safetensors. PyTorch: layers `….weight_ih_l0` [4H, in], `….weight_hh_l0` [4H, H], `….bias_ih_l0` and `….bias_hh_l0` [4H]
 * (added up), dense `….weight` [out, in] and `….bias` [out]. Keras: `…/kernel` [in, 4H], `…/recurrent_kernel` [H, 4H], `…/bias` [4H],
 * dense `…/kernel` [in, out] and `…/bias` [out]; a trailing ":0" is ignored. Both order gates i, f, g, o. Whatever the modules are called,
 * a layer takes the first one in natural order of names that has its shape. Optional `input_mean` and `input_scale` [inputs]: an input
 * counts as (value - mean) · scale. Promises that every tensor has a place and every place a tensor, all numbers usable, and that a refused
 * file leaves the model as it was. Called while a model is built. */
#include "common/refuse.h"
#include "tensors.h"
#include <string.h>

enum part { PART_W, PART_U, PART_B, PART_B2, PARTS, PART_MEAN = PARTS, PART_SCALE, PART_NONE };
enum layout { LAYOUT_PYTORCH, LAYOUT_KERAS };

struct group { /* the tensors of one module's layer */
  const char *prefix;
  size_t length;
  uint64_t number; /* of the layer in an nn.LSTM, from 1; 0: it is none */
  const struct tensor *part[PARTS];
  bool used;
};
struct match {
  const struct tensors *tensors;
  enum layout layout;
  uint32_t count;
  struct group at[TENSORS_MOST];
  const struct tensor *mean, *scale;
};

/* ---- what a tensor's name says ---- */

struct word {
  const char *text;
  enum part part;
};

static bool has_word(const char *at, size_t length, const char *word) {
  return strlen(word) == length && memcmp(at, word, length) == 0;
}

/* "weight_ih_l12": the word up to the l, then the layer's number. */
static enum part read_numbered(const char *at, size_t length, uint64_t *number) {
  static const struct word words[] = {{"weight_ih_l", PART_W}, {"weight_hh_l", PART_U}, {"bias_ih_l", PART_B}, {"bias_hh_l", PART_B2}};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    const size_t first = strlen(words[i].text);
    if (length <= first || length > first + 3 || memcmp(at, words[i].text, first) != 0) continue;
    for (size_t k = first; k < length; k++) {
      if (at[k] < '0' || at[k] > '9') return PART_NONE;
      *number = *number * 10 + (uint64_t)(at[k] - '0');
    }
    *number += 1;
    return words[i].part;
  }
  return PART_NONE;
}

static enum part read_name(enum layout layout, const struct tensor *tensor, struct group *group) {
  static const struct word pytorch[] = {{"weight", PART_W}, {"bias", PART_B}}, keras[] = {{"kernel", PART_W}, {"bias", PART_B}};
  static const struct word both[] = {{"recurrent_kernel", PART_U}, {"input_mean", PART_MEAN}, {"input_scale", PART_SCALE}};
  size_t length = tensor->length, cut = 0;
  if (layout == LAYOUT_KERAS && length > 2 && memcmp(tensor->name + length - 2, ":0", 2) == 0) length -= 2;
  for (size_t i = 0; i < length; i++)
    if (tensor->name[i] == (layout == LAYOUT_KERAS ? '/' : '.')) cut = i + 1;
  const char *last = tensor->name + cut;
  *group = (struct group){.prefix = tensor->name, .length = cut};
  length -= cut;
  for (size_t i = 0; i < 2; i++) {
    const struct word *w = layout == LAYOUT_KERAS ? &keras[i] : &pytorch[i];
    if (has_word(last, length, w->text)) return w->part;
  }
  for (size_t i = layout == LAYOUT_KERAS ? 0 : 1; i < 3; i++)
    if (has_word(last, length, both[i].text)) return both[i].part;
  return layout == LAYOUT_KERAS ? PART_NONE : read_numbered(last, length, &group->number);
}

/* ---- tensors into groups ---- */

/* Digits count as the number they write, so that lstm_2 comes before lstm_10. */
static int natural_order(const struct group *a, const struct group *b) {
  size_t i = 0, k = 0;
  while (i < a->length && k < b->length) {
    uint64_t x = 0, y = 0;
    const char c = a->prefix[i], d = b->prefix[k];
    if (c >= '0' && c <= '9' && d >= '0' && d <= '9') {
      for (; i < a->length && a->prefix[i] >= '0' && a->prefix[i] <= '9'; i++) x = x * 10 + (uint64_t)(a->prefix[i] - '0');
      for (; k < b->length && b->prefix[k] >= '0' && b->prefix[k] <= '9'; k++) y = y * 10 + (uint64_t)(b->prefix[k] - '0');
      if (x != y) return x < y ? -1 : 1;
      continue;
    }
    if (c != d) return (unsigned char)c < (unsigned char)d ? -1 : 1;
    i++;
    k++;
  }
  if (a->length - i != b->length - k) return a->length - i < b->length - k ? -1 : 1;
  return a->number < b->number ? -1 : a->number > b->number;
}

static kairos_status refuse_tensor(const struct tensor *t, const char *why, kairos_error *error) {
  return refuse(error, KAIROS_BAD_STATE, "safetensors: tensor '%.*s': %s", (int)(t->length < 100 ? t->length : 100), t->name, why);
}

static kairos_status sort_in(struct match *m, const struct tensor *tensor, kairos_error *error) {
  struct group group;
  const enum part part = read_name(m->layout, tensor, &group);
  if (part == PART_NONE)
    return refuse_tensor(tensor,
                         m->layout == LAYOUT_KERAS ? "its name ends in none of kernel, recurrent_kernel and bias"
                                                   : "its name ends in none of weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, weight "
                                                     "and bias",
                         error);
  if (part == PART_MEAN || part == PART_SCALE) {
    const struct tensor **place = part == PART_MEAN ? &m->mean : &m->scale;
    if (*place) return refuse_tensor(tensor, "there is a second one of that name", error);
    *place = tensor;
    return KAIROS_OK;
  }
  for (uint32_t i = 0; i < m->count; i++) {
    struct group *g = &m->at[i];
    if (g->length != group.length || g->number != group.number || memcmp(g->prefix, group.prefix, g->length) != 0) continue;
    if (g->part[part]) return refuse_tensor(tensor, "its layer has one already", error);
    g->part[part] = tensor;
    return KAIROS_OK;
  }
  group.part[part] = tensor;
  uint32_t at = m->count++;
  for (; at > 0 && natural_order(&m->at[at - 1], &group) > 0; at--) m->at[at] = m->at[at - 1];
  m->at[at] = group;
  return KAIROS_OK;
}

/* ---- groups into layers ---- */

static bool has_shape(const struct tensor *t, uint64_t first, uint64_t second) {
  if (!t) return false;
  return second ? t->dimensions == 2 && t->shape[0] == first && t->shape[1] == second : t->dimensions == 1 && t->shape[0] == first;
}

/* A matrix that a forward pass would multiply by from the left, [rows, columns]; Keras has it the other way round. */
static bool has_matrix(const struct match *m, const struct tensor *t, uint64_t rows, uint64_t columns) {
  return m->layout == LAYOUT_KERAS ? has_shape(t, columns, rows) : has_shape(t, rows, columns);
}

/* hidden 0: dense. */
static bool fits(const struct match *m, const struct group *g, uint64_t rows, uint64_t inputs, uint64_t hidden) {
  const bool second = hidden && m->layout == LAYOUT_PYTORCH;
  if (g->used || !has_matrix(m, g->part[PART_W], rows, inputs) || !has_shape(g->part[PART_B], rows, 0)) return false;
  if (hidden ? !has_matrix(m, g->part[PART_U], rows, hidden) : g->part[PART_U] != NULL) return false;
  return second ? has_shape(g->part[PART_B2], rows, 0) : g->part[PART_B2] == NULL;
}

static struct group *choose(struct match *m, uint64_t rows, uint64_t inputs, uint64_t hidden) {
  for (uint32_t i = 0; i < m->count; i++)
    if (fits(m, &m->at[i], rows, inputs, hidden)) {
      m->at[i].used = true;
      return &m->at[i];
    }
  return NULL;
}

static kairos_status take_number(double value, double *to, const struct tensor *t, uint64_t index, kairos_error *error) {
  if (!number_usable(value))
    return refuse(error, KAIROS_BAD_STATE, "safetensors: tensor '%.*s': number %llu is %g, expected one within ±%g",
                  (int)(t->length < 100 ? t->length : 100), t->name, (unsigned long long)index, value, LSTM_NUMBER_MOST);
  *to = value;
  return KAIROS_OK;
}

static kairos_status take_matrix(const struct match *m, const struct tensor *t, size_t rows, size_t columns, double *to,
                                 kairos_error *error) {
  kairos_status status = KAIROS_OK;
  for (size_t r = 0; r < rows; r++)
    for (size_t c = 0; c < columns && status == KAIROS_OK; c++) {
      const uint64_t index = m->layout == LAYOUT_KERAS ? c * rows + r : r * columns + c;
      status = take_number(tensor_number(m->tensors, t, index), &to[r * columns + c], t, index, error);
    }
  return status;
}

static kairos_status take_bias(const struct match *m, const struct group *g, size_t rows, double *to, kairos_error *error) {
  kairos_status status = KAIROS_OK;
  for (size_t r = 0; r < rows && status == KAIROS_OK; r++) {
    double more = 0;
    status = take_number(tensor_number(m->tensors, g->part[PART_B], r), &to[r], g->part[PART_B], r, error);
    if (status == KAIROS_OK && g->part[PART_B2])
      status = take_number(tensor_number(m->tensors, g->part[PART_B2], r), &more, g->part[PART_B2], r, error);
    if (status == KAIROS_OK) status = take_number(to[r] + more, &to[r], g->part[PART_B], r, error);
  }
  return status;
}

static kairos_status take_lstm(struct match *m, const struct lstm_layer *l, uint32_t number, struct network *n, kairos_error *error) {
  const size_t rows = 4 * (size_t)l->hidden;
  const struct group *g = choose(m, rows, l->inputs, l->hidden);
  if (!g && m->layout == LAYOUT_KERAS)
    return refuse(error, KAIROS_BAD_STATE,
                  "safetensors: lstm layer %u: nothing has a kernel [%u, %zu], a recurrent_kernel [%u, %zu] and a bias [%zu]", number,
                  l->inputs, rows, l->hidden, rows, rows);
  if (!g)
    return refuse(error, KAIROS_BAD_STATE,
                  "safetensors: lstm layer %u: nothing has a weight_ih [%zu, %u], a weight_hh [%zu, %u] and two biases [%zu]", number, rows,
                  l->inputs, rows, l->hidden, rows);
  kairos_status status = take_matrix(m, g->part[PART_W], rows, l->inputs, n->weights + l->from_w, error);
  if (status == KAIROS_OK) status = take_matrix(m, g->part[PART_U], rows, l->hidden, n->weights + l->from_u, error);
  return status == KAIROS_OK ? take_bias(m, g, rows, n->weights + l->from_b, error) : status;
}

static kairos_status take_dense(struct match *m, const struct dense_layer *d, uint32_t number, struct network *n, kairos_error *error) {
  const struct group *g = choose(m, d->outputs, d->inputs, 0);
  if (!g)
    return refuse(error, KAIROS_BAD_STATE, "safetensors: dense layer %u: nothing has %s [%u, %u] and a bias [%u]", number,
                  m->layout == LAYOUT_KERAS ? "a kernel" : "a weight", m->layout == LAYOUT_KERAS ? d->inputs : d->outputs,
                  m->layout == LAYOUT_KERAS ? d->outputs : d->inputs, d->outputs);
  const kairos_status status = take_matrix(m, g->part[PART_W], d->outputs, d->inputs, n->weights + d->from_w, error);
  return status == KAIROS_OK ? take_bias(m, g, d->outputs, n->weights + d->from_b, error) : status;
}

static kairos_status take_scaling(const struct match *m, struct network *n, kairos_error *error) {
  if (!m->mean && !m->scale) return KAIROS_OK;
  if (!has_shape(m->mean, n->inputs, 0) || !has_shape(m->scale, n->inputs, 0))
    return refuse(error, KAIROS_BAD_STATE, "safetensors: input_mean and input_scale: expected both, or none, of shape [%u]", n->inputs);
  for (uint32_t i = 0; i < n->inputs; i++) {
    n->mean[i] = tensor_number(m->tensors, m->mean, i);
    n->factor[i] = tensor_number(m->tensors, m->scale, i);
    if (!(n->mean[i] - n->mean[i] == 0) || !(n->factor[i] > 0 && n->factor[i] - n->factor[i] == 0))
      return refuse(error, KAIROS_BAD_STATE,
                    "safetensors: input %u: input_mean %g and input_scale %g, expected finite ones, the scale above 0", i, n->mean[i],
                    n->factor[i]);
  }
  return KAIROS_OK;
}

static kairos_status take_all(struct match *m, const struct plan *p, struct network *n, kairos_error *error) {
  kairos_status status = take_scaling(m, n, error);
  for (uint32_t i = 0; i < p->lstm_count && status == KAIROS_OK; i++) status = take_lstm(m, &p->lstm[i], i + 1, n, error);
  for (uint32_t i = 0; i < p->dense_count && status == KAIROS_OK; i++) status = take_dense(m, &p->dense[i], i + 1, n, error);
  for (uint32_t i = 0; i < m->count && status == KAIROS_OK; i++)
    for (int part = 0; part < PARTS && !m->at[i].used && status == KAIROS_OK; part++)
      if (m->at[i].part[part]) status = refuse_tensor(m->at[i].part[part], "the model's layers have no place for it", error);
  return status;
}

/* ---- the file ---- */

static kairos_status import(kairos_model *model, const kairos_reader *reader, enum layout layout, kairos_error *error) {
  struct tensors tensors;
  struct network n;
  struct match m = {.tensors = &tensors, .layout = layout};
  kairos_status status = tensors_read(&tensors, model->host, reader, error);
  for (uint32_t i = 0; i < tensors.count && status == KAIROS_OK; i++) status = sort_in(&m, &tensors.at[i], error);
  if (status == KAIROS_OK && !network_new(&n, model->host, &model->plan, model->kernels, model->settings.shape.input_count))
    status = refuse(error, KAIROS_NO_MEMORY, "safetensors: no memory for %zu weights", model->plan.canonical);
  else if (status == KAIROS_OK) {
    status = take_all(&m, &model->plan, &n, error);
    if (status == KAIROS_OK) model_adopt(model, &n);
    else network_free(&n, model->host);
  }
  tensors_free(&tensors, model->host);
  return status;
}

kairos_status pytorch_import(kairos_model *model, const kairos_reader *reader, kairos_error *error) {
  return import(model, reader, LAYOUT_PYTORCH, error);
}

kairos_status keras_import(kairos_model *model, const kairos_reader *reader, kairos_error *error) {
  return import(model, reader, LAYOUT_KERAS, error);
}
