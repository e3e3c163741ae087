/* What a model's file may say about a goal_setter. Promises that every number is in a range where a proposal stays finite and its list of
 * candidates fits, and that a word it does not know is refused by name. Called once a model, by create. [build] */
#include "common/refuse.h"
#include "goal_setter.h"
#include <string.h>

struct number {
  const char *name;
  size_t offset;
  double low, high;
};
#define NUMBER(name, low, high)                                                                                                            \
  { #name, offsetof(struct settings, name), low, high }
static const struct number numbers[] = {
    NUMBER(unit, 1e-3, 1e6), NUMBER(low, 1, 1e9),    NUMBER(high, 1, 1e9),     NUMBER(step, 1e-3, 1e6), NUMBER(change, 0, 0.5),
    NUMBER(valid, 0, 1e9),   NUMBER(hit_rate, 0, 1), NUMBER(noise, 0.01, 100), NUMBER(explore, 0, 0.5),
};

static kairos_status read_number(struct settings *s, const struct number *n, struct config_value value, kairos_error *error) {
  double *to = (double *)(void *)((char *)s + n->offset);
  if (config_number(value, to) && *to >= n->low && *to <= n->high) return KAIROS_OK;
  return refuse(error, KAIROS_BAD_CONFIG, "goal_setter: %s: expected a number in [%g, %g]", n->name, n->low, n->high);
}

static kairos_status read_count(const char *name, uint32_t *to, uint32_t low, struct config_value value, kairos_error *error) {
  double number;
  if (config_number(value, &number) && number >= low && number <= GOAL_DAYS_MOST && number == (double)(uint32_t)number) {
    *to = (uint32_t)number;
    return KAIROS_OK;
  }
  return refuse(error, KAIROS_BAD_CONFIG, "goal_setter: %s: expected a whole number of %u to %d", name, low, GOAL_DAYS_MOST);
}

static kairos_status read_method(struct settings *s, struct config_value value, kairos_error *error) {
  static const char *const words[] = {"posterior", "percentile", "factor"};
  const char *text;
  size_t length;
  if (config_text(value, &text, &length))
    for (int i = 0; i < 3; i++)
      if (length == strlen(words[i]) && memcmp(text, words[i], length) == 0) {
        s->method = (enum method)i;
        return KAIROS_OK;
      }
  return refuse(error, KAIROS_BAD_CONFIG, "goal_setter: method: expected \"posterior\", \"percentile\" or \"factor\"");
}

static bool name_fits(const char *text, size_t length) {
  static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.";
  for (size_t i = 0; i < length; i++)
    if (!memchr(allowed, text[i], sizeof allowed - 1)) return false;
  return length > 0 && length <= GOAL_NAME_MOST;
}

static kairos_status read_inputs(struct settings *s, struct config_value list, kairos_error *error) {
  struct config_value key, value;
  const char *text;
  size_t length;
  uint32_t count = 0;
  bool fits = config_is_array(list);
  for (const char *cursor = NULL; fits && config_each(list, &cursor, &key, &value); count++) {
    fits = count < 2 && config_text(value, &text, &length) && name_fits(text, length);
    if (!fits) break;
    memcpy(s->names[count], text, length);
    s->names[count][length] = 0;
  }
  if (fits && count == 2 && strcmp(s->names[0], s->names[1]) != 0) return KAIROS_OK;
  return refuse(error, KAIROS_BAD_CONFIG,
                "goal_setter: inputs: expected two different names: what was done each day, and the goal of each day");
}

static kairos_status read_member(struct settings *s, struct config_value key, struct config_value value, kairos_error *error) {
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    if (config_key_is(key, numbers[i].name)) return read_number(s, &numbers[i], value, error);
  if (config_key_is(key, "inputs")) return read_inputs(s, value, error);
  if (config_key_is(key, "method")) return read_method(s, value, error);
  if (config_key_is(key, "days")) return read_count("days", &s->days, 7, value, error);
  if (config_key_is(key, "least_days")) return read_count("least_days", &s->least_days, 1, value, error);
  if (config_key_is(key, "symmetric")) {
    if (config_bool(value, &s->symmetric)) return KAIROS_OK;
    return refuse(error, KAIROS_BAD_CONFIG, "goal_setter: symmetric: expected true or false");
  }
  return refuse(
      error, KAIROS_BAD_CONFIG,
      "goal_setter: unknown field %.*s, expected inputs, method, days, least_days, unit, low, high, step, change, valid, hit_rate, "
      "noise, explore or symmetric",
      (int)(key.end - key.at < 60 ? key.end - key.at : 60), key.at);
}

static kairos_status check(const struct settings *s, kairos_error *error) {
  if (!s->names[0][0]) return refuse(error, KAIROS_BAD_CONFIG, "goal_setter: expected inputs: what was done each day, and its goals");
  if (!(s->low < s->high)) return refuse(error, KAIROS_BAD_CONFIG, "goal_setter: low %g is not below high %g", s->low, s->high);
  if ((s->high - s->low) / s->step > GOAL_CANDIDATES_MOST - 2)
    return refuse(error, KAIROS_BAD_CONFIG, "goal_setter: step: %g gives more than %d goals between %g and %g", s->step,
                  GOAL_CANDIDATES_MOST - 2, s->low, s->high);
  if (s->least_days > s->days)
    return refuse(error, KAIROS_BAD_CONFIG, "goal_setter: least_days %u is more than days %u", s->least_days, s->days);
  return KAIROS_OK;
}

kairos_status settings_read(struct settings *s, const char *config_json, kairos_error *error) {
  struct config_value root, key, value;
  *s = (struct settings){.days = 28,
                         .least_days = 7,
                         .method = METHOD_POSTERIOR,
                         .unit = 1000,
                         .low = 2000,
                         .high = 15000,
                         .step = 50,
                         .change = 0.1,
                         .valid = 1000,
                         .hit_rate = 0.5,
                         .noise = 0.8,
                         .explore = 0.2};
  if (!config_parse(config_json, &root, error)) return KAIROS_BAD_CONFIG;
  kairos_status status = KAIROS_OK;
  for (const char *cursor = NULL; status == KAIROS_OK && config_each(root, &cursor, &key, &value);)
    status = read_member(s, key, value, error);
  return status == KAIROS_OK ? check(s, error) : status;
}
