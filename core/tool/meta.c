/* meta: what editors and checkers need to know of the language, written beside a program: definitions for LuaLS, and settings for it and
 * for luacheck. Definitions are written over; settings that somebody changed are left as they are. Main thread. */
#include "meta.h"
#include "arguments.h"
#include "kit/arena.h"
#include "kit/file.h"
#include "kit/json.h"
#include "language/language.h"
#include "tools_list.h"
#include <stdio.h>
#include <string.h>

static const struct {
  const char *path;
  void (*write)(struct buf *out);
  bool settings; /* which belong to the author once changed */
} files[] = {{".kairos/kairos.lua", meta_definitions, false}, {".luarc.json", meta_luarc, true}, {".luacheckrc", meta_luacheck, true}};

static bool differs(const char *path, struct str wanted) {
  struct buf there = {0};
  bool other = file_exists(path) && !(file_read(path, &there, 1 << 20, NULL) && str_eq(buf_view(&there), wanted));
  buf_free(&there);
  return other;
}

static bool write_one(const char *directory, size_t i, bool force, struct err *e) {
  struct arena a = {0};
  struct buf text = {0};
  files[i].write(&text);
  const char *path = arena_printf(&a, "%s/%s", directory, files[i].path);
  bool keep = files[i].settings && !force && differs(path, buf_view(&text));
  if (keep) fprintf(stderr, "%s is yours and stays; --force writes over it\n", path);
  bool ok = keep ||
            (text.failed ? err_set(e, ERR_INTERNAL, "no memory for %s", files[i].path) : file_write_atomic(path, buf_view(&text), 0644, e));
  if (ok && !keep) printf("%s\n", path);
  buf_free(&text);
  arena_free(&a);
  return ok;
}

static int write_files(const char *directory, bool force) {
  struct arena a = {0};
  struct err e = {0};
  bool ok = file_exists(directory) || err_set(&e, ERR_MISSING, "%s: there is no such directory", directory);
  ok = ok && file_make_directory(arena_printf(&a, "%s/.kairos", directory), 0755, &e);
  for (size_t i = 0; ok && i < sizeof files / sizeof *files; i++) ok = write_one(directory, i, force, &e);
  arena_free(&a);
  return ok ? EXIT_OK : tool_fail(&e);
}

static int print(void (*write)(struct buf *out)) {
  struct buf out = {0};
  write(&out);
  bool ok = !out.failed && fwrite(out.at, 1, out.len, stdout) == out.len;
  buf_free(&out);
  return ok ? EXIT_OK : EXIT_FAILED;
}

static void write_json(struct buf *out) {
  struct json_writer w = json_to(out);
  language_describe(&w);
  buf_char(out, '\n');
}

int tool_meta(int argc, char **argv) {
  const char *directory = ".";
  bool force = false, manual = false, json = false;
  const struct argument list[] = {{"DIR", ARGUMENT_TEXT, &directory, NULL, "the program's directory (default: .)", NULL},
                                  {"--force", ARGUMENT_FLAG, &force, NULL, "writes over settings that were changed", NULL},
                                  {"--manual", ARGUMENT_FLAG, &manual, NULL, "prints every field as Markdown instead", NULL},
                                  {"--json", ARGUMENT_FLAG, &json, NULL, "prints every field as JSON instead", NULL}};
  static const struct argument_fit fits[] = {{"--manual", "without DIR, --force, --json"}, {"--json", "without DIR, --force"}};
  const struct usage usage = {"meta",
                              "Editor files for a program: LuaLS definitions, .luarc.json, .luacheckrc; or every field of the language.",
                              "  kairos meta myprogram\n  kairos meta --manual\n", ARGUMENTS_FIT(list, fits)};
  int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  if (manual) return print(meta_manual);
  return json ? print(write_json) : write_files(directory, force);
}
