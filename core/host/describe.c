/* Descriptions that travel from a child. Promises that what comes back is either a table and schemas that hold together as contract.c wants
 * them, with all their text in the caller's arena, or a refusal: the bytes were made beside a plugin's code, which may have changed them. A
 * described plugin's functions refuse every call, so that forgetting where it runs is an error and not a crash. Builder and tool threads;
 * the writing half also in children. */
#include "describe.h"
#include "contract.h"
#include "formats.h"
#include <string.h>

enum ability { CAN_LOAD = 1, CAN_TRAIN = 2, FIXED_INPUTS = 4, FIXED_OUTPUTS = 8 };

/* ---- writing ---- */

static void describe_schema(const kairos_schema *s, struct buf *out) {
  pack_u64(out, s->count);
  for (uint32_t i = 0; i < s->count; i++) {
    const kairos_field *f = s->fields[i];
    pack_str(out, str_from(f->name));
    pack_str(out, str_from(f->unit));
    pack_str(out, str_from(f->doc));
    pack_u64(out, f->type);
    pack_u64(out, f->width);
    pack_f64(out, f->lo);
    pack_f64(out, f->hi);
  }
}

static void describe_formats(const kairos_plugin *t, bool reading, struct buf *out) {
  const char *names[FORMATS_MOST];
  const size_t count = formats_list(t, reading, names);
  pack_u64(out, count);
  for (size_t i = 0; i < count; i++) pack_str(out, str_from(names[i]));
}

void describe_plugin(const kairos_plugin *t, struct buf *out) {
  pack_str(out, str_from(t->id));
  pack_str(out, str_from(t->version));
  pack_str(out, str_from(t->summary));
  pack_str(out, str_from(t->licence));
  pack_u64(out, t->abi_minor);
  pack_u64(out, t->caps);
  pack_u64(out, t->state_version);
  pack_u64(out, (t->load ? CAN_LOAD : 0) | (t->train ? CAN_TRAIN : 0) | (t->inputs ? FIXED_INPUTS : 0) | (t->outputs ? FIXED_OUTPUTS : 0));
  describe_formats(t, true, out);
  describe_formats(t, false, out);
  if (t->inputs) describe_schema(t->inputs, out);
  if (t->outputs) describe_schema(t->outputs, out);
}

void describe_schemas(const kairos_schema *inputs, const kairos_schema *outputs, struct buf *out) {
  describe_schema(inputs, out);
  describe_schema(outputs, out);
}

/* ---- a table whose functions refuse ---- */

static kairos_status elsewhere(kairos_error *error) {
  static const char words[] = "this plugin runs in a process of its own";
  if (error) memcpy(error->message, words, sizeof words);
  return KAIROS_UNSUPPORTED;
}
static kairos_status no_create(const kairos_host *host, const char *config_json, kairos_model **model, kairos_error *error) {
  (void)host;
  (void)config_json;
  (void)model;
  return elsewhere(error);
}
static void no_destroy(kairos_model *model) {
  (void)model;
}
static kairos_status no_load(kairos_model *model, const kairos_reader *reader, uint32_t state_version, kairos_error *error) {
  (void)model;
  (void)reader;
  (void)state_version;
  return elsewhere(error);
}
static kairos_status no_save(const kairos_model *model, const kairos_writer *writer, kairos_error *error) {
  (void)model;
  (void)writer;
  return elsewhere(error);
}
static kairos_status no_train(kairos_model *model, const kairos_batch *x, const kairos_batch *y, kairos_error *error) {
  (void)model;
  (void)x;
  (void)y;
  return elsewhere(error);
}
static kairos_status no_predict(const kairos_model *model, kairos_session *session, const kairos_batch *in, const kairos_batch *out,
                                kairos_error *error) {
  (void)model;
  (void)session;
  (void)in;
  (void)out;
  return elsewhere(error);
}
static const void *told_schema(const char *id) {
  static const kairos_schema_of schema = {.size = sizeof schema};
  return strcmp(id, KAIROS_EXTENSION_SCHEMA) == 0 ? &schema : NULL;
}
/* ---- reading ---- */

static const char *text_of(struct unpack *u, struct arena *a) {
  const struct str s = unpack_str(u);
  return u->failed ? NULL : arena_text(a, s.at, s.len);
}

static bool read_field(struct unpack *u, struct arena *a, kairos_field *f) {
  *f = (kairos_field){.size = sizeof *f};
  f->name = text_of(u, a);
  f->unit = text_of(u, a);
  f->doc = text_of(u, a);
  const uint64_t type = unpack_u64(u), width = unpack_u64(u);
  f->type = type > UINT32_MAX ? 0 : (uint32_t)type;
  f->width = width > UINT32_MAX ? 0 : (uint32_t)width;
  f->lo = unpack_f64(u);
  f->hi = unpack_f64(u);
  return !u->failed && f->name && f->unit && f->doc;
}

static const kairos_schema *read_schema(struct unpack *u, struct arena *a) {
  const uint64_t count = unpack_u64(u);
  if (u->failed || count > (uint64_t)(u->end - u->at)) return NULL; /* a field needs more than a byte */
  kairos_schema *s = ARENA_NEW(a, kairos_schema);
  kairos_field *fields = ARENA_ARRAY(a, kairos_field, count + 1);
  const kairos_field **list = ARENA_ARRAY(a, const kairos_field *, count + 1);
  if (!s || !fields || !list) return NULL;
  for (uint64_t i = 0; i < count; i++) {
    list[i] = &fields[i];
    if (!read_field(u, a, &fields[i])) return NULL;
  }
  *s = (kairos_schema){.size = sizeof *s, .count = (uint32_t)count, .fields = list};
  return s;
}

static bool damaged(const char *who, struct err *e) {
  return err_set(e, ERR_INPUT, "%s: its process described it in bytes that make no sense", who);
}

static bool read_formats(struct unpack *u, struct arena *a, const char ***names, size_t *count) {
  const uint64_t told = unpack_u64(u);
  if (u->failed || told > FORMATS_MOST || !(*names = ARENA_ARRAY(a, const char *, told + 1))) return false;
  for (*count = 0; *count < told; (*count)++)
    if (!((*names)[*count] = text_of(u, a))) return false;
  return true;
}

static bool read_table(struct unpack *u, struct arena *a, struct description *out) {
  kairos_plugin *t = &out->table;
  *t = (kairos_plugin){.size = sizeof *t, .create = no_create, .destroy = no_destroy, .predict = no_predict, .extension = told_schema};
  t->id = text_of(u, a);
  t->version = text_of(u, a);
  t->summary = text_of(u, a);
  t->licence = text_of(u, a);
  const uint64_t minor = unpack_u64(u);
  t->caps = unpack_u64(u);
  const uint64_t version = unpack_u64(u), abilities = unpack_u64(u);
  if (version > UINT32_MAX || minor > UINT32_MAX) return false;
  t->abi_minor = minor > KAIROS_ABI_MINOR ? KAIROS_ABI_MINOR : (uint32_t)minor; /* what a later one has more is not used */
  t->state_version = (uint32_t)version;
  if (abilities & CAN_LOAD) t->load = no_load;
  if (abilities & CAN_LOAD) t->save = no_save;
  if (abilities & CAN_TRAIN) t->train = no_train;
  if (!read_formats(u, a, &out->imports, &out->import_count) || !read_formats(u, a, &out->exports, &out->export_count)) return false;
  if ((abilities & FIXED_INPUTS) && !(t->inputs = read_schema(u, a))) return false;
  if ((abilities & FIXED_OUTPUTS) && !(t->outputs = read_schema(u, a))) return false;
  return !u->failed && u->at == u->end;
}

bool describe_plugin_read(const char *who, struct str bytes, struct arena *a, struct description *out, struct err *e) {
  struct unpack u = unpack_from(bytes);
  return read_table(&u, a, out) ? contract_check(who, &out->table, e) : damaged(who, e);
}

bool describe_schemas_read(const char *who, const kairos_plugin *t, struct str bytes, struct arena *a, const kairos_schema **inputs,
                           const kairos_schema **outputs, struct err *e) {
  struct unpack u = unpack_from(bytes);
  *inputs = read_schema(&u, a);
  *outputs = *inputs ? read_schema(&u, a) : NULL;
  if (!*outputs || u.failed || u.at != u.end) return damaged(who, e);
  return contract_schema(who, "input", *inputs, e) && contract_schema(who, "output", *outputs, e) && contract_policy(who, t, *outputs, e);
}
