/* Goes on for long after it was told to stop. */
#include "rogue.h"

static kairos_status train(kairos_model *model, const kairos_batch *x, const kairos_batch *y, kairos_error *error) {
  const bool stop = model->host->cancelled(model->host);
  for (volatile unsigned i = 0; stop && i < 400000000; i++) continue;
  const kairos_status status = honest_train(model, x, y, error);
  return stop ? KAIROS_CANCELLED : status;
}
PLUGIN(.train = train)
