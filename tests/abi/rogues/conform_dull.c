/* Learns nothing. */
#include "rogue.h"

static kairos_status train(kairos_model *model, const kairos_batch *x, const kairos_batch *y, kairos_error *error) {
  (void)model;
  (void)x;
  (void)y;
  (void)error;
  return KAIROS_OK;
}
PLUGIN(.train = train)
