/* book: the data directory. The journal is the truth; states, decisions and outbox rows are committed with it in one transaction.
 * The only room that knows SQLite. Layout of a data directory:
 *   kairos.lock        held by flock while an engine or an offline tool that writes runs
 *   master.key         32 bytes, 0600: wraps the users' data keys; never in a backup
 *   layout             format version, secret for user digests, partition → volume
 *   origin             16 hex digits, in the ids of webhooks: drawn when the directory is made and again by a restore; never in a backup
 *   volume-00.db …     one SQLite file (WAL, synchronous=FULL) per volume: journal, users, decisions, outbox, meta
 *   control.db         control facts with their authors (hash-chained), API keys (SHA-256), erasures, models' registry
 *   store/<sha256>     every source, program manifest, dictionary, model state, time zone and .so that a journal names
 * A volume has one connection that writes and checkpoints, owned by one lane. Readers are query_only and short.
 */
#pragma once
#include "book/user.h"
#include "kit/arena.h"
#include "kit/err.h"

#define BOOK_PARTITIONS   16
#define BOOK_FORMAT       2
#define BOOK_VOLUMES_MOST 16

/* ---- the directory ---- */
struct book;
bool book_create(const char *directory, uint32_t volumes, struct err *e); /* ERR_CONFLICT when one is there already */
/* Nothing lies there that a data directory without its layout would leave. */
bool book_can_begin(const char *directory, struct err *e);
struct book *book_open(const char *directory, bool writer,
                       struct err *e); /* writer takes the lock: ERR_CONFLICT names the other's process */
/* For API keys alone: takes the lock when nobody has it, else works beside the engine that has it (adds and revokes, never checkpoints). */
struct book *book_open_keys(const char *directory, struct err *e);
/* From here on a thread of its own copies the volumes' logs into their files while their lanes commit; without memory for it the lanes do
 * so themselves, as tools do. Before the first volume is opened. [main] */
void book_checkpoint_beside(struct book *b);
void book_close(struct book *b);
/* Whether others may look into a directory: what the engine makes there is 0600 and 0700, but a directory that was there stays as it is. */
bool book_open_to_others(const char *directory, unsigned *mode);
uint32_t book_volumes(const struct book *b);
uint32_t book_partition_of(const struct book *b, struct str user); /* [any] hash of the id, for ever */
uint32_t book_volume_of(const struct book *b, uint32_t partition); /* [any] */
const char *book_directory(const struct book *b);
/* What tells this directory's webhooks from those of every other, and from its own before a restore; 0: an older engine made it. [any] */
uint64_t book_origin(const struct book *b);
/* Names the SQLite VFS that every file opened from now on goes through; NULL = the default. Tests of power loss and failing disks only. */
void book_use_vfs(const char *name);
void user_erasure_mark(const struct user *u,
                       unsigned char mark[16]); /* made from their key, one way: tells them from somebody new [lane] */
bool book_move(const char *directory, uint32_t volumes, void (*progress)(void *, double), void *context,
               struct err *e); /* offline: re-homes partitions in order, rewrites the chains' pointers */
bool book_backup(const char *directory, const char *target,
                 struct err *e); /* online, by SQLite's backup API from a reader; opened, checked, counted before true */
/* Whether the store of a data directory or a backup holds every program that ran, and what journals are read with. */
bool book_store_whole(const char *directory, struct err *e);
struct control_fact;
struct restore {
  const char *erased_by;            /* a data directory, a backup or a control.db newer than the backup; NULL: none */
  const struct control_fact *first; /* said in control.db before anything can be served; NULL: nothing is */
  bool listed;                      /* out: whether there was a newer list; without one whoever was erased since is back */
};
/* Into a directory that is not there, empty, or holds only the lost one's control.db (and its log). What that, and the newer list that is
 * named, know of erasures and of revoked keys holds here too, before the layout makes it a data directory. */
bool book_restore(const char *backup, const char *directory, const char *master_key_file, struct restore *r, struct err *e);
struct doctor_line {
  const char *check;
  bool ok;
  const char *text;
};
bool book_doctor(const char *directory, struct arena *a, struct doctor_line **lines, size_t *count,
                 struct err *e); /* integrity, chains, counters, keys, store hashes */

/* ---- the store [any] ---- */
bool store_put(struct book *b, struct str bytes, unsigned char sha256[32], struct err *e); /* atomic, mode 0400, idempotent */
/* Several at once: durable together, with one sync of the directory for those that were not there. */
bool store_put_several(struct book *b, const struct str *texts, size_t count, struct err *e);
bool store_get(struct book *b, const unsigned char sha256[32], struct buf *out, struct err *e); /* verifies the hash */
bool store_path(struct book *b, const unsigned char sha256[32], char *path, size_t size);

/* ---- a volume: one writer, one lane ---- */
struct volume;
enum entry_kind {
  ENTRY_EVENT = 1,
  ENTRY_TICK = 2,
  ENTRY_CONSENT = 3,
  ENTRY_PROFILE = 4,
  ENTRY_ASKED = 5 /* POST /v1/decide */,
  ENTRY_CONTROL = 6 /* user = 0 */,
  ENTRY_IMPORTED = 7 /* a decision made elsewhere */,
  ENTRY_FILLED = 8 /* what a definition that came later makes of the chain so far */,
  ENTRY_MERGE = 9 /* two ids are one person: one such row ends the chain that goes, one binds the person who stays */
};

/* A journal row, decoded. Appending: fill partition, kind, body and record; the rest is set. */
struct entry {
  int64_t seq;
  uint32_t partition;
  enum entry_kind kind;
  int64_t user;       /* number; 0 for control facts */
  int64_t previous;   /* the user's row before; for control facts the partition's control fact before */
  struct str body;    /* envelope JSON (EVENT, TICK, CONSENT, PROFILE, ASKED), fact JSON (CONTROL) */
  struct str record;  /* what cannot be recomputed, packed by flow: clock, source, beliefs, fallbacks … */
  int64_t arrived;    /* UTC ms by our clock; volume_append sets it when 0. What the duplicates' window is measured in */
  uint64_t count;     /* the row's place in its user's chain, from 1; 0 for control facts */
  uint32_t decisions; /* how many decisions belong to the row (reading only) */
  bool trimmed;       /* only place, arrival and decisions are left (volume_scan_everything) */
  bool settled;       /* the user that comes with it stands on a checkpoint that holds it already (volume_scan_everything) */
};
/* Called while a volume is opened (and after a failed commit), in seq order: with *every* control fact of the volume's partitions (`user`
 * is NULL), and with each user's rows that are newer than that user's stored state: flow applies them without deciding again. Facts older
 * than all such rows come first, the newer ones in their places between the rows. Rows of erased users are skipped. */
struct volume_replay {
  bool (*row)(void *context, struct volume *v, struct user *user, const struct entry *row, struct err *e);
  /* May be NULL. A clean user leaves memory (only ever inside volume_settle, volume_each_user, volume_recover and volume_erase): the lane
   * takes it out of what points to it. */
  void (*leaving)(void *context, struct volume *v, struct user *user);
  void *context;
};
/* Without `replay` (tests) the tail moves heads and counts only, and states are written behind like that. */
struct volume *volume_open(struct book *b, uint32_t number, const struct volume_replay *replay, struct err *e); /* [lane] */
void volume_close(struct volume *v); /* writes states behind, checkpoints */
uint32_t volume_number(const struct volume *v);

/* Users [lane]. Found in memory, loaded from disk (state + nothing else: recovery has applied the tail), or created with a fresh key when
 * `create`. NULL without error: unknown. */
struct user *volume_user(struct volume *v, struct str id, bool create, struct err *e);
/* Says whom volume_user will be asked for LOOKED_AHEAD calls later, so that what it reads is near by then; an id without bytes: nobody
 * comes behind. Begins with zeroes; good for one walk [lane]. */
#define LOOKED_AHEAD 8
struct users_ahead {
  size_t count;
  uint64_t keys[LOOKED_AHEAD];
  const struct user *users[LOOKED_AHEAD];
};
void volume_users_warm(const struct volume *v, struct users_ahead *ahead, struct str id);
struct user *volume_user_number(struct volume *v, int64_t number, struct err *e);
/* Remembers that the stored state is behind; volume_append does so by itself. Only what rows can bring back may change: after a crash a
 * change without a row is gone. Pointers to users live until volume_settle, volume_each_user, volume_recover or volume_erase. */
void volume_user_changed(struct volume *v, struct user *u);
/* The user's next tick, in the turn: durable with it, though nothing happened to the user that a row could tell. */
bool volume_set_due(struct volume *v, struct user *u, int64_t due, struct err *e);
/* Every user with a tick due: fills the lane's heap after opening. False also when `each` is, which ends it: without memory. */
bool volume_due_users(struct volume *v, bool (*each)(void *context, int64_t number, int64_t due), void *context, struct err *e);
/* Walks all users in number order, loading each in turn. */
bool volume_each_user(struct volume *v, bool (*each)(void *context, struct user *u), void *context, struct err *e);

/* The number of the next user above `after`; 0: there is none. A walk over everybody in pieces; a dead number is nobody. False: storage. */
bool volume_next_user(struct volume *v, int64_t after, int64_t *number, struct err *e);
/* The row before in the same chain and the kind of this one, without opening it. */
bool volume_step_back(struct volume *v, int64_t seq, int64_t *previous, enum entry_kind *kind, struct err *e);
/* What every user of the volume has whole (places_whole of its partitions); 0: not known, so that somebody must look. Set in the turn that
 * is open. A hint that saves looking: what counts is in the users' rows. */
uint64_t volume_whole(const struct volume *v);
bool volume_set_whole(struct volume *v, uint64_t set, struct err *e);

/* One turn: begin (lazily IMMEDIATE), any number of appends, commit. After a false from any of these the turn is lost: call volume_recover
 * before the next; until it succeeds nothing is acknowledged. */
bool volume_append(struct volume *v, struct user *u, struct entry *entry,
                   struct err *e); /* sets seq and previous, moves u->head; u NULL for control facts */
/* Rows get their seq at once and are written when the turn commits (or something reads them), so decisions of a row may follow it at any
 * place in the turn. Rows come back from replay with head and events moved *after* `row` was called, as in a live turn volume_append moves
 * them after the features. */
/* Decision ids: (partition, count). Text form "d<partition>-<count>", number form partition << 48 | count; both by decision_id_*. */
/* The id that the next decision of the partition gets; volume_add_decision uses it up, so several of one event are next, next + 1 … */
uint64_t volume_next_decision(struct volume *v, uint32_t partition);
bool volume_add_decision(struct volume *v, struct user *u, uint64_t id, int64_t seq, struct str record,
                         struct err *e); /* sealed with the user's key */
struct outbox_row {
  uint64_t id; /* the decision's */
  int64_t user;
  int64_t send_before; /* UTC ms */
  int64_t due;         /* next attempt, UTC ms */
  uint32_t attempts;
  enum outbox_end { OUTBOX_WAITING = 0, OUTBOX_DELIVERED, OUTBOX_FAILED, OUTBOX_EXPIRED, OUTBOX_WITHDRAWN } end;
  struct str body;  /* rendered bytes, signed as they are */
  struct str names; /* packed: trigger, option, experiment, rollout: what a kill may name */
  struct str log;   /* JSON array of attempts */
  bool killed;      /* flow_find_killed's */
  bool damaged;     /* it is there, but cannot be read: the three above say nothing */
};
bool volume_add_outbox(struct volume *v, struct user *u, const struct outbox_row *row, struct err *e);
/* An attempt's result, or an end without one. */
struct outbox_attempt {
  uint64_t id;
  int64_t user;     /* the row's; 0 when not known */
  uint32_t attempt; /* counts from 1; 0 when it ended without one */
  int64_t at;       /* when it ended, UTC ms: an ended row's due */
  int64_t due;      /* when it waits again, UTC ms */
  enum outbox_end end;
  struct str result_json;
};
/* Appends it to the row's log and sets due or end. ERR_MISSING when the row is gone (its user was erased): the turn goes on. */
bool volume_attempt(struct volume *v, const struct outbox_attempt *a, struct err *e);
/* Withdraws the user's waiting rows; their ids are given to `each` for the courier. Rows that failed and are not too late yet end withdrawn
 * as well: no revival brings them back. */
bool volume_withdraw(struct volume *v, struct user *u, void (*each)(void *context, uint64_t id), void *context, struct err *e);
bool volume_commit(struct volume *v, struct err *e);  /* COMMIT = durable */
bool volume_recover(struct volume *v, struct err *e); /* reopen, verify, forget memory, replay the tail */
/* Whether a turn may begin, or has begun. False with ERR_BUSY while a reader holds a log that may grow no longer: nothing was touched and
 * nothing is lost, and volume_settle tries to shorten it; with ERR_STORAGE when the volume failed. Asked before users' states move. */
bool volume_room(const struct volume *v, struct err *e);
/* After answering: writes some states behind and checkpoints when due (2 MB when `idle`, 8 MB always). */
bool volume_settle(struct volume *v, bool idle, struct err *e);
/* Erasure: the user's key, rows, decisions, outbox rows and state are deleted, WAL truncated. Its own transactions: first the
 * key, so that a crash between leaves nothing readable, and the next start goes on. `u` is gone afterwards. When a reader holds the log,
 * its truncation is owed (figures) and every volume_settle tries again. Only between turns. */
bool volume_erase(struct volume *v, struct user *u, struct err *e);
/* Whether somebody of this id was erased here, or is being erased; of writers. */
bool volume_was_erased(const struct volume *v, const struct user *u);

/* Duplicates [lane]: looks up (source, id) within the window, verifies against the row. A row that retention has removed counts as the
 * same. */
enum duplicate {
  DUPLICATE_NO,
  DUPLICATE_SAME,
  DUPLICATE_OTHER, /* other content under the same id */
  DUPLICATE_FAILED /* the row cannot be read: error set, the turn is lost */
};
enum duplicate volume_duplicate(struct volume *v, struct user *u, struct str source, struct str id, struct str body, int64_t now,
                                struct err *e);
/* After volume_append, or inside replay's `row`, with that row's seq. False only when memory failed: the turn is lost. */
bool volume_remember(struct volume *v, struct user *u, struct str source, struct str id, int64_t seq);

/* Reading [lane or reader] */
bool volume_entry(struct volume *v, int64_t seq, struct arena *a, struct entry *out, struct user **user,
                  struct err *e);                  /* ERR_MISSING; decrypts */
int64_t volume_newest_row(const struct volume *v); /* its seq, 0: none ever [lane] */
/* The newest row of each volume when an engine last began or ended here, as far as that is known (0). What is kept must be durable, and be
 * of all volumes. [before and after lanes] */
void book_rows_known(const struct book *b, int64_t rows[BOOK_VOLUMES_MOST]);
bool book_rows_keep(const struct book *b, const int64_t rows[BOOK_VOLUMES_MOST], struct err *e);
int64_t volume_last_fact(const struct volume *v, uint32_t partition); /* seq of the partition's newest control fact, 0: none [lane] */
bool volume_decision(struct volume *v, uint64_t id, struct arena *a, struct str *record, int64_t *seq, struct err *e);
/* False: it is not there (ERR_MISSING), cannot be read (then `damaged`; perhaps memory was short), or the storage fails. */
bool volume_outbox(struct volume *v, uint64_t id, struct arena *a, struct outbox_row *out, struct err *e);
/* The journal row that a decision was made on; 0: it is not known any more. */
bool volume_decided(struct volume *v, uint64_t id, int64_t *seq, struct err *e);
/* Whether the row is there, and its end, also when the rest of it is damaged. */
bool volume_outbox_end(struct volume *v, uint64_t id, bool *there, enum outbox_end *end, struct err *e);
/* … and waits. */
bool volume_outbox_waits(struct volume *v, uint64_t id, bool *waits, struct err *e);
/* A row that is damaged, or seems so because memory was short, is among them and says so; false is the storage's. */
bool volume_waiting(struct volume *v, int64_t due_before, uint32_t most, struct arena *a, struct outbox_row **rows, size_t *count,
                    struct err *e);

/* Failed rows that ended from `from` on and before `to` wait again, with all their attempts, if they are not too late, their user has not
 * opted out and `stopped` does not say that they were; `result_json` joins each one's log. Looks at the `most` rows after `after`, and
 * moves it; `done` after the last. Joins the turn's transaction. flow_revive is what callers want: it knows what operators stopped. */
struct revival {
  int64_t from, to, now; /* UTC ms */
  struct str result_json;
  uint64_t after;
  bool done;
  uint64_t again, too_late, opted_out, killed, unreadable;
  /* NULL: nothing is. `decided` is the row that the decision was made on, `names` are the outbox row's. False: the turn is lost. */
  bool (*stopped)(void *context, uint64_t id, int64_t decided, struct str names, bool *stopped, struct err *e);
  void *context;
};
bool volume_revive(struct volume *v, struct revival *r, uint32_t most, struct err *e);
/* When each row ended that was delivered or failed, of the `most` after *after, by id; moves it. `over` after the last. */
bool volume_ends(struct volume *v, uint64_t *after, uint32_t most, void (*each)(void *context, int64_t at, bool failed), void *context,
                 bool *over, struct err *e);
/* When each waiting row is too late, by its id; false from `each` ends the look. */
bool volume_expiring(struct volume *v, bool (*each)(void *context, uint64_t id, int64_t send_before), void *context, struct err *e);

/* A reader of a volume for replay, backup and doctor: own query_only connection, works beside a running engine and offline. [any one
 * thread] */
struct volume *volume_reader(struct book *b, uint32_t number, struct err *e);
/* Rows in seq order from `from` on, each call the next one; after the end (or for a larger `from`) it starts anew there. The row's user
 * comes with identity and key only (a fresh state, for rebuilding), the same struct for the same number. Where rows were trimmed it comes
 * with its checkpoint's state, and rows behind that are left out. Decoding is batched: the views are
 * valid until the next call. false with no error at the end. */
bool volume_scan(struct volume *v, int64_t from, struct entry *out, struct user **user, struct err *e);
bool volume_scan_decisions(struct volume *v, int64_t seq, struct arena *a, struct str **records, uint64_t **ids, size_t *count,
                           struct err *e); /* of one journal row, in id order */

/* Figures for /metrics and /livez. [lane] */
struct volume_figures {
  uint64_t rows, users_hot, users_all, wal_bytes, commits, checkpoints, dirty, truncations_owed, recoveries, failed;
};
struct volume_figures volume_figures(const struct volume *v);

/* ---- ids ---- */
size_t decision_id_text(uint64_t id, char out[32]);
bool decision_id_parse(struct str text, uint64_t *id);

/* ---- control.db [any, one after the other; control_keys: one thread] ---- */
struct control_fact {
  int64_t number;
  int64_t at;
  const char *author, *kind, *name;
  struct str body;
};
bool control_append(struct book *b, const char *author, const char *kind, const char *name, struct str body, int64_t *number,
                    struct err *e); /* hash-chained, durable */
/* `each` asks nothing of control.db. */
bool control_each(struct book *b, int64_t after, bool (*each)(void *context, const struct control_fact *fact), void *context,
                  struct err *e);
bool control_verify(struct book *b, struct err *e); /* walks the hash chain; names the first broken link */
struct api_key {
  const char *name;
  uint32_t scopes;
  unsigned char sha256[32];
  bool revoked;
};
bool control_keys(struct book *b, struct arena *a, struct api_key **keys, size_t *count, struct err *e);
bool control_add_key(struct book *b, const char *name, uint32_t scopes, char secret[64],
                     struct err *e); /* "kx_<role>_<43 chars>", shown once */
bool control_revoke_key(struct book *b, const char *name, struct err *e);
