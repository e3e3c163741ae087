/* Opening plugins: everything dangerous about a file in one order. The bytes are read once and hashed; what follows looks at those bytes,
 * so a file that is written over meanwhile is either old, new, or refused as cut off. Lint them; put them into the store under their hash
 * (read-only, never written again, so nothing can pull the mapped pages away); probe the copy in a child; open it here when its SHA-256 is
 * one that this engine was built with, and otherwise keep what the probe told, for plugin hosts. Promises that nothing of a refused or
 * hosted file runs in this process, and that a library opened here stays until exit: closing one with thread-locals or C++ inside is a
 * crash later. One entry for one hash. Builder and tool threads. */
#include "boot.h"
#include "contract.h"
#include "describe.h"
#include "kit/file.h"
#include "lint.h"
#include "model.h"
#include "probe.h"
#include "shipped.h"
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#define LIBRARY_MEMORY ((size_t)1 << 20)

static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t listing = PTHREAD_MUTEX_INITIALIZER;
static struct plugin *opened; /* under `listing`, as are their users; those in this process are never freed */

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

static struct plugin *find_opened(const unsigned char sha256[HASH_SHA256], bool hosted) {
  pthread_mutex_lock(&listing);
  struct plugin *p = opened;
  while (p && (p->hosted != hosted || memcmp(p->sha256, sha256, HASH_SHA256) != 0)) p = p->next;
  if (p) p->users++;
  pthread_mutex_unlock(&listing);
  return p;
}

static void list(struct plugin *p) {
  pthread_mutex_lock(&listing);
  p->users = 1;
  p->next = opened;
  opened = p;
  pthread_mutex_unlock(&listing);
}

void plugin_hold(const struct plugin *p) {
  pthread_mutex_lock(&listing);
  ((struct plugin *)(uintptr_t)p)->users++;
  pthread_mutex_unlock(&listing);
}

/* A library in this process stays. */
void plugin_close(struct plugin *p) {
  if (!p) return;
  pthread_mutex_lock(&listing);
  const bool last = --p->users == 0 && p->hosted;
  struct plugin **at = &opened;
  while (last && *at != p) at = &(*at)->next;
  if (last) *at = p->next;
  pthread_mutex_unlock(&listing);
  if (!last) return;
  arena_free(&p->arena);
  kit_free(p);
}

bool plugin_is_hosted(const struct plugin *p) {
  return p->hosted;
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

/* Else it is the loader who says, of a file that nobody knows, that a segment could not be mapped. */
static bool is_runnable(const char *directory, const char *who, struct err *e) {
  struct statvfs of;
  if (statvfs(directory, &of) != 0 || !(of.f_flag & ST_NOEXEC)) return true;
  return err_set(
      e, ERR_INPUT,
      "%s: plugins are loaded from copies, here in %.300s, whose file system is mounted noexec (--data names another data directory, "
      "TMPDIR another place for what is temporary)",
      who, directory);
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
  kairos_entry *entry = boot_entry(handle, who, e);
  const kairos_plugin *t = entry ? entry(&meter->host) : NULL;
  return entry && contract_check(who, t, e) ? t : NULL;
}

static struct plugin *plugin_new(const char *who, const unsigned char sha256[HASH_SHA256], struct err *e) {
  struct plugin *p = kit_alloc(sizeof *p);
  if (!p) {
    err_set(e, ERR_BUSY, "%s: no memory", who);
    return NULL;
  }
  memset(p, 0, sizeof *p);
  memcpy(p->sha256, sha256, HASH_SHA256);
  return p;
}

static bool open_here(const char *stored, const char *who, const unsigned char sha256[HASH_SHA256], struct plugin **out, struct err *e) {
  struct plugin *p = plugin_new(who, sha256, e);
  if (!p) return false;
  meter_begin(&p->meter, "a plugin", LIBRARY_MEMORY);
  p->table = open_library(stored, who, &p->meter, e);
  if (!p->table) { /* the library may stay mapped, but its host was lent for the one call only */
    kit_free(p);
    return false;
  }
  list(p);
  *out = p;
  return true;
}

/* Nothing of it is opened here: what the probe told of it is all that the engine has. */
static bool open_elsewhere(const char *stored, const char *who, const unsigned char sha256[HASH_SHA256], struct str description,
                           struct plugin **out, struct err *e) {
  struct plugin *p = plugin_new(who, sha256, e);
  if (!p) return false;
  p->hosted = true;
  char *whole = realpath(stored, NULL); /* its process has no working directory to speak of */
  p->path = whole ? arena_text(&p->arena, whole, strlen(whole)) : NULL;
  free(whole);
  p->described = ARENA_NEW(&p->arena, struct description);
  bool fine = (p->path && p->described) || err_set(e, ERR_STORAGE, "%s: the store's copy cannot be found", who);
  fine = fine && describe_plugin_read(who, description, &p->arena, p->described, e);
  if (!fine) {
    arena_free(&p->arena);
    kit_free(p);
    return false;
  }
  p->table = &p->described->table;
  list(p);
  *out = p;
  return true;
}

enum place { AS_LISTED, IN_HOSTS, IN_HERE };

static bool open_bytes(const char *path, struct str bytes, const char *store_directory, enum place place, struct plugin **out,
                       struct err *e) {
  unsigned char sha256[HASH_SHA256];
  char stored[4096];
  hash_sha256(bytes, sha256);
  const bool hosted = place == IN_HOSTS || (place == AS_LISTED && !is_shipped(sha256));
  if ((*out = find_opened(sha256, hosted))) return true;
  struct buf description = {0};
  const bool fine =
      lint_bytes(path, bytes, e) && store_copy(store_directory, bytes, sha256, stored, sizeof stored, e) &&
      is_runnable(store_directory, path, e) && probe_file(stored, path, PROBE_LIMIT_MS, &description, e) &&
      (hosted ? open_elsewhere(stored, path, sha256, buf_view(&description), out, e) : open_here(stored, path, sha256, out, e));
  buf_free(&description);
  return fine;
}

static bool open_path(const char *path, const char *store_directory, enum place place, struct plugin **out, struct err *e) {
  struct buf bytes = {0};
  bool fine = file_read(path, &bytes, PLUGIN_FILE_MOST, e);
  if (fine) {
    pthread_mutex_lock(&opening);
    fine = open_bytes(path, buf_view(&bytes), store_directory, place, out, e);
    pthread_mutex_unlock(&opening);
  }
  buf_free(&bytes);
  return fine;
}

bool plugin_open(const char *path, const char *store_directory, struct plugin **out, struct err *e) {
  return open_path(path, store_directory, AS_LISTED, out, e);
}

bool plugin_open_hosted(const char *path, const char *store_directory, struct plugin **out, struct err *e) {
  return open_path(path, store_directory, IN_HOSTS, out, e);
}

bool plugin_open_unlisted(const char *path, const char *store_directory, struct plugin **out, struct err *e) {
  return open_path(path, store_directory, IN_HERE, out, e);
}
