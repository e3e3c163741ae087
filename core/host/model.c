/* Models: created from their configuration, loaded from an envelope, then frozen. Promises that a plugin sees a configuration only when it
 * is a JSON object whose inputs are those of the model's file in order, and a state only when it was written by the same plugin, for the
 * same fields, by no newer state version, and is whole. A model is built on one thread; once loaded it is only read, by any. Called by
 * compute on the builder thread and by the tools. */
#include "model.h"
#include "contract.h"
#include "envelope.h"
#include "kit/json.h"
#include <string.h>

/* ---- configuration ---- */

static bool check_inputs(const struct model_spec *spec, const struct json *j, uint32_t list, struct arena *a, struct err *e) {
  const size_t count = json_type(j, list) == JSON_ARRAY ? j->tokens[list].count : 0;
  if (count != spec->input_count)
    return err_set(e, ERR_INPUT, "model '%s': its configuration names %zu inputs, the model's file %zu", spec->name, count,
                   spec->input_count);
  for (uint32_t i = 0; i < count; i++) {
    const struct str name = json_text(j, json_child(j, list, i), a);
    if (!str_is(name, spec->inputs[i]))
      return err_set(e, ERR_INPUT, "model '%s': input %u is '" STR_FORMAT "' in its configuration and '%s' in the model's file", spec->name,
                     i + 1, STR_ARG(name), spec->inputs[i]);
  }
  return true;
}

static void write_config(const struct model_spec *spec, const struct json *j, bool with_inputs, struct arena *a, struct buf *out) {
  struct json_writer w = json_to(out);
  json_open_object(&w);
  for (uint32_t key = 1; key < j->count; key = j->tokens[key + 1].next) {
    json_key_str(&w, json_text(j, key, a));
    json_put_raw(&w, json_raw(j, key + 1));
  }
  if (with_inputs) {
    json_key(&w, "inputs");
    json_open_array(&w);
    for (size_t i = 0; i < spec->input_count; i++) json_put_text(&w, spec->inputs[i]);
    json_close_array(&w);
  }
  json_close_object(&w);
  buf_char(out, 0);
}

/* The configuration as the plugin gets it: the given object, with "inputs" added when it has none. */
static bool make_config(const struct model_spec *spec, struct arena *a, struct buf *out, struct err *e) {
  struct json j;
  const struct json_limits limits = {.depth = 16, .tokens = 100000};
  const struct str config = spec->config.len ? spec->config : STR("{}");
  if (!json_parse(&j, a, config, &limits, e)) return err_wrap(e, "model '%s': its configuration", spec->name);
  if (json_type(&j, 0) != JSON_OBJECT) return err_set(e, ERR_INPUT, "model '%s': expected a JSON object as configuration", spec->name);
  const uint32_t list = json_get(&j, 0, "inputs");
  if (list != JSON_NONE && !check_inputs(spec, &j, list, a, e)) return false;
  write_config(spec, &j, list == JSON_NONE && spec->input_count > 0, a, out);
  return !out->failed || err_set(e, ERR_BUSY, "model '%s': no memory for its configuration", spec->name);
}

/* ---- life ---- */

static struct plugin_field *copy_fields(struct arena *a, const kairos_schema *s) {
  struct plugin_field *fields = ARENA_ARRAY(a, struct plugin_field, s->count);
  for (uint32_t i = 0; fields && i < s->count; i++) {
    const kairos_field *f = s->fields[i];
    fields[i] = (struct plugin_field){.name = f->name, .unit = f->unit, .doc = f->doc, .width = f->width, .low = f->lo, .high = f->hi};
  }
  return fields;
}

static bool learn_schema(struct trained *m, const struct model_spec *spec, struct err *e) {
  if (!m->plugin->hosted && !contract_of_model(m->name, m->plugin->table, m->model, &m->inputs, &m->outputs, e)) return false;
  if (m->inputs->count != spec->input_count)
    return err_set(e, ERR_INPUT, "model '%s': the plugin takes %u inputs, the model's file names %zu", spec->name, m->inputs->count,
                   spec->input_count);
  for (uint32_t i = 0; i < m->inputs->count; i++)
    if (strcmp(m->inputs->fields[i]->name, spec->inputs[i]) != 0)
      return err_set(e, ERR_INPUT, "model '%s': the plugin's input %u is '%s', the model's file says '%s'", spec->name, i + 1,
                     m->inputs->fields[i]->name, spec->inputs[i]);
  struct buf packed = {0};
  contract_pack(m->inputs, m->outputs, &packed);
  m->fields = buf_into(&packed, &m->arena);
  m->input_fields = copy_fields(&m->arena, m->inputs);
  m->output_fields = copy_fields(&m->arena, m->outputs);
  if (m->fields.at) hash_sha256(m->fields, m->schema);
  return (m->fields.at && m->input_fields && m->output_fields) || err_set(e, ERR_BUSY, "model '%s': no memory for its fields", spec->name);
}

static bool make_model(struct trained *m, const struct model_spec *spec, struct err *e) {
  struct buf config = {0};
  kairos_error said = contract_error();
  bool fine = make_config(spec, &m->arena, &config, e);
  if (fine && m->plugin->hosted) {
    m->config = (struct str){arena_copy(&m->arena, config.at, config.len), config.len};
    fine = m->config.at ? remote_describe(m, e) : err_set(e, ERR_BUSY, "%s: no memory for its configuration", m->name);
  } else if (fine) {
    const kairos_status status = m->plugin->table->create(&m->meter.host, config.at, &m->model, &said);
    if (status != KAIROS_OK) fine = contract_status(m->name, "create", status, &said, e);
    else if (!m->model) fine = err_set(e, ERR_INTERNAL, "%s: the plugin said that all is well and gave no model", m->name);
  }
  buf_free(&config);
  return fine && learn_schema(m, spec, e);
}

bool model_create(const struct plugin *p, const struct model_spec *spec, struct trained **out, struct err *e) {
  struct trained *m = kit_alloc(sizeof *m);
  if (!m) return err_set(e, ERR_BUSY, "model '%s': no memory", spec->name);
  memset(m, 0, sizeof *m);
  m->plugin = p;
  plugin_hold(p);
  m->name = arena_printf(&m->arena, "model '%s' (%s)", spec->name, p->table->id);
  bool fine = m->name != NULL || err_set(e, ERR_BUSY, "model '%s': no memory", spec->name);
  if (fine) {
    meter_begin(&m->meter, m->name, METER_MODEL_MOST);
    fine = make_model(m, spec, e);
  }
  if (fine) *out = m;
  else model_free(m);
  return fine;
}

void model_free(struct trained *m) {
  if (!m) return;
  hosted_stop(m->host);
  if (m->model) m->plugin->table->destroy(m->model);
  plugin_close((struct plugin *)(uintptr_t)m->plugin);
  buf_free(&m->body);
  arena_free(&m->arena);
  kit_free(m);
}

bool model_outputs(const struct trained *m, const struct plugin_field **fields, size_t *count) {
  *fields = m->output_fields;
  *count = m->outputs->count;
  return true;
}

bool model_inputs(const struct trained *m, const struct plugin_field **fields, size_t *count) {
  *fields = m->input_fields;
  *count = m->inputs->count;
  return true;
}

size_t model_memory(const struct trained *m) {
  size_t there = 0; /* what its process says, as far as it can be true */
  if (m->host) there = atomic_load(&m->host->ring.told->memory);
  if (there > METER_MODEL_MOST) there = METER_MODEL_MOST;
  if (m->host) there += m->host->shape.asked.size + m->host->shape.told.size + m->body.len;
  return atomic_load(&m->meter.used) + m->arena.total + sizeof *m + there;
}

bool model_hosted(const struct trained *m, struct model_host *out) {
  *out = (struct model_host){0};
  if (!m->host) return false;
  const uint64_t where = atomic_load(&m->host->status->where);
  out->starts = (uint32_t)(where >> 8);
  out->crashes = atomic_load(&m->host->status->crashes);
  out->pid = atomic_load(&m->host->lost) < where >> 8 ? atomic_load(&m->host->status->pid) : 0;
  out->suspended = (where & 0xff) > WARD_DOWN;
  if (out->crashes || out->suspended) hosted_tell(m->host, out->why, sizeof out->why);
  return true;
}

bool model_start(struct trained *m, struct err *e) {
  if (!m->plugin->hosted || m->host) return true;
  const struct resident_birth birth = {.path = {m->plugin->path, strlen(m->plugin->path) + 1},
                                       .config = m->config,
                                       .body = buf_view(&m->body),
                                       .loaded = m->loaded,
                                       .state_version = m->state_version};
  return hosted_start(m->name, birth, m->inputs, m->outputs, &m->host, e);
}

/* ---- state ---- */

/* Its process is made with its weights. */
static bool start_with(struct trained *m, struct str body, uint32_t state_version, struct err *e) {
  if (m->host) return err_set(e, ERR_CONFLICT, "%s: it has been started without a state", m->name);
  buf_clear(&m->body);
  buf_str(&m->body, body);
  if (m->body.failed) return err_set(e, ERR_BUSY, "%s: no memory for its state", m->name);
  m->state_version = state_version;
  m->loaded = true;
  if (model_start(m, e)) return true;
  m->loaded = false;
  return false;
}

static size_t read_bytes(const kairos_reader *reader, void *to, size_t n) {
  struct str *left = reader->context;
  if (n > left->len) n = left->len;
  if (n) memcpy(to, left->at, n);
  *left = (struct str){left->at + n, left->len - n};
  return n;
}

kairos_reader model_reader(struct str *left) {
  return (kairos_reader){.size = sizeof(kairos_reader), .context = left, .length = left->len, .read = read_bytes};
}

bool model_take_body(struct trained *m, struct str body, uint32_t state_version, struct err *e) {
  const kairos_plugin *t = m->plugin->table;
  if (!t->load) return err_set(e, ERR_INPUT, "%s: this plugin has no states", m->name);
  if (m->loaded) return err_set(e, ERR_CONFLICT, "%s: it has its state already; a model is frozen once it has one", m->name);
  if (m->plugin->hosted) return start_with(m, body, state_version, e);
  const kairos_reader reader = model_reader(&body);
  kairos_error said = contract_error();
  const kairos_status status = t->load(m->model, &reader, state_version, &said);
  if (status != KAIROS_OK) return contract_status(m->name, "load", status, &said, e);
  if (body.len) return err_set(e, ERR_INPUT, "%s: the plugin left %zu bytes of the state unread", m->name, body.len);
  m->loaded = true;
  return true;
}

bool model_load(struct trained *m, struct str envelope, struct err *e) {
  struct envelope x;
  if (!envelope_read(envelope, &x, e)) return err_wrap(e, "%s", m->name);
  const kairos_plugin *t = m->plugin->table;
  if (!str_is(x.plugin, t->id))
    return err_set(e, ERR_CONFLICT, "%s: the state was written by the plugin '" STR_FORMAT "', expected one of '%s'", m->name,
                   STR_ARG(x.plugin), t->id);
  if (x.state_version > t->state_version)
    return err_set(e, ERR_CONFLICT, "%s: the state has version %u (plugin " STR_FORMAT "), this plugin (%s) reads up to %u", m->name,
                   x.state_version, STR_ARG(x.version), t->version, t->state_version);
  if (memcmp(x.schema, m->schema, sizeof m->schema) != 0) return contract_differ(m->name, x.fields, m->fields, e);
  return model_take_body(m, x.body, x.state_version, e);
}

static bool write_bytes(const kairos_writer *writer, const void *from, size_t n) {
  struct buf *out = writer->context;
  if (n > ENVELOPE_MOST - out->len) return false;
  buf_put(out, from, n);
  return !out->failed;
}

kairos_writer model_writer(struct buf *out) {
  return (kairos_writer){.size = sizeof(kairos_writer), .context = out, .write = write_bytes};
}

bool model_seal(const struct trained *m, struct str metrics_json, struct str body, struct buf *envelope, struct err *e) {
  const struct envelope x = {.plugin = str_from(m->plugin->table->id),
                             .version = str_from(m->plugin->table->version),
                             .metrics = metrics_json.len ? metrics_json : STR("{}"),
                             .state_version = m->plugin->table->state_version,
                             .fields = m->fields,
                             .body = body};
  struct envelope check;
  buf_clear(envelope);
  if (!envelope_write(&x, envelope)) return err_set(e, ERR_BUSY, "%s: no memory for its state of %zu bytes", m->name, body.len);
  return envelope_read(buf_view(envelope), &check, e) || err_wrap(e, "%s: what it would save cannot be read back", m->name);
}

bool model_save(const struct trained *m, struct str metrics_json, struct buf *envelope, struct err *e) {
  struct buf body = {0};
  if (!m->plugin->table->save) return err_set(e, ERR_INPUT, "%s: this plugin has no states", m->name);
  if (m->plugin->hosted) { /* what it was loaded from is what it would save: kairos_plugin.h */
    const bool saved =
        (m->loaded || remote_save(m, &body, e)) && model_seal(m, metrics_json, buf_view(m->loaded ? &m->body : &body), envelope, e);
    buf_free(&body);
    return saved;
  }
  const kairos_writer writer = model_writer(&body);
  kairos_error said = contract_error();
  const kairos_status status = m->plugin->table->save(m->model, &writer, &said);
  const bool fine =
      status == KAIROS_OK ? model_seal(m, metrics_json, buf_view(&body), envelope, e) : contract_status(m->name, "save", status, &said, e);
  buf_free(&body);
  return fine;
}
