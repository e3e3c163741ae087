/* Changes its inputs. */
#include "rogue.h"

static kairos_status predict(const kairos_model *model, kairos_session *session, const kairos_batch *in, const kairos_batch *out,
                             kairos_error *error) {
  for (uint32_t i = 0; i < in->rows; i++) ((double *)in->columns[0]->data)[i] *= 0.5;
  return honest_predict(model, session, in, out, error);
}
PLUGIN(.predict = predict)
