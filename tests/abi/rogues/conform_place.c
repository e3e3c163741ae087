/* A row's answer depends on its place in the batch. */
#include "rogue.h"

static kairos_status predict(const kairos_model *model, kairos_session *session, const kairos_batch *in, const kairos_batch *out,
                             kairos_error *error) {
  const kairos_status status = honest_predict(model, session, in, out, error);
  for (uint32_t i = 0; i < in->rows; i++) ((double *)out->columns[0]->data)[i] += i * 1e-3;
  return status;
}
PLUGIN(.predict = predict)
