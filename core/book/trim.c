/* Trimming one user's chain, a row at a time. Promises that nothing goes which the user's checkpoint does not hold; that after every unit
 * the chain is whole from its head to its end, so that a crash between two loses nothing and the next look goes on; that what was decided
 * stays on what is left of its row; and that the newest trimmed row stays as a link. First back along the chain to see what is to go, then
 * from the oldest on. Called by retention.c on the volume's thread; the caller commits. */
#include "retaining.h"
#include <string.h>

#define SPARED(keep) ((keep) / 16) /* trimmed that much earlier than it must, so that a chain is cut some sixteen times in its life */

void trim_end(struct retaining *r) {
  user_free(r->who);
  r->who = NULL;
  buf_clear(&r->list);
  r->phase = RETAIN_USERS;
}

static size_t doomed_count(const struct retaining *r) {
  return r->list.len / sizeof(struct doomed);
}

static struct doomed doomed_at(const struct retaining *r, size_t i) {
  struct doomed d;
  memcpy(&d, r->list.at + i * sizeof d, sizeof d);
  return d;
}

/* ---- which rows ---- */

/* The user as stored: identity, key and state. */
static bool know(struct volume *v, struct retaining *r, struct err *e) {
  if (r->who) return true;
  sqlite3_stmt *select = volume_statement(v, SELECT_USER_NUMBER);
  sqlite3_bind_int64(select, 1, r->number);
  const int got = sql_row(select, "reading a user", e);
  r->who = got == 1 ? user_from_row(v, select, true, &r->applied, e) : NULL;
  r->damaged = got == 1 && !r->who;
  sqlite3_reset(select);
  return r->who || (got == 0 && err_set(e, ERR_INTERNAL, "user %lld went while being looked at", (long long)r->number));
}

static bool arrival(struct volume *v, struct retaining *r, int64_t seq, int64_t *arrived, struct err *e) {
  struct entry row;
  struct str sealed;
  if (!know(v, r, e)) return false;
  sqlite3_stmt *select = volume_statement(v, SELECT_ROW);
  sqlite3_bind_int64(select, 1, seq);
  const int got = sql_row(select, "reading a row's arrival", e);
  if (got == 0) err_set(e, ERR_STORAGE, "user %lld: row %lld is missing", (long long)r->number, (long long)seq);
  r->damaged = got == 0;
  if (got != 1) return false;
  row_columns(select, &row, &sealed);
  struct buf plain = {0};
  const bool done = remnant_read(sealed, &row) || row_open(v, r->who, sealed, &row, &plain, e);
  r->damaged = !done;
  *arrived = row.arrived;
  buf_free(&plain);
  sqlite3_reset(select);
  return done;
}

static bool find_checkpoint(struct volume *v, enum statement which, int64_t user, int64_t after, int64_t until, int64_t *head, int64_t *at,
                            struct err *e) {
  sqlite3_stmt *select = volume_statement(v, which);
  *head = *at = 0;
  if (!select) return true;
  sqlite3_bind_int64(select, 1, user);
  sqlite3_bind_int64(select, 2, after);
  if (which == SELECT_CHECKPOINT_LAST) sqlite3_bind_int64(select, 3, until);
  const int got = sql_row(select, "looking for a checkpoint", e);
  *head = got == 1 ? sqlite3_column_int64(select, 0) : 0;
  *at = got == 1 ? sqlite3_column_int64(select, 1) : 0;
  sqlite3_reset(select);
  return got >= 0;
}

/* Often enough that there is one a little younger than what is to go, however long things are kept. */
static bool take_checkpoint(struct volume *v, struct retaining *r, struct err *e) {
  int64_t head, at;
  if (!find_checkpoint(v, SELECT_CHECKPOINT_LAST, r->number, 0, INT64_MAX, &head, &at, e)) return false;
  if (r->applied <= head || (head && r->now < at + SPARED(r->keep.events))) return true;
  r->sum.checkpoints++;
  if (r->dry) return true;
  if (!know(v, r, e) || !arrival(v, r, r->applied, &at, e)) return false;
  r->damaged = r->who->head != r->applied;
  return turn_begin(v, e) && checkpoint_take(v, r->who, r->applied, at, e);
}

/* Behind which checkpoint: the newest that is old enough for everything behind it to go; else the oldest there is, of whose rows only those
 * go whose time has come. */
static bool choose_base(struct volume *v, struct retaining *r, struct err *e) {
  const int64_t last = r->now - r->keep.events;
  int64_t at;
  r->all = true;
  r->until = last;
  if (!find_checkpoint(v, SELECT_CHECKPOINT_LAST, r->number, r->trim.cut, last + SPARED(r->keep.events), &r->base, &at, e)) return false;
  r->first = at; /* rows after a checkpoint's arrived no sooner than its own, unless the clock went back; then they go a little later */
  if (r->base) return true;
  r->all = false;
  if (!find_checkpoint(v, SELECT_CHECKPOINT_FIRST, r->number, r->trim.cut, 0, &r->base, &at, e)) return false;
  r->first = r->base ? at : r->now - SPARED(r->keep.events);
  if (!r->base && r->dry && r->applied > r->trim.cut) r->base = r->applied; /* it would have been taken */
  return true;
}

static bool begin_forget(struct retaining *r) {
  if (!r->keep.decisions || !r->trim.decided || r->trim.decided > r->now - r->keep.decisions) return false;
  r->phase = RETAIN_FORGET_WALK;
  r->at = r->trim.cut;
  r->first = r->link = 0;
  r->until = r->now - r->keep.decisions + SPARED(r->keep.decisions);
  buf_clear(&r->list);
  return true;
}

bool trim_begin(struct volume *v, struct retaining *r, struct err *e) {
  if (!volume_trim(v, r->number, &r->trim, e)) return false;
  if (r->keep.events) {
    if (!take_checkpoint(v, r, e)) return false;
    if (r->trim.oldest <= r->now - r->keep.events) {
      if (!choose_base(v, r, e)) return false;
      r->at = r->base;
      r->phase = RETAIN_WALK;
      return true;
    }
  }
  if (!begin_forget(r)) trim_end(r);
  return true;
}

/* ---- the rows ---- */

/* Everything that was to be looked at was: what is known now saves the next look the way. */
static bool nothing_to_cut(struct volume *v, struct retaining *r, struct err *e) {
  r->trim.oldest = r->first;
  if (!r->dry && !(turn_begin(v, e) && trim_put(v, r->number, &r->trim, e))) return false;
  if (!begin_forget(r)) trim_end(r);
  return true;
}

static bool walked(struct volume *v, struct retaining *r, int64_t link, struct err *e) {
  r->link = link;
  if (!doomed_count(r)) return nothing_to_cut(v, r, e);
  r->phase = RETAIN_CUT;
  r->sum.users++;
  return true;
}

/* Once a row goes, all behind it go: a wall clock that was set back must not leave one without a chain. */
static bool walk_one(struct volume *v, struct retaining *r, struct err *e) {
  struct doomed d = {.seq = r->at};
  struct entry row;
  struct str body;
  if (!r->at) return walked(v, r, 0, e);
  sqlite3_stmt *select = volume_statement(v, SELECT_ROW);
  sqlite3_bind_int64(select, 1, r->at);
  const int got = sql_row(select, "walking a chain", e);
  if (got < 0) return false;
  if (got == 1) row_columns(select, &row, &body);
  const bool remnant = got == 1 && remnant_read(body, &row);
  sqlite3_reset(select);
  if (got == 0 || remnant) return walked(v, r, remnant ? r->at : 0, e);
  r->damaged = row.user != r->number || row.previous >= r->at;
  if (r->damaged)
    return err_set(e, ERR_STORAGE, "the chain of user %lld leads to row %lld, which does not fit it", (long long)r->number,
                   (long long)r->at);
  d.decided = row.decisions > 0;
  const bool goes = r->all || doomed_count(r) > 0;
  if ((!goes || d.decided) && !arrival(v, r, r->at, &d.arrived, e)) return false;
  r->at = row.previous;
  if (goes || d.arrived <= r->until) buf_put(&r->list, &d, sizeof d);
  else if (d.arrived < r->first) r->first = d.arrived;
  return !r->list.failed || err_set(e, ERR_STORAGE, "memory for a chain is missing");
}

static bool run_with(struct volume *v, enum statement which, int64_t seq, int64_t second, struct err *e) {
  sqlite3_stmt *statement = volume_statement(v, which);
  sqlite3_bind_int64(statement, 1, seq);
  if (which == UPDATE_LINK || which == DELETE_CHECKPOINTS) sqlite3_bind_int64(statement, 2, second);
  return sql_run(statement, "trimming a chain", e);
}

/* The place in the chain is the first number of the stored body, sealed or not. */
static bool make_remnant(struct volume *v, const struct doomed *d, int64_t link, struct err *e) {
  struct buf remnant = {0};
  sqlite3_stmt *select = volume_statement(v, SELECT_ROW);
  sqlite3_bind_int64(select, 1, d->seq);
  const int got = sql_row(select, "trimming a row", e);
  struct unpack in = unpack_from(got == 1 ? sql_column_str(select, 5) : (struct str){0});
  pack_u64(&remnant, unpack_u64(&in));
  pack_i64(&remnant, d->arrived);
  sqlite3_reset(select);
  if (got == 0) err_set(e, ERR_STORAGE, "row %lld went while its chain was trimmed", (long long)d->seq);
  sqlite3_stmt *update = volume_statement(v, UPDATE_STUB);
  sqlite3_bind_int64(update, 1, d->seq);
  sqlite3_bind_int64(update, 2, link);
  bool done = got == 1 && !remnant.failed && sql_bind_str(update, 3, buf_view(&remnant)) && sql_run(update, "trimming a row", e);
  sqlite3_reset(update);
  sqlite3_clear_bindings(update);
  buf_free(&remnant);
  return done;
}

/* The link of the last time has nothing to hold any more, unless something was decided there. */
static bool drop_link(struct volume *v, struct retaining *r, struct err *e) {
  sqlite3_stmt *select = volume_statement(v, SELECT_ROW);
  sqlite3_bind_int64(select, 1, r->link);
  const int got = r->link ? sql_row(select, "trimming a chain", e) : 0;
  const bool idle = got == 1 && sqlite3_column_type(select, 6) == SQLITE_NULL;
  const int64_t behind = idle ? sqlite3_column_int64(select, 3) : 0, link = r->link;
  sqlite3_reset(select);
  if (got < 0 || !idle) return got >= 0;
  r->link = behind;
  v->rows_gone++;
  return run_with(v, DELETE_ROW, link, 0, e);
}

/* Before the first row goes: from now on everybody starts at this checkpoint, and older ones have nothing to start for. */
static bool stand_on_base(struct volume *v, struct retaining *r, struct err *e) {
  r->trim.base = r->base;
  r->trim.at = r->now;
  return trim_put(v, r->number, &r->trim, e) && run_with(v, DELETE_CHECKPOINTS, r->number, r->base, e) && drop_link(v, r, e);
}

/* Who follows the row that went leads on to what is behind it. The newest stays, so whoever follows it needs no change. */
static bool cut_oldest(struct volume *v, struct retaining *r, struct err *e) {
  const size_t left = doomed_count(r);
  const struct doomed d = doomed_at(r, left - 1);
  const bool newest = left == 1;
  if (d.decided || newest) {
    if (!make_remnant(v, &d, r->link, e)) return false;
    r->link = d.seq;
    if (d.decided && (!r->trim.decided || d.arrived < r->trim.decided)) r->trim.decided = d.arrived;
  } else {
    if (!run_with(v, DELETE_ROW, d.seq, 0, e)) return false;
    v->rows_gone++;
  }
  r->list.len -= sizeof d;
  if (!newest) return run_with(v, UPDATE_LINK, doomed_at(r, left - 2).seq, r->link, e);
  r->trim.cut = d.seq;
  r->trim.oldest = r->first;
  return true;
}

static bool cut_one(struct volume *v, struct retaining *r, struct err *e) {
  r->sum.rows++;
  if (r->dry) {
    r->list.len -= sizeof(struct doomed);
    if (!doomed_count(r) && !begin_forget(r)) trim_end(r);
    return true;
  }
  if (!turn_begin(v, e) || (r->trim.base != r->base && !stand_on_base(v, r, e)) || !cut_oldest(v, r, e)) return false;
  if (!trim_put(v, r->number, &r->trim, e) || !meta_put(v, "rows_gone", v->rows_gone, e)) return false;
  if (!doomed_count(r) && !begin_forget(r)) trim_end(r);
  return true;
}

/* ---- decisions whose time is over ---- */

/* As above. A link that nothing was decided at has no age: it stays, and what is behind it goes by its own. */
static bool forget_walk_one(struct volume *v, struct retaining *r, struct err *e) {
  struct entry row;
  struct str body;
  sqlite3_stmt *select = volume_statement(v, SELECT_ROW);
  sqlite3_bind_int64(select, 1, r->at);
  const int got = r->at ? sql_row(select, "walking a chain", e) : 0;
  if (got < 0) return false;
  const bool remnant = got == 1 && (row_columns(select, &row, &body), remnant_read(body, &row));
  sqlite3_reset(select);
  if (!remnant) {
    r->phase = RETAIN_FORGET;
    return true;
  }
  const struct doomed d = {.seq = r->at, .arrived = row.arrived, .decided = row.decisions > 0};
  if (doomed_count(r) || (d.decided && d.arrived <= r->until)) buf_put(&r->list, &d, sizeof d);
  else {
    r->link = d.seq; /* the oldest that stays, in the end */
    if (d.decided && (!r->first || d.arrived < r->first)) r->first = d.arrived;
  }
  r->at = row.previous;
  return !r->list.failed || err_set(e, ERR_STORAGE, "memory for a chain is missing");
}

static bool forget_decisions(struct volume *v, int64_t seq, struct retaining *r, struct err *e) {
  struct buf ids = {0};
  sqlite3_stmt *select = volume_statement(v, SELECT_ROW_DECISIONS);
  sqlite3_bind_int64(select, 1, seq);
  const int got = sql_row(select, "reading a row's decisions", e);
  bool done = got == 1 && row_decision_ids(select, 0, &ids);
  sqlite3_reset(select);
  r->damaged = got >= 0 && !done;
  if (r->damaged) err_set(e, ERR_STORAGE, "the decisions of row %lld do not read back", (long long)seq);
  for (size_t at = 0; done && at < ids.len; at += sizeof(int64_t)) {
    int64_t id;
    memcpy(&id, ids.at + at, sizeof id);
    r->sum.decisions++;
    done = r->dry || (run_with(v, DELETE_DECISION, id, 0, e) && run_with(v, DELETE_OUTBOX, id, 0, e));
  }
  buf_free(&ids);
  return done;
}

static bool forget_one(struct volume *v, struct retaining *r, struct err *e) {
  const size_t left = doomed_count(r);
  if (!left) {
    r->trim.decided = r->first;
    const bool done = r->dry || (turn_begin(v, e) && trim_put(v, r->number, &r->trim, e));
    trim_end(r);
    return done;
  }
  const struct doomed d = doomed_at(r, left - 1);
  r->list.len -= sizeof d;
  if (!r->dry && (!turn_begin(v, e) || !floors_keep(v, e))) return false;
  if (!forget_decisions(v, d.seq, r, e)) return false;
  if (r->dry) return true;
  if (d.seq == r->trim.cut) return run_with(v, UPDATE_FORGOTTEN, d.seq, 0, e);
  v->rows_gone++;
  if (!run_with(v, DELETE_ROW, d.seq, 0, e) || !meta_put(v, "rows_gone", v->rows_gone, e)) return false;
  return run_with(v, UPDATE_LINK, left > 1 ? doomed_at(r, left - 2).seq : r->link, 0, e);
}

bool trim_step(struct volume *v, struct retaining *r, struct err *e) {
  switch (r->phase) {
  case RETAIN_WALK: return walk_one(v, r, e);
  case RETAIN_CUT: return cut_one(v, r, e);
  case RETAIN_FORGET_WALK: return forget_walk_one(v, r, e);
  case RETAIN_FORGET: return forget_one(v, r, e);
  default: return trim_begin(v, r, e);
  }
}
