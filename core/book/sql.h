/* The thin layer over SQLite that the rest of this room stands on. */
#pragma once
#include "kit/err.h"
#include "kit/str.h"
#include <sqlite3.h>

enum sql_mode {
  SQL_WRITER, /* creates, WAL, synchronous=FULL, no checkpoint of SQLite's own, none at closing either */
  SQL_READER, /* query_only, never checkpoints */
};
sqlite3 *sql_open(const char *path, enum sql_mode mode, struct err *e);
void sql_make_private(const char *path); /* makes it, empty, for its owner alone; one that is there is closed to others (sql_open does) */
void sql_close(sqlite3 **db);            /* all statements must be finalized */
const char *sql_vfs(void);               /* NULL = the default */
void sql_set_vfs(const char *name);

/* Sets the error that `rc` means (full disk, I/O error, busy, damage …) with the connection's own words; always false. */
bool sql_fail(struct err *e, sqlite3 *db, int rc, const char *doing);
bool sql_exec(sqlite3 *db, const char *text, struct err *e);
/* A statement that is kept until the connection closes. NULL with the error set. */
sqlite3_stmt *sql_prepare(sqlite3 *db, const char *text, struct err *e);
void sql_finalize(sqlite3_stmt **statement);
/* Steps a statement that gives no rows, and resets it. */
bool sql_run(sqlite3_stmt *statement, const char *doing, struct err *e);
/* Steps: 1 a row, 0 no more (then reset), −1 failed (then reset, error set). */
int sql_row(sqlite3_stmt *statement, const char *doing, struct err *e);
bool sql_bind_str(sqlite3_stmt *statement, int at, struct str s); /* borrowed until the step is over */
struct str sql_column_str(sqlite3_stmt *statement, int at);       /* valid until the next step */
/* One integer of the first row; `missing` when there is none or it is NULL. */
bool sql_int(sqlite3 *db, const char *text, int64_t missing, int64_t *out, struct err *e);
bool sql_file_size(const char *path, int64_t *bytes); /* 0 when it is not there */

/* Cuts the log of a closed database to its first `frames` frames and syncs it. */
bool sql_cut_log(const char *path, uint64_t frames, struct err *e);
/* Takes back the first schema of a closed database that stands in its log and not in its file, and holds no row yet (`rows` is the question
 * that counts them, of schema `version`). Whether its sync was done nobody knows any more; after a failed one the kernel may hold pages as
 * clean that never reached the disk, and a checkpoint of them that a power loss cuts short would leave a file that nothing mends. Whoever
 * makes a schema brings it into the file before anything is told. */
bool sql_drop_unfinished(const char *path, int version, const char *rows, struct err *e);

/* The schema steps that are missing, in one transaction that ends by setting user_version. A newer file is refused. */
bool sql_migrate(sqlite3 *db, const char *const *steps, int count, struct err *e);
