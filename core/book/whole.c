/* Whether every file of a data directory is there. Promises that a directory of which something went (it was copied by half, a disk is not
 * mounted) is never taken for a new one: a writer would make the file anew, and whoever opted out would be somebody of whom nothing is
 * known. And whether the store holds what control.db and the layout name. A file that is there and damaged is SQLite's to find, and the
 * doctor's. Called before a directory is made, opened, copied. */
#include "directory.h"
#include "kit/arena.h"
#include "kit/file.h"
#include "sql.h"
#include <stdio.h>
#include <string.h>

static bool says_missing(const char *path, const char *because, struct err *e) {
  return err_set(e, ERR_MISSING,
                 "%s is missing or empty, though %s: a part of the directory was not copied, or is not mounted. Put the file back where it "
                 "was, or restore a backup; nothing is made in its place",
                 path, because);
}

bool book_can_begin(const char *directory, struct err *e) {
  struct arena a = {0};
  struct file_entry *entries;
  size_t count = 0;
  struct err unread = {0};
  const bool read = file_list(directory, &a, &entries, &count, &unread);
  bool done = read || unread.kind == ERR_MISSING || err_set(e, unread.kind, "%s", unread.text);
  for (size_t i = 0; done && i < count; i++) {
    const bool ours = strncmp(entries[i].name, "volume-", 7) == 0 || strcmp(entries[i].name, "control.db") == 0;
    if (entries[i].kind != 'f' || !ours) continue;
    char path[BOOK_PATH];
    book_file(directory, "layout", path);
    char because[300];
    snprintf(because, sizeof because, "%.255s is there", entries[i].name);
    done = says_missing(path, because, e);
  }
  arena_free(&a);
  return done;
}

/* SQLite makes a file empty first; with a schema it is longer. */
static bool is_empty(const char *path) {
  int64_t bytes;
  return !sql_file_size(path, &bytes) || bytes == 0;
}

bool whole_control(const char *directory, const struct layout *l, struct err *e) {
  char path[BOOK_PATH], control[BOOK_PATH], name[64];
  book_file(directory, "control.db", control);
  if (!is_empty(control)) return true;
  for (uint32_t n = 0; n < l->volumes; n++) {
    int64_t last = 0;
    book_volume_name(l, n, name);
    book_file(directory, name, path);
    if (is_empty(path)) continue;
    sqlite3 *db = sql_open(path, SQL_READER, e);
    bool read = db && sql_int(db, "SELECT count(*) FROM sqlite_schema WHERE name='journal'", 0, &last, e);
    if (read && last) read = sql_int(db, "SELECT max(seq) FROM journal", 0, &last, e);
    sql_close(&db);
    if (!read) return err_wrap(e, "%s is missing, and %s", control, name);
    if (last) return says_missing(control, "journals have rows", e);
  }
  return true;
}

/* A program is announced when all volumes have been opened, and not before. */
bool whole_volumes(const char *directory, const struct layout *l, sqlite3 *control, struct err *e) {
  char path[BOOK_PATH], name[64];
  int64_t ran = 0;
  if (!control) return true;
  if (!sql_int(control, "SELECT count(*) FROM sqlite_schema WHERE name='facts'", 0, &ran, e)) return false;
  if (ran && !sql_int(control, "SELECT EXISTS(SELECT 1 FROM facts WHERE kind='program')", 0, &ran, e)) return false;
  for (uint32_t n = 0; ran && n < l->volumes; n++) {
    book_volume_name(l, n, name);
    book_file(directory, name, path);
    if (is_empty(path)) return says_missing(path, "an engine ran here", e);
  }
  return true;
}

/* ---- the store ---- */

static bool says_lost(const char *path, const char *what, struct err *e) {
  return err_set(e, ERR_MISSING, "%s is missing, %s: put it back from the store/ of a backup or a copy, where it has the same name", path,
                 what);
}

static bool is_kept(const char *store, struct str name) {
  char path[BOOK_PATH + 80];
  snprintf(path, sizeof path, "%s/%.64s", store, name.at);
  return file_exists(path);
}

/* A program's manifest names its files, a line "SHA-256 path" each. */
static bool whole_program(const char *store, const char *digest, struct err *e) {
  char path[BOOK_PATH + 80];
  struct buf manifest = {0};
  snprintf(path, sizeof path, "%s/%.64s", store, digest);
  if (!file_exists(path)) return says_lost(path, "a program that ran here", e);
  bool done = store_read(store, digest, &manifest, e);
  struct str rest = buf_view(&manifest), line;
  while (done && rest.len && str_split(&rest, '\n', &line)) {
    if (line.len < 66 || is_kept(store, line)) continue;
    char what[160];
    snprintf(path, sizeof path, "%s/%.64s", store, line.at);
    snprintf(what, sizeof what, "%.*s of the program %.16s that ran here", (int)(line.len - 65 < 80 ? line.len - 65 : 80), line.at + 65,
             digest);
    done = says_lost(path, what, e);
  }
  buf_free(&manifest);
  return done;
}

bool whole_store(const char *directory, const struct layout *l, sqlite3 *control, struct err *e) {
  char store[BOOK_PATH], path[BOOK_PATH + 80], hex[65];
  book_file(directory, "store", store);
  hash_hex(l->dictionary, sizeof l->dictionary, hex);
  snprintf(path, sizeof path, "%s/%s", store, hex);
  if (!file_exists(path)) return says_lost(path, "the dictionary without which no journal can be read", e);
  if (!control) return true;
  sqlite3_stmt *names = sql_prepare(control, "SELECT DISTINCT name FROM facts WHERE kind='program' AND length(name)=64 ORDER BY number", e);
  if (!names) return false;
  bool done = true;
  int got = 0;
  while (done && (got = sql_row(names, "reading control facts", e)) == 1) {
    const struct str name = sql_column_str(names, 0);
    snprintf(hex, sizeof hex, "%.*s", (int)name.len, name.at);
    done = whole_program(store, hex, e);
  }
  sql_finalize(&names);
  return done && got >= 0;
}

bool book_store_whole(const char *directory, struct err *e) {
  char path[BOOK_PATH];
  struct layout l;
  if (!layout_read(directory, &l, e)) return false;
  book_file(directory, "control.db", path);
  if (is_empty(path)) return whole_store(directory, &l, NULL, e);
  sqlite3 *control = sql_open(path, SQL_READER, e);
  const bool done = control && whole_store(directory, &l, control, e);
  sql_close(&control);
  return done;
}

bool whole_directory(const char *directory, const struct layout *l, struct err *e) {
  char path[BOOK_PATH];
  if (!whole_control(directory, l, e)) return false;
  book_file(directory, "control.db", path);
  if (is_empty(path)) return true;
  sqlite3 *control = sql_open(path, SQL_READER, e);
  const bool done = control && whole_volumes(directory, l, control, e);
  sql_close(&control);
  return done;
}
