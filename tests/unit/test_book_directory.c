/* rooms: kit book; inside: book */
/* The data directory: one writer, one key, no newer file, a store that verifies, facts in a chain, keys shown once. */
#include "book_fixture.h"
#include "directory.h"
#include "sql.h"
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void write_text(const struct fixture *f, const char *name, const char *text) {
  char path[500];
  snprintf(path, sizeof path, "%s/%s", f->directory, name);
  fine(&((struct fixture *)f)->e, file_write_atomic(path, str_from(text), 0600, &((struct fixture *)f)->e));
}

static void one_writer_at_a_time(void **state) {
  (void)state;
  struct fixture f;
  char number[32];
  fixture_open(&f, "book-lock", 4);
  assert_int_equal(book_volumes(f.book), 4);
  assert_null(book_open(f.directory, true, &f.e)); /* flock is per open file: a second open in this process stands for another's */
  assert_int_equal(f.e.kind, ERR_CONFLICT);
  snprintf(number, sizeof number, "process %d", (int)getpid());
  assert_non_null(strstr(f.e.text, number));
  struct book *reader = book_open(f.directory, false, &f.e);
  assert_non_null(reader);
  assert_null(volume_open(reader, 0, NULL, &f.e));
  assert_int_equal(f.e.kind, ERR_CONFLICT);
  book_close(reader);
  book_close(f.book);
  f.book = book_open(f.directory, true, &f.e);
  assert_non_null(f.book);
  assert_false(book_create(f.directory, 1, &f.e));
  assert_int_equal(f.e.kind, ERR_CONFLICT);
  fixture_close(&f);
}

static void refusals_are_sentences(void **state) {
  (void)state;
  struct fixture f;
  char path[500], moved[500];
  fixture_names(&f, "book-refusals");
  assert_null(book_open(f.directory, true, &f.e));
  assert_int_equal(f.e.kind, ERR_MISSING);
  assert_false(book_create(f.directory, 0, &f.e) || book_create(f.directory, 17, &f.e));
  fine(&f.e, book_create(f.directory, 2, &f.e));
  struct layout l;
  fine(&f.e, layout_read(f.directory, &l, &f.e));
  const struct {
    const char *text, *expected;
    enum err_kind kind;
  } wrong[] = {{"kairos-layout 3\n", "newer engine", ERR_CONFLICT},
               {"hello\n", "first line", ERR_INPUT},
               {"kairos-layout 1\nvolumes 2\nvolumes 2\n", "line 3", ERR_INPUT},
               {"kairos-layout 1\nvolumes 2\n", "not whole", ERR_INPUT}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    write_text(&f, "layout", wrong[i].text);
    assert_null(book_open(f.directory, true, &f.e));
    assert_int_equal(f.e.kind, wrong[i].kind);
    assert_non_null(strstr(f.e.text, wrong[i].expected));
  }
  fine(&f.e, layout_write(f.directory, &l, &f.e));
  write_text(&f, "master.key", "short");
  assert_null(book_open(f.directory, true, &f.e));
  assert_non_null(strstr(f.e.text, "32 bytes, got 5"));
  write_text(&f, "master.key", "0123456789abcdef0123456789abcdef");
  assert_null(book_open(f.directory, true, &f.e));
  assert_int_equal(f.e.kind, ERR_DENIED);
  snprintf(path, sizeof path, "%s/master.key", f.directory);
  snprintf(moved, sizeof moved, "%s/moved.key", f.directory);
  rename(path, moved);
  assert_null(book_open(f.directory, true, &f.e));
  assert_non_null(strstr(f.e.text, "master key"));
  file_remove_tree(f.directory, NULL);
}

/* By one version or by many, a volume or control.db; and what is refused stays as it is, for the engine that can read it. */
static void is_refused_at(struct fixture *f, const char *path, bool control, int64_t version) {
  char set[64], said[64];
  int64_t kept;
  snprintf(set, sizeof set, "PRAGMA user_version=%lld", (long long)version);
  snprintf(said, sizeof said, "schema version %lld", (long long)version);
  sqlite3 *db = sql_open(path, SQL_WRITER, &f->e);
  fine(&f->e, sql_exec(db, set, &f->e));
  sql_close(&db);
  for (int writer = 0; writer < 2; writer++) {
    f->e = (struct err){0};
    if (control) assert_null(book_open(f->directory, writer, &f->e));
    else assert_null(writer ? volume_open(f->book, 0, NULL, &f->e) : volume_reader(f->book, 0, &f->e));
    assert_int_equal(f->e.kind, ERR_CONFLICT);
    assert_non_null(strstr(f->e.text, said));
  }
  db = sql_open(path, SQL_READER, &f->e);
  fine(&f->e, sql_int(db, "PRAGMA user_version", 0, &kept, &f->e));
  sql_close(&db);
  assert_int_equal(kept, version);
}

static int64_t version_of(struct fixture *f, const char *path) {
  int64_t version = 0;
  sqlite3 *db = sql_open(path, SQL_READER, &f->e);
  fine(&f->e, sql_int(db, "PRAGMA user_version", 0, &version, &f->e));
  sql_close(&db);
  return version;
}

static void a_newer_file_is_refused(void **state) {
  (void)state;
  struct fixture f;
  char path[BOOK_PATH];
  fixture_open(&f, "book-newer", 1);
  volume_close(volume_open(f.book, 0, NULL, &f.e));
  book_volume_path(f.book, 0, path);
  const int64_t of_volume = version_of(&f, path);
  is_refused_at(&f, path, false, of_volume + 1);
  is_refused_at(&f, path, false, 99);
  book_close(f.book);
  f.book = NULL;
  book_file(f.directory, "control.db", path);
  const int64_t of_control = version_of(&f, path);
  is_refused_at(&f, path, true, of_control + 1);
  is_refused_at(&f, path, true, 99);
  file_remove_tree(f.directory, NULL);
}

static void fill_outbox(struct fixture *f, uint64_t ids[3]) {
  struct volume *v = volume_open(f->book, 0, NULL, &f->e);
  for (int i = 0; i < 3; i++) {
    struct user *u = volume_user(v, i < 2 ? STR("anna") : STR("ben"), true, &f->e);
    const int64_t seq = append_event(v, u, "{}", "", &f->e);
    ids[i] = volume_next_decision(v, u->partition);
    fine(&f->e, volume_add_decision(v, u, ids[i], seq, STR("{}"), &f->e));
    const struct outbox_row row = {.id = ids[i], .send_before = 9000, .due = 100 - i, .body = STR("{}"), .names = STR("")};
    fine(&f->e, volume_add_outbox(v, u, &row, &f->e));
  }
  fine(&f->e, volume_commit(v, &f->e));
  volume_close(v);
}

/* D9: a volume as the first schema had it, with messages that wait, is read as it is, and migrated by whoever writes. */
static void a_store_of_the_first_schema_opens(void **state) {
  (void)state;
  struct fixture f;
  struct arena a = {0};
  char path[BOOK_PATH];
  uint64_t ids[3];
  fixture_open(&f, "book-older", 1);
  fill_outbox(&f, ids);
  book_volume_path(f.book, 0, path);
  sqlite3 *db = sql_open(path, SQL_WRITER, &f.e);
  fine(&f.e,
       sql_exec(
           db,
           "DROP TABLE checkpoints; DROP TABLE trims; DROP INDEX outbox_waiting; CREATE INDEX outbox_waiting ON outbox(due) WHERE fate=0;"
           "CREATE INDEX outbox_of_user ON outbox(user) WHERE fate=0; PRAGMA user_version=1",
           &f.e));
  sql_close(&db);
  struct volume *v = volume_reader(f.book, 0, &f.e);
  struct outbox_row row, *waiting;
  size_t count = 0;
  fine(&f.e, v && volume_outbox(v, ids[0], &a, &row, &f.e) && row.end == OUTBOX_WAITING);
  volume_close(v);

  v = volume_open(f.book, 0, NULL, &f.e);
  fine(&f.e, v && volume_waiting(v, INT64_MAX, 10, &a, &waiting, &count, &f.e));
  assert_true(count == 3 && waiting[0].id == ids[2] && waiting[1].id == ids[1] && waiting[2].id == ids[0]);
  fine(&f.e, volume_withdraw(v, volume_user(v, STR("anna"), false, &f.e), NULL, NULL, &f.e) && volume_commit(v, &f.e));
  fine(&f.e, volume_waiting(v, INT64_MAX, 10, &a, &waiting, &count, &f.e));
  assert_true(count == 1 && waiting[0].id == ids[2]);
  volume_close(v);
  int64_t version, indexes;
  db = sql_open(path, SQL_READER, &f.e);
  fine(&f.e, sql_int(db, "PRAGMA user_version", 0, &version, &f.e) &&
                 sql_int(db, "SELECT count(*) FROM sqlite_schema WHERE type='index' AND tbl_name='outbox'", 0, &indexes, &f.e));
  assert_true(version > 1 && indexes == 1);
  sql_close(&db);
  arena_free(&a);
  fixture_close(&f);
}

static int die(void *context) {
  (void)context;
  return kill(getpid(), SIGKILL);
}

/* kill -9 at every step of a schema change leaves the version before or after, whole. */
static void a_killed_migration_is_before_or_after(void **state) {
  (void)state;
  struct fixture f;
  char path[500];
  fixture_names(&f, "book-migration");
  fine(&f.e, file_make_directory(f.directory, 0700, &f.e));
  snprintf(path, sizeof path, "%s/x.db", f.directory);
  static const char *const one[] = {"CREATE TABLE a(x); INSERT INTO a VALUES(1),(2),(3)"};
  static const char *const broken[] = {
      "", "CREATE TABLE b(y); INSERT INTO b SELECT x FROM a; UPDATE a SET x=x+10; INSERT INTO nowhere VALUES(1)"};
  static const char *const two[] = {"", "CREATE TABLE b(y); INSERT INTO b SELECT x FROM a; UPDATE a SET x=x+10"};
  sqlite3 *db = sql_open(path, SQL_WRITER, &f.e);
  fine(&f.e, sql_migrate(db, one, 1, &f.e));
  assert_false(sql_migrate(db, broken, 2, &f.e));
  int64_t version, sum;
  fine(&f.e, sql_int(db, "PRAGMA user_version", 0, &version, &f.e) && sql_int(db, "SELECT sum(x) FROM a", 0, &sum, &f.e));
  assert_true(version == 1 && sum == 6);
  sql_close(&db);
  for (int point = 1; point < 60; point++) {
    const pid_t child = fork();
    if (!child) { /* dies inside: the progress handler strikes after so many steps of SQLite's machine */
      db = sql_open(path, SQL_WRITER, NULL);
      sqlite3_progress_handler(db, point, die, NULL);
      sql_migrate(db, two, 2, NULL);
      _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    db = sql_open(path, SQL_WRITER, &f.e);
    fine(&f.e, sql_int(db, "PRAGMA user_version", 0, &version, &f.e) && sql_int(db, "SELECT sum(x) FROM a", 0, &sum, &f.e));
    assert_true((version == 1 && sum == 6) || (version == 2 && sum == 36));
    sql_close(&db);
  }
  assert_int_equal(version, 2);
  file_remove_tree(f.directory, NULL);
}

static void the_store_verifies(void **state) {
  (void)state;
  struct fixture f;
  unsigned char hash[32], again[32];
  char path[600];
  struct buf out = {0};
  fixture_open(&f, "book-store", 1);
  fine(&f.e, store_put(f.book, STR("some source"), hash, &f.e) && store_put(f.book, STR("some source"), again, &f.e));
  assert_memory_equal(hash, again, 32);
  fine(&f.e, store_get(f.book, hash, &out, &f.e));
  assert_true(str_is(buf_view(&out), "some source"));
  assert_true(store_path(f.book, hash, path, sizeof path));
  struct stat about;
  stat(path, &about);
  assert_int_equal(about.st_mode & 0777, 0400);
  const struct str several[] = {STR("a"), STR("some source"), STR("a"), STR("b")};
  fine(&f.e, store_put_several(f.book, several, 4, &f.e) && store_put_several(f.book, several, 4, &f.e));
  for (size_t i = 0; i < 4; i++) {
    hash_sha256(several[i], again);
    fine(&f.e, store_get(f.book, again, &out, &f.e));
    assert_true(str_eq(buf_view(&out), several[i]));
  }
  unlink(path);
  fine(&f.e, file_write_atomic(path, STR("other bytes"), 0600, &f.e));
  assert_false(store_get(f.book, hash, &out, &f.e));
  assert_int_equal(f.e.kind, ERR_STORAGE);
  buf_free(&out);
  fixture_close(&f);
}

static bool count_fact(void *context, const struct control_fact *fact) {
  int64_t *sum = context;
  *sum += fact->number * (int64_t)fact->body.len;
  return true;
}

/* Five facts whose chain is whole, in a control.db that nobody has open. */
static void write_facts(struct fixture *f, char path[BOOK_PATH]) {
  int64_t number, sum = 0;
  fixture_open(f, "book-control", 1);
  for (int i = 1; i <= 5; i++) {
    fine(&f->e, control_append(f->book, "ann", "kill", "model:svr", STR("{}"), &number, &f->e));
    assert_int_equal(number, i);
  }
  fine(&f->e, control_verify(f->book, &f->e));
  fine(&f->e, control_each(f->book, 2, count_fact, &sum, &f->e));
  assert_int_equal(sum, 2 * (3 + 4 + 5));
  book_close(f->book);
  book_file(f->directory, "control.db", path);
}

static void add_text(struct hash_sha256_state *s, struct str part) {
  const uint64_t length = part.len;
  hash_sha256_add(s, (struct str){(const char *)&length, sizeof length});
  hash_sha256_add(s, part);
}

/* What the format says a fact's hash is, made here from the file alone: of the hash before it, its number, its time and its four texts with
 * their lengths. `write`: as a forger does who knows that, but leaves the facts behind it alone. */
static int facts_as_the_format_says(struct fixture *f, const char *path, int64_t only, bool write) {
  unsigned char before[32] = {0};
  int fits = 0;
  sqlite3 *db = sql_open(path, SQL_WRITER, &f->e);
  sqlite3_stmt *rows = sql_prepare(db, "SELECT number, at, author, kind, name, body, hash FROM facts ORDER BY number", &f->e);
  sqlite3_stmt *forge = sql_prepare(db, "UPDATE facts SET hash=?2 WHERE number=?1", &f->e);
  while (sql_row(rows, "test", &f->e) == 1) {
    struct hash_sha256_state s;
    unsigned char hash[32];
    const int64_t numbers[2] = {sqlite3_column_int64(rows, 0), sqlite3_column_int64(rows, 1)};
    hash_sha256_begin(&s);
    hash_sha256_add(&s, (struct str){(const char *)before, sizeof before});
    hash_sha256_add(&s, (struct str){(const char *)numbers, sizeof numbers});
    for (int i = 2; i < 6; i++) add_text(&s, sql_column_str(rows, i));
    hash_sha256_end(&s, hash);
    const struct str stored = sql_column_str(rows, 6);
    assert_int_equal(stored.len, 32);
    fits += memcmp(stored.at, hash, 32) == 0;
    memcpy(before, stored.at, 32);
    if (!write || numbers[0] != only) continue;
    sqlite3_bind_int64(forge, 1, only);
    sqlite3_bind_blob(forge, 2, hash, sizeof hash, SQLITE_TRANSIENT);
  }
  if (write) fine(&f->e, sql_run(forge, "test", &f->e));
  sql_finalize(&rows);
  sql_finalize(&forge);
  sql_close(&db);
  return fits;
}

/* Whatever of a fact is changed, and wherever a border between two of its texts is moved: the first that does not fit is named. */
static void facts_are_chained(void **state) {
  (void)state;
  static const struct {
    const char *harm, *named;
    int64_t forged; /* the fact whose own hash is made to fit again */
  } tampers[] = {
      {"UPDATE facts SET author='eve' WHERE number=3", "fact 3", 0},
      {"UPDATE facts SET kind='lift' WHERE number=3", "fact 3", 0},
      {"UPDATE facts SET name='all' WHERE number=3", "fact 3", 0},
      {"UPDATE facts SET body=x'7b20207d' WHERE number=4", "fact 4", 0},
      {"UPDATE facts SET at=at+1 WHERE number=5", "fact 5", 0},
      {"UPDATE facts SET author='annk', kind='ill' WHERE number=2", "fact 2", 0},
      {"UPDATE facts SET hash=substr(hash,1,31)||x'00' WHERE number=5", "fact 5", 0},
      {"UPDATE facts SET hash=substr(hash,1,31) WHERE number=5", "fact 5", 0},
      {"DELETE FROM facts WHERE number=2", "fact 2", 0},
      {"UPDATE facts SET author='eve' WHERE number=3", "fact 4", 3}, /* the next one knows what stood there */
      {"UPDATE facts SET body=x'7b20207d' WHERE number=1", "fact 2", 1},
  };
  for (size_t i = 0; i < sizeof tampers / sizeof *tampers; i++) {
    struct fixture f;
    char path[BOOK_PATH];
    write_facts(&f, path);
    assert_int_equal(facts_as_the_format_says(&f, path, 0, false), 5);
    sqlite3 *db = sql_open(path, SQL_WRITER, &f.e);
    fine(&f.e, sql_exec(db, tampers[i].harm, &f.e));
    sql_close(&db);
    if (tampers[i].forged) facts_as_the_format_says(&f, path, tampers[i].forged, true);
    f.book = book_open(f.directory, false, &f.e);
    if (control_verify(f.book, &f.e)) fail_msg("nobody noticed: %s", tampers[i].harm);
    if (!strstr(f.e.text, tampers[i].named)) fail_msg("%s: %s", tampers[i].harm, f.e.text);
    fixture_close(&f);
  }
}

static int64_t count_in(const char *path, const char *table) {
  struct err e = {0};
  char text[100];
  int64_t n = -1;
  snprintf(text, sizeof text, "SELECT count(*) FROM %s", table);
  sqlite3 *db = sql_open(path, SQL_WRITER, &e);
  fine(&e, db != NULL);
  fine(&e, sql_int(db, text, 0, &n, &e));
  sql_close(&db);
  return n;
}

static void copy_of(struct fixture *f, const char *name, const char *as) {
  char path[BOOK_PATH];
  struct buf bytes = {0};
  book_file(f->directory, name, path);
  fine(&f->e, file_read(path, &bytes, 64u << 20, &f->e));
  book_file(f->directory, as, path);
  fine(&f->e, file_write_atomic(path, buf_view(&bytes), 0600, &f->e));
  buf_free(&bytes);
}

/* A fact costs the disk its own sync: it lies in the log, where a start finds it, and comes into the file with others. Who saves the file
 * alone finds every erasure in it all the same. */
static void facts_wait_in_the_log(void **state) {
  (void)state;
  struct fixture f;
  char copy[BOOK_PATH];
  struct buf before = {0}, after = {0};
  fixture_open(&f, "book-control-log", 1);
  char path[BOOK_PATH];
  book_file(f.directory, "control.db", path);
  book_file(f.directory, "saved.db", copy);
  fine(&f.e, file_read(path, &before, 64u << 20, &f.e));
  for (int i = 0; i < 5; i++) fine(&f.e, control_append(f.book, "ann", "program", "x", STR("{}"), NULL, &f.e));
  fine(&f.e, file_read(path, &after, 64u << 20, &f.e));
  assert_true(str_eq(buf_view(&before), buf_view(&after)));
  copy_of(&f, "control.db", "saved.db"); /* as a kill leaves it */
  copy_of(&f, "control.db-wal", "saved.db-wal");
  assert_int_equal(count_in(copy, "facts"), 5);

  const struct erasure gone = {.mark = {1, 2, 3}, .digest = {4, 5}};
  fine(&f.e, control_add_erasure(f.book, &gone, &f.e));
  fine(&f.e, control_append(f.book, "ann", "program", "x", STR("{}"), NULL, &f.e));
  book_file(f.directory, "alone.db", copy);
  copy_of(&f, "control.db", "alone.db");
  assert_int_equal(count_in(copy, "erasures"), 1);
  assert_int_equal(count_in(copy, "facts"), 5);

  for (int i = 0; i < 40; i++) fine(&f.e, control_append(f.book, "ann", "program", "x", STR("{}"), NULL, &f.e)); /* the log has an end */
  copy_of(&f, "control.db", "alone.db");
  assert_true(count_in(copy, "facts") > 5);
  fine(&f.e, control_verify(f.book, &f.e));
  buf_free(&before);
  buf_free(&after);
  fixture_close(&f);
}

static void keys_are_shown_once(void **state) {
  (void)state;
  struct fixture f;
  struct arena a = {0};
  struct api_key *keys;
  size_t count;
  char secret[64], other[64];
  unsigned char hash[32];
  fixture_open(&f, "book-keys", 1);
  fine(&f.e, control_add_key(f.book, "app-write", 1, secret, &f.e));
  fine(&f.e, control_add_key(f.book, "ops", 8, other, &f.e));
  assert_true(strncmp(secret, "kx_appwrite_", 12) == 0 && strlen(secret) == 12 + 43);
  assert_false(control_add_key(f.book, "ops", 8, other, &f.e));
  assert_int_equal(f.e.kind, ERR_CONFLICT);
  fine(&f.e, control_revoke_key(f.book, "ops", &f.e));
  assert_false(control_revoke_key(f.book, "nobody", &f.e));
  assert_int_equal(f.e.kind, ERR_MISSING);
  fine(&f.e, control_keys(f.book, &a, &keys, &count, &f.e));
  assert_int_equal(count, 2);
  hash_sha256(str_from(secret), hash);
  assert_memory_equal(keys[0].sha256, hash, 32);
  assert_true(!keys[0].revoked && keys[0].scopes == 1 && keys[1].revoked && strcmp(keys[1].name, "ops") == 0);
  arena_free(&a);
  fixture_close(&f);
}

static void partitions_never_move(void **state) {
  (void)state;
  struct fixture f;
  fixture_open(&f, "book-partitions", 3);
  assert_int_equal(book_partition_of(f.book, STR("hs01")), partition_of(STR("hs01")));
  /* Part of the format: a changed hash would lose everybody. */
  const struct {
    const char *id;
    uint32_t partition;
  } fixed[] = {{"hs01", 3}, {"user_123", 10}, {"anna", 11}};
  for (size_t i = 0; i < 3; i++) assert_int_equal(book_partition_of(f.book, str_from(fixed[i].id)), fixed[i].partition);
  for (uint32_t p = 1; p < BOOK_PARTITIONS; p++) assert_true(book_volume_of(f.book, p) >= book_volume_of(f.book, p - 1));
  assert_int_equal(book_volume_of(f.book, 15), 2);
  fixture_close(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_writer_at_a_time),
      cmocka_unit_test(refusals_are_sentences),
      cmocka_unit_test(a_newer_file_is_refused),
      cmocka_unit_test(a_store_of_the_first_schema_opens),
      cmocka_unit_test(a_killed_migration_is_before_or_after),
      cmocka_unit_test(the_store_verifies),
      cmocka_unit_test(facts_are_chained),
      cmocka_unit_test(facts_wait_in_the_log),
      cmocka_unit_test(keys_are_shown_once),
      cmocka_unit_test(partitions_never_move),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
