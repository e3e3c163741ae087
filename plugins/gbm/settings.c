/* What a model's file may say about a gbm: {"inputs", "output", "objective", "method", "n_estimators", "learning_rate", "max_depth",
 * "min_samples_leaf", "min_samples_split", "lambda", "min_child_weight", "base_score", "bins"}, the words of scikit-learn and XGBoost.
 * Promises that every number is in the range where training ends and sums stay finite, and that a word it does not know is refused by name.
 * Called once a model, by create. */
#include "common/refuse.h"
#include "gbm.h"
#include <string.h>

struct word {
  const char *text;
  int value;
};

static kairos_status read_word(int *to, const struct word *words, size_t count, const char *expected, struct config_value key,
                               struct config_value value, kairos_error *error) {
  const char *text;
  size_t length;
  if (config_text(value, &text, &length))
    for (size_t i = 0; i < count; i++)
      if (strlen(words[i].text) == length && memcmp(text, words[i].text, length) == 0) {
        *to = words[i].value;
        return KAIROS_OK;
      }
  return refuse(error, KAIROS_BAD_CONFIG, "gbm: %.*s: expected %s", (int)(key.end - key.at) - 2, key.at + 1, expected);
}

static kairos_status read_count(const struct shape *s, uint32_t *to, uint32_t low, uint32_t high, struct config_value key,
                                struct config_value value, kairos_error *error) {
  double number;
  if (config_number(value, &number) && number >= low && number <= high && number == (double)(uint32_t)number) {
    *to = (uint32_t)number;
    return KAIROS_OK;
  }
  return refuse(error, KAIROS_BAD_CONFIG, "%s: %.*s: expected a whole number of %u to %u", s->who, (int)(key.end - key.at) - 2, key.at + 1,
                low, high);
}

static kairos_status read_objective(struct settings *s, struct config_value key, struct config_value value, kairos_error *error) {
  static const struct word words[] = {{"logistic", OBJECTIVE_LOGISTIC}, {"squared", OBJECTIVE_SQUARED}};
  int word = 0;
  const kairos_status status = read_word(&word, words, 2, "\"logistic\" or \"squared\"", key, value, error);
  s->objective = (enum objective)word;
  return status;
}

static kairos_status read_method(struct settings *s, struct config_value key, struct config_value value, kairos_error *error) {
  static const struct word words[] = {
      {"auto", METHOD_AUTO}, {"exact", METHOD_EXACT}, {"newton", METHOD_NEWTON}, {"histogram", METHOD_HISTOGRAM}};
  int word = 0;
  const kairos_status status = read_word(&word, words, 4, "\"auto\", \"exact\", \"newton\" or \"histogram\"", key, value, error);
  s->method = (enum method)word;
  return status;
}

static kairos_status read_member(struct settings *s, const kairos_host *host, struct config_value key, struct config_value value,
                                 kairos_error *error) {
  const struct shape *shape = &s->shape;
  kairos_status status;
  if (shape_read_member(&s->shape, host, key, value, &status, error)) return status;
  if (config_key_is(key, "objective")) return read_objective(s, key, value, error);
  if (config_key_is(key, "method")) return read_method(s, key, value, error);
  if (config_key_is(key, "n_estimators")) return read_count(shape, &s->trees, 1, GBM_TREES_MOST, key, value, error);
  if (config_key_is(key, "max_depth")) return read_count(shape, &s->depth, 1, 16, key, value, error);
  if (config_key_is(key, "min_samples_leaf")) return read_count(shape, &s->leaf_rows, 1, GBM_ROWS_MOST, key, value, error);
  if (config_key_is(key, "min_samples_split")) return read_count(shape, &s->split_rows, 2, GBM_ROWS_MOST, key, value, error);
  if (config_key_is(key, "bins")) return read_count(shape, &s->bins, 2, 255, key, value, error);
  if (config_key_is(key, "learning_rate")) return shape_read_number(shape, &s->rate, 1e-6, 1, key, value, error);
  if (config_key_is(key, "lambda")) return shape_read_number(shape, &s->lambda, 0, 1e9, key, value, error);
  if (config_key_is(key, "min_child_weight")) return shape_read_number(shape, &s->weight, 0, 1e9, key, value, error);
  if (config_key_is(key, "base_score")) return shape_read_number(shape, &s->base_score, -1e9, 1e9, key, value, error);
  return refuse(error, KAIROS_BAD_CONFIG,
                "gbm: unknown field %.*s, expected inputs, output, objective, method, n_estimators, learning_rate, max_depth, "
                "min_samples_leaf, min_samples_split, lambda, min_child_weight, base_score or bins",
                (int)(key.end - key.at), key.at);
}

kairos_status settings_read(struct settings *s, const kairos_host *host, const char *config_json, kairos_error *error) {
  struct config_value root, key, value;
  *s = (struct settings){.trees = 100,
                         .rate = 0.1,
                         .depth = 3,
                         .leaf_rows = 1,
                         .split_rows = 2,
                         .bins = 255,
                         .lambda = 1,
                         .weight = 1,
                         .base_score = __builtin_nan(""),
                         .shape = shape_new("gbm")};
  if (!config_parse(config_json, &root, error)) return KAIROS_BAD_CONFIG;
  kairos_status status = KAIROS_OK;
  for (const char *cursor = NULL; status == KAIROS_OK && config_each(root, &cursor, &key, &value);)
    status = read_member(s, host, key, value, error);
  if (status == KAIROS_OK) status = shape_check(&s->shape, error);
  if (status == KAIROS_OK && s->objective == OBJECTIVE_LOGISTIC && (s->base_score <= 0 || s->base_score >= 1))
    status = refuse(error, KAIROS_BAD_CONFIG, "gbm: base_score: expected a probability above 0 and below 1, got %g", s->base_score);
  if (status != KAIROS_OK) settings_free(s, host);
  return status;
}

void settings_free(struct settings *s, const kairos_host *host) {
  shape_free(&s->shape, host);
}
