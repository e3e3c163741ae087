/* Learns something else each time. */
#include "rogue.h"

static kairos_status train(kairos_model *model, const kairos_batch *x, const kairos_batch *y, kairos_error *error) {
  static double mood;
  const kairos_status status = honest_train(model, x, y, error);
  model->offset += mood += 1e-6;
  return status;
}
PLUGIN(.train = train)
