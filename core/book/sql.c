/* SQLite, thinly: opening with the promised pragmas, errors as sentences, schema steps. Promises that a writer's connection is WAL with
 * synchronous=FULL, zeroes what it deletes and never checkpoints unasked, and that a reader neither writes nor checkpoints. Knows no
 * table. Called by this room only, each connection from one thread. */
#include "sql.h"
#include "wal.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *_Atomic vfs_name;

/* SQLite counts what it allocates under one mutex of the process, for figures that nobody here asks for, and lanes would meet at it. It is
 * told before it begins, so where everybody passes; once it has begun it goes on counting. */
static void count_no_memory(void) {
  (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

const char *sql_vfs(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, count_no_memory);
  return atomic_load(&vfs_name);
}

void sql_set_vfs(const char *name) {
  atomic_store(&vfs_name, name);
}

static enum err_kind kind_of(int rc) {
  switch (rc & 0xff) {
  case SQLITE_BUSY:
  case SQLITE_LOCKED: return ERR_BUSY;
  case SQLITE_FULL:
  case SQLITE_IOERR:
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB:
  case SQLITE_CANTOPEN:
  case SQLITE_READONLY:
  case SQLITE_PROTOCOL:
  case SQLITE_NOMEM: return ERR_STORAGE;
  default: return ERR_INTERNAL;
  }
}

bool sql_fail(struct err *e, sqlite3 *db, int rc, const char *doing) {
  const char *path = db ? sqlite3_db_filename(db, "main") : NULL;
  const char *why = db && sqlite3_errcode(db) ? sqlite3_errmsg(db) : sqlite3_errstr(rc);
  return err_set(e, kind_of(rc), "%s: SQLite says \"%s\" (code %d) of %s", doing, why, rc, path ? path : "a file");
}

static bool pragmas(sqlite3 *db, enum sql_mode mode, struct err *e) {
  /* SQLite before 3.51.3 can lose committed rows when two connections checkpoint, so none does but the writer when it says so. */
  const int rc = sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL);
  if (rc != SQLITE_OK) return sql_fail(e, db, rc, "forbidding checkpoints at closing");
  if (mode == SQL_READER)
    return sql_exec(db, "PRAGMA query_only=1; PRAGMA wal_autocheckpoint=0; PRAGMA cache_size=-2048; PRAGMA trusted_schema=0", e);
  return sql_exec(db,
                  "PRAGMA page_size=4096; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;"
                  "PRAGMA secure_delete=1; PRAGMA cache_size=-4096; PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=0",
                  e);
}

/* SQLite makes files 0644, whatever lies in them; its log and its shared memory get the mode of the file. So the file is made here before
 * it is opened. What an older engine left is closed by its path: a descriptor of it, when closed, would end this process's locks on it. A
 * file of somebody else stays as it is; the doctor says so. Without a VFS of tests, which may have no such file. */
static void close_to_others(const char *path) {
  struct stat about;
  if (stat(path, &about) == 0 && S_ISREG(about.st_mode) && (about.st_mode & 077)) (void)!chmod(path, about.st_mode & 0700);
}

void sql_make_private(const char *path) {
  char beside[PATH_MAX];
  if (sql_vfs()) return;
  const int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd >= 0) close(fd);
  if (fd >= 0 || errno != EEXIST) return; /* what is wrong SQLite says when it opens the file */
  close_to_others(path);
  static const char *const ends[] = {"-wal", "-shm", "-journal"};
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
    if (snprintf(beside, sizeof beside, "%s%s", path, ends[i]) < (int)sizeof beside) close_to_others(beside);
}

sqlite3 *sql_open(const char *path, enum sql_mode mode, struct err *e) {
  sqlite3 *db = NULL;
  if (mode == SQL_WRITER) sql_make_private(path);
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | (mode == SQL_WRITER ? SQLITE_OPEN_CREATE : 0);
  const char *layer = mode == SQL_WRITER ? wal_vfs(sql_vfs()) : NULL;
  const int rc = sqlite3_open_v2(path, &db, flags, layer ? layer : sql_vfs());
  if (rc != SQLITE_OK) {
    sql_fail(e, db, rc, "opening");
    sqlite3_close(db);
    return NULL;
  }
  sqlite3_busy_timeout(db, 2000);
  if (pragmas(db, mode, e)) return db;
  sqlite3_close(db);
  return NULL;
}

void sql_close(sqlite3 **db) {
  if (*db) must(sqlite3_close(*db) == SQLITE_OK);
  *db = NULL;
}

/* A sentence has room for the beginning of a schema, and for what is wrong behind it. */
static bool fail_at(struct err *e, sqlite3 *db, int rc, const char *text) {
  char beginning[64];
  snprintf(beginning, sizeof beginning, "%.56s%s", text, strlen(text) > 56 ? " …" : "");
  return sql_fail(e, db, rc, beginning);
}

bool sql_exec(sqlite3 *db, const char *text, struct err *e) {
  const int rc = sqlite3_exec(db, text, NULL, NULL, NULL);
  return rc == SQLITE_OK || fail_at(e, db, rc, text);
}

sqlite3_stmt *sql_prepare(sqlite3 *db, const char *text, struct err *e) {
  sqlite3_stmt *statement = NULL;
  const int rc = sqlite3_prepare_v3(db, text, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL);
  if (rc != SQLITE_OK) fail_at(e, db, rc, text);
  return statement;
}

void sql_finalize(sqlite3_stmt **statement) {
  sqlite3_finalize(*statement);
  *statement = NULL;
}

int sql_row(sqlite3_stmt *statement, const char *doing, struct err *e) {
  const int rc = sqlite3_step(statement);
  if (rc == SQLITE_ROW) return 1;
  const bool done = rc == SQLITE_DONE || sql_fail(e, sqlite3_db_handle(statement), rc, doing);
  sqlite3_reset(statement);
  return done ? 0 : -1;
}

bool sql_run(sqlite3_stmt *statement, const char *doing, struct err *e) {
  const int got = sql_row(statement, doing, e);
  must(got <= 0);
  return got == 0;
}

bool sql_bind_str(sqlite3_stmt *statement, int at, struct str s) {
  return sqlite3_bind_blob64(statement, at, s.at ? s.at : "", s.len, SQLITE_STATIC) == SQLITE_OK;
}

struct str sql_column_str(sqlite3_stmt *statement, int at) {
  const char *bytes = sqlite3_column_blob(statement, at);
  const int length = sqlite3_column_bytes(statement, at);
  return (struct str){bytes, bytes ? (size_t)length : 0};
}

bool sql_int(sqlite3 *db, const char *text, int64_t missing, int64_t *out, struct err *e) {
  sqlite3_stmt *statement = sql_prepare(db, text, e);
  if (!statement) return false;
  const int got = sql_row(statement, text, e);
  *out = got == 1 && sqlite3_column_type(statement, 0) != SQLITE_NULL ? sqlite3_column_int64(statement, 0) : missing;
  sql_finalize(&statement);
  return got >= 0;
}

bool sql_file_size(const char *path, int64_t *bytes) {
  struct stat status;
  *bytes = 0;
  if (stat(path, &status) != 0) return false;
  *bytes = status.st_size;
  return true;
}

bool sql_migrate(sqlite3 *db, const char *const *steps, int count, struct err *e) {
  int64_t version;
  if (!sql_int(db, "PRAGMA user_version", 0, &version, e)) return false;
  if (version > count)
    return err_set(e, ERR_CONFLICT, "%s has schema version %lld; this engine reads up to %d: it was written by a newer engine",
                   sqlite3_db_filename(db, "main"), (long long)version, count);
  if (version == count) return true;
  if (!sql_exec(db, "BEGIN IMMEDIATE", e)) return false;
  bool done = true;
  for (; done && version < count; version++) done = sql_exec(db, steps[version], e) || err_wrap(e, "schema step %d", (int)version + 1);
  char set[64];
  snprintf(set, sizeof set, "PRAGMA user_version=%d", count);
  if (done && sql_exec(db, set, e) && sql_exec(db, "COMMIT", e)) return true;
  sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
  return false;
}
