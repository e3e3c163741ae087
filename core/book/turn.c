/* The turn: rows, decisions and outbox rows of one transaction. Promises that they become durable together or not at all, and that after
 * any failure the volume says no to everything until volume_recover has reopened it. Rows and decisions wait in memory until the commit
 * (pending.c). Called by flow on the volume's lane. */
#include "kit/clock.h"
#include "volume.h"
#include "wal.h"
#include <string.h>

bool turn_fail(struct volume *v) {
  v->failed = true;
  return false;
}

bool volume_room(const struct volume *v, struct err *e) {
  if (v->failed || !v->db) return err_set(e, ERR_STORAGE, "volume %u failed and is not recovered yet", v->number);
  if (v->in_turn || v->wal_pages * 4120 < volume_limits.wal_most) return true;
  return err_set(e, ERR_BUSY, "volume %u: a reader holds %llu bytes of the log; no turn before it is done", v->number,
                 (unsigned long long)v->wal_pages * 4120);
}

bool turn_begin(struct volume *v, struct err *e) {
  if (!v->writer) return err_set(e, ERR_CONFLICT, "volume %u is open for reading only", v->number);
  if (!volume_room(v, e)) return false;
  if (v->in_turn) return true;
  if (!sql_run(volume_statement(v, BEGIN_TURN), "beginning a turn", e)) return turn_fail(v);
  v->in_turn = true;
  return true;
}

/* ---- rows ---- */

bool volume_append(struct volume *v, struct user *u, struct entry *entry, struct err *e) {
  if (!turn_begin(v, e)) return false;
  must(entry->partition < BOOK_PARTITIONS && v->book->layout.volume_of[entry->partition] == v->number);
  must((u != NULL) == (entry->kind != ENTRY_CONTROL) && (!u || u->partition == entry->partition));
  v->has_rows = true;
  if (!pending_room(v, e)) return false;
  if (!entry->arrived) entry->arrived = clock_now();
  entry->user = u ? u->number : 0;
  entry->previous = u ? u->head : v->control_head[entry->partition];
  entry->count = u ? u->events + 1 : 0;
  entry->decisions = 0;
  entry->seq = v->next_seq;
  if (!pending_row(v, u, entry, e)) return turn_fail(v);
  v->next_seq++;
  v->row_seq = entry->seq;
  v->row_arrived = entry->arrived;
  if (u) {
    u->head = entry->seq;
    u->events++;
    users_mark_dirty(v, u, entry->seq);
  } else v->control_head[entry->partition] = entry->seq;
  return true;
}

/* ---- decisions ---- */

uint64_t volume_next_decision(struct volume *v, uint32_t partition) {
  must(partition < BOOK_PARTITIONS);
  return (uint64_t)partition << 48 | (v->decisions[partition] + 1);
}

/* A row that was written already gets its list of decisions anew. */
static bool join_written_row(struct volume *v, int64_t seq, uint64_t id, struct err *e) {
  sqlite3_stmt *select = volume_statement(v, SELECT_ROW_DECISIONS);
  struct buf ids = {0};
  sqlite3_bind_int64(select, 1, seq);
  const int got = sql_row(select, "reading a row's decisions", e);
  bool done = got == 1 && row_decision_ids(select, 0, &ids);
  if (got == 0) err_set(e, ERR_MISSING, "a decision names row %lld, which is not there", (long long)seq);
  sqlite3_reset(select);
  buf_put(&ids, &id, sizeof id);
  if (done) {
    sqlite3_stmt *update = volume_statement(v, UPDATE_ROW_DECISIONS);
    sqlite3_bind_int64(update, 1, seq);
    if (ids.len == 8) sqlite3_bind_int64(update, 2, (int64_t)id);
    else sql_bind_str(update, 2, buf_view(&ids));
    done = !ids.failed && sql_run(update, "writing a row's decisions", e);
  }
  buf_free(&ids);
  return done;
}

bool volume_add_decision(struct volume *v, struct user *u, uint64_t id, int64_t seq, struct str record, struct err *e) {
  if (!turn_begin(v, e)) return false;
  v->has_rows = true;
  if (!pending_decision(v, u, id, seq, record, e)) return turn_fail(v);
  v->decisions[id >> 48] = id & UINT64_C(0xffffffffffff);
  struct pending_row *row = pending_of(v, seq);
  if (!row) return join_written_row(v, seq, id, e) || turn_fail(v);
  buf_put(&row->decisions, &id, sizeof id);
  if (!row->decisions.failed) return true;
  err_set(e, ERR_STORAGE, "memory for a decision is missing");
  return turn_fail(v);
}

/* ---- the end of a turn ---- */

bool volume_commit(struct volume *v, struct err *e) {
  if (v->failed) return err_set(e, ERR_STORAGE, "volume %u failed and is not recovered yet", v->number);
  if (!v->in_turn) return true;
  if (!pending_write(v, e)) return false;
  if (v->wal) wal_gather(v->wal);
  const bool done = sql_run(volume_statement(v, COMMIT_TURN), "committing a turn", e);
  const int rc = v->wal ? wal_gathered(v->wal) : SQLITE_OK;
  if (done && rc != SQLITE_OK) sql_fail(e, v->db, rc, "writing a turn to the log");
  if (!done || rc != SQLITE_OK) return turn_fail(v);
  v->in_turn = v->has_rows = false;
  v->commits++;
  return true;
}
