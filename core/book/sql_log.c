/* The log (WAL) of a database that nobody has open, cut to what was told to be durable. Promises that the cut is on the disk when it
 * returns true. Called before a writer opens a file, on the thread that opens it. */
#include "sql.h"
#include <stdio.h>
#include <string.h>

/* In a database's header, by SQLite's file format. */
#define VERSION_AT  60
#define RESERVED_AT 72
#define RESERVED    20

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

/* The file alone, without its log, has a header of version 0: SQLite made it, and no schema has reached it. Through SQLite's VFS: closing a
 * descriptor of one's own would take this process's locks on the file away. */
static bool is_blank(const char *path, bool *blank, struct err *e) {
  static const unsigned char nothing[RESERVED] = {0};
  struct {
    char path[600];
    char end[4];
  } file_name = {0};
  unsigned char header[100] = {0};
  int there = 0;
  sqlite3_vfs *vfs = sqlite3_vfs_find(sql_vfs());
  must(snprintf(file_name.path, sizeof file_name.path, "%s", path) < (int)sizeof file_name.path);
  sqlite3_file *file = sqlite3_malloc(vfs->szOsFile);
  if (!file) return err_set(e, ERR_STORAGE, "memory for opening a file is missing");
  int rc = vfs->xAccess(vfs, file_name.path, SQLITE_ACCESS_EXISTS, &there);
  if (rc == SQLITE_OK && there) {
    rc = vfs->xOpen(vfs, file_name.path, file, SQLITE_OPEN_READONLY | SQLITE_OPEN_MAIN_DB, NULL);
    if (rc == SQLITE_OK) rc = file->pMethods->xRead(file, header, sizeof header, 0);
    if (file->pMethods) file->pMethods->xClose(file);
  }
  sqlite3_free(file);
  /* A header that a power loss tore has noise where zeroes must stand. */
  *blank = memcmp(header, "SQLite format 3", 16) == 0 && memcmp(header + RESERVED_AT, nothing, RESERVED) == 0 &&
           memcmp(header + VERSION_AT, nothing, 4) == 0;
  return rc == SQLITE_OK || rc == SQLITE_IOERR_SHORT_READ || err_set(e, ERR_STORAGE, "%s cannot be read: %s", path, sqlite3_errstr(rc));
}

/* Engines before this rule told rows while the first schema stood in the log alone: where there are rows, nothing is taken back. */
static bool is_unfinished(const char *path, int version, const char *rows, bool *unfinished, struct err *e) {
  int64_t in_log, count = 0;
  sqlite3 *db = sql_open(path, SQL_WRITER, e);
  const bool known = db && sql_int(db, "PRAGMA user_version", 0, &in_log, e) && (in_log != version || sql_int(db, rows, 0, &count, e));
  sql_close(&db);
  *unfinished = known && in_log == version && count == 0;
  return known;
}

/* SQLite reads a header when it opens a file, and only then rolls back what a power loss left of the file's making: a header torn in its
 * middle would live on as the new file's settings. So what is to be rolled back is rolled back by a connection that goes. Files are made
 * with a journal and have none afterwards. What it cannot read is said by whoever opens the file next. */
static bool roll_back(const char *path, struct err *e) {
  char journal[600];
  int there = 0;
  sqlite3_vfs *vfs = sqlite3_vfs_find(sql_vfs());
  must(snprintf(journal, sizeof journal, "%s-journal", path) < (int)sizeof journal);
  if (vfs->xAccess(vfs, journal, SQLITE_ACCESS_EXISTS, &there) != SQLITE_OK)
    return err_set(e, ERR_STORAGE, "%s cannot be looked for", journal);
  if (!there) return true;
  int64_t objects;
  sqlite3 *db = sql_open(path, SQL_READER, NULL);
  if (db) (void)sql_int(db, "SELECT count(*) FROM sqlite_schema", 0, &objects, NULL);
  sql_close(&db);
  return true;
}

bool sql_drop_unfinished(const char *path, int version, const char *rows, struct err *e) {
  bool blank, unfinished;
  if (!roll_back(path, e)) return false;
  if (!is_blank(path, &blank, e)) return false;
  if (!blank) return true;
  return is_unfinished(path, version, rows, &unfinished, e) && (!unfinished || sql_cut_log(path, 0, e));
}
