/* rooms: kit book; inside: book; libraries: lib_sqlite */
/* P2, where it is easily lost: an erasure that dies between two of its pieces, the numbers of who is gone, states of the past, the log of
 * control.db, and what a restore makes of the list: of the erased nothing comes back, and who came back under the same id is kept. */
#include "book_toy.h"
#include "directory.h"
#include "retaining.h"
#include "sql.h"

static int64_t count(sqlite3 *db, const char *text) {
  struct err e = {0};
  int64_t n = -1;
  fine(&e, sql_int(db, text, -1, &n, &e));
  return n;
}

static void live(struct volume *v, const char *user, int from, int to, struct err *e) {
  for (int n = from; n < to; n++) {
    fine(e, toy_event(v, user, n, n % 3 == 0, e));
    if (n % 200 == 199 || n + 1 == to) fine(e, volume_commit(v, e));
  }
}

static int commits_left;
static int refuse_commit(void *context) {
  (void)context;
  return commits_left-- == 0;
}

/* A long chain goes in pieces of a transaction each: wherever that ends, the next start knows where to go on. */
static void an_erasure_cut_between_its_pieces_goes_on(void **state) {
  (void)state;
  const char *theirs = "SELECT (SELECT count(*) FROM journal WHERE user=1)+(SELECT count(*) FROM decisions WHERE user=1)"
                       "+(SELECT count(*) FROM outbox WHERE user=1)+(SELECT count(*) FROM meta WHERE key GLOB 'erasing*')";
  bool cut = true;
  for (int commits = 0; cut; commits++) {
    struct fixture f;
    assert_in_range(commits, 0, 6);
    fixture_open(&f, "book-erase-pieces", 1);
    struct volume *v = toy_open(&f, 0, NULL);
    live(v, "anna", 0, 4500, &f.e);
    live(v, "berta", 0, 3, &f.e);
    struct user *u = volume_user(v, STR("anna"), false, &f.e);
    assert_int_equal(u->number, 1);
    commits_left = commits;
    sqlite3_commit_hook(v->db, refuse_commit, NULL);
    cut = !volume_erase(v, u, &f.e);
    sqlite3_commit_hook(v->db, NULL, NULL);
    if (!cut) assert_in_range(commits, 4, 6); /* the key, three pieces, the note */
    if (cut) fine(&f.e, volume_recover(v, &f.e));
    if (commits) assert_int_equal(count(v->db, theirs), 0); /* before its first commit only control.db knows: a restore's business */
    if (commits) assert_null(volume_user(v, STR("anna"), false, &f.e));
    assert_int_equal(volume_user(v, STR("berta"), false, &f.e)->events, 3);
    assert_int_equal(count(v->db, "SELECT count(*) FROM journal WHERE user=2"), 3);
    volume_close(v);
    fixture_close(&f);
  }
}

/* Rows, people and decisions count on from where they were: a webhook-id that was sent must never mean another message. */
static void numbers_of_the_erased_are_not_given_again(void **state) {
  (void)state;
  struct fixture f;
  fixture_open(&f, "book-erase-numbers", 1);
  struct volume *v = toy_open(&f, 0, NULL);
  live(v, "berta", 0, 3, &f.e);
  live(v, "anna", 0, 7, &f.e); /* the newest of everything is theirs */
  struct user *u = volume_user(v, STR("anna"), false, &f.e);
  const int64_t number = u->number, row = volume_newest_row(v);
  const uint32_t partition = u->partition;
  const uint64_t decision = volume_next_decision(v, partition);
  fine(&f.e, volume_erase(v, u, &f.e));
  fine(&f.e, volume_recover(v, &f.e)); /* what was counted in memory is gone */
  assert_int_equal(volume_next_decision(v, partition), decision);
  live(v, "anna", 0, 1, &f.e);
  assert_true(volume_user(v, STR("anna"), false, &f.e)->number > number);
  assert_true(volume_newest_row(v) > row);
  volume_close(v);
  fixture_close(&f);
}

static void states_of_the_past_go_too(void **state) {
  (void)state;
  struct fixture f;
  fixture_open(&f, "book-erase-past", 1);
  struct volume *v = toy_open(&f, 0, NULL);
  live(v, "anna", 0, 5, &f.e);
  live(v, "berta", 0, 5, &f.e);
  fine(&f.e, settle_all(v, &f.e) && turn_begin(v, &f.e));
  for (int i = 0; i < 2; i++) {
    struct user *u = volume_user(v, i ? STR("berta") : STR("anna"), false, &f.e);
    const struct trim trim = {.base = u->head};
    fine(&f.e, checkpoint_take(v, u, u->head, TOY_NOW, &f.e) && trim_put(v, u->number, &trim, &f.e));
  }
  fine(&f.e, volume_commit(v, &f.e));
  fine(&f.e, volume_erase(v, volume_user(v, STR("anna"), false, &f.e), &f.e));
  assert_int_equal(count(v->db, "SELECT count(*) FROM checkpoints"), 1);
  assert_int_equal(count(v->db, "SELECT count(*) FROM trims"), 1);
  assert_int_equal(count(v->db, "SELECT (SELECT user FROM checkpoints)*10+(SELECT user FROM trims)"), 22);
  volume_close(v);
  fixture_close(&f);
}

/* What an erasure takes out of control.db (whom the erased were merged with) lies in its log as it was. */
static void an_erasure_empties_controls_log(void **state) {
  (void)state;
  struct fixture f;
  char path[BOOK_PATH];
  int64_t bytes = -1;
  fixture_open(&f, "book-erase-log", 1);
  book_file(f.directory, "control.db-wal", path);
  fine(&f.e, sql_exec(f.book->control, "INSERT INTO merges VALUES(x'01020300000000000000000000000000',1,1,1,'whom they were')", &f.e));
  fine(&f.e, control_append(f.book, "ann", "program", "x", STR("{}"), NULL, &f.e));
  assert_true(sql_file_size(path, &bytes) && bytes > 0);
  const struct erasure gone = {.mark = {1, 2, 3}, .digest = {4, 5}};
  fine(&f.e, control_add_erasure(f.book, &gone, &f.e));
  assert_true(sql_file_size(path, &bytes));
  assert_int_equal(bytes, 0);
  assert_int_equal(count(f.book->control, "SELECT count(*) FROM merges"), 0);
  fixture_close(&f);
}

/* ---- what a restore makes of the list ---- */

struct drill {
  struct fixture live, restored;
  char backup[450], key[450];
};

static struct volume *drill_open(struct drill *d, const char *name) {
  fixture_open(&d->live, name, 1);
  fixture_names(&d->restored, "book-drill-restored");
  snprintf(d->backup, sizeof d->backup, "%s-backup", d->live.directory);
  snprintf(d->key, sizeof d->key, "%s/master.key", d->live.directory);
  file_remove_tree(d->backup, NULL);
  return toy_open(&d->live, 0, NULL);
}

static void drill_shut(struct drill *d, struct volume *v) {
  volume_close(v);
  book_close(d->live.book);
  d->live.book = NULL;
}

static void drill_restore(struct drill *d, const char *erased_by) {
  struct restore how = {.erased_by = erased_by};
  fine(&d->live.e, book_restore(d->backup, d->restored.directory, d->key, &how, &d->live.e));
  d->restored.book = book_open(d->restored.directory, true, &d->restored.e);
  if (!d->restored.book) fail_msg("%s", d->restored.e.text);
}

static void drill_close(struct drill *d) {
  fixture_close(&d->restored);
  file_remove_tree(d->backup, NULL);
  file_remove_tree(d->live.directory, NULL);
}

/* The backup was made beside an engine whose states were behind: the chain is longer than the stored state knows. */
static void a_restore_takes_the_tail_of_the_erased_too(void **state) {
  (void)state;
  struct drill d;
  char path[BOOK_PATH];
  struct volume *v = drill_open(&d, "book-drill-tail");
  live(v, "anna", 0, 10, &d.live.e);
  fine(&d.live.e, settle_all(v, &d.live.e));
  live(v, "anna", 10, 25, &d.live.e);
  live(v, "berta", 0, 4, &d.live.e);
  fine(&d.live.e, book_backup(d.live.directory, d.backup, &d.live.e));
  fine(&d.live.e, volume_erase(v, volume_user(v, STR("anna"), false, &d.live.e), &d.live.e));
  drill_shut(&d, v);
  drill_restore(&d, d.live.directory);
  book_volume_path(d.restored.book, 0, path);
  sqlite3 *db = sql_open(path, SQL_READER, &d.restored.e);
  assert_int_equal(count(db, "SELECT count(*) FROM journal"), 4);
  assert_int_equal(count(db, "SELECT count(*) FROM users"), 1);
  assert_int_equal(count(db, "SELECT (SELECT count(*) FROM decisions)*10+(SELECT count(*) FROM outbox)"), 22);
  sql_close(&db);
  v = toy_open(&d.restored, 0, NULL);
  assert_null(volume_user(v, STR("anna"), false, &d.restored.e));
  volume_close(v);
  drill_close(&d);
}

static void who_came_back_is_kept_by_a_restore(void **state) {
  (void)state;
  struct drill d;
  struct volume *v = drill_open(&d, "book-drill-again");
  live(v, "anna", 0, 10, &d.live.e);
  fine(&d.live.e, volume_erase(v, volume_user(v, STR("anna"), false, &d.live.e), &d.live.e));
  live(v, "anna", 0, 2, &d.live.e); /* somebody new, of whom the list says nothing */
  drill_shut(&d, v);
  fine(&d.live.e, book_backup(d.live.directory, d.backup, &d.live.e));
  drill_restore(&d, NULL);
  v = toy_open(&d.restored, 0, NULL);
  struct user *u = volume_user(v, STR("anna"), false, &d.restored.e);
  assert_true(u && u->events == 2);
  volume_close(v);
  drill_close(&d);
}

/* A list of another directory's people says of these nothing: whoever names it by mistake must not believe that it was asked. */
static void a_list_of_other_people_is_refused(void **state) {
  (void)state;
  struct drill d;
  struct fixture other;
  struct volume *v = drill_open(&d, "book-drill-other");
  live(v, "anna", 0, 3, &d.live.e);
  drill_shut(&d, v);
  fine(&d.live.e, book_backup(d.live.directory, d.backup, &d.live.e));
  fixture_open(&other, "book-drill-strangers", 1);
  struct restore how = {.erased_by = other.directory};
  assert_false(book_restore(d.backup, d.restored.directory, d.key, &how, &d.live.e));
  assert_int_equal(d.live.e.kind, ERR_CONFLICT);
  assert_non_null(strstr(d.live.e.text, "another master key"));
  assert_null(book_open(d.restored.directory, true, &d.restored.e)); /* nothing was made of it */
  fixture_close(&other);
  drill_close(&d);
}

/* D8: pages are copied as they are, so a damaged one is copied as well: the copy is checked before it is called good. */
static void a_copy_of_a_damaged_file_is_no_backup(void **state) {
  (void)state;
  struct drill d;
  char path[BOOK_PATH];
  struct volume *v = drill_open(&d, "book-drill-damaged");
  live(v, "anna", 0, 30, &d.live.e);
  book_volume_path(d.live.book, 0, path);
  drill_shut(&d, v);
  sqlite3 *db = sql_open(path, SQL_READER, &d.live.e);
  const int64_t page = count(db, "SELECT rootpage FROM sqlite_schema WHERE name='outbox_waiting'");
  sql_close(&db);
  assert_true(page > 1);
  struct buf bytes = {0};
  fine(&d.live.e, file_read(path, &bytes, 64u << 20, &d.live.e));
  memset(bytes.at + (page - 1) * 4096, 0, 4096); /* an index that no count looks at */
  fine(&d.live.e, file_write_atomic(path, buf_view(&bytes), 0600, &d.live.e));
  assert_false(book_backup(d.live.directory, d.backup, &d.live.e));
  assert_int_equal(d.live.e.kind, ERR_STORAGE);
  assert_non_null(strstr(d.live.e.text, "damaged"));
  book_file(d.backup, "layout", path);
  assert_false(file_exists(path)); /* nobody takes it for one later */
  buf_free(&bytes);
  drill_close(&d);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_erasure_cut_between_its_pieces_goes_on),
      cmocka_unit_test(numbers_of_the_erased_are_not_given_again),
      cmocka_unit_test(states_of_the_past_go_too),
      cmocka_unit_test(an_erasure_empties_controls_log),
      cmocka_unit_test(a_restore_takes_the_tail_of_the_erased_too),
      cmocka_unit_test(who_came_back_is_kept_by_a_restore),
      cmocka_unit_test(a_list_of_other_people_is_refused),
      cmocka_unit_test(a_copy_of_a_damaged_file_is_no_backup),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
