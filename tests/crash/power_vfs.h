/* A VFS for SQLite that keeps a log of everything written and synced, and can fail. From any prefix of the log it rebuilds the files as a
 * power loss could have left them: what was synced is there; of what was not, each 512-byte sector of each write is there, missing, or
 * torn. A failed sync is taken at its worst: the kernel forgets that the pages were dirty, so that only writing them again can save them,
 * while everybody who reads still sees them. Truncations that were not synced may or may not have happened. One test process, one thread.
 */
#pragma once
#include "book_toy.h"
#include "kit/rng.h"
#include <sqlite3.h>
#include <stdlib.h>

#define POWER_FILES  16
#define POWER_SECTOR 512

enum power_kind { POWER_WRITE, POWER_TRUNCATE, POWER_SYNC, POWER_FAILED_SYNC, POWER_DELETE, POWER_DIRECTORY };
struct power_op {
  enum power_kind kind;
  int file;
  int64_t at;
  size_t length;
  char *bytes;
};
static struct {
  char names[POWER_FILES][64];
  int files;
  struct power_op *ops;
  size_t count, cap;
  /* faults: counted over writes, syncs and truncations of all files; the n-th fails, and those after it while `fails` lasts */
  int64_t calls, fail_at, fails;
  bool only_syncs;
  bool dies, dead; /* the first that fails is the process's last: nothing of it reaches a file from then on */
  int fail_code;
  sqlite3_vfs *below;
} power;

struct power_file {
  sqlite3_file base;
  int id;
  bool sync_directory; /* as SQLite's own VFS: the first sync of a new log or journal syncs the directory too */
  sqlite3_file *below;
};

static sqlite3_file *power_below(sqlite3_file *f) {
  return ((struct power_file *)(void *)f)->below;
}

static void power_log(enum power_kind kind, sqlite3_file *f, int64_t at, const void *bytes, size_t length) {
  const int file = ((struct power_file *)(void *)f)->id;
  if (file < 0) return;
  if (power.count == power.cap) {
    power.cap = power.cap ? power.cap * 2 : 1024;
    power.ops = realloc(power.ops, power.cap * sizeof *power.ops);
    must(power.ops != NULL);
  }
  struct power_op *op = &power.ops[power.count++];
  *op = (struct power_op){.kind = kind, .file = file, .at = at, .length = length};
  if (!bytes) return;
  op->bytes = malloc(length);
  must(op->bytes != NULL);
  memcpy(op->bytes, bytes, length);
}

static bool power_strikes(bool sync) {
  if (power.dead) return true;
  if (power.only_syncs && !sync) return false;
  power.calls++;
  const bool strikes = power.fail_at && power.calls >= power.fail_at && power.calls < power.fail_at + power.fails;
  power.dead = strikes && power.dies;
  return strikes;
}

static int power_write(sqlite3_file *f, const void *bytes, int length, sqlite3_int64 at) {
  if (power_strikes(false)) return power.fail_code ? power.fail_code : SQLITE_IOERR_WRITE;
  power_log(POWER_WRITE, f, at, bytes, (size_t)length);
  return power_below(f)->pMethods->xWrite(power_below(f), bytes, length, at);
}

static int power_truncate(sqlite3_file *f, sqlite3_int64 size) {
  if (power_strikes(false)) return SQLITE_IOERR_TRUNCATE;
  power_log(POWER_TRUNCATE, f, size, NULL, 0);
  return power_below(f)->pMethods->xTruncate(power_below(f), size);
}

static int power_sync(sqlite3_file *f, int flags) {
  (void)flags; /* the disk below is not asked: the log knows what is durable */
  const bool was_dead = power.dead;
  if (power_strikes(true)) {
    if (!was_dead && (!power.dies || power.only_syncs)) power_log(POWER_FAILED_SYNC, f, 0, NULL, 0);
    return SQLITE_IOERR_FSYNC;
  }
  power_log(POWER_SYNC, f, 0, NULL, 0);
  struct power_file *file = (struct power_file *)(void *)f;
  if (file->sync_directory) power_log(POWER_DIRECTORY, f, 0, NULL, 0);
  file->sync_directory = false;
  return SQLITE_OK;
}

static int power_close(sqlite3_file *f) {
  return power_below(f)->pMethods->xClose(power_below(f));
}
static int power_read(sqlite3_file *f, void *bytes, int length, sqlite3_int64 at) {
  return power_below(f)->pMethods->xRead(power_below(f), bytes, length, at);
}
static int power_size(sqlite3_file *f, sqlite3_int64 *size) {
  return power_below(f)->pMethods->xFileSize(power_below(f), size);
}
static int power_lock(sqlite3_file *f, int level) {
  return power_below(f)->pMethods->xLock(power_below(f), level);
}
static int power_unlock(sqlite3_file *f, int level) {
  return power_below(f)->pMethods->xUnlock(power_below(f), level);
}
static int power_reserved(sqlite3_file *f, int *out) {
  return power_below(f)->pMethods->xCheckReservedLock(power_below(f), out);
}
static int power_control(sqlite3_file *f, int what, void *argument) {
  return power_below(f)->pMethods->xFileControl(power_below(f), what, argument);
}
static int power_sector(sqlite3_file *f) {
  return power_below(f)->pMethods->xSectorSize(power_below(f));
}
static int power_device(sqlite3_file *f) {
  return power_below(f)->pMethods->xDeviceCharacteristics(power_below(f));
}
static int power_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out) {
  return power_below(f)->pMethods->xShmMap(power_below(f), page, size, extend, out);
}
static int power_shm_lock(sqlite3_file *f, int from, int count, int flags) {
  return power_below(f)->pMethods->xShmLock(power_below(f), from, count, flags);
}
static void power_shm_barrier(sqlite3_file *f) {
  power_below(f)->pMethods->xShmBarrier(power_below(f));
}
static int power_shm_unmap(sqlite3_file *f, int remove) {
  return power_below(f)->pMethods->xShmUnmap(power_below(f), remove);
}

static const sqlite3_io_methods power_methods = {2,
                                                 power_close,
                                                 power_read,
                                                 power_write,
                                                 power_truncate,
                                                 power_sync,
                                                 power_size,
                                                 power_lock,
                                                 power_unlock,
                                                 power_reserved,
                                                 power_control,
                                                 power_sector,
                                                 power_device,
                                                 power_shm_map,
                                                 power_shm_lock,
                                                 power_shm_barrier,
                                                 power_shm_unmap,
                                                 NULL,
                                                 NULL};

static int power_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *f, int flags, int *out_flags) {
  (void)vfs;
  struct power_file *file = (struct power_file *)(void *)f;
  file->below = (sqlite3_file *)(void *)(file + 1);
  file->id = -1;
  file->sync_directory = (flags & SQLITE_OPEN_CREATE) && (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL));
  const int rc = power.below->xOpen(power.below, path, file->below, flags, out_flags);
  f->pMethods = file->below->pMethods ? &power_methods : NULL;
  if (rc != SQLITE_OK || !path) return rc;
  const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
  for (int i = 0; i < power.files; i++)
    if (strcmp(power.names[i], name) == 0) file->id = i;
  if (file->id < 0) {
    must(power.files < POWER_FILES);
    snprintf(power.names[power.files], sizeof power.names[0], "%s", name);
    file->id = power.files++;
  }
  return rc;
}

/* A deletion whose directory was synced is certain; another may not have happened. */
static int power_delete(sqlite3_vfs *vfs, const char *path, int sync_directory) {
  (void)vfs;
  struct power_file file = {.id = -1};
  const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
  for (int i = 0; i < power.files; i++)
    if (strcmp(power.names[i], name) == 0) file.id = i;
  if (power.dead) return SQLITE_IOERR_DELETE;
  power_log(POWER_DELETE, &file.base, sync_directory, NULL, 0);
  return power.below->xDelete(power.below, path, 0);
}

static void power_register(void) {
  static sqlite3_vfs vfs;
  power.below = sqlite3_vfs_find(NULL);
  vfs = *power.below;
  vfs.zName = "power";
  vfs.szOsFile = (int)sizeof(struct power_file) + power.below->szOsFile;
  vfs.xOpen = power_open;
  vfs.xDelete = power_delete;
  must(sqlite3_vfs_register(&vfs, 0) == SQLITE_OK);
}

static void power_forget(void) {
  for (size_t i = 0; i < power.count; i++) free(power.ops[i].bytes);
  power.count = 0;
  power.files = 0;
  power.calls = power.fail_at = power.fails = 0;
  power.only_syncs = power.dies = power.dead = false;
  power.fail_code = 0;
}

/* ---- what a power loss leaves ---- */

struct power_image {
  char *bytes;
  size_t length, cap;
  bool there;
};

static void image_put(struct power_image *f, int64_t at, const char *bytes, size_t length) {
  const size_t end = (size_t)at + length;
  if (end > f->cap) {
    f->bytes = realloc(f->bytes, end * 2);
    must(f->bytes != NULL);
    memset(f->bytes + f->cap, 0, end * 2 - f->cap);
    f->cap = end * 2;
  }
  if (end > f->length) f->length = end;
  memcpy(f->bytes + at, bytes, length);
}

static void image_cut(struct power_image *f, int64_t size) {
  if ((size_t)size >= f->length) return;
  memset(f->bytes + size, 0, f->length - (size_t)size);
  f->length = (size_t)size;
}

static void image_apply(struct power_image *f, const struct power_op *op) {
  f->there = op->kind != POWER_DELETE;
  if (op->kind == POWER_DELETE) image_cut(f, 0);
  if (op->kind == POWER_WRITE) image_put(f, op->at, op->bytes, op->length);
  if (op->kind == POWER_TRUNCATE) image_cut(f, op->at);
}

/* A write that no sync has made safe: each sector is there, missing, or there up to some byte with noise behind. */
static void image_maybe(struct power_image *f, const struct power_op *op, struct rng *r) {
  if (op->kind == POWER_DELETE) {
    if (rng_uniform(r) < 0.5) image_apply(f, op);
    return;
  }
  f->there = true;
  if (op->kind == POWER_TRUNCATE && rng_uniform(r) < 0.5) image_cut(f, op->at);
  if (op->kind != POWER_WRITE) return;
  for (size_t from = 0; from < op->length;) {
    const size_t in_sector = (size_t)(op->at + (int64_t)from) % POWER_SECTOR;
    size_t length = POWER_SECTOR - in_sector;
    if (length > op->length - from) length = op->length - from;
    const double fate = rng_uniform(r);
    if (fate < 0.45) image_put(f, op->at + (int64_t)from, op->bytes + from, length);
    else if (fate < 0.55) {
      char torn[POWER_SECTOR];
      const size_t whole = (size_t)(rng_uniform(r) * (double)length);
      memcpy(torn, op->bytes + from, whole);
      for (size_t i = whole; i < length; i++) torn[i] = (char)rng_next(r);
      image_put(f, op->at + (int64_t)from, torn, length);
    }
    from += length;
  }
}

static bool power_directory_synced(size_t from, size_t to) {
  for (size_t i = from; i < to; i++)
    if (power.ops[i].kind == POWER_DIRECTORY) return true;
  return false;
}

/* Writes the files as a loss after the first `point` operations could leave them into `directory`. */
static inline void power_rebuild(const char *directory, size_t point, uint64_t seed) {
  struct rng r = rng_from(seed);
  for (int file = 0; file < power.files; file++) {
    struct power_image image = {0};
    size_t unsynced = 0; /* ops before it are settled */
    for (size_t i = 0; i < point; i++) {
      if (power.ops[i].file != file) continue;
      const enum power_kind kind = power.ops[i].kind;
      const bool deleted = kind == POWER_DELETE && (power.ops[i].at || power_directory_synced(i, point));
      if (kind != POWER_SYNC && kind != POWER_FAILED_SYNC && !deleted) continue;
      for (size_t k = unsynced; k < i; k++) {
        if (power.ops[k].file != file) continue;
        if (kind == POWER_SYNC || deleted) image_apply(&image, &power.ops[k]);
        else image_maybe(&image, &power.ops[k], &r);
      }
      if (deleted) image_apply(&image, &power.ops[i]);
      unsynced = deleted ? i + 1 : i;
    }
    for (size_t k = unsynced; k < point; k++)
      if (power.ops[k].file == file) image_maybe(&image, &power.ops[k], &r);
    char path[600];
    snprintf(path, sizeof path, "%s/%s", directory, power.names[file]);
    unlink(path);
    FILE *out = image.there ? fopen(path, "wb") : NULL;
    if (out) {
      if (image.length) must(fwrite(image.bytes, 1, image.length, out) == image.length);
      fclose(out);
    }
    snprintf(path, sizeof path, "%s/%s-shm", directory, power.names[file]);
    unlink(path);
    free(image.bytes);
  }
}
