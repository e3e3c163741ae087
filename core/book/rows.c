/* Journal rows and smaller pieces between their plain and their stored form: packed with the dictionary, then sealed for their user and
 * place. Promises that a piece of another user, kind or place does not open. Neither reads nor writes the file. Called by
 * pending.c, reading.c, tail.c, scan.c, trim.c and whoever keeps pieces (users, outbox, checkpoints, a move), on the thread of the volume.
 */
#include "kit/clock.h"
#include "volume.h"
#include <string.h>

#define PLAIN_MOST ((size_t)8 << 20)

const unsigned char *row_key(const struct volume *v, const struct user *u) {
  return u ? u->key : v->book->control_key;
}

struct seal_cache *row_cache(struct user *u) {
  return u ? &u->sealed_with : NULL;
}

struct seal_place row_place(const struct user *u, const struct entry *entry) {
  if (!u) return (struct seal_place){.what = 'c', .kind = (uint8_t)entry->kind, .count = entry->partition};
  return (struct seal_place){.what = 'j', .kind = (uint8_t)entry->kind, .count = entry->count, .digest = u->digest};
}

/* Stored: the row's place in its chain (it is also part of the seal), then this, packed and sealed. */
bool row_plain(const struct entry *entry, struct buf *out, struct err *e) {
  if (entry->body.len + entry->record.len > PLAIN_MOST)
    return err_set(e, ERR_INPUT, "a journal row of %zu bytes is above the %zu allowed", entry->body.len + entry->record.len, PLAIN_MOST);
  pack_i64(out, entry->arrived);
  pack_str(out, entry->body);
  buf_str(out, entry->record);
  return !out->failed || err_set(e, ERR_STORAGE, "memory for a journal row is missing");
}

bool row_open(struct volume *v, struct user *u, struct str sealed, struct entry *entry, struct buf *plain, struct err *e) {
  struct unpack stored = unpack_from(sealed);
  entry->count = unpack_u64(&stored);
  const struct seal_place place = row_place(u, entry);
  buf_clear(&v->packed);
  const size_t before = plain->len;
  if (stored.failed ||
      !unseal(row_key(v, u), row_cache(u), &place, (struct str){(const char *)stored.at, (size_t)(stored.end - stored.at)}, &v->packed))
    return err_set(e, ERR_STORAGE, "journal row %lld of volume %u does not open: damaged, or not its user's", (long long)entry->seq,
                   v->number);
  if (!packer_unpack(&v->packer, buf_view(&v->packed), plain))
    return err_set(e, ERR_STORAGE, "journal row %lld of volume %u does not unpack", (long long)entry->seq, v->number);
  struct unpack in = unpack_from((struct str){plain->at + before, plain->len - before});
  entry->arrived = unpack_i64(&in);
  entry->body = unpack_str(&in);
  entry->record = (struct str){(const char *)in.at, (size_t)(in.end - in.at)};
  return !in.failed || err_set(e, ERR_STORAGE, "journal row %lld of volume %u is not a row", (long long)entry->seq, v->number);
}

void row_columns(sqlite3_stmt *row, struct entry *entry, struct str *sealed) {
  *entry = (struct entry){.seq = sqlite3_column_int64(row, 0),
                          .partition = (uint32_t)sqlite3_column_int64(row, 1),
                          .user = sqlite3_column_int64(row, 2),
                          .previous = sqlite3_column_int64(row, 3),
                          .kind = (enum entry_kind)sqlite3_column_int(row, 4)};
  *sealed = sql_column_str(row, 5);
  const int type = sqlite3_column_type(row, 6);
  entry->decisions = type == SQLITE_INTEGER ? 1 : type == SQLITE_BLOB ? (uint32_t)sqlite3_column_bytes(row, 6) / 8 : 0;
}

/* One id is an integer, as is nearly always so; several are a blob of eight bytes each; none is NULL. */
bool row_decision_ids(sqlite3_stmt *row, int column, struct buf *ids) {
  if (sqlite3_column_type(row, column) == SQLITE_INTEGER) {
    const uint64_t id = (uint64_t)sqlite3_column_int64(row, column);
    buf_put(ids, &id, sizeof id);
  } else buf_str(ids, sql_column_str(row, column));
  return !ids->failed && ids->len % 8 == 0;
}

bool piece_seal(struct volume *v, struct user *u, char what, uint64_t count, struct str plain, struct buf *out, struct err *e) {
  buf_clear(&v->packed);
  const struct seal_place place = {.what = what, .count = count, .digest = u->digest};
  const bool done =
      packer_pack(&v->packer, plain, &v->packed) && seal(&v->sealer, u->key, &u->sealed_with, &place, buf_view(&v->packed), out);
  return done || err_set(e, ERR_STORAGE, "memory for sealing is missing");
}

bool piece_open(struct volume *v, struct user *u, char what, uint64_t count, struct str sealed, struct buf *out, struct err *e) {
  buf_clear(&v->packed);
  const struct seal_place place = {.what = what, .count = count, .digest = u->digest};
  if (unseal(u->key, &u->sealed_with, &place, sealed, &v->packed) && packer_unpack(&v->packer, buf_view(&v->packed), out)) return true;
  return err_set(e, ERR_STORAGE, "a sealed piece ('%c' %llu of user %lld, volume %u) does not open: damaged, or not its user's", what,
                 (unsigned long long)count, (long long)u->number, v->number);
}
