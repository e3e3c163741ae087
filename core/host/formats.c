/* Files of the field: weights that come from elsewhere, or go there, in the formats that a plugin knows ("kairos.import/1",
 * "kairos.export/1"). Promises that an unknown format is refused with the ones there are, and that a model with weights takes no others.
 * Reads and writes no files itself. Called on the builder's thread and by tools. */
#include "formats.h"
#include "contract.h"
#include "model.h"
#include <string.h>

const kairos_import *formats_import(const kairos_plugin *t, size_t place) {
  const kairos_import *f = t->extension ? t->extension(KAIROS_EXTENSION_IMPORT) : NULL;
  while (place-- > 0 && f) f = KAIROS_HAS(kairos_import, f, next) ? f->next : NULL;
  return f && KAIROS_HAS(kairos_import, f, import_state) ? f : NULL;
}

const kairos_export *formats_export(const kairos_plugin *t, size_t place) {
  const kairos_export *f = t->extension ? t->extension(KAIROS_EXTENSION_EXPORT) : NULL;
  while (place-- > 0 && f) f = KAIROS_HAS(kairos_export, f, next) ? f->next : NULL;
  return f && KAIROS_HAS(kairos_export, f, export_state) ? f : NULL;
}

size_t formats_list(const kairos_plugin *t, bool reading, const char *names[FORMATS_MOST]) {
  size_t count = 0;
  for (; count < FORMATS_MOST; count++) {
    const kairos_import *import = reading ? formats_import(t, count) : NULL;
    const kairos_export *export = reading ? NULL : formats_export(t, count);
    if (!import && !export) break;
    const char *name = import ? import->format : export->format;
    names[count] = name ? name : "";
  }
  return count;
}

static size_t list_formats(const struct trained *m, bool reading, const char *names[FORMATS_MOST]) {
  const struct description *told = m->plugin->described;
  if (!told) return formats_list(m->plugin->table, reading, names);
  const size_t count = reading ? told->import_count : told->export_count;
  for (size_t i = 0; i < count; i++) names[i] = reading ? told->imports[i] : told->exports[i];
  return count;
}

size_t model_formats(const struct trained *m, bool reading, struct buf *names) {
  const char *list[FORMATS_MOST];
  const size_t count = list_formats(m, reading, list);
  for (size_t i = 0; i < count; i++) buf_printf(names, "%s%s", i ? ", " : "", list[i]);
  return count;
}

/* The place of `format` in the list; NULL stands for the only one, if there is only one. */
static bool find_format(const struct trained *m, const char *format, bool reading, size_t *place, struct err *e) {
  const char *names[FORMATS_MOST], *doing = reading ? "reads" : "writes";
  struct buf all = {0};
  const size_t count = list_formats(m, reading, names);
  model_formats(m, reading, &all);
  bool found = !format && count == 1;
  *place = 0;
  for (size_t i = 0; i < count; i++) {
    if (found || !format || strcmp(names[i], format) != 0) continue;
    found = true;
    *place = i;
  }
  if (!found && count == 0) err_set(e, ERR_INPUT, "%s: this plugin %s no files of other programs", m->name, doing);
  else if (!found && !format)
    err_set(e, ERR_INPUT, "%s: which format? This plugin %s " STR_FORMAT, m->name, doing, STR_ARG(buf_view(&all)));
  else if (!found)
    err_set(e, ERR_MISSING, "%s: this plugin %s no \"%s\"; it %s " STR_FORMAT, m->name, doing, format, doing, STR_ARG(buf_view(&all)));
  buf_free(&all);
  return found;
}

bool model_import(struct trained *m, const char *format, struct str file, struct err *e) {
  size_t place;
  if (!find_format(m, format, true, &place, e)) return false;
  if (m->loaded) return err_set(e, ERR_CONFLICT, "%s: it has its state already; a model is frozen once it has one", m->name);
  if (m->plugin->hosted) {
    struct buf body = {0};
    const bool fine = remote_import(m, place, file, &body, e) && model_take_body(m, buf_view(&body), m->plugin->table->state_version, e);
    buf_free(&body);
    return fine;
  }
  const kairos_import *import = formats_import(m->plugin->table, place);
  const kairos_reader reader = model_reader(&file);
  kairos_error said = contract_error();
  const kairos_status status = import->import_state(m->model, &reader, &said);
  if (status != KAIROS_OK) return contract_status(m->name, "import", status, &said, e);
  m->loaded = true;
  return true;
}

bool model_export(const struct trained *m, const char *format, struct buf *file, struct err *e) {
  size_t place;
  if (!find_format(m, format, false, &place, e)) return false;
  if (!m->loaded) return err_set(e, ERR_INPUT, "%s: it has no weights to write", m->name);
  buf_clear(file);
  if (m->plugin->hosted) return remote_export(m, place, file, e);
  const kairos_export *export = formats_export(m->plugin->table, place);
  const kairos_writer writer = model_writer(file);
  kairos_error said = contract_error();
  const kairos_status status = export->export_state(m->model, &writer, &said);
  return status == KAIROS_OK || contract_status(m->name, "export", status, &said, e);
}
