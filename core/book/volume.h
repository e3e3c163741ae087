/* A volume, seen from inside this room. */
#pragma once
#include "directory.h"
#include "kit/log.h"
#include "kit/map.h"
#include "sql.h"

/* Bounds, settable by tests before volume_open. */
struct volume_limits {
  uint64_t hot_users;     /* kept in memory when clean */
  int64_t tail_soft;      /* rows: states older than this are written behind */
  int64_t tail_hard;      /* rows: never more to replay at a start */
  uint64_t wal_idle;      /* bytes: checkpoint when idle */
  uint64_t wal_always;    /* bytes: checkpoint */
  uint64_t wal_wait;      /* bytes: wait for readers */
  uint64_t wal_most;      /* bytes: no new turn */
  uint32_t states_a_turn; /* written in one settle */
  int64_t idle_states_ns; /* states are written when idle, at most this often */
};
extern struct volume_limits volume_limits;

/* What the open turn has appended and not written yet. A piece lies in `bytes` first, then in the volume's `packed`, then in `sealed`. */
struct pending_piece {
  struct user *user; /* NULL: a control fact. In memory until it is written: users who are dirty stay. */
  struct seal_place place;
  size_t from, length;
};
struct pending_row {
  struct pending_piece piece;
  int64_t seq, previous, number; /* number: the user's, who is far away by the time it is written */
  uint32_t partition;
  struct buf decisions; /* ids, 8 bytes each */
};
struct pending_decision {
  struct pending_piece piece; /* its place counts by its id */
  int64_t seq;                /* of its row */
};
struct pending {
  struct pending_row *rows; /* their seqs are without a gap */
  size_t row_count, row_cap;
  struct pending_decision *decisions;
  size_t decision_count, decision_cap;
  struct buf bytes; /* of both, plain */
};

enum statement {
  INSERT_ROW,
  UPDATE_ROW_DECISIONS,
  SELECT_ROW,
  SELECT_ROW_DECISIONS,
  SELECT_TAIL,
  INSERT_USER,
  UPDATE_DUE,
  UPDATE_STATE,
  SELECT_USER_DIGEST,
  SELECT_USER_NUMBER,
  SELECT_NEXT_USER,
  INSERT_DECISION,
  SELECT_DECISION,
  INSERT_OUTBOX,
  SELECT_OUTBOX,
  SELECT_WAITING,
  SELECT_FATES,
  UPDATE_REVIVED,
  SELECT_EXPIRING,
  SELECT_WAITING_OF_USER,
  UPDATE_FIRST_ATTEMPT,
  UPDATE_ATTEMPT,
  UPDATE_WITHDRAWN,
  UPDATE_WITHDRAWN_FAILED,
  PUT_META,
  DELETE_META,
  DELETE_USER,
  DELETE_ROW,
  DELETE_DECISION,
  DELETE_OUTBOX,
  SELECT_STORED_USER,
  SELECT_TRIM, /* to DELETE_CHECKPOINTS: NULL while the file is of before there was any trimming */
  PUT_TRIM,
  DELETE_TRIM,
  SELECT_CHECKPOINT,
  SELECT_CHECKPOINT_LAST,
  SELECT_CHECKPOINT_FIRST,
  PUT_CHECKPOINT,
  DELETE_CHECKPOINTS,
  UPDATE_STUB,
  UPDATE_LINK,
  UPDATE_FORGOTTEN,
  SELECT_LETTERS,
  UPDATE_LETTER,
  BEGIN_TURN,
  COMMIT_TURN,
  STATEMENTS
};

struct volume {
  struct book *book;
  uint32_t number;
  bool writer, raw;
  char path[BOOK_PATH];
  sqlite3 *db;
  sqlite3_stmt *statements[STATEMENTS];
  struct volume_replay replay;
  struct packer packer;
  struct sealer sealer;
  struct seal_cache unwrapping; /* of the key that wraps the users' */
  /* the turn */
  struct log_lasting reopening; /* on a full disk after every turn */
  bool failed;                  /* a write or commit failed: only volume_recover helps */
  bool in_turn;                 /* a transaction is open */
  bool has_rows;                /* something of the caller's is in it, not only states written behind */
  struct wal *wal;              /* of the connection; NULL: what it writes is not gathered */
  struct pending pending;
  struct buf plain, packed, sealed; /* scratch */
  int64_t row_seq, row_arrived;     /* the row appended or read last: whose arrival volume_remember asks for */
  /* counters */
  int64_t next_seq, next_user, users_all, rows_gone;
  uint64_t decisions[BOOK_PARTITIONS]; /* last count given */
  int64_t control_head[BOOK_PARTITIONS], control_stored[BOOK_PARTITIONS];
  int64_t whole;     /* volume_whole */
  int64_t watermark; /* rows up to here are in stored states */
  /* users */
  struct map by_id, by_number;
  struct map erased;            /* digests of whoever was erased here; of writers */
  struct user *newest, *oldest; /* recently used */
  struct user *dirty_first, *dirty_last;
  uint64_t dirty;
  int64_t states_written_at;
  /* figures */
  uint64_t wal_pages; /* frames of the log that were synced by a commit that returned true, and are not all in the file yet */
  uint64_t wal_left;  /* … when the thread beside was asked */
  uint64_t wal_tried, commits, checkpoints, recoveries;
  bool truncate_owed;          /* an erasure's log could not be truncated yet */
  struct scan *scan;           /* readers */
  bool fresh_users;            /* readers that scan: users come without their stored state */
  bool everything;             /* readers that scan: trimmed and settled rows, too */
  struct retaining *retaining; /* NULL: nothing is trimmed */
};

/* volume.c */
struct volume *volume_new(struct book *b, uint32_t number, bool writer, struct err *e);
bool volume_prepare(struct volume *v, struct err *e);
void volume_disconnect(struct volume *v);
sqlite3_stmt *volume_statement(struct volume *v, enum statement which);
bool volume_migrate(sqlite3 *db, struct err *e);
bool meta_put(struct volume *v, const char *key, int64_t value, struct err *e);
bool meta_get(sqlite3 *db, const char *key, int64_t missing, int64_t *value, struct err *e);

/* For restore and move: without replay, so its users' states and heads may be behind the journal and are never written. */
struct volume *volume_open_raw(struct book *b, uint32_t number, struct err *e);

/* turn.c */
bool turn_begin(struct volume *v, struct err *e); /* lazily; refuses a failed volume */
bool turn_fail(struct volume *v);                 /* marks the volume failed; always false */

/* pending.c: rows and decisions of the open turn. False: memory is missing, or the row is too large. */
bool pending_row(struct volume *v, struct user *u, const struct entry *entry, struct err *e);
bool pending_decision(struct volume *v, struct user *u, uint64_t id, int64_t seq, struct str record, struct err *e);
struct pending_row *pending_of(struct volume *v, int64_t seq); /* NULL: not there, or written already */
bool pending_room(struct volume *v, struct err *e);            /* writes what is pending when it has grown large */
bool pending_write(struct volume *v, struct err *e);           /* … in any case; a failure is the turn's */
void pending_forget(struct volume *v);
void pending_free(struct volume *v);

/* rows.c */
struct seal_place row_place(const struct user *u, const struct entry *entry);
bool row_plain(const struct entry *entry, struct buf *out, struct err *e); /* appended; refuses rows that are too large */
const unsigned char *row_key(const struct volume *v, const struct user *u);
struct seal_cache *row_cache(struct user *u);
/* Opens a sealed body; the views in `entry` lie in `plain`. */
bool row_open(struct volume *v, struct user *u, struct str sealed, struct entry *entry, struct buf *plain, struct err *e);
/* Statement columns: seq, part, user, prev, kind, body, decisions. */
void row_columns(sqlite3_stmt *row, struct entry *entry, struct str *sealed);
bool row_decision_ids(sqlite3_stmt *row, int column, struct buf *ids); /* appended, 8 bytes each */
bool piece_seal(struct volume *v, struct user *u, char what, uint64_t count, struct str plain, struct buf *out, struct err *e);
bool piece_open(struct volume *v, struct user *u, char what, uint64_t count, struct str sealed, struct buf *out, struct err *e);

/* users.c */
bool users_write_state(struct volume *v, struct user *u, struct err *e);
void users_mark_dirty(struct volume *v, struct user *u, int64_t seq);
void users_forget_all(struct volume *v);
void users_forget(struct volume *v, struct user *u);
void users_trim(struct volume *v, uint64_t most);
/* Reads one user from a statement with the columns number, digest, part, due, applied, key, id, state. */
struct user *user_from_row(struct volume *v, sqlite3_stmt *row, bool with_state, int64_t *applied, struct err *e);

struct user *users_hot(struct volume *v, int64_t number);       /* only if in memory */
void users_warm_number(const struct volume *v, int64_t number); /* volume_user_number of it comes soon */
void users_make_clean(struct volume *v, struct user *u);        /* out of the queue, unwritten: erasure only */

/* settle.c */
bool settle_all(struct volume *v, struct err *e);                       /* every dirty state, the watermark, commit */
bool settle_truncate(struct volume *v, int patience_ms, struct err *e); /* true also when it is owed */
bool settle_passive(struct volume *v, struct err *e);                   /* when the log has passed wal_always */

/* tail.c */
bool tail_apply(struct volume *v, struct err *e);

/* erase.c */
bool erase_resume(struct volume *v, struct err *e); /* goes on with erasures that were cut short */
/* Erases the user of a raw volume whose key the mark was made from, if there is one. */
bool erase_by_mark(struct volume *v, const struct erasure *erasure, struct err *e);

/* scan.c */
void scan_free(struct scan *s);
/* The decisions of the row that was given last, in id order, as the scan has read them with it. */
struct scanned_decision {
  uint64_t id;
  int64_t user;
  struct str sealed; /* without bytes: it was not there */
};
bool scan_has(const struct volume *v, int64_t seq, const struct scanned_decision **decisions, size_t *count);
