/* Copies of SQLite files and what proves them. */
#pragma once
#include "directory.h"

#define COPY_TABLES_MOST 4

/* Copies a live file by SQLite's backup API from one snapshot; then opens the copy, runs integrity_check and compares the counts of
 * `tables` (NULL-terminated) with the snapshot's. Gives the log's bound precedence: a copy that would hold it too long is started again. */
bool copy_database(const char *from, const char *to, const char *const *tables, struct err *e);
/* Copies the store, verifying each file's hash. */
bool copy_store(const char *from_directory, const char *to_directory, struct err *e);
/* `integrity_check` says ok; otherwise its first complaint. `quick` leaves out the comparison of indexes with tables. */
bool check_integrity(sqlite3 *db, bool quick, struct err *e);
/* Interrupts long statements of a reader when the log of its file grows near its bound. */
void mind_log(sqlite3 *db, char wal_path[BOOK_PATH + 8]);
