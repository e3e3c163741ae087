/* Never answers, and learns nothing that could change that. */
#include "rogue.h"

static kairos_status predict(const kairos_model *model, kairos_session *session, const kairos_batch *in, const kairos_batch *out,
                             kairos_error *error) {
  (void)model;
  (void)session;
  (void)in;
  (void)out;
  (void)error;
  return KAIROS_FAILED;
}

PLUGIN(.predict = predict, .train = NULL)
