/* A model's answers. Promises to read the model only, to write every row of the output, and to clear the bit of a row with fewer known
 * steps than the configuration asks for. Any lane, each with its own session. */
#include "common/refuse.h"
#include "lstm.h"

static void answer(const kairos_model *model, const struct workspace *w, uint32_t first, uint32_t count, const kairos_batch *out) {
  double *values = (double *)out->columns[0]->data + first;
  uint64_t *valid = out->columns[0]->valid;
  const double low = model->settings.shape.low, high = model->settings.shape.high;
  for (uint32_t r = 0; r < count; r++) {
    const double value = number_sigmoid(w->logits[r]);
    values[r] = value < low ? low : value > high ? high : value;
    if (w->known[r] < model->settings.least_steps) valid[(first + r) / 64] &= ~(UINT64_C(1) << ((first + r) % 64));
  }
}

kairos_status lstm_predict(const kairos_model *model, kairos_session *session, const kairos_batch *in, const kairos_batch *out,
                           kairos_error *error) {
  if (!model->trained) return refuse(error, KAIROS_FAILED, "lstm: the model has no weights yet");
  const kairos_status status = shape_check_batch(&model->settings.shape, session->rows_most, in, out, error);
  if (status != KAIROS_OK) return status;
  const struct scaling scaling = model_scaling(model, &model->network);
  struct workspace *w = &session->work;
  for (uint32_t first = 0; first < in->rows; first += w->rows) {
    const uint32_t count = in->rows - first < w->rows ? in->rows - first : w->rows;
    model->kernels->gather(&model->plan, &scaling, in, NULL, first, count, w);
    model->kernels->predict(&model->plan, model->network.packed, w, count);
    answer(model, w, first, count, out);
  }
  return KAIROS_OK;
}
