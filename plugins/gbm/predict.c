/* A model's weights and what they predict. Promises that a model given to predict is only read, that each output is clamped to the
 * configured range, that a row gives the same bits in any batch, and that a row without any input has no answer. Adopting is done while a
 * model is built, predicting by any lane. */
#include "common/exponential.h"
#include "common/refuse.h"
#include "pack.h"

kairos_status model_adopt(kairos_model *model, struct forest *forest, kairos_error *error) {
  struct pack *pack = pack_new(forest, model->host);
  if (!pack) {
    const uint32_t nodes = forest->node_count;
    forest_free(forest, model->host);
    return refuse(error, KAIROS_NO_MEMORY, "gbm: no memory to lay out %u nodes", nodes);
  }
  model_drop(model);
  model->forest = *forest;
  model->pack = pack;
  return KAIROS_OK;
}

void model_drop(kairos_model *model) {
  if (!model->pack) return;
  pack_free(model->pack, model->host);
  forest_free(&model->forest, model->host);
  model->pack = NULL;
}

static double output_of(const kairos_model *model, int64_t sum) {
  const double margin = (double)sum * model->pack->unit;
  const double value = model->forest.link == LINK_LOGISTIC ? logistic(model->forest.slope * margin) : margin;
  const double low = model->settings.shape.low, high = model->settings.shape.high;
  return value < low ? low : value > high ? high : value;
}

static void predict_block(const kairos_model *model, kairos_session *session, const kairos_batch *in, uint32_t first, double *values,
                          uint64_t *valid) {
  int64_t sums[PACK_ROWS];
  uint64_t answered;
  const uint32_t count = in->rows - first < PACK_ROWS ? in->rows - first : PACK_ROWS;
  pack_rows(model->pack, (enum way)model->way, in, first, count, session->lanes, sums, &answered);
  for (uint32_t r = 0; r < count; r++) values[first + r] = output_of(model, sums[r]);
  if (count < PACK_ROWS) answered |= ~UINT64_C(0) << count; /* no rows of ours */
  valid[first / PACK_ROWS] &= answered;
}

kairos_status gbm_predict(const kairos_model *model, kairos_session *session, const kairos_batch *in, const kairos_batch *out,
                          kairos_error *error) {
  if (!model->pack) return refuse(error, KAIROS_FAILED, "gbm: the model has no trees yet");
  const kairos_status status = shape_check_batch(&model->settings.shape, session->rows_most, in, out, error);
  if (status != KAIROS_OK) return status;
  double *values = out->columns[0]->data;
  uint64_t *valid = out->columns[0]->valid;
  if (in->rows == 1) {
    int64_t sum;
    const bool answered = pack_row(model->pack, (enum way)model->way, in, 0, session->lanes, &sum);
    values[0] = output_of(model, sum);
    if (!answered) valid[0] &= ~UINT64_C(1);
    return KAIROS_OK;
  }
  for (uint32_t first = 0; first < in->rows; first += PACK_ROWS) predict_block(model, session, in, first, values, valid);
  return KAIROS_OK;
}
