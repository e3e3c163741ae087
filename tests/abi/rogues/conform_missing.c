/* Reads what is missing. */
#include "rogue.h"

static kairos_status predict(const kairos_model *model, kairos_session *session, const kairos_batch *in, const kairos_batch *out,
                             kairos_error *error) {
  const double *x = in->columns[0]->data;
  (void)session;
  (void)error;
  for (uint32_t i = 0; i < in->rows; i++) ((double *)out->columns[0]->data)[i] = 2 * x[i] + model->offset;
  return KAIROS_OK;
}
PLUGIN(.predict = predict)
