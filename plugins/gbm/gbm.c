/* The gbm plugin: its table of functions, and the life of a model. Promises that a model given to predict is only read, that each output is
 * clamped to the configured range, that a row gives the same bits in any batch, and that a row without any input has no answer. The trees
 * are forest.c's, their bytes state.c's, learning train.c's, the sums pack.c's and evaluate.c's. The engine calls through the table, on the
 * threads that kairos_plugin.h names. */
#include "gbm.h"
#include "common/memory.h"
#include "common/refuse.h"
#include "pack.h"
#include <string.h>

static void gbm_destroy(kairos_model *model) {
  const kairos_host *host = model->host;
  model_drop(model);
  settings_free(&model->settings, host);
  memory_give(host, model, 1, sizeof *model);
}

static kairos_status gbm_create(const kairos_host *host, const char *config_json, kairos_model **out, kairos_error *error) {
  struct settings settings;
  kairos_status status = settings_read(&settings, host, config_json, error);
  if (status != KAIROS_OK) return status;
  kairos_model *model = memory_take(host, 1, sizeof *model);
  if (!model) {
    settings_free(&settings, host);
    return refuse(error, KAIROS_NO_MEMORY, "gbm: no memory for a model");
  }
  model->host = host;
  model->settings = settings;
  model->way = (int)way_best();
  status = shape_describe(&model->settings.shape, host, "The trees' sum through the link, clamped to its range.", error);
  if (status == KAIROS_OK) *out = model;
  else gbm_destroy(model);
  return status;
}

static kairos_status gbm_open(const kairos_model *model, uint32_t max_rows, kairos_session **out, kairos_error *error) {
  const size_t lanes = (model->pack ? (size_t)model->pack->lanes : 1) * PACK_ROWS * sizeof(float);
  const size_t size = sizeof(kairos_session) + 64 + lanes;
  kairos_session *session = memory_take(model->host, 1, size);
  if (!session) return refuse(error, KAIROS_NO_MEMORY, "gbm: no memory for a session");
  session->host = model->host;
  session->rows_most = max_rows;
  session->size = size;
  char *after = (char *)(session + 1);
  session->lanes = (float *)(void *)(after + ((size_t) - (uintptr_t)after & 63));
  *out = session;
  return KAIROS_OK;
}

static void gbm_close(kairos_session *session) {
  memory_give(session->host, session, 1, session->size);
}

static const kairos_schema *gbm_inputs(const kairos_model *model) {
  return &model->settings.shape.inputs;
}
static const kairos_schema *gbm_outputs(const kairos_model *model) {
  return &model->settings.shape.outputs;
}

static const char *gbm_scale(const kairos_model *model) {
  return model->pack && model->forest.link == LINK_LOGISTIC ? "log odds" : "the output's";
}

static const void *gbm_extension(const char *id) {
  static const kairos_schema_of schema = {sizeof schema, gbm_inputs, gbm_outputs};
  static const kairos_import lightgbm = {sizeof lightgbm, "lightgbm", lightgbm_import, NULL};
  static const kairos_import xgboost = {sizeof xgboost, "xgboost", xgboost_import, &lightgbm};
  static const kairos_explain explain = {sizeof explain, "TreeSHAP, path-dependent", gbm_scale, gbm_explain};
  if (strcmp(id, KAIROS_EXTENSION_SCHEMA) == 0) return &schema;
  if (strcmp(id, KAIROS_EXTENSION_IMPORT) == 0) return &xgboost;
  if (strcmp(id, KAIROS_EXTENSION_EXPLAIN) == 0) return &explain;
  return NULL;
}

KAIROS_EXPORT const kairos_plugin *kairos_plugin_v1(const kairos_host *host) {
  static const kairos_plugin plugin = {
      .size = sizeof plugin,
      .abi_minor = KAIROS_ABI_MINOR,
      .caps = KAIROS_CAP_EXACT,
      .state_version = 1,
      .id = "gbm",
      .version = "1.0.0",
      .summary = "Gradient boosted trees: own training as scikit-learn's or XGBoost's, and their and LightGBM's files.",
      .licence = "Apache-2.0",
      .create = gbm_create,
      .destroy = gbm_destroy,
      .load = state_load,
      .save = state_save,
      .train = gbm_train,
      .open = gbm_open,
      .close = gbm_close,
      .predict = gbm_predict,
      .extension = gbm_extension,
  };
  return KAIROS_HAS(kairos_host, host, service) ? &plugin : NULL;
}
