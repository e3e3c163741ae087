/* rooms: kit book; inside: book; libraries: lib_sqlite */
/* The layer under a writer's log: the frames of a commit leave in one write, are there when the commit has returned, also where nothing is
 * synced, and a write that fails is a commit that failed. */
#include "crash/power_vfs.h"
#include "volume.h"

static struct volume *open_on_power(struct fixture *f) {
  book_use_vfs("power");
  f->book = book_open(f->directory, true, &f->e);
  if (!f->book) fail_msg("%s", f->e.text);
  struct volume *v = toy_open(f, 0, NULL);
  assert_non_null(v->wal);
  return v;
}

static int writes_of_the_log(size_t from) {
  int writes = 0;
  for (size_t i = from; i < power.count; i++)
    writes += power.ops[i].kind == POWER_WRITE && strcmp(power.names[power.ops[i].file], "volume-00.db-wal") == 0;
  return writes;
}

static void turn_of(struct fixture *f, struct volume *v, int events) {
  static int n;
  for (int i = 0; i < events; i++, n++) {
    char name[16];
    snprintf(name, sizeof name, "user-%d", n % 40);
    fine(&f->e, toy_event(v, name, n, n % 5 == 0, &f->e));
  }
}

static int64_t rows_seen_by_another(struct fixture *f) {
  struct volume *reader = volume_reader(f->book, 0, &f->e);
  assert_non_null(reader);
  int64_t rows;
  fine(&f->e, sql_int(reader->db, "SELECT count(*) FROM journal", 0, &rows, &f->e));
  volume_close(reader);
  return rows;
}

static void a_commit_is_one_write(void **state) {
  (void)state;
  struct fixture f;
  fixture_names(&f, "book-wal");
  fine(&f.e, book_create(f.directory, 1, &f.e));
  power_forget();
  struct volume *v = open_on_power(&f);
  turn_of(&f, v, 40); /* the log begins: its header is written and synced before */
  fine(&f.e, volume_commit(v, &f.e));
  for (int turn = 2; turn < 6; turn++) {
    const uint64_t pages = v->wal_pages;
    const size_t before = power.count;
    turn_of(&f, v, 40);
    fine(&f.e, volume_commit(v, &f.e));
    assert_true(v->wal_pages - pages >= 3);
    assert_int_equal(writes_of_the_log(before), 1);
    assert_int_equal(rows_seen_by_another(&f), turn * 40);
  }
  /* More than is gathered at once, in order all the same. */
  turn_of(&f, v, 2000);
  const size_t before = power.count;
  fine(&f.e, volume_commit(v, &f.e));
  assert_true(writes_of_the_log(before) > 1);
  assert_int_equal(rows_seen_by_another(&f), 2200);
  /* Without a sync nothing asks for what was gathered. */
  fine(&f.e, sql_exec(v->db, "PRAGMA synchronous=OFF", &f.e));
  turn_of(&f, v, 10);
  fine(&f.e, volume_commit(v, &f.e));
  assert_int_equal(rows_seen_by_another(&f), 2210);
  volume_close(v);
  book_use_vfs(NULL);
  power_forget();
  fixture_close(&f);
}

/* D7: until the file was reopened and verified. A commit that was tried again might succeed, and what its first try left unsynced with it.
 */
static void says_no_to_everything(struct volume *v) {
  struct err e = {0};
  assert_false(volume_commit(v, &e));
  assert_int_equal(e.kind, ERR_STORAGE);
  assert_false(volume_room(v, &e));
  assert_false(volume_settle(v, true, &e));
  assert_null(volume_user(v, STR("somebody new"), true, &e));
}

/* Each write and each sync of a commit. */
static void a_write_that_fails_is_a_commit_that_failed(void **state) {
  (void)state;
  struct fixture f;
  int places = 0;
  fixture_names(&f, "book-wal-fails");
  fine(&f.e, book_create(f.directory, 1, &f.e));
  power_forget();
  struct volume *v = open_on_power(&f);
  turn_of(&f, v, 30);
  fine(&f.e, volume_commit(v, &f.e));
  const int64_t told = rows_seen_by_another(&f);
  for (bool failed = true; failed; places += failed) {
    turn_of(&f, v, 30);
    power.fail_at = power.calls + 1 + places;
    power.fails = 1;
    failed = !volume_commit(v, &f.e);
    if (failed) assert_int_equal(f.e.kind, ERR_STORAGE);
    power.fail_at = 0;
    if (failed) says_no_to_everything(v);
    f.e = (struct err){0};
    fine(&f.e, volume_recover(v, &f.e));
    assert_int_equal(rows_seen_by_another(&f), failed ? told : told + 30);
  }
  assert_in_range(places, 2, 10); /* the write, the sync */
  volume_close(v);
  book_use_vfs(NULL);
  power_forget();
  fixture_close(&f);
}

int main(void) {
  power_register();
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_commit_is_one_write), cmocka_unit_test(a_write_that_fails_is_a_commit_that_failed)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
