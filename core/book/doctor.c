/* The doctor: looks at everything a data directory promises about itself and says what it found, line by line, good or bad. Changes
 * nothing, works beside a running engine. Promises that damage in any file, a broken chain, a key that does not unwrap, a decision without
 * its row and a changed control fact each make a line that is not ok. Called by a tool. */
#include "copy.h"
#include "kit/file.h"
#include "retaining.h"
#include "sql.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define WALKED_USERS 200
#define WALKED_ROWS  2000 /* of one user */

struct report {
  struct arena *arena;
  struct doctor_line *lines;
  size_t count, cap;
};

/* A check's outcome: what it found when all is well, the error's sentence otherwise. */
static bool say(struct report *r, const char *check, bool ok, const char *text) {
  if (r->count == r->cap) {
    struct doctor_line *grown = ARENA_ARRAY(r->arena, struct doctor_line, r->cap + 64);
    if (!grown) return false;
    if (r->count) memcpy(grown, r->lines, r->count * sizeof *grown);
    r->lines = grown;
    r->cap += 64;
  }
  struct doctor_line *line = &r->lines[r->count++];
  *line = (struct doctor_line){.check = arena_printf(r->arena, "%s", check), .ok = ok, .text = arena_printf(r->arena, "%s", text)};
  return line->check && line->text;
}

static bool check_key_file(struct report *r, struct book *b) {
  char path[BOOK_PATH];
  struct stat about;
  book_file(b->directory, "master.key", path);
  if (stat(path, &about) != 0) return say(r, "master key", false, "the file cannot be looked at");
  const bool closed = (about.st_mode & 077) == 0;
  return say(r, "master key", closed, closed ? "fits the layout, for its owner's eyes only" : "others can read it: chmod 600 master.key");
}

/* What lies in the directory is for its owner alone; the directory itself may be open, then others see names and sizes. */
static bool check_modes(struct report *r, struct book *b) {
  struct file_entry *entries;
  size_t count, files = 0;
  struct err e = {0};
  struct stat about;
  char path[BOOK_PATH];
  if (!file_list(b->directory, r->arena, &entries, &count, &e)) return say(r, "modes", false, e.text);
  for (size_t i = 0; i < count; i++) {
    book_file(b->directory, entries[i].name, path);
    if (entries[i].kind != 'f' || stat(path, &about) != 0) continue; /* a log that went meanwhile */
    files++;
    if (about.st_mode & 077)
      return say(r, "modes", false,
                 arena_printf(r->arena, "%s is open to others (mode %04o): chmod 600 %s", entries[i].name, about.st_mode & 07777, path));
  }
  unsigned mode;
  const bool open = book_open_to_others(b->directory, &mode);
  return say(r, "modes", true,
             open ? arena_printf(r->arena, "%zu files for their owner alone; others see their names (mode %04o): chmod 700 %s", files, mode,
                                 b->directory)
                  : arena_printf(r->arena, "the directory and its %zu files are for their owner alone", files));
}

static bool check_store(struct report *r, struct book *b) {
  char path[BOOK_PATH];
  struct file_entry *entries;
  size_t count, good = 0;
  struct err e = {0};
  book_file(b->directory, "store", path);
  bool done = file_list(path, r->arena, &entries, &count, &e);
  struct buf bytes = {0};
  for (size_t i = 0; done && i < count; i++) {
    bool plugin;
    if (!store_keeps(entries[i].name, &plugin)) continue;
    done = store_read(path, entries[i].name, &bytes, &e);
    good++;
  }
  buf_free(&bytes);
  done = done && whole_store(b->directory, &b->layout, b->control, &e);
  return say(r, "store", done,
             done ? arena_printf(r->arena,
                                 good == 1 ? "%zu file matches its name, none that ran is missing"
                                           : "%zu files match their names, none that ran is missing",
                                 good)
                  : e.text);
}

static bool check_control(struct report *r, struct book *b) {
  struct err e = {0};
  const bool whole = (!b->control || check_integrity(b->control, false, &e)) && control_verify(b, &e);
  return say(r, "control facts", whole, whole ? "the chain of hashes is whole" : e.text);
}

/* ---- volumes ---- */

/* What retention leaves where it cut a chain. */
static bool is_link(struct volume *v, int64_t seq, uint64_t count, const struct user *u, struct arena *a) {
  struct entry row;
  struct trim t;
  uint64_t *ids;
  return volume_remnant(v, seq, a, &row, &ids, NULL) && volume_trim(v, u->number, &t, NULL) && t.base >= seq && row.user == u->number &&
         row.count == count;
}

static bool walk_chain(struct volume *v, const struct user *u, int64_t *rows, struct err *e) {
  struct arena a = {0};
  bool done = true;
  uint64_t count = u->events;
  for (int64_t seq = u->head, n = 0; done && seq && n < WALKED_ROWS; n++) {
    struct entry row;
    struct str *records;
    uint64_t *ids;
    size_t decisions;
    done = volume_entry(v, seq, &a, &row, NULL, e) && volume_scan_decisions(v, seq, &a, &records, &ids, &decisions, e);
    if (!done && e->kind == ERR_MISSING && is_link(v, seq, count, u, &a)) {
      *e = (struct err){0};
      done = true;
      break; /* older rows were trimmed: the chain ends at the link */
    }
    if (done && (row.user != u->number || row.count != count || row.previous >= seq))
      done = err_set(e, ERR_STORAGE, "row %lld of user %lld does not fit the chain", (long long)seq, (long long)u->number);
    seq = row.previous;
    count--;
    ++*rows;
    arena_reset(&a);
  }
  arena_free(&a);
  return done;
}

struct walk {
  struct volume *volume;
  int64_t users, every, rows, walked, based;
  struct err *e;
  bool done;
};

/* The state that stands for trimmed rows opens and fits its digest. */
static bool check_base(struct walk *w, const struct user *u) {
  struct user base;
  int64_t row;
  if (!user_init(&base)) return err_set(w->e, ERR_STORAGE, "memory for a user is missing");
  const bool done = volume_base(w->volume, u->number, &base, &row, w->e);
  w->based += done && row > 0;
  user_clear(&base);
  return done;
}

/* Every user's key, id and state open (or volume_each_user had failed); every so many, the chain is walked. */
static bool visit(void *context, struct user *u) {
  struct walk *w = context;
  if (w->users++ % w->every == 0) {
    w->done = walk_chain(w->volume, u, &w->rows, w->e) && check_base(w, u);
    w->walked++;
  }
  if (w->users % 1000 == 0) users_trim(w->volume, 0);
  return w->done;
}

static bool check_users(struct report *r, struct volume *v, const char *check) {
  struct err e = {0};
  const int64_t every = v->users_all / WALKED_USERS + 1;
  struct walk w = {.volume = v, .every = every, .e = &e, .done = true};
  const bool done = volume_each_user(v, visit, &w, &e) && w.done;
  return say(r, check, done,
             !done     ? e.text
             : w.based ? arena_printf(r->arena,
                                      "%lld users open; %lld chains walked over %lld rows, %lld of them down to where they were trimmed",
                                      (long long)w.users, (long long)w.walked, (long long)w.rows, (long long)w.based)
                       : arena_printf(r->arena, "%lld users open; %lld chains walked over %lld rows", (long long)w.users,
                                      (long long)w.walked, (long long)w.rows));
}

static bool check_counters(struct report *r, struct volume *v, const char *check) {
  struct err e = {0};
  int64_t last, orphans, unsent;
  /* Decisions name rows and outbox rows name decisions: one walk in key order, no index needed. */
  const bool read =
      sql_int(v->db, "SELECT max(seq) FROM journal", 0, &last, &e) &&
      sql_int(v->db, "SELECT count(*) FROM decisions d WHERE NOT EXISTS(SELECT 1 FROM journal j WHERE j.seq=d.seq AND j.user=d.user)", 0,
              &orphans, &e) &&
      sql_int(v->db, "SELECT count(*) FROM outbox o WHERE NOT EXISTS(SELECT 1 FROM decisions d WHERE d.id=o.id)", 0, &unsent, &e);
  if (!read) return say(r, check, false, e.text);
  const bool fits = v->watermark <= last || v->watermark < v->next_seq;
  if (orphans || unsent || !fits)
    return say(r, check, false,
               arena_printf(r->arena, "%lld decisions without their row, %lld outbox rows without decision, watermark %lld of row %lld",
                            (long long)orphans, (long long)unsent, (long long)v->watermark, (long long)last));
  return say(r, check, true,
             arena_printf(r->arena, "newest row %lld, states up to row %lld, every decision has its row", (long long)last,
                          (long long)v->watermark));
}

static bool check_newest(struct report *r, const struct volume *v, int64_t known, const char *check) {
  if (v->next_seq - 1 >= known)
    return say(r, check, true, known ? arena_printf(r->arena, "row %lld was known, and is there", (long long)known) : "nothing is known");
  return say(
      r, check, false,
      arena_printf(r->arena,
                   "it ends with row %lld and had row %lld: an older copy was put in its place, what was acknowledged since is missing",
                   (long long)(v->next_seq - 1), (long long)known));
}

static bool check_volume(struct report *r, struct book *b, uint32_t n, int64_t known) {
  struct err e = {0};
  char check[48], path[BOOK_PATH], wal_path[BOOK_PATH + 8];
  snprintf(check, sizeof check, "volume %u file", n);
  book_volume_path(b, n, path);
  if (!file_exists(path)) return say(r, check, true, "not made yet: no engine ran on it");
  struct volume *v = volume_reader(b, n, &e);
  if (!v) return say(r, check, false, e.text);
  mind_log(v->db, wal_path);
  const bool whole = check_integrity(v->db, false, &e);
  bool done = say(r, check, whole, whole ? "integrity_check says ok" : e.text);
  snprintf(check, sizeof check, "volume %u counters", n);
  done = done && check_counters(r, v, check);
  snprintf(check, sizeof check, "volume %u users", n);
  done = done && check_users(r, v, check);
  snprintf(check, sizeof check, "volume %u newest row", n);
  done = done && check_newest(r, v, known, check);
  volume_close(v);
  return done;
}

bool book_doctor(const char *directory, struct arena *a, struct doctor_line **lines, size_t *count, struct err *e) {
  struct report r = {.arena = a};
  struct book *b = book_open(directory, false, e);
  if (!b) return false;
  bool done = say(&r, "layout", true,
                  arena_printf(a, "format %u, %u file%s", b->layout.format, b->layout.volumes, b->layout.volumes == 1 ? "" : "s"));
  done = done && check_key_file(&r, b) && check_modes(&r, b) && check_store(&r, b) && check_control(&r, b);
  int64_t known[BOOK_VOLUMES_MOST];
  book_rows_known(b, known);
  for (uint32_t n = 0; done && n < b->layout.volumes; n++) done = check_volume(&r, b, n, known[n]);
  book_close(b);
  *lines = r.lines;
  *count = r.count;
  return done || err_set(e, ERR_STORAGE, "memory for the doctor's report is missing");
}
