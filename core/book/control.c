/* control.db: what operators did, with their names, in a hash chain; and the erasures. Promises that a fact is durable when control_append
 * returns true, that changing, removing or inserting one breaks the chain at a place control_verify names, and that an erasure is kept as a
 * keyed digest only. Facts are not sealed: nothing that names a user belongs into them. Called by main, tools, lanes (erasures), the
 * builder and whoever writes for the main thread: one connection, one lock, which is held while the disk syncs. The main thread looks at
 * keys through a second connection, which waits for nobody. */
#include "directory.h"
#include "kit/clock.h"
#include "kit/file.h"
#include "sql.h"
#include <string.h>

static const char *const steps[] = {
    "CREATE TABLE facts(number INTEGER PRIMARY KEY, at INTEGER NOT NULL, author TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,"
    " body BLOB NOT NULL, hash BLOB NOT NULL);"
    "CREATE TABLE keys(name TEXT PRIMARY KEY, scopes INTEGER NOT NULL, sha256 BLOB NOT NULL UNIQUE, revoked INTEGER NOT NULL,"
    " created INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE erasures(mark BLOB PRIMARY KEY, digest BLOB NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;",
    "CREATE TABLE merges(mark BLOB PRIMARY KEY, number INTEGER NOT NULL, at INTEGER NOT NULL, state INTEGER NOT NULL,"
    " ids BLOB NOT NULL) WITHOUT ROWID;",
};
#define STEPS ((int)(sizeof steps / sizeof *steps))

bool control_open(struct book *b, struct err *e) {
  char path[BOOK_PATH];
  book_file(b->directory, "control.db", path);
  if (!b->writer && !file_exists(path)) return true; /* no engine ever ran here: no facts */
  if (b->writer && !sql_drop_unfinished(path, STEPS, "SELECT (SELECT count(*) FROM facts) + (SELECT count(*) FROM keys)", e)) return false;
  b->control = sql_open(path, b->writer ? SQL_WRITER : SQL_READER, e);
  if (!b->control) return false;
  if (b->writer) {
    return sql_migrate(b->control, steps, STEPS, e) && sql_exec(b->control, "PRAGMA wal_checkpoint(TRUNCATE)", e) &&
           sql_exec(b->control, "PRAGMA cache_size=-512", e) && /* facts are written far more often than read */
           (b->keys = sql_open(path, SQL_READER, e)) != NULL;
  }
  int64_t version;
  if (!sql_int(b->control, "PRAGMA user_version", 0, &version, e)) return false;
  return version <= STEPS ||
         err_set(e, ERR_CONFLICT, "%s has schema version %lld; this engine reads up to %d: it was written by a newer engine", path,
                 (long long)version, STEPS);
}

/* Empties the log. So it does with what a schema change left there whose commit could not be synced: readable, and perhaps never on the
 * disk.
 */
void control_close(struct book *b) {
  sql_close(&b->keys);
  if (b->control && b->lock >= 0) sql_exec(b->control, "PRAGMA wal_checkpoint(TRUNCATE)", NULL);
  sql_close(&b->control);
}

static bool writable(const struct book *b, struct err *e) {
  return (b->writer && b->control) || err_set(e, ERR_CONFLICT, "%s is open for reading only", b->directory);
}

/* ---- facts ---- */

static void add_part(struct hash_sha256_state *s, struct str part) {
  const uint64_t length = part.len;
  hash_sha256_add(s, (struct str){(const char *)&length, sizeof length});
  hash_sha256_add(s, part);
}

/* Lengths are hashed too, so that no two facts have the same bytes. */
static void fact_hash(const unsigned char before[32], const struct control_fact *f, unsigned char out[32]) {
  struct hash_sha256_state s;
  const int64_t numbers[2] = {f->number, f->at};
  hash_sha256_begin(&s);
  hash_sha256_add(&s, (struct str){(const char *)before, 32});
  hash_sha256_add(&s, (struct str){(const char *)numbers, sizeof numbers});
  add_part(&s, str_from(f->author));
  add_part(&s, str_from(f->kind));
  add_part(&s, str_from(f->name));
  add_part(&s, f->body);
  hash_sha256_end(&s, out);
}

static void fact_read(sqlite3_stmt *row, struct control_fact *f) {
  *f = (struct control_fact){.number = sqlite3_column_int64(row, 0),
                             .at = sqlite3_column_int64(row, 1),
                             .author = (const char *)sqlite3_column_text(row, 2),
                             .kind = (const char *)sqlite3_column_text(row, 3),
                             .name = (const char *)sqlite3_column_text(row, 4),
                             .body = sql_column_str(row, 5)};
}

static bool last_fact(struct book *b, int64_t *number, unsigned char hash[32], struct err *e) {
  sqlite3_stmt *last = sql_prepare(b->control, "SELECT number, hash FROM facts ORDER BY number DESC LIMIT 1", e);
  if (!last) return false;
  memset(hash, 0, 32);
  *number = 0;
  const int got = sql_row(last, "reading the last control fact", e);
  if (got == 1) {
    *number = sqlite3_column_int64(last, 0);
    const struct str stored = sql_column_str(last, 1);
    if (stored.len == 32) memcpy(hash, stored.at, 32);
  }
  sql_finalize(&last);
  return got >= 0;
}

bool control_insert_fact(struct book *b, struct control_fact *f, struct err *e) {
  unsigned char hash[32];
  if (!last_fact(b, &f->number, hash, e)) return false;
  f->number++;
  fact_hash(hash, f, hash);
  sqlite3_stmt *insert = sql_prepare(b->control, "INSERT INTO facts VALUES(?,?,?,?,?,?,?)", e);
  if (!insert) return false;
  sqlite3_bind_int64(insert, 1, f->number);
  sqlite3_bind_int64(insert, 2, f->at);
  sqlite3_bind_text(insert, 3, f->author, -1, SQLITE_STATIC);
  sqlite3_bind_text(insert, 4, f->kind, -1, SQLITE_STATIC);
  sqlite3_bind_text(insert, 5, f->name, -1, SQLITE_STATIC);
  sql_bind_str(insert, 6, f->body);
  sqlite3_bind_blob(insert, 7, hash, sizeof hash, SQLITE_STATIC);
  const bool done = sql_run(insert, "writing a control fact", e);
  sql_finalize(&insert);
  return done;
}

#define FACTS_IN_LOG 32 /* a reload each: a checkpoint is two syncs more, and journals wait for the same disk */

static bool transaction(struct book *b, bool (*work)(struct book *b, void *context, struct err *e), void *context, uint32_t log_most,
                        struct err *e) {
  if (!writable(b, e)) return false;
  pthread_mutex_lock(&b->control_lock);
  bool done = sql_exec(b->control, "BEGIN IMMEDIATE", e);
  if (done) {
    done = work(b, context, e) && sql_exec(b->control, "COMMIT", e);
    if (!done) sqlite3_exec(b->control, "ROLLBACK", NULL, NULL, NULL);
  }
  if (done && ++b->control_log > log_most) {
    sqlite3_wal_checkpoint_v2(b->control, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    b->control_log = 0;
  }
  pthread_mutex_unlock(&b->control_lock);
  return done;
}

/* One durable transaction on control.db; checkpointed at once, as it is small and rare, and as an operator who saves the file alone must
 * find every erasure in it. */
bool control_transaction(struct book *b, bool (*work)(struct book *b, void *context, struct err *e), void *context, struct err *e) {
  return transaction(b, work, context, 0, e);
}

static bool append_work(struct book *b, void *context, struct err *e) {
  return control_insert_fact(b, context, e);
}

bool control_append(struct book *b, const char *author, const char *kind, const char *name, struct str body, int64_t *number,
                    struct err *e) {
  struct control_fact f = {.at = clock_now(), .author = author, .kind = kind, .name = name ? name : "", .body = body};
  if (!transaction(b, append_work, &f, FACTS_IN_LOG, e)) return false;
  if (number) *number = f.number;
  return true;
}

bool control_each(struct book *b, int64_t after, bool (*each)(void *context, const struct control_fact *fact), void *context,
                  struct err *e) {
  if (!b->control) return true;
  int got = -1;
  pthread_mutex_lock(&b->control_lock);
  sqlite3_stmt *rows = sql_prepare(b->control, "SELECT number, at, author, kind, name, body FROM facts WHERE number>? ORDER BY number", e);
  if (rows) sqlite3_bind_int64(rows, 1, after);
  while (rows && (got = sql_row(rows, "reading control facts", e)) == 1) {
    struct control_fact f;
    fact_read(rows, &f);
    if (!each(context, &f)) break;
  }
  sql_finalize(&rows);
  pthread_mutex_unlock(&b->control_lock);
  return got >= 0;
}

bool control_verify(struct book *b, struct err *e) {
  if (!b->control) return true;
  sqlite3_stmt *rows = sql_prepare(b->control, "SELECT number, at, author, kind, name, body, hash FROM facts ORDER BY number", e);
  if (!rows) return false;
  unsigned char hash[32] = {0};
  bool whole = true;
  int got = 0;
  for (int64_t expected = 1; whole && (got = sql_row(rows, "reading control facts", e)) == 1; expected++) {
    struct control_fact f;
    fact_read(rows, &f);
    fact_hash(hash, &f, hash);
    const struct str stored = sql_column_str(rows, 6);
    if (f.number != expected) whole = err_set(e, ERR_STORAGE, "control fact %lld is missing from its chain", (long long)expected);
    else if (stored.len != 32 || memcmp(stored.at, hash, 32) != 0)
      whole = err_set(e, ERR_STORAGE, "control fact %lld (%s %s by %s) does not fit its chain: it or one before it was changed",
                      (long long)f.number, f.kind, f.name, f.author);
  }
  sql_finalize(&rows);
  return whole && got >= 0;
}

/* ---- erasures ---- */

/* The mark is made from the data key that was destroyed: somebody who comes back under the same id has another key, and a restored backup
 * of the later time keeps them. */
static bool erasure_work(struct book *b, void *context, struct err *e) {
  const struct erasure *erasure = context;
  sqlite3_stmt *insert = sql_prepare(b->control, "INSERT OR REPLACE INTO erasures VALUES(?,?,?)", e);
  if (!insert) return false;
  sqlite3_bind_blob(insert, 1, erasure->mark, sizeof erasure->mark, SQLITE_STATIC);
  sqlite3_bind_blob(insert, 2, &erasure->digest, sizeof erasure->digest, SQLITE_STATIC);
  sqlite3_bind_int64(insert, 3, clock_now());
  const bool done = sql_run(insert, "writing an erasure", e);
  sql_finalize(&insert);
  return done && control_forget_merge(b, erasure->mark, e);
}

void erasure_of(const struct user *u, struct erasure *out) {
  unsigned char mark[SEAL_KEY];
  seal_derive(u->key, "kairos: erased", mark);
  memcpy(out->mark, mark, sizeof out->mark);
  out->digest = u->digest;
}

bool control_add_erasure(struct book *b, const struct erasure *erasure, struct err *e) {
  struct erasure copy = *erasure;
  if (!control_transaction(b, erasure_work, &copy, e)) return false;
  control_empty_log(b);
  return true;
}

void user_erasure_mark(const struct user *u, unsigned char mark[16]) {
  struct erasure erasure;
  erasure_of(u, &erasure);
  memcpy(mark, erasure.mark, sizeof erasure.mark);
}

bool control_erasures(struct book *b, bool (*each)(void *context, const struct erasure *erasure), void *context, struct err *e) {
  if (!b->control) return true;
  sqlite3_stmt *rows = sql_prepare(b->control, "SELECT mark, digest FROM erasures ORDER BY mark", e);
  if (!rows) return false;
  int got;
  while ((got = sql_row(rows, "reading erasures", e)) == 1) {
    struct erasure erasure;
    const struct str mark = sql_column_str(rows, 0);
    if (mark.len == sizeof erasure.mark) memcpy(erasure.mark, mark.at, mark.len);
    const struct str digest = sql_column_str(rows, 1);
    if (mark.len != sizeof erasure.mark || digest.len != sizeof erasure.digest) continue;
    memcpy(&erasure.digest, digest.at, digest.len);
    if (!each(context, &erasure)) break;
  }
  sql_finalize(&rows);
  return got >= 0;
}
