/* library: programs by identity, loaded from the store when first asked for, and counted. Promises that a program stays exactly while
 * somebody holds it (a partition, the main thread, a question about the past), plus the few that were let go last, so that memory does not
 * grow with the number of programs that ever ran; and that building one never keeps others waiting for the lock. Thread-safe: lanes ask
 * while they recover, the builder adds. */
#include "against.h"
#include "kit/hash.h"
#include "program/program.h"
#include "served.h"
#include <pthread.h>
#include <string.h>

#define KNOWN_MORE 128 /* digests: a page of them */
#define SPARE_MOST 3   /* programs without models that are kept though nobody holds them: questions about the past come in rows */

struct shelf {
  struct program *program;
  uint32_t holders;
  uint64_t left; /* when the last holder let go: a rising number */
  struct shelf *next;
};
struct known {
  unsigned char sha256[HASH_SHA256];
};
struct library {
  struct book *book;
  struct program_from from;
  pthread_mutex_t lock;
  struct shelf *first;
  uint64_t releases;
  bool quiet;          /* only library_tidy frees: whoever lets go is in a hurry */
  struct known *known; /* every digest that was ever named, in their order; in pages of their own: this only grows, by 32 bytes each */
  size_t known_count, known_cap;
  struct buf live; /* of the live program: what against.c notes */
  struct arena served_arena;
  struct served served; /* of the live program: what served.c notes */
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
  if (l->known) kit_pages_free(l->known, l->known_cap * sizeof *l->known);
  buf_free(&l->live);
  arena_free(&l->served_arena);
  pthread_mutex_destroy(&l->lock);
  kit_free(l);
}

struct book *library_book(struct library *l) {
  return l->book;
}

bool library_live(struct library *l, const struct program *p) {
  struct buf note = {0};
  struct arena a = {0}, served_before;
  struct served served;
  bool ok = against_note(p, &note);
  served_note(p, &a, &served);
  pthread_mutex_lock(&l->lock);
  served_before = l->served_arena;
  l->served_arena = a;
  l->served = served;
  struct buf before = l->live;
  if (ok) l->live = note;
  pthread_mutex_unlock(&l->lock);
  buf_free(ok ? &before : &note);
  arena_free(&served_before);
  return ok;
}

const struct served *library_served(struct library *l, struct arena *a) {
  struct served *copy = NULL;
  pthread_mutex_lock(&l->lock);
  if (l->served.count && (copy = ARENA_NEW(a, struct served)) && (copy->files = ARENA_ARRAY(a, struct served_file, l->served.count)))
    for (size_t i = 0; i < l->served.count; i++) {
      const struct served_file *from = &l->served.files[i];
      struct served_file *to = &copy->files[copy->count++];
      *to = *from;
      to->path = arena_text(a, from->path, strlen(from->path));
      to->of = arena_text(a, from->of, strlen(from->of));
      to->text.at = arena_text(a, from->text.at, from->text.len);
      if (!to->path || !to->of || !to->text.at) copy->count--;
    }
  pthread_mutex_unlock(&l->lock);
  return copy;
}

void library_check(struct library *l, struct program *p) {
  struct arena a = {0};
  pthread_mutex_lock(&l->lock);
  struct str live = buf_view(&l->live);
  const char *note = arena_text(&a, live.at, live.len);
  pthread_mutex_unlock(&l->lock);
  if (note) against_check(p, (struct str){note, live.len});
  else findings_add(&p->findings, FINDING_ERROR, "", 0, "memory failed");
  arena_free(&a);
}

/* ---- names; under the lock ---- */

/* The first whose beginning is not less. */
static size_t place_of(const struct library *l, const unsigned char *start, size_t length) {
  size_t low = 0, high = l->known_count;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (memcmp(l->known[middle].sha256, start, length) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

static bool begins_there(const struct library *l, size_t place, const unsigned char *start, size_t length) {
  return place < l->known_count && memcmp(l->known[place].sha256, start, length) == 0;
}

static bool known_grow(struct library *l) {
  if (l->known_count < l->known_cap) return true;
  const size_t cap = l->known_cap + l->known_cap / 4 / KNOWN_MORE * KNOWN_MORE + KNOWN_MORE;
  struct known *grown = kit_pages(cap * sizeof *grown);
  if (!grown) return false;
  if (l->known) memcpy(grown, l->known, l->known_count * sizeof *grown);
  if (l->known) kit_pages_free(l->known, l->known_cap * sizeof *l->known);
  l->known = grown;
  l->known_cap = cap;
  return true;
}

static bool know(struct library *l, const unsigned char sha256[HASH_SHA256]) {
  const size_t place = place_of(l, sha256, HASH_SHA256);
  if (begins_there(l, place, sha256, HASH_SHA256)) return true;
  if (!known_grow(l)) return false;
  struct known *at = l->known + place;
  memmove(at + 1, at, (l->known_count++ - place) * sizeof *at);
  memcpy(at->sha256, sha256, HASH_SHA256);
  return true;
}

bool library_know(struct library *l, struct str digest) {
  unsigned char sha256[HASH_SHA256];
  if (!hash_unhex(digest, sha256, HASH_SHA256)) return false;
  pthread_mutex_lock(&l->lock);
  bool ok = know(l, sha256);
  pthread_mutex_unlock(&l->lock);
  return ok;
}

/* ---- shelves; under the lock ---- */

/* The text up to the plugins is the digest. With `plain` any program of the digest will do: rules and features are the same. */
static bool answers(const struct program *p, struct str identity, bool plain) {
  if (str_is(identity, p->identity)) return true;
  if (identity.len < 64 || memcmp(identity.at, p->digest, 64) != 0) return false;
  return plain || (identity.len == 64 && p->complete);
}

static struct shelf *find(struct library *l, struct str identity, bool plain) {
  struct shelf *found = NULL;
  for (struct shelf *s = l->first; s; s = s->next)
    if (answers(s->program, identity, plain) && (plain || s->program->complete || !l->from.plugin_directory)) {
      if (!found || s->program->complete) found = s;
    }
  return found;
}

/* Takes what nobody holds off the shelves, but for the few that were let go last; gives them as a list to be freed without the lock. With
 * `plain` only what has no models. */
static struct shelf *trim(struct library *l, bool plain) {
  struct shelf *gone = NULL;
  for (;;) {
    size_t spare = 0;
    struct shelf **oldest = NULL;
    bool complete = false;
    for (struct shelf **at = &l->first; *at && !complete; at = &(*at)->next) {
      if ((*at)->holders || (plain && (*at)->program->complete)) continue;
      spare++;
      complete = (*at)->program->complete;
      if (complete || !oldest || (*at)->left < (*oldest)->left) oldest = at;
    }
    if (!complete && spare <= SPARE_MOST) return gone;
    struct shelf *s = *oldest;
    *oldest = s->next;
    s->next = gone;
    gone = s;
  }
}

static void free_shelves(struct shelf *gone) {
  for (struct shelf *next; gone; gone = next) {
    next = gone->next;
    program_free(gone->program);
    kit_free(gone);
  }
}

/* Takes the program: it is held by the caller from here on, or freed when an equal one is there, which is given instead. */
static const struct program *shelve(struct library *l, struct program *p) {
  struct shelf *fresh = kit_alloc(sizeof *fresh);
  struct program *unused = p;
  pthread_mutex_lock(&l->lock);
  struct shelf *s = find(l, str_from(p->identity), false);
  if (s && s->program->complete != p->complete) s = NULL;
  if (!s && fresh && know(l, p->sha256)) {
    *fresh = (struct shelf){.program = p, .next = l->first};
    l->first = s = fresh;
    fresh = NULL;
    unused = NULL;
  }
  if (s) s->holders++;
  pthread_mutex_unlock(&l->lock);
  kit_free(fresh);
  program_free(unused);
  return s ? s->program : NULL;
}

/* ---- for everybody ---- */

const struct program *library_add(struct library *l, struct program *p) {
  return shelve(l, p);
}

static const struct program *hold_there(struct library *l, struct str identity, bool plain) {
  pthread_mutex_lock(&l->lock);
  struct shelf *s = find(l, identity, plain);
  if (s) s->holders++;
  pthread_mutex_unlock(&l->lock);
  return s ? s->program : NULL;
}

static const struct program *load(struct library *l, struct str identity, bool plain, struct err *e) {
  static const struct program_from without = {0};
  unsigned char sha256[HASH_SHA256];
  struct str digest = {identity.at, identity.len > 64 ? 64 : identity.len};
  struct program_from from = plain ? without : l->from;
  if (!hash_unhex(digest, sha256, HASH_SHA256)) {
    err_set(e, ERR_STORAGE, "program digest: expected 64 hex digits, got %zu bytes", digest.len);
    return NULL;
  }
  const struct program *there = hold_there(l, identity, plain);
  if (there) return there;
  char *plugins = identity.len > 65 ? kit_alloc(identity.len - 64) : NULL;
  if (plugins) {
    memcpy(plugins, identity.at + 65, identity.len - 65);
    plugins[identity.len - 65] = 0;
  }
  from.plugins = plugins;
  struct program *p = program_from_store(l->book, sha256, &from, e);
  kit_free(plugins);
  if (!p) return NULL;
  const struct program *kept = shelve(l, p);
  if (!kept) err_set(e, ERR_INTERNAL, "no memory for a program");
  return kept;
}

const struct program *library_get(struct library *l, struct str identity, struct err *e) {
  return load(l, identity, !l->from.plugin_directory, e);
}

const struct program *library_plain(struct library *l, struct str identity, struct err *e) {
  return load(l, identity, true, e);
}

const struct program *library_hold(struct library *l, const struct program *p) {
  pthread_mutex_lock(&l->lock);
  for (struct shelf *s = l->first; s; s = s->next)
    if (s->program == p) s->holders++;
  pthread_mutex_unlock(&l->lock);
  return p;
}

void library_release(struct library *l, const struct program *p) {
  if (!p) return;
  pthread_mutex_lock(&l->lock);
  for (struct shelf *s = l->first; s; s = s->next) {
    if (s->program != p) continue;
    must(s->holders > 0);
    if (--s->holders == 0) s->left = ++l->releases;
  }
  /* A look at the past that walks over thousands of programs has built each of them itself: it can as well free them, and must, since
   * the builder may be busy for long. */
  struct shelf *gone = trim(l, l->quiet);
  pthread_mutex_unlock(&l->lock);
  free_shelves(gone);
}

void library_tidy(struct library *l) {
  pthread_mutex_lock(&l->lock);
  l->quiet = true;
  struct shelf *gone = trim(l, false);
  pthread_mutex_unlock(&l->lock);
  free_shelves(gone);
}

const struct program *library_brief(struct library *l, struct str brief, struct err *e) {
  char digest[2 * HASH_SHA256 + 1] = "";
  unsigned char start[8];
  const bool named = hash_unhex(brief, start, sizeof start);
  pthread_mutex_lock(&l->lock);
  const size_t place = named ? place_of(l, start, sizeof start) : 0;
  if (named && begins_there(l, place, start, sizeof start)) hash_hex(l->known[place].sha256, HASH_SHA256, digest);
  pthread_mutex_unlock(&l->lock);
  if (digest[0]) return library_plain(l, str_from(digest), e);
  err_set(e, ERR_MISSING, "no program whose digest begins with \"" STR_FORMAT "\" is known", STR_ARG(brief));
  return NULL;
}

bool library_digest(struct library *l, struct str start, char digest[65], struct err *e) {
  size_t found = 0;
  char hex[2 * HASH_SHA256 + 1];
  unsigned char whole[HASH_SHA256]; /* the digits that make whole bytes */
  const size_t bytes = start.len / 2;
  const bool named = start.len >= 6 && start.len <= 64 && hash_unhex((struct str){start.at, 2 * bytes}, whole, bytes);
  pthread_mutex_lock(&l->lock);
  for (size_t i = named ? place_of(l, whole, bytes) : 0; named && begins_there(l, i, whole, bytes); i++) {
    hash_hex(l->known[i].sha256, HASH_SHA256, hex);
    if (memcmp(hex, start.at, start.len) != 0) continue;
    memcpy(digest, hex, sizeof hex);
    found++;
  }
  pthread_mutex_unlock(&l->lock);
  if (found == 1) return true;
  if (found) return err_set(e, ERR_CONFLICT, "%zu programs begin with \"" STR_FORMAT "\": give more digits", found, STR_ARG(start));
  return err_set(e, ERR_MISSING,
                 "no program is known that begins with \"" STR_FORMAT
                 "\" (a digest, its first 6 digits or more): GET /v1/programs (kairos programs list) has those that are known",
                 STR_ARG(start));
}

uint32_t library_holders(struct library *l, const struct program *p) {
  uint32_t holders = 0;
  pthread_mutex_lock(&l->lock);
  for (struct shelf *s = l->first; s; s = s->next)
    if (s->program == p) holders = s->holders;
  pthread_mutex_unlock(&l->lock);
  return holders;
}

size_t library_size(struct library *l) {
  size_t count = 0;
  pthread_mutex_lock(&l->lock);
  for (struct shelf *s = l->first; s; s = s->next) count++;
  pthread_mutex_unlock(&l->lock);
  return count;
}
