/* Checkpoints beside the lanes: one thread a book copies a volume's log into its file while the volume's lane goes on committing, so that
 * nobody waits for the copying and its fsync.
 *
 * SQLite before 3.51.3 can lose committed rows when a log is begun anew by one connection while another, that has read the old log's
 * header, starts to checkpoint. Here that cannot meet: a log is begun anew only when all its pages are in the file; the thread is asked
 * only while some are not; and between asking and its answer nobody else checkpoints, so that all of them are in the file only once the
 * thread has done its copying. Promises no more than a checkpoint does: errors are handed to the lane, which recovers the volume. Asked by
 * settle.c on the lanes; one slot a volume, handed to and fro by its state, without a lock. */
#include "beside.h"
#include "directory.h"
#include "kit/arena.h"
#include "sql.h"
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct slot {
  _Atomic int state;
  char path[BOOK_PATH];
  sqlite3 *db; /* the thread's */
  uint64_t pages, copied;
  bool failed;
  struct err err;
};
struct beside {
  pthread_t thread;
  sem_t asked;
  _Atomic bool stopping;
  struct slot slots[BOOK_VOLUMES_MOST];
};

static void fail(struct slot *s, const struct err *why) {
  s->failed = true;
  s->err = *why;
}

static void copy_log(struct slot *s) {
  struct err e = {0};
  s->failed = false;
  s->pages = s->copied = 0;
  if (!s->db && !(s->db = sql_open(s->path, SQL_WRITER, &e))) {
    fail(s, &e);
    return;
  }
  int pages = 0, copied = 0;
  const int rc = sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &copied);
  if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY) {
    sql_fail(&e, s->db, rc, "checkpointing");
    fail(s, &e);
    return;
  }
  s->pages = pages > 0 ? (uint64_t)pages : 0;
  s->copied = copied > 0 ? (uint64_t)copied : 0;
}

static void serve(struct slot *s) {
  const int state = atomic_load_explicit(&s->state, memory_order_acquire);
  if (state == BESIDE_ASKED) {
    copy_log(s);
    atomic_store_explicit(&s->state, BESIDE_DONE, memory_order_release);
  } else if (state == BESIDE_CLOSE) {
    sql_close(&s->db);
    atomic_store_explicit(&s->state, BESIDE_IDLE, memory_order_release);
  }
}

static void *beside_main(void *context) {
  struct beside *b = context;
  while (!atomic_load(&b->stopping)) {
    if (sem_wait(&b->asked) != 0) continue; /* a signal */
    for (size_t i = 0; i < BOOK_VOLUMES_MOST; i++) serve(&b->slots[i]);
  }
  return NULL;
}

struct beside *beside_start(void) {
  struct beside *b = kit_alloc(sizeof *b);
  if (!b) return NULL;
  memset(b, 0, sizeof *b);
  if (sem_init(&b->asked, 0, 0) == 0) {
    if (pthread_create(&b->thread, NULL, beside_main, b) == 0) return b;
    sem_destroy(&b->asked);
  }
  kit_free(b);
  return NULL;
}

void beside_stop(struct beside *b) {
  if (!b) return;
  for (uint32_t i = 0; i < BOOK_VOLUMES_MOST; i++) beside_close(b, i);
  atomic_store(&b->stopping, true);
  sem_post(&b->asked);
  pthread_join(b->thread, NULL);
  sem_destroy(&b->asked);
  kit_free(b);
}

enum beside_state beside_look(struct beside *b, uint32_t volume) {
  return (enum beside_state)atomic_load_explicit(&b->slots[volume].state, memory_order_acquire);
}

void beside_ask(struct beside *b, uint32_t volume, const char *path) {
  struct slot *s = &b->slots[volume];
  must(beside_look(b, volume) == BESIDE_IDLE);
  snprintf(s->path, sizeof s->path, "%s", path);
  atomic_store_explicit(&s->state, BESIDE_ASKED, memory_order_release);
  sem_post(&b->asked);
}

static void wait_while(struct beside *b, uint32_t volume, enum beside_state state) {
  while (beside_look(b, volume) == state) nanosleep(&(struct timespec){0, 100000}, NULL);
}

bool beside_take(struct beside *b, uint32_t volume, uint64_t *pages, uint64_t *copied, struct err *e) {
  struct slot *s = &b->slots[volume];
  wait_while(b, volume, BESIDE_ASKED);
  must(beside_look(b, volume) == BESIDE_DONE);
  *pages = s->pages;
  *copied = s->copied;
  if (s->failed && e) *e = s->err;
  const bool done = !s->failed;
  atomic_store_explicit(&s->state, BESIDE_IDLE, memory_order_release);
  return done;
}

void beside_close(struct beside *b, uint32_t volume) {
  if (!b) return;
  struct slot *s = &b->slots[volume];
  wait_while(b, volume, BESIDE_ASKED);
  if (!s->db) {
    atomic_store_explicit(&s->state, BESIDE_IDLE, memory_order_release);
    return;
  }
  atomic_store_explicit(&s->state, BESIDE_CLOSE, memory_order_release);
  sem_post(&b->asked);
  wait_while(b, volume, BESIDE_CLOSE);
}
