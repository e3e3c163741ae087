/* What a model's file may say about an lstm: {"inputs", "output", "steps", "lstm", "dense", "dropout", "missing_flags", "least_steps",
 * "precision", "standardise", "learning_rate", "epsilon", "clip", "epochs", "batch", "patience", "validation", "least_people",
 * "least_outcomes", "seed"}. Promises that every size is one that fits memory and every number one with which training ends, and that a
 * word it does not know is refused by name. Called once a model, by create. */
#include "common/refuse.h"
#include "lstm.h"
#include <string.h>

static kairos_status read_count(uint32_t *to, uint32_t low, uint32_t high, struct config_value key, struct config_value value,
                                kairos_error *error) {
  double number;
  if (config_number(value, &number) && number >= low && number <= high && number == (double)(uint32_t)number) {
    *to = (uint32_t)number;
    return KAIROS_OK;
  }
  return refuse(error, KAIROS_BAD_CONFIG, "lstm: %.*s: expected a whole number of %u to %u", (int)(key.end - key.at) - 2, key.at + 1, low,
                high);
}

/* A program's empty table comes as an object: nothing tells an empty list from it there. */
static bool is_empty(struct config_value list) {
  struct config_value key, value;
  const char *cursor = NULL;
  return config_is_object(list) && !config_each(list, &cursor, &key, &value);
}

/* "lstm": [64, 32]. At least `least` layers and at most `most`. */
static kairos_status read_units(uint32_t *units, uint32_t *count, uint32_t least, uint32_t most, struct config_value key,
                                struct config_value list, kairos_error *error) {
  const int length = (int)(key.end - key.at) - 2;
  struct config_value none, value;
  *count = 0;
  if (!config_is_array(list) && !is_empty(list))
    return refuse(error, KAIROS_BAD_CONFIG, "lstm: %.*s: expected a list of numbers of units, such as [64, 32]", length, key.at + 1);
  for (const char *cursor = NULL; config_each(list, &cursor, &none, &value); (*count)++) {
    double number;
    if (*count == most) return refuse(error, KAIROS_BAD_CONFIG, "lstm: %.*s: more than %u layers", length, key.at + 1, most);
    if (!config_number(value, &number) || !(number >= 1 && number <= LSTM_UNITS_MOST) || number != (double)(uint32_t)number)
      return refuse(error, KAIROS_BAD_CONFIG, "lstm: %.*s: layer %u: expected 1 to %d units", length, key.at + 1, *count + 1,
                    LSTM_UNITS_MOST);
    units[*count] = (uint32_t)number;
  }
  if (*count >= least) return KAIROS_OK;
  return refuse(error, KAIROS_BAD_CONFIG, "lstm: %.*s: expected at least one layer, the list is empty", length, key.at + 1);
}

static kairos_status read_bool(bool *to, struct config_value key, struct config_value value, kairos_error *error) {
  if (config_bool(value, to)) return KAIROS_OK;
  return refuse(error, KAIROS_BAD_CONFIG, "lstm: %.*s: expected true or false", (int)(key.end - key.at) - 2, key.at + 1);
}

static kairos_status read_precision(struct settings *s, struct config_value value, kairos_error *error) {
  const char *text;
  size_t length;
  if (config_text(value, &text, &length) && length == 6) {
    s->exact = memcmp(text, "double", 6) == 0;
    if (s->exact || memcmp(text, "single", 6) == 0) return KAIROS_OK;
  }
  return refuse(error, KAIROS_BAD_CONFIG, "lstm: precision: expected \"single\" or \"double\"");
}

static kairos_status read_seed(struct settings *s, struct config_value value, kairos_error *error) {
  double number;
  if (!config_number(value, &number) || !(number >= 0 && number <= 0x1p53) || number != (double)(uint64_t)number)
    return refuse(error, KAIROS_BAD_CONFIG, "lstm: seed: expected a whole number of 0 to 2^53");
  s->seed = (uint64_t)number;
  return KAIROS_OK;
}

/* What says how it learns; false: another word. */
static bool read_training(struct settings *s, struct config_value key, struct config_value value, kairos_status *status,
                          kairos_error *error) {
  const struct shape *shape = &s->shape;
  if (config_key_is(key, "dropout")) *status = shape_read_number(shape, &s->dropout, 0, 0.9, key, value, error);
  else if (config_key_is(key, "learning_rate")) *status = shape_read_number(shape, &s->rate, 1e-9, 1, key, value, error);
  else if (config_key_is(key, "epsilon")) *status = shape_read_number(shape, &s->epsilon, 1e-12, 1, key, value, error);
  else if (config_key_is(key, "clip")) *status = shape_read_number(shape, &s->clip, 0, 1e6, key, value, error);
  else if (config_key_is(key, "validation")) *status = shape_read_number(shape, &s->validation, 0.05, 0.5, key, value, error);
  else if (config_key_is(key, "epochs")) *status = read_count(&s->epochs, 1, 10000, key, value, error);
  else if (config_key_is(key, "batch")) *status = read_count(&s->batch, 1, 65536, key, value, error);
  else if (config_key_is(key, "patience")) *status = read_count(&s->patience, 1, 10000, key, value, error);
  else if (config_key_is(key, "least_people")) *status = read_count(&s->least_people, 2, 1000000, key, value, error);
  else if (config_key_is(key, "least_outcomes")) *status = read_count(&s->least_outcomes, 1, 1000000, key, value, error);
  else if (config_key_is(key, "seed")) *status = read_seed(s, value, error);
  else return false;
  return true;
}

static kairos_status read_member(struct settings *s, const kairos_host *host, struct config_value key, struct config_value value,
                                 kairos_error *error) {
  kairos_status status;
  if (shape_read_member(&s->shape, host, key, value, &status, error) || read_training(s, key, value, &status, error)) return status;
  if (config_key_is(key, "steps")) return read_count(&s->steps, 1, LSTM_STEPS_MOST, key, value, error);
  if (config_key_is(key, "recall")) return read_count(&s->recall, 0, LSTM_RECALL_MOST, key, value, error);
  if (config_key_is(key, "least_steps")) return read_count(&s->least_steps, 1, LSTM_STEPS_MOST, key, value, error);
  if (config_key_is(key, "lstm")) return read_units(s->lstm, &s->lstm_count, 1, LSTM_LAYERS_MOST, key, value, error);
  if (config_key_is(key, "dense")) return read_units(s->dense, &s->dense_count, 0, LSTM_DENSE_MOST, key, value, error);
  if (config_key_is(key, "missing_flags")) return read_bool(&s->flags, key, value, error);
  if (config_key_is(key, "standardise")) return read_bool(&s->standardise, key, value, error);
  if (config_key_is(key, "precision")) return read_precision(s, value, error);
  return refuse(
      error, KAIROS_BAD_CONFIG,
      "lstm: unknown field %.*s, expected inputs, output, steps, lstm, dense, dropout, missing_flags, least_steps, recall, precision, "
      "standardise, learning_rate, epsilon, clip, epochs, batch, patience, validation, least_people, least_outcomes or seed",
      (int)(key.end - key.at), key.at);
}

static kairos_status check(const struct settings *s, kairos_error *error) {
  const kairos_status status = shape_check(&s->shape, error);
  if (status != KAIROS_OK) return status;
  if (s->shape.input_count > LSTM_INPUTS_MOST)
    return refuse(error, KAIROS_BAD_CONFIG, "lstm: %u inputs, expected at most %d", s->shape.input_count, LSTM_INPUTS_MOST);
  if (s->least_steps > s->steps)
    return refuse(error, KAIROS_BAD_CONFIG, "lstm: least_steps %u is above steps %u", s->least_steps, s->steps);
  if (s->shape.low < 0 || s->shape.high > 1)
    return refuse(error, KAIROS_BAD_CONFIG, "lstm: output: a probability is within 0 and 1, got %g to %g", s->shape.low, s->shape.high);
  const struct plan p = plan_of(s);
  if (p.canonical > LSTM_WEIGHTS_MOST)
    return refuse(error, KAIROS_BAD_CONFIG, "lstm: these layers have %zu weights, expected at most %d", p.canonical, LSTM_WEIGHTS_MOST);
  return KAIROS_OK;
}

kairos_status settings_read(struct settings *s, const kairos_host *host, const char *config_json, kairos_error *error) {
  struct config_value root, key, value;
  *s = (struct settings){.steps = 30,
                         .lstm_count = 2,
                         .lstm = {64, 32},
                         .dense_count = 1,
                         .dense = {16},
                         .least_steps = 1,
                         .standardise = true,
                         .recall = 2048,
                         .dropout = 0.2,
                         .rate = 1e-3,
                         .epsilon = 1e-8,
                         .clip = 1,
                         .validation = 0.2,
                         .epochs = 100,
                         .batch = 32,
                         .patience = 10,
                         .least_people = 50,
                         .least_outcomes = 100,
                         .shape = shape_new("lstm")};
  if (!config_parse(config_json, &root, error)) return KAIROS_BAD_CONFIG;
  kairos_status status = KAIROS_OK;
  for (const char *cursor = NULL; status == KAIROS_OK && config_each(root, &cursor, &key, &value);)
    status = read_member(s, host, key, value, error);
  if (status == KAIROS_OK) status = check(s, error);
  s->shape.width = s->steps;
  if (status != KAIROS_OK) settings_free(s, host);
  return status;
}

void settings_free(struct settings *s, const kairos_host *host) {
  shape_free(&s->shape, host);
}
