/* The goal_setter plugin: its table of functions, and the life of a model. A policy: from the last days and their goals it proposes one
 * goal for the next week, with the probability of having drawn it. Promises that a model is only read by predict, the same answer for the
 * same days and seed, and no answer while too few days are known. It learns nothing between calls: each call looks at the whole window. The
 * engine calls through the table, on the threads that kairos_plugin.h names. */
#include "goal_setter.h"
#include "common/memory.h"
#include "common/refuse.h"
#include <string.h>

enum output { ACTION, PROPENSITY, GOAL, DIFFICULTY, SUCCESS, STRATEGY, OUTPUTS };

struct kairos_model {
  const kairos_host *host;
  struct settings settings;
  kairos_field fields[2 + OUTPUTS];
  const kairos_field *pointers[2 + OUTPUTS];
  kairos_schema inputs, outputs;
};
struct kairos_session {
  const kairos_host *host;
  uint32_t rows_most;
  struct proposing proposing;
};

static kairos_field output_field(const char *name, const char *unit, double low, double high, const char *doc) {
  return (kairos_field){
      .size = sizeof(kairos_field), .type = KAIROS_F64, .width = 1, .name = name, .unit = unit, .doc = doc, .lo = low, .hi = high};
}

static void describe(kairos_model *m) {
  static const char *const docs[] = {"What was done each day, oldest first.", "The goal of each day, oldest first."};
  const struct settings *s = &m->settings;
  for (uint32_t i = 0; i < 2; i++) {
    m->fields[i] = output_field(s->names[i], "", -__builtin_inf(), __builtin_inf(), docs[i]);
    m->fields[i].width = s->days;
  }
  kairos_field *out = m->fields + 2;
  out[ACTION] = output_field("action", "steps", 0, GOAL_CANDIDATES_MOST, "The goal as a number of steps above the lowest.");
  out[PROPENSITY] = output_field("propensity", "share", 0, 1, "The probability with which this goal was drawn.");
  out[GOAL] = output_field("goal", "", s->low, s->high, "The goal recommended for the next days.");
  out[DIFFICULTY] = output_field("difficulty", "share", 0, 1, "Share of days expected to stay below it if nothing changed.");
  out[SUCCESS] = output_field("success_probability", "share", 0, 1, "The probability of meeting it on a day.");
  out[STRATEGY] = output_field("strategy", "", 0, 3, "0 hold (too few days known), 1 ease, 2 maintain, 3 raise.");
  for (uint32_t i = 0; i < 2 + OUTPUTS; i++) m->pointers[i] = &m->fields[i];
  m->inputs = (kairos_schema){sizeof(kairos_schema), 2, m->pointers};
  m->outputs = (kairos_schema){sizeof(kairos_schema), OUTPUTS, m->pointers + 2};
}

static kairos_status goal_create(const kairos_host *host, const char *config_json, kairos_model **out, kairos_error *error) {
  struct settings settings;
  const kairos_status status = settings_read(&settings, config_json, error);
  if (status != KAIROS_OK) return status;
  kairos_model *model = memory_take(host, 1, sizeof *model);
  if (!model) return refuse(error, KAIROS_NO_MEMORY, "goal_setter: no memory for a model");
  model->host = host;
  model->settings = settings;
  describe(model);
  *out = model;
  return KAIROS_OK;
}

static void goal_destroy(kairos_model *model) {
  memory_give(model->host, model, 1, sizeof *model);
}

static kairos_status goal_open(const kairos_model *model, uint32_t max_rows, kairos_session **out, kairos_error *error) {
  kairos_session *session = memory_take(model->host, 1, sizeof *session);
  if (!session) return refuse(error, KAIROS_NO_MEMORY, "goal_setter: no memory for a session");
  session->host = model->host;
  session->rows_most = max_rows;
  session->proposing.settings = &model->settings;
  *out = session;
  return KAIROS_OK;
}

static void goal_close(kairos_session *session) {
  memory_give(session->host, session, 1, sizeof *session);
}

static kairos_status check_batch(const kairos_model *model, const kairos_session *session, const kairos_batch *in, const kairos_batch *out,
                                 kairos_error *error) {
  if (in->column_count != 2 || out->column_count != OUTPUTS || in->rows > session->rows_most || out->rows != in->rows)
    return refuse(error, KAIROS_BAD_INPUT, "goal_setter: expected 2 inputs, %d outputs and up to %u rows, got %u, %u and %u", OUTPUTS,
                  session->rows_most, in->column_count, out->column_count, in->rows);
  for (uint32_t i = 0; i < 2; i++)
    if (in->columns[i]->type != KAIROS_F64 || in->columns[i]->width != model->settings.days)
      return refuse(error, KAIROS_BAD_INPUT, "goal_setter: input %u: expected %u doubles a row, got %u", i + 1, model->settings.days,
                    in->columns[i]->width);
  if (!in->seeds) return refuse(error, KAIROS_BAD_INPUT, "goal_setter: a policy needs a seed with each row");
  return KAIROS_OK;
}

static double value_at(const kairos_column *c, size_t at) {
  const double value = ((const double *)c->data)[at];
  const bool valid = (!c->valid || (c->valid[at / 64] >> (at % 64) & 1)) && value >= 0 && value <= 1e9;
  return valid ? value : __builtin_nan("");
}

static kairos_status goal_predict(const kairos_model *model, kairos_session *session, const kairos_batch *in, const kairos_batch *out,
                                  kairos_error *error) {
  const kairos_status status = check_batch(model, session, in, out, error);
  if (status != KAIROS_OK) return status;
  const uint32_t days = model->settings.days;
  for (uint32_t row = 0; row < in->rows; row++) {
    struct goal_day history[GOAL_DAYS_MOST];
    struct proposal p = {0};
    for (uint32_t d = 0; d < days; d++) {
      const size_t at = (size_t)row * days + d;
      history[d] = (struct goal_day){.done = value_at(in->columns[0], at), .goal = value_at(in->columns[1], at)};
    }
    const bool known = propose(&session->proposing, history, days, in->seeds[row], &p);
    const double values[OUTPUTS] = {p.action, p.propensity, p.goal, p.difficulty, p.success, (double)p.strategy};
    for (uint32_t c = 0; c < OUTPUTS; c++) {
      ((double *)out->columns[c]->data)[row] = values[c];
      if (!known) out->columns[c]->valid[row / 64] &= ~(UINT64_C(1) << (row % 64));
    }
  }
  return KAIROS_OK;
}

static const kairos_schema *goal_inputs(const kairos_model *model) {
  return &model->inputs;
}
static const kairos_schema *goal_outputs(const kairos_model *model) {
  return &model->outputs;
}

static const void *goal_extension(const char *id) {
  static const kairos_schema_of schema = {sizeof schema, goal_inputs, goal_outputs};
  return strcmp(id, KAIROS_EXTENSION_SCHEMA) == 0 ? &schema : NULL;
}

KAIROS_EXPORT const kairos_plugin *kairos_plugin_v1(const kairos_host *host) {
  static const kairos_plugin plugin = {
      .size = sizeof plugin,
      .abi_minor = KAIROS_ABI_MINOR,
      .caps = KAIROS_CAP_EXACT | KAIROS_CAP_POLICY,
      .id = "goal_setter",
      .version = "1.0.0",
      .summary = "Adaptive daily goals: a posterior over types of people, percentiles, or x1.1 and x0.9.",
      .licence = "Apache-2.0",
      .create = goal_create,
      .destroy = goal_destroy,
      .open = goal_open,
      .close = goal_close,
      .predict = goal_predict,
      .extension = goal_extension,
  };
  return KAIROS_HAS(kairos_host, host, service) ? &plugin : NULL;
}
