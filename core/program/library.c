/* library: programs by digest, loaded from the store when first asked for. A program stays until the process ends: journals name old ones,
 * and lanes hold bare pointers. Thread-safe: lanes ask while they recover, the builder adds. */
#include "kit/hash.h"
#include "program/program.h"
#include <pthread.h>
#include <string.h>

struct shelf {
  char digest[65];
  struct program *program; /* NULL: known by name, not loaded yet */
  struct shelf *next;
};
struct library {
  struct book *book;
  struct program_from from;
  pthread_mutex_t lock;
  struct shelf *first;
};

struct library *library_new(struct book *b, const struct program_from *from) {
  struct library *l = kit_alloc(sizeof *l);
  if (!l) return NULL;
  *l = (struct library){.book = b, .from = *from};
  pthread_mutex_init(&l->lock, NULL);
  return l;
}

void library_free(struct library *l) {
  if (!l) return;
  while (l->first) {
    struct shelf *s = l->first;
    l->first = s->next;
    program_free(s->program);
    kit_free(s);
  }
  pthread_mutex_destroy(&l->lock);
  kit_free(l);
}

struct book *library_book(struct library *l) {
  return l->book;
}

static struct program *find(struct library *l, struct str digest) {
  for (struct shelf *s = l->first; s; s = s->next)
    if (str_is(digest, s->digest)) return s->program;
  return NULL;
}

static bool put(struct library *l, struct str digest, struct program *p) {
  struct shelf *s = l->first;
  while (s && !str_is(digest, s->digest)) s = s->next;
  if (!s) {
    if (digest.len != 64 || !(s = kit_alloc(sizeof *s))) return false;
    *s = (struct shelf){.next = l->first};
    memcpy(s->digest, digest.at, 64);
    l->first = s;
  }
  if (p) s->program = p;
  return true;
}

const struct program *library_add(struct library *l, struct program *p) {
  pthread_mutex_lock(&l->lock);
  struct program *there = find(l, str_from(p->digest));
  bool kept = !there && put(l, str_from(p->digest), p);
  pthread_mutex_unlock(&l->lock);
  if (!kept) program_free(p);
  return there ? there : kept ? p : NULL;
}

const struct program *library_get(struct library *l, struct str digest, struct err *e) {
  unsigned char sha256[HASH_SHA256];
  if (!hash_unhex(digest, sha256, HASH_SHA256)) {
    err_set(e, ERR_STORAGE, "program digest: expected 64 hex digits, got %zu bytes", digest.len);
    return NULL;
  }
  pthread_mutex_lock(&l->lock);
  struct program *p = find(l, digest);
  if (!p && (p = program_from_store(l->book, sha256, &l->from, e)) && !put(l, digest, p)) {
    program_free(p);
    p = NULL;
    err_set(e, ERR_INTERNAL, "no memory for a program");
  }
  pthread_mutex_unlock(&l->lock);
  return p;
}

bool library_know(struct library *l, struct str digest) {
  pthread_mutex_lock(&l->lock);
  bool ok = put(l, digest, NULL);
  pthread_mutex_unlock(&l->lock);
  return ok;
}

const struct program *library_brief(struct library *l, struct str brief, struct err *e) {
  char digest[65] = "";
  pthread_mutex_lock(&l->lock);
  for (struct shelf *s = l->first; s && brief.len == 16; s = s->next)
    if (memcmp(s->digest, brief.at, 16) == 0) memcpy(digest, s->digest, sizeof digest);
  pthread_mutex_unlock(&l->lock);
  if (digest[0]) return library_get(l, str_from(digest), e);
  err_set(e, ERR_MISSING, "no program whose digest begins with \"" STR_FORMAT "\" is known", STR_ARG(brief));
  return NULL;
}
