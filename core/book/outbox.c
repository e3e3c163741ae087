/* Outbox rows: rendered bytes on their way out, their attempts and their ends. Promises that a row is written with its decision's
 * transaction, that an attempt joins a turn like everything else, and that a withdrawn row is ended before the courier is told. Sends
 * nothing; emit does. Called on the volume's lane, readers may look. */
#include "volume.h"
#include <string.h>

static bool seal_row(struct volume *v, struct user *u, const struct outbox_row *row, struct buf pieces[3], struct err *e) {
  if (!piece_seal(v, u, 'o', row->id, row->body, &pieces[0], e) || !piece_seal(v, u, 'n', row->id, row->names, &pieces[1], e)) return false;
  return !row->log.len || piece_seal(v, u, 'l', row->id, row->log, &pieces[2], e);
}

bool volume_add_outbox(struct volume *v, struct user *u, const struct outbox_row *row, struct err *e) {
  if (!turn_begin(v, e)) return false;
  v->has_rows = true;
  struct buf pieces[3] = {{0}};
  bool done = seal_row(v, u, row, pieces, e);
  if (done) {
    sqlite3_stmt *insert = volume_statement(v, INSERT_OUTBOX);
    sqlite3_bind_int64(insert, 1, (int64_t)row->id);
    sqlite3_bind_int64(insert, 2, u->number);
    sqlite3_bind_int64(insert, 3, row->send_before);
    sqlite3_bind_int64(insert, 4, row->due);
    sqlite3_bind_int64(insert, 5, row->attempts);
    sqlite3_bind_int64(insert, 6, row->end);
    sql_bind_str(insert, 7, buf_view(&pieces[0]));
    sql_bind_str(insert, 8, buf_view(&pieces[1]));
    if (row->log.len) sql_bind_str(insert, 9, buf_view(&pieces[2]));
    else sqlite3_bind_null(insert, 9);
    done = sql_run(insert, "writing an outbox row", e);
  }
  for (int i = 0; i < 3; i++) buf_free(&pieces[i]);
  return done || turn_fail(v);
}

/* ---- attempts ---- */

/* The log with one more element; a first one opens the array. */
static bool log_join(struct volume *v, struct user *u, struct str log, uint64_t id, struct str result, struct err *e) {
  buf_clear(&v->plain);
  buf_clear(&v->sealed);
  if (log.at && !piece_open(v, u, 'l', id, log, &v->plain, e)) return false;
  if (v->plain.len > 2) v->plain.at[v->plain.len - 1] = ',';
  else {
    buf_clear(&v->plain);
    buf_char(&v->plain, '[');
  }
  buf_str(&v->plain, result);
  buf_char(&v->plain, ']');
  if (v->plain.failed) {
    v->plain.failed = false;
    return err_set(e, ERR_STORAGE, "memory for an attempt is missing");
  }
  return piece_seal(v, u, 'l', id, buf_view(&v->plain), &v->sealed, e);
}

static void bind_attempt(sqlite3_stmt *update, const struct volume *v, const struct outbox_attempt *a, int64_t due, enum outbox_end end) {
  sqlite3_bind_int64(update, 1, (int64_t)a->id);
  sqlite3_bind_int64(update, 2, due);
  sqlite3_bind_int64(update, 3, end);
  sql_bind_str(update, 4, buf_view(&v->sealed));
  sqlite3_bind_int64(update, 5, a->attempt);
}

/* Most messages are taken at their first attempt: their row waits and has no log yet, and it is not read to find that out. */
static bool first_attempt(struct volume *v, const struct outbox_attempt *a, bool *joined, struct err *e) {
  *joined = false;
  struct user *u = a->user && a->attempt == 1 ? volume_user_number(v, a->user, NULL) : NULL;
  if (!u) return true;
  if (!log_join(v, u, (struct str){0}, a->id, a->result_json, e)) return false;
  sqlite3_stmt *update = volume_statement(v, UPDATE_FIRST_ATTEMPT);
  bind_attempt(update, v, a, a->end == OUTBOX_WAITING ? a->due : a->at, a->end);
  sqlite3_bind_int64(update, 6, a->user);
  if (!sql_run(update, "writing an attempt", e)) return false;
  *joined = sqlite3_changes(v->db) > 0;
  v->has_rows |= *joined;
  return true;
}

bool volume_attempt(struct volume *v, const struct outbox_attempt *a, struct err *e) {
  bool joined;
  if (!turn_begin(v, e)) return false;
  if (!first_attempt(v, a, &joined, e)) return turn_fail(v);
  if (joined) return true;
  char text[32];
  decision_id_text(a->id, text);
  sqlite3_stmt *select = volume_statement(v, SELECT_OUTBOX);
  sqlite3_bind_int64(select, 1, (int64_t)a->id);
  const int got = sql_row(select, "reading an outbox row", e);
  if (got < 0) return turn_fail(v);
  if (!got) return err_set(e, ERR_MISSING, "there is no outbox row of decision %s", text);
  struct user *u = volume_user_number(v, sqlite3_column_int64(select, 1), e);
  /* A row that was withdrawn or has expired meanwhile keeps its end; the attempt that was on its way is still logged. */
  const enum outbox_end before = (enum outbox_end)sqlite3_column_int(select, 5);
  const int64_t due_before = sqlite3_column_int64(select, 3);
  const bool done = u && log_join(v, u, sql_column_str(select, 8), a->id, a->result_json, e);
  sqlite3_reset(select);
  if (!done) return turn_fail(v);
  v->has_rows = true;
  const bool over = before != OUTBOX_WAITING && a->end != OUTBOX_DELIVERED;
  sqlite3_stmt *update = volume_statement(v, UPDATE_ATTEMPT);
  bind_attempt(update, v, a, over ? due_before : a->end == OUTBOX_WAITING ? a->due : a->at, over ? before : a->end);
  return sql_run(update, "writing an attempt", e) || turn_fail(v);
}

bool volume_withdraw(struct volume *v, struct user *u, void (*each)(void *context, uint64_t id), void *context, struct err *e) {
  if (!turn_begin(v, e)) return false;
  struct buf ids = {0};
  sqlite3_stmt *select = volume_statement(v, SELECT_WAITING_OF_USER);
  sqlite3_bind_int64(select, 1, u->number);
  int got;
  while ((got = sql_row(select, "reading a user's outbox", e)) == 1) {
    const int64_t id = sqlite3_column_int64(select, 0);
    buf_put(&ids, &id, sizeof id);
  }
  bool done = got == 0 && (!ids.failed || err_set(e, ERR_STORAGE, "memory for withdrawing is missing"));
  for (size_t at = 0; done && at < ids.len; at += sizeof(int64_t)) {
    int64_t id;
    memcpy(&id, ids.at + at, sizeof id);
    v->has_rows = true;
    sqlite3_stmt *update = volume_statement(v, UPDATE_WITHDRAWN);
    sqlite3_bind_int64(update, 1, id);
    done = sql_run(update, "withdrawing an outbox row", e);
    if (done && each) each(context, (uint64_t)id);
  }
  buf_free(&ids);
  return done || turn_fail(v);
}

/* ---- reading ---- */

static bool open_piece(struct volume *v, struct user *u, char what, uint64_t id, struct str sealed, struct arena *a, struct str *out,
                       struct err *e) {
  *out = (struct str){"", 0};
  if (!sealed.at) return true;
  buf_clear(&v->plain);
  if (!piece_open(v, u, what, id, sealed, &v->plain, e)) return false;
  *out = (struct str){arena_text(a, v->plain.at, v->plain.len), v->plain.len};
  return out->at || err_set(e, ERR_STORAGE, "memory for an outbox row is missing");
}

static bool outbox_read(struct volume *v, sqlite3_stmt *row, struct arena *a, struct outbox_row *out, struct err *e) {
  *out = (struct outbox_row){.id = (uint64_t)sqlite3_column_int64(row, 0),
                             .user = sqlite3_column_int64(row, 1),
                             .send_before = sqlite3_column_int64(row, 2),
                             .due = sqlite3_column_int64(row, 3),
                             .attempts = (uint32_t)sqlite3_column_int64(row, 4),
                             .end = (enum outbox_end)sqlite3_column_int(row, 5)};
  struct err why = {0};
  struct user *u = volume_user_number(v, out->user, &why);
  if (!u && !why.kind) return err_set(e, ERR_MISSING, "an outbox row belongs to a user who is not there any more");
  if (!u) {
    if (e) *e = why;
    return false;
  }
  return open_piece(v, u, 'o', out->id, sql_column_str(row, 6), a, &out->body, e) &&
         open_piece(v, u, 'n', out->id, sql_column_str(row, 7), a, &out->names, e) &&
         open_piece(v, u, 'l', out->id, sql_column_str(row, 8), a, &out->log, e);
}

bool volume_outbox(struct volume *v, uint64_t id, struct arena *a, struct outbox_row *out, struct err *e) {
  if (v->failed || !v->db) return err_set(e, ERR_STORAGE, "volume %u failed and is not recovered yet", v->number);
  char text[32];
  decision_id_text(id, text);
  sqlite3_stmt *select = volume_statement(v, SELECT_OUTBOX);
  sqlite3_bind_int64(select, 1, (int64_t)id);
  const int got = sql_row(select, "reading an outbox row", e);
  if (got < 0) return false;
  if (!got) return err_set(e, ERR_MISSING, "there is no outbox row of decision %s", text);
  const bool done = outbox_read(v, select, a, out, e);
  sqlite3_reset(select);
  return done;
}

bool volume_waiting(struct volume *v, int64_t due_before, uint32_t most, struct arena *a, struct outbox_row **rows, size_t *count,
                    struct err *e) {
  *count = 0;
  if (v->failed || !v->db) return err_set(e, ERR_STORAGE, "volume %u failed and is not recovered yet", v->number);
  *rows = ARENA_ARRAY(a, struct outbox_row, (size_t)most + 1);
  if (!*rows) return err_set(e, ERR_STORAGE, "memory for waiting outbox rows is missing");
  sqlite3_stmt *select = volume_statement(v, SELECT_WAITING);
  sqlite3_bind_int64(select, 1, due_before);
  sqlite3_bind_int64(select, 2, most);
  int got;
  while ((got = sql_row(select, "reading the outbox", e)) == 1) {
    if (outbox_read(v, select, a, &(*rows)[*count], e)) ++*count;
    else break;
  }
  sqlite3_reset(select);
  return got == 0;
}

bool volume_expiring(struct volume *v, bool (*each)(void *context, uint64_t id, int64_t send_before), void *context, struct err *e) {
  if (v->failed || !v->db) return err_set(e, ERR_STORAGE, "volume %u failed and is not recovered yet", v->number);
  sqlite3_stmt *select = volume_statement(v, SELECT_EXPIRING);
  int got;
  while ((got = sql_row(select, "reading the outbox", e)) == 1)
    if (!each(context, (uint64_t)sqlite3_column_int64(select, 0), sqlite3_column_int64(select, 1))) break;
  sqlite3_reset(select);
  return got >= 0;
}

/* ---- dead letters ---- */

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

static bool revive_one(struct volume *v, struct revival *r, uint64_t id, int64_t number, struct err *e) {
  struct user *u = volume_user_number(v, number, e);
  if (!u) return false;
  if (u->consent == CONSENT_WITHDRAWN) {
    r->opted_out++;
    return true;
  }
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
