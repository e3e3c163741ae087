/* Checkpoints: a user's state right after a row, with a digest of what a replay derives. Promises that a checkpoint is only taken of a
 * state that is stored, that it is given back only when it opens with its user's key and fits its digest, and that what is left of a
 * trimmed row reads back. When they are taken and what they let go is retention.c's and trim.c's. On the volume's thread. */
#include "kit/hash.h"
#include "retaining.h"
#include <string.h>

bool user_digest(const struct user *u, unsigned char digest[32]) {
  struct user same = *u; /* shares everything; only numbers are left out */
  struct buf bytes = {0};
  same.head = same.due = 0;
  same.events = 0;
  same.seen = NULL;
  const bool done = user_encode(&same, &bytes);
  if (done) hash_sha256(buf_view(&bytes), digest);
  buf_free(&bytes);
  return done;
}

bool checkpoint_take(struct volume *v, struct user *stored, int64_t head, int64_t arrived, struct err *e) {
  unsigned char digest[32];
  if (stored->head != head)
    return err_set(e, ERR_STORAGE, "user %lld: the stored state is of row %lld, not of row %lld", (long long)stored->number,
                   (long long)stored->head, (long long)head);
  if (!user_digest(stored, digest)) return err_set(e, ERR_STORAGE, "memory for a checkpoint is missing");
  sqlite3_stmt *put = volume_statement(v, PUT_CHECKPOINT);
  sqlite3_bind_int64(put, 1, stored->number);
  sqlite3_bind_int64(put, 2, arrived);
  sqlite3_bind_blob(put, 3, digest, sizeof digest, SQLITE_STATIC);
  return sql_run(put, "writing a checkpoint", e);
}

bool trim_put(struct volume *v, int64_t user, const struct trim *t, struct err *e) {
  sqlite3_stmt *put = volume_statement(v, PUT_TRIM);
  sqlite3_bind_int64(put, 1, user);
  sqlite3_bind_int64(put, 2, t->base);
  sqlite3_bind_int64(put, 3, t->cut);
  sqlite3_bind_int64(put, 4, t->at);
  sqlite3_bind_int64(put, 5, t->oldest);
  sqlite3_bind_int64(put, 6, t->decided);
  return sql_run(put, "writing what was trimmed", e);
}

bool volume_trim(struct volume *v, int64_t user, struct trim *out, struct err *e) {
  *out = (struct trim){.oldest = INT64_MIN};
  if (!v->statements[SELECT_TRIM]) return true;
  sqlite3_stmt *select = volume_statement(v, SELECT_TRIM);
  sqlite3_bind_int64(select, 1, user);
  const int got = sql_row(select, "reading what was trimmed", e);
  if (got == 1)
    *out = (struct trim){sqlite3_column_int64(select, 0), sqlite3_column_int64(select, 1), sqlite3_column_int64(select, 2),
                         sqlite3_column_int64(select, 3), sqlite3_column_int64(select, 4)};
  sqlite3_reset(select);
  return got >= 0;
}

bool volume_trims(struct volume *v, uint64_t *users, int64_t *whole_since, struct err *e) {
  if (!v->statements[SELECT_TRIM]) return true;
  sqlite3_stmt *all = sql_prepare(
      v->db, "SELECT count(*), max(c.at) FROM trims t LEFT JOIN checkpoints c ON c.user=t.user AND c.head=t.base WHERE t.base>0", e);
  const bool done = all && sql_row(all, "reading what was trimmed", e) == 1;
  if (done) *users += (uint64_t)sqlite3_column_int64(all, 0);
  if (done && sqlite3_column_int64(all, 1) > *whole_since) *whole_since = sqlite3_column_int64(all, 1);
  sql_finalize(&all);
  return done;
}

/* The state goes into a user of the right identity and key. */
static bool open_state(struct volume *v, sqlite3_stmt *select, struct user *into, int64_t base, struct err *e) {
  unsigned char digest[32];
  const struct str stored = sql_column_str(select, 1);
  buf_clear(&v->plain);
  if (!piece_open(v, into, 's', 0, sql_column_str(select, 0), &v->plain, e) || !user_decode(into, buf_view(&v->plain), e)) return false;
  if (!user_digest(into, digest)) return err_set(e, ERR_STORAGE, "memory for a checkpoint is missing");
  return (into->head == base && stored.len == sizeof digest && memcmp(stored.at, digest, sizeof digest) == 0) ||
         err_set(e, ERR_STORAGE, "the checkpoint of user %lld at row %lld does not fit its digest: damaged", (long long)into->number,
                 (long long)base);
}

bool checkpoint_open(struct volume *v, struct user *into, int64_t base, struct err *e) {
  sqlite3_stmt *select = volume_statement(v, SELECT_CHECKPOINT);
  sqlite3_bind_int64(select, 1, into->number);
  sqlite3_bind_int64(select, 2, base);
  const int got = sql_row(select, "reading a checkpoint", e);
  if (got == 0)
    err_set(e, ERR_STORAGE, "user %lld: rows were trimmed behind row %lld, but its checkpoint is missing", (long long)into->number,
            (long long)base);
  const bool done = got == 1 && open_state(v, select, into, base, e);
  sqlite3_reset(select);
  return done;
}

bool volume_base(struct volume *v, int64_t user, struct user *into, int64_t *base, struct err *e) {
  struct trim t;
  *base = 0;
  if (!volume_trim(v, user, &t, e)) return false;
  if (!t.base) return true;
  struct user *known = volume_user_number(v, user, e), opened;
  if (!known) return (e && e->kind) || err_set(e, ERR_MISSING, "user %lld is not there any more", (long long)user);
  if (!user_init(&opened)) return err_set(e, ERR_STORAGE, "memory for a user is missing");
  opened.number = known->number;
  opened.digest = known->digest;
  memcpy(opened.key, known->key, sizeof opened.key);
  bool done = checkpoint_open(v, &opened, t.base, e);
  /* The identity stays the caller's: some readers know no key. */
  struct buf bytes = {0};
  done = done && ((user_encode(&opened, &bytes) && user_decode(into, buf_view(&bytes), e)) ||
                  err_set(e, ERR_STORAGE, "memory for a user is missing"));
  buf_free(&bytes);
  user_clear(&opened);
  if (done) *base = t.base;
  return done;
}

/* ---- what is left of a row ---- */

bool remnant_read(struct str body, struct entry *out) {
  if (body.len > STUB_MOST) return false;
  struct unpack in = unpack_from(body);
  out->count = unpack_u64(&in);
  out->arrived = unpack_i64(&in);
  out->body = out->record = (struct str){"", 0};
  return out->trimmed = !in.failed;
}

bool volume_remnant(struct volume *v, int64_t seq, struct arena *a, struct entry *out, uint64_t **decisions, struct err *e) {
  struct buf ids = {0};
  struct str body;
  sqlite3_stmt *select = volume_statement(v, SELECT_ROW);
  sqlite3_bind_int64(select, 1, seq);
  const int got = sql_row(select, "reading a trimmed row", e);
  if (got < 0) return false;
  bool done = false;
  if (got == 1) {
    row_columns(select, out, &body);
    done = remnant_read(body, out) && row_decision_ids(select, 6, &ids);
  }
  sqlite3_reset(select);
  if (!done) {
    buf_free(&ids);
    return err_set(e, ERR_MISSING, "volume %u has no trimmed row %lld", v->number, (long long)seq);
  }
  *decisions = ARENA_ARRAY(a, uint64_t, ids.len / 8 + 1);
  done = *decisions || err_set(e, ERR_STORAGE, "memory for a row's decisions is missing");
  if (done && ids.len) memcpy(*decisions, ids.at, ids.len);
  buf_free(&ids);
  return done;
}

bool volume_checkpoints(struct volume *v, struct arena *a, struct checkpoint **list, size_t *count, struct err *e) {
  int64_t most;
  *count = 0;
  if (!v->statements[SELECT_CHECKPOINT]) return true;
  if (!sql_int(v->db, "SELECT count(*) FROM checkpoints", 0, &most, e)) return false;
  *list = ARENA_ARRAY(a, struct checkpoint, (size_t)most + 1);
  sqlite3_stmt *all = sql_prepare(v->db, "SELECT user, head, digest FROM checkpoints ORDER BY head LIMIT ?", e);
  if (!*list || !all) {
    sql_finalize(&all);
    return err_set(e, ERR_STORAGE, "memory for %lld checkpoints is missing", (long long)most);
  }
  sqlite3_bind_int64(all, 1, most); /* beside an engine there may be more by now */
  int got;
  while ((got = sql_row(all, "reading checkpoints", e)) == 1) {
    struct checkpoint *c = &(*list)[(*count)++];
    const struct str digest = sql_column_str(all, 2);
    *c = (struct checkpoint){.user = sqlite3_column_int64(all, 0), .head = sqlite3_column_int64(all, 1)};
    if (digest.len == sizeof c->digest) memcpy(c->digest, digest.at, sizeof c->digest);
  }
  sql_finalize(&all);
  return got == 0;
}
