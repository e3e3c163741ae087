/* A volume's users: found by keyed digest, created with a key of their own, kept in memory while recently used, written behind in the order
 * in which they became dirty. Promises that a user who is dirty never leaves memory unwritten, that a stored state names the newest row it
 * holds, and that the watermark stored with it is never ahead of a state that is not. Called on the volume's thread. */
#include "kit/clock.h"
#include "kit/rng.h"
#include "retaining.h"
#include "user_text.h"
#include <sodium.h>
#include <string.h>

#define CHANCES_A_USER 16u

/* ---- recently used ----
 * Whoever is looked for is only marked: moving them in the list would touch two other people's memory for each event. Trimming gives
 * whoever is marked a second chance. */

static void list_remove(struct volume *v, struct user *u) {
  if (u->newer) u->newer->older = u->older;
  else if (v->newest == u) v->newest = u->older;
  if (u->older) u->older->newer = u->newer;
  else if (v->oldest == u) v->oldest = u->newer;
  u->newer = u->older = NULL;
}

static void list_front(struct volume *v, struct user *u) {
  if (v->newest == u) return;
  list_remove(v, u);
  u->older = v->newest;
  if (v->newest) v->newest->newer = u;
  v->newest = u;
  if (!v->oldest) v->oldest = u;
}

static uint64_t number_key(int64_t number) {
  return (uint64_t)number * UINT64_C(0x9e3779b97f4a7c15);
}

static uint64_t id_key(const struct volume *v, struct str id) {
  return seal_short_digest(v->book->secret, id);
}

/* Takes the user into memory; frees it when there is no room. */
static struct user *users_keep(struct volume *v, struct user *u, struct err *e) {
  if (map_set(&v->by_id, id_key(v, u->id), (uint64_t)(uintptr_t)u)) {
    if (map_set(&v->by_number, number_key(u->number), (uint64_t)(uintptr_t)u)) {
      list_front(v, u);
      return u;
    }
    map_remove(&v->by_id, id_key(v, u->id));
  }
  user_free(u);
  err_set(e, ERR_STORAGE, "memory for a user is missing");
  return NULL;
}

void users_forget(struct volume *v, struct user *u) {
  must(!u->first_dirty);
  map_remove(&v->by_id, id_key(v, u->id));
  map_remove(&v->by_number, number_key(u->number));
  list_remove(v, u);
  user_free(u);
}

void users_forget_all(struct volume *v) {
  for (struct user *u = v->newest, *older; u; u = older) {
    older = u->older;
    user_free(u);
  }
  v->newest = v->oldest = v->dirty_first = v->dirty_last = NULL;
  v->dirty = 0;
  map_free(&v->by_id);
  map_free(&v->by_number);
}

/* Everybody may be marked when the bound is first met: of each who is too many a few are given their chance, and nobody waits for all. */
void users_trim(struct volume *v, uint64_t most) {
  uint64_t chances = v->by_number.count > most ? (v->by_number.count - most) * CHANCES_A_USER : 0;
  for (struct user *u = v->oldest, *newer; u && v->by_number.count > most; u = newer) {
    if (u->used) {
      if (chances-- == 0) return;
      u->used = false;
      newer = u->newer ? u->newer : u; /* who is the last one stays there, and is looked at again */
      list_front(v, u);
      continue;
    }
    newer = u->newer;
    if (u->first_dirty) continue;
    if (v->replay.leaving) v->replay.leaving(v->replay.context, v, u);
    users_forget(v, u);
  }
}

/* ---- dirty ---- */

/* First come, first written: the queue is in the order of first_dirty because rows only grow. */
void users_mark_dirty(struct volume *v, struct user *u, int64_t seq) {
  if (u->first_dirty) return;
  u->first_dirty = seq;
  u->next_dirty = NULL;
  if (v->dirty_last) v->dirty_last->next_dirty = u;
  else v->dirty_first = u;
  v->dirty_last = u;
  v->dirty++;
}

void volume_user_changed(struct volume *v, struct user *u) {
  users_mark_dirty(v, u, v->next_seq > 1 ? v->next_seq - 1 : 1);
}

void users_make_clean(struct volume *v, struct user *u) {
  if (!u->first_dirty) return;
  struct user *before = NULL;
  for (struct user **at = &v->dirty_first; *at; before = *at, at = &(*at)->next_dirty) {
    if (*at != u) continue;
    *at = u->next_dirty;
    if (v->dirty_last == u) v->dirty_last = before;
    v->dirty--;
    break;
  }
  u->first_dirty = 0;
  u->next_dirty = NULL;
}

struct user *users_hot(struct volume *v, int64_t number) {
  uint64_t found;
  return map_get(&v->by_number, number_key(number), &found) ? (struct user *)(uintptr_t)found : NULL;
}

bool users_write_state(struct volume *v, struct user *u, struct err *e) {
  must(u == v->dirty_first && v->in_turn && !v->has_rows);
  buf_clear(&v->plain);
  buf_clear(&v->sealed);
  if (!user_encode(u, &v->plain)) {
    v->plain.failed = false;
    err_set(e, ERR_STORAGE, "memory for a user's state is missing");
    return turn_fail(v);
  }
  if (!piece_seal(v, u, 's', 0, buf_view(&v->plain), &v->sealed, e)) return turn_fail(v);
  sqlite3_stmt *update = volume_statement(v, UPDATE_STATE);
  sqlite3_bind_int64(update, 1, u->number);
  sqlite3_bind_int64(update, 2, u->due);
  sqlite3_bind_int64(update, 3, u->head);
  sql_bind_str(update, 4, buf_view(&v->sealed));
  if (!sql_run(update, "writing a user's state", e)) return turn_fail(v);
  v->dirty_first = u->next_dirty;
  if (!v->dirty_first) v->dirty_last = NULL;
  v->dirty--;
  u->first_dirty = 0;
  u->next_dirty = NULL;
  return true;
}

bool volume_set_due(struct volume *v, struct user *u, int64_t due, struct err *e) {
  if (!turn_begin(v, e)) return false;
  sqlite3_stmt *update = volume_statement(v, UPDATE_DUE);
  sqlite3_bind_int64(update, 1, u->number);
  sqlite3_bind_int64(update, 2, due);
  v->has_rows = true;
  u->due = due;
  return sql_run(update, "writing a user's next tick", e) || turn_fail(v);
}

/* ---- loading and creating ---- */

static struct seal_place key_place(const struct user *u) {
  return (struct seal_place){.what = 'k', .digest = u->digest};
}

static bool open_identity(struct volume *v, struct user *u, sqlite3_stmt *row, struct err *e) {
  struct buf plain = {0};
  const struct seal_place key = key_place(u), id = {.what = 'i', .digest = u->digest};
  bool done = unseal(v->book->wrap_key, &v->unwrapping, &key, sql_column_str(row, 5), &plain) && plain.len == sizeof u->key;
  if (done) memcpy(u->key, plain.at, sizeof u->key);
  if (plain.at) sodium_memzero(plain.at, plain.cap); /* whoever is erased later leaves no key behind in what was freed */
  buf_clear(&plain);
  done = done && unseal(u->key, &u->sealed_with, &id, sql_column_str(row, 6), &plain) && user_text_copy(buf_view(&plain), &u->id);
  buf_free(&plain);
  return done || err_set(e, ERR_STORAGE, "user %lld of volume %u does not open: damaged, or under another master key", (long long)u->number,
                         v->number);
}

static bool open_state(struct volume *v, struct user *u, sqlite3_stmt *row, struct err *e) {
  if (sqlite3_column_type(row, 7) == SQLITE_NULL) return true; /* created, and nothing written behind yet */
  buf_clear(&v->plain);
  return piece_open(v, u, 's', 0, sql_column_str(row, 7), &v->plain, e) && user_decode(u, buf_view(&v->plain), e);
}

/* Who is rebuilt from their rows stands on the checkpoint that was taken before the first of them went. */
static bool open_base(struct volume *v, struct user *u, struct err *e) {
  struct trim t;
  return volume_trim(v, u->number, &t, e) && (!t.base || checkpoint_open(v, u, t.base, e));
}

struct user *user_from_row(struct volume *v, sqlite3_stmt *row, bool with_state, int64_t *applied, struct err *e) {
  struct user *u = user_new();
  if (!u) {
    err_set(e, ERR_STORAGE, "memory for a user is missing");
    return NULL;
  }
  u->number = sqlite3_column_int64(row, 0);
  const struct str digest = sql_column_str(row, 1);
  if (digest.len == sizeof u->digest) memcpy(&u->digest, digest.at, sizeof u->digest);
  u->partition = (uint8_t)sqlite3_column_int(row, 2);
  if (applied) *applied = sqlite3_column_int64(row, 4);
  if (open_identity(v, u, row, e) && (with_state ? open_state(v, u, row, e) : open_base(v, u, e))) {
    if (with_state) u->due = sqlite3_column_int64(row, 3); /* the state's, or what was found since (volume_set_due) */
    return u;
  }
  user_free(u);
  return NULL;
}

/* A statement with one parameter bound gives at most one user. */
static struct user *users_load(struct volume *v, sqlite3_stmt *select, struct err *e) {
  const int got = sql_row(select, "reading a user", e);
  struct user *u = got == 1 ? user_from_row(v, select, !v->fresh_users, NULL, e) : NULL;
  sqlite3_reset(select);
  sqlite3_clear_bindings(select);
  if (got < 0) v->failed = v->writer;
  return u ? users_keep(v, u, e) : NULL;
}

static bool users_insert(struct volume *v, struct user *u, struct err *e) {
  struct buf key = {0};
  const struct seal_place kp = key_place(u), ip = {.what = 'i', .digest = u->digest};
  buf_clear(&v->sealed);
  bool done = seal(&v->sealer, v->book->wrap_key, &v->unwrapping, &kp, (struct str){(const char *)u->key, sizeof u->key}, &key) &&
              seal(&v->sealer, u->key, &u->sealed_with, &ip, u->id, &v->sealed);
  if (!done) err_set(e, ERR_STORAGE, "memory for a user is missing");
  else {
    sqlite3_stmt *insert = volume_statement(v, INSERT_USER);
    sqlite3_bind_int64(insert, 1, u->number);
    sqlite3_bind_blob(insert, 2, &u->digest, sizeof u->digest, SQLITE_STATIC);
    sqlite3_bind_int64(insert, 3, u->partition);
    sql_bind_str(insert, 4, buf_view(&key));
    sql_bind_str(insert, 5, buf_view(&v->sealed));
    done = sql_run(insert, "writing a user", e);
  }
  buf_free(&key);
  return done;
}

static struct user *users_create(struct volume *v, struct str id, struct hash_128 digest, struct err *e) {
  if (!turn_begin(v, e)) return NULL;
  v->has_rows = true;
  struct user *u = user_new();
  if (!u || !user_text_copy(id, &u->id)) {
    user_free(u);
    err_set(e, ERR_STORAGE, "memory for a user is missing");
    turn_fail(v);
    return NULL;
  }
  u->digest = digest;
  u->number = v->next_user;
  u->partition = (uint8_t)partition_of(id);
  rng_secret(u->key, sizeof u->key);
  if (!users_insert(v, u, e)) {
    user_free(u);
    turn_fail(v);
    return NULL;
  }
  v->next_user++;
  v->users_all++;
  u = users_keep(v, u, e);
  if (!u) turn_fail(v);
  return u;
}

struct user *volume_user(struct volume *v, struct str id, bool create, struct err *e) {
  if (v->failed) {
    err_set(e, ERR_STORAGE, "volume %u failed and is not recovered yet", v->number);
    return NULL;
  }
  uint64_t found;
  if (map_get(&v->by_id, id_key(v, id), &found)) {
    struct user *u = (struct user *)(uintptr_t)found;
    must(str_eq(u->id, id)); /* 2^32 users would be needed, or the secret */
    u->used = true;
    return u;
  }
  if (v->book->layout.volume_of[partition_of(id)] != v->number) {
    err_set(e, ERR_INTERNAL, "a user of partition %u was looked for in volume %u", partition_of(id), v->number);
    return NULL;
  }
  const struct hash_128 digest = seal_digest(v->book->secret, id);
  struct err why = {0};
  sqlite3_stmt *select = volume_statement(v, SELECT_USER_DIGEST);
  sqlite3_bind_blob(select, 1, &digest, sizeof digest, SQLITE_STATIC);
  struct user *u = users_load(v, select, &why);
  if (u) return u;
  if (why.kind) {
    if (e) *e = why;
    return NULL;
  }
  return create ? users_create(v, id, digest, e) : NULL;
}

/* A ring in three steps: an id's place in the map is asked for when it comes, its user half a ring later, the text of the user's own id
 * when the ring is round; by then volume_user comes for it. Nobody leaves memory meanwhile: this is within one walk. */
void volume_users_warm(const struct volume *v, struct users_ahead *ahead, struct str id) {
  const size_t newest = ahead->count++ % LOOKED_AHEAD, middle = (newest + LOOKED_AHEAD / 2) % LOOKED_AHEAD;
  const struct user *oldest = ahead->users[newest];
  uint64_t found;
  if (oldest) __builtin_prefetch(oldest->id.at);
  ahead->users[middle] = NULL;
  if (ahead->keys[middle] && map_get(&v->by_id, ahead->keys[middle], &found)) {
    const struct user *u = ahead->users[middle] = (const struct user *)(uintptr_t)found;
    __builtin_prefetch(u);
    __builtin_prefetch(&u->wave);
  }
  ahead->keys[newest] = id.at ? id_key(v, id) : 0;
  if (id.at) map_warm(&v->by_id, ahead->keys[newest]);
}

void users_warm_number(const struct volume *v, int64_t number) {
  map_warm(&v->by_number, number_key(number));
}

struct user *volume_user_number(struct volume *v, int64_t number, struct err *e) {
  uint64_t found;
  if (map_get(&v->by_number, number_key(number), &found)) {
    struct user *u = (struct user *)(uintptr_t)found;
    u->used = true;
    return u;
  }
  if (v->failed) {
    err_set(e, ERR_STORAGE, "volume %u failed and is not recovered yet", v->number);
    return NULL;
  }
  sqlite3_stmt *select = volume_statement(v, SELECT_USER_NUMBER);
  sqlite3_bind_int64(select, 1, number);
  return users_load(v, select, e);
}
