/* Saves other bytes each time. */
#include "rogue.h"

static kairos_status save(const kairos_model *model, const kairos_writer *writer, kairos_error *error) {
  static double count;
  (void)model;
  (void)error;
  count += 1;
  return writer->write(writer, &count, 8) ? KAIROS_OK : KAIROS_FAILED;
}
PLUGIN(.save = save)
