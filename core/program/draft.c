/* draft: sources on their way to being a program, in the order of the house: read, build, check, test, store, shelve. Promises that
 * what comes out either may run at once or carries the findings that say why not, and that nothing of a refused one stays but these.
 * Builder thread, and the main thread before there is a builder. */
#include "inside.h"
#include "kit/clock.h"
#include "kit/file.h"
#include "kit/hash.h"
#include "kit/log.h"
#include "program/builder.h"
#include "program/scenario.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PLUGIN_MOST  (64u << 20)
#define PLUGINS_MOST 1024
#define GRAIN_MS     2500 /* the coarsest that are about (FAT, some NFS) have 2 s */

struct draft *draft_new(enum draft_kind kind, struct library *library, const struct program_from *from) {
  struct draft *c = kit_alloc(sizeof *c);
  if (c) *c = (struct draft){.kind = kind, .sent = {.pages = true}, .library = library, .from = *from};
  return c;
}

void draft_free(struct draft *c) {
  if (!c) return;
  library_release(c->library, c->program);
  arena_free(&c->arena);
  arena_free(&c->sent);
  kit_free(c);
}

void draft_print(const struct draft *c, struct buf *out) {
  static const char *const levels[] = {"note", "warning", "error"};
  for (size_t i = 0; i < c->finding_count; i++) {
    const struct finding *f = &c->findings[i];
    buf_printf(out, "%s:%d: %s: %s\n", f->file, f->line, levels[f->level], f->text);
  }
}

/* ---- what is said of it ---- */

static const char *keep(struct draft *c, const char *text) {
  const char *copy = arena_text(&c->arena, text, strlen(text));
  return copy ? copy : "";
}

static void complain(struct draft *c, const char *file, const char *text) {
  struct finding *all = ARENA_ARRAY(&c->arena, struct finding, c->finding_count + 1);
  c->errors++;
  if (!all) return;
  if (c->finding_count) memcpy(all, c->findings, c->finding_count * sizeof *all);
  all[c->finding_count++] = (struct finding){FINDING_ERROR, keep(c, file), 1, keep(c, text)};
  c->findings = all;
}

static void name_files(struct draft *c, const struct program *p) {
  c->files = ARENA_ARRAY(&c->arena, struct source, p->source_count + 1);
  for (size_t i = 0; c->files && i < p->source_count; i++) {
    struct source *f = &c->files[c->file_count++];
    *f = p->sources[i];
    f->path = keep(c, f->path);
    f->text.at = NULL;
  }
}

void draft_name(struct draft *c, const char *identity) {
  unsigned char sha256[HASH_SHA256];
  struct program p = {.findings.arena = &p.arena};
  struct err e = {0};
  snprintf(c->digest, sizeof c->digest, "%.64s", identity);
  c->identity = keep(c, identity);
  if (hash_unhex(str_from(c->digest), sha256, HASH_SHA256) && sources_from_store(&p, library_book(c->library), sha256, &e))
    name_files(c, &p);
  arena_free(&p.arena);
}

static void describe(struct draft *c, const struct program *p) {
  memcpy(c->digest, p->digest, sizeof c->digest);
  c->identity = keep(c, p->identity);
  name_files(c, p);
  c->findings = ARENA_ARRAY(&c->arena, struct finding, p->findings.count + 1);
  for (size_t i = 0; c->findings && i < p->findings.count; i++) {
    const struct finding *f = &p->findings.at[i];
    c->findings[c->finding_count++] = (struct finding){f->level, keep(c, f->file), f->line, keep(c, f->text)};
  }
  c->errors = p->findings.errors;
}

/* Both lists are in order of path. */
size_t files_changed(const struct source *a, size_t a_count, const struct source *b, size_t b_count, const char **paths, size_t most) {
  size_t i = 0, k = 0, count = 0;
  while (count < most && (i < a_count || k < b_count)) {
    const struct source *x = i < a_count ? &a[i] : NULL, *y = k < b_count ? &b[k] : NULL;
    const int order = !y ? -1 : !x ? 1 : strcmp(x->path, y->path);
    if (order != 0 || memcmp(x->sha256, y->sha256, sizeof x->sha256) != 0) paths[count++] = order > 0 ? y->path : x->path;
    i += order <= 0;
    k += order >= 0;
  }
  return count;
}

/* ---- the steps ---- */

static struct program *build(struct draft *c, struct err *e) {
  unsigned char sha256[HASH_SHA256];
  if (c->kind == DRAFT_DIRECTORY) c->from.served = library_served(c->library, &c->sent);
  if (c->kind == DRAFT_DIRECTORY) return program_from_directory(c->directory, &c->from, e);
  if (c->kind == DRAFT_UPLOAD) return program_from_upload(c->given, c->given_count, &c->from, e);
  struct str wanted = str_from(c->identity_wanted);
  if (wanted.len > 65) c->from.plugins = wanted.at + 65;
  if (hash_unhex((struct str){wanted.at, wanted.len > 64 ? 64 : wanted.len}, sha256, HASH_SHA256))
    return program_from_store(library_book(c->library), sha256, &c->from, e);
  err_set(e, ERR_INPUT, "expected a program's digest, 64 hex digits, got \"%s\"", c->identity_wanted);
  return NULL;
}

/* Dozens of drafts stay for what is said of them; each would keep a megabyte of files and their base64 for nothing. */
static void forget_sent(struct draft *c) {
  c->given = NULL;
  c->given_count = 0;
  c->from.served = NULL;
  arena_free(&c->sent);
}

/* Where the store lies is nothing to whoever asks for a program by its digest: that is for the log. */
static void unread(struct draft *c, const struct err *e) {
  const bool lost = c->kind == DRAFT_STORED && e->kind != ERR_INPUT;
  c->unread = *e;
  if (lost) log_warn("program", "%.16s: %s", c->identity_wanted, e->text);
  complain(c, c->kind == DRAFT_DIRECTORY ? c->directory : "", lost ? "the store does not hold this program" : e->text);
}

void draft_build(struct draft *c) {
  struct err e = {0};
  const int64_t begun = clock_monotonic();
  struct program *p = build(c, &e);
  if (p && c->kind != DRAFT_STORED) library_check(c->library, p); /* what is stored has run before, or been held to it */
  if (p) program_test(p);
  if (p) describe(c, p);
  else unread(c, &e);
  if (p && c->errors == 0 && !program_store(p, library_book(c->library), &e)) {
    complain(c, "", e.text);
    program_free(p);
  } else if (p && c->errors == 0) {
    c->program = library_add(c->library, p);
    if (!c->program) complain(c, "", "no memory to keep the program");
  } else program_free(p);
  forget_sent(c);
  c->took = clock_monotonic() - begun;
}

void draft_errand(struct errand *e) {
  draft_build(e->owner);
}

/* ---- what lies there ---- */

struct remembered { /* of one plugin's file: what it was when it was read, and its digest */
  uint64_t path;
  struct stat about;
  unsigned char sha256[HASH_SHA256];
};

static bool is_same(const struct stat *a, const struct stat *b) {
  return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mode == b->st_mode &&
         a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
         a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Times of files have a grain: one that was changed a moment ago may change again without showing it. */
static bool lay_still(const struct stat *about) {
  return clock_now() - (int64_t)about->st_ctim.tv_sec * CLOCK_SECOND - about->st_ctim.tv_nsec / 1000000 >= GRAIN_MS;
}

static struct remembered *recall(struct plugin_memory *m, uint64_t path) {
  for (size_t i = 0; i < m->count; i++)
    if (m->at[i].path == path) return &m->at[i];
  return NULL;
}

static void remember(struct plugin_memory *m, const struct remembered *one) {
  struct remembered *there = recall(m, one->path);
  if (!there && m->count == m->cap) {
    const size_t cap = m->cap ? m->cap * 2 : 16;
    struct remembered *grown = m->count < PLUGINS_MOST ? kit_realloc(m->at, cap * sizeof *grown) : NULL;
    if (!grown) return; /* it is read again the next time */
    m->at = grown;
    m->cap = cap;
  }
  if (!there) there = &m->at[m->count++];
  *there = *one;
}

void plugin_memory_free(struct plugin_memory *m) {
  kit_free(m->at);
  *m = (struct plugin_memory){0};
}

static void add_file(struct hash_sha256_state *all, struct plugin_memory *m, const char *path, const char *name) {
  struct buf bytes = {0};
  struct err e = {0};
  struct remembered now = {.path = hash_64(str_from(path))};
  struct stat after;
  const bool there = stat(path, &now.about) == 0;
  const struct remembered *before = there && m ? recall(m, now.path) : NULL;
  hash_sha256_add(all, str_from(name));
  if (before && is_same(&before->about, &now.about)) memcpy(now.sha256, before->sha256, sizeof now.sha256);
  else {
    const bool whole = file_read(path, &bytes, PLUGIN_MOST, &e);
    if (!whole) hash_sha256_add(all, str_from(e.text));
    hash_sha256(buf_view(&bytes), now.sha256);
    if (m && there && whole && lay_still(&now.about) && stat(path, &after) == 0 && is_same(&now.about, &after)) remember(m, &now);
  }
  hash_sha256_add(all, (struct str){(const char *)now.sha256, sizeof now.sha256});
  buf_free(&bytes);
}

static void add_plugins(struct hash_sha256_state *all, struct plugin_memory *m, struct arena *a, const char *directory, int depth) {
  struct file_entry *entries;
  size_t count;
  if (!directory || !file_list(directory, a, &entries, &count, NULL)) return;
  for (size_t i = 0; i < count; i++) {
    const char *path = arena_printf(a, "%s/%s", directory, entries[i].name);
    if (!path) continue;
    if (entries[i].kind == 'd' && depth == 0 && entries[i].name[0] != '.') add_plugins(all, m, a, path, 1);
    if (entries[i].kind == 'f' && str_ends(str_from(entries[i].name), ".so")) add_file(all, m, path, entries[i].name);
  }
}

void files_now(const char *directory, const char *plugin_directory, struct plugin_memory *m, struct state_of_files *out) {
  struct arena a = {0};
  struct hash_sha256_state all;
  unsigned char sha256[HASH_SHA256];
  *out = (struct state_of_files){0};
  if (directory) sources_digest(directory, out->sources);
  hash_sha256_begin(&all);
  struct str rest = str_from(plugin_directory), one;
  while (plugin_directory && str_split(&rest, ':', &one)) add_plugins(&all, m, &a, arena_text(&a, one.at, one.len), 0);
  hash_sha256_end(&all, sha256);
  hash_hex(sha256, HASH_SHA256, out->plugins);
  arena_free(&a);
}
