/* Erasure. Promises, in this order: the erasure is on record (as a keyed digest and a mark of the key), the user's key is destroyed, rows,
 * decisions and outbox rows are deleted along the user's chain and overwritten with zeros, and the log is truncated. A crash between leaves
 * a note by which the next start goes on. Works in bounded pieces, so that a long chain does not swell the log. Called on the volume's lane
 * between turns. */
#include "kit/log.h"
#include "retaining.h"
#include <stdio.h>
#include <string.h>

#define PIECE 2000 /* rows a transaction: each may touch a page of its own */

static bool run_with(struct volume *v, enum statement which, int64_t key, struct err *e) {
  sqlite3_stmt *statement = volume_statement(v, which);
  sqlite3_bind_int64(statement, 1, key);
  return sql_run(statement, "erasing", e);
}

/* Numbers that were given once are never given again, whatever is deleted. */
bool floors_keep(struct volume *v, struct err *e) {
  char key[32];
  for (uint32_t p = 0; p < BOOK_PARTITIONS; p++) {
    snprintf(key, sizeof key, "decision_floor_%u", p);
    if (v->decisions[p] && !meta_put(v, key, (int64_t)v->decisions[p], e)) return false;
  }
  return meta_put(v, "seq_floor", v->next_seq, e) && meta_put(v, "user_floor", v->next_user, e);
}

static void note_key(int64_t number, char key[48]) {
  snprintf(key, 48, "erasing_%lld", (long long)number);
}

/* States of the past are as much theirs as the one of now. */
static bool forget_trims(struct volume *v, int64_t number, struct err *e) {
  sqlite3_stmt *states = volume_statement(v, DELETE_CHECKPOINTS);
  sqlite3_bind_int64(states, 1, number);
  sqlite3_bind_int64(states, 2, INT64_MAX);
  return sql_run(states, "erasing", e) && run_with(v, DELETE_TRIM, number, e);
}

static bool destroy_key(struct volume *v, int64_t number, int64_t head, struct err *e) {
  char key[48];
  note_key(number, key);
  return turn_begin(v, e) && floors_keep(v, e) && meta_put(v, key, head, e) && run_with(v, DELETE_USER, number, e) &&
         forget_trims(v, number, e) && volume_commit(v, e);
}

static bool delete_row(struct volume *v, int64_t number, int64_t seq, int64_t *previous, struct err *e) {
  struct buf ids = {0};
  sqlite3_stmt *select = volume_statement(v, SELECT_ROW);
  sqlite3_bind_int64(select, 1, seq);
  const int got = sql_row(select, "erasing", e);
  *previous = got == 1 ? sqlite3_column_int64(select, 3) : 0;
  bool done = got == 0 || (got == 1 && row_decision_ids(select, 6, &ids));
  const bool theirs = got == 1 && sqlite3_column_int64(select, 2) == number;
  sqlite3_reset(select);
  if (done && got == 1 && (!theirs || *previous >= seq))
    done = err_set(e, ERR_STORAGE, "the chain of an erased user leads to row %lld, which is not theirs", (long long)seq);
  for (size_t at = 0; done && at < ids.len; at += sizeof(int64_t)) {
    int64_t id;
    memcpy(&id, ids.at + at, sizeof id);
    done = run_with(v, DELETE_DECISION, id, e) && run_with(v, DELETE_OUTBOX, id, e);
  }
  buf_free(&ids);
  return done && (got == 0 || run_with(v, DELETE_ROW, seq, e));
}

/* Walks the chain back in transactions of PIECE rows; the note says where the next one begins. */
static bool delete_chain(struct volume *v, int64_t number, int64_t seq, struct err *e) {
  char key[48];
  note_key(number, key);
  while (seq) {
    if (!turn_begin(v, e)) return false;
    int64_t gone = 0;
    for (; seq && gone < PIECE; gone++)
      if (!delete_row(v, number, seq, &seq, e)) return false;
    v->rows_gone += gone;
    if (!meta_put(v, "rows_gone", v->rows_gone, e) || (seq && !meta_put(v, key, seq, e))) return false;
    if (!volume_commit(v, e) || !settle_passive(v, e)) return false;
  }
  sqlite3_stmt *forget = volume_statement(v, DELETE_META);
  sqlite3_bind_text(forget, 1, key, -1, SQLITE_STATIC);
  return turn_begin(v, e) && sql_run(forget, "erasing", e) && volume_commit(v, e);
}

/* Everything after the record. */
static bool erase_recorded(struct volume *v, struct user *u, int64_t head, struct err *e) {
  const int64_t number = u->number;
  if (!destroy_key(v, number, head, e)) return turn_fail(v);
  if (v->replay.leaving) v->replay.leaving(v->replay.context, v, u);
  users_make_clean(v, u);
  users_forget(v, u);
  v->users_all--;
  if (!delete_chain(v, number, head, e)) return turn_fail(v);
  if (!settle_truncate(v, 1200, e)) return false;
  if (v->truncate_owed) log_warn("book", "volume %u: a reader holds the log; its truncation after an erasure is owed", v->number);
  return true;
}

bool volume_erase(struct volume *v, struct user *u, struct err *e) {
  must(!v->has_rows);
  struct erasure erasure;
  erasure_of(u, &erasure);
  if (!map_set(&v->erased, erasure.digest.low, 1)) return err_set(e, ERR_BUSY, "memory for an erasure is missing");
  /* First the record: a deletion without it would come back with the next restored backup. */
  return control_add_erasure(v->book, &erasure, e) && erase_recorded(v, u, u->head, e);
}

bool erase_by_mark(struct volume *v, const struct erasure *erasure, struct err *e) {
  sqlite3_stmt *select = volume_statement(v, SELECT_USER_DIGEST);
  sqlite3_bind_blob(select, 1, &erasure->digest, sizeof erasure->digest, SQLITE_STATIC);
  const int got = sql_row(select, "looking for an erased user", e);
  const int64_t number = got == 1 ? sqlite3_column_int64(select, 0) : 0;
  sqlite3_reset(select);
  if (got <= 0) return got == 0;
  struct erasure theirs;
  struct user *u = volume_user_number(v, number, e);
  if (!u) return false;
  erasure_of(u, &theirs);
  if (memcmp(theirs.mark, erasure->mark, sizeof theirs.mark) != 0) return true; /* somebody new under the old id */
  /* The stored state may be behind the journal: its tail knows the newest row. */
  sqlite3_stmt *newest = sql_prepare(v->db, "SELECT max(seq) FROM journal WHERE seq>? AND user=?", e);
  if (!newest) return false;
  sqlite3_bind_int64(newest, 1, v->watermark);
  sqlite3_bind_int64(newest, 2, number);
  const bool read = sql_row(newest, "looking for an erased user's newest row", e) == 1;
  const int64_t tail = read ? sqlite3_column_int64(newest, 0) : 0;
  sql_finalize(&newest);
  return read && erase_recorded(v, u, tail > u->head ? tail : u->head, e);
}

bool erase_resume(struct volume *v, struct err *e) {
  for (;;) {
    sqlite3_stmt *notes = sql_prepare(v->db, "SELECT key, value FROM meta WHERE key GLOB 'erasing_*' LIMIT 1", e);
    if (!notes) return false;
    const int got = sql_row(notes, "reading unfinished erasures", e);
    long long number = 0;
    if (got == 1) sscanf((const char *)sqlite3_column_text(notes, 0), "erasing_%lld", &number);
    const int64_t seq = got == 1 ? sqlite3_column_int64(notes, 1) : 0;
    sql_finalize(&notes);
    if (got <= 0) return got == 0;
    if (!delete_chain(v, number, seq, e) || !settle_truncate(v, 1200, e)) return false;
  }
}
