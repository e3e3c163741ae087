/* API keys: 256 random bits, kept as SHA-256. Promises that a secret is shown once and stored nowhere, and that revoking is durable when it
 * returns; also beside a running engine. What scopes mean is accept's business, how a key is compared as well. Called by main and tools.
 * An engine reads keys through a connection of its own, as its main thread must not wait for whoever writes facts on another. */
#include "directory.h"
#include "kit/clock.h"
#include "kit/rng.h"
#include "sql.h"
#include <sodium.h>
#include <stdio.h>
#include <string.h>

static bool read_keys(sqlite3 *db, struct arena *a, struct api_key **keys, size_t *count, struct err *e) {
  int64_t all = 0;
  if (!sql_int(db, "SELECT count(*) FROM keys", 0, &all, e)) return false;
  *keys = ARENA_ARRAY(a, struct api_key, (size_t)all + 1);
  sqlite3_stmt *rows = sql_prepare(db, "SELECT name, scopes, sha256, revoked FROM keys ORDER BY name", e);
  if (!rows) return false;
  int got = 0;
  while (*keys && *count < (size_t)all && (got = sql_row(rows, "reading keys", e)) == 1) {
    struct api_key *key = &(*keys)[*count];
    const struct str sha256 = sql_column_str(rows, 2);
    key->name = arena_text(a, (const char *)sqlite3_column_text(rows, 0), (size_t)sqlite3_column_bytes(rows, 0));
    key->scopes = (uint32_t)sqlite3_column_int64(rows, 1);
    key->revoked = sqlite3_column_int(rows, 3) != 0 || sha256.len != sizeof key->sha256;
    if (!key->revoked) memcpy(key->sha256, sha256.at, sizeof key->sha256);
    if (!key->name) break;
    ++*count;
  }
  sql_finalize(&rows);
  if (got < 0) return false;
  return *count == (size_t)all || err_set(e, ERR_STORAGE, "memory for reading the keys is missing");
}

bool control_keys(struct book *b, struct arena *a, struct api_key **keys, size_t *count, struct err *e) {
  *keys = NULL;
  *count = 0;
  if (!b->control) return true;
  if (b->keys) return read_keys(b->keys, a, keys, count, e);
  pthread_mutex_lock(&b->control_lock);
  const bool done = read_keys(b->control, a, keys, count, e);
  pthread_mutex_unlock(&b->control_lock);
  return done;
}

/* Beside a running engine, its own connection is the one that checkpoints. A key is one row, and SQLite's lock keeps the two writers
 * apart. */
struct book *book_open_keys(const char *directory, struct err *e) {
  char path[BOOK_PATH];
  struct book *b = book_open(directory, true, e);
  if (b || e->kind != ERR_CONFLICT) return b;
  b = book_open(directory, false, e); /* a newer format is refused here again; somebody else's lock is not */
  if (!b) return NULL;
  sql_close(&b->control);
  book_file(directory, "control.db", path);
  b->control = sql_open(path, SQL_WRITER, e);
  b->writer = b->control != NULL;
  if (b->writer) return b;
  book_close(b);
  return NULL;
}

static bool change(struct book *b, sqlite3_stmt *statement, const char *doing, int *changed, struct err *e) {
  if (!statement) return false;
  pthread_mutex_lock(&b->control_lock);
  const bool done = sql_run(statement, doing, e);
  *changed = sqlite3_changes(b->control);
  sql_finalize(&statement);
  if (done && b->lock >= 0) sqlite3_wal_checkpoint_v2(b->control, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
  pthread_mutex_unlock(&b->control_lock);
  return done;
}

/* "kx_<role>_<43 characters>": the role is the key's name cut to what reads well in a header. */
static void secret_text(const char *name, char secret[64]) {
  unsigned char random[32];
  char encoded[sodium_base64_ENCODED_LEN(32, sodium_base64_VARIANT_URLSAFE_NO_PADDING)], role[13];
  size_t length = 0;
  for (const char *c = name; *c && length < sizeof role - 1; c++)
    if ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9')) role[length++] = *c;
  role[length] = 0;
  rng_secret(random, sizeof random);
  sodium_bin2base64(encoded, sizeof encoded, random, sizeof random, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  snprintf(secret, 64, "kx_%s_%s", length ? role : "key", encoded);
  sodium_memzero(random, sizeof random);
  sodium_memzero(encoded, sizeof encoded);
}

bool control_add_key(struct book *b, const char *name, uint32_t scopes, char secret[64], struct err *e) {
  unsigned char sha256[32];
  int changed;
  if (!b->writer || !b->control) return err_set(e, ERR_CONFLICT, "%s is open for reading only", b->directory);
  if (!*name || strlen(name) > 64) return err_set(e, ERR_INPUT, "a key's name has 1 to 64 bytes, got %zu", strlen(name));
  secret_text(name, secret);
  hash_sha256(str_from(secret), sha256);
  sqlite3_stmt *insert = sql_prepare(b->control, "INSERT INTO keys VALUES(?,?,?,0,?) ON CONFLICT DO NOTHING", e);
  if (insert) {
    sqlite3_bind_text(insert, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(insert, 2, scopes);
    sqlite3_bind_blob(insert, 3, sha256, sizeof sha256, SQLITE_STATIC);
    sqlite3_bind_int64(insert, 4, clock_now());
  }
  if (!change(b, insert, "writing a key", &changed, e)) return false;
  return changed == 1 || err_set(e, ERR_CONFLICT, "there is a key with the name \"%s\" already", name);
}

bool control_revoke_key(struct book *b, const char *name, struct err *e) {
  int changed;
  if (!b->writer || !b->control) return err_set(e, ERR_CONFLICT, "%s is open for reading only", b->directory);
  sqlite3_stmt *update = sql_prepare(b->control, "UPDATE keys SET revoked=1 WHERE name=?", e);
  if (update) sqlite3_bind_text(update, 1, name, -1, SQLITE_STATIC);
  if (!change(b, update, "revoking a key", &changed, e)) return false;
  return changed == 1 || err_set(e, ERR_MISSING, "there is no key with the name \"%s\"", name);
}
