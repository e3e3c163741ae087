/* read: a program's files become sources, from a directory, from an upload or from the store. Promises that whatever cannot be read is a
 * finding with the file's name, and that the rest is read all the same, so that an author sees everything at once. Symbolic links are
 * refused (what they point to is not what was checked), and so are more than 10 MiB: a program is text that people write. Builder thread
 * only. */
#include "inside.h"
#include "kit/file.h"
#include "kit/hash.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM_BYTES_MOST (10u << 20)
#define FILES_MOST         4096
#define DEPTH_MOST         8

struct reading {
  struct program *program;
  const char *root;
  size_t bytes, cap;
  bool full; /* the bounds are reached: said once */
};

static const char *const folders[] = {"interventions", "models", "rules"};
#define FOLDERS (sizeof folders / sizeof *folders)

static bool wanted(struct str name) {
  return str_ends(name, ".lua") || str_ends(name, ".state") || str_ends(name, ".over");
}

static void __attribute__((format(printf, 3, 4))) complain(struct reading *r, const char *path, const char *format, ...) {
  va_list list;
  va_start(list, format);
  const char *text = arena_vprintf(&r->program->arena, format, list);
  va_end(list);
  findings_add(&r->program->findings, FINDING_ERROR, path, 1, "%s", text ? text : "no memory");
}

static void full(struct reading *r, const char *path) {
  if (!r->full && r->bytes > PROGRAM_BYTES_MOST) complain(r, path, "the program is larger than %u MiB in all", PROGRAM_BYTES_MOST >> 20);
  else if (!r->full) complain(r, path, "the program has more than %d files", FILES_MOST);
  r->full = true;
}

static void add_source(struct reading *r, const char *path, struct str text) {
  struct program *p = r->program;
  if (p->source_count == r->cap) {
    size_t cap = r->cap ? r->cap * 2 : 32;
    struct source *grown = ARENA_ARRAY(&p->arena, struct source, cap);
    if (!grown) {
      complain(r, path, "no memory for the program's sources");
      return;
    }
    if (p->source_count) memcpy(grown, p->sources, p->source_count * sizeof *grown);
    p->sources = grown;
    r->cap = cap;
  }
  r->bytes += text.len;
  if (r->bytes > PROGRAM_BYTES_MOST || p->source_count == FILES_MOST) {
    full(r, path);
    return;
  }
  struct source *s = &p->sources[p->source_count++];
  s->path = path;
  s->text = text;
  hash_sha256(text, s->sha256);
}

static int by_path(const void *a, const void *b) {
  return strcmp(((const struct source *)a)->path, ((const struct source *)b)->path);
}

void sources_sort(struct program *p) {
  if (p->source_count) qsort(p->sources, p->source_count, sizeof *p->sources, by_path);
}

/* ---- a directory ---- */

/* The reason without the path before it, which the finding says already. */
static const char *reason(const struct err *e, const char *path) {
  const char *at = strstr(e->text, path);
  if (!at) return e->text;
  at += strlen(path);
  return strncmp(at, ": ", 2) == 0 ? at + 2 : *at == ' ' ? at + 1 : e->text;
}

/* What was a file a moment ago may be a link by now. */
static bool is_link(const char *path) {
  char target[1];
  return readlink(path, target, sizeof target) >= 0;
}

static void read_one(struct reading *r, const char *path) {
  struct arena *a = &r->program->arena;
  const char *full_path = arena_printf(a, "%s/%s", r->root, path);
  struct err e = {0};
  struct buf bytes = {0};
  if (r->full) return;
  const char *text = NULL;
  if (!full_path) complain(r, path, "cannot be read: no memory");
  else if (is_link(full_path)) complain(r, path, "is a symbolic link; a program holds its files itself");
  else if (!file_read(full_path, &bytes, PROGRAM_BYTES_MOST, &e)) complain(r, path, "cannot be read: %s", reason(&e, full_path));
  else if (!(text = arena_text(a, bytes.at ? bytes.at : "", bytes.len))) complain(r, path, "cannot be read: no memory");
  else add_source(r, path, (struct str){text, bytes.len});
  buf_free(&bytes);
}

static void read_folder(struct reading *r, const char *path, int depth) {
  struct arena *a = &r->program->arena;
  struct file_entry *entries;
  size_t count;
  struct err e = {0};
  const char *full_path = arena_printf(a, "%s/%s", r->root, path);
  if (!full_path) complain(r, path, "cannot be read: no memory");
  else if (depth > DEPTH_MOST) complain(r, path, "folders lie more than %d deep", DEPTH_MOST);
  else if (is_link(full_path)) complain(r, path, "is a symbolic link; a program holds its files itself");
  else if (!file_list(full_path, a, &entries, &count, &e)) complain(r, path, "cannot be read: %s", reason(&e, full_path));
  else
    for (size_t i = 0; i < count; i++) {
      const char *child = arena_printf(a, "%s/%s", path, entries[i].name);
      const char kind = !child ? 0 : entries[i].name[0] == '.' ? '.' : entries[i].kind; /* editors' own files begin with a dot */
      if (!child) complain(r, path, "cannot be read: no memory");
      if (kind == 'l') complain(r, child, "is a symbolic link; a program holds its files itself");
      if (kind == 'd') read_folder(r, child, depth + 1);
      if (kind == 'f' && wanted(str_from(entries[i].name))) read_one(r, child);
      if (kind == '?' && wanted(str_from(entries[i].name))) complain(r, child, "is no regular file");
    }
}

static void refuse_empty(struct reading *r) {
  if (r->program->source_count == 0 && r->program->findings.errors == 0)
    complain(r, "rules", "there is no .lua file at all: an empty program decides nothing");
}

bool sources_from_directory(struct program *p, const char *directory, struct err *e) {
  struct reading r = {.program = p, .root = directory};
  bool any = false;
  for (size_t i = 0; i < FOLDERS; i++) {
    const char *folder = arena_printf(&p->arena, "%s/%s", directory, folders[i]);
    if (!folder) return err_set(e, ERR_INTERNAL, "no memory to read the program in %s", directory);
    if (!file_exists(folder)) continue;
    any = true;
    read_folder(&r, folders[i], 0);
  }
  if (!any && !file_exists(directory))
    return err_set(e, ERR_MISSING, "%s does not exist: expected a program's directory (kairos init DIR makes one)", directory);
  if (!any)
    return err_set(e, ERR_MISSING,
                   "%s holds no rules: expected a program's directory, with .lua files in rules/, interventions/ or models/ (kairos init "
                   "DIR makes one)",
                   directory);
  refuse_empty(&r);
  sources_sort(p);
  return true;
}

void sources_digest(const char *directory, char digest[65]) {
  struct program p = {.arena = {.pages = true}, .findings.arena = &p.arena};
  struct err e = {0};
  struct buf text = {0};
  unsigned char sha256[HASH_SHA256];
  if (!sources_from_directory(&p, directory, &e)) buf_text(&text, e.text);
  sources_manifest(&p, &text);
  for (size_t i = 0; i < p.findings.count; i++) buf_printf(&text, "%s: %s\n", p.findings.at[i].file, p.findings.at[i].text);
  hash_sha256(buf_view(&text), sha256);
  hash_hex(sha256, HASH_SHA256, digest);
  buf_free(&text);
  arena_free(&p.arena);
}

/* ---- an upload ---- */

/* The names that a directory could have given, so that what is uploaded can be written down again. */
static bool path_is_fine(struct str path) {
  struct str rest = path, piece;
  int depth = 0;
  bool ok = path.len < 512 && str_utf8(path) && !memchr(path.at, 0, path.len) && wanted(path) && path.at[path.len - 1] != '/';
  while (ok && str_split(&rest, '/', &piece)) {
    bool known = depth > 0;
    for (size_t i = 0; i < FOLDERS && depth == 0; i++) known |= str_is(piece, folders[i]);
    ok = known && piece.len > 0 && piece.at[0] != '.';
    depth++;
  }
  return ok && depth >= 2 && depth <= DEPTH_MOST + 2;
}

void sources_from_upload(struct program *p, const struct source *given, size_t count) {
  struct reading r = {.program = p, .root = ""};
  for (size_t i = 0; i < count && !r.full; i++) {
    struct str path = str_from(given[i].path);
    const char *own = arena_text(&p->arena, path.at, path.len);
    if (path_is_fine(path))
      add_source(&r, own, (struct str){arena_text(&p->arena, given[i].text.at, given[i].text.len), given[i].text.len});
    else complain(&r, own, "expected a path such as rules/skip.lua: below rules/, interventions/ or models/, ending in .lua or .state");
  }
  refuse_empty(&r);
  sources_sort(p);
  for (size_t i = 1; i < p->source_count; i++)
    if (strcmp(p->sources[i - 1].path, p->sources[i].path) == 0) complain(&r, p->sources[i].path, "is there twice");
}

void sources_manifest(const struct program *p, struct buf *out) {
  for (size_t i = 0; i < p->source_count; i++) {
    char hex[65];
    hash_hex(p->sources[i].sha256, HASH_SHA256, hex);
    buf_printf(out, "%s %s\n", hex, p->sources[i].path);
  }
}

/* ---- the store ---- */

static bool source_from_store(struct reading *r, struct book *b, struct str line, struct err *e) {
  unsigned char sha256[HASH_SHA256];
  struct arena *a = &r->program->arena;
  if (line.len < 66 || !hash_unhex((struct str){line.at, 64}, sha256, HASH_SHA256))
    return err_set(e, ERR_STORAGE, "program manifest: broken line");
  const char *path = arena_text(a, line.at + 65, line.len - 65);
  struct buf bytes = {0};
  bool ok = store_get(b, sha256, &bytes, e) || err_wrap(e, "%s", path);
  if (ok) add_source(r, path, (struct str){arena_text(a, bytes.at ? bytes.at : "", bytes.len), bytes.len});
  buf_free(&bytes);
  return ok;
}

bool sources_from_store(struct program *p, struct book *b, const unsigned char sha256[32], struct err *e) {
  struct reading r = {.program = p, .root = "store"};
  struct buf manifest = {0};
  bool ok = store_get(b, sha256, &manifest, e);
  struct str rest = buf_view(&manifest), line;
  while (ok && str_split(&rest, '\n', &line))
    if (line.len) ok = source_from_store(&r, b, line, e);
  buf_free(&manifest);
  return ok || err_wrap(e, "program");
}

/* The manifest lies behind the sources; all of them are durable before anybody is told of the program. */
bool program_store(const struct program *p, struct book *b, struct err *e) {
  struct buf manifest = {0};
  struct arena a = {0};
  sources_manifest(p, &manifest);
  struct str *texts = ARENA_ARRAY(&a, struct str, p->source_count + 1);
  for (size_t i = 0; texts && i < p->source_count; i++) texts[i] = p->sources[i].text;
  if (texts) texts[p->source_count] = buf_view(&manifest);
  bool ok = (texts && !manifest.failed) || err_set(e, ERR_INTERNAL, "no memory to store a program");
  ok = ok && (store_put_several(b, texts, p->source_count + 1, e) || err_wrap(e, "the program's sources"));
  arena_free(&a);
  buf_free(&manifest);
  return ok;
}
