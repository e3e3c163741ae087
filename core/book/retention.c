/* Retention: one look at everything a day, in small steps. Promises that a lane is held for a millisecond at most, when it has
 * nothing to do, and once a second where that never is; that after each step everything is whole, so that kill -9 between or within two
 * loses nothing; that a user who is erased meanwhile is let go of; that one who does not read back keeps nobody else's rows; and that a
 * clock which leaps ahead is believed only after a day, so that one which stood wrong for less trims nothing early. What is done to one
 * user is trim.c's. On the volume's thread; offline by a tool, at whose word the clock is believed. */
#include "kit/clock.h"
#include "kit/log.h"
#include "retaining.h"
#include <stdio.h>

#define STEP_NS       1000000             /* a lane is held no longer */
#define STEP_UNITS    512                 /* nor for more than this, whatever the clock says */
#define QUIET_NS      20000000            /* nothing was committed for so long: it is quiet */
#define BUSY_NS       1000000000          /* one step so often where it never is */
#define LEAP_MS       (2 * RETENTION_DAY) /* so long after a look was due: the clock has leapt, or nothing ran */
#define AGAIN_MS      3600000 /* a look that failed with its volume: not again before, or the volume would do nothing but recover */
#define LETTERS_A_GO  64
#define UNITS_OFFLINE 2048

/* By the names of the options, which are the same wherever they are asked for. */
static bool days_make_sense(const char *option, int64_t days, struct err *e) {
  return (days >= 0 && days <= 100000) ||
         err_set(e, ERR_INPUT, "%s: expected 0 (for ever) to 100000 days, got %lld", option, (long long)days);
}

bool retention_from_days(struct retention *out, int64_t events, int64_t decisions, int64_t letters, struct err *e) {
  if (!days_make_sense("--keep-events", events, e) || !days_make_sense("--keep-decisions", decisions, e) ||
      !days_make_sense("--keep-messages", letters, e))
    return false;
  if (events && events < RETENTION_EVENTS_LEAST)
    return err_set(e, ERR_INPUT, "events are kept for %d days at least, or duplicates of the last seven would not be known; got %lld",
                   RETENTION_EVENTS_LEAST, (long long)events);
  if (decisions && (!events || decisions < events))
    return err_set(e, ERR_INPUT, "decisions are kept no shorter than the events that they are derived from: got %lld days after %lld",
                   (long long)decisions, (long long)events);
  *out = (struct retention){events * RETENTION_DAY, decisions * RETENTION_DAY, letters * RETENTION_DAY};
  return true;
}

/* ---- messages ---- */

static void letters_key(uint32_t partition, char key[32]) {
  snprintf(key, 32, "letters_%u", partition);
}

static bool clear_letter(struct volume *v, struct retaining *r, int64_t id, struct err *e) {
  r->sum.letters++;
  if (r->dry) return true;
  sqlite3_stmt *update = volume_statement(v, UPDATE_LETTER);
  sqlite3_bind_int64(update, 1, id);
  return turn_begin(v, e) && sql_run(update, "trimming a message", e);
}

static bool next_partition(struct volume *v, struct retaining *r, struct err *e) {
  char key[32];
  int64_t cursor = 0;
  while (r->partition < BOOK_PARTITIONS && v->book->layout.volume_of[r->partition] != v->number) r->partition++;
  if (r->partition == BOOK_PARTITIONS) {
    r->phase = RETAIN_USERS;
    r->number = 0;
    return true;
  }
  letters_key(r->partition, key);
  const bool read = meta_get(v->db, key, 0, &cursor, e);
  r->letter = (uint64_t)cursor;
  if (r->letter < (uint64_t)r->partition << 48) r->letter = (uint64_t)r->partition << 48;
  return read;
}

/* In the order of decisions, which is nearly that of their ends: the first that is too young stops the look. */
static bool letters_step(struct volume *v, struct retaining *r, struct err *e) {
  const int64_t last = r->now - r->keep.letters;
  char key[32];
  int64_t ids[LETTERS_A_GO];
  size_t count = 0, seen = 0;
  bool over = !r->keep.letters;
  sqlite3_stmt *select = volume_statement(v, SELECT_LETTERS);
  sqlite3_bind_int64(select, 1, (int64_t)r->letter);
  sqlite3_bind_int64(select, 2, (int64_t)(((uint64_t)r->partition + 1) << 48) - 1);
  sqlite3_bind_int64(select, 3, LETTERS_A_GO);
  int got = 0;
  while (!over && (got = sql_row(select, "looking at messages", e)) == 1) {
    over = sqlite3_column_int(select, 2) == OUTBOX_WAITING || sqlite3_column_int64(select, 1) > last;
    if (over) break;
    seen++;
    r->letter = (uint64_t)sqlite3_column_int64(select, 0);
    if (sqlite3_column_int64(select, 3) > 0) ids[count++] = (int64_t)r->letter;
  }
  sqlite3_reset(select);
  if (got < 0) return false;
  for (size_t i = 0; i < count; i++)
    if (!clear_letter(v, r, ids[i], e)) return false;
  letters_key(r->partition, key);
  if (count && !r->dry && !meta_put(v, key, (int64_t)r->letter, e)) return false;
  if (!over && seen == LETTERS_A_GO) return true;
  r->partition++;
  return next_partition(v, r, e);
}

/* ---- a look ---- */

static bool look_begin(struct volume *v, struct retaining *r, int64_t now, struct err *e) {
  r->now = now;
  r->phase = RETAIN_LETTERS;
  r->partition = 0;
  r->sum = (struct trimmed){0};
  return next_partition(v, r, e);
}

static bool look_end(struct volume *v, struct retaining *r, struct err *e) {
  r->phase = RETAIN_REST;
  r->next_look = r->now + RETENTION_DAY;
  return r->dry || (turn_begin(v, e) && meta_put(v, "retained_at", r->now, e));
}

static bool next_user(struct volume *v, struct retaining *r, struct err *e) {
  sqlite3_stmt *select = volume_statement(v, SELECT_STORED_USER);
  sqlite3_bind_int64(select, 1, r->number);
  const int got = sql_row(select, "looking at users", e);
  if (got == 1) {
    r->number = sqlite3_column_int64(select, 0);
    r->applied = sqlite3_column_int64(select, 1);
  }
  sqlite3_reset(select);
  return got == 1 ? trim_begin(v, r, e) : got == 0 && look_end(v, r, e);
}

static bool unit(struct volume *v, struct retaining *r, struct err *e) {
  if (r->phase == RETAIN_LETTERS) return letters_step(v, r, e);
  return r->phase == RETAIN_USERS ? next_user(v, r, e) : trim_step(v, r, e);
}

/* Between two steps anything may have happened to the user looked at: erased, the rows that were to go are gone. */
static bool still_there(struct volume *v, struct retaining *r, struct err *e) {
  if (r->phase <= RETAIN_USERS) return true;
  sqlite3_stmt *select = volume_statement(v, SELECT_USER_NUMBER);
  sqlite3_bind_int64(select, 1, r->number);
  const int got = sql_row(select, "looking at users", e);
  sqlite3_reset(select);
  if (got == 0) trim_end(r);
  return got >= 0;
}

/* One person whose rows or state do not read back keeps nobody else's; a file that fails ends the look. The next look says it again. */
static bool skip(struct volume *v, struct retaining *r, struct err *e) {
  struct err storage;
  if (!r->damaged || !volume_room(v, &storage)) return false;
  log_warn("book", "volume %u, user %lld: nothing of theirs is trimmed: %s", v->number, (long long)r->number, e->text);
  *e = (struct err){0};
  trim_end(r);
  return true;
}

static bool work(struct volume *v, struct retaining *r, int units, int64_t until, struct err *e) {
  if (!still_there(v, r, e)) return false;
  while (units-- > 0 && r->phase != RETAIN_REST && (!until || clock_monotonic() < until)) {
    r->damaged = false;
    if (!unit(v, r, e) && !skip(v, r, e)) return false;
  }
  return true;
}

/* ---- by itself ---- */

void retention_forget(struct volume *v) {
  if (!v->retaining) return;
  trim_end(v->retaining);
  v->retaining->phase = RETAIN_REST;
}

void volume_retain(struct volume *v, const struct retention *keep) {
  if (!v->retaining) v->retaining = kit_alloc(sizeof *v->retaining);
  if (!v->retaining) return; /* nothing is trimmed until the next start */
  *v->retaining = (struct retaining){.keep = *keep, .next_look = INT64_MIN, .stepped = clock_monotonic()};
}

bool volume_retain_waits(const struct volume *v) {
  return v->retaining && v->retaining->phase != RETAIN_REST && !v->failed;
}

/* The next look comes a day after this sight of the clock. */
static bool see(struct volume *v, struct retaining *r, int64_t now, struct err *e) {
  r->next_look = now + RETENTION_DAY;
  return turn_begin(v, e) && meta_put(v, "retained_at", now, e) && volume_commit(v, e);
}

/* The first look comes a day after the directory's first start: whoever only tries the engine is not worked for. So does one after a clock
 * that leapt, ahead or back. A leap of less than that trims as much too early, and keeps everything whole all the same. */
static bool is_due(struct volume *v, struct retaining *r, int64_t now, struct err *e, bool *due) {
  *due = false;
  if (r->phase != RETAIN_REST && now < r->now - AGAIN_MS) retention_forget(v); /* what it began with was never the time */
  if (r->phase == RETAIN_REST && (r->next_look == INT64_MIN || r->next_look > now + RETENTION_DAY)) {
    int64_t last;
    if (!meta_get(v->db, "retained_at", 0, &last, e)) return false;
    if (last && last <= now) r->next_look = last + RETENTION_DAY;
    else if (!see(v, r, now, e)) return false;
  }
  if (r->phase == RETAIN_REST && now >= r->next_look + LEAP_MS && !see(v, r, now, e)) return false;
  *due = r->phase != RETAIN_REST || now >= r->next_look;
  return true;
}

static void tell(const struct volume *v, const struct trimmed *s) {
  if (s->rows || s->decisions || s->letters)
    log_info("book", "volume %u: trimmed %llu events of %llu users, %llu decisions, %llu messages", v->number, (unsigned long long)s->rows,
             (unsigned long long)s->users, (unsigned long long)s->decisions, (unsigned long long)s->letters);
}

static bool look_fail(struct volume *v, struct retaining *r, int64_t now) {
  r->next_look = now + AGAIN_MS;
  return turn_fail(v);
}

/* A busy lane pays no commit for it: the step rides in the next turn's transaction. */
bool retention_step(struct volume *v, bool idle, struct err *e) {
  struct retaining *r = v->retaining;
  struct err full;
  const int64_t begun = clock_monotonic(), now = clock_now();
  if (r->commits != v->commits) {
    r->commits = v->commits;
    r->quiet_since = begun;
  }
  const bool quiet = idle && begun - r->quiet_since >= QUIET_NS;
  if ((!quiet && begun - r->stepped < BUSY_NS) || !volume_room(v, &full)) return true;
  bool due;
  if (!is_due(v, r, now, e, &due)) return turn_fail(v);
  if (!due) return true;
  if (r->phase == RETAIN_REST && !look_begin(v, r, now, e)) return look_fail(v, r, now);
  if (!work(v, r, STEP_UNITS, begun + STEP_NS, e)) return look_fail(v, r, now);
  r->stepped = clock_monotonic();
  if (idle && v->in_turn) {
    if (!volume_commit(v, e)) return look_fail(v, r, now);
    r->commits = v->commits; /* its own commit is no sign of life */
  }
  if (r->phase == RETAIN_REST) tell(v, &r->sum);
  return true;
}

/* ---- at once ---- */

static void add(struct trimmed *all, const struct trimmed *one) {
  all->users += one->users;
  all->rows += one->rows;
  all->decisions += one->decisions;
  all->letters += one->letters;
  all->checkpoints += one->checkpoints;
}

struct listener {
  void (*progress)(void *context, double share);
  void *context;
};

static bool retain_volume(struct volume *v, const struct retention *keep, bool dry, const struct listener *tell, struct trimmed *out,
                          struct err *e) {
  volume_retain(v, keep);
  struct retaining *r = v->retaining;
  if (!r) return err_set(e, ERR_STORAGE, "memory for trimming is missing");
  r->dry = dry;
  bool done = look_begin(v, r, clock_now(), e);
  const double volumes = v->book->layout.volumes;
  while (done && r->phase != RETAIN_REST) {
    done = work(v, r, UNITS_OFFLINE, 0, e) && (dry || (volume_commit(v, e) && settle_passive(v, e)));
    if (tell->progress) tell->progress(tell->context, (v->number + (double)r->number / (double)v->next_user) / volumes);
  }
  add(out, &r->sum);
  return done;
}

bool book_retain(const char *directory, const struct retention *keep, bool dry_run, void (*progress)(void *context, double share),
                 void *context, struct trimmed *out, struct err *e) {
  const struct listener tell = {progress, context};
  *out = (struct trimmed){0};
  struct book *b = book_open(directory, !dry_run, e);
  bool done = b != NULL;
  for (uint32_t n = 0; done && n < b->layout.volumes; n++) {
    /* Raw: what is stored is all that is needed, and no program has to be built. */
    struct volume *v = dry_run ? volume_reader(b, n, e) : volume_open_raw(b, n, e);
    done = v && retain_volume(v, keep, dry_run, &tell, out, e);
    volume_close(v);
  }
  if (b) book_close(b);
  return done;
}
