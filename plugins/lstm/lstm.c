/* The lstm plugin: its table of functions, and the life of a model. Promises that a model given to predict is only read, that each output
 * is clamped to the configured range, that a row gives the same bits in any batch and on any machine, and that a row with fewer known steps
 * than configured has no answer. The weights' places are plan.c's, arithmetic the kernels', learning train.c's, bytes state.c's, files of
 * the field import.c's and export.c's. The engine calls through the table, on the threads that kairos_plugin.h names. */
#include "lstm.h"
#include "common/memory.h"
#include "common/refuse.h"
#include "explain.h"
#include <string.h>

static void lstm_destroy(kairos_model *model) {
  const kairos_host *host = model->host;
  if (model->trained) network_free(&model->network, host);
  settings_free(&model->settings, host);
  memory_give(host, model, 1, sizeof *model);
}

static kairos_status lstm_create(const kairos_host *host, const char *config_json, kairos_model **out, kairos_error *error) {
  struct settings settings;
  kairos_status status = settings_read(&settings, host, config_json, error);
  if (status != KAIROS_OK) return status;
  kairos_model *model = memory_take(host, 1, sizeof *model);
  if (!model) {
    settings_free(&settings, host);
    return refuse(error, KAIROS_NO_MEMORY, "lstm: no memory for a model");
  }
  model->host = host;
  model->settings = settings;
  model->plan = plan_of(&settings);
  model->kernels = kernels_choose(settings.exact);
  status =
      shape_describe(&model->settings.shape, host, "The probability that the window's last step ends in, clamped to its range.", error);
  if (status == KAIROS_OK) *out = model;
  else lstm_destroy(model);
  return status;
}

static kairos_status lstm_open(const kairos_model *model, uint32_t max_rows, kairos_session **out, kairos_error *error) {
  kairos_session *session = memory_take(model->host, 1, sizeof *session);
  if (!session) return refuse(error, KAIROS_NO_MEMORY, "lstm: no memory for a session");
  session->host = model->host;
  session->rows_most = max_rows;
  const uint32_t most = model->kernels->rows, rows = max_rows == 0 ? 1 : max_rows < most ? max_rows : most;
  if (!workspace_new(&session->work, model->host, &model->plan, model->kernels, rows, false)) {
    memory_give(model->host, session, 1, sizeof *session);
    return refuse(error, KAIROS_NO_MEMORY, "lstm: no memory for a session of %u rows", max_rows);
  }
  recall_open(&session->recall, model->host, model);
  *out = session;
  return KAIROS_OK;
}

static void lstm_close(kairos_session *session) {
  recall_close(&session->recall, session->host);
  workspace_free(&session->work, session->host);
  memory_give(session->host, session, 1, sizeof *session);
}

static const kairos_schema *lstm_inputs(const kairos_model *model) {
  return &model->settings.shape.inputs;
}
static const kairos_schema *lstm_outputs(const kairos_model *model) {
  return &model->settings.shape.outputs;
}

static const char *lstm_scale(const kairos_model *model) {
  (void)model;
  return "log odds";
}

static const void *lstm_extension(const char *id) {
  static const kairos_explain explain = {sizeof explain, "integrated gradients, 50 steps, from the person's own means", lstm_scale,
                                         lstm_explain};
  static const kairos_schema_of schema = {sizeof schema, lstm_inputs, lstm_outputs};
  static const kairos_import keras_in = {sizeof keras_in, "safetensors-keras", keras_import, NULL};
  static const kairos_import pytorch_in = {sizeof pytorch_in, "safetensors", pytorch_import, &keras_in};
  static const kairos_export keras_out = {sizeof keras_out, "safetensors-keras", keras_export, NULL};
  static const kairos_export pytorch_out = {sizeof pytorch_out, "safetensors", pytorch_export, &keras_out};
  if (strcmp(id, KAIROS_EXTENSION_SCHEMA) == 0) return &schema;
  if (strcmp(id, KAIROS_EXTENSION_IMPORT) == 0) return &pytorch_in;
  if (strcmp(id, KAIROS_EXTENSION_EXPORT) == 0) return &pytorch_out;
  if (strcmp(id, KAIROS_EXTENSION_EXPLAIN) == 0) return &explain;
  return NULL;
}

KAIROS_EXPORT const kairos_plugin *kairos_plugin_v1(const kairos_host *host) {
  static const kairos_plugin plugin = {
      .size = sizeof plugin,
      .abi_minor = KAIROS_ABI_MINOR,
      .caps = KAIROS_CAP_EXACT,
      .state_version = 1,
      .id = "lstm",
      .version = "1.0.0",
      .summary = "A recurrent network over windows of days: own kernels, own training, PyTorch's and Keras' weights.",
      .licence = "Apache-2.0",
      .create = lstm_create,
      .destroy = lstm_destroy,
      .load = state_load,
      .save = state_save,
      .train = lstm_train,
      .open = lstm_open,
      .close = lstm_close,
      .predict = lstm_predict,
      .extension = lstm_extension,
  };
  return KAIROS_HAS(kairos_host, host, service) ? &plugin : NULL;
}
