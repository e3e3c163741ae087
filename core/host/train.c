/* Training in a child. Promises that the engine's process never runs a plugin's train: the child inherits the table by fork (or loads the
 * library itself, when that runs in hosts), has its memory and time limited and its system calls confined, tells how far it is, and sends
 * the state's bytes; the parent loads them into a model of its own before it believes them, then seals the envelope. Cancelling ends the
 * child at once. Does not choose rows or judge the result. Tools. */
#include "boot.h"
#include "child.h"
#include "contract.h"
#include "envelope.h"
#include "jail.h"
#include "kit/log.h"
#include "model.h"
#include <string.h>
#include <unistd.h>

#define TRAIN_SLACK ((size_t)256 << 20) /* of address space beyond the counted memory: libsvm's cache and the C library's arenas */

struct training_run {
  struct trained *model;
  const struct training *training;
  kairos_column *columns; /* inputs, then the target */
  kairos_column **pointers;
  struct buf body; /* parent: what came */
  double share;    /* parent: last told */
  char note[201];
};

/* ---- in the child ---- */

static bool send_body(const kairos_writer *writer, const void *from, size_t n) {
  struct buf *pending = writer->context;
  buf_put(pending, from, n);
  return !pending->failed && pending->len <= ENVELOPE_MOST;
}

static bool train_and_save(struct training_run *run, const kairos_plugin *t, struct buf *body, struct err *e) {
  struct trained *m = run->model;
  const uint32_t count = m->inputs->count, rows = run->training->rows;
  const kairos_batch x = {.size = sizeof x, .rows = rows, .column_count = count, .columns = run->pointers, .seeds = run->training->seeds};
  const kairos_batch y = {.size = sizeof y, .rows = rows, .column_count = 1, .columns = run->pointers + count};
  kairos_error said = contract_error();
  kairos_status status = t->train(m->model, &x, &y, &said);
  if (status != KAIROS_OK) return contract_status("the training", "train", status, &said, e);
  const kairos_writer writer = {.size = sizeof writer, .context = body, .write = send_body};
  status = t->save(m->model, &writer, &said);
  return status == KAIROS_OK || contract_status("the training", "save", status, &said, e);
}

/* The table, behind bars: the parent's, or that of a library which only a child may load. */
static const kairos_plugin *go_behind_bars(struct trained *m, struct err *e) {
  if (!m->plugin->hosted) return jail_for_loading(false, child_trapped, e) && jail_for_running(false, e) ? m->plugin->table : NULL;
  const kairos_schema *inputs, *outputs;
  const struct boot_model from = {.config = m->config.at};
  const kairos_plugin *t = boot_library(m->plugin->path, child_trapped, NULL, &m->meter, e);
  return t && boot_model(t, &m->meter, &from, &m->model, &inputs, &outputs, e) ? t : NULL;
}

static void train_work(void *context, int to) {
  struct training_run *run = context;
  struct err e = {0};
  struct buf body = {0};
  run->model->meter.report = to;
  run->model->meter.most = run->training->memory_limit;
  const kairos_plugin *t = go_behind_bars(run->model, &e);
  if (t && train_and_save(run, t, &body, &e)) {
    child_say(to, FRAME_BODY, buf_view(&body));
    child_say(to, FRAME_DONE, STR(""));
  } else {
    child_say(to, FRAME_REFUSED, str_from(e.text));
  }
  _exit(0);
}

/* ---- in the parent ---- */

static bool tell(struct training_run *run) {
  const struct training *t = run->training;
  return !t->progress || t->progress(t->context, run->share, run->note);
}

static bool on_frame(void *context, enum frame kind, struct str payload) {
  struct training_run *run = context;
  if (kind == FRAME_LOG) log_info("host", "%s: " STR_FORMAT, run->model->name, STR_ARG(payload));
  if (kind == FRAME_BODY) buf_put(&run->body, payload.at, payload.len);
  if (kind != FRAME_PROGRESS || payload.len < sizeof(double)) return true;
  double share;
  memcpy(&share, payload.at, sizeof share);
  if (share >= 0 && share <= 1) run->share = share;
  const size_t length = payload.len - sizeof share < sizeof run->note ? payload.len - sizeof share : sizeof run->note - 1;
  memcpy(run->note, payload.at + sizeof share, length);
  run->note[length] = 0;
  return tell(run);
}

static bool on_tick(void *context) {
  return tell(context);
}

static bool bind(struct training_run *run, struct err *e) {
  const struct trained *m = run->model;
  const struct training *t = run->training;
  const uint32_t count = m->inputs->count;
  run->columns = ARENA_ARRAY(&run->model->arena, kairos_column, (size_t)count + 1);
  run->pointers = ARENA_ARRAY(&run->model->arena, kairos_column *, (size_t)count + 1);
  if (!run->columns || !run->pointers) return err_set(e, ERR_BUSY, "%s: no memory for a training", m->name);
  for (uint32_t i = 0; i <= count; i++) {
    kairos_column *c = run->pointers[i] = &run->columns[i];
    *c = (kairos_column){.size = sizeof *c, .type = KAIROS_F64, .width = i < count ? m->inputs->fields[i]->width : 1};
    const double *data = i < count ? t->inputs[i] : t->target;
    memcpy(&c->data, &data, sizeof(void *)); /* only read: kairos_plugin.h */
    if (i < count && t->valid && t->valid[i]) memcpy(&c->valid, &t->valid[i], sizeof(void *));
  }
  return true;
}

static bool train(struct training_run *run, struct str metrics_json, struct buf *envelope, struct err *e) {
  struct trained *m = run->model;
  const struct child_task task = {.who = m->name,
                                  .limit_ms = run->training->limit_ms,
                                  .memory = run->training->memory_limit + TRAIN_SLACK,
                                  .answer_most = ENVELOPE_MOST,
                                  .work = train_work,
                                  .frame = on_frame,
                                  .tick = on_tick,
                                  .context = run};
  if (!bind(run, e) || !child_run(&task, e)) return false;
  if (run->body.failed) return err_set(e, ERR_BUSY, "%s: no memory for what was learnt", m->name);
  if (!model_take_body(m, buf_view(&run->body), m->plugin->table->state_version, e))
    return err_wrap(e, "the plugin cannot load what it saved after training");
  return model_seal(m, metrics_json, buf_view(&run->body), envelope, e);
}

bool model_train(const struct plugin *p, const struct model_spec *spec, const struct training *t, struct str metrics_json,
                 struct buf *envelope, struct err *e) {
  struct training_run run = {.training = t};
  if (!p->table->train) return err_set(e, ERR_INPUT, "model '%s': the plugin '%s' cannot be trained", spec->name, p->table->id);
  if (t->rows == 0) return err_set(e, ERR_INPUT, "model '%s': there are no rows to train on", spec->name);
  if (!model_create(p, spec, &run.model, e)) return false;
  const bool fine = train(&run, metrics_json, envelope, e);
  buf_free(&run.body);
  model_free(run.model);
  return fine;
}
