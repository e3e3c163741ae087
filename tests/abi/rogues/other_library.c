/* Needs a library that plugins may not bring in. */
#include "rogue.h"
#include <zlib.h>
static kairos_status create(const kairos_host *host, const char *config_json, kairos_model **out, kairos_error *error) {
  const kairos_status status = honest_create(host, config_json, out, error);
  if (status == KAIROS_OK) (*out)->offset = (double)crc32(0, NULL, 0);
  return status;
}
PLUGIN(.create = create)
