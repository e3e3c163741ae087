/* Throws dice. */
#include "rogue.h"
#include <stdlib.h>
static kairos_status create(const kairos_host *host, const char *config_json, kairos_model **out, kairos_error *error) {
  const kairos_status status = honest_create(host, config_json, out, error);
  if (status == KAIROS_OK) (*out)->offset = rand();
  return status;
}
PLUGIN(.create = create)
