/* What a move does with checkpoints and with what was trimmed: states of the past get the new numbers of their rows, like those of now.
 * Promises that the digests still fit, since no number of a row goes into them. Switches nothing; move.c does. Called on the tool's thread.
 */
#include "move.h"
#include "seen.h"

static int64_t new_seq(void *context, int64_t seq) {
  const struct move_source *s = context;
  return seq > 0 && (size_t)seq < s->seqs_bytes / sizeof *s->seqs ? s->seqs[seq] : 0;
}

static struct move_target *home(struct move *m, const struct user *u) {
  return &m->targets[m->layout.volume_of[u->partition]];
}

static struct user *owner(struct move_source *s, int64_t number, struct err *e) {
  sqlite3_stmt *select = volume_statement(s->volume, SELECT_USER_NUMBER);
  sqlite3_bind_int64(select, 1, number);
  const int got = number >= 1 && number <= s->users_most ? sql_row(select, "reading a user", e) : 0;
  struct user *u = got == 1 ? user_from_row(s->volume, select, true, NULL, e) : NULL;
  sqlite3_reset(select);
  if (got == 0) err_set(e, ERR_STORAGE, "user %lld has a checkpoint, but is not there", (long long)number);
  return u;
}

static bool renumber(struct move_source *s, sqlite3_stmt *row, struct user *u, struct err *e) {
  struct volume *v = s->volume;
  buf_clear(&v->plain);
  buf_clear(&v->sealed);
  if (!piece_open(v, u, 's', 0, sql_column_str(row, 3), &v->plain, e) || !user_decode(u, buf_view(&v->plain), e)) return false;
  u->head = new_seq(s, u->head);
  if (!u->head) return err_set(e, ERR_STORAGE, "user %lld: the row of a checkpoint is missing", (long long)u->number);
  buf_clear(&v->plain);
  if (!seen_renumber(u->seen, new_seq, s) || !user_encode(u, &v->plain))
    return err_set(e, ERR_STORAGE, "memory for a checkpoint is missing");
  return piece_seal(v, u, 's', 0, buf_view(&v->plain), &v->sealed, e);
}

static bool move_checkpoint(struct move *m, struct move_source *s, sqlite3_stmt *row, struct err *e) {
  struct user *u = owner(s, sqlite3_column_int64(row, 0), e);
  struct move_target *t = u ? home(m, u) : NULL;
  bool done = u && move_step(t, MOVE_ROWS_A_TRANSACTION, e) && renumber(s, row, u, e);
  if (done) {
    sqlite3_stmt *insert = t->statements[MOVE_CHECKPOINT];
    sqlite3_reset(insert);
    sqlite3_bind_int64(insert, 1, s->users[u->number].number);
    sqlite3_bind_int64(insert, 2, u->head);
    sqlite3_bind_value(insert, 3, sqlite3_column_value(row, 2));
    sql_bind_str(insert, 4, buf_view(&s->volume->sealed));
    sqlite3_bind_value(insert, 5, sqlite3_column_value(row, 4));
    done = sql_run(insert, "moving a checkpoint", e);
  }
  user_free(u);
  return done;
}

static bool move_trim(struct move *m, struct move_source *s, sqlite3_stmt *row, struct err *e) {
  struct user *u = owner(s, sqlite3_column_int64(row, 0), e);
  struct move_target *t = u ? home(m, u) : NULL;
  bool done = u && move_step(t, MOVE_ROWS_A_TRANSACTION, e);
  if (done) {
    sqlite3_stmt *insert = t->statements[MOVE_TRIM];
    sqlite3_reset(insert);
    for (int column = 3; column < 6; column++) sqlite3_bind_value(insert, column + 1, sqlite3_column_value(row, column));
    sqlite3_bind_int64(insert, 1, s->users[u->number].number);
    sqlite3_bind_int64(insert, 2, new_seq(s, sqlite3_column_int64(row, 1)));
    sqlite3_bind_int64(insert, 3, new_seq(s, sqlite3_column_int64(row, 2)));
    done = sql_run(insert, "moving what was trimmed", e);
  }
  user_free(u);
  return done;
}

static bool each(struct move *m, struct move_source *s, const char *text,
                 bool (*one)(struct move *m, struct move_source *s, sqlite3_stmt *row, struct err *e), struct err *e) {
  sqlite3_stmt *rows = sql_prepare(s->volume->db, text, e);
  if (!rows) return false;
  int got = 0;
  bool done = true;
  while (done && (got = sql_row(rows, "reading checkpoints", e)) == 1) done = one(m, s, rows, e);
  sql_finalize(&rows);
  return done && got >= 0;
}

bool move_trims(struct move *m, struct err *e) {
  for (uint32_t n = 0; n < m->book->layout.volumes; n++) {
    struct move_source *s = &m->sources[n];
    if (!each(m, s, "SELECT user, head, at, state, digest FROM checkpoints ORDER BY user, head", move_checkpoint, e) ||
        !each(m, s, "SELECT user, base, cut, at, oldest, decided FROM trims ORDER BY user", move_trim, e))
      return false;
  }
  return true;
}
