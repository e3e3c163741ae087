/* init: a program to start from, or an empty data directory. Never writes over anything: one file that is there already stops it before
 * the first is written. Main thread. */
#include "arguments.h"
#include "book/book.h"
#include "init_plugin.h"
#include "kit/arena.h"
#include "kit/file.h"
#include "meta.h"
#include "shipped.h"
#include "tools_list.h"
#include <stdio.h>
#include <string.h>

#define FILE_MOST  ((size_t)10 << 20)
#define DEPTH_MOST 8

struct copying {
  struct arena arena;
  const char *from, *to;
  bool write; /* the first walk only looks */
  size_t files;
};

static bool place_file(struct copying *c, const char *path, struct str bytes, struct err *e) {
  const char *target = arena_printf(&c->arena, "%s/%s", c->to, path);
  c->files++;
  if (c->write) return file_write_atomic(target, bytes, 0644, e);
  return !file_exists(target) || err_set(e, ERR_CONFLICT, "%s is there already; nothing was written", target);
}

static bool copy_file(struct copying *c, const char *path, struct err *e) {
  struct buf bytes = {0};
  bool ok = file_read(arena_printf(&c->arena, "%s/%s", c->from, path), &bytes, FILE_MOST, e) && place_file(c, path, buf_view(&bytes), e);
  buf_free(&bytes);
  return ok;
}

static bool wanted(struct str name) {
  return name.at[0] != '.' && (str_ends(name, ".lua") || str_ends(name, ".state"));
}

static bool copy_folder(struct copying *c, const char *path, int depth, struct err *e) {
  struct file_entry *entries;
  size_t count;
  if (depth > DEPTH_MOST) return err_set(e, ERR_INPUT, "%s/%s: folders lie more than %d deep", c->from, path, DEPTH_MOST);
  if (!file_list(arena_printf(&c->arena, "%s/%s", c->from, path), &c->arena, &entries, &count, e)) return false;
  if (c->write && !file_make_directory(arena_printf(&c->arena, "%s/%s", c->to, path), 0755, e)) return false;
  for (size_t i = 0; i < count; i++) {
    const char *child = arena_printf(&c->arena, "%s/%s", path, entries[i].name);
    if (entries[i].kind == 'd' && entries[i].name[0] != '.' && !copy_folder(c, child, depth + 1, e)) return false;
    if (entries[i].kind == 'f' && wanted(str_from(entries[i].name)) && !copy_file(c, child, e)) return false;
  }
  return true;
}

static bool place_meta(struct copying *c, struct err *e) {
  static const struct {
    const char *path;
    void (*write)(struct buf *out);
  } files[] = {{".kairos/kairos.lua", meta_definitions}, {".luarc.json", meta_luarc}, {".luacheckrc", meta_luacheck}};
  bool ok = !c->write || file_make_directory(arena_printf(&c->arena, "%s/.kairos", c->to), 0755, e);
  for (size_t i = 0; ok && i < sizeof files / sizeof *files; i++) {
    struct buf text = {0};
    files[i].write(&text);
    ok = text.failed ? err_set(e, ERR_INTERNAL, "no memory for %s", files[i].path) : place_file(c, files[i].path, buf_view(&text), e);
    buf_free(&text);
  }
  return ok;
}

static bool copy_program(struct copying *c, struct err *e) {
  static const char *const folders[] = {"rules", "interventions", "models"};
  c->files = 0;
  for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
    if (!file_exists(arena_printf(&c->arena, "%s/%s", c->from, folders[i]))) continue;
    if (!copy_folder(c, folders[i], 0, e)) return false;
  }
  return place_meta(c, e);
}

static int init_program(const char *directory) {
  char from[4096];
  struct err e = {0};
  struct copying c = {.from = from, .to = directory};
  bool ok = tool_default_program(from, sizeof from, &e) && copy_program(&c, &e);
  c.write = true;
  ok = ok && file_make_directory(directory, 0755, &e) && copy_program(&c, &e);
  arena_free(&c.arena);
  if (!ok) return tool_fail(&e);
  fprintf(stderr, "%zu files in %s. Try: kairos check %s && kairos test %s\n", c.files, directory, directory, directory);
  return EXIT_OK;
}

static int init_data(const char *data, int64_t files) {
  struct err e = {0};
  if (!book_create(data, (uint32_t)files, &e)) return tool_fail(&e);
  tool_say_open(data);
  fprintf(stderr, "%s is a data directory with %lld %s. Keep a copy of %s/master.key elsewhere: without it nothing in there can be read.\n",
          data, (long long)files, files == 1 ? "file" : "files", data);
  return EXIT_OK;
}

int tool_init(int argc, char **argv) {
  const char *directory = NULL, *data = NULL, *plugin = NULL;
  int64_t files = 1;
  const struct argument list[] = {
      {"DIR", ARGUMENT_TEXT, &directory, NULL, "where the program goes", NULL},
      {"--data", ARGUMENT_TEXT, &data, "DIR", "makes an empty data directory instead", NULL},
      {"--plugin", ARGUMENT_TEXT, &plugin, "NAME", "the template of a model plugin instead, in DIR (default: NAME)", NULL},
      {"--files", ARGUMENT_NUMBER, &files, "N", "how many files it has, 1 to 16 (default: 1)", NULL}};
  static const struct argument_fit fits[] = {{"--files", "--data"}};
  const struct usage usage = {"init", "A program to start from: rules, interventions, models and scenarios; or an empty data directory.",
                              "  kairos init myprogram\n  kairos init --data data --files 2\n  kairos init --plugin wake_up\n",
                              ARGUMENTS_FIT(list, fits)};
  int code = arguments_parse(&usage, argc, argv);
  if (code) return code < 0 ? EXIT_OK : code;
  struct err e = {0};
  if (plugin && !data && init_plugin(directory ? directory : plugin, plugin, &e)) return EXIT_OK;
  if (plugin && !data) return e.kind == ERR_INPUT ? arguments_refuse(&usage, &e) : tool_fail(&e);
  if (plugin || !directory == !data) {
    fprintf(stderr, "kairos init: expected one of DIR for a program, --data DIR and --plugin NAME\n");
    return EXIT_USAGE;
  }
  if (directory) return init_program(directory);
  if (files >= 1 && files <= BOOK_VOLUMES_MOST) return init_data(data, files);
  fprintf(stderr, "kairos init: --files: expected 1 to %d, got %lld\n", BOOK_VOLUMES_MOST, (long long)files);
  return EXIT_USAGE;
}
