/* What an open turn has appended and not written yet: rows and decisions, in memory until the commit, so that a row's decisions are stored
 * with it in one insert, and so that all are packed, then all are sealed, then all are written. Each of the three is a library whose code
 * and tables fill the processor's nearest memory: one row through all three and then the next fetches them anew for every row
 * (docs/MEASUREMENTS.md). Promises that what is written is what was appended, in that order, and that a failure is the turn's. Called by
 * turn.c and reading.c on the volume's lane. */
#include "volume.h"
#include <string.h>

#define PENDING_BYTES ((size_t)1 << 20) /* written before the commit when a turn grows beyond */
#define KEYS_AHEAD    3
#define GROUP         64 /* packed, sealed and written at a time: that bounds what lies packed beside the plain */

/* ---- what is appended ---- */

static void *one_more(void *list, size_t count, size_t *cap, size_t size) {
  if (count < *cap) return list;
  const size_t more = *cap ? *cap * 2 : GROUP;
  char *grown = kit_realloc(list, more * size);
  if (!grown) return NULL;
  memset(grown + *cap * size, 0, (more - *cap) * size);
  *cap = more;
  return grown;
}

bool pending_row(struct volume *v, struct user *u, const struct entry *entry, struct err *e) {
  struct pending *p = &v->pending;
  struct pending_row *rows = one_more(p->rows, p->row_count, &p->row_cap, sizeof *rows);
  if (!rows) return err_set(e, ERR_STORAGE, "memory for a journal row is missing");
  p->rows = rows;
  const size_t from = p->bytes.len;
  if (!row_plain(entry, &p->bytes, e)) return false;
  struct pending_row *row = &rows[p->row_count++];
  row->piece = (struct pending_piece){u, row_place(u, entry), from, p->bytes.len - from};
  row->seq = entry->seq;
  row->previous = entry->previous;
  row->number = u ? u->number : 0;
  row->partition = entry->partition; /* `decisions` is empty, and its memory is kept from turn to turn */
  return true;
}

bool pending_decision(struct volume *v, struct user *u, uint64_t id, int64_t seq, struct str record, struct err *e) {
  struct pending *p = &v->pending;
  struct pending_decision *decisions = one_more(p->decisions, p->decision_count, &p->decision_cap, sizeof *decisions);
  if (decisions) p->decisions = decisions;
  const size_t from = p->bytes.len;
  buf_str(&p->bytes, record);
  if (!decisions || p->bytes.failed) return err_set(e, ERR_STORAGE, "memory for a decision is missing");
  const struct seal_place place = {.what = 'd', .count = id, .digest = u->digest};
  decisions[p->decision_count++] = (struct pending_decision){{u, place, from, record.len}, seq};
  return true;
}

struct pending_row *pending_of(struct volume *v, int64_t seq) {
  const struct pending *p = &v->pending;
  if (!p->row_count || seq < p->rows[0].seq || seq >= v->next_seq) return NULL;
  return &p->rows[seq - p->rows[0].seq];
}

/* ---- packing and sealing ---- */

static bool pack_all(struct volume *v, struct pending_piece **group, size_t count) {
  buf_clear(&v->packed);
  for (size_t i = 0; i < count; i++) {
    struct pending_piece *piece = group[i];
    const struct str plain = {v->pending.bytes.at + piece->from, piece->length};
    piece->from = v->packed.len;
    if (!packer_pack(&v->packer, plain, &v->packed)) return false;
    piece->length = v->packed.len - piece->from;
  }
  return true;
}

static bool seal_all(struct volume *v, struct pending_piece **group, size_t count) {
  buf_clear(&v->sealed);
  for (size_t i = 0; i < count; i++) {
    struct pending_piece *piece = group[i];
    struct user *u = piece->user;
    if (i + KEYS_AHEAD < count && group[i + KEYS_AHEAD]->user) user_warm_key(group[i + KEYS_AHEAD]->user);
    const struct str packed = {v->packed.at + piece->from, piece->length};
    piece->from = v->sealed.len;
    if (piece->place.what != 'd') pack_u64(&v->sealed, u ? piece->place.count : 0); /* a row says its place in its chain */
    if (!seal(&v->sealer, row_key(v, u), row_cache(u), &piece->place, packed, &v->sealed) || v->sealed.failed) return false;
    piece->length = v->sealed.len - piece->from;
  }
  return true;
}

static bool make_ready(struct volume *v, struct pending_piece **group, size_t count, struct err *e) {
  return (pack_all(v, group, count) && seal_all(v, group, count)) ||
         err_set(e, ERR_STORAGE, "memory for packing and sealing a turn is missing");
}

/* ---- writing ---- */

static void bind_piece(sqlite3_stmt *insert, int column, const struct volume *v, const struct pending_piece *piece) {
  sqlite3_bind_blob64(insert, column, v->sealed.at + piece->from, piece->length, SQLITE_STATIC);
}

static bool write_row(struct volume *v, const struct pending_row *row, struct err *e) {
  sqlite3_stmt *insert = volume_statement(v, INSERT_ROW);
  sqlite3_bind_int64(insert, 1, row->seq);
  sqlite3_bind_int64(insert, 2, row->partition);
  sqlite3_bind_int64(insert, 3, row->number);
  sqlite3_bind_int64(insert, 4, row->previous);
  sqlite3_bind_int64(insert, 5, row->piece.place.kind);
  bind_piece(insert, 6, v, &row->piece);
  if (row->decisions.len == 8) {
    int64_t id;
    memcpy(&id, row->decisions.at, sizeof id);
    sqlite3_bind_int64(insert, 7, id);
  } else if (row->decisions.len) sql_bind_str(insert, 7, buf_view(&row->decisions));
  else sqlite3_bind_null(insert, 7);
  return sql_run(insert, "writing a journal row", e);
}

static bool write_decision(struct volume *v, const struct pending_decision *d, struct err *e) {
  sqlite3_stmt *insert = volume_statement(v, INSERT_DECISION);
  sqlite3_bind_int64(insert, 1, (int64_t)d->piece.place.count);
  sqlite3_bind_int64(insert, 2, d->seq);
  sqlite3_bind_int64(insert, 3, d->piece.user->number);
  bind_piece(insert, 4, v, &d->piece);
  return sql_run(insert, "writing a decision", e);
}

static bool write_rows(struct volume *v, struct pending_row *rows, size_t count, struct err *e) {
  struct pending_piece *group[GROUP];
  for (size_t i = 0; i < count; i++) group[i] = &rows[i].piece;
  bool done = make_ready(v, group, count, e);
  for (size_t i = 0; done && i < count; i++) done = write_row(v, &rows[i], e);
  return done;
}

static bool write_decisions(struct volume *v, struct pending_decision *decisions, size_t count, struct err *e) {
  struct pending_piece *group[GROUP];
  for (size_t i = 0; i < count; i++) group[i] = &decisions[i].piece;
  bool done = make_ready(v, group, count, e);
  for (size_t i = 0; done && i < count; i++) done = write_decision(v, &decisions[i], e);
  return done;
}

static size_t at_most(size_t count) {
  return count < GROUP ? count : GROUP;
}

bool pending_write(struct volume *v, struct err *e) {
  struct pending *p = &v->pending;
  for (size_t i = 0; i < p->row_count; i += GROUP)
    if (!write_rows(v, p->rows + i, at_most(p->row_count - i), e)) return turn_fail(v);
  for (size_t i = 0; i < p->decision_count; i += GROUP)
    if (!write_decisions(v, p->decisions + i, at_most(p->decision_count - i), e)) return turn_fail(v);
  pending_forget(v);
  return true;
}

bool pending_room(struct volume *v, struct err *e) {
  return v->pending.bytes.len <= PENDING_BYTES || pending_write(v, e);
}

/* ---- the end ---- */

void pending_forget(struct volume *v) {
  struct pending *p = &v->pending;
  for (size_t i = 0; i < p->row_count; i++) buf_clear(&p->rows[i].decisions);
  p->row_count = p->decision_count = 0;
  buf_clear(&p->bytes);
}

void pending_free(struct volume *v) {
  struct pending *p = &v->pending;
  for (size_t i = 0; i < p->row_cap; i++) buf_free(&p->rows[i].decisions);
  kit_free(p->rows);
  kit_free(p->decisions);
  buf_free(&p->bytes);
}
