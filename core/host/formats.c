/* Files of the field: weights that come from elsewhere, or go there, in the formats that a plugin knows ("kairos.import/1",
 * "kairos.export/1"). Promises that an unknown format is refused with the ones there are, and that a model with weights takes no others.
 * Reads and writes no files itself. Called on the builder's thread and by tools. */
#include "contract.h"
#include "model.h"
#include <string.h>

#define FORMATS_MOST 32 /* a list that goes on for longer is taken for a circle */

static const kairos_import *first_import(const struct trained *m) {
  const kairos_plugin *t = m->plugin->table;
  return t->extension ? t->extension(KAIROS_EXTENSION_IMPORT) : NULL;
}

static const kairos_export *first_export(const struct trained *m) {
  const kairos_plugin *t = m->plugin->table;
  return t->extension ? t->extension(KAIROS_EXTENSION_EXPORT) : NULL;
}

/* The names of the formats in order; those of extension structs that end before their functions do not count. */
static size_t list_formats(const struct trained *m, bool reading, const char *names[FORMATS_MOST]) {
  size_t count = 0;
  if (reading)
    for (const kairos_import *f = first_import(m); f && count < FORMATS_MOST && KAIROS_HAS(kairos_import, f, import_state);
         f = KAIROS_HAS(kairos_import, f, next) ? f->next : NULL)
      names[count++] = f->format ? f->format : "";
  else
    for (const kairos_export *f = first_export(m); f && count < FORMATS_MOST && KAIROS_HAS(kairos_export, f, export_state);
         f = KAIROS_HAS(kairos_export, f, next) ? f->next : NULL)
      names[count++] = f->format ? f->format : "";
  return count;
}

/* The place of `format` in the list; NULL stands for the only one, if there is only one. */
static bool find_format(const struct trained *m, const char *format, bool reading, size_t *place, struct err *e) {
  const char *names[FORMATS_MOST], *doing = reading ? "reads" : "writes";
  const size_t count = list_formats(m, reading, names);
  struct buf all = {0};
  bool found = !format && count == 1;
  *place = 0;
  for (size_t i = 0; i < count; i++) {
    buf_printf(&all, "%s%s", i ? ", " : "", names[i]);
    if (found || !format || strcmp(names[i], format) != 0) continue;
    found = true;
    *place = i;
  }
  if (!found && count == 0) err_set(e, ERR_INPUT, "%s: this plugin %s no files of other programs", m->name, doing);
  else if (!found && !format)
    err_set(e, ERR_INPUT, "%s: which format? This plugin %s " STR_FORMAT, m->name, doing, STR_ARG(buf_view(&all)));
  else if (!found)
    err_set(e, ERR_INPUT, "%s: this plugin %s no \"%s\"; it %s " STR_FORMAT, m->name, doing, format, doing, STR_ARG(buf_view(&all)));
  buf_free(&all);
  return found;
}

bool model_import(struct trained *m, const char *format, struct str file, struct err *e) {
  size_t place;
  if (!find_format(m, format, true, &place, e)) return false;
  if (m->loaded) return err_set(e, ERR_CONFLICT, "%s: it has its state already; a model is frozen once it has one", m->name);
  const kairos_import *import = first_import(m);
  while (place-- > 0) import = import->next;
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
  const kairos_export *export = first_export(m);
  while (place-- > 0) export = export->next;
  buf_clear(file);
  const kairos_writer writer = model_writer(file);
  kairos_error said = contract_error();
  const kairos_status status = export->export_state(m->model, &writer, &said);
  return status == KAIROS_OK || contract_status(m->name, "export", status, &said, e);
}
