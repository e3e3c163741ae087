/* Crashes on an empty configuration. */
#include "rogue.h"
static kairos_status create(const kairos_host *host, const char *config_json, kairos_model **out, kairos_error *error) {
  (void)host;
  (void)config_json;
  (void)error;
  (*(kairos_model *volatile *)out)->offset = 1;
  return KAIROS_OK;
}
PLUGIN(.create = create)
