/* The hazard plugin: its table of functions, and the life of a model. Promises that a model given to predict is only read, that each output
 * is clamped to the configured range, and that a row with more than half of its inputs missing has no answer. What is learned is fit.c's,
 * its bytes state.c's. The engine calls through the table, on the threads that kairos_plugin.h names. */
#include "hazard.h"
#include "common/memory.h"
#include "common/refuse.h"
#include <string.h>

struct kairos_session {
  const kairos_host *host;
  uint32_t inputs, rows_most;
  double z[]; /* one standardised row */
};

static void hazard_destroy(kairos_model *model) {
  const kairos_host *host = model->host;
  if (model->trained) curve_free(&model->curve, host);
  settings_free(&model->settings, host);
  memory_give(host, model, 1, sizeof *model);
}

static kairos_status hazard_create(const kairos_host *host, const char *config_json, kairos_model **out, kairos_error *error) {
  struct settings settings;
  const kairos_status status = settings_read(&settings, host, config_json, error);
  if (status != KAIROS_OK) return status;
  kairos_model *model = memory_take(host, 1, sizeof *model);
  if (!model) {
    settings_free(&settings, host);
    return refuse(error, KAIROS_NO_MEMORY, "hazard: no memory for a model");
  }
  model->host = host;
  model->settings = settings;
  struct shape *shape = &model->settings.shape;
  model->time = settings.time[0] ? shape_find(shape, settings.time, strlen(settings.time)) : shape->input_count;
  const kairos_status described = shape_describe(shape, host, "The chance to be lost within the steps looked ahead.", error);
  if (described != KAIROS_OK) {
    hazard_destroy(model);
    return described;
  }
  *out = model;
  return KAIROS_OK;
}

static size_t session_size(uint32_t inputs) {
  return sizeof(kairos_session) + (size_t)inputs * sizeof(double);
}

static kairos_status hazard_open(const kairos_model *model, uint32_t max_rows, kairos_session **out, kairos_error *error) {
  kairos_session *session = memory_take(model->host, 1, session_size(model->settings.shape.input_count));
  if (!session) return refuse(error, KAIROS_NO_MEMORY, "hazard: no memory for a session");
  session->host = model->host;
  session->inputs = model->settings.shape.input_count;
  session->rows_most = max_rows;
  *out = session;
  return KAIROS_OK;
}

static void hazard_close(kairos_session *session) {
  memory_give(session->host, session, 1, session_size(session->inputs));
}

static kairos_status hazard_predict(const kairos_model *model, kairos_session *session, const kairos_batch *in, const kairos_batch *out,
                                    kairos_error *error) {
  const struct settings *s = &model->settings;
  if (!model->trained) return refuse(error, KAIROS_FAILED, "hazard: the model has no weights yet");
  const kairos_status status = shape_check_batch(&s->shape, session->rows_most, in, out, error);
  if (status != KAIROS_OK) return status;
  double *values = out->columns[0]->data;
  uint64_t *valid = out->columns[0]->valid;
  for (uint32_t row = 0; row < in->rows; row++) {
    values[row] = 0;
    if (!curve_standardise(&model->curve, in, row, session->z)) {
      valid[row / 64] &= ~(UINT64_C(1) << (row % 64));
      continue;
    }
    const double lost = curve_lost(&model->curve, session->z, model->time, s->unit, (uint32_t)s->steps);
    values[row] = lost < s->shape.low ? s->shape.low : lost > s->shape.high ? s->shape.high : lost;
  }
  return KAIROS_OK;
}

static const char *hazard_scale(const kairos_model *model) {
  (void)model;
  return "log odds of the hazard in the next step";
}

static kairos_status hazard_explain(const kairos_model *model, kairos_session *session, const kairos_batch *in, uint32_t output,
                                    double *contributions, double *base, kairos_error *error) {
  const struct curve *c = &model->curve;
  if (!model->trained) return refuse(error, KAIROS_FAILED, "hazard: the model has no weights yet");
  const kairos_status status = shape_check_batch(&model->settings.shape, session->rows_most, in, NULL, error);
  if (status != KAIROS_OK) return status;
  if (output != 0) return refuse(error, KAIROS_BAD_INPUT, "hazard: it has one output, number 0; asked for %u", output);
  for (uint32_t row = 0; row < in->rows; row++) {
    const bool answered = curve_standardise(c, in, row, session->z);
    base[row] = answered ? c->constant : __builtin_nan("");
    for (uint32_t i = 0; i < c->inputs; i++)
      contributions[(size_t)row * c->inputs + i] = answered ? c->slopes[i] * session->z[i] : __builtin_nan("");
  }
  return KAIROS_OK;
}

static const kairos_schema *hazard_inputs(const kairos_model *model) {
  return &model->settings.shape.inputs;
}
static const kairos_schema *hazard_outputs(const kairos_model *model) {
  return &model->settings.shape.outputs;
}

static const void *hazard_extension(const char *id) {
  static const kairos_schema_of schema = {sizeof schema, hazard_inputs, hazard_outputs};
  static const kairos_explain explain = {sizeof explain, "slope times the distance from the training mean", hazard_scale, hazard_explain};
  if (strcmp(id, KAIROS_EXTENSION_SCHEMA) == 0) return &schema;
  if (strcmp(id, KAIROS_EXTENSION_EXPLAIN) == 0) return &explain;
  return NULL;
}

KAIROS_EXPORT const kairos_plugin *kairos_plugin_v1(const kairos_host *host) {
  static const kairos_plugin plugin = {
      .size = sizeof plugin,
      .abi_minor = KAIROS_ABI_MINOR,
      .caps = KAIROS_CAP_EXACT,
      .state_version = 1,
      .id = "hazard",
      .version = "1.0.0",
      .summary = "Discrete-time hazard: logistic regression over person-steps, and the chance to be lost within some of them.",
      .licence = "Apache-2.0",
      .create = hazard_create,
      .destroy = hazard_destroy,
      .load = state_load,
      .save = state_save,
      .train = hazard_train,
      .open = hazard_open,
      .close = hazard_close,
      .predict = hazard_predict,
      .extension = hazard_extension,
  };
  return KAIROS_HAS(kairos_host, host, service) ? &plugin : NULL;
}
