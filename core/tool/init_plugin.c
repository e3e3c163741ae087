/* init_plugin: a plugin to begin with, outside the source tree: code, Makefile, the one export, the contract's header and a file for
 * models/. Promises to write nothing when one of the files is there already. Main thread. */
#include "init_plugin.h"
#include "kit/arena.h"
#include "kit/file.h"
#include "shipped.h"
#include <stdio.h>
#include <string.h>

#define TEMPLATE  "my_model"
#define FILE_MOST ((size_t)1 << 20)

static const char *const files[] = {"plugins/template/" TEMPLATE ".c", "plugins/template/" TEMPLATE ".lua", "plugins/template/Makefile",
                                    "plugins/template/exports.map", "plugins/kairos_plugin.h"};
#define FILES (sizeof files / sizeof *files)

static bool name_fits(const char *name) {
  const size_t length = strlen(name);
  for (size_t i = 0; i < length; i++)
    if (!(name[i] >= 'a' && name[i] <= 'z') && !(name[i] >= '0' && name[i] <= '9') && name[i] != '_') return false;
  return length > 0 && length <= 60 && !(name[0] >= '0' && name[0] <= '9');
}

static void put_renamed(struct buf *out, struct str text, const char *name) {
  const size_t length = strlen(TEMPLATE);
  for (size_t at = 0; at < text.len;) {
    const bool here = text.len - at >= length && memcmp(text.at + at, TEMPLATE, length) == 0;
    if (here) buf_text(out, name);
    else buf_char(out, text.at[at]);
    at += here ? length : 1;
  }
}

static const char *target_of(struct arena *a, const char *directory, const char *file, const char *name) {
  const char *last = strrchr(file, '/') + 1;
  struct buf renamed = {0};
  put_renamed(&renamed, str_from(last), name);
  const char *path = arena_printf(a, "%s/" STR_FORMAT, directory, STR_ARG(buf_view(&renamed)));
  buf_free(&renamed);
  return path;
}

static bool place(struct arena *a, const char *from, const char *directory, const char *file, const char *name, struct err *e) {
  struct buf text = {0}, renamed = {0};
  bool ok = file_read(arena_printf(a, "%s/%s", from, file), &text, FILE_MOST, e);
  if (ok) put_renamed(&renamed, buf_view(&text), name);
  ok = ok && (!renamed.failed || err_set(e, ERR_INTERNAL, "no memory for %s", file)) &&
       file_write_atomic(target_of(a, directory, file, name), buf_view(&renamed), 0644, e);
  buf_free(&text);
  buf_free(&renamed);
  return ok;
}

bool init_plugin(const char *directory, const char *name, struct err *e) {
  char from[4096];
  struct arena a = {0};
  if (!name_fits(name))
    return err_set(e, ERR_INPUT, "--plugin: expected a name of 1 to 60 of a-z, 0-9 and _ that begins with a letter, got \"%s\"", name);
  bool ok = tool_default_program(from, sizeof from, e);
  for (size_t i = 0; ok && i < FILES; i++) {
    const char *target = target_of(&a, directory, files[i], name);
    if (file_exists(target)) ok = err_set(e, ERR_CONFLICT, "%s is there already; nothing was written", target);
  }
  ok = ok && file_make_directory(directory, 0755, e);
  for (size_t i = 0; ok && i < FILES; i++) ok = place(&a, from, directory, files[i], name, e);
  arena_free(&a);
  if (ok)
    fprintf(stderr, "%zu files in %s. Try: make -C %s && kairos conform %s/%s.so; docs/PLUGINS.md goes on from there\n", FILES, directory,
            directory, directory, name);
  return ok;
}
