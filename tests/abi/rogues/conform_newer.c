/* Reads states of any version. */
#include "rogue.h"

static kairos_status load(kairos_model *model, const kairos_reader *reader, uint32_t version, kairos_error *error) {
  (void)version;
  return honest_load(model, reader, 1, error);
}
PLUGIN(.load = load)
