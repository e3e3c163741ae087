/* read: a program's files become sources, from a directory or from the store. Symbolic links are refused (what they point to is not what
 * was checked), and so are more than 10 MiB: a program is text that people write. Builder thread only. */
#include "inside.h"
#include "kit/file.h"
#include "kit/hash.h"
#include <stdlib.h>
#include <string.h>

#define PROGRAM_BYTES_MOST (10u << 20)
#define FILES_MOST         4096

struct reading {
  struct program *program;
  const char *root;
  size_t bytes, cap;
  struct err *err;
};

static bool wanted(struct str name) {
  return str_ends(name, ".lua") || str_ends(name, ".state");
}

static bool add_source(struct reading *r, const char *path, struct str text) {
  struct program *p = r->program;
  if (p->source_count == r->cap) {
    size_t cap = r->cap ? r->cap * 2 : 32;
    struct source *grown = ARENA_ARRAY(&p->arena, struct source, cap);
    if (!grown) return err_set(r->err, ERR_INTERNAL, "no memory for the program's sources");
    if (p->source_count) memcpy(grown, p->sources, p->source_count * sizeof *grown);
    p->sources = grown;
    r->cap = cap;
  }
  struct source *s = &p->sources[p->source_count++];
  s->path = path;
  s->text = text;
  hash_sha256(text, s->sha256);
  r->bytes += text.len;
  if (r->bytes > PROGRAM_BYTES_MOST)
    return err_set(r->err, ERR_INPUT, "%s: the program is larger than %u MiB in all", path, PROGRAM_BYTES_MOST >> 20);
  if (p->source_count > FILES_MOST) return err_set(r->err, ERR_INPUT, "%s: the program has more than %d files", r->root, FILES_MOST);
  return true;
}

static bool read_one(struct reading *r, const char *path) {
  struct arena *a = &r->program->arena;
  const char *full = arena_printf(a, "%s/%s", r->root, path);
  struct buf bytes = {0};
  if (!file_read(full, &bytes, PROGRAM_BYTES_MOST, r->err)) {
    buf_free(&bytes);
    return err_wrap(r->err, "program");
  }
  struct str text = {arena_text(a, bytes.at ? bytes.at : "", bytes.len), bytes.len};
  buf_free(&bytes);
  return add_source(r, path, text);
}

static bool read_folder(struct reading *r, const char *path, int depth) {
  struct arena *a = &r->program->arena;
  struct file_entry *entries;
  size_t count;
  if (depth > 8) return err_set(r->err, ERR_INPUT, "%s: folders lie more than 8 deep", path);
  if (!file_list(arena_printf(a, "%s/%s", r->root, path), a, &entries, &count, r->err)) return false;
  for (size_t i = 0; i < count; i++) {
    const char *child = arena_printf(a, "%s/%s", path, entries[i].name);
    if (entries[i].name[0] == '.') continue;
    if (entries[i].kind == 'l') return err_set(r->err, ERR_INPUT, "%s: is a symbolic link; a program holds its files itself", child);
    if (entries[i].kind == 'd' && !read_folder(r, child, depth + 1)) return false;
    if (entries[i].kind == 'f' && wanted(str_from(entries[i].name)) && !read_one(r, child)) return false;
  }
  return true;
}

static int by_path(const void *a, const void *b) {
  return strcmp(((const struct source *)a)->path, ((const struct source *)b)->path);
}

bool sources_from_directory(struct program *p, const char *directory, struct err *e) {
  static const char *const folders[] = {"interventions", "models", "rules"};
  struct reading r = {.program = p, .root = directory, .err = e};
  bool any = false;
  for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
    if (!file_exists(arena_printf(&p->arena, "%s/%s", directory, folders[i]))) continue;
    any = true;
    if (!read_folder(&r, folders[i], 0)) return false;
  }
  if (!any)
    return err_set(e, ERR_MISSING, "%s: no rules/, interventions/ or models/ in it: not a program's directory (kairos init DIR makes one)",
                   directory);
  if (p->source_count) qsort(p->sources, p->source_count, sizeof *p->sources, by_path);
  return true;
}

void sources_manifest(const struct program *p, struct buf *out) {
  for (size_t i = 0; i < p->source_count; i++) {
    char hex[65];
    hash_hex(p->sources[i].sha256, HASH_SHA256, hex);
    buf_printf(out, "%s %s\n", hex, p->sources[i].path);
  }
}

static bool source_from_store(struct reading *r, struct book *b, struct str line) {
  unsigned char sha256[HASH_SHA256];
  struct arena *a = &r->program->arena;
  if (line.len < 66 || !hash_unhex((struct str){line.at, 64}, sha256, HASH_SHA256))
    return err_set(r->err, ERR_STORAGE, "program manifest: broken line");
  const char *path = arena_text(a, line.at + 65, line.len - 65);
  struct buf bytes = {0};
  bool ok = store_get(b, sha256, &bytes, r->err);
  struct str text = {ok ? arena_text(a, bytes.at ? bytes.at : "", bytes.len) : NULL, bytes.len};
  buf_free(&bytes);
  return ok ? add_source(r, path, text) : err_wrap(r->err, "%s", path);
}

bool sources_from_store(struct program *p, struct book *b, const unsigned char sha256[32], struct err *e) {
  struct reading r = {.program = p, .root = "store", .err = e};
  struct buf manifest = {0};
  bool ok = store_get(b, sha256, &manifest, e);
  struct str rest = buf_view(&manifest), line;
  while (ok && str_split(&rest, '\n', &line))
    if (line.len) ok = source_from_store(&r, b, line);
  buf_free(&manifest);
  return ok || err_wrap(e, "program");
}

bool program_store(const struct program *p, struct book *b, struct err *e) {
  unsigned char sha256[HASH_SHA256];
  for (size_t i = 0; i < p->source_count; i++)
    if (!store_put(b, p->sources[i].text, sha256, e)) return err_wrap(e, "%s", p->sources[i].path);
  struct buf manifest = {0};
  sources_manifest(p, &manifest);
  bool ok = !manifest.failed && store_put(b, buf_view(&manifest), sha256, e);
  buf_free(&manifest);
  return ok || err_wrap(e, "program manifest");
}
