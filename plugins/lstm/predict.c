/* A model's answers. Promises to read the model only, to write every row of the output, and to clear the bit of a row with fewer known
 * steps than the configuration asks for. Any lane, each with its own session. */
#include "common/refuse.h"
#include "lstm.h"

/* Of the batch's rows `rows`, or those from `first` on. */
static void answer(const kairos_model *model, const struct workspace *w, const uint32_t *rows, uint32_t first, uint32_t count,
                   const kairos_batch *out) {
  double *values = out->columns[0]->data;
  uint64_t *valid = out->columns[0]->valid;
  const double low = model->settings.shape.low, high = model->settings.shape.high;
  for (uint32_t r = 0; r < count; r++) {
    const double value = number_sigmoid(w->logits[r]);
    const size_t row = rows ? rows[r] : first + r;
    values[row] = value < low ? low : value > high ? high : value;
    if (w->known[r] < model->settings.least_steps) valid[row / 64] &= ~(UINT64_C(1) << (row % 64));
  }
}

/* Rows that were gathered last, worked out from the beginning; what the layers hold before the last step is kept. */
static void work_out(const kairos_model *model, kairos_session *session, uint32_t count) {
  struct workspace *w = &session->work;
  const uint32_t last = model->plan.steps - 1;
  model->kernels->forward(&model->plan, model->network.packed, w, count, 0, last);
  for (uint32_t r = 0; r < count; r++) recall_keep(&session->recall, model, w, r, count);
  model->kernels->forward(&model->plan, model->network.packed, w, count, last, model->plan.steps);
}

static void go_on(const kairos_model *model, kairos_session *session, uint32_t count, const unsigned char *const *entries) {
  struct workspace *w = &session->work;
  for (uint32_t r = 0; r < count; r++) recall_restore(&session->recall, model, w, r, count, entries[r]);
  model->kernels->forward(&model->plan, model->network.packed, w, count, model->plan.steps - 1, model->plan.steps);
}

/* Some rows of a batch: those whose windows are known but for the last step go on from there, first, because what is worked out anew may
 * take their places. */
static void predict_some(const kairos_model *model, kairos_session *session, const kairos_batch *in, uint32_t first, uint32_t count,
                         const kairos_batch *out) {
  const struct scaling scaling = model_scaling(model, &model->network);
  const unsigned char *entries[LSTM_ROWS_MOST];
  uint32_t known[LSTM_ROWS_MOST], new[LSTM_ROWS_MOST], known_count = 0, new_count = 0;
  struct workspace *w = &session->work;
  model->kernels->gather(&model->plan, &scaling, in, NULL, first, count, w);
  for (uint32_t r = 0; r < count; r++) {
    const unsigned char *entry = recall_find(&session->recall, model, w, r, count);
    if (entry) entries[known_count] = entry, known[known_count++] = first + r;
    else new[new_count++] = first + r;
  }
  if (known_count) {
    if (new_count) model->kernels->gather(&model->plan, &scaling, in, known, 0, known_count, w);
    go_on(model, session, known_count, entries);
    answer(model, w, known, 0, known_count, out);
  }
  if (new_count) {
    if (known_count) model->kernels->gather(&model->plan, &scaling, in, new, 0, new_count, w);
    work_out(model, session, new_count);
    answer(model, w, new, 0, new_count, out);
  }
}

kairos_status lstm_predict(const kairos_model *model, kairos_session *session, const kairos_batch *in, const kairos_batch *out,
                           kairos_error *error) {
  if (!model->trained) return refuse(error, KAIROS_FAILED, "lstm: the model has no weights yet");
  const kairos_status status = shape_check_batch(&model->settings.shape, session->rows_most, in, out, error);
  if (status != KAIROS_OK) return status;
  const struct scaling scaling = model_scaling(model, &model->network);
  struct workspace *w = &session->work;
  if (session->recall.block) recall_check(&session->recall, model);
  for (uint32_t first = 0; first < in->rows; first += w->rows) {
    const uint32_t count = in->rows - first < w->rows ? in->rows - first : w->rows;
    if (session->recall.block) {
      predict_some(model, session, in, first, count, out);
      continue;
    }
    model->kernels->gather(&model->plan, &scaling, in, NULL, first, count, w);
    model->kernels->predict(&model->plan, model->network.packed, w, count);
    answer(model, w, NULL, first, count, out);
  }
  return KAIROS_OK;
}
