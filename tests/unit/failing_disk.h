/* A disk that fails or stands still when told: SQLite's own VFS, whose writes and syncs ask here first. One process, one thread at a time.
 */
#pragma once
#include "book/book.h"
#include <sqlite3.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

static _Atomic int disk_sync_failures, disk_write_failures; /* this many more fail */
static _Atomic int disk_syncs_before;                       /* so many syncs go well before those that fail */
static const char *disk_spared;                             /* files whose path has it never fail; NULL: none */
static const char *disk_only;                               /* no others than those whose path has it do; NULL: all */
static _Atomic bool disk_sync_held;                         /* syncs do not return while it is set … */
static _Atomic int disk_sync_waiting;                       /* … this many now */
static struct {
  const sqlite3_io_methods *below;
  sqlite3_io_methods methods;
} disk_kinds[4]; /* SQLite has a table of functions for databases and another for logs */
static sqlite3_vfs *disk_vfs_below;

static bool disk_strikes(_Atomic int *left) {
  int n = atomic_load(left);
  while (n > 0)
    if (atomic_compare_exchange_weak(left, &n, n - 1)) return true;
  return false;
}
static const sqlite3_io_methods *disk_below(sqlite3_file *f) {
  size_t i = 0;
  while (f->pMethods != &disk_kinds[i].methods) i++;
  return disk_kinds[i].below;
}
static int disk_sync(sqlite3_file *f, int flags) {
  disk_sync_waiting++;
  while (disk_sync_held) nanosleep(&(struct timespec){0, 1000000}, NULL);
  disk_sync_waiting--;
  return !disk_strikes(&disk_syncs_before) && disk_strikes(&disk_sync_failures) ? SQLITE_IOERR_FSYNC : disk_below(f)->xSync(f, flags);
}
static int disk_write(sqlite3_file *f, const void *bytes, int length, sqlite3_int64 at) {
  return disk_strikes(&disk_write_failures) ? SQLITE_IOERR_WRITE : disk_below(f)->xWrite(f, bytes, length, at);
}
static int disk_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *f, int flags, int *out) {
  (void)vfs;
  int rc = disk_vfs_below->xOpen(disk_vfs_below, path, f, flags, out);
  if (!f->pMethods || (disk_spared && path && strstr(path, disk_spared))) return rc;
  if (disk_only && !(path && strstr(path, disk_only))) return rc;
  size_t i = 0;
  while (i < 3 && disk_kinds[i].below && disk_kinds[i].below != f->pMethods) i++;
  if (!disk_kinds[i].below) {
    disk_kinds[i].below = f->pMethods;
    disk_kinds[i].methods = *f->pMethods;
    disk_kinds[i].methods.xSync = disk_sync;
    disk_kinds[i].methods.xWrite = disk_write;
  }
  must(disk_kinds[i].below == f->pMethods);
  f->pMethods = &disk_kinds[i].methods;
  return rc;
}
/* From now on, for every file that is opened. */
static void disk_register(void) {
  static sqlite3_vfs vfs;
  disk_vfs_below = sqlite3_vfs_find(NULL);
  vfs = *disk_vfs_below;
  vfs.zName = "failing";
  vfs.xOpen = disk_open;
  must(sqlite3_vfs_register(&vfs, 0) == SQLITE_OK);
  book_use_vfs("failing");
}
