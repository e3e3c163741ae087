/* Keeps its scratch in one place for all lanes. */
#include "rogue.h"

static volatile double scratch[64];
static kairos_status predict(const kairos_model *model, kairos_session *session, const kairos_batch *in, const kairos_batch *out,
                             kairos_error *error) {
  const kairos_status status = honest_predict(model, session, in, out, error);
  double *y = out->columns[0]->data;
  if (in->rows > 64) return KAIROS_BAD_INPUT;
  for (uint32_t i = 0; i < in->rows; i++) scratch[i] = y[i];
  for (volatile unsigned i = 0; i < 200000; i++) continue;
  for (uint32_t i = 0; i < in->rows; i++) y[i] = scratch[i];
  return status;
}
PLUGIN(.predict = predict)
