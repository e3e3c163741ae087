/* One volume: its file, statements, counters. Promises that a volume is only ever handed out with every row of its journal reflected in
 * what is read from it, and that opening refuses a newer or damaged file with a sentence. The turn is in turn.c, users in users.c, recovery
 * in tail.c. A volume belongs to one lane; a reader to one thread. */
#include "kit/clock.h"
#include "kit/file.h"
#include "kit/log.h"
#include "retaining.h"
#include "wal.h"
#include <sodium.h>
#include <stdio.h>
#include <string.h>

struct volume_limits volume_limits = {.hot_users = 200000,
                                      .tail_soft = 500000,
                                      .tail_hard = 1000000,
                                      .wal_idle = 2u << 20,
                                      .wal_always = 8u << 20,
                                      .wal_wait = 48u << 20,
                                      .wal_most = 60u << 20,
                                      .states_a_turn = 32,
                                      .idle_states_ns = 1000000000};

/* Due and applied stand before the state, so that a walk over them never follows a state's overflow pages. The journal has its one key and
 * nothing else: any other index costs more than the whole insert. */
static const char *const steps[] = {
    "CREATE TABLE journal(seq INTEGER PRIMARY KEY, part INTEGER NOT NULL, user INTEGER NOT NULL, prev INTEGER NOT NULL,"
    " kind INTEGER NOT NULL, body BLOB NOT NULL, decisions);"
    "CREATE TABLE users(number INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, part INTEGER NOT NULL, due INTEGER NOT NULL,"
    " applied INTEGER NOT NULL, key BLOB NOT NULL, id BLOB NOT NULL, state BLOB);"
    "CREATE TABLE decisions(id INTEGER PRIMARY KEY, seq INTEGER NOT NULL, user INTEGER NOT NULL, body BLOB NOT NULL);"
    "CREATE TABLE outbox(id INTEGER PRIMARY KEY, user INTEGER NOT NULL, send_before INTEGER NOT NULL, due INTEGER NOT NULL,"
    " attempts INTEGER NOT NULL, fate INTEGER NOT NULL, body BLOB NOT NULL, names BLOB NOT NULL, log BLOB);"
    "CREATE INDEX outbox_waiting ON outbox(due) WHERE fate=0;"
    "CREATE INDEX outbox_of_user ON outbox(user) WHERE fate=0;"
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;",
    /* One index of what waits instead of two: an opt-out reads through it (20 bytes a waiting row), so that a message that is sent and ends
     * touches no page that only its user has. */
    "DROP INDEX outbox_of_user;"
    "DROP INDEX outbox_waiting;"
    "CREATE INDEX outbox_waiting ON outbox(due, user) WHERE fate=0;",
    /* Retention: states at rows of the past, and what was trimmed of each user. */
    "CREATE TABLE checkpoints(user INTEGER NOT NULL, head INTEGER NOT NULL, at INTEGER NOT NULL, state BLOB NOT NULL,"
    " digest BLOB NOT NULL, PRIMARY KEY(user, head)) WITHOUT ROWID;"
    "CREATE TABLE trims(user INTEGER PRIMARY KEY, base INTEGER NOT NULL, cut INTEGER NOT NULL, at INTEGER NOT NULL,"
    " oldest INTEGER NOT NULL, decided INTEGER NOT NULL);",
    /* Nothing of the schema: what is packed may be LZ4's from here on, which engines of earlier versions cannot unpack. */
    "SELECT 1;",
};
#define STEPS ((int)(sizeof steps / sizeof *steps))
#define OLDEST_READ                                                                                                                        \
  1 /* of what no engine has opened for writing since: the steps after it moved indexes, added what trimming needs, and another packing    \
     */
#define FIRST_TRIMMING 3 /* before it nothing was ever trimmed, and there is nothing to read of it */

#define USER_COLUMNS "number, digest, part, due, applied, key, id, state"
#define ROW_COLUMNS  "seq, part, user, prev, kind, body, decisions"
static const char *const texts[STATEMENTS] = {
    [INSERT_ROW] = "INSERT INTO journal VALUES(?,?,?,?,?,?,?)",
    [UPDATE_ROW_DECISIONS] = "UPDATE journal SET decisions=?2 WHERE seq=?1",
    [SELECT_ROW] = "SELECT " ROW_COLUMNS " FROM journal WHERE seq=?",
    [SELECT_ROW_DECISIONS] = "SELECT decisions, user FROM journal WHERE seq=?",
    [SELECT_TAIL] = "SELECT " ROW_COLUMNS " FROM journal WHERE seq>? ORDER BY seq LIMIT ?",
    [INSERT_USER] = "INSERT INTO users VALUES(?,?,?,0,0,?,?,NULL)",
    [UPDATE_DUE] = "UPDATE users SET due=?2 WHERE number=?1",
    [UPDATE_STATE] = "UPDATE users SET due=?2, applied=?3, state=?4 WHERE number=?1",
    [SELECT_USER_DIGEST] = "SELECT " USER_COLUMNS " FROM users WHERE digest=?",
    [SELECT_USER_NUMBER] = "SELECT " USER_COLUMNS " FROM users WHERE number=?",
    [SELECT_NEXT_USER] = "SELECT min(number) FROM users WHERE number>?",
    [INSERT_DECISION] = "INSERT INTO decisions VALUES(?,?,?,?)",
    [SELECT_DECISION] = "SELECT seq, user, body FROM decisions WHERE id=?",
    [INSERT_OUTBOX] = "INSERT INTO outbox VALUES(?,?,?,?,?,?,?,?,?)",
    [SELECT_OUTBOX] = "SELECT id, user, send_before, due, attempts, fate, body, names, log FROM outbox WHERE id=?",
    [SELECT_WAITING] = "SELECT id, user, send_before, due, attempts, fate, body, names, log FROM outbox WHERE fate=0 AND due<=?"
                       " ORDER BY due, id LIMIT ?",
    [SELECT_FATES] = "SELECT id, user, send_before, due, fate FROM outbox WHERE id>? ORDER BY id LIMIT ?",
    [UPDATE_REVIVED] = "UPDATE outbox SET fate=0, attempts=0 WHERE id=? AND fate=2",
    [SELECT_EXPIRING] = "SELECT id, send_before FROM outbox WHERE fate=0 ORDER BY due",
    [SELECT_WAITING_OF_USER] = "SELECT id FROM outbox INDEXED BY outbox_waiting WHERE fate=0 AND user=? ORDER BY id",
    [UPDATE_FIRST_ATTEMPT] = "UPDATE outbox SET due=?2, attempts=max(attempts,?5), fate=?3, log=?4 WHERE id=?1 AND fate=0 AND log IS NULL"
                             " AND user=?6",
    [UPDATE_ATTEMPT] = "UPDATE outbox SET due=?2, attempts=max(attempts,?5), fate=?3, log=?4 WHERE id=?1",
    [UPDATE_WITHDRAWN] = "UPDATE outbox SET fate=4 WHERE id=?",
    [UPDATE_WITHDRAWN_FAILED] = "UPDATE outbox SET fate=4 WHERE id=?1 AND user=?2 AND fate=2 AND send_before>?3",
    [PUT_META] = "INSERT OR REPLACE INTO meta VALUES(?,?)",
    [DELETE_META] = "DELETE FROM meta WHERE key=?",
    [DELETE_USER] = "DELETE FROM users WHERE number=?",
    [DELETE_ROW] = "DELETE FROM journal WHERE seq=?",
    [DELETE_DECISION] = "DELETE FROM decisions WHERE id=?",
    [DELETE_OUTBOX] = "DELETE FROM outbox WHERE id=?",
    [SELECT_STORED_USER] = "SELECT number, applied FROM users WHERE number>? AND state IS NOT NULL ORDER BY number LIMIT 1",
    [SELECT_TRIM] = "SELECT base, cut, at, oldest, decided FROM trims WHERE user=?",
    [PUT_TRIM] = "INSERT OR REPLACE INTO trims VALUES(?,?,?,?,?,?)",
    [DELETE_TRIM] = "DELETE FROM trims WHERE user=?",
    [SELECT_CHECKPOINT] = "SELECT state, digest FROM checkpoints WHERE user=? AND head=?",
    [SELECT_CHECKPOINT_LAST] = "SELECT head, at FROM checkpoints WHERE user=?1 AND head>?2 AND at<=?3 ORDER BY head DESC LIMIT 1",
    [SELECT_CHECKPOINT_FIRST] = "SELECT head, at FROM checkpoints WHERE user=?1 AND head>?2 ORDER BY head LIMIT 1",
    [PUT_CHECKPOINT] = "INSERT OR REPLACE INTO checkpoints SELECT number, applied, ?2, state, ?3 FROM users WHERE number=?1",
    [DELETE_CHECKPOINTS] = "DELETE FROM checkpoints WHERE user=?1 AND head<?2",
    [UPDATE_STUB] = "UPDATE journal SET prev=?2, body=?3 WHERE seq=?1",
    [UPDATE_LINK] = "UPDATE journal SET prev=?2 WHERE seq=?1",
    [UPDATE_FORGOTTEN] = "UPDATE journal SET prev=0, decisions=NULL WHERE seq=?1",
    [SELECT_LETTERS] = "SELECT id, due, fate, length(body) FROM outbox WHERE id>?1 AND id<=?2 ORDER BY id LIMIT ?3",
    [UPDATE_LETTER] = "UPDATE outbox SET body=x'' WHERE id=?",
    [BEGIN_TURN] = "BEGIN IMMEDIATE",
    [COMMIT_TURN] = "COMMIT",
};

bool volume_migrate(sqlite3 *db, struct err *e) {
  return sql_migrate(db, steps, STEPS, e);
}

/* ---- small things ---- */

sqlite3_stmt *volume_statement(struct volume *v, enum statement which) {
  sqlite3_reset(v->statements[which]);
  return v->statements[which];
}

bool meta_put(struct volume *v, const char *key, int64_t value, struct err *e) {
  sqlite3_stmt *put = volume_statement(v, PUT_META);
  sqlite3_bind_text(put, 1, key, -1, SQLITE_STATIC);
  sqlite3_bind_int64(put, 2, value);
  return sql_run(put, "writing meta", e);
}

bool meta_get(sqlite3 *db, const char *key, int64_t missing, int64_t *value, struct err *e) {
  sqlite3_stmt *get = sql_prepare(db, "SELECT value FROM meta WHERE key=?", e);
  if (!get) return false;
  sqlite3_bind_text(get, 1, key, -1, SQLITE_STATIC);
  const int got = sql_row(get, "reading meta", e);
  *value = got == 1 ? sqlite3_column_int64(get, 0) : missing;
  sql_finalize(&get);
  return got >= 0;
}

static int wal_grew(void *context, sqlite3 *db, const char *name, int pages) {
  (void)db;
  (void)name;
  struct volume *v = context;
  v->wal_pages = (uint64_t)pages;
  return SQLITE_OK;
}

/* ---- opening ---- */

struct volume *volume_new(struct book *b, uint32_t number, bool writer, struct err *e) {
  if (number >= b->layout.volumes) {
    err_set(e, ERR_MISSING, "%s has %u files, there is no number %u", b->directory, b->layout.volumes, number);
    return NULL;
  }
  struct volume *v = kit_alloc(sizeof *v);
  if (!v) {
    err_set(e, ERR_STORAGE, "memory for a volume is missing");
    return NULL;
  }
  *v = (struct volume){.book = b, .number = number, .writer = writer};
  book_volume_path(b, number, v->path);
  sealer_init(&v->sealer);
  if (packer_init(&v->packer, &b->dictionary, e)) return v;
  kit_free(v);
  return NULL;
}

void volume_disconnect(struct volume *v) {
  if (v->writer) beside_close(v->book->beside, v->number);
  retention_forget(v);
  for (int i = 0; i < STATEMENTS; i++) sql_finalize(&v->statements[i]);
  sql_close(&v->db);
  v->wal = NULL;
  v->in_turn = v->has_rows = false;
}

static bool read_counters(struct volume *v, struct err *e) {
  int64_t last, floor;
  if (!sql_int(v->db, "SELECT max(seq) FROM journal", 0, &last, e) || !meta_get(v->db, "seq_floor", 1, &floor, e)) return false;
  v->next_seq = last + 1 > floor ? last + 1 : floor;
  if (!sql_int(v->db, "SELECT max(number) FROM users", 0, &last, e) || !meta_get(v->db, "user_floor", 1, &floor, e)) return false;
  v->next_user = last + 1 > floor ? last + 1 : floor;
  if (!meta_get(v->db, "rows_gone", 0, &v->rows_gone, e)) return false;
  if (!sql_int(v->db, "SELECT count(*) FROM users", 0, &v->users_all, e)) return false;
  for (uint32_t p = 0; p < BOOK_PARTITIONS; p++) {
    char text[160], key[32];
    snprintf(text, sizeof text, "SELECT max(id) FROM decisions WHERE id BETWEEN %lld AND %lld", (long long)p << 48,
             ((long long)(p + 1) << 48) - 1);
    snprintf(key, sizeof key, "decision_floor_%u", p);
    if (!sql_int(v->db, text, 0, &last, e) || !meta_get(v->db, key, 0, &floor, e)) return false;
    const int64_t count = last & ((INT64_C(1) << 48) - 1);
    v->decisions[p] = (uint64_t)(count > floor ? count : floor);
    snprintf(key, sizeof key, "control_head_%u", p);
    if (!meta_get(v->db, key, 0, &v->control_head[p], e)) return false;
    v->control_stored[p] = v->control_head[p];
  }
  return meta_get(v->db, "features_whole", 0, &v->whole, e) && meta_get(v->db, "watermark", 0, &v->watermark, e);
}

/* What the last run left in the log is brought into the file before anything new is written, a schema step included: after a failed fsync
 * the kernel may hold pages as clean that never reached the disk, and only writing them again makes them durable. */
static bool bring_in(struct volume *v, struct err *e) {
  int pages = 0, done = 0;
  const int rc = sqlite3_wal_checkpoint_v2(v->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, &pages, &done);
  /* A reader that is in the way costs nothing but the log's length. */
  if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY) return sql_fail(e, v->db, rc, "checkpointing at the start");
  if (pages >= 0) v->wal_pages = v->wal_tried = pages == done ? 0 : (uint64_t)pages;
  return true;
}

/* A new schema reaches the file before anything is told. One whose commit failed is cut off the log, which was empty before it: what the
 * failed sync left there may be readable and yet never reach the disk. */
static bool migrate(struct volume *v, struct err *e) {
  int64_t before;
  if (!sql_int(v->db, "PRAGMA user_version", 0, &before, e)) return false;
  if (before == STEPS) return true;
  if (!volume_migrate(v->db, e)) {
    if (v->wal_pages == 0 && before < STEPS) {
      sql_close(&v->db);
      sql_cut_log(v->path, 0, NULL);
    }
    return false;
  }
  if (!bring_in(v, e)) return false;
  return v->wal_pages == 0 || err_set(e, ERR_BUSY, "%s: another program reads it while its schema changes; end that first", v->path);
}

bool volume_prepare(struct volume *v, struct err *e) {
  if (v->writer && !sql_drop_unfinished(v->path, STEPS, "SELECT count(*) FROM journal", e)) return false;
  v->db = sql_open(v->path, v->writer ? SQL_WRITER : SQL_READER, e);
  if (!v->db) return false;
  if (v->writer && !bring_in(v, e)) return false;
  if (v->writer) sqlite3_wal_hook(v->db, wal_grew, v);
  if (v->writer && !migrate(v, e)) return false;
  int64_t version;
  if (!sql_int(v->db, "PRAGMA user_version", 0, &version, e)) return false;
  if (version < OLDEST_READ || version > STEPS)
    return err_set(e, ERR_CONFLICT, "%s has schema version %lld; this engine reads %d to %d", v->path, (long long)version, OLDEST_READ,
                   STEPS);
  for (int i = 0; i < STATEMENTS; i++) {
    const bool of_trims = i >= SELECT_TRIM && i <= DELETE_CHECKPOINTS;
    if (of_trims && version < FIRST_TRIMMING) continue;
    if (!(v->statements[i] = sql_prepare(v->db, texts[i], e))) return false;
  }
  if (!read_counters(v, e)) return false;
  if (v->writer) v->wal = wal_of(v->db);
  return true;
}

static void volume_free(struct volume *v) {
  users_forget_all(v);
  volume_disconnect(v);
  scan_free(v->scan);
  if (v->retaining) buf_free(&v->retaining->list);
  kit_free(v->retaining);
  packer_free(&v->packer);
  pending_free(v);
  buf_free(&v->plain);
  buf_free(&v->packed);
  buf_free(&v->sealed);
  map_free(&v->by_id);
  map_free(&v->by_number);
  map_free(&v->erased);
  sodium_memzero(v, sizeof *v);
  kit_free(v);
}

static bool start(struct volume *v, struct err *e) {
  return volume_prepare(v, e) && erase_resume(v, e) && (v->raw || tail_apply(v, e));
}

struct reading_erased {
  struct volume *volume;
  bool failed;
};

static bool note_erased(void *context, const struct erasure *erasure) {
  struct reading_erased *r = context;
  r->failed = !map_set(&r->volume->erased, erasure->digest.low, 1);
  return !r->failed;
}

/* Of all volumes: an erasure does not say of which it was, and few are erased. */
static bool read_erased(struct volume *v, struct err *e) {
  struct reading_erased r = {.volume = v};
  return control_erasures(v->book, note_erased, &r, e) && (!r.failed || err_set(e, ERR_STORAGE, "memory for who was erased is missing"));
}

bool volume_was_erased(const struct volume *v, const struct user *u) {
  uint64_t one;
  return map_get(&v->erased, u->digest.low, &one);
}

static struct volume *open_writer(struct book *b, uint32_t number, const struct volume_replay *replay, bool raw, struct err *e) {
  if (!b->writer) {
    err_set(e, ERR_CONFLICT, "%s is open for reading only", b->directory);
    return NULL;
  }
  struct volume *v = volume_new(b, number, true, e);
  if (!v) return NULL;
  if (replay) v->replay = *replay;
  v->raw = raw;
  if ((raw || read_erased(v, e)) && start(v, e)) return v;
  err_wrap(e, "volume %u", number);
  volume_free(v);
  return NULL;
}

struct volume *volume_open(struct book *b, uint32_t number, const struct volume_replay *replay, struct err *e) {
  return open_writer(b, number, replay, false, e);
}

struct volume *volume_open_raw(struct book *b, uint32_t number, struct err *e) {
  return open_writer(b, number, NULL, true, e);
}

bool volume_recover(struct volume *v, struct err *e) {
  if (v->replay.leaving)
    for (struct user *u = v->newest; u; u = u->older) v->replay.leaving(v->replay.context, v, u);
  users_forget_all(v);
  pending_forget(v);
  volume_disconnect(v);
  v->failed = false;
  /* What stands in the log behind the last commit that was told to be durable may be readable and yet never reach the disk, if its sync
   * failed. Brought into the file from there, it would take told rows with it in a power loss: it is cut off. */
  if (!sql_cut_log(v->path, v->wal_pages, e) || !start(v, e)) {
    v->failed = true;
    err_wrap(e, "volume %u is out of service", v->number);
    users_forget_all(v);
    volume_disconnect(v);
    return false;
  }
  v->recoveries++;
  log_lasting(&v->reopening, LOG_WARN, "book", "volume %u was reopened and verified; next row %lld", v->number, (long long)v->next_seq);
  return true;
}

void volume_close(struct volume *v) {
  if (!v) return;
  if (v->writer) beside_close(v->book->beside, v->number);
  if (v->writer && v->db && !v->failed) {
    /* Memory that is ahead of the journal is never written: an unfinished turn is given up. */
    if (!v->has_rows && (v->raw || settle_all(v, NULL))) sqlite3_wal_checkpoint_v2(v->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    else if (v->in_turn) sqlite3_exec(v->db, "ROLLBACK", NULL, NULL, NULL);
  }
  volume_free(v);
}

struct volume *volume_reader(struct book *b, uint32_t number, struct err *e) {
  char path[BOOK_PATH];
  book_volume_path(b, number, path);
  if (!file_exists(path)) {
    err_set(e, ERR_MISSING, "%s is not there: no engine has run on this directory yet, and nothing was imported", path);
    return NULL;
  }
  struct volume *v = volume_new(b, number, false, e);
  if (!v) return NULL;
  if (volume_prepare(v, e)) return v;
  err_wrap(e, "volume %u", number);
  volume_free(v);
  return NULL;
}

uint32_t volume_number(const struct volume *v) {
  return v->number;
}

int64_t volume_newest_row(const struct volume *v) {
  return v->next_seq - 1;
}

int64_t volume_last_fact(const struct volume *v, uint32_t partition) {
  return v->control_head[partition];
}

struct volume_figures volume_figures(const struct volume *v) {
  return (struct volume_figures){.rows = (uint64_t)(v->next_seq - 1 - v->rows_gone),
                                 .users_hot = v->by_number.count,
                                 .users_all = (uint64_t)v->users_all,
                                 .wal_bytes = v->wal_pages * 4120,
                                 .commits = v->commits,
                                 .checkpoints = v->checkpoints,
                                 .dirty = v->dirty,
                                 .truncations_owed = v->truncate_owed,
                                 .recoveries = v->recoveries,
                                 .failed = v->failed || !v->db};
}

/* ---- ids ---- */

size_t decision_id_text(uint64_t id, char out[32]) {
  const int length = snprintf(out, 32, "d%u-%llu", (unsigned)(id >> 48), (unsigned long long)(id & ((UINT64_C(1) << 48) - 1)));
  return (size_t)length;
}

bool decision_id_parse(struct str text, uint64_t *id) {
  struct str partition;
  int64_t p, count;
  if (!str_starts(text, "d")) return false;
  struct str rest = {text.at + 1, text.len - 1};
  if (!str_split(&rest, '-', &partition) || !rest.at || !str_to_int(partition, &p) || !str_to_int(rest, &count)) return false;
  if (p < 0 || p >= BOOK_PARTITIONS || count < 1 || count >= INT64_C(1) << 48) return false;
  *id = (uint64_t)p << 48 | (uint64_t)count;
  char again[32];
  return str_eq((struct str){again, decision_id_text(*id, again)}, text); /* one spelling an id */
}
