/* Reading single rows and decisions back. Promises that what is returned was opened with its user's key for its place, and that a row of
 * the turn that is still open is found as well. Called on the volume's thread: by flow, by live reads, and by readers. */
#include "retaining.h"
#include <stdlib.h>
#include <string.h>

static bool works(const struct volume *v, struct err *e) {
  return (!v->failed && v->db) || err_set(e, ERR_STORAGE, "volume %u failed and is not recovered yet", v->number);
}

/* Reading what waits in memory writes it first (inside the open transaction). */
static bool settled(struct volume *v, int64_t seq, struct err *e) {
  return works(v, e) && (!pending_of(v, seq) || pending_write(v, e));
}

static bool owner(struct volume *v, int64_t number, const char *what, int64_t id, struct user **user, struct err *e) {
  struct err why = {0};
  *user = volume_user_number(v, number, &why);
  if (*user) return true;
  if (why.kind) {
    if (e) *e = why;
    return false;
  }
  return err_set(e, ERR_MISSING, "%s %lld belongs to a user who is not there any more", what, (long long)id);
}

static bool entry_read(struct volume *v, sqlite3_stmt *select, struct arena *a, struct entry *out, struct user **user, struct err *e) {
  struct str sealed;
  struct buf plain = {0};
  struct user *u = NULL;
  row_columns(select, out, &sealed);
  if (remnant_read(sealed, out))
    return err_set(e, ERR_MISSING, "journal row %lld of volume %u was trimmed", (long long)out->seq, v->number);
  bool done = (!out->user || owner(v, out->user, "journal row", out->seq, &u, e)) && row_open(v, u, sealed, out, &plain, e);
  if (done) {
    out->body.at = arena_text(a, out->body.at, out->body.len);
    out->record.at = arena_text(a, out->record.at, out->record.len);
    if (!out->body.at || !out->record.at) done = err_set(e, ERR_STORAGE, "memory for a journal row is missing");
  }
  if (user) *user = u;
  buf_free(&plain);
  return done;
}

bool volume_entry(struct volume *v, int64_t seq, struct arena *a, struct entry *out, struct user **user, struct err *e) {
  if (!settled(v, seq, e)) return false;
  sqlite3_stmt *select = volume_statement(v, SELECT_ROW);
  sqlite3_bind_int64(select, 1, seq);
  const int got = sql_row(select, "reading a journal row", e);
  if (got < 0) return false;
  if (!got) return err_set(e, ERR_MISSING, "volume %u has no journal row %lld", v->number, (long long)seq);
  const bool done = entry_read(v, select, a, out, user, e);
  sqlite3_reset(select);
  return done;
}

bool volume_step_back(struct volume *v, int64_t seq, int64_t *previous, enum entry_kind *kind, struct err *e) {
  if (!settled(v, seq, e)) return false;
  sqlite3_stmt *select = volume_statement(v, SELECT_ROW);
  sqlite3_bind_int64(select, 1, seq);
  const int got = sql_row(select, "reading a journal row", e);
  if (got == 1) {
    *previous = sqlite3_column_int64(select, 3);
    *kind = (enum entry_kind)sqlite3_column_int(select, 4);
    struct entry row;
    if (remnant_read(sql_column_str(select, 5), &row)) { /* of older rows nothing is left that could be opened */
      *previous = 0;
      *kind = ENTRY_CONTROL;
    }
  }
  sqlite3_reset(select);
  if (got == 0) return err_set(e, ERR_MISSING, "volume %u has no journal row %lld", v->number, (long long)seq);
  return got > 0;
}

static bool decision_open(struct volume *v, const struct scanned_decision *d, struct arena *a, struct str *record, struct err *e) {
  struct user *u;
  if (!owner(v, d->user, "decision", (int64_t)d->id, &u, e)) return false;
  buf_clear(&v->plain);
  if (!piece_open(v, u, 'd', d->id, d->sealed, &v->plain, e)) return false;
  *record = (struct str){arena_text(a, v->plain.at, v->plain.len), v->plain.len};
  return record->at || err_set(e, ERR_STORAGE, "memory for a decision is missing");
}

static bool no_decision(uint64_t id, struct err *e) {
  char text[32];
  decision_id_text(id, text);
  return err_set(e, ERR_MISSING, "there is no decision %s", text);
}

bool volume_decision(struct volume *v, uint64_t id, struct arena *a, struct str *record, int64_t *seq, struct err *e) {
  if (!works(v, e) || (v->pending.decision_count && !pending_write(v, e))) return false;
  sqlite3_stmt *select = volume_statement(v, SELECT_DECISION);
  sqlite3_bind_int64(select, 1, (int64_t)id);
  const int got = sql_row(select, "reading a decision", e);
  if (got < 0) return false;
  if (!got) return no_decision(id, e);
  if (seq) *seq = sqlite3_column_int64(select, 0);
  const struct scanned_decision d = {id, sqlite3_column_int64(select, 1), sql_column_str(select, 2)};
  const bool done = decision_open(v, &d, a, record, e);
  sqlite3_reset(select);
  return done;
}

/* As the scan, which has just given the row, read them with it. */
static bool scanned_decisions(struct volume *v, const struct scanned_decision *from, size_t n, struct arena *a, struct str *records,
                              uint64_t *ids, struct err *e) {
  for (size_t i = 0; i < n; i++) {
    ids[i] = from[i].id;
    if (!from[i].sealed.at) return no_decision(ids[i], e);
    if (!decision_open(v, &from[i], a, &records[i], e)) return false;
  }
  return true;
}

static int by_id(const void *a, const void *b) {
  const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

static bool row_ids(struct volume *v, int64_t seq, struct buf *ids, struct err *e) {
  sqlite3_stmt *select = volume_statement(v, SELECT_ROW_DECISIONS);
  sqlite3_bind_int64(select, 1, seq);
  const int got = sql_row(select, "reading a row's decisions", e);
  const bool read = got == 1 && row_decision_ids(select, 0, ids);
  sqlite3_reset(select);
  if (got < 0) return false;
  if (!got) return err_set(e, ERR_MISSING, "volume %u has no journal row %lld", v->number, (long long)seq);
  return read || err_set(e, ERR_STORAGE, "the decisions of journal row %lld cannot be read", (long long)seq);
}

bool volume_scan_decisions(struct volume *v, int64_t seq, struct arena *a, struct str **records, uint64_t **ids, size_t *count,
                           struct err *e) {
  struct buf found = {0};
  const struct scanned_decision *scanned = NULL;
  size_t n = 0;
  *count = 0;
  const bool given = scan_has(v, seq, &scanned, &n);
  bool done = given || (settled(v, seq, e) && row_ids(v, seq, &found, e));
  if (!given) n = found.len / sizeof(uint64_t);
  *records = ARENA_ARRAY(a, struct str, n + 1);
  *ids = ARENA_ARRAY(a, uint64_t, n + 1);
  if (done && (!*records || !*ids)) done = err_set(e, ERR_STORAGE, "memory for a row's decisions is missing");
  if (done && given) done = scanned_decisions(v, scanned, n, a, *records, *ids, e);
  if (done && !given && n) {
    memcpy(*ids, found.at, found.len);
    qsort(*ids, n, sizeof **ids, by_id);
  }
  for (size_t i = 0; done && !given && i < n; i++) done = volume_decision(v, (*ids)[i], a, &(*records)[i], NULL, e);
  if (done) *count = n;
  buf_free(&found);
  return done;
}
