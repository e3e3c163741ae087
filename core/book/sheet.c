/* Plain tables for analysts: the other side of sealing. Promises that a file under the wanted name is whole, checked and 0600, that a cut
 * short export leaves that name alone, and that nothing is replaced unasked. What of a data directory goes into which table is the tool's;
 * the tables' shape and sums are here, because only this room knows SQLite. Called by `kairos export` on one thread. */
#include "book/sheet.h"
#include "copy.h"
#include "sql.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* The comments stay in the file: `.schema` in the sqlite3 shell shows them. */
static const char schema[] =
    "CREATE TABLE readme(topic TEXT PRIMARY KEY, text TEXT NOT NULL);"
    "CREATE TABLE users(\n"
    "  user_id TEXT PRIMARY KEY,\n"
    "  consent TEXT NOT NULL CHECK(consent IN('unknown','given','withdrawn')),\n"
    "  age INTEGER,\n"
    "  guardian_consent INTEGER NOT NULL,\n"
    "  timezone TEXT,\n"
    "  trimmed_on TEXT,     -- older events of this user were removed by retention then\n"
    "  profile TEXT NOT NULL CHECK(json_valid(profile)),\n"
    "  features TEXT CHECK(features IS NULL OR json_valid(features)), -- as of the user's last event; null: too little is known\n"
    "  events INTEGER NOT NULL DEFAULT 0,         -- in this file\n"
    "  first_event_at TEXT,\n"
    "  last_event_at TEXT);"
    "CREATE TABLE events(\n"
    "  event_id INTEGER PRIMARY KEY,              -- of this file alone\n"
    "  user_id TEXT NOT NULL REFERENCES users,\n"
    "  kind TEXT NOT NULL,  -- event, tick, consent, profile, asked, imported, filled, merge\n"
    "  type TEXT NOT NULL,\n"
    "  source TEXT,\n"
    "  id TEXT,             -- the sender's, or the one that was given\n"
    "  occurred_at TEXT NOT NULL,\n"
    "  received_at TEXT NOT NULL,\n"
    "  decided_at TEXT NOT NULL,                  -- the decision clock\n"
    "  data TEXT CHECK(data IS NULL OR json_valid(data)),\n"
    "  context TEXT CHECK(context IS NULL OR json_valid(context)));"
    "CREATE TABLE habits(\n"
    "  habit_id INTEGER PRIMARY KEY,\n"
    "  user_id TEXT NOT NULL REFERENCES users,\n"
    "  name TEXT NOT NULL,  -- workoutType, else workoutId, else 'workout'\n"
    "  attempts INTEGER NOT NULL DEFAULT 0,\n"
    "  completed INTEGER NOT NULL DEFAULT 0,\n"
    "  mean_completion REAL,                      -- of completed ones; 1 where none was said\n"
    "  first_on TEXT,       -- local dates\n"
    "  last_on TEXT,\n"
    "  UNIQUE(user_id, name));"
    "CREATE TABLE habit_tracking(\n"
    "  habit_id INTEGER NOT NULL REFERENCES habits,\n"
    "  event_id INTEGER NOT NULL UNIQUE REFERENCES events,\n"
    "  user_id TEXT NOT NULL REFERENCES users,\n"
    "  local_date TEXT NOT NULL,                  -- in the user's zone, UTC while it is unknown\n"
    "  local_time TEXT NOT NULL,                  -- of a skip: the planned hour, if it was said\n"
    "  completed INTEGER NOT NULL CHECK(completed IN(0,1)),\n"
    "  completion REAL CHECK(completion BETWEEN 0 AND 1),\n"
    "  company TEXT, location TEXT, weather TEXT);"
    "CREATE TABLE decisions(\n"
    "  decision_id TEXT PRIMARY KEY,\n"
    "  user_id TEXT NOT NULL REFERENCES users,\n"
    "  event_id INTEGER REFERENCES events,        -- null: the event was trimmed, or is outside --since and --until\n"
    "  decided_at TEXT NOT NULL,\n"
    "  source TEXT NOT NULL CHECK(source IN('engine','imported')),\n"
    "  trigger TEXT, outcome TEXT, reason TEXT,\n"
    "  option TEXT,         -- the intervention, or an imported decision's own word\n"
    "  experiment TEXT, arm TEXT,\n"
    "  propensity REAL,     -- of what was drawn, when something was drawn\n"
    "  uniform REAL,\n"
    "  program TEXT,\n"
    "  message TEXT,\n"
    "  expires_at TEXT,\n"
    "  record TEXT NOT NULL CHECK(json_valid(record)));"
    "CREATE INDEX decisions_of_elsewhere ON decisions(user_id, json_extract(record, '$.external')) WHERE source='imported';"
    "CREATE TABLE deliveries(\n"
    "  decision_id TEXT PRIMARY KEY REFERENCES decisions,\n"
    "  end TEXT NOT NULL CHECK(end IN('waiting','delivered','failed','expired','withdrawn')),\n"
    "  attempts INTEGER NOT NULL,\n"
    "  send_before TEXT NOT NULL);"
    "CREATE TABLE attempts(\n"
    "  decision_id TEXT NOT NULL REFERENCES deliveries,\n"
    "  number INTEGER,      -- null: the message ended without an attempt\n"
    "  at TEXT, status INTEGER, milliseconds INTEGER, reason TEXT);"
    "CREATE TABLE outcomes(\n"
    "  event_id INTEGER PRIMARY KEY REFERENCES events,\n"
    "  decision_id TEXT NOT NULL REFERENCES decisions,\n"
    "  user_id TEXT NOT NULL REFERENCES users,\n"
    "  at TEXT NOT NULL, response TEXT);"
    "BEGIN";

static const struct {
  size_t cells;
  const char *insert;
} tables[SHEET_TABLES] = {
    [SHEET_README] = {2, "INSERT INTO readme VALUES(?,?)"},
    [SHEET_USERS] = {8, "INSERT INTO users VALUES(?,?,?,?,?,?,?,?,0,NULL,NULL)"},
    [SHEET_EVENTS] = {11, "INSERT INTO events VALUES(?,?,?,?,?,?,?,?,?,?,?)"},
    [SHEET_HABITS] = {2, "INSERT OR IGNORE INTO habits(user_id, name) VALUES(?,?)"},
    [SHEET_HABIT_TRACKING] = {10, "INSERT INTO habit_tracking SELECT habit_id,?3,?1,?4,?5,?6,?7,?8,?9,?10 FROM habits"
                                  " WHERE user_id=?1 AND name=?2"},
    [SHEET_DECISIONS] = {17, "INSERT INTO decisions VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"},
    [SHEET_DELIVERIES] = {4, "INSERT INTO deliveries VALUES(?,?,?,?)"},
    [SHEET_ATTEMPTS] = {6, "INSERT INTO attempts VALUES(?,?,?,?,?,?)"},
    /* An imported decision is answered by the name that it had elsewhere. */
    [SHEET_OUTCOMES] = {5, "INSERT INTO outcomes SELECT ?1,asked,?3,?4,?5 FROM (SELECT coalesce((SELECT decision_id FROM decisions"
                           " WHERE decision_id=?2 AND user_id=?3), (SELECT decision_id FROM decisions WHERE source='imported' AND"
                           " user_id=?3 AND json_extract(record, '$.external')=?2)) AS asked) WHERE asked IS NOT NULL"},
};

static const char sums[] =
    "CREATE INDEX events_of_user ON events(user_id, decided_at); CREATE INDEX decisions_of_user ON decisions(user_id, decided_at);"
    "CREATE INDEX decisions_of_event ON decisions(event_id); CREATE INDEX tracking_of_habit ON habit_tracking(habit_id, local_date);"
    "CREATE INDEX outcomes_of_decision ON outcomes(decision_id); CREATE INDEX attempts_of_decision ON attempts(decision_id);"
    "UPDATE users SET (events, first_event_at, last_event_at) ="
    " (SELECT count(*), min(occurred_at), max(occurred_at) FROM events e WHERE e.user_id=users.user_id);"
    "UPDATE habits SET (attempts, completed, mean_completion, first_on, last_on) ="
    " (SELECT count(*), sum(completed), avg(CASE completed WHEN 1 THEN coalesce(completion, 1) END), min(local_date), max(local_date)"
    " FROM habit_tracking t WHERE t.habit_id=habits.habit_id);"
    "COMMIT; ANALYZE;";

struct sheet {
  char path[BOOK_PATH], partial[BOOK_PATH + 16];
  bool replace, renamed;
  int lock; /* holds the unfinished file against a second export */
  sqlite3 *db;
  sqlite3_stmt *inserts[SHEET_TABLES];
};

static bool open_partial(struct sheet *s, struct err *e) {
  /* Another's link or file under this name is not followed or read; one that a killed export left behind is emptied and used. */
  s->lock = open(s->partial, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (s->lock < 0) {
    const int why = errno;
    struct stat there; /* unless something under this very name is in the way, it is about the name that was typed */
    return err_set(e, ERR_STORAGE, "%s cannot be written: %s", lstat(s->partial, &there) == 0 ? s->partial : s->path, strerror(why));
  }
  if (flock(s->lock, LOCK_EX | LOCK_NB) != 0) {
    close(s->lock);
    s->lock = -1;
    return err_set(e, ERR_CONFLICT, "%s: another export writes it now", s->partial);
  }
  if (fchmod(s->lock, 0600) != 0 || ftruncate(s->lock, 0) != 0)
    return err_set(e, ERR_STORAGE, "%s cannot be emptied: %s", s->partial, strerror(errno));
  const int rc = sqlite3_open_v2(s->partial, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
  if (rc != SQLITE_OK) return sql_fail(e, s->db, rc, "opening");
  /* Until it has its name nobody depends on the file: no journal, one sync at the end. */
  return sql_exec(s->db, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA temp_store=MEMORY; PRAGMA foreign_keys=OFF", e) &&
         sql_exec(s->db, schema, e);
}

struct sheet *sheet_begin(const char *path, bool replace, struct err *e) {
  if (strlen(path) >= BOOK_PATH) {
    err_set(e, ERR_INPUT, "the name of the file is longer than %d bytes", BOOK_PATH - 1);
    return NULL;
  }
  struct stat there;
  if (lstat(path, &there) == 0 && S_ISDIR(there.st_mode)) {
    err_set(e, ERR_CONFLICT, "%s is a directory: expected the name of a file", path);
    return NULL;
  }
  if (!replace && access(path, F_OK) == 0) {
    err_set(e, ERR_CONFLICT, "%s is there already; --force replaces it", path);
    return NULL;
  }
  struct sheet *s = kit_alloc(sizeof *s);
  if (!s) {
    err_set(e, ERR_STORAGE, "memory for an export is missing");
    return NULL;
  }
  *s = (struct sheet){.replace = replace, .lock = -1};
  snprintf(s->path, sizeof s->path, "%s", path);
  snprintf(s->partial, sizeof s->partial, "%s.partial", path);
  if (open_partial(s, e)) return s;
  sheet_drop(s);
  return NULL;
}

static void bind(sqlite3_stmt *insert, int at, const struct cell *c) {
  if (c->kind == CELL_INTEGER) sqlite3_bind_int64(insert, at, c->integer);
  else if (c->kind == CELL_REAL) sqlite3_bind_double(insert, at, c->real);
  else if (c->kind == CELL_TEXT && c->text.at) sqlite3_bind_text64(insert, at, c->text.at, c->text.len, SQLITE_STATIC, SQLITE_UTF8);
  else sqlite3_bind_null(insert, at);
}

bool sheet_put(struct sheet *s, enum sheet_table table, const struct cell *cells, size_t count, struct err *e) {
  must(count == tables[table].cells);
  sqlite3_stmt **insert = &s->inserts[table];
  if (!*insert && !(*insert = sql_prepare(s->db, tables[table].insert, e))) return false;
  sqlite3_reset(*insert);
  for (size_t i = 0; i < count; i++) bind(*insert, (int)i + 1, &cells[i]);
  return sql_run(*insert, "writing an export", e);
}

/* A reference that leads nowhere would be a fault of ours; better said than found by whoever joins the tables. */
static bool check(struct sheet *s, struct err *e) {
  sqlite3_stmt *broken = sql_prepare(s->db, "PRAGMA foreign_key_check", e);
  if (!broken) return false;
  const int got = sql_row(broken, "checking an export", e);
  if (got == 1) err_set(e, ERR_INTERNAL, "a row of %s refers to nothing", (const char *)sqlite3_column_text(broken, 0));
  sql_finalize(&broken);
  return got == 0 && check_integrity(s->db, true, e);
}

static bool sync_directory(const char *path) {
  char folder[BOOK_PATH];
  snprintf(folder, sizeof folder, "%s", path);
  char *slash = strrchr(folder, '/');
  if (slash) slash[slash == folder ? 1 : 0] = 0;
  const int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool done = fd >= 0 && fsync(fd) == 0;
  if (fd >= 0) close(fd);
  return done;
}

/* Without leave to replace, the name is only taken when it is free at this very moment. */
static bool publish(struct sheet *s, struct err *e) {
  if (s->replace) {
    if (rename(s->partial, s->path) != 0) return err_set(e, ERR_STORAGE, "%s cannot be put in its place: %s", s->path, strerror(errno));
    s->renamed = true;
  } else if (link(s->partial, s->path) != 0)
    return errno == EEXIST ? err_set(e, ERR_CONFLICT, "%s is there already; --force replaces it", s->path)
                           : err_set(e, ERR_STORAGE, "%s cannot be put in its place: %s", s->path, strerror(errno));
  return sync_directory(s->path) || err_set(e, ERR_STORAGE, "the folder of %s cannot be synced: %s", s->path, strerror(errno));
}

bool sheet_finish(struct sheet *s, struct err *e) {
  bool done = sql_exec(s->db, sums, e) && check(s, e);
  for (int i = 0; i < SHEET_TABLES; i++) sql_finalize(&s->inserts[i]);
  if (done) sql_close(&s->db);
  done = done && (fsync(s->lock) == 0 || err_set(e, ERR_STORAGE, "%s cannot be synced: %s", s->partial, strerror(errno))) && publish(s, e);
  sheet_drop(s);
  return done;
}

void sheet_drop(struct sheet *s) {
  if (!s) return;
  for (int i = 0; i < SHEET_TABLES; i++) sql_finalize(&s->inserts[i]);
  sql_close(&s->db);
  if (s->lock >= 0) {
    if (!s->renamed) unlink(s->partial); /* while it is still ours */
    close(s->lock);
  }
  kit_free(s);
}
