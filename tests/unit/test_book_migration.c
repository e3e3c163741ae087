/* rooms: kit book; inside: book; libraries: lib_sqlite */
/* A schema change whose commit could not be synced never happened: whoever looks next sees the old schema, because nothing of it is left in
 * the log, and the next opening changes it after all. For control.db and for a volume. */
#include "book_fixture.h"
#include "directory.h"
#include "failing_disk.h"
#include "sql.h"

static int64_t version_of(struct fixture *f, const char *path) {
  int64_t version = -1;
  sqlite3 *db = sql_open(path, SQL_READER, &f->e);
  fine(&f->e, db && sql_int(db, "PRAGMA user_version", 0, &version, &f->e));
  sql_close(&db);
  return version;
}

static void change(struct fixture *f, const char *path, const char *text) {
  sqlite3 *db = sql_open(path, SQL_WRITER, &f->e);
  fine(&f->e, db && sql_exec(db, text, &f->e) && sql_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", &f->e));
  sql_close(&db);
}

static bool open_all(struct fixture *f) {
  struct volume *v = NULL;
  f->book = book_open(f->directory, true, &f->e);
  const bool open = f->book && (v = volume_open(f->book, 0, NULL, &f->e));
  volume_close(v);
  return open;
}

static void shut(struct fixture *f) {
  if (f->book) book_close(f->book);
  f->book = NULL;
}

/* The first sync of a log that was empty is of its header, the second of the commit. */
static void a_commit_without_its_sync_is_no_schema(const char *file, const char *older) {
  struct fixture f;
  char path[BOOK_PATH];
  for (int sync = 1; sync <= 2; sync++) {
    fixture_names(&f, "book-unsynced");
    fine(&f.e, book_create(f.directory, 1, &f.e) && open_all(&f));
    shut(&f);
    snprintf(path, sizeof path, "%s/%s", f.directory, file);
    const int64_t newest = version_of(&f, path);
    change(&f, path, older);
    assert_int_equal(version_of(&f, path), 1);

    disk_syncs_before = sync - 1;
    disk_sync_failures = 1;
    disk_only = file;
    assert_false(open_all(&f));
    disk_only = NULL;
    assert_int_equal(disk_sync_failures, 0);
    assert_int_equal(f.e.kind, ERR_STORAGE);
    shut(&f);
    assert_int_equal(version_of(&f, path), 1);
    f.e = (struct err){0};
    fine(&f.e, open_all(&f));
    shut(&f);
    assert_int_equal(version_of(&f, path), newest);
    fixture_close(&f);
  }
}

static void of_control(void **state) {
  (void)state;
  a_commit_without_its_sync_is_no_schema("control.db", "DROP TABLE merges; PRAGMA user_version=1");
}

static void of_a_volume(void **state) {
  (void)state;
  a_commit_without_its_sync_is_no_schema("volume-00.db", "DROP TABLE checkpoints; DROP TABLE trims; DROP INDEX outbox_waiting;"
                                                         "CREATE INDEX outbox_waiting ON outbox(due) WHERE fate=0;"
                                                         "CREATE INDEX outbox_of_user ON outbox(user) WHERE fate=0; PRAGMA user_version=1");
}

int main(void) {
  disk_register();
  const struct CMUnitTest tests[] = {cmocka_unit_test(of_control), cmocka_unit_test(of_a_volume)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
