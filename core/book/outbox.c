/* Outbox rows: rendered bytes on their way out, their attempts and their ends. Promises that a row is written with its decision's
 * transaction, that an attempt joins a turn like everything else, that a withdrawn row is ended before the courier is told, and that a row
 * which is damaged can be ended and keeps no other waiting. Sends nothing; emit does. Called on the volume's lane, readers may look. */
#include "kit/clock.h"
#include "kit/json.h"
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

/* A piece that does not open is damaged unless memory failed, which is forgotten here: the next one may have what this one had not. */
static bool memory_failed(struct volume *v) {
  const bool failed = v->plain.failed || v->packed.failed;
  v->plain.failed = v->packed.failed = false;
  return failed;
}

#define LOST_LOG "[{\"reason\":\"what was recorded before this cannot be read any more\"},"

/* The log with one more element; a first one opens the array. One that is damaged begins anew and says so: how a message ends must not
 * hang on what became of the notes about it. */
static bool log_join(struct volume *v, struct user *u, struct str log, uint64_t id, struct str result, struct err *e) {
  buf_clear(&v->plain);
  buf_clear(&v->sealed);
  if (log.at && !piece_open(v, u, 'l', id, log, &v->plain, e)) {
    if (memory_failed(v)) return false;
    buf_clear(&v->plain);
    buf_text(&v->plain, LOST_LOG);
  } else if (v->plain.len > 2) v->plain.at[v->plain.len - 1] = ',';
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

/* As it is: nobody has the key of a person whose own row is damaged, but their messages end as well. */
static bool log_keep(struct volume *v, struct str log, struct err *e) {
  buf_clear(&v->sealed);
  buf_str(&v->sealed, log);
  if (!v->sealed.failed) return true;
  v->sealed.failed = false;
  return err_set(e, ERR_STORAGE, "memory for an attempt is missing");
}

static void bind_attempt(sqlite3_stmt *update, const struct volume *v, const struct outbox_attempt *a, int64_t due, enum outbox_end end) {
  sqlite3_bind_int64(update, 1, (int64_t)a->id);
  sqlite3_bind_int64(update, 2, due);
  sqlite3_bind_int64(update, 3, end);
  if (v->sealed.len) sql_bind_str(update, 4, buf_view(&v->sealed));
  else sqlite3_bind_null(update, 4);
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
  struct err why = {0};
  struct user *u = volume_user_number(v, sqlite3_column_int64(select, 1), &why);
  if (!u && v->failed) {
    if (e) *e = why;
    sqlite3_reset(select);
    return turn_fail(v);
  }
  /* A row that was withdrawn or has expired meanwhile keeps its end; the attempt that was on its way is still logged. */
  const enum outbox_end before = (enum outbox_end)sqlite3_column_int(select, 5);
  const int64_t due_before = sqlite3_column_int64(select, 3);
  const struct str log = sql_column_str(select, 8);
  const bool done = u ? log_join(v, u, log, a->id, a->result_json, e) : log_keep(v, log, e);
  sqlite3_reset(select);
  if (!done) return turn_fail(v);
  v->has_rows = true;
  const bool over = before != OUTBOX_WAITING && a->end != OUTBOX_DELIVERED;
  sqlite3_stmt *update = volume_statement(v, UPDATE_ATTEMPT);
  bind_attempt(update, v, a, over ? due_before : a->end == OUTBOX_WAITING ? a->due : a->at, over ? before : a->end);
  return sql_run(update, "writing an attempt", e) || turn_fail(v);
}

/* A message that failed waits as well: for an operator who has it sent again. One that is too late for that keeps its end. */
static bool withdraw_failed(struct volume *v, const struct user *u, struct err *e) {
  const int64_t now = clock_now();
  char at[32];
  struct buf said = {0};
  struct json_writer w = json_to(&said);
  json_open_object(&w);
  json_pair_str(&w, "at", (struct str){at, clock_format(now, at)});
  json_pair_text(&w, "reason", "it had failed; since its person changed or opted out nobody can have it sent again");
  json_close_object(&w);
  bool done = !said.failed || err_set(e, ERR_STORAGE, "memory for withdrawing is missing");
  for (uint16_t i = 0; done && i < u->send_count; i++) { /* whatever is not too late is among them */
    sqlite3_stmt *update = volume_statement(v, UPDATE_WITHDRAWN_FAILED);
    sqlite3_bind_int64(update, 1, (int64_t)u->sends[i].decision);
    sqlite3_bind_int64(update, 2, u->number); /* a merge brings sends of another user along */
    sqlite3_bind_int64(update, 3, now);
    done = sql_run(update, "withdrawing a failed message", e);
    if (!done || sqlite3_changes(v->db) == 0) continue;
    v->has_rows = true;
    const struct outbox_attempt end = {
        .id = u->sends[i].decision, .user = u->number, .at = now, .end = OUTBOX_WITHDRAWN, .result_json = buf_view(&said)};
    done = volume_attempt(v, &end, e);
  }
  buf_free(&said);
  return done;
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
  done = done && withdraw_failed(v, u, e);
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

static void read_columns(sqlite3_stmt *row, struct outbox_row *out) {
  *out = (struct outbox_row){.id = (uint64_t)sqlite3_column_int64(row, 0),
                             .user = sqlite3_column_int64(row, 1),
                             .send_before = sqlite3_column_int64(row, 2),
                             .due = sqlite3_column_int64(row, 3),
                             .attempts = (uint32_t)sqlite3_column_int64(row, 4),
                             .end = (enum outbox_end)sqlite3_column_int(row, 5)};
}

/* What is needed to send it: bytes, and names, without which no kill would stop it. Of those that have ended retention leaves no bytes. */
static bool open_letter(struct volume *v, sqlite3_stmt *row, struct user *u, struct arena *a, struct outbox_row *out, struct err *e) {
  if (out->end == OUTBOX_WAITING && (!sqlite3_column_bytes(row, 6) || !sqlite3_column_bytes(row, 7)))
    return err_set(e, ERR_STORAGE, "the message or its names are missing");
  return open_piece(v, u, 'o', out->id, sql_column_str(row, 6), a, &out->body, e) &&
         open_piece(v, u, 'n', out->id, sql_column_str(row, 7), a, &out->names, e);
}

static bool outbox_read(struct volume *v, sqlite3_stmt *row, struct arena *a, struct outbox_row *out, struct err *e) {
  read_columns(row, out);
  struct err why = {0};
  struct user *u = volume_user_number(v, out->user, &why);
  if (!u && !why.kind) return err_set(e, ERR_MISSING, "an outbox row belongs to a user who is not there any more");
  if (!u) {
    if (e) *e = why;
    return false;
  }
  return open_letter(v, row, u, a, out, e) && open_piece(v, u, 'l', out->id, sql_column_str(row, 8), a, &out->log, e);
}

/* False: nothing more can be read. A row that is damaged, or whose user is, says so and is passed; a log that is damaged keeps no message
 * waiting. */
static bool waiting_read(struct volume *v, sqlite3_stmt *row, struct arena *a, struct outbox_row *out, struct err *e) {
  read_columns(row, out);
  struct err why = {0};
  struct user *u = volume_user_number(v, out->user, &why);
  if (!u && v->failed) {
    if (e) *e = why;
    return false;
  }
  if (!u || !open_letter(v, row, u, a, out, &why)) {
    memory_failed(v);
    out->damaged = true;
    out->body = out->names = out->log = (struct str){"", 0};
    return true;
  }
  if (!open_piece(v, u, 'l', out->id, sql_column_str(row, 8), a, &out->log, &why)) memory_failed(v);
  return true;
}

bool volume_outbox(struct volume *v, uint64_t id, struct arena *a, struct outbox_row *out, struct err *e) {
  out->damaged = false;
  if (v->failed || !v->db) return err_set(e, ERR_STORAGE, "volume %u failed and is not recovered yet", v->number);
  char text[32];
  decision_id_text(id, text);
  sqlite3_stmt *select = volume_statement(v, SELECT_OUTBOX);
  sqlite3_bind_int64(select, 1, (int64_t)id);
  const int got = sql_row(select, "reading an outbox row", e);
  if (got < 0) return false;
  if (!got) return err_set(e, ERR_MISSING, "there is no outbox row of decision %s", text);
  const bool done = outbox_read(v, select, a, out, e);
  out->damaged = !done && !v->failed;
  if (!done) memory_failed(v);
  sqlite3_reset(select);
  return done;
}

bool volume_outbox_end(struct volume *v, uint64_t id, bool *there, enum outbox_end *end, struct err *e) {
  *there = false;
  if (v->failed || !v->db) return err_set(e, ERR_STORAGE, "volume %u failed and is not recovered yet", v->number);
  sqlite3_stmt *select = volume_statement(v, SELECT_OUTBOX);
  sqlite3_bind_int64(select, 1, (int64_t)id);
  const int got = sql_row(select, "reading an outbox row", e);
  *there = got == 1;
  if (*there) *end = (enum outbox_end)sqlite3_column_int(select, 5);
  sqlite3_reset(select);
  return got >= 0;
}

bool volume_outbox_waits(struct volume *v, uint64_t id, bool *waits, struct err *e) {
  bool there;
  enum outbox_end end = OUTBOX_WAITING;
  const bool done = volume_outbox_end(v, id, &there, &end, e);
  *waits = there && end == OUTBOX_WAITING;
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
    if (waiting_read(v, select, a, &(*rows)[*count], e)) ++*count;
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

bool volume_ends(struct volume *v, uint64_t *after, uint32_t most, void (*each)(void *context, int64_t at, bool failed), void *context,
                 bool *over, struct err *e) {
  if (v->failed || !v->db) return err_set(e, ERR_STORAGE, "volume %u failed and is not recovered yet", v->number);
  sqlite3_stmt *select = volume_statement(v, SELECT_FATES);
  sqlite3_bind_int64(select, 1, (int64_t)*after);
  sqlite3_bind_int64(select, 2, most);
  uint32_t seen = 0;
  int got;
  while ((got = sql_row(select, "reading the outbox", e)) == 1) {
    const int end = sqlite3_column_int(select, 4);
    seen++;
    *after = (uint64_t)sqlite3_column_int64(select, 0);
    if (end == OUTBOX_DELIVERED || end == OUTBOX_FAILED) each(context, sqlite3_column_int64(select, 3), end == OUTBOX_FAILED);
  }
  sqlite3_reset(select);
  *over = seen < most;
  return got == 0;
}
