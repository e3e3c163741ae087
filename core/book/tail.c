/* Recovery: what the stored states do not hold yet is applied from the journal. Promises that after it every user that is read is complete,
 * that a chain with a hole or a row that does not open stops the start with a sentence, and that nothing is decided here: the caller's
 * replay applies, book moves heads and counters. Called by volume_open and volume_recover. */
#include "volume.h"
#include <stdlib.h>
#include <string.h>

static bool give(struct volume *v, struct user *u, const struct entry *row, struct err *e) {
  v->row_seq = row->seq;
  v->row_arrived = row->arrived;
  return !v->replay.row || v->replay.row(v->replay.context, v, u, row, e);
}

static bool apply_fact(struct volume *v, struct entry *row, struct str sealed, struct buf *plain, struct err *e) {
  if (row->partition >= BOOK_PARTITIONS) return err_set(e, ERR_STORAGE, "journal row %lld has no partition", (long long)row->seq);
  v->control_head[row->partition] = row->seq;
  return row_open(v, NULL, sealed, row, plain, e) && give(v, NULL, row, e);
}

static bool apply_row(struct volume *v, struct entry *row, struct str sealed, struct buf *plain, struct err *e) {
  struct err why = {0};
  struct user *u = volume_user_number(v, row->user, &why);
  if (!u && why.kind) {
    if (e) *e = why;
    return false;
  }
  if (!u || row->seq <= u->head) return true; /* erased, or in the stored state already */
  if (!row_open(v, u, sealed, row, plain, e)) return false;
  if (row->previous != u->head || row->count != u->events + 1)
    return err_set(e, ERR_STORAGE,
                   "journal row %lld of volume %u follows row %lld of its user, but row %lld is the newest known: the chain is broken",
                   (long long)row->seq, v->number, (long long)row->previous, (long long)u->head);
  users_mark_dirty(v, u, row->seq);
  if (!give(v, u, row, e)) return false;
  u->head = row->seq;
  u->events = row->count;
  return true;
}

/* ---- control facts before the tail ---- */

static int by_number(const void *a, const void *b) {
  const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

/* The rows of all facts up to the stored heads, by walking each partition's chain back. */
static bool collect_facts(struct volume *v, struct buf *seqs, struct err *e) {
  for (uint32_t p = 0; p < BOOK_PARTITIONS; p++)
    for (int64_t seq = v->control_head[p]; seq;) {
      sqlite3_stmt *select = volume_statement(v, SELECT_ROW);
      sqlite3_bind_int64(select, 1, seq);
      const int got = sql_row(select, "reading a control fact", e);
      if (got < 0) return false;
      const int64_t previous = got ? sqlite3_column_int64(select, 3) : 0;
      if (!got || sqlite3_column_int64(select, 2) != 0 || previous >= seq)
        return err_set(e, ERR_STORAGE, "control fact %lld of volume %u is missing or no fact: the chain is broken", (long long)seq,
                       v->number);
      sqlite3_reset(select);
      buf_put(seqs, &seq, sizeof seq);
      seq = previous;
    }
  return !seqs->failed || err_set(e, ERR_STORAGE, "memory for reading control facts is missing");
}

static bool apply_facts(struct volume *v, const struct buf *seqs, struct buf *plain, struct err *e) {
  for (size_t at = 0; at < seqs->len; at += sizeof(int64_t)) {
    int64_t seq;
    struct entry row;
    struct str sealed;
    memcpy(&seq, seqs->at + at, sizeof seq);
    if (seq > v->watermark) continue; /* its place is among the tail's rows: those before it ran under what was said earlier */
    sqlite3_stmt *select = volume_statement(v, SELECT_ROW);
    sqlite3_bind_int64(select, 1, seq);
    if (sql_row(select, "reading a control fact", e) != 1) return false;
    row_columns(select, &row, &sealed);
    buf_clear(plain);
    const int64_t head = v->control_head[row.partition];
    const bool done = apply_fact(v, &row, sealed, plain, e);
    v->control_head[row.partition] = head;
    sqlite3_reset(select);
    if (!done) return false;
  }
  return true;
}

/* ---- the tail ---- */

static bool apply_tail(struct volume *v, struct buf *plain, struct err *e) {
  sqlite3_stmt *select = volume_statement(v, SELECT_TAIL);
  sqlite3_bind_int64(select, 1, v->watermark);
  sqlite3_bind_int64(select, 2, -1);
  int got;
  while ((got = sql_row(select, "reading the journal's tail", e)) == 1) {
    struct entry row;
    struct str sealed;
    row_columns(select, &row, &sealed);
    buf_clear(plain);
    if (!(row.user ? apply_row(v, &row, sealed, plain, e) : apply_fact(v, &row, sealed, plain, e))) break;
  }
  sqlite3_reset(select);
  return got == 0;
}

bool tail_apply(struct volume *v, struct err *e) {
  struct buf seqs = {0}, plain = {0};
  bool done = collect_facts(v, &seqs, e);
  if (done && seqs.len) qsort(seqs.at, seqs.len / sizeof(int64_t), sizeof(int64_t), by_number);
  done = done && apply_facts(v, &seqs, &plain, e) && apply_tail(v, &plain, e);
  buf_free(&seqs);
  buf_free(&plain);
  return done;
}
