/* Keeps scratch in thread-local storage. */
#include "rogue.h"
static __thread double kept;
static kairos_status predict(const kairos_model *model, kairos_session *session, const kairos_batch *in, const kairos_batch *out,
                             kairos_error *error) {
  kept += in->rows;
  return kept < 0 ? KAIROS_FAILED : honest_predict(model, session, in, out, error);
}
PLUGIN(.predict = predict)
