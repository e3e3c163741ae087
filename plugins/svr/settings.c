/* What a model's file may say about an svr: {"inputs": ["name", …], "output": {"name", "low", "high"}, "C", "epsilon", "gamma",
 * "tolerance", "standardise"}. Promises that every number is in the range where training ends and prediction stays finite, and that a word
 * it does not know is refused by name. Does not know which inputs exist. Called once a model, by create. */
#include "common/refuse.h"
#include "svr.h"
#include <string.h>

static kairos_status read_gamma(struct settings *s, struct config_value value, kairos_error *error) {
  const char *text;
  size_t length;
  if (config_number(value, &s->gamma)) {
    s->gamma_rule = GAMMA_NUMBER;
    if (s->gamma >= 1e-12 && s->gamma <= 1e12) return KAIROS_OK;
  } else if (config_text(value, &text, &length)) {
    s->gamma_rule = length == 4 && memcmp(text, "auto", 4) == 0 ? GAMMA_AUTO : GAMMA_SCALE;
    if (s->gamma_rule == GAMMA_AUTO || (length == 5 && memcmp(text, "scale", 5) == 0)) return KAIROS_OK;
  }
  return refuse(error, KAIROS_BAD_CONFIG, "svr: gamma: expected \"scale\", \"auto\" or a number in [1e-12, 1e12]");
}

static kairos_status read_member(struct settings *s, const kairos_host *host, struct config_value key, struct config_value value,
                                 kairos_error *error) {
  kairos_status status;
  if (shape_read_member(&s->shape, host, key, value, &status, error)) return status;
  if (config_key_is(key, "C")) return shape_read_number(&s->shape, &s->c, 1e-9, 1e9, key, value, error);
  if (config_key_is(key, "epsilon")) return shape_read_number(&s->shape, &s->epsilon, 0, 1e9, key, value, error);
  if (config_key_is(key, "tolerance")) return shape_read_number(&s->shape, &s->tolerance, 1e-12, 1, key, value, error);
  if (config_key_is(key, "gamma")) return read_gamma(s, value, error);
  if (config_key_is(key, "standardise")) {
    if (config_bool(value, &s->standardise)) return KAIROS_OK;
    return refuse(error, KAIROS_BAD_CONFIG, "svr: standardise: expected true or false");
  }
  return refuse(error, KAIROS_BAD_CONFIG, "svr: unknown field %.*s, expected inputs, output, C, epsilon, gamma, tolerance or standardise",
                (int)(key.end - key.at), key.at);
}

kairos_status settings_read(struct settings *s, const kairos_host *host, const char *config_json, kairos_error *error) {
  struct config_value root, key, value;
  *s = (struct settings){.c = 100, .epsilon = 0.1, .tolerance = 1e-3, .standardise = true, .shape = shape_new("svr")};
  if (!config_parse(config_json, &root, error)) return KAIROS_BAD_CONFIG;
  kairos_status status = KAIROS_OK;
  for (const char *cursor = NULL; status == KAIROS_OK && config_each(root, &cursor, &key, &value);)
    status = read_member(s, host, key, value, error);
  if (status == KAIROS_OK) status = shape_check(&s->shape, error);
  if (status != KAIROS_OK) settings_free(s, host);
  return status;
}

void settings_free(struct settings *s, const kairos_host *host) {
  shape_free(&s->shape, host);
}
