/* Why an lstm answers as it does: integrated gradients (METHODS 3.4), from a window in which every input stays at the person's own mean to
 * the window as it was, in fifty steps, on log odds. Promises that the contributions and the base add up to the row's log odds exactly:
 * what fifty steps leave (the dense layer's corners) is shared out in proportion; that a missing value, and an input that never changed,
 * moved nothing; and not a number for a row without an answer. Uses the kernels of learning, whose gradient of the first layer's gates is
 * all that is wanted. Called as predict is. */
#include "explain.h"
#include "common/memory.h"
#include "common/refuse.h"
#include <math.h>
#include <string.h>

struct pathway { /* one row's */
  const kairos_model *model;
  struct workspace work;
  size_t steps, features, inputs, wide;
  double *x, *own; /* [steps][features] as the network sees them: the row, and the person's means */
  double *pull;    /* [steps][wide]: of the logit by the first layer's gates, summed over the path */
  double ends[2];
  void *block;
  size_t size;
};

static bool known(const kairos_column *column, size_t index) {
  const double value = ((const double *)column->data)[index];
  return (!column->valid || (column->valid[index / 64] >> (index % 64) & 1)) && value - value == 0;
}

static double real_at(const struct pathway *p, const void *numbers, size_t index) {
  return p->model->kernels->real_size == sizeof(float) ? (double)((const float *)numbers)[index] : ((const double *)numbers)[index];
}

static void real_put(const struct pathway *p, void *numbers, size_t index, double value) {
  if (p->model->kernels->real_size == sizeof(float)) ((float *)numbers)[index] = (float)value;
  else ((double *)numbers)[index] = value;
}

static bool pathway_open(struct pathway *p, const kairos_model *model) {
  const struct plan *plan = &model->plan;
  *p = (struct pathway){.model = model, .steps = plan->steps, .features = plan->features, .inputs = model->settings.shape.input_count};
  p->wide = 4 * (size_t)plan->lstm[0].hidden16;
  const uint32_t most = model->kernels->rows, rows = most < EXPLAIN_STEPS + 2 ? most : EXPLAIN_STEPS + 2;
  p->size = p->steps * (2 * p->features + p->wide);
  if (!workspace_new(&p->work, model->host, plan, model->kernels, rows, true)) return false;
  if (!(p->block = memory_take(model->host, p->size, sizeof(double)))) {
    workspace_free(&p->work, model->host);
    return false;
  }
  p->x = p->block;
  p->own = p->x + p->steps * p->features;
  p->pull = p->own + p->steps * p->features;
  memcpy(p->work.weights, model->network.packed, plan->packed * model->kernels->real_size);
  model->kernels->transpose(plan, &p->work);
  return true;
}

static void pathway_close(struct pathway *p) {
  memory_give(p->model->host, p->block, p->size, sizeof(double));
  workspace_free(&p->work, p->model->host);
}

/* The row and its means; what is missing stays where the network puts it, at both ends. */
static void take_row(struct pathway *p, const kairos_batch *in, uint32_t row) {
  const struct scaling scaling = model_scaling(p->model, &p->model->network);
  p->model->kernels->gather(&p->model->plan, &scaling, in, &row, 0, 1, &p->work);
  for (size_t i = 0; i < p->steps * p->features; i++) p->x[i] = p->own[i] = real_at(p, p->work.x, i);
  for (size_t c = 0; c < p->inputs; c++) {
    double sum = 0, n = 0;
    for (size_t t = 0; t < p->steps; t++)
      if (known(in->columns[c], (size_t)row * p->steps + t)) sum += p->x[t * p->features + c], n++;
    for (size_t t = 0; t < p->steps; t++)
      if (known(in->columns[c], (size_t)row * p->steps + t)) p->own[t * p->features + c] = sum / n;
  }
}

/* Point 0 is the means, the last one the row, and between them the middles of fifty equal steps. */
static double share_of(uint32_t point) {
  return point == 0 ? 0 : point > EXPLAIN_STEPS ? 1 : (point - 0.5) / EXPLAIN_STEPS;
}

/* Some points of the path: their logits, and the gradients of the steps between the ends. The loss against -1 has the gradient s(z) + 1 by
 * the logit, which is never small, so it can be divided out. */
static void walk_some(struct pathway *p, uint32_t first, uint32_t count) {
  struct workspace *w = &p->work;
  const size_t row = p->steps * p->features;
  for (uint32_t r = 0; r < count; r++) {
    const double share = share_of(first + r);
    for (size_t i = 0; i < row; i++)
      real_put(p, w->x, i / p->features * count * p->features + r * p->features + i % p->features,
               p->own[i] + share * (p->x[i] - p->own[i]));
    w->targets[r] = -1;
  }
  struct lesson lesson = {&p->model->plan, w, 0, 0};
  p->model->kernels->learn(&lesson, count, 1);
  for (uint32_t r = 0; r < count; r++) {
    const double by = number_sigmoid(w->logits[r]) + 1;
    if (first + r == 0) p->ends[0] = w->logits[r];
    if (first + r == EXPLAIN_STEPS + 1) p->ends[1] = w->logits[r];
    if (first + r == 0 || first + r == EXPLAIN_STEPS + 1) continue;
    for (size_t t = 0; t < p->steps; t++)
      for (size_t i = 0; i < p->wide; i++)
        p->pull[t * p->wide + i] += real_at(p, w->lstm[0].z, (t * count + r) * p->wide + i) / by / EXPLAIN_STEPS;
  }
}

/* Gathering wrote who is present for one row; every point of the path is the same person. */
static void walk(struct pathway *p) {
  const uint32_t all = EXPLAIN_STEPS + 2;
  unsigned char present[LSTM_STEPS_MOST];
  memcpy(present, p->work.present, p->steps);
  memset(p->pull, 0, p->steps * p->wide * sizeof *p->pull);
  for (uint32_t first = 0, some; first < all; first += some) {
    some = all - first < p->work.rows ? all - first : p->work.rows;
    for (size_t t = 0; t < p->steps; t++) memset(p->work.present + t * some, present[t], some);
    walk_some(p, first, some);
  }
}

/* Through the first layer's weights to its inputs. */
static double moved_by(const struct pathway *p, size_t input) {
  const struct lstm_layer *l = &p->model->plan.lstm[0];
  const double *w = p->model->network.weights + l->from_w;
  double moved = 0;
  for (size_t t = 0; t < p->steps; t++) {
    const double apart = p->x[t * p->features + input] - p->own[t * p->features + input];
    double slope = 0;
    for (size_t gate = 0; apart != 0 && gate < 4; gate++)
      for (size_t unit = 0; unit < l->hidden; unit++)
        slope += w[(gate * l->hidden + unit) * l->inputs + input] * p->pull[t * p->wide + gate * l->hidden16 + unit];
    moved += slope * apart;
  }
  return moved;
}

static void explain_row(struct pathway *p, const kairos_batch *in, uint32_t row, double *contributions, double *base, double *left) {
  double sum = 0, size = 0;
  take_row(p, in, row);
  if (p->work.known[0] < p->model->settings.least_steps) {
    for (size_t c = 0; c < p->inputs; c++) contributions[c] = NAN;
    *base = *left = NAN;
    return;
  }
  walk(p);
  for (size_t c = 0; c < p->inputs; c++) {
    contributions[c] = moved_by(p, c);
    sum += contributions[c];
    size += fabs(contributions[c]);
  }
  *base = p->ends[0];
  *left = p->ends[1] - p->ends[0] - sum;
  for (size_t c = 0; size > 0 && c < p->inputs; c++) contributions[c] += *left * fabs(contributions[c]) / size;
}

kairos_status explain_rows(const kairos_model *model, const kairos_batch *in, double *contributions, double *base, double *left,
                           kairos_error *error) {
  struct pathway p;
  if (!model->trained) return refuse(error, KAIROS_FAILED, "lstm: the model has no weights yet");
  if (!pathway_open(&p, model)) return refuse(error, KAIROS_NO_MEMORY, "lstm: no memory to explain a row");
  for (uint32_t row = 0; row < in->rows; row++) {
    double rest;
    explain_row(&p, in, row, contributions + (size_t)row * p.inputs, &base[row], left ? &left[row] : &rest);
  }
  pathway_close(&p);
  return KAIROS_OK;
}

kairos_status lstm_explain(const kairos_model *model, kairos_session *session, const kairos_batch *in, uint32_t output,
                           double *contributions, double *base, kairos_error *error) {
  if (output != 0) return refuse(error, KAIROS_BAD_INPUT, "lstm: expected output 0, got %u", output);
  const kairos_status status = shape_check_batch(&model->settings.shape, session->rows_most, in, NULL, error);
  return status == KAIROS_OK ? explain_rows(model, in, contributions, base, NULL, error) : status;
}
