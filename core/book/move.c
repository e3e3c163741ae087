/* Re-homing partitions to another number of files, offline. Promises that whatever happens, including kill -9, the directory is the old one
 * or the new one whole: everything is written under the next generation's names, checked and counted, and then one atomic replacement of
 * the layout switches. What a cut-short move leaves behind is swept at the next start. Called by a tool that holds the lock. */
#include "move.h"
#include "copy.h"
#include "kit/file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char *const inserts[MOVE_STATEMENTS] = {
    [MOVE_ROW] = "INSERT INTO journal VALUES(?,?,?,?,?,?,?)",  [MOVE_USER] = "INSERT INTO users VALUES(?,?,?,?,?,?,?,NULL)",
    [MOVE_DECISION] = "INSERT INTO decisions VALUES(?,?,?,?)", [MOVE_OUTBOX] = "INSERT INTO outbox VALUES(?,?,?,?,?,?,?,?,?)",
    [MOVE_META] = "INSERT OR REPLACE INTO meta VALUES(?,?)",   [MOVE_CHECKPOINT] = "INSERT INTO checkpoints VALUES(?,?,?,?,?)",
    [MOVE_TRIM] = "INSERT INTO trims VALUES(?,?,?,?,?,?)",
};
static const char *const tables[] = {"journal", "users", "decisions", "outbox", "checkpoints", "trims"};

/* ---- sources ---- */

/* The new number of every row, kept in an unlinked file that the kernel pages: eight bytes a row is too much for memory in a large volume.
 */
static bool map_seqs(struct move *m, struct move_source *s, struct err *e) {
  char path[BOOK_PATH];
  book_file(m->book->directory, "moving.map", path);
  const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return err_set(e, ERR_STORAGE, "%s cannot be made: %s", path, strerror(errno));
  unlink(path);
  s->seqs_bytes = (size_t)s->volume->next_seq * sizeof *s->seqs;
  void *mapped = MAP_FAILED;
  if (ftruncate(fd, (off_t)s->seqs_bytes) == 0) mapped = mmap(NULL, s->seqs_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (mapped == MAP_FAILED) return err_set(e, ERR_STORAGE, "%s: %zu bytes cannot be mapped", path, s->seqs_bytes);
  s->seqs = mapped;
  return true;
}

static bool open_source(struct move *m, uint32_t n, struct err *e) {
  struct move_source *s = &m->sources[n];
  s->volume = volume_open_raw(m->book, n, e);
  if (!s->volume || !map_seqs(m, s, e)) return false;
  s->users_most = s->volume->next_user - 1;
  s->users = kit_alloc((size_t)(s->users_most + 1) * sizeof *s->users);
  if (!s->users) return err_set(e, ERR_STORAGE, "memory for moving %lld users is missing", (long long)s->users_most);
  memset(s->users, 0, (size_t)(s->users_most + 1) * sizeof *s->users);
  int64_t rows;
  if (!sql_int(s->volume->db, "SELECT count(*) FROM journal", 0, &rows, e)) return false;
  m->rows_all += rows;
  return true;
}

/* ---- targets ---- */

static bool open_target(struct move *m, uint32_t n, struct err *e) {
  struct move_target *t = &m->targets[n];
  char name[64];
  book_volume_name(&m->layout, n, name);
  book_file(m->book->directory, name, t->path);
  t->next_seq = t->next_user = 1;
  t->db = sql_open(t->path, SQL_WRITER, e);
  if (!t->db || !volume_migrate(t->db, e)) return false;
  for (int i = 0; i < MOVE_STATEMENTS; i++)
    if (!(t->statements[i] = sql_prepare(t->db, inserts[i], e))) return false;
  return true;
}

static bool finish_target(struct move_target *t, struct err *e) {
  if (t->in_transaction && !sql_exec(t->db, "COMMIT", e)) return false;
  t->in_transaction = 0;
  return sql_exec(t->db, "PRAGMA wal_checkpoint(TRUNCATE)", e) && check_integrity(t->db, false, e);
}

static bool counts_agree(struct move *m, struct err *e) {
  for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
    int64_t before = 0, after = 0, n;
    char text[64];
    snprintf(text, sizeof text, "SELECT count(*) FROM %s", tables[i]);
    for (uint32_t s = 0; s < m->book->layout.volumes; s++) {
      if (!sql_int(m->sources[s].volume->db, text, 0, &n, e)) return false;
      before += n;
    }
    for (uint32_t t = 0; t < m->layout.volumes; t++) {
      if (!sql_int(m->targets[t].db, text, 0, &n, e)) return false;
      after += n;
    }
    if (before != after)
      return err_set(e, ERR_STORAGE, "moving: %s had %lld rows, the new files have %lld; nothing was switched", tables[i],
                     (long long)before, (long long)after);
  }
  return true;
}

static bool copy_all(struct move *m, struct err *e) {
  for (uint32_t n = 0; n < m->book->layout.volumes; n++)
    if (!open_source(m, n, e)) return false;
  for (uint32_t n = 0; n < m->layout.volumes; n++)
    if (!open_target(m, n, e)) return false;
  /* Rows beyond the watermarks come last in every target, so that its own watermark can stand before them. */
  if (!move_users(m, e) || !move_rows(m, false, e) || !move_rows(m, true, e) || !move_states(m, e) || !move_trims(m, e) || !move_meta(m, e))
    return false;
  for (uint32_t n = 0; n < m->layout.volumes; n++)
    if (!finish_target(&m->targets[n], e)) return false;
  return counts_agree(m, e);
}

static void close_all(struct move *m) {
  for (uint32_t n = 0; n < BOOK_VOLUMES_MOST; n++) {
    struct move_source *s = &m->sources[n];
    volume_close(s->volume);
    if (s->seqs) munmap(s->seqs, s->seqs_bytes);
    kit_free(s->users);
    struct move_target *t = &m->targets[n];
    for (int i = 0; i < MOVE_STATEMENTS; i++) sql_finalize(&t->statements[i]);
    sql_close(&t->db);
  }
}

bool book_move(const char *directory, uint32_t volumes, void (*progress)(void *context, double share), void *context, struct err *e) {
  if (volumes < 1 || volumes > BOOK_VOLUMES_MOST)
    return err_set(e, ERR_INPUT, "expected 1 to %d files for the data directory, got %u", BOOK_VOLUMES_MOST, volumes);
  struct book *b = book_open(directory, true, e); /* also sweeps what an earlier move left */
  if (!b) return false;
  struct move *m = kit_alloc(sizeof *m);
  bool done = m != NULL || err_set(e, ERR_STORAGE, "memory for moving is missing");
  if (m) {
    *m = (struct move){.book = b, .layout = b->layout, .progress = progress, .context = context};
    m->layout.generation++;
    layout_spread(&m->layout, volumes);
    done = copy_all(m, e);
    close_all(m);
    done = done && layout_write(directory, &m->layout, e);
    kit_free(m);
  }
  book_close(b);
  if (done && progress) progress(context, 1);
  if (!done) return err_wrap(e, "moving %s to %u files", directory, volumes);
  b = book_open(directory, true, e); /* sweeps the old files */
  book_close(b);
  return b != NULL;
}
