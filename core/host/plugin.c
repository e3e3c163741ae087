/* Opening plugins: everything dangerous about a file in one order. The bytes are read once and hashed; what follows looks at those bytes,
 * so a file that is written over meanwhile is either old, new, or refused as cut off. Lint them; ask whether their SHA-256 is one this
 * engine was built with; put them into the store under their hash (read-only, never written again, so nothing can pull the mapped pages
 * away); probe the copy in a child; open it. Promises that nothing of a refused file runs in this process, and that an opened library stays
 * until exit: closing one with thread-locals or C++ inside is a crash later. One library for one hash. Builder and tool threads. */
#include "contract.h"
#include "kit/file.h"
#include "lint.h"
#include "model.h"
#include "probe.h"
#include "shipped.h"
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define LIBRARY_MEMORY ((size_t)1 << 20)

static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;
static struct plugin *opened; /* under `opening`; entries are never changed or freed */

const char *plugin_id(const struct plugin *p) {
  return p->table->id;
}
const char *plugin_version(const struct plugin *p) {
  return p->table->version;
}
const unsigned char *plugin_sha256(const struct plugin *p) {
  return p->sha256;
}

static bool is_shipped(const unsigned char sha256[HASH_SHA256]) {
  for (size_t i = 0; i < kairos_shipped_count; i++)
    if (memcmp(kairos_shipped_sha256[i], sha256, HASH_SHA256) == 0) return true;
  return false;
}

static struct plugin *find_opened(const unsigned char sha256[HASH_SHA256]) {
  for (struct plugin *p = opened; p; p = p->next)
    if (memcmp(p->sha256, sha256, HASH_SHA256) == 0) return p;
  return NULL;
}

/* The copy under its hash. One that is there is believed only after hashing; a damaged one is not repaired, since it may be mapped. */
static bool store_copy(const char *directory, struct str bytes, const unsigned char sha256[HASH_SHA256], char *path, size_t size,
                       struct err *e) {
  char hex[2 * HASH_SHA256 + 1];
  hash_hex(sha256, HASH_SHA256, hex);
  const int length = snprintf(path, size, "%s/%s.so", directory, hex);
  if (length < 0 || (size_t)length >= size) return err_set(e, ERR_INPUT, "the path of the store is too long: %s", directory);
  if (!file_exists(path)) return file_make_directory(directory, 0700, e) && file_write_atomic(path, bytes, 0500, e);
  struct buf there = {0};
  bool fine = file_read(path, &there, PLUGIN_FILE_MOST, e);
  if (fine && !str_eq(buf_view(&there), bytes))
    fine = err_set(e, ERR_STORAGE, "%s: the store's copy was changed; remove it while no engine runs", path);
  buf_free(&there);
  return fine;
}

static const kairos_plugin *open_library(const char *stored, const char *who, struct meter *meter, struct err *e) {
  if (dlopen(stored, RTLD_NOW | RTLD_NOLOAD)) { /* someone else opened it: its state is not ours to know */
    err_set(e, ERR_CONFLICT, "%s: it is loaded already, not by the plugin loader", who);
    return NULL;
  }
  void *handle = dlopen(stored, RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    err_set(e, ERR_INPUT, "%s: it cannot be loaded: %.300s", who, dlerror());
    return NULL;
  }
  kairos_entry *entry = probe_entry(handle, who, e);
  const kairos_plugin *t = entry ? entry(&meter->host) : NULL;
  return entry && contract_check(who, t, e) ? t : NULL;
}

static bool open_stored(const char *stored, const char *who, const unsigned char sha256[HASH_SHA256], struct plugin **out, struct err *e) {
  struct plugin *p = kit_alloc(sizeof *p);
  if (!p) return err_set(e, ERR_BUSY, "%s: no memory", who);
  memset(p, 0, sizeof *p);
  memcpy(p->sha256, sha256, HASH_SHA256);
  meter_begin(&p->meter, "a plugin", LIBRARY_MEMORY);
  p->table = open_library(stored, who, &p->meter, e);
  if (!p->table) { /* the library may stay mapped, but its host was lent for the one call only */
    kit_free(p);
    return false;
  }
  p->next = opened;
  opened = p;
  *out = p;
  return true;
}

static bool open_bytes(const char *path, struct str bytes, const char *store_directory, bool unlisted, struct plugin **out, struct err *e) {
  unsigned char sha256[HASH_SHA256];
  char hex[2 * HASH_SHA256 + 1], stored[4096];
  hash_sha256(bytes, sha256);
  hash_hex(sha256, HASH_SHA256, hex);
  *out = find_opened(sha256);
  if (*out && (unlisted || is_shipped(sha256))) return true;
  if (!lint_bytes(path, bytes, e)) return false;
  if (!unlisted && !is_shipped(sha256))
    return err_set(e, ERR_DENIED,
                   "%s: it was not built with this engine (SHA-256 %.16s…), so it does not run inside it; name "
                   "isolate = \"none\" in the model's file to allow it all the same",
                   path, hex);
  if (!store_copy(store_directory, bytes, sha256, stored, sizeof stored, e)) return false;
  return probe_file(stored, path, PROBE_LIMIT_MS, e) && open_stored(stored, path, sha256, out, e);
}

static bool open_path(const char *path, const char *store_directory, bool unlisted, struct plugin **out, struct err *e) {
  struct buf bytes = {0};
  bool fine = file_read(path, &bytes, PLUGIN_FILE_MOST, e);
  if (fine) {
    pthread_mutex_lock(&opening);
    fine = open_bytes(path, buf_view(&bytes), store_directory, unlisted, out, e);
    pthread_mutex_unlock(&opening);
  }
  buf_free(&bytes);
  return fine;
}

bool plugin_open(const char *path, const char *store_directory, struct plugin **out, struct err *e) {
  return open_path(path, store_directory, false, out, e);
}

bool plugin_open_unlisted(const char *path, const char *store_directory, struct plugin **out, struct err *e) {
  return open_path(path, store_directory, true, out, e);
}
