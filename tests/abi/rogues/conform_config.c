/* Believes that inputs is a list. */
#include "rogue.h"

static kairos_status create(const kairos_host *host, const char *config_json, kairos_model **out, kairos_error *error) {
  const char *inputs = strstr(config_json, "\"inputs\":");
  if (inputs && !strchr(inputs, '[')) *(volatile int *)(uintptr_t)16 = 1;
  return honest_create(host, config_json, out, error);
}
PLUGIN(.create = create)
