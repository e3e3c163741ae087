/* The svr plugin: its table of functions, and the life of a model. Promises that a model given to predict is only read, that each output
 * is clamped to the configured range, and that a row with more than half of its inputs missing has no answer. The weights are machine.c's,
 * their bytes state.c's, learning train.c's. The engine calls through the table, on the threads that kairos_plugin.h names. */
#include "svr.h"
#include "common/memory.h"
#include "common/refuse.h"
#include <string.h>

struct kairos_session {
  const kairos_host *host;
  uint32_t inputs, rows_most;
  double z[]; /* one standardised row, and scratch of the same size */
};

static void svr_destroy(kairos_model *model) {
  const kairos_host *host = model->host;
  if (model->trained) machine_free(&model->machine, host);
  settings_free(&model->settings, host);
  memory_give(host, model, 1, sizeof *model);
}

static kairos_status svr_create(const kairos_host *host, const char *config_json, kairos_model **out, kairos_error *error) {
  struct settings settings;
  const kairos_status status = settings_read(&settings, host, config_json, error);
  if (status != KAIROS_OK) return status;
  kairos_model *model = memory_take(host, 1, sizeof *model);
  if (!model) {
    settings_free(&settings, host);
    return refuse(error, KAIROS_NO_MEMORY, "svr: no memory for a model");
  }
  model->host = host;
  model->way = way_best();
  model->settings = settings;
  const kairos_status described = shape_describe(&model->settings.shape, host, "The regression's value, clamped to its range.", error);
  if (described != KAIROS_OK) {
    svr_destroy(model);
    return described;
  }
  *out = model;
  return KAIROS_OK;
}

static size_t session_size(uint32_t inputs) {
  return sizeof(kairos_session) + 2 * (size_t)inputs * sizeof(double);
}

static kairos_status svr_open(const kairos_model *model, uint32_t max_rows, kairos_session **out, kairos_error *error) {
  kairos_session *session = memory_take(model->host, 1, session_size(model->settings.shape.input_count));
  if (!session) return refuse(error, KAIROS_NO_MEMORY, "svr: no memory for a session");
  session->host = model->host;
  session->inputs = model->settings.shape.input_count;
  session->rows_most = max_rows;
  *out = session;
  return KAIROS_OK;
}

static void svr_close(kairos_session *session) {
  memory_give(session->host, session, 1, session_size(session->inputs));
}

static kairos_status svr_predict(const kairos_model *model, kairos_session *session, const kairos_batch *in, const kairos_batch *out,
                                 kairos_error *error) {
  if (!model->trained) return refuse(error, KAIROS_FAILED, "svr: the model has no weights yet");
  const kairos_status status = shape_check_batch(&model->settings.shape, session->rows_most, in, out, error);
  if (status != KAIROS_OK) return status;
  double *values = out->columns[0]->data;
  uint64_t *valid = out->columns[0]->valid;
  const double low = model->settings.shape.low, high = model->settings.shape.high;
  for (uint32_t row = 0; row < in->rows; row++) {
    values[row] = 0;
    if (!machine_standardise(&model->machine, in, row, session->z)) {
      valid[row / 64] &= ~(UINT64_C(1) << (row % 64));
      continue;
    }
    const double value = machine_value(&model->machine, model->way, session->z, session->z + session->inputs);
    values[row] = value < low ? low : value > high ? high : value;
  }
  return KAIROS_OK;
}

static const kairos_schema *svr_inputs(const kairos_model *model) {
  return &model->settings.shape.inputs;
}
static const kairos_schema *svr_outputs(const kairos_model *model) {
  return &model->settings.shape.outputs;
}

static const void *svr_extension(const char *id) {
  static const kairos_schema_of schema = {sizeof schema, svr_inputs, svr_outputs};
  static const kairos_import import = {sizeof import, "libsvm", libsvm_import, NULL};
  static const kairos_export export = {sizeof export, "libsvm", libsvm_export, NULL};
  if (strcmp(id, KAIROS_EXTENSION_SCHEMA) == 0) return &schema;
  if (strcmp(id, KAIROS_EXTENSION_IMPORT) == 0) return &import;
  if (strcmp(id, KAIROS_EXTENSION_EXPORT) == 0) return &export;
  return NULL;
}

KAIROS_EXPORT const kairos_plugin *kairos_plugin_v1(const kairos_host *host) {
  static const kairos_plugin plugin = {
      .size = sizeof plugin,
      .abi_minor = KAIROS_ABI_MINOR,
      .caps = KAIROS_CAP_EXACT,
      .state_version = 1,
      .id = "svr",
      .version = "1.0.0",
      .summary = "Support vector regression with a radial kernel, trained by libsvm.",
      .licence = "Apache-2.0",
      .create = svr_create,
      .destroy = svr_destroy,
      .load = state_load,
      .save = state_save,
      .train = svr_train,
      .open = svr_open,
      .close = svr_close,
      .predict = svr_predict,
      .extension = svr_extension,
  };
  return KAIROS_HAS(kairos_host, host, service) ? &plugin : NULL;
}
