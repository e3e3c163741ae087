/* The log (WAL) of a database that nobody has open: cut, or made durable again. Promises that what is left of it is on the disk when it
 * returns true. Called before a writer opens a file, on the thread that opens it. */
#include "sql.h"
#include <stdio.h>

#define CHUNK ((size_t)64 << 10)

/* True without asking `work` when there is no log. */
static bool with_log(const char *path, sqlite3_int64 keep, bool (*work)(sqlite3_file *, sqlite3_int64, const char *, struct err *),
                     struct err *e) {
  struct {
    char path[600];
    char end[4]; /* SQLite's file names end in two NULs: no parameters follow */
  } log = {0};
  sqlite3_vfs *vfs = sqlite3_vfs_find(sql_vfs());
  must(snprintf(log.path, sizeof log.path, "%s-wal", path) < (int)sizeof log.path);
  sqlite3_file *file = sqlite3_malloc(vfs->szOsFile);
  if (!file) return err_set(e, ERR_STORAGE, "memory for opening a log is missing");
  int there = 0;
  bool done = vfs->xAccess(vfs, log.path, SQLITE_ACCESS_EXISTS, &there) == SQLITE_OK;
  if (done && there) {
    int rc = vfs->xOpen(vfs, log.path, file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_WAL, NULL);
    done = rc == SQLITE_OK && work(file, keep, log.path, e);
    if (rc != SQLITE_OK) err_set(e, ERR_STORAGE, "%s cannot be opened: %s", log.path, sqlite3_errstr(rc));
    if (file->pMethods) file->pMethods->xClose(file);
  } else if (!done) err_set(e, ERR_STORAGE, "%s cannot be looked for", log.path);
  sqlite3_free(file);
  return done;
}

static bool cut(sqlite3_file *file, sqlite3_int64 keep, const char *name, struct err *e) {
  sqlite3_int64 size = 0;
  int rc = file->pMethods->xFileSize(file, &size);
  if (rc == SQLITE_OK && size > keep) {
    rc = file->pMethods->xTruncate(file, keep);
    if (rc == SQLITE_OK) rc = file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);
  }
  return rc == SQLITE_OK || err_set(e, ERR_STORAGE, "%s cannot be cut to %lld bytes: %s", name, (long long)keep, sqlite3_errstr(rc));
}

bool sql_cut_log(const char *path, uint64_t frames, struct err *e) {
  return with_log(path, frames ? 32 + (sqlite3_int64)frames * 4120 : 0, cut, e);
}

static bool renew(sqlite3_file *file, sqlite3_int64 from, const char *name, struct err *e) {
  sqlite3_int64 size = 0;
  char *bytes = sqlite3_malloc((int)CHUNK);
  if (!bytes) return err_set(e, ERR_STORAGE, "memory for renewing a log is missing");
  int rc = file->pMethods->xFileSize(file, &size);
  for (sqlite3_int64 at = from; rc == SQLITE_OK && at < size; at += (sqlite3_int64)CHUNK) {
    const int length = size - at < (sqlite3_int64)CHUNK ? (int)(size - at) : (int)CHUNK;
    rc = file->pMethods->xRead(file, bytes, length, at);
    if (rc == SQLITE_OK) rc = file->pMethods->xWrite(file, bytes, length, at);
  }
  if (rc == SQLITE_OK && size > 0) rc = file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);
  sqlite3_free(bytes);
  return rc == SQLITE_OK || err_set(e, ERR_STORAGE, "%s cannot be made durable: %s", name, sqlite3_errstr(rc));
}

bool sql_renew_log(const char *path, struct err *e) {
  return with_log(path, 0, renew, e);
}
