/* What an open turn has appended and not written yet: rows and decisions, in memory until the commit, so that a row's decisions are stored
 * with it in one insert, and so that all are packed, then all are sealed, then all are written. Each of the three is a library whose code
 * and tables fill the processor's nearest memory: one row through all three and then the next fetches them anew for every row
 * (docs/PERFORMANCE.md). Promises that what is written is what was appended, in that order, and that a failure is the turn's. Called by
 * turn.c and reading.c on the volume's lane. */
#include "volume.h"
#include <string.h>

#define PENDING_BYTES ((size_t)1 << 20) /* written before the commit when a turn grows beyond */
#define GROUP         64                /* packed, sealed and written at a time: that bounds what lies packed beside the plain */

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

struct pending *pending_row(struct volume *v, struct user *u, const struct entry *entry, struct err *e) {
  struct pending *list = one_more(v->pending, v->pending_count, &v->pending_cap, sizeof *list);
  if (!list) {
    err_set(e, ERR_STORAGE, "memory for a journal row is missing");
    return NULL;
  }
  v->pending = list;
  const size_t from = v->pending_bytes.len;
  if (!row_plain(entry, &v->pending_bytes, e)) return NULL;
  struct pending *p = &list[v->pending_count++];
  const struct buf decisions = p->decisions; /* its memory is kept from turn to turn */
  *p = (struct pending){.waiting = {u, row_place(u, entry), from, v->pending_bytes.len - from}, .decisions = decisions};
  return p;
}

bool pending_decision(struct volume *v, struct user *u, uint64_t id, int64_t seq, struct str record, struct err *e) {
  struct pending_decision *list = one_more(v->deferred, v->deferred_count, &v->deferred_cap, sizeof *list);
  const size_t from = v->pending_bytes.len;
  if (list) {
    v->deferred = list;
    buf_str(&v->pending_bytes, record);
  }
  if (!list || v->pending_bytes.failed) return err_set(e, ERR_STORAGE, "memory for a decision is missing");
  const struct seal_place place = {.what = 'd', .count = id, .digest = u->digest};
  list[v->deferred_count++] = (struct pending_decision){{u, place, from, record.len}, id, seq};
  return true;
}

struct pending *pending_of(struct volume *v, int64_t seq) {
  if (!v->pending_count || seq < v->pending[0].seq || seq >= v->next_seq) return NULL;
  return &v->pending[seq - v->pending[0].seq];
}

/* ---- packing and sealing ---- */

static bool pack_all(struct volume *v, struct waiting **group, size_t count) {
  buf_clear(&v->packed);
  for (size_t i = 0; i < count; i++) {
    struct waiting *w = group[i];
    const struct str plain = {v->pending_bytes.at + w->from, w->length};
    w->from = v->packed.len;
    if (!packer_pack(&v->packer, plain, &v->packed)) return false;
    w->length = v->packed.len - w->from;
  }
  return true;
}

static bool seal_all(struct volume *v, struct waiting **group, size_t count) {
  buf_clear(&v->sealed);
  for (size_t i = 0; i < count; i++) {
    struct waiting *w = group[i];
    const struct str packed = {v->packed.at + w->from, w->length};
    w->from = v->sealed.len;
    if (w->place.what != 'd') pack_u64(&v->sealed, w->user ? w->place.count : 0); /* a row says its place in its chain */
    if (!seal(&v->sealer, row_key(v, w->user), row_cache(w->user), &w->place, packed, &v->sealed) || v->sealed.failed) return false;
    w->length = v->sealed.len - w->from;
  }
  return true;
}

static bool make_ready(struct volume *v, struct waiting **group, size_t count, struct err *e) {
  return (pack_all(v, group, count) && seal_all(v, group, count)) ||
         err_set(e, ERR_STORAGE, "memory for packing and sealing a turn is missing");
}

/* ---- writing ---- */

static bool write_row(struct volume *v, const struct pending *p, struct err *e) {
  sqlite3_stmt *insert = volume_statement(v, INSERT_ROW);
  sqlite3_bind_int64(insert, 1, p->seq);
  sqlite3_bind_int64(insert, 2, p->partition);
  sqlite3_bind_int64(insert, 3, p->user);
  sqlite3_bind_int64(insert, 4, p->previous);
  sqlite3_bind_int64(insert, 5, p->kind);
  sqlite3_bind_blob64(insert, 6, v->sealed.at + p->waiting.from, p->waiting.length, SQLITE_STATIC);
  if (p->decisions.len == 8) {
    int64_t id;
    memcpy(&id, p->decisions.at, sizeof id);
    sqlite3_bind_int64(insert, 7, id);
  } else if (p->decisions.len) sql_bind_str(insert, 7, buf_view(&p->decisions));
  else sqlite3_bind_null(insert, 7);
  return sql_run(insert, "writing a journal row", e);
}

static bool write_decision(struct volume *v, const struct pending_decision *d, struct err *e) {
  sqlite3_stmt *insert = volume_statement(v, INSERT_DECISION);
  sqlite3_bind_int64(insert, 1, (int64_t)d->id);
  sqlite3_bind_int64(insert, 2, d->seq);
  sqlite3_bind_int64(insert, 3, d->waiting.user->number);
  sqlite3_bind_blob64(insert, 4, v->sealed.at + d->waiting.from, d->waiting.length, SQLITE_STATIC);
  return sql_run(insert, "writing a decision", e);
}

static bool write_rows(struct volume *v, struct pending *rows, size_t count, struct err *e) {
  struct waiting *group[GROUP];
  for (size_t i = 0; i < count; i++) group[i] = &rows[i].waiting;
  bool done = make_ready(v, group, count, e);
  for (size_t i = 0; done && i < count; i++) done = write_row(v, &rows[i], e);
  return done;
}

static bool write_decisions(struct volume *v, struct pending_decision *decisions, size_t count, struct err *e) {
  struct waiting *group[GROUP];
  for (size_t i = 0; i < count; i++) group[i] = &decisions[i].waiting;
  bool done = make_ready(v, group, count, e);
  for (size_t i = 0; done && i < count; i++) done = write_decision(v, &decisions[i], e);
  return done;
}

static size_t at_most(size_t count) {
  return count < GROUP ? count : GROUP;
}

bool pending_write(struct volume *v, struct err *e) {
  for (size_t i = 0; i < v->pending_count; i += GROUP)
    if (!write_rows(v, v->pending + i, at_most(v->pending_count - i), e)) return turn_fail(v);
  for (size_t i = 0; i < v->deferred_count; i += GROUP)
    if (!write_decisions(v, v->deferred + i, at_most(v->deferred_count - i), e)) return turn_fail(v);
  pending_forget(v);
  return true;
}

bool pending_room(struct volume *v, struct err *e) {
  return v->pending_bytes.len <= PENDING_BYTES || pending_write(v, e);
}

/* ---- the end ---- */

void pending_forget(struct volume *v) {
  for (size_t i = 0; i < v->pending_count; i++) buf_clear(&v->pending[i].decisions);
  v->pending_count = v->deferred_count = 0;
  buf_clear(&v->pending_bytes);
}

void pending_free(struct volume *v) {
  for (size_t i = 0; i < v->pending_cap; i++) buf_free(&v->pending[i].decisions);
  kit_free(v->pending);
  kit_free(v->deferred);
  buf_free(&v->pending_bytes);
}
