/* Copying SQLite files that are in use. Promises that a copy is one snapshot, checked and counted before it is called good, and that the
 * writer's log bound is respected: a reader that would hold the log too long gives up and begins again. Called by backup, restore, move,
 * export and doctor on a tool's thread. */
#include "copy.h"
#include "kit/arena.h"
#include "kit/file.h"
#include "sql.h"
#include "volume.h"
#include <stdio.h>
#include <string.h>

#define STEP_PAGES 2048
#define TRIES      5

bool check_integrity(sqlite3 *db, bool quick, struct err *e) {
  sqlite3_stmt *check = sql_prepare(db, quick ? "PRAGMA quick_check(1)" : "PRAGMA integrity_check(1)", e);
  if (!check) return false;
  const int got = sql_row(check, "checking integrity", e);
  bool done = got == 1 && strcmp((const char *)sqlite3_column_text(check, 0), "ok") == 0;
  if (got == 1 && !done)
    err_set(e, ERR_STORAGE, "%s is damaged: %.300s", sqlite3_db_filename(db, "main"), (const char *)sqlite3_column_text(check, 0));
  sql_finalize(&check);
  return done;
}

static bool log_too_long(const char *wal_path) {
  int64_t bytes;
  sql_file_size(wal_path, &bytes);
  return (uint64_t)bytes > volume_limits.wal_wait;
}

static int interrupt_when_long(void *wal_path) {
  return log_too_long(wal_path);
}

void mind_log(sqlite3 *db, char wal_path[BOOK_PATH + 8]) {
  snprintf(wal_path, BOOK_PATH + 8, "%s-wal", sqlite3_db_filename(db, "main"));
  if (!log_too_long(wal_path)) sqlite3_progress_handler(db, 100000, interrupt_when_long, wal_path);
}

static bool count_tables(sqlite3 *db, const char *const *tables, int64_t counts[COPY_TABLES_MOST], struct err *e) {
  for (int i = 0; tables[i]; i++) {
    char text[64];
    must(i < COPY_TABLES_MOST);
    snprintf(text, sizeof text, "SELECT count(*) FROM %s", tables[i]);
    if (!sql_int(db, text, 0, &counts[i], e)) return false;
  }
  return true;
}

/* 1 copied, 0 the log grew too long, −1 failed. */
static int copy_pages(sqlite3 *source, sqlite3 *target, struct err *e) {
  char wal_path[BOOK_PATH + 8];
  snprintf(wal_path, sizeof wal_path, "%s-wal", sqlite3_db_filename(source, "main"));
  const bool long_before = log_too_long(wal_path);
  sqlite3_backup *backup = sqlite3_backup_init(target, "main", source, "main");
  if (!backup) {
    sql_fail(e, target, sqlite3_errcode(target), "beginning a copy");
    return -1;
  }
  int rc;
  while ((rc = sqlite3_backup_step(backup, STEP_PAGES)) == SQLITE_OK)
    if (!long_before && log_too_long(wal_path)) break;
  const int end = sqlite3_backup_finish(backup);
  if (rc == SQLITE_DONE && end == SQLITE_OK) return 1;
  if (rc == SQLITE_OK) return 0;
  sql_fail(e, target, rc, "copying");
  return -1;
}

/* The source's snapshot is held from before the count to after the last page. */
static int copy_snapshot(const char *from, const char *to, const char *const *tables, int64_t counts[COPY_TABLES_MOST], struct err *e) {
  sqlite3 *source = sql_open(from, SQL_READER, e), *target = NULL;
  if (!source) return -1;
  int got = -1;
  sql_make_private(to);
  if (sqlite3_open_v2(to, &target, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_EXRESCODE, sql_vfs()) != SQLITE_OK)
    sql_fail(e, target, sqlite3_errcode(target), "making a copy");
  else if (sql_exec(source, "BEGIN", e) && count_tables(source, tables, counts, e)) got = copy_pages(source, target, e);
  sqlite3_close(target);
  sqlite3_exec(source, "ROLLBACK", NULL, NULL, NULL);
  sql_close(&source);
  return got;
}

static bool check_copy(const char *path, const char *const *tables, const int64_t expected[COPY_TABLES_MOST], struct err *e) {
  int64_t found[COPY_TABLES_MOST];
  sqlite3 *db = sql_open(path, SQL_WRITER, e);
  if (!db) return false;
  bool done = check_integrity(db, false, e) && count_tables(db, tables, found, e);
  for (int i = 0; done && tables[i]; i++)
    if (found[i] != expected[i])
      done = err_set(e, ERR_STORAGE, "%s: the copy has %lld rows in %s, the original %lld", path, (long long)found[i], tables[i],
                     (long long)expected[i]);
  done = done && sql_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", e);
  sql_close(&db);
  return done;
}

bool copy_database(const char *from, const char *to, const char *const *tables, struct err *e) {
  int64_t counts[COPY_TABLES_MOST];
  int got = 0;
  for (int i = 0; i < TRIES && got == 0; i++) got = copy_snapshot(from, to, tables, counts, e);
  if (got < 0) return err_wrap(e, "copying %s", from);
  if (got == 0)
    return err_set(e, ERR_BUSY, "%s is written too fast to be copied in one look without its log passing %llu MiB; try at a quieter time",
                   from, (unsigned long long)volume_limits.wal_wait >> 20);
  return check_copy(to, tables, counts, e);
}

static bool copy_stored(const char *from, const char *to, const char *name, bool plugin, struct err *e) {
  char path[BOOK_PATH + 80];
  struct buf bytes = {0};
  bool done = store_read(from, name, &bytes, e);
  snprintf(path, sizeof path, "%s/%s", to, name);
  done = done && (file_exists(path) || file_write_atomic(path, buf_view(&bytes), plugin ? 0500 : 0400, e));
  buf_free(&bytes);
  return done;
}

bool copy_store(const char *from_directory, const char *to_directory, struct err *e) {
  char from[BOOK_PATH], to[BOOK_PATH];
  struct arena a = {0};
  struct file_entry *entries;
  size_t count;
  book_file(from_directory, "store", from);
  book_file(to_directory, "store", to);
  bool done = file_make_directory(to, 0700, e) && file_list(from, &a, &entries, &count, e);
  for (size_t i = 0; done && i < count; i++) {
    bool plugin;
    if (entries[i].kind == 'f' && store_keeps(entries[i].name, &plugin)) done = copy_stored(from, to, entries[i].name, plugin, e);
  }
  arena_free(&a);
  return done;
}
