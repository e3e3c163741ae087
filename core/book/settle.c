/* After answering: checkpoints and states written behind. Promises that the log stays within its bound (a reader that holds it stops new
 * turns before that), that a start never replays more than tail_hard rows, and that the watermark is stored with the states it speaks of.
 * States written here ride in the next turn's transaction, so they cost no fsync of their own unless the lane is idle. Called by the lane
 * between turns. */
#include "kit/clock.h"
#include "retaining.h"
#include <stdio.h>

#define WAL_PAGE     4120u /* a page and its frame header */
#define FINISH_BYTES (64u << 10)

/* ---- checkpoints ---- */

/* What the thread beside has done; `left` in the log. A log that is nearly in the file is finished by the lane, or it would never begin
 * anew. */
static bool take_beside(struct volume *v, uint64_t *left, struct err *e) {
  uint64_t pages, copied;
  if (!beside_take(v->book->beside, v->number, &pages, &copied, e)) return turn_fail(v);
  v->checkpoints++;
  v->wal_tried = v->wal_pages;
  *left = v->wal_pages > copied ? v->wal_pages - copied : 0;
  return true;
}

static bool checkpoint(struct volume *v, int mode, int patience_ms, struct err *e) {
  int pages = 0, done = 0;
  uint64_t left;
  if (v->in_turn && !volume_commit(v, e)) return false;
  if (v->book->beside && beside_look(v->book->beside, v->number) != BESIDE_IDLE && !take_beside(v, &left, e)) return false;
  sqlite3_busy_timeout(v->db, patience_ms);
  const int rc = sqlite3_wal_checkpoint_v2(v->db, NULL, mode, &pages, &done);
  sqlite3_busy_timeout(v->db, 2000);
  if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY) {
    sql_fail(e, v->db, rc, "checkpointing");
    return turn_fail(v);
  }
  v->checkpoints++;
  if (pages >= 0) v->wal_pages = pages == done ? 0 : (uint64_t)pages; /* −1: it did not get to look */
  v->wal_tried = v->wal_pages;
  if (mode == SQLITE_CHECKPOINT_TRUNCATE && rc == SQLITE_OK) v->truncate_owed = false;
  return true;
}

static void ask_beside(struct volume *v, uint64_t left) {
  v->wal_left = left;
  beside_ask(v->book->beside, v->number, v->path);
}

/* While the thread copies, the lane goes on; it waits only where the log has become so long that it would wait for readers as well. What
 * has come meanwhile is copied by the thread too, as long as that gets less by half, so that little is left for the lane: it would sync the
 * file while everybody waits. */
static bool checkpoint_beside(struct volume *v, bool idle, struct err *e) {
  struct beside *b = v->book->beside;
  const uint64_t bytes = v->wal_pages * WAL_PAGE, due = idle ? volume_limits.wal_idle : volume_limits.wal_always;
  const uint64_t grown = v->wal_pages > v->wal_tried ? bytes - v->wal_tried * WAL_PAGE : 0;
  const enum beside_state state = beside_look(b, v->number);
  uint64_t left;
  if (state == BESIDE_IDLE && bytes >= due && grown >= volume_limits.wal_idle) ask_beside(v, v->wal_pages);
  if (state == BESIDE_IDLE || (state == BESIDE_ASKED && bytes < volume_limits.wal_wait)) return true;
  if (!take_beside(v, &left, e)) return false;
  if (left * WAL_PAGE <= FINISH_BYTES) return checkpoint(v, SQLITE_CHECKPOINT_PASSIVE, 0, e);
  if (left < v->wal_left / 2) ask_beside(v, left);
  return true;
}

static bool checkpoint_due(struct volume *v, bool idle, struct err *e) {
  const uint64_t bytes = v->wal_pages * WAL_PAGE, grown = bytes - v->wal_tried * WAL_PAGE;
  if (v->truncate_owed) return checkpoint(v, SQLITE_CHECKPOINT_TRUNCATE, idle ? 200 : 20, e);
  if (bytes >= volume_limits.wal_wait && !(v->book->beside && beside_look(v->book->beside, v->number) != BESIDE_IDLE))
    return checkpoint(v, SQLITE_CHECKPOINT_RESTART, 1200, e);
  if (v->book->beside) return checkpoint_beside(v, idle, e);
  /* After a reader was in the way, only what has come since makes another try worth it. */
  if (bytes >= volume_limits.wal_always && grown >= volume_limits.wal_idle) return checkpoint(v, SQLITE_CHECKPOINT_PASSIVE, 0, e);
  if (idle && grown >= volume_limits.wal_idle) return checkpoint(v, SQLITE_CHECKPOINT_PASSIVE, 0, e);
  return true;
}

/* ---- states ---- */

static bool write_watermark(struct volume *v, struct err *e) {
  v->watermark = v->dirty_first ? v->dirty_first->first_dirty - 1 : v->next_seq - 1;
  if (!meta_put(v, "watermark", v->watermark, e)) return turn_fail(v);
  for (uint32_t p = 0; p < BOOK_PARTITIONS; p++) {
    char key[32];
    if (v->control_head[p] == v->control_stored[p]) continue;
    snprintf(key, sizeof key, "control_head_%u", p);
    if (!meta_put(v, key, v->control_head[p], e)) return turn_fail(v);
    v->control_stored[p] = v->control_head[p];
  }
  return true;
}

static uint64_t states_wanted(struct volume *v, bool idle) {
  if (!v->dirty_first) return 0;
  const int64_t tail = v->next_seq - v->dirty_first->first_dirty;
  if (tail > volume_limits.tail_hard || v->dirty > volume_limits.hot_users) return UINT64_MAX;
  if (tail > volume_limits.tail_soft || v->dirty > volume_limits.hot_users / 2) return volume_limits.states_a_turn;
  if (!idle) return 0;
  const int64_t now = clock_monotonic();
  if (v->states_written_at && now - v->states_written_at < volume_limits.idle_states_ns) return 0;
  v->states_written_at = now;
  return volume_limits.states_a_turn * 4;
}

static bool write_behind(struct volume *v, bool idle, struct err *e) {
  uint64_t wanted = states_wanted(v, idle);
  if (!wanted || v->wal_pages * WAL_PAGE >= volume_limits.wal_most) return true;
  if (!turn_begin(v, e)) return false;
  while (wanted-- && v->dirty_first) {
    const int64_t tail = v->next_seq - v->dirty_first->first_dirty;
    /* Enough when everything must go: back to the soft bound. */
    if (wanted > volume_limits.states_a_turn * 4 && tail <= volume_limits.tail_soft && v->dirty <= volume_limits.hot_users / 2) break;
    if (!users_write_state(v, v->dirty_first, e)) return false;
  }
  return write_watermark(v, e);
}

bool volume_settle(struct volume *v, bool idle, struct err *e) {
  if (v->failed || !v->db) return err_set(e, ERR_STORAGE, "volume %u failed and is not recovered yet", v->number);
  must(!v->has_rows);
  if (!checkpoint_due(v, idle, e) || !write_behind(v, idle, e)) return false;
  if (idle && v->in_turn && !volume_commit(v, e)) return false;
  if (v->retaining && !retention_step(v, idle, e)) return false;
  users_trim(v, volume_limits.hot_users);
  return true;
}

bool settle_all(struct volume *v, struct err *e) {
  must(!v->has_rows);
  if (v->dirty_first || v->watermark != v->next_seq - 1) {
    if (!turn_begin(v, e)) return false;
    while (v->dirty_first)
      if (!users_write_state(v, v->dirty_first, e)) return false;
    if (!write_watermark(v, e)) return false;
  }
  return volume_commit(v, e);
}

bool settle_truncate(struct volume *v, int patience_ms, struct err *e) {
  v->truncate_owed = true;
  return checkpoint(v, SQLITE_CHECKPOINT_TRUNCATE, patience_ms, e);
}

bool settle_passive(struct volume *v, struct err *e) {
  return v->wal_pages * WAL_PAGE < volume_limits.wal_always || checkpoint(v, SQLITE_CHECKPOINT_PASSIVE, 0, e);
}
