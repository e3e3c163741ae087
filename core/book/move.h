/* The state of a move: where each partition goes, and the new numbers of rows and users. */
#pragma once
#include "volume.h"

#define MOVE_ROWS_A_TRANSACTION 20000

struct moved_user {
  int64_t number; /* in the new volume */
  int64_t last;   /* the newest copied row, new seq */
};
struct move_source {
  struct volume *volume; /* raw */
  int64_t *seqs;         /* old seq → new seq, 0 = not copied; a mapping of an unlinked file */
  size_t seqs_bytes;
  struct moved_user *users; /* by old number */
  int64_t users_most;
};
enum move_statement { MOVE_ROW, MOVE_USER, MOVE_DECISION, MOVE_OUTBOX, MOVE_META, MOVE_CHECKPOINT, MOVE_TRIM, MOVE_STATEMENTS };
struct move_target {
  sqlite3 *db;
  sqlite3_stmt *statements[MOVE_STATEMENTS];
  char path[BOOK_PATH];
  int64_t next_seq, next_user, watermark;
  int64_t in_transaction; /* rows since BEGIN */
};
struct move {
  struct book *book;
  struct layout layout; /* the new one */
  struct move_source sources[BOOK_VOLUMES_MOST];
  struct move_target targets[BOOK_VOLUMES_MOST];
  int64_t control_last[BOOK_PARTITIONS]; /* new seq of the partition's newest copied fact */
  int64_t rows_all, rows_done;
  void (*progress)(void *context, double share);
  void *context;
};
/* Copies rows with their decisions and outbox rows; `tail` says which side of the sources' watermarks. */
bool move_rows(struct move *m, bool tail, struct err *e);
bool move_users(struct move *m, struct err *e); /* numbers them; states follow with move_states */
bool move_states(struct move *m, struct err *e);
bool move_trims(struct move *m, struct err *e); /* after the rows */
bool move_meta(struct move *m, struct err *e);
/* Joins the target's transaction, committing it now and then. */
bool move_step(struct move_target *t, int64_t most, struct err *e);
