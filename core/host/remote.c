/* What is asked of a hosted plugin before its host stands: which fields a model of some configuration has, and what it would save. Each is
 * a child that lives for one answer, under the probe's bars and limits. Promises that the engine believes a description only when it holds
 * together; a body is bytes, and is looked at by whoever loads it. Builder and tool threads. */
#include "boot.h"
#include "child.h"
#include "contract.h"
#include "describe.h"
#include "envelope.h"
#include "formats.h"
#include "model.h"
#include "probe.h"
#include <string.h>
#include <unistd.h>

#define SAVE_LIMIT_MS 60000

/* ---- in the child ---- */

struct request { /* as `given` holds it */
  struct str path, config, body;
  enum wish { WISH_FIELDS, WISH_SAVE, WISH_IMPORT, WISH_EXPORT } wish; /* IMPORT: the body is a file of format `place`, and is saved */
  uint64_t place;
  bool loaded; /* there is a body, */
  uint32_t state_version;
};

static void pack_request(const struct request *r, struct buf *out) {
  pack_str(out, r->path);
  pack_str(out, r->config);
  pack_str(out, r->body);
  pack_u64(out, (uint64_t)r->wish);
  pack_u64(out, r->place);
  pack_u64(out, r->loaded);
  pack_u64(out, r->state_version);
}

static struct request unpack_request(struct str given) {
  struct unpack u = unpack_from(given);
  struct request r = {.path = unpack_str(&u)};
  r.config = unpack_str(&u);
  r.body = unpack_str(&u);
  r.wish = (enum wish)unpack_u64(&u);
  r.place = unpack_u64(&u);
  r.loaded = unpack_u64(&u) != 0;
  r.state_version = (uint32_t)unpack_u64(&u);
  return r;
}

static bool write_out(const kairos_plugin *t, const kairos_model *model, const struct request *r, struct buf *out, struct err *e) {
  const kairos_writer writer = model_writer(out);
  const kairos_export *export = r->wish == WISH_EXPORT ? formats_export(t, r->place) : NULL;
  kairos_error said = contract_error();
  kairos_status status = KAIROS_UNSUPPORTED;
  if (export) status = export->export_state(model, &writer, &said);
  else if (r->wish != WISH_EXPORT && t->save) status = t->save(model, &writer, &said);
  return status == KAIROS_OK || contract_status("the plugin", export ? "export" : "save", status, &said, e);
}

static void remote_job(struct str given, int to) {
  const struct request r = unpack_request(given);
  struct meter meter;
  struct buf out = {0};
  struct err e = {0};
  kairos_model *model;
  const kairos_schema *inputs, *outputs;
  const struct boot_model from = {.config = r.config.at,
                                  .body = r.loaded ? r.body : (struct str){0},
                                  .state_version = r.state_version,
                                  .import = r.wish == WISH_IMPORT,
                                  .place = r.place};
  meter_begin(&meter, "", METER_MODEL_MOST);
  meter.report = to;
  const kairos_plugin *t = boot_library(r.path.at, child_trapped, NULL, &meter, &e);
  bool fine = t && boot_model(t, &meter, &from, &model, &inputs, &outputs, &e);
  if (fine && r.wish != WISH_FIELDS) fine = write_out(t, model, &r, &out, &e);
  else if (fine) describe_schemas(inputs, outputs, &out);
  if (fine && !out.failed) {
    child_say(to, FRAME_BODY, buf_view(&out));
    child_say(to, FRAME_DONE, STR(""));
  } else {
    child_say(to, FRAME_REFUSED, e.text[0] ? str_from(e.text) : STR("no memory for what it says"));
  }
  _exit(0);
}

/* ---- in the engine ---- */

static bool take_body(void *context, enum frame kind, struct str payload) {
  if (kind == FRAME_BODY) buf_put(context, payload.at, payload.len);
  return true;
}

static bool ask(const struct trained *m, const struct request *r, struct buf *answer, struct err *e) {
  struct buf given = {0};
  pack_request(r, &given);
  const struct child_task task = {.who = m->name,
                                  .limit_ms = r->wish == WISH_FIELDS ? PROBE_LIMIT_MS : SAVE_LIMIT_MS,
                                  .memory = PROBE_MEMORY,
                                  .answer_most = r->wish == WISH_FIELDS ? DESCRIBE_MOST : ENVELOPE_MOST,
                                  .job = remote_job,
                                  .given = buf_view(&given),
                                  .frame = take_body,
                                  .context = answer};
  const bool fine = (!given.failed || err_set(e, ERR_BUSY, "%s: no memory for a question to its plugin", m->name)) && child_run(&task, e);
  buf_free(&given);
  return fine && (!answer->failed || err_set(e, ERR_BUSY, "%s: no memory for what its plugin says", m->name));
}

static struct request request_of(const struct trained *m, enum wish wish) {
  return (struct request){.path = {m->plugin->path, strlen(m->plugin->path) + 1}, .config = m->config, .wish = wish};
}

bool remote_describe(struct trained *m, struct err *e) {
  struct buf told = {0};
  const struct request r = request_of(m, WISH_FIELDS);
  const bool fine =
      ask(m, &r, &told, e) && describe_schemas_read(m->name, m->plugin->table, buf_view(&told), &m->arena, &m->inputs, &m->outputs, e);
  buf_free(&told);
  return fine;
}

bool remote_save(const struct trained *m, struct buf *body, struct err *e) {
  const struct request r = request_of(m, WISH_SAVE);
  return ask(m, &r, body, e);
}

bool remote_import(const struct trained *m, size_t place, struct str file, struct buf *body, struct err *e) {
  struct request r = request_of(m, WISH_IMPORT);
  r.body = file.at ? file : STR("");
  r.loaded = true;
  r.place = place;
  return ask(m, &r, body, e);
}

bool remote_export(const struct trained *m, size_t place, struct buf *file, struct err *e) {
  struct request r = request_of(m, WISH_EXPORT);
  r.body = buf_view(&m->body);
  r.loaded = true;
  r.state_version = m->state_version;
  r.place = place;
  return ask(m, &r, file, e);
}
