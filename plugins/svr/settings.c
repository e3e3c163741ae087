/* What a model's file may say about an svr: {"inputs": ["name", …], "output": {"name", "low", "high"}, "C", "epsilon", "gamma",
 * "tolerance", "standardise"}. Promises that every number is in the range where training ends and prediction stays finite, and that a word
 * it does not know is refused by name. Does not know which inputs exist. Called once a model, by create. */
#include "common/config.h"
#include "common/memory.h"
#include "common/refuse.h"
#include "svr.h"
#include <string.h>

static bool name_fits(const char *text, size_t length) {
  if (length == 0 || length > SVR_NAME_MOST) return false;
  for (size_t i = 0; i < length; i++) {
    const char c = text[i];
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && !(c >= '0' && c <= '9') && c != '_' && c != '.') return false;
  }
  return true;
}

static kairos_status refuse_name(kairos_error *error, const char *what, uint32_t number) {
  return refuse(error, KAIROS_BAD_CONFIG, "svr: %s %u: expected a name of 1 to %d letters, digits, '_' or '.'", what, number,
                SVR_NAME_MOST);
}

static bool name_taken(const struct settings *s, size_t used, const char *text, size_t length) {
  for (size_t at = 0; at < used; at += strlen(s->names + at) + 1)
    if (strlen(s->names + at) == length && memcmp(s->names + at, text, length) == 0) return true;
  return false;
}

static kairos_status read_inputs(struct settings *s, const kairos_host *host, struct config_value list, kairos_error *error) {
  struct config_value key, value;
  const char *text;
  size_t length, size = 0, used = 0;
  if (!config_is_array(list)) return refuse(error, KAIROS_BAD_CONFIG, "svr: inputs: expected a list of names");
  uint32_t count = 0;
  for (const char *cursor = NULL; config_each(list, &cursor, &key, &value); count++) {
    if (count == SVR_INPUTS_MOST) return refuse(error, KAIROS_BAD_CONFIG, "svr: inputs: more than %d", SVR_INPUTS_MOST);
    if (!config_text(value, &text, &length) || !name_fits(text, length)) return refuse_name(error, "input", count + 1);
    size += length + 1;
  }
  if (count == 0) return refuse(error, KAIROS_BAD_CONFIG, "svr: inputs: expected at least one name, the list is empty");
  s->names = memory_take(host, size, 1);
  if (!s->names) return refuse(error, KAIROS_NO_MEMORY, "svr: no memory for %u names", count);
  s->names_size = size;
  s->input_count = count;
  for (const char *cursor = NULL; config_each(list, &cursor, &key, &value);) {
    config_text(value, &text, &length);
    if (name_taken(s, used, text, length)) return refuse(error, KAIROS_BAD_CONFIG, "svr: inputs: '%.*s' stands twice", (int)length, text);
    memcpy(s->names + used, text, length);
    used += length + 1;
  }
  return KAIROS_OK;
}

static kairos_status read_output(struct settings *s, struct config_value object, kairos_error *error) {
  struct config_value key, value;
  const char *text;
  size_t length;
  if (!config_is_object(object)) return refuse(error, KAIROS_BAD_CONFIG, "svr: output: expected {\"name\", \"low\", \"high\"}");
  for (const char *cursor = NULL; config_each(object, &cursor, &key, &value);) {
    if (config_key_is(key, "name")) {
      if (!config_text(value, &text, &length) || !name_fits(text, length)) return refuse_name(error, "output", 1);
      memcpy(s->output, text, length);
      s->output[length] = 0;
    } else if (config_key_is(key, "low") || config_key_is(key, "high")) {
      if (!config_number(value, config_key_is(key, "low") ? &s->low : &s->high))
        return refuse(error, KAIROS_BAD_CONFIG, "svr: output.%.*s: expected a number", (int)(key.end - key.at) - 2, key.at + 1);
    } else {
      return refuse(error, KAIROS_BAD_CONFIG, "svr: output: unknown field %.*s, expected name, low or high", (int)(key.end - key.at),
                    key.at);
    }
  }
  if (!(s->low < s->high)) return refuse(error, KAIROS_BAD_CONFIG, "svr: output: low %g is not below high %g", s->low, s->high);
  return KAIROS_OK;
}

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

static kairos_status read_number(double *to, double low, double high, struct config_value key, struct config_value value,
                                 kairos_error *error) {
  if (config_number(value, to) && *to >= low && *to <= high) return KAIROS_OK;
  return refuse(error, KAIROS_BAD_CONFIG, "svr: %.*s: expected a number in [%g, %g]", (int)(key.end - key.at) - 2, key.at + 1, low, high);
}

static kairos_status read_member(struct settings *s, const kairos_host *host, struct config_value key, struct config_value value,
                                 kairos_error *error) {
  if (config_key_is(key, "inputs")) {
    if (s->names) return refuse(error, KAIROS_BAD_CONFIG, "svr: inputs stands twice");
    return read_inputs(s, host, value, error);
  }
  if (config_key_is(key, "output")) return read_output(s, value, error);
  if (config_key_is(key, "C")) return read_number(&s->c, 1e-9, 1e9, key, value, error);
  if (config_key_is(key, "epsilon")) return read_number(&s->epsilon, 0, 1e9, key, value, error);
  if (config_key_is(key, "tolerance")) return read_number(&s->tolerance, 1e-12, 1, key, value, error);
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
  *s = (struct settings){.c = 100, .epsilon = 0.1, .tolerance = 1e-3, .standardise = true, .low = 0, .high = 1, .output = "value"};
  if (!config_parse(config_json, &root, error)) return KAIROS_BAD_CONFIG;
  kairos_status status = KAIROS_OK;
  for (const char *cursor = NULL; status == KAIROS_OK && config_each(root, &cursor, &key, &value);)
    status = read_member(s, host, key, value, error);
  if (status == KAIROS_OK && s->input_count == 0)
    status = refuse(error, KAIROS_BAD_CONFIG, "svr: expected inputs, a list of at least one name; there is none");
  if (status != KAIROS_OK) settings_free(s, host);
  return status;
}

void settings_free(struct settings *s, const kairos_host *host) {
  memory_give(host, s->names, s->names_size, 1);
  s->names = NULL;
}
