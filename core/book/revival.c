/* Dead letters: messages that failed wait again, because an operator says so. Promises that none comes back which is too late, whose user
 * has opted out, which something stopped since it was decided, or which cannot be read; what a user's change or opt-out stopped was
 * withdrawn then (volume_withdraw) and is no dead letter any more. Sends nothing: the rows wait, and the courier asks for them. Called on
 * the volume's lane. */
#include "volume.h"
#include <string.h>

static bool list_failed(struct volume *v, struct revival *r, uint32_t most, struct buf *ids, struct err *e) {
  sqlite3_stmt *select = volume_statement(v, SELECT_FATES);
  sqlite3_bind_int64(select, 1, (int64_t)r->after);
  sqlite3_bind_int64(select, 2, most);
  uint32_t seen = 0;
  int got;
  while ((got = sql_row(select, "reading the outbox", e)) == 1) {
    const int64_t row[2] = {sqlite3_column_int64(select, 0), sqlite3_column_int64(select, 1)};
    const int64_t ended = sqlite3_column_int64(select, 3);
    seen++;
    r->after = (uint64_t)row[0];
    if (sqlite3_column_int(select, 4) != OUTBOX_FAILED || ended < r->from || ended >= r->to) continue;
    if (sqlite3_column_int64(select, 2) <= r->now) r->too_late++;
    else buf_put(ids, row, sizeof row);
  }
  sqlite3_reset(select);
  r->done = seen < most;
  return got == 0 && (!ids->failed || err_set(e, ERR_STORAGE, "memory for dead letters is missing"));
}

bool volume_decided(struct volume *v, uint64_t id, int64_t *seq, struct err *e) {
  sqlite3_stmt *select = volume_statement(v, SELECT_DECISION);
  sqlite3_bind_int64(select, 1, (int64_t)id);
  const int got = sql_row(select, "reading a decision", e);
  *seq = got == 1 ? sqlite3_column_int64(select, 0) : 0; /* not known: everything counts as later */
  sqlite3_reset(select);
  return got >= 0;
}

/* Whether nothing keeps it from waiting again; false: storage. */
static bool may_wait(struct volume *v, struct revival *r, uint64_t id, int64_t number, struct arena *a, bool *may, struct err *e) {
  struct err why = {0};
  struct outbox_row row;
  int64_t seq;
  bool stopped = false;
  *may = false;
  const struct user *u = volume_user_number(v, number, &why);
  const bool read = u && volume_outbox(v, id, a, &row, &why) && row.body.len && row.names.len;
  if (v->failed) {
    if (e) *e = why;
    return false;
  }
  if (!read) {
    r->unreadable++;
    return true;
  }
  if (u->consent == CONSENT_WITHDRAWN) {
    r->opted_out++;
    return true;
  }
  if (r->stopped && (!volume_decided(v, id, &seq, e) || !r->stopped(r->context, id, seq, row.names, &stopped, e))) return false;
  r->killed += stopped;
  *may = !stopped;
  return true;
}

static bool revive_one(struct volume *v, struct revival *r, uint64_t id, int64_t number, struct err *e) {
  struct arena a = {0};
  bool may;
  const bool read = may_wait(v, r, id, number, &a, &may, e);
  arena_free(&a);
  if (!read || !may) return read;
  if (!turn_begin(v, e)) return false;
  sqlite3_stmt *update = volume_statement(v, UPDATE_REVIVED);
  sqlite3_bind_int64(update, 1, (int64_t)id);
  if (!sql_run(update, "taking a dead letter back", e)) return turn_fail(v);
  r->again++;
  const struct outbox_attempt again = {.id = id, .user = number, .at = r->now, .due = r->now, .result_json = r->result_json};
  return volume_attempt(v, &again, e);
}

bool volume_revive(struct volume *v, struct revival *r, uint32_t most, struct err *e) {
  if (v->failed || !v->db) return err_set(e, ERR_STORAGE, "volume %u failed and is not recovered yet", v->number);
  struct buf ids = {0};
  bool done = list_failed(v, r, most, &ids, e);
  for (size_t at = 0; done && at < ids.len; at += 2 * sizeof(int64_t)) {
    int64_t row[2];
    memcpy(row, ids.at + at, sizeof row);
    done = revive_one(v, r, (uint64_t)row[0], row[1], e);
  }
  buf_free(&ids);
  return done;
}
