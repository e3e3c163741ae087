/* rooms: kit book; inside: book; libraries: lib_sqlite */
/* D9: killed at any call that touches a file while a schema is migrated, or right after any sync of it has failed, opened again, and then
 * the power goes, at any point: what is there is the old schema or the new one, whole, with every row that was told durable, and the next
 * start opens it. KAIROS_POWER_POINTS sets how many points are tried a kill, and has every call tried (12, every second call). */
#include "crash/power_script.h"
#include "kit/log.h"

#define POINTS     12
#define TURNS      12
#define CALLS_MOST 400

#define OLDER_CONTROL "DROP TABLE merges; PRAGMA user_version=1"
#define OLDER_VOLUME                                                                                                                       \
  "DROP TABLE checkpoints; DROP TABLE trims; DROP INDEX outbox_waiting;"                                                                   \
  "CREATE INDEX outbox_waiting ON outbox(due) WHERE fate=0; CREATE INDEX outbox_of_user ON outbox(user) WHERE fate=0;"                     \
  "PRAGMA user_version=1"

static const struct volume_replay replay = {.row = toy_replay};
static int64_t newest_control, newest_volume;

static int64_t number_of(const char *directory, const char *file, const char *text) {
  char path[BOOK_PATH];
  struct err e = {0};
  int64_t number = -1;
  snprintf(path, sizeof path, "%s/%s", directory, file);
  sqlite3 *db = sql_open(path, SQL_READER, &e);
  if (!db || !sql_int(db, text, 0, &number, &e)) fail_msg("%s", e.text);
  sql_close(&db);
  return number;
}

static void make_older(struct fixture *f, const char *file, const char *text) {
  char path[BOOK_PATH];
  snprintf(path, sizeof path, "%s/%s", f->directory, file);
  sqlite3 *db = sql_open(path, SQL_WRITER, &f->e);
  fine(&f->e, db && sql_exec(db, text, &f->e) && sql_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", &f->e));
  sql_close(&db);
}

/* False: the process is dead. */
static bool migrate(struct fixture *f, int turns) {
  struct volume *v = NULL;
  f->e = (struct err){0};
  f->book = book_open(f->directory, true, &f->e);
  bool done = f->book && (v = volume_open(f->book, 0, &replay, &f->e)) != NULL;
  for (int i = 0; done && i < turns; i++) done = script_turn(v, 3, &f->e) && volume_settle(v, i % 2 == 0, &f->e);
  volume_close(v);
  if (f->book) book_close(f->book);
  f->book = NULL;
  return done;
}

static void begin(struct fixture *f) {
  script_forget();
  power_forget();
  file_remove_tree(f->directory, NULL);
  fine(&f->e, book_create(f->directory, 1, &f->e));
  book_use_vfs("power");
  if (!migrate(f, TURNS)) fail_msg("%s", f->e.text);
  newest_control = number_of(f->directory, "control.db", "PRAGMA user_version");
  newest_volume = number_of(f->directory, "volume-00.db", "PRAGMA user_version");
  make_older(f, "control.db", OLDER_CONTROL);
  make_older(f, "volume-00.db", OLDER_VOLUME);
}

/* Old or new, and nothing between. */
static void expect_whole(const char *directory) {
  const int64_t control = number_of(directory, "control.db", "PRAGMA user_version");
  const int64_t merges = number_of(directory, "control.db", "SELECT count(*) FROM sqlite_master WHERE name='merges'");
  const int64_t volume = number_of(directory, "volume-00.db", "PRAGMA user_version");
  const int64_t tables = number_of(directory, "volume-00.db", "SELECT count(*) FROM sqlite_master WHERE name IN ('checkpoints','trims')");
  const int64_t former = number_of(directory, "volume-00.db", "SELECT count(*) FROM sqlite_master WHERE name='outbox_of_user'");
  assert_true((control == 1 && merges == 0) || (control == newest_control && merges == 1));
  assert_true((volume == 1 && tables == 0 && former == 1) || (volume == newest_volume && tables == 2));
}

/* True: the n-th call was one of the migration's. */
static bool kill_at(struct fixture *f, struct fixture *at, bool failed_sync, int64_t n, int64_t points, struct verdict *found) {
  begin(f);
  const size_t base = power.count;
  power.calls = 0;
  power.fail_at = n;
  power.fails = 1;
  power.only_syncs = failed_sync;
  power.dies = true;
  const bool lived = migrate(f, 0);
  const bool died = power.dead;
  assert_true(died || lived);
  power.dead = power.dies = power.only_syncs = false;
  power.fail_at = 0;
  if (!migrate(f, 3)) fail_msg("killed at call %lld, and the next start says: %s", (long long)n, f->e.text);
  book_use_vfs(NULL);
  copy_quiet_files(f->directory, at->directory);
  for (int64_t p = 0; p < points; p++) {
    struct rng r = rng_from((uint64_t)(n * 1000 + p) * 7919 + failed_sync);
    const size_t point = base + (size_t)(rng_uniform(&r) * (double)(power.count - base + 1));
    power_rebuild(at->directory, point, rng_next(&r));
    expect_whole(at->directory);
    check_directory(at->directory, point, found);
    expect_whole(at->directory);
  }
  return died;
}

static void kill_at_each(const char *name, bool failed_sync) {
  const char *asked = getenv("KAIROS_POWER_POINTS");
  struct fixture f, at;
  struct verdict found = {0};
  char directory[64];
  int64_t n = 1;
  snprintf(directory, sizeof directory, "book-migration-%s", name);
  fixture_names(&f, directory);
  snprintf(directory, sizeof directory, "book-migration-%s-point", name);
  fixture_names(&at, directory);
  fine(&at.e, book_create(at.directory, 1, &at.e));
  const int64_t step = asked || failed_sync ? 1 : 2;
  while (kill_at(&f, &at, failed_sync, n, asked ? atoll(asked) : POINTS, &found)) assert_true((n += step) < CALLS_MOST);
  print_message("up to call %lld; lost %lld, corrupt %lld, torn %lld\n", (long long)n - 1, (long long)found.lost, (long long)found.corrupt,
                (long long)found.torn);
  assert_true(n > 4); /* two files, each with a sync of its log and of itself */
  assert_true(found.lost == 0 && found.corrupt == 0 && found.torn == 0);
  power_forget();
  file_remove_tree(f.directory, NULL);
  file_remove_tree(at.directory, NULL);
}

static void killed_at_any_call(void **state) {
  (void)state;
  kill_at_each("call", false);
}

static void killed_after_any_failed_sync(void **state) {
  (void)state;
  kill_at_each("sync", true);
}

int main(void) {
  log_setup((enum log_level)(LOG_ERROR + 1), false);
  power_register();
  const struct CMUnitTest tests[] = {cmocka_unit_test(killed_at_any_call), cmocka_unit_test(killed_after_any_failed_sync)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
