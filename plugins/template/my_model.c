/* my_model: a plugin to begin with. A logistic regression on two inputs: everything that the contract asks for, and little else. Change the
 * inputs, the output and the arithmetic; keep the checks. `make` builds it, `make conform` holds it against the contract. */
#include "kairos_plugin.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define INPUTS 2
#define ROUNDS 200 /* of learning */

struct kairos_model {
  const kairos_host *host;
  double weights[INPUTS + 1]; /* the last is the constant */
};

/* Names and order are a contract: a state is only taken by the same list. */
static const kairos_field skipped = {.size = sizeof(kairos_field),
                                     .type = KAIROS_F64,
                                     .width = 1,
                                     .name = "skip_pattern_frequency",
                                     .unit = "share",
                                     .doc = "",
                                     .lo = 0,
                                     .hi = 1};
static const kairos_field done = {.size = sizeof(kairos_field),
                                  .type = KAIROS_F64,
                                  .width = 1,
                                  .name = "workout_frequency_7d",
                                  .unit = "count",
                                  .doc = "",
                                  .lo = 0,
                                  .hi = 20};
static const kairos_field answer = {.size = sizeof(kairos_field),
                                    .type = KAIROS_F64,
                                    .width = 1,
                                    .name = "probability",
                                    .unit = "share",
                                    .doc = "The probability that the next planned workout is done.",
                                    .lo = 0,
                                    .hi = 1};
static const kairos_field *const input_list[INPUTS] = {&skipped, &done};
static const kairos_field *const output_list[] = {&answer};
static const kairos_schema inputs = {sizeof(kairos_schema), INPUTS, input_list};
static const kairos_schema outputs = {sizeof(kairos_schema), 1, output_list};

static kairos_status refuse(kairos_error *error, kairos_status status, const char *sentence) {
  if (error) snprintf(error->message, sizeof error->message, "my_model: %s", sentence);
  return status;
}

/* ---- life ---- */

static kairos_status create(const kairos_host *host, const char *config_json, kairos_model **model, kairos_error *error) {
  (void)config_json; /* nothing to configure */
  kairos_model *m = host->realloc(host, NULL, 0, sizeof *m);
  if (!m) return refuse(error, KAIROS_NO_MEMORY, "no memory for a model");
  *m = (kairos_model){.host = host};
  *model = m;
  return KAIROS_OK;
}

static void destroy(kairos_model *model) {
  model->host->realloc(model->host, model, sizeof *model, 0);
}

/* ---- weights, as bytes ---- */

static kairos_status save(const kairos_model *model, const kairos_writer *writer, kairos_error *error) {
  if (writer->write(writer, model->weights, sizeof model->weights)) return KAIROS_OK;
  return refuse(error, KAIROS_FAILED, "the state could not be written");
}

/* Hostile until shown otherwise; a failed load changes nothing. */
static kairos_status load(kairos_model *model, const kairos_reader *reader, uint32_t state_version, kairos_error *error) {
  double weights[INPUTS + 1];
  size_t got = 0;
  if (state_version != 1 || reader->length != sizeof weights)
    return refuse(error, KAIROS_BAD_STATE, "expected a state of version 1 with three numbers");
  while (got < sizeof weights) {
    const size_t n = reader->read(reader, (char *)weights + got, sizeof weights - got);
    if (n == 0) return refuse(error, KAIROS_BAD_STATE, "the state is cut off");
    got += n;
  }
  for (int i = 0; i <= INPUTS; i++)
    if (!(fabs(weights[i]) <= 1e6)) return refuse(error, KAIROS_BAD_STATE, "a weight is no number within 1e6");
  memcpy(model->weights, weights, sizeof weights);
  return KAIROS_OK;
}

/* ---- rows ---- */

/* False: something is missing. Each input is brought to 0..1 by its range. */
static bool read_row(const kairos_batch *in, uint32_t row, double *x) {
  for (int i = 0; i < INPUTS; i++) {
    const kairos_column *column = in->columns[i];
    if (column->valid && !(column->valid[row / 64] >> (row % 64) & 1)) return false;
    const double value = ((const double *)column->data)[row];
    if (!isfinite(value)) return false;
    x[i] = (value - input_list[i]->lo) / (input_list[i]->hi - input_list[i]->lo);
  }
  return true;
}

static double value_of(const kairos_model *model, const double *x) {
  double sum = model->weights[INPUTS];
  for (int i = 0; i < INPUTS; i++) sum += model->weights[i] * x[i];
  return 1 / (1 + exp(-sum));
}

static kairos_status predict(const kairos_model *model, kairos_session *session, const kairos_batch *in, const kairos_batch *out,
                             kairos_error *error) {
  (void)session; /* no scratch is needed */
  if (in->column_count != INPUTS || out->column_count != 1) return refuse(error, KAIROS_BAD_INPUT, "expected two inputs and one output");
  double *values = out->columns[0]->data;
  uint64_t *valid = out->columns[0]->valid;
  for (uint32_t row = 0; row < in->rows; row++) {
    double x[INPUTS];
    if (read_row(in, row, x)) values[row] = value_of(model, x);
    else valid[row / 64] &= ~(UINT64_C(1) << (row % 64)); /* no answer for this row */
  }
  return KAIROS_OK;
}

/* ---- learning: in a process of its own ---- */

static kairos_status train(kairos_model *model, const kairos_batch *x, const kairos_batch *y, kairos_error *error) {
  const double *target = y->columns[0]->data;
  for (int round = 0; round < ROUNDS; round++) {
    double slope[INPUTS + 1] = {0};
    uint32_t rows = 0;
    if (model->host->cancelled(model->host)) return refuse(error, KAIROS_CANCELLED, "cancelled");
    for (uint32_t row = 0; row < x->rows; row++) {
      double at[INPUTS];
      if (!read_row(x, row, at)) continue;
      const double off = value_of(model, at) - target[row];
      for (int i = 0; i < INPUTS; i++) slope[i] += off * at[i];
      slope[INPUTS] += off;
      rows++;
    }
    if (rows == 0) return refuse(error, KAIROS_BAD_INPUT, "no row has both inputs");
    for (int i = 0; i <= INPUTS; i++) model->weights[i] -= 2 * slope[i] / rows;
  }
  return KAIROS_OK;
}

KAIROS_EXPORT const kairos_plugin *kairos_plugin_v1(const kairos_host *host) {
  static const kairos_plugin plugin = {
      .size = sizeof plugin,
      .abi_minor = KAIROS_ABI_MINOR,
      .caps = KAIROS_CAP_EXACT,
      .state_version = 1,
      .id = "my_model",
      .version = "0.1.0",
      .summary = "A logistic regression on two inputs.",
      .licence = "Apache-2.0",
      .inputs = &inputs,
      .outputs = &outputs,
      .create = create,
      .destroy = destroy,
      .load = load,
      .save = save,
      .train = train,
      .predict = predict,
  };
  return KAIROS_HAS(kairos_host, host, cancelled) ? &plugin : NULL;
}
