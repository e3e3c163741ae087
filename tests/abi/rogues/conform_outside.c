/* Writes one row too many. */
#include "rogue.h"

static kairos_status predict(const kairos_model *model, kairos_session *session, const kairos_batch *in, const kairos_batch *out,
                             kairos_error *error) {
  const kairos_status status = honest_predict(model, session, in, out, error);
  ((double *)out->columns[0]->data)[in->rows] = 0;
  return status;
}
PLUGIN(.predict = predict)
