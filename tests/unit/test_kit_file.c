/* rooms: kit */
/* Promise: reads are whole or refused with the reason, writes replace at once or leave the old bytes, listings are sorted, and removing a
 * tree does not follow links out of it. */
#include "kit/arena.h"
#include "kit/file.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char place[] = KAIROS_BINARY_DIR "/kairos_file_XXXXXX";

static const char *in_place(const char *name) {
  static char paths[4][sizeof place + 100];
  static int turn;
  turn = (turn + 1) % 4;
  snprintf(paths[turn], sizeof paths[turn], "%s/%s", place, name);
  return paths[turn];
}

static int make_place(void **state) {
  (void)state;
  return mkdtemp(place) ? 0 : -1;
}

static int remove_place(void **state) {
  (void)state;
  return file_remove_tree(place, NULL) && !file_exists(place) ? 0 : -1;
}

static void what_is_written_is_read(void **state) {
  (void)state;
  struct err e = {0};
  struct buf b = {0};
  char large[200000];
  for (size_t i = 0; i < sizeof large; i++) large[i] = (char)(i * 7);
  assert_true(file_write_atomic(in_place("a"), STR("first"), 0600, &e));
  assert_true(file_write_atomic(in_place("a"), (struct str){large, sizeof large}, 0640, &e));
  assert_true(file_read(in_place("a"), &b, sizeof large, &e));
  assert_true(b.len == sizeof large && memcmp(b.at, large, b.len) == 0);
  struct stat about;
  assert_int_equal(stat(in_place("a"), &about), 0);
  assert_int_equal(about.st_mode & 0777, 0640);
  assert_true(file_write_atomic(in_place("open"), STR("x"), 0666, &e)); /* the mode asked for, whatever the umask */
  assert_int_equal(stat(in_place("open"), &about), 0);
  assert_int_equal(about.st_mode & 0777, 0666);
  assert_true(file_write_atomic(in_place("empty"), str_from(NULL), 0600, &e));
  assert_true(file_read(in_place("empty"), &b, 0, &e) && b.len == 0);
  buf_free(&b);
}

static void reads_are_whole_or_refused(void **state) {
  (void)state;
  struct err e = {0};
  struct buf b = {0};
  assert_true(file_write_atomic(in_place("ten"), STR("0123456789"), 0600, &e));
  assert_true(file_read(in_place("ten"), &b, 10, &e));
  assert_false(file_read(in_place("ten"), &b, 9, &e));
  assert_true(e.kind == ERR_INPUT && strstr(e.text, "larger than the 9 bytes") && b.len == 0);
  assert_false(file_read(in_place("nothing"), &b, 10, &e));
  assert_true(e.kind == ERR_MISSING && strstr(e.text, "nothing"));
  assert_false(file_read(place, &b, 10, &e));
  assert_int_equal(e.kind, ERR_INPUT);
  assert_int_equal(mkfifo(in_place("fifo"), 0600), 0);
  assert_false(file_read(in_place("fifo"), &b, 10, &e)); /* and does not hang */
  assert_int_equal(e.kind, ERR_INPUT);
  kit_fail_allocation(1);
  struct buf fresh = {0};
  assert_false(file_read(in_place("ten"), &fresh, 10, &e));
  assert_int_equal(e.kind, ERR_BUSY);
  kit_fail_allocation(0);
  buf_free(&fresh);
  buf_free(&b);
}

static void failed_writes_leave_nothing(void **state) {
  (void)state;
  struct err e = {0};
  assert_false(file_write_atomic(in_place("no/such/file"), STR("x"), 0600, &e));
  assert_int_equal(e.kind, ERR_MISSING);
  assert_true(file_make_directory(in_place("target"), 0700, &e));
  assert_false(file_write_atomic(in_place("target"), STR("x"), 0600, &e)); /* a directory is not replaced */
  struct arena a = {0};
  struct file_entry *entries;
  size_t count;
  assert_true(file_list(place, &a, &entries, &count, &e));
  for (size_t i = 0; i < count; i++) assert_null(strstr(entries[i].name, ".tmp"));
  arena_free(&a);
}

static void directories_are_made_with_parents(void **state) {
  (void)state;
  struct err e = {0};
  assert_true(file_make_directory(in_place("d/e/f"), 0700, &e));
  assert_true(file_make_directory(in_place("d/e/f/"), 0700, &e));
  assert_true(file_exists(in_place("d/e/f")));
  assert_true(file_write_atomic(in_place("d/plain"), STR("x"), 0600, &e));
  assert_false(file_make_directory(in_place("d/plain"), 0700, &e));
  assert_int_equal(e.kind, ERR_CONFLICT);
  assert_false(file_make_directory(in_place("d/plain/below"), 0700, &e));
  assert_false(file_make_directory("", 0700, &e));
}

static void listings_are_sorted_and_typed(void **state) {
  (void)state;
  struct err e = {0};
  assert_true(file_make_directory(in_place("list/dir"), 0700, &e));
  for (int i = 40; i > 0; i--) {
    char name[40];
    snprintf(name, sizeof name, "list/f%02d", i);
    assert_true(file_write_atomic(in_place(name), (struct str){"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", (size_t)i}, 0600, &e));
  }
  assert_int_equal(symlink("/etc", in_place("list/a_link")), 0);
  struct arena a = {0};
  struct file_entry *entries;
  size_t count;
  assert_true(file_list(in_place("list"), &a, &entries, &count, &e));
  assert_int_equal(count, 42);
  for (size_t i = 1; i < count; i++) assert_true(strcmp(entries[i - 1].name, entries[i].name) < 0);
  assert_true(strcmp(entries[0].name, "a_link") == 0 && entries[0].kind == 'l');
  assert_true(strcmp(entries[1].name, "dir") == 0 && entries[1].kind == 'd');
  assert_true(strcmp(entries[41].name, "f40") == 0 && entries[41].kind == 'f' && entries[41].size == 40);
  assert_false(file_list(in_place("nowhere"), &a, &entries, &count, &e));
  assert_int_equal(e.kind, ERR_MISSING);
  kit_fail_allocation(1);
  struct arena empty = {0};
  assert_false(file_list(in_place("list"), &empty, &entries, &count, &e));
  kit_fail_allocation(0);
  arena_free(&empty);
  arena_free(&a);
}

static void removing_does_not_follow_links(void **state) {
  (void)state;
  struct err e = {0};
  assert_true(file_make_directory(in_place("keep"), 0700, &e));
  assert_true(file_write_atomic(in_place("keep/this"), STR("x"), 0600, &e));
  assert_true(file_make_directory(in_place("gone/deep/deeper"), 0700, &e));
  assert_true(file_write_atomic(in_place("gone/deep/file"), STR("x"), 0600, &e));
  assert_int_equal(symlink(in_place("keep"), in_place("gone/deep/link")), 0);
  assert_true(file_remove_tree(in_place("gone"), &e));
  assert_false(file_exists(in_place("gone")));
  assert_true(file_exists(in_place("keep/this")));
  assert_true(file_remove_tree(in_place("gone"), &e)); /* nothing there: nothing to do */
}

/* All of them or the reason, and no leftovers beside them either way. */
static void several_are_written_together(void **state) {
  (void)state;
  struct err e = {0};
  struct buf b = {0};
  struct arena a = {0};
  struct stat about;
  char paths[3][sizeof place + 100];
  assert_true(file_make_directory(in_place("several"), 0700, &e));
  for (int i = 0; i < 3; i++)
    snprintf(paths[i], sizeof paths[i], "%s", in_place(i == 0 ? "several/x" : i == 1 ? "several/y" : "several/z"));
  const struct file_new files[] = {{paths[0], STR("one")}, {paths[1], STR("two")}, {paths[2], STR("")}};
  assert_true(file_write_several(files, 0, 0400, &e));
  assert_true(file_write_several(files, 3, 0400, &e));
  for (size_t i = 0; i < 3; i++) {
    assert_true(file_read(paths[i], &b, 100, &e) && str_eq(buf_view(&b), files[i].bytes));
    assert_int_equal(stat(paths[i], &about), 0);
    assert_int_equal(about.st_mode & 0777, 0400);
  }
  char nowhere[sizeof place + 100];
  snprintf(nowhere, sizeof nowhere, "%s", in_place("several/none/x"));
  const struct file_new broken[] = {{paths[0], STR("other")}, {nowhere, STR("two")}};
  assert_false(file_write_several(broken, 2, 0400, &e));
  assert_int_equal(e.kind, ERR_MISSING);
  assert_true(file_read(paths[0], &b, 100, &e) && str_is(buf_view(&b), "one"));
  struct file_entry *entries;
  size_t count;
  assert_true(file_list(in_place("several"), &a, &entries, &count, &e));
  assert_int_equal(count, 3);
  arena_free(&a);
  buf_free(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_written_is_read),           cmocka_unit_test(reads_are_whole_or_refused),
      cmocka_unit_test(failed_writes_leave_nothing),       cmocka_unit_test(several_are_written_together),
      cmocka_unit_test(directories_are_made_with_parents), cmocka_unit_test(listings_are_sorted_and_typed),
      cmocka_unit_test(removing_does_not_follow_links),
  };
  return cmocka_run_group_tests(tests, make_place, remove_place);
}
