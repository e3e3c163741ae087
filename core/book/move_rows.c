/* The copying half of a move. Promises that each partition's rows keep their order, that bodies travel as they are (a seal is bound to the
 * user and the place in the chain, not to numbers), and that pointers, heads and the duplicates' memory are rewritten to the new numbers.
 * Switches nothing; move.c does. Called on the tool's thread. */
#include "move.h"
#include "seen.h"
#include <stdio.h>
#include <string.h>

bool move_step(struct move_target *t, int64_t most, struct err *e) {
  if (t->in_transaction && t->in_transaction >= most) {
    if (!sql_exec(t->db, "COMMIT", e)) return false;
    t->in_transaction = 0;
    const int rc = sqlite3_wal_checkpoint_v2(t->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    if (rc != SQLITE_OK) return sql_fail(e, t->db, rc, "checkpointing a moved volume");
  }
  if (most && !t->in_transaction && !sql_exec(t->db, "BEGIN IMMEDIATE", e)) return false;
  if (most) t->in_transaction++;
  return true;
}

static struct move_target *target_of(struct move *m, uint32_t partition) {
  return partition < BOOK_PARTITIONS ? &m->targets[m->layout.volume_of[partition]] : NULL;
}

static sqlite3_stmt *statement(struct move_target *t, enum move_statement which) {
  sqlite3_reset(t->statements[which]);
  return t->statements[which];
}

/* ---- users ---- */

static bool move_user(struct move *m, struct move_source *s, sqlite3_stmt *row, struct err *e) {
  const int64_t old = sqlite3_column_int64(row, 0);
  struct move_target *t = target_of(m, (uint32_t)sqlite3_column_int64(row, 2));
  if (!t || old < 1 || old > s->users_most) return err_set(e, ERR_STORAGE, "user %lld has no partition", (long long)old);
  if (!move_step(t, MOVE_ROWS_A_TRANSACTION, e)) return false;
  s->users[old].number = t->next_user++;
  sqlite3_stmt *insert = statement(t, MOVE_USER);
  sqlite3_bind_int64(insert, 1, s->users[old].number);
  for (int column = 1; column < 7; column++) sqlite3_bind_value(insert, column + 1, sqlite3_column_value(row, column));
  sqlite3_bind_int64(insert, 5, 0); /* applied: with the state */
  return sql_run(insert, "moving a user", e);
}

bool move_users(struct move *m, struct err *e) {
  for (uint32_t n = 0; n < m->book->layout.volumes; n++) {
    struct move_source *s = &m->sources[n];
    sqlite3_stmt *rows = sql_prepare(s->volume->db, "SELECT number, digest, part, due, applied, key, id FROM users ORDER BY number", e);
    if (!rows) return false;
    int got;
    bool done = true;
    while (done && (got = sql_row(rows, "reading users", e)) == 1) done = move_user(m, s, rows, e);
    sql_finalize(&rows);
    if (!done || got < 0) return false;
  }
  return true;
}

/* ---- rows ---- */

static bool move_decision(struct move_source *s, struct move_target *t, int64_t id, int64_t seq, int64_t user, struct err *e) {
  sqlite3_stmt *select = volume_statement(s->volume, SELECT_DECISION);
  sqlite3_bind_int64(select, 1, id);
  const int got = sql_row(select, "reading a decision", e);
  if (got != 1) return got == 0 && err_set(e, ERR_STORAGE, "decision %lld of row %lld is missing", (long long)id, (long long)seq);
  sqlite3_stmt *insert = statement(t, MOVE_DECISION);
  sqlite3_bind_int64(insert, 1, id);
  sqlite3_bind_int64(insert, 2, seq);
  sqlite3_bind_int64(insert, 3, user);
  sqlite3_bind_value(insert, 4, sqlite3_column_value(select, 2));
  bool done = sql_run(insert, "moving a decision", e);
  sqlite3_reset(select);
  select = volume_statement(s->volume, SELECT_OUTBOX);
  sqlite3_bind_int64(select, 1, id);
  const int has = done ? sql_row(select, "reading an outbox row", e) : 0;
  if (has == 1) {
    insert = statement(t, MOVE_OUTBOX);
    for (int column = 0; column < 9; column++) sqlite3_bind_value(insert, column + 1, sqlite3_column_value(select, column));
    sqlite3_bind_int64(insert, 2, user);
    done = sql_run(insert, "moving an outbox row", e);
  }
  sqlite3_reset(select);
  return done && has >= 0;
}

static bool move_decisions(struct move_source *s, struct move_target *t, sqlite3_stmt *row, int64_t seq, int64_t user, struct err *e) {
  struct buf ids = {0};
  bool done = row_decision_ids(row, 6, &ids) || err_set(e, ERR_STORAGE, "the decisions of a row cannot be read");
  for (size_t at = 0; done && at < ids.len; at += sizeof(int64_t)) {
    int64_t id;
    memcpy(&id, ids.at + at, sizeof id);
    done = move_decision(s, t, id, seq, user, e);
  }
  buf_free(&ids);
  return done;
}

static bool move_row(struct move *m, struct move_source *s, sqlite3_stmt *row, struct err *e) {
  struct entry entry;
  struct str sealed;
  row_columns(row, &entry, &sealed);
  struct move_target *t = target_of(m, entry.partition);
  if (!t || entry.user < 0 || entry.user > s->users_most)
    return err_set(e, ERR_STORAGE, "journal row %lld has no partition or user", (long long)entry.seq);
  struct moved_user *u = entry.user ? &s->users[entry.user] : NULL;
  if (u && !u->number) return true; /* erased, its deletion under way */
  if (!move_step(t, MOVE_ROWS_A_TRANSACTION, e)) return false;
  int64_t *last = u ? &u->last : &m->control_last[entry.partition];
  const int64_t seq = t->next_seq++;
  sqlite3_stmt *insert = statement(t, MOVE_ROW);
  sqlite3_bind_int64(insert, 1, seq);
  sqlite3_bind_int64(insert, 2, entry.partition);
  sqlite3_bind_int64(insert, 3, u ? u->number : 0);
  sqlite3_bind_int64(insert, 4, *last);
  sqlite3_bind_int64(insert, 5, entry.kind);
  sqlite3_bind_value(insert, 6, sqlite3_column_value(row, 5));
  sqlite3_bind_value(insert, 7, sqlite3_column_value(row, 6));
  *last = seq;
  s->seqs[entry.seq] = seq;
  m->rows_done++;
  if (m->progress && m->rows_done % 10000 == 0) m->progress(m->context, (double)m->rows_done / (double)m->rows_all);
  return sql_run(insert, "moving a row", e) && move_decisions(s, t, row, seq, u ? u->number : 0, e);
}

bool move_rows(struct move *m, bool tail, struct err *e) {
  for (uint32_t n = 0; n < m->book->layout.volumes; n++) {
    struct move_source *s = &m->sources[n];
    sqlite3_stmt *rows = sql_prepare(
        s->volume->db, "SELECT seq, part, user, prev, kind, body, decisions FROM journal WHERE seq>?1 AND seq<=?2 ORDER BY seq", e);
    if (!rows) return false;
    sqlite3_bind_int64(rows, 1, tail ? s->volume->watermark : 0);
    sqlite3_bind_int64(rows, 2, tail ? INT64_MAX : s->volume->watermark);
    int got = 0;
    bool done = true;
    while (done && (got = sql_row(rows, "reading the journal", e)) == 1) done = move_row(m, s, rows, e);
    sql_finalize(&rows);
    if (!done || got < 0) return false;
  }
  if (!tail)
    for (uint32_t n = 0; n < m->layout.volumes; n++) m->targets[n].watermark = m->targets[n].next_seq - 1;
  return true;
}

/* ---- states ---- */

static int64_t new_seq(void *context, int64_t seq) {
  const struct move_source *s = context;
  return seq > 0 && (size_t)seq < s->seqs_bytes / sizeof *s->seqs ? s->seqs[seq] : 0;
}

static bool move_state(struct move *m, struct move_source *s, sqlite3_stmt *row, struct err *e) {
  struct volume *v = s->volume;
  struct user *u = user_from_row(v, row, true, NULL, e);
  if (!u) return false;
  struct move_target *t = &m->targets[m->layout.volume_of[u->partition]];
  const int64_t head = new_seq(s, u->head);
  bool done = !u->head || head || err_set(e, ERR_STORAGE, "user %lld: the stored state's newest row is missing", (long long)u->number);
  u->head = head;
  buf_clear(&v->plain);
  buf_clear(&v->sealed);
  done = done && (seen_renumber(u->seen, new_seq, s) || err_set(e, ERR_STORAGE, "memory for a user is missing"));
  done = done && user_encode(u, &v->plain) && piece_seal(v, u, 's', 0, buf_view(&v->plain), &v->sealed, e);
  if (done) {
    char text[128];
    snprintf(text, sizeof text, "UPDATE users SET applied=%lld, state=? WHERE number=%lld", (long long)head,
             (long long)s->users[u->number].number);
    sqlite3_stmt *update = move_step(t, MOVE_ROWS_A_TRANSACTION, e) ? sql_prepare(t->db, text, e) : NULL;
    done = update && sql_bind_str(update, 1, buf_view(&v->sealed)) && sql_run(update, "moving a state", e);
    sql_finalize(&update);
  }
  user_free(u);
  return done;
}

bool move_states(struct move *m, struct err *e) {
  for (uint32_t n = 0; n < m->book->layout.volumes; n++) {
    struct move_source *s = &m->sources[n];
    sqlite3_stmt *rows = sql_prepare(
        s->volume->db, "SELECT number, digest, part, due, applied, key, id, state FROM users WHERE state IS NOT NULL ORDER BY number", e);
    if (!rows) return false;
    int got = 0;
    bool done = true;
    while (done && (got = sql_row(rows, "reading states", e)) == 1) done = move_state(m, s, rows, e);
    sql_finalize(&rows);
    if (!done || got < 0) return false;
  }
  return true;
}

/* ---- meta ---- */

static bool put(struct move_target *t, const char *key, int64_t value, struct err *e) {
  sqlite3_stmt *insert = statement(t, MOVE_META);
  sqlite3_bind_text(insert, 1, key, -1, SQLITE_STATIC);
  sqlite3_bind_int64(insert, 2, value);
  return move_step(t, MOVE_ROWS_A_TRANSACTION, e) && sql_run(insert, "writing meta", e);
}

bool move_meta(struct move *m, struct err *e) {
  for (uint32_t p = 0; p < BOOK_PARTITIONS; p++) {
    struct move_source *s = &m->sources[m->book->layout.volume_of[p]];
    struct move_target *t = target_of(m, p);
    char key[32];
    snprintf(key, sizeof key, "decision_floor_%u", p);
    if (!put(t, key, (int64_t)s->volume->decisions[p], e)) return false;
    snprintf(key, sizeof key, "control_head_%u", p);
    if (!put(t, key, new_seq(s, s->volume->control_stored[p]), e)) return false;
  }
  int64_t retained;
  if (!meta_get(m->sources[0].volume->db, "retained_at", 0, &retained, e)) return false;
  for (uint32_t n = 0; retained && n < m->layout.volumes; n++)
    if (!put(&m->targets[n], "retained_at", retained, e)) return false;
  for (uint32_t n = 0; n < m->layout.volumes; n++)
    if (!put(&m->targets[n], "watermark", m->targets[n].watermark, e)) return false;
  return true;
}
