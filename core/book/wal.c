/* A layer under SQLite for the log of a writer's connection. SQLite writes each frame of a commit in two pieces, each with a system call;
 * here the frames of one commit leave in one write.
 *
 * Promises that outside wal_gather … wal_gathered everything goes through as SQLite says it, that frames are written, in order, before they
 * are synced and before anybody reads them, and that nothing is held back when the commit has returned. Does not know volumes. Called by
 * sql.c and turn.c, on the connection's thread. */
#include "wal.h"
#include "kit/arena.h"
#include "kit/err.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define GATHER_BYTES ((size_t)96 << 10) /* below 128 KiB, which is the most that SQLite's own VFS writes in one go */
#define LAYERS       4                  /* VFSs below: the default, and those of tests */

struct wal {
  sqlite3_file base;
  sqlite3_file *below; /* behind this struct, in the memory that SQLite gives */
  bool gathers;
  char *bytes;
  size_t length;
  sqlite3_int64 from;
};

static struct wal *wal_file(sqlite3_file *f) {
  return (struct wal *)(void *)f;
}

/* ---- what is gathered ---- */

static int flush(struct wal *w) {
  if (!w->length) return SQLITE_OK;
  const size_t length = w->length;
  w->length = 0;
  return w->below->pMethods->xWrite(w->below, w->bytes, (int)length, w->from);
}

static int wal_write(sqlite3_file *f, const void *bytes, int amount, sqlite3_int64 at) {
  struct wal *w = wal_file(f);
  const size_t length = (size_t)amount;
  if (w->length && (at != w->from + (sqlite3_int64)w->length || w->length + length > GATHER_BYTES)) {
    const int rc = flush(w);
    if (rc != SQLITE_OK) return rc;
  }
  if (!w->gathers || length > GATHER_BYTES) return w->below->pMethods->xWrite(w->below, bytes, amount, at);
  if (!w->length) w->from = at;
  memcpy(w->bytes + w->length, bytes, length);
  w->length += length;
  return SQLITE_OK;
}

static int wal_read(sqlite3_file *f, void *bytes, int amount, sqlite3_int64 at) {
  const int rc = flush(wal_file(f));
  return rc != SQLITE_OK ? rc : wal_file(f)->below->pMethods->xRead(wal_file(f)->below, bytes, amount, at);
}

static int wal_truncate(sqlite3_file *f, sqlite3_int64 size) {
  const int rc = flush(wal_file(f));
  return rc != SQLITE_OK ? rc : wal_file(f)->below->pMethods->xTruncate(wal_file(f)->below, size);
}

static int wal_sync(sqlite3_file *f, int flags) {
  const int rc = flush(wal_file(f));
  return rc != SQLITE_OK ? rc : wal_file(f)->below->pMethods->xSync(wal_file(f)->below, flags);
}

static int wal_size(sqlite3_file *f, sqlite3_int64 *size) {
  const int rc = flush(wal_file(f));
  return rc != SQLITE_OK ? rc : wal_file(f)->below->pMethods->xFileSize(wal_file(f)->below, size);
}

static int wal_close(sqlite3_file *f) {
  struct wal *w = wal_file(f);
  must(!w->length); /* nothing outlives its commit */
  kit_free(w->bytes);
  return w->below->pMethods->xClose(w->below);
}

/* ---- what goes through ---- */

static int wal_lock(sqlite3_file *f, int level) {
  return wal_file(f)->below->pMethods->xLock(wal_file(f)->below, level);
}
static int wal_unlock(sqlite3_file *f, int level) {
  return wal_file(f)->below->pMethods->xUnlock(wal_file(f)->below, level);
}
static int wal_reserved(sqlite3_file *f, int *out) {
  return wal_file(f)->below->pMethods->xCheckReservedLock(wal_file(f)->below, out);
}
static int wal_control(sqlite3_file *f, int what, void *argument) {
  return wal_file(f)->below->pMethods->xFileControl(wal_file(f)->below, what, argument);
}
static int wal_sector(sqlite3_file *f) {
  return wal_file(f)->below->pMethods->xSectorSize(wal_file(f)->below);
}
static int wal_device(sqlite3_file *f) {
  return wal_file(f)->below->pMethods->xDeviceCharacteristics(wal_file(f)->below);
}

static const sqlite3_io_methods wal_methods = {.iVersion = 1, /* a log has neither shared memory nor maps of its own */
                                               .xClose = wal_close,
                                               .xRead = wal_read,
                                               .xWrite = wal_write,
                                               .xTruncate = wal_truncate,
                                               .xSync = wal_sync,
                                               .xFileSize = wal_size,
                                               .xLock = wal_lock,
                                               .xUnlock = wal_unlock,
                                               .xCheckReservedLock = wal_reserved,
                                               .xFileControl = wal_control,
                                               .xSectorSize = wal_sector,
                                               .xDeviceCharacteristics = wal_device};

/* ---- opening ---- */

static sqlite3_vfs *below_of(sqlite3_vfs *vfs) {
  return vfs->pAppData;
}

/* Any other file is opened as it would be without this layer: its methods are the other VFS's own. */
static int layer_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *f, int flags, int *out) {
  sqlite3_vfs *below = below_of(vfs);
  if (!(flags & SQLITE_OPEN_WAL)) return below->xOpen(below, path, f, flags, out);
  struct wal *w = wal_file(f);
  *w = (struct wal){.below = (sqlite3_file *)(void *)(w + 1), .bytes = kit_alloc(GATHER_BYTES)};
  if (!w->bytes) return SQLITE_NOMEM;
  const int rc = below->xOpen(below, path, w->below, flags, out);
  if (w->below->pMethods) w->base.pMethods = &wal_methods; /* SQLite closes what has methods, even after a failure */
  else kit_free(w->bytes);
  return rc;
}

static int layer_delete(sqlite3_vfs *vfs, const char *path, int sync) {
  return below_of(vfs)->xDelete(below_of(vfs), path, sync);
}
static int layer_access(sqlite3_vfs *vfs, const char *path, int flags, int *out) {
  return below_of(vfs)->xAccess(below_of(vfs), path, flags, out);
}
static int layer_full(sqlite3_vfs *vfs, const char *path, int most, char *out) {
  return below_of(vfs)->xFullPathname(below_of(vfs), path, most, out);
}
static int layer_random(sqlite3_vfs *vfs, int length, char *out) {
  return below_of(vfs)->xRandomness(below_of(vfs), length, out);
}
static int layer_sleep(sqlite3_vfs *vfs, int microseconds) {
  return below_of(vfs)->xSleep(below_of(vfs), microseconds);
}
static int layer_time(sqlite3_vfs *vfs, double *out) {
  return below_of(vfs)->xCurrentTime(below_of(vfs), out);
}
static int layer_error(sqlite3_vfs *vfs, int length, char *out) {
  return below_of(vfs)->xGetLastError(below_of(vfs), length, out);
}

static struct layer {
  sqlite3_vfs vfs;
  char name[48];
} layers[LAYERS];
static pthread_mutex_t layers_lock = PTHREAD_MUTEX_INITIALIZER;

static const char *layer_over(sqlite3_vfs *below) {
  for (int i = 0; i < LAYERS; i++) {
    struct layer *l = &layers[i];
    if (l->vfs.pAppData == below) return l->name;
    if (l->vfs.pAppData) continue;
    snprintf(l->name, sizeof l->name, "kairos-%.32s", below->zName);
    l->vfs = (sqlite3_vfs){.iVersion = 1,
                           .szOsFile = (int)sizeof(struct wal) + below->szOsFile,
                           .mxPathname = below->mxPathname,
                           .zName = l->name,
                           .pAppData = below,
                           .xOpen = layer_open,
                           .xDelete = layer_delete,
                           .xAccess = layer_access,
                           .xFullPathname = layer_full,
                           .xRandomness = layer_random,
                           .xSleep = layer_sleep,
                           .xCurrentTime = layer_time,
                           .xGetLastError = layer_error};
    return sqlite3_vfs_register(&l->vfs, 0) == SQLITE_OK ? l->name : NULL;
  }
  return NULL;
}

const char *wal_vfs(const char *below) {
  sqlite3_vfs *vfs = sqlite3_vfs_find(below);
  if (!vfs) return NULL;
  pthread_mutex_lock(&layers_lock);
  const char *name = layer_over(vfs);
  pthread_mutex_unlock(&layers_lock);
  return name;
}

struct wal *wal_of(sqlite3 *db) {
  sqlite3_file *f = NULL;
  if (sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &f) != SQLITE_OK || !f) return NULL;
  return f->pMethods == &wal_methods ? wal_file(f) : NULL;
}

/* ---- a commit ---- */

void wal_gather(struct wal *w) {
  must(!w->length);
  w->gathers = true;
}

int wal_gathered(struct wal *w) {
  w->gathers = false;
  return flush(w);
}
