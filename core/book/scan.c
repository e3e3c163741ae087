/* A reader's walk over the journal in seq order, for replay, rebuilding and doctor. Promises short looks at the file (a few hundred rows,
 * then the read transaction ends, so that no checkpoint waits for long), users with identity and key but a fresh state, and the same struct
 * for the same user through the whole walk. Never writes. Called on the reader's thread. */
#include "retaining.h"
#include <string.h>

#define BATCH 512

struct scanned {
  struct entry row;
  struct str sealed;
};
struct scan {
  struct arena arena;
  struct scanned rows[BATCH];
  uint32_t count, next;
  int64_t given; /* the row given last; 0 = at the start */
  struct buf plain;
};

void scan_free(struct scan *s) {
  if (!s) return;
  arena_free(&s->arena);
  buf_free(&s->plain);
  kit_free(s);
}

static bool scan_begin(struct volume *v, struct err *e) {
  if (v->scan) return true;
  if (v->writer) return err_set(e, ERR_INTERNAL, "a volume that writes cannot be scanned: its users carry their live states");
  v->scan = kit_alloc(sizeof *v->scan);
  if (!v->scan) return err_set(e, ERR_STORAGE, "memory for scanning is missing");
  memset(v->scan, 0, sizeof *v->scan);
  users_forget_all(v); /* whoever was read with a state */
  v->fresh_users = true;
  return true;
}

/* Copies the next rows, still sealed, and lets go of the file. */
static bool fill(struct volume *v, int64_t after, struct err *e) {
  struct scan *s = v->scan;
  arena_reset(&s->arena);
  s->count = s->next = 0;
  sqlite3_stmt *select = volume_statement(v, SELECT_TAIL);
  sqlite3_bind_int64(select, 1, after);
  sqlite3_bind_int64(select, 2, BATCH);
  int got = 0;
  while (s->count < BATCH && (got = sql_row(select, "scanning the journal", e)) == 1) {
    struct scanned *scanned = &s->rows[s->count];
    struct str sealed;
    row_columns(select, &scanned->row, &sealed);
    scanned->sealed = (struct str){arena_copy(&s->arena, sealed.at, sealed.len), sealed.len};
    if (!scanned->sealed.at) {
      got = -1;
      err_set(e, ERR_STORAGE, "memory for scanning is missing");
      break;
    }
    s->count++;
  }
  sqlite3_reset(select);
  return got >= 0;
}

/* 1 given, 0 its user is gone, −1 failed. */
static int open_scanned(struct volume *v, struct scanned *scanned, struct entry *out, struct user **user, struct err *e) {
  struct err why = {0};
  *out = scanned->row;
  *user = out->user ? volume_user_number(v, out->user, &why) : NULL;
  if (out->user && !*user) {
    if (why.kind && e) *e = why;
    return why.kind ? -1 : 0;
  }
  /* Whoever walks does not move the heads of fresh users: where one is not 0 it is the checkpoint's. */
  out->settled = out->user && out->seq <= (*user)->head;
  if (out->settled && !v->everything) return 0;
  if (stub_read(scanned->sealed, out)) return 1;
  buf_clear(&v->scan->plain);
  if (!row_open(v, *user, scanned->sealed, out, &v->scan->plain, e)) return -1;
  v->row_seq = out->seq;
  v->row_arrived = out->arrived;
  return 1;
}

void volume_scan_everything(struct volume *v) {
  v->everything = true;
}

bool volume_scan(struct volume *v, int64_t from, struct entry *out, struct user **user, struct err *e) {
  if (e) *e = (struct err){0};
  if (!scan_begin(v, e)) return false;
  struct scan *s = v->scan;
  if (from > s->given + 1) {
    s->given = from - 1;
    while (s->next < s->count && s->rows[s->next].row.seq < from) s->next++;
  }
  for (;;) {
    if (s->next == s->count) {
      if (!fill(v, s->given, e)) return false;
      if (!s->count) {
        s->given = 0;
        return false;
      }
    }
    struct scanned *scanned = &s->rows[s->next++];
    s->given = scanned->row.seq;
    const int got = open_scanned(v, scanned, out, user, e);
    if (got) return got > 0;
  }
}
