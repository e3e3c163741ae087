/* Walks over all users of a volume: who is due, and everyone in turn. Promises number order, each user once, and bounded memory while
 * walking. Called by the lane after opening and, in pieces, when a program change needs a look at everyone; by tools. */
#include "volume.h"

/* Whoever is due and could not be given would wait for the next start. Whoever is in memory knows better than the stored column; the others
 * are complete on disk. */
bool volume_due_users(struct volume *v, bool (*each)(void *context, int64_t number, int64_t due), void *context, struct err *e) {
  sqlite3_stmt *rows = sql_prepare(v->db, "SELECT number, due FROM users ORDER BY number", e);
  if (!rows) return false;
  int got;
  while ((got = sql_row(rows, "reading who is due", e)) == 1) {
    const int64_t number = sqlite3_column_int64(rows, 0);
    const struct user *u = users_hot(v, number);
    const int64_t due = u ? u->due : sqlite3_column_int64(rows, 1);
    if (due && !each(context, number, due)) break;
  }
  sql_finalize(&rows);
  return got == 1 ? err_set(e, ERR_STORAGE, "memory for who is due is missing") : got == 0;
}

bool volume_next_user(struct volume *v, int64_t after, int64_t *number, struct err *e) {
  if (v->failed || !v->db) return err_set(e, ERR_STORAGE, "volume %u failed and is not recovered yet", v->number);
  sqlite3_stmt *next = volume_statement(v, SELECT_NEXT_USER);
  sqlite3_bind_int64(next, 1, after);
  const int got = sql_row(next, "walking the users", e);
  *number = got == 1 && sqlite3_column_type(next, 0) != SQLITE_NULL ? sqlite3_column_int64(next, 0) : 0;
  sqlite3_reset(next);
  return got >= 0;
}

uint64_t volume_whole(const struct volume *v) {
  return (uint64_t)v->whole;
}

bool volume_set_whole(struct volume *v, uint64_t set, struct err *e) {
  if (v->whole == (int64_t)set) return true;
  if (!turn_begin(v, e)) return false;
  v->has_rows = true;
  if (!meta_put(v, "features_whole", (int64_t)set, e)) return turn_fail(v);
  v->whole = (int64_t)set;
  return true;
}

bool volume_each_user(struct volume *v, bool (*each)(void *context, struct user *u), void *context, struct err *e) {
  sqlite3_stmt *next = sql_prepare(v->db, "SELECT min(number) FROM users WHERE number>?", e);
  if (!next) return false;
  bool done = true;
  for (int64_t number = 0; done;) {
    sqlite3_bind_int64(next, 1, number);
    const int got = sql_row(next, "walking the users", e);
    const bool more = got == 1 && sqlite3_column_type(next, 0) != SQLITE_NULL;
    if (more) number = sqlite3_column_int64(next, 0);
    sqlite3_reset(next);
    if (got < 0) done = false;
    if (!more) break;
    struct err why = {0};
    struct user *u = volume_user_number(v, number, &why);
    if (!u && why.kind) {
      if (e) *e = why;
      done = false;
    }
    if (u && !each(context, u)) break;
    /* Between two users nobody holds a pointer: memory stays bounded however many there are. */
    if (v->writer) users_trim(v, volume_limits.hot_users);
  }
  sql_finalize(&next);
  return done;
}
