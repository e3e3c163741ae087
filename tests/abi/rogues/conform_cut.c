/* Takes half a state. */
#include "rogue.h"

static kairos_status load(kairos_model *model, const kairos_reader *reader, uint32_t version, kairos_error *error) {
  char bytes[8] = {0};
  (void)error;
  for (size_t n = 1, got = 0; n > 0 && got < 8; got += n) n = reader->read(reader, bytes + got, 8 - got);
  memcpy(&model->offset, bytes, 8);
  return version > 1 || reader->length > 8 ? KAIROS_BAD_STATE : KAIROS_OK;
}
PLUGIN(.load = load)
