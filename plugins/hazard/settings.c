/* What a model's file may say about a hazard: {"inputs": ["name", …], "output": {"name", "low", "high"}, "time", "unit", "steps", "ridge"}.
 * Promises that every number is in the range where training ends and prediction stays finite, that `time` is one of the inputs, and that a
 * word it does not know is refused by name. Called once a model, by create. */
#include "common/refuse.h"
#include "hazard.h"
#include <string.h>

static kairos_status read_time(struct settings *s, struct config_value value, kairos_error *error) {
  const char *text;
  size_t length;
  if (!config_text(value, &text, &length) || length == 0 || length > SHAPE_NAME_MOST)
    return refuse(error, KAIROS_BAD_CONFIG, "hazard: time: expected the name of the input that counts time");
  memcpy(s->time, text, length);
  s->time[length] = 0;
  return KAIROS_OK;
}

static kairos_status read_member(struct settings *s, const kairos_host *host, struct config_value key, struct config_value value,
                                 kairos_error *error) {
  kairos_status status;
  if (shape_read_member(&s->shape, host, key, value, &status, error)) return status;
  if (config_key_is(key, "time")) return read_time(s, value, error);
  if (config_key_is(key, "unit")) return shape_read_number(&s->shape, &s->unit, 1e-6, 1e6, key, value, error);
  if (config_key_is(key, "steps")) return shape_read_number(&s->shape, &s->steps, 1, HAZARD_STEPS_MOST, key, value, error);
  if (config_key_is(key, "ridge")) return shape_read_number(&s->shape, &s->ridge, 0, 1e6, key, value, error);
  return refuse(error, KAIROS_BAD_CONFIG, "hazard: unknown field %.*s, expected inputs, output, time, unit, steps or ridge",
                (int)(key.end - key.at), key.at);
}

static kairos_status check(const struct settings *s, kairos_error *error) {
  const kairos_status status = shape_check(&s->shape, error);
  if (status != KAIROS_OK) return status;
  if (s->time[0] && shape_find(&s->shape, s->time, strlen(s->time)) == s->shape.input_count)
    return refuse(error, KAIROS_BAD_CONFIG, "hazard: time: \"%s\" is none of the inputs", s->time);
  if (s->steps > (double)(uint32_t)s->steps) return refuse(error, KAIROS_BAD_CONFIG, "hazard: steps: expected a whole number");
  return KAIROS_OK;
}

kairos_status settings_read(struct settings *s, const kairos_host *host, const char *config_json, kairos_error *error) {
  struct config_value root, key, value;
  *s = (struct settings){.unit = 1, .steps = 1, .shape = shape_new("hazard")};
  if (!config_parse(config_json, &root, error)) return KAIROS_BAD_CONFIG;
  kairos_status status = KAIROS_OK;
  for (const char *cursor = NULL; status == KAIROS_OK && config_each(root, &cursor, &key, &value);)
    status = read_member(s, host, key, value, error);
  if (status == KAIROS_OK) status = check(s, error);
  if (status != KAIROS_OK) settings_free(s, host);
  return status;
}

void settings_free(struct settings *s, const kairos_host *host) {
  shape_free(&s->shape, host);
}
