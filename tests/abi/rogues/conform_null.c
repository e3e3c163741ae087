/* Never heard of memory that is not there. */
#include "rogue.h"

static kairos_status create(const kairos_host *host, const char *config_json, kairos_model **out, kairos_error *error) {
  (void)config_json;
  (void)error;
  kairos_model *model = host->realloc(host, NULL, 0, sizeof *model);
  memset(model, 0, sizeof *model);
  model->host = host;
  *out = model;
  return KAIROS_OK;
}
PLUGIN(.create = create)
