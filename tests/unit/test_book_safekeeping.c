/* rooms: kit book; inside: book */
/* Erasure leaves no byte; backups are ciphertext, counted, and come back without the erased; a move changes where things lie and nothing
 * else; the doctor sees what is wrong. */
#include "book_toy.h"
#include "directory.h"
#include "sql.h"
#include "volume.h"
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define USERS 40

static void name_of(int i, char name[32]) {
  snprintf(name, 32, "canary-user-%04d", i);
}

static void fill(struct fixture *f, struct volume **volumes, int events) {
  char name[32];
  for (int n = 0; n < events; n++) {
    name_of(n * 7 % USERS, name);
    struct volume *v = toy_home(f, volumes, name);
    fine(&f->e, toy_event(v, name, n, n % 3 == 0, &f->e));
    fine(&f->e, volume_commit(v, &f->e));
  }
}

static void open_all(struct fixture *f, struct volume **volumes) {
  for (uint32_t n = 0; n < book_volumes(f->book); n++) volumes[n] = toy_open(f, n, NULL);
}

static void close_all(struct fixture *f, struct volume **volumes) {
  for (uint32_t n = 0; n < book_volumes(f->book); n++) volume_close(volumes[n]);
}

/* How often `needle` lies in the plain or stored bytes of any file of the directory. */
static int found_in_files(const char *directory, const void *needle, size_t length) {
  struct arena a = {0};
  struct file_entry *entries;
  size_t count;
  int found = 0;
  struct buf bytes = {0};
  assert_true(file_list(directory, &a, &entries, &count, NULL));
  for (size_t i = 0; i < count; i++) {
    char path[800];
    if (entries[i].kind != 'f') continue;
    snprintf(path, sizeof path, "%s/%s", directory, entries[i].name);
    assert_true(file_read(path, &bytes, (size_t)1 << 30, NULL));
    for (const char *at = bytes.at, *hit; bytes.len && (hit = memmem(at, bytes.len - (size_t)(at - bytes.at), needle, length));
         at = hit + 1)
      found++;
  }
  buf_free(&bytes);
  arena_free(&a);
  return found;
}

/* Of how many people whoever has these files and no master key, and tries ids, can say that they are in there. */
static int people_told_by(struct fixture *f, const char *directory) {
  struct layout l;
  char name[32];
  int told = 0;
  fine(&f->e, layout_read(directory, &l, &f->e));
  for (int i = 0; i < USERS; i++) {
    name_of(i, name);
    const struct hash_128 digest = seal_digest(l.secret, str_from(name));
    told += found_in_files(directory, &digest, sizeof digest) > 0;
  }
  return told;
}

/* The sealed bytes of a user's rows, decisions and key, as they lie in the file. */
static void stored_bytes(struct volume *v, int64_t number, struct buf *pieces) {
  const char *texts[] = {"SELECT substr(body, 10, 24) FROM journal WHERE user=?", "SELECT substr(body, 1, 24) FROM decisions WHERE user=?",
                         "SELECT substr(key, 1, 24) FROM users WHERE number=?", "SELECT substr(names, 1, 24) FROM outbox WHERE user=?"};
  for (int i = 0; i < 4; i++) {
    sqlite3_stmt *rows = sql_prepare(v->db, texts[i], NULL);
    sqlite3_bind_int64(rows, 1, number);
    while (sql_row(rows, "test", NULL) == 1) buf_str(pieces, sql_column_str(rows, 0));
    sql_finalize(&rows);
  }
}

static void erasure_leaves_no_byte(void **state) {
  (void)state;
  struct fixture f;
  struct volume *volumes[1];
  struct arena a = {0};
  struct buf pieces = {0}, before = {0}, after = {0};
  char name[32], other[32];
  fixture_open(&f, "book-erase", 1);
  open_all(&f, volumes);
  struct volume *v = volumes[0];
  fill(&f, volumes, 600);
  fine(&f.e, volume_settle(v, true, &f.e));
  name_of(11, name);
  name_of(12, other);
  struct user *u = volume_user(v, str_from(name), false, &f.e);
  const int64_t head = u->head, number = u->number;
  uint64_t *ids;
  struct str *records;
  size_t count;
  stored_bytes(v, number, &pieces);
  assert_true(pieces.len >= 24 * 20);
  assert_true(found_in_files(f.directory, pieces.at, 24) > 0);          /* the scan can see them */
  assert_int_equal(found_in_files(f.directory, name, strlen(name)), 0); /* sealed from the first commit */
  toy_state(v, other, &before, &f.e);
  const int64_t next = v->next_seq;
  fine(&f.e, volume_erase(v, u, &f.e));
  assert_int_equal(volume_figures(v).truncations_owed, 0);
  for (size_t at = 0; at < pieces.len; at += 24) assert_int_equal(found_in_files(f.directory, pieces.at + at, 24), 0);
  assert_null(volume_user(v, str_from(name), false, &f.e));
  struct entry row;
  assert_false(volume_entry(v, head, &a, &row, NULL, &f.e));
  assert_int_equal(f.e.kind, ERR_MISSING);
  int64_t left;
  fine(&f.e, sql_int(v->db, "SELECT (SELECT count(*) FROM decisions)-(SELECT count(*) FROM outbox)", 0, &left, &f.e));
  assert_int_equal(left, 0);
  assert_int_equal(volume_figures(v).users_all, USERS - 1);
  assert_int_equal(volume_figures(v).rows, 600 - 15);
  /* Others are whole, numbers are not given twice, and a start after it works. */
  fine(&f.e, volume_recover(v, &f.e));
  toy_state(v, other, &after, &f.e);
  assert_true(str_eq(buf_view(&before), buf_view(&after)));
  assert_true(v->next_seq >= next && v->next_user == USERS + 1);
  fine(&f.e, toy_event(v, name, 1, true, &f.e)); /* they may come back, as somebody new */
  fine(&f.e, volume_commit(v, &f.e));
  u = volume_user(v, str_from(name), false, &f.e);
  assert_true(u->number != number && u->events == 1);
  fine(&f.e, volume_scan_decisions(v, u->head, &a, &records, &ids, &count, &f.e));
  assert_int_equal(count, 1);
  close_all(&f, volumes);
  arena_free(&a);
  buf_free(&pieces);
  buf_free(&before);
  buf_free(&after);
  fixture_close(&f);
}

static void an_erasure_waits_for_a_reader_and_then_truncates(void **state) {
  (void)state;
  struct fixture f;
  struct volume *volumes[1];
  struct buf pieces = {0};
  char name[32];
  fixture_open(&f, "book-erase-reader", 1);
  open_all(&f, volumes);
  fill(&f, volumes, 200);
  struct volume *v = volumes[0];
  sqlite3 *reader = sql_open(v->path, SQL_READER, &f.e);
  int64_t rows;
  fine(&f.e, sql_exec(reader, "BEGIN", &f.e) && sql_int(reader, "SELECT count(*) FROM journal", 0, &rows, &f.e));
  name_of(3, name);
  struct user *u = volume_user(v, str_from(name), false, &f.e);
  stored_bytes(v, u->number, &pieces);
  fine(&f.e, volume_erase(v, u, &f.e));
  assert_int_equal(volume_figures(v).truncations_owed, 1);
  sqlite3_exec(reader, "ROLLBACK", NULL, NULL, NULL);
  sql_close(&reader);
  fine(&f.e, volume_settle(v, true, &f.e));
  assert_int_equal(volume_figures(v).truncations_owed, 0);
  for (size_t at = 0; at < pieces.len; at += 24) assert_int_equal(found_in_files(f.directory, pieces.at + at, 24), 0);
  close_all(&f, volumes);
  buf_free(&pieces);
  fixture_close(&f);
}

static void an_erasure_cut_short_goes_on_at_the_next_start(void **state) {
  (void)state;
  struct fixture f;
  struct volume *volumes[1];
  char name[32];
  int64_t left;
  fixture_open(&f, "book-erase-cut", 1);
  open_all(&f, volumes);
  fill(&f, volumes, 200);
  struct volume *v = volumes[0];
  name_of(5, name);
  struct user *u = volume_user(v, str_from(name), false, &f.e);
  char text[200];
  /* What the first transaction of an erasure leaves: no user, a note, all rows. */
  snprintf(text, sizeof text, "DELETE FROM users WHERE number=%lld; INSERT INTO meta VALUES('erasing_%lld',%lld)", (long long)u->number,
           (long long)u->number, (long long)u->head);
  const int64_t number = u->number;
  fine(&f.e, sql_exec(v->db, text, &f.e));
  fine(&f.e, volume_recover(v, &f.e));
  snprintf(text, sizeof text, "SELECT (SELECT count(*) FROM journal WHERE user=%lld)+(SELECT count(*) FROM meta WHERE key GLOB 'erasing*')",
           (long long)number);
  fine(&f.e, sql_int(v->db, text, -1, &left, &f.e));
  assert_int_equal(left, 0);
  close_all(&f, volumes);
  fixture_close(&f);
}

/* All users' states, decisions and rows of a directory as one text, in terms that do not change with where they lie. */
static void tell(struct fixture *f, const char *directory, struct buf *out) {
  struct book *b = book_open(directory, false, &f->e);
  if (!b) fail_msg("%s", f->e.text);
  struct buf by_user[USERS] = {{0}};
  for (uint32_t n = 0; n < book_volumes(b); n++) {
    struct volume *r = volume_reader(b, n, &f->e);
    struct entry row;
    struct user *u;
    struct arena a = {0};
    if (!r) fail_msg("%s", f->e.text);
    while (volume_scan(r, 1, &row, &u, &f->e)) {
      if (!u) continue;
      struct str *records;
      uint64_t *ids;
      size_t count;
      int64_t who = USERS;
      assert_true(u->id.len == 16 && str_to_int((struct str){u->id.at + 12, 4}, &who) && who < USERS);
      fine(&f->e, volume_scan_decisions(r, row.seq, &a, &records, &ids, &count, &f->e));
      buf_printf(&by_user[who], "%.*s %llu:", STR_ARG(row.body), (unsigned long long)row.count);
      for (size_t i = 0; i < count; i++) {
        struct outbox_row sent;
        fine(&f->e, volume_outbox(r, ids[i], &a, &sent, &f->e));
        buf_printf(&by_user[who], " %llu %.*s %.*s %u", (unsigned long long)ids[i], STR_ARG(records[i]), STR_ARG(sent.body), sent.end);
      }
      buf_char(&by_user[who], '\n');
      arena_reset(&a);
    }
    if (f->e.kind) fail_msg("%s", f->e.text);
    arena_free(&a);
    volume_close(r);
  }
  for (int i = 0; i < USERS; i++) {
    buf_str(out, buf_view(&by_user[i]));
    buf_free(&by_user[i]);
  }
  book_close(b);
}

static void a_move_changes_only_where_things_lie(void **state) {
  (void)state;
  struct fixture f;
  struct volume *volumes[BOOK_VOLUMES_MOST];
  struct buf before = {0}, after = {0};
  const uint32_t ways[] = {4, 2, 1, 16};
  char name[32];
  fixture_open(&f, "book-move", 1);
  open_all(&f, volumes);
  fill(&f, volumes, 300);
  close_all(&f, volumes); /* states are stored up to here */
  open_all(&f, volumes);
  struct entry fact = {.partition = 5, .kind = ENTRY_CONTROL, .body = STR("{}")};
  fine(&f.e, volume_append(volumes[0], NULL, &fact, &f.e));
  fill(&f, volumes, 100);
  struct volume *v = volumes[0];
  v->failed = true; /* closes without writing states, as a crash would */
  close_all(&f, volumes);
  book_close(f.book);
  tell(&f, f.directory, &before);
  for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
    fine(&f.e, book_move(f.directory, ways[i], NULL, NULL, &f.e));
    buf_clear(&after);
    tell(&f, f.directory, &after);
    assert_true(str_eq(buf_view(&before), buf_view(&after)));
  }
  /* The last event of a user is still a duplicate, states are where they were, and life goes on. */
  f.book = book_open(f.directory, true, &f.e);
  assert_int_equal(book_volumes(f.book), 16);
  open_all(&f, volumes);
  name_of(93 * 7 % USERS, name);
  v = toy_home(&f, volumes, name);
  struct user *u = volume_user(v, str_from(name), false, &f.e);
  char body[128];
  snprintf(body, sizeof body, "{\"userId\":\"%s\",\"n\":%d}", name, 93);
  assert_int_equal(volume_duplicate(v, u, STR("toy"), str_from(body), str_from(body), TOY_NOW, &f.e), DUPLICATE_SAME);
  assert_int_equal(u->events, 8 + 3);
  assert_int_equal(user_mark(u, mark_key("toy", str_from(body)))->at, TOY_NOW + 93);
  fill(&f, volumes, 100);
  close_all(&f, volumes);
  /* A move that was cut short leaves files of the next generation: swept, nothing else touched. */
  char path[BOOK_PATH];
  snprintf(path, sizeof path, "%s/volume-00-5.db", f.directory);
  fine(&f.e, file_write_atomic(path, STR("half"), 0600, &f.e));
  book_close(f.book);
  f.book = book_open(f.directory, true, &f.e);
  assert_false(file_exists(path));
  buf_free(&before);
  buf_free(&after);
  fixture_close(&f);
}

static void a_killed_move_is_before_or_after(void **state) {
  (void)state;
  struct fixture f;
  struct volume *volumes[BOOK_VOLUMES_MOST];
  struct buf before = {0}, after = {0};
  fixture_open(&f, "book-move-kill", 1);
  open_all(&f, volumes);
  fill(&f, volumes, 120);
  close_all(&f, volumes);
  book_close(f.book);
  tell(&f, f.directory, &before);
  uint32_t files = 1, moved = 0;
  const int64_t began = clock_monotonic();
  fine(&f.e, book_move(f.directory, 3, NULL, NULL, &f.e) && book_move(f.directory, 1, NULL, NULL, &f.e));
  const int64_t whole = (clock_monotonic() - began) / 2000; /* microseconds of one, to spread the kills over it */
  for (int round = 0; round < 25; round++) {
    const pid_t child = fork();
    if (!child) _exit(book_move(f.directory, files == 1 ? 3 : 1, NULL, NULL, NULL) ? 0 : 1);
    usleep((useconds_t)(whole * round / 20));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    buf_clear(&after);
    tell(&f, f.directory, &after);
    assert_true(str_eq(buf_view(&before), buf_view(&after)));
    struct layout l;
    fine(&f.e, layout_read(f.directory, &l, &f.e));
    moved += l.volumes != files;
    files = l.volumes;
  }
  print_message("%u of 25 moves were killed after the switch\n", moved);
  fine(&f.e, book_move(f.directory, 2, NULL, NULL, &f.e));
  buf_clear(&after);
  tell(&f, f.directory, &after);
  assert_true(str_eq(buf_view(&before), buf_view(&after)));
  buf_free(&before);
  buf_free(&after);
  file_remove_tree(f.directory, NULL);
}

/* As the loader of plugins leaves it there: what ran is asked again by `replay --recompute`, and an undo runs it. */
static void put_plugin(struct fixture *f, char name[72]) {
  const struct str bytes = STR("the code of a plugin");
  unsigned char sha256[32];
  char path[600], hex[65];
  hash_sha256(bytes, sha256);
  hash_hex(sha256, sizeof sha256, hex);
  snprintf(name, 72, "%s.so", hex);
  snprintf(path, sizeof path, "%s/store/%s", f->directory, name);
  fine(&f->e, file_write_atomic(path, bytes, 0500, &f->e));
}

static void has_plugin(const char *directory, const char *name) {
  char path[600];
  struct stat about;
  snprintf(path, sizeof path, "%s/store/%s", directory, name);
  assert_int_equal(stat(path, &about), 0);
  assert_int_equal(about.st_mode & 07777, 0500);
}

static void a_backup_comes_back_without_the_erased(void **state) {
  (void)state;
  struct fixture f, restored;
  struct volume *volumes[2];
  struct buf before = {0}, after = {0};
  char backup[450], key[450], control[450], lost[450], name[32], plugin[72];
  fixture_open(&f, "book-backup", 2);
  put_plugin(&f, plugin);
  fixture_names(&restored, "book-restored");
  const uint64_t origin = book_origin(f.book);
  assert_true(origin != 0);
  snprintf(backup, sizeof backup, "%s-backup", f.directory);
  snprintf(key, sizeof key, "%s/master.key", f.directory);
  file_remove_tree(backup, NULL);
  open_all(&f, volumes);
  fill(&f, volumes, 300);
  snprintf(lost, sizeof lost, "%s/store/%s", f.directory, plugin);
  fine(&f.e, file_write_atomic(lost, STR("other code"), 0500, &f.e));
  assert_false(book_backup(f.directory, backup, &f.e)); /* and what was copied before is no more in the way of the next one */
  assert_int_equal(remove(lost), 0);
  put_plugin(&f, plugin);
  fine(&f.e, book_backup(f.directory, backup, &f.e)); /* beside a running engine, states not yet written */
  assert_false(book_backup(f.directory, backup, &f.e));
  assert_int_equal(f.e.kind, ERR_CONFLICT);
  snprintf(control, sizeof control, "%s/master.key", backup);
  assert_false(file_exists(control));
  has_plugin(backup, plugin);
  name_of(0, name);
  assert_int_equal(found_in_files(backup, "canary-user", 11), 0);
  assert_int_equal(people_told_by(&f, backup), 0);
  struct volume *v = toy_home(&f, volumes, name);
  fine(&f.e, volume_erase(v, volume_user(v, str_from(name), false, &f.e), &f.e));
  close_all(&f, volumes);
  tell(&f, f.directory, &before);

  struct restore how = {0};
  assert_false(book_restore(backup, f.directory, key, &how, &f.e)); /* not over a live one */
  assert_int_equal(f.e.kind, ERR_CONFLICT);
  snprintf(control, sizeof control, "%s/wrong.key", f.directory);
  fine(&f.e, file_write_atomic(control, STR("0123456789abcdef0123456789abcdef"), 0600, &f.e));
  assert_false(book_restore(backup, restored.directory, control, &how, &f.e));
  assert_int_equal(f.e.kind, ERR_DENIED);
  /* The live control.db, saved from the lost machine, tells who was erased since. */
  book_close(f.book);
  f.book = NULL;
  struct buf bytes = {0};
  snprintf(control, sizeof control, "%s/control.db", f.directory);
  fine(&f.e, file_read(control, &bytes, 1 << 24, &f.e) && file_make_directory(restored.directory, 0700, &f.e));
  snprintf(lost, sizeof lost, "%s/control.db", restored.directory);
  fine(&f.e, file_write_atomic(lost, buf_view(&bytes), 0600, &f.e));
  fine(&f.e, book_restore(backup, restored.directory, key, &how, &f.e));
  assert_true(how.listed);
  has_plugin(restored.directory, plugin);
  tell(&f, restored.directory, &after);
  assert_true(before.len > 1000 && str_eq(buf_view(&before), buf_view(&after)));
  restored.book = book_open(restored.directory, true, &f.e);
  const uint64_t renewed = book_origin(restored.book);
  assert_true(renewed != 0 && renewed != origin);
  book_close(restored.book);
  restored.book = book_open(restored.directory, true, &f.e);
  assert_true(book_origin(restored.book) == renewed);
  open_all(&restored, volumes); /* the tail that the backup caught is applied now */
  v = toy_home(&restored, volumes, name);
  assert_null(volume_user(v, str_from(name), false, &f.e));
  name_of(1, name);
  struct user *u = volume_user(toy_home(&restored, volumes, name), str_from(name), false, &f.e);
  assert_true(u->events > 0 && u->mark_count == u->events);
  close_all(&restored, volumes);
  buf_free(&before);
  buf_free(&after);
  buf_free(&bytes);
  fixture_close(&restored);
  file_remove_tree(backup, NULL);
  file_remove_tree(f.directory, NULL);
}

/* Every step of a restore's end is a rename out of the folder that it was made in. */
static int renames_left = -1; /* in a child: then it dies */
int rename(const char *from, const char *to) {
  const bool publishes = strstr(from, "/restoring/") && !strstr(to, "/restoring/");
  if (publishes && renames_left >= 0 && renames_left-- == 0) _exit(9);
  return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

/* The child's exit code; 9: it died after so many renames. */
static int restored_in_a_child(const char *backup, const char *directory, const char *key, int renames) {
  int status;
  const pid_t child = fork();
  if (!child) {
    struct restore how = {0};
    struct err e = {0};
    renames_left = renames;
    const bool done = book_restore(backup, directory, key, &how, &e);
    if (!done) fprintf(stderr, "%s\n", e.text);
    _exit(done ? 0 : 1);
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Wherever it was cut short, asked again it is begun anew, and who was erased since the backup stays so: the control.db that was put there
 * to say so may be the restore's own by then. */
static void a_restore_cut_short_is_begun_anew(void **state) {
  (void)state;
  struct fixture f, restored;
  struct volume *volumes[2];
  struct buf bytes = {0}, before = {0}, after = {0};
  char backup[450], key[450], control[450], put[450], name[32];
  int code = 9;
  fixture_open(&f, "book-cut", 2);
  snprintf(backup, sizeof backup, "%s-backup", f.directory);
  snprintf(key, sizeof key, "%s/master.key", f.directory);
  snprintf(control, sizeof control, "%s/control.db", f.directory);
  file_remove_tree(backup, NULL);
  open_all(&f, volumes);
  fill(&f, volumes, 60);
  fine(&f.e, book_backup(f.directory, backup, &f.e));
  name_of(0, name);
  struct volume *v = toy_home(&f, volumes, name);
  fine(&f.e, volume_erase(v, volume_user(v, str_from(name), false, &f.e), &f.e));
  close_all(&f, volumes);
  tell(&f, f.directory, &before);
  book_close(f.book);
  f.book = NULL;
  fine(&f.e, file_read(control, &bytes, 1 << 24, &f.e));
  for (int renames = 0; code == 9; renames++) {
    assert_in_range(renames, 0, 20);
    fixture_names(&restored, "book-cut-restored");
    snprintf(put, sizeof put, "%s/control.db", restored.directory);
    fine(&f.e, file_make_directory(restored.directory, 0700, &f.e) && file_write_atomic(put, buf_view(&bytes), 0600, &f.e));
    code = restored_in_a_child(backup, restored.directory, key, renames);
    if (code == 9) assert_int_equal(restored_in_a_child(backup, restored.directory, key, -1), 0);
    else assert_in_range(renames, 4, 20);
    buf_clear(&after);
    tell(&f, restored.directory, &after);
    assert_true(str_eq(buf_view(&before), buf_view(&after)));
    file_remove_tree(restored.directory, NULL);
  }
  assert_int_equal(code, 0);
  buf_free(&bytes);
  buf_free(&before);
  buf_free(&after);
  file_remove_tree(backup, NULL);
  file_remove_tree(f.directory, NULL);
}

static int bad_lines(struct fixture *f, char *which, size_t size) {
  struct arena a = {0};
  struct doctor_line *lines;
  size_t count;
  int bad = 0;
  fine(&f->e, book_doctor(f->directory, &a, &lines, &count, &f->e));
  assert_true(count >= 7);
  which[0] = 0;
  for (size_t i = 0; i < count; i++)
    if (!lines[i].ok) {
      bad++;
      snprintf(which, size, "%s: %s", lines[i].check, lines[i].text);
    }
  arena_free(&a);
  return bad;
}

static void the_doctor_sees_what_is_wrong(void **state) {
  (void)state;
  struct fixture f;
  struct volume *volumes[1];
  char which[600], path[BOOK_PATH];
  fixture_open(&f, "book-doctor", 1);
  open_all(&f, volumes);
  fill(&f, volumes, 200);
  fine(&f.e, control_append(f.book, "ann", "kill", "all", STR("{}"), NULL, &f.e));
  if (bad_lines(&f, which, sizeof which)) fail_msg("%s", which); /* beside a running engine */
  close_all(&f, volumes);
  book_volume_path(f.book, 0, path);
  book_close(f.book);
  if (bad_lines(&f, which, sizeof which)) fail_msg("%s", which);
  char plugin[72], changed[600];
  put_plugin(&f, plugin);
  assert_int_equal(bad_lines(&f, which, sizeof which), 0);
  snprintf(changed, sizeof changed, "%s/store/%s", f.directory, plugin);
  fine(&f.e, file_write_atomic(changed, STR("other code"), 0500, &f.e));
  assert_int_equal(bad_lines(&f, which, sizeof which), 1);
  assert_non_null(strstr(which, "do not match its name"));
  assert_int_equal(remove(changed), 0);
  const struct {
    const char *harm, *cure, *expected;
  } harms[] = {
      {"UPDATE journal SET prev=prev+1 WHERE seq=190", "UPDATE journal SET prev=prev-1 WHERE seq=190", "users"},
      {"UPDATE journal SET body=zeroblob(100) WHERE seq=200", NULL, "does not open"},
      {"DELETE FROM decisions WHERE seq=1", NULL, "outbox rows without decision"},
      {"UPDATE decisions SET seq=100000 WHERE seq=4", NULL, "decisions without their row"},
      {"UPDATE users SET key=zeroblob(72) WHERE number=3", NULL, "under another master key"},
  };
  for (size_t i = 0; i < sizeof harms / sizeof *harms; i++) {
    sqlite3 *db = sql_open(path, SQL_WRITER, &f.e);
    fine(&f.e, sql_exec(db, harms[i].harm, &f.e));
    assert_true(bad_lines(&f, which, sizeof which) > 0);
    if (i < 2) assert_non_null(strstr(which, harms[i].expected));
    if (harms[i].cure) fine(&f.e, sql_exec(db, harms[i].cure, &f.e));
    sql_close(&db);
    if (harms[i].cure) assert_int_equal(bad_lines(&f, which, sizeof which), 0);
  }
  file_remove_tree(f.directory, NULL);
}

/* Digests of an older engine's directory hang on the secret in its layout alone: its people are found under them as ever. */
static void an_older_directory_keeps_its_people(void **state) {
  (void)state;
  struct fixture f;
  struct volume *volumes[2];
  struct layout l;
  char name[32], path[450];
  fixture_names(&f, "book-older");
  fine(&f.e, book_create(f.directory, 2, &f.e) && layout_read(f.directory, &l, &f.e));
  l.format = 1;
  fine(&f.e, layout_write(f.directory, &l, &f.e));
  for (int round = 0; round < 2; round++) {
    f.book = book_open(f.directory, true, &f.e);
    assert_non_null(f.book);
    open_all(&f, volumes);
    if (round == 0) fill(&f, volumes, 100);
    for (int i = 0; i < USERS; i++) {
      name_of(i, name);
      assert_non_null(volume_user(toy_home(&f, volumes, name), str_from(name), false, &f.e));
    }
    close_all(&f, volumes);
    book_close(f.book);
    f.book = NULL;
    snprintf(path, sizeof path, "%s", f.directory);
    assert_int_equal(people_told_by(&f, path), USERS); /* the search of the test above would find them */
    if (round == 0) fine(&f.e, book_move(f.directory, 1, NULL, NULL, &f.e));
    if (round == 0) fine(&f.e, book_move(f.directory, 2, NULL, NULL, &f.e));
  }
  fine(&f.e, layout_read(f.directory, &l, &f.e));
  assert_int_equal(l.format, 1);
  file_remove_tree(f.directory, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(erasure_leaves_no_byte),
      cmocka_unit_test(an_erasure_waits_for_a_reader_and_then_truncates),
      cmocka_unit_test(an_erasure_cut_short_goes_on_at_the_next_start),
      cmocka_unit_test(a_move_changes_only_where_things_lie),
      cmocka_unit_test(a_killed_move_is_before_or_after),
      cmocka_unit_test(a_backup_comes_back_without_the_erased),
      cmocka_unit_test(an_older_directory_keeps_its_people),
      cmocka_unit_test(a_restore_cut_short_is_begun_anew),
      cmocka_unit_test(the_doctor_sees_what_is_wrong),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
