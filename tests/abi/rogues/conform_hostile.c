/* Believes the first number of a state. */
#include "rogue.h"

static kairos_status load(kairos_model *model, const kairos_reader *reader, uint32_t version, kairos_error *error) {
  (void)version;
  (void)error;
  uint64_t place = 0;
  char bytes[8] = {0};
  for (size_t n = 1, got = 0; n > 0 && got < 8; got += n) n = reader->read(reader, bytes + got, 8 - got);
  memcpy(&place, bytes, 8);
  if (reader->length < 8) return KAIROS_BAD_STATE;
  if (reader->length > 8) *(volatile char *)(uintptr_t)(place | 1) = 1;
  memcpy(&model->offset, bytes, 8);
  return KAIROS_OK;
}
PLUGIN(.load = load)
