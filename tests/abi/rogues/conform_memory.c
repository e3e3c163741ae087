/* Remembers the last batch. */
#include "rogue.h"

static double last;
static kairos_status predict(const kairos_model *model, kairos_session *session, const kairos_batch *in, const kairos_batch *out,
                             kairos_error *error) {
  const kairos_status status = honest_predict(model, session, in, out, error);
  for (uint32_t i = 0; i < in->rows; i++) ((double *)out->columns[0]->data)[i] += last;
  last += 1e-9;
  return status;
}
PLUGIN(.predict = predict)
