/* A reader's walk over the journal in seq order, for replay, rebuilding and doctor. Promises short looks at the file (a few hundred rows
 * with their users and decisions, then the read transaction ends, so that no checkpoint waits for long, whatever the caller does with
 * them), users with identity and key but a fresh state, and the same struct for the same user through the whole walk. Never writes. Called
 * on the reader's thread. */
#include "retaining.h"
#include <stdlib.h>
#include <string.h>

#define BATCH       512
#define USERS_AHEAD 6

struct scanned {
  struct entry row;
  struct user *user; /* NULL: none, or gone */
  struct str sealed;
  struct scanned_decision *decisions;
  size_t decision_count;
};
struct scan {
  struct arena arena;
  struct scanned rows[BATCH];
  uint32_t count, next;
  int64_t given; /* the row given last; 0 = at the start */
  struct buf plain, ids;
};

void scan_free(struct scan *s) {
  if (!s) return;
  arena_free(&s->arena);
  buf_free(&s->plain);
  buf_free(&s->ids);
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

static int by_id(const void *a, const void *b) {
  const uint64_t x = ((const struct scanned_decision *)a)->id, y = ((const struct scanned_decision *)b)->id;
  return (x > y) - (x < y);
}

static bool fill_decision(struct volume *v, struct scanned_decision *d, struct err *e) {
  sqlite3_stmt *select = volume_statement(v, SELECT_DECISION);
  sqlite3_bind_int64(select, 1, (int64_t)d->id);
  const int got = sql_row(select, "reading a decision", e);
  bool done = got >= 0;
  if (got == 1) {
    const struct str sealed = sql_column_str(select, 2);
    d->user = sqlite3_column_int64(select, 1);
    d->sealed = (struct str){arena_copy(&v->scan->arena, sealed.at, sealed.len), sealed.len};
    done = d->sealed.at || err_set(e, ERR_STORAGE, "memory for scanning is missing");
  }
  sqlite3_reset(select);
  return done;
}

static bool fill_decisions(struct volume *v, sqlite3_stmt *row, struct scanned *scanned, struct err *e) {
  struct scan *s = v->scan;
  buf_clear(&s->ids);
  if (!row_decision_ids(row, 6, &s->ids))
    return err_set(e, ERR_STORAGE, "the decisions of journal row %lld cannot be read", (long long)scanned->row.seq);
  const size_t count = s->ids.len / sizeof(uint64_t);
  scanned->decisions = ARENA_ARRAY(&s->arena, struct scanned_decision, count + 1);
  if (!scanned->decisions) return err_set(e, ERR_STORAGE, "memory for scanning is missing");
  scanned->decision_count = count;
  for (size_t i = 0; i < count; i++) memcpy(&scanned->decisions[i].id, s->ids.at + i * sizeof(uint64_t), sizeof(uint64_t));
  qsort(scanned->decisions, count, sizeof *scanned->decisions, by_id);
  for (size_t i = 0; i < count; i++)
    if (!fill_decision(v, &scanned->decisions[i], e)) return false;
  return true;
}

/* One row with what belongs to it. What is read here is read while the rows' statement is open, in the same look at the file: a statement
 * of its own would take and let go the file's lock. */
static bool fill_one(struct volume *v, sqlite3_stmt *select, struct scanned *scanned, struct err *e) {
  struct str sealed;
  *scanned = (struct scanned){0};
  row_columns(select, &scanned->row, &sealed);
  scanned->sealed = (struct str){arena_copy(&v->scan->arena, sealed.at, sealed.len), sealed.len};
  if (!scanned->sealed.at) return err_set(e, ERR_STORAGE, "memory for scanning is missing");
  return !scanned->row.decisions || fill_decisions(v, select, scanned, e);
}

/* Whose rows they are. Users lie anywhere in a table, which is asked for some rows ahead. */
static bool fill_users(struct volume *v, struct err *e) {
  struct scan *s = v->scan;
  struct err why = {0};
  for (uint32_t i = 0; i < s->count && !why.kind; i++) {
    if (i + USERS_AHEAD < s->count) users_warm_number(v, s->rows[i + USERS_AHEAD].row.user);
    struct scanned *scanned = &s->rows[i];
    if (scanned->row.user) scanned->user = volume_user_number(v, scanned->row.user, &why);
  }
  if (why.kind && e) *e = why;
  return !why.kind;
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
    if (!fill_one(v, select, &s->rows[s->count], e)) got = -1;
    if (got < 0) break;
    s->count++;
  }
  const bool filled = got >= 0 && fill_users(v, e);
  sqlite3_reset(select);
  return filled;
}

bool scan_has(const struct volume *v, int64_t seq, const struct scanned_decision **decisions, size_t *count) {
  const struct scan *s = v->scan;
  const struct scanned *scanned = s && s->next ? &s->rows[s->next - 1] : NULL;
  if (!scanned || scanned->row.seq != seq) return false;
  *decisions = scanned->decisions;
  *count = scanned->decision_count;
  return true;
}

/* A walk in the journal's order goes from user to user, whose states lie anywhere: they are asked for some rows ahead. */
static void warm_next(const struct scan *s) {
  const struct scanned *next = s->next < s->count ? &s->rows[s->next] : NULL;
  const struct scanned *after = s->next + 1 < s->count ? next + 1 : NULL;
  if (next && next->user) user_warm_containers(next->user);
  if (after && after->user) user_warm(after->user);
}

/* 1 given, 0 its user is gone, −1 failed. */
static int open_scanned(struct volume *v, struct scanned *scanned, struct entry *out, struct user **user, struct err *e) {
  *out = scanned->row;
  *user = scanned->user;
  if (out->user && !*user) return 0;
  /* Whoever walks does not move the heads of fresh users: where one is not 0 it is the checkpoint's. */
  out->settled = out->user && out->seq <= (*user)->head;
  if (out->settled && !v->everything) return 0;
  if (remnant_read(scanned->sealed, out)) return 1;
  warm_next(v->scan);
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
