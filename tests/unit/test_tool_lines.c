/* rooms: tool; inside: tool */
/* Lines of any file: with and without a last line end, empty ones, ones across the reader's own pieces; at most 10 MB, and a longer one is
 * an error that names its line; directories and files that are not there are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kit/file.h"
#include "lines.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[400];

static void write_bytes(const char *bytes, size_t length) {
  struct err e = {0};
  snprintf(path, sizeof path, "%s/lines-%d", KAIROS_BINARY_DIR, (int)getpid());
  if (!file_write_atomic(path, (struct str){bytes, length}, 0644, &e)) fail_msg("%s", e.text);
}

static void expect_lines(const char *text, const char *const *wanted) {
  struct lines l;
  struct err e = {0};
  struct str line;
  uint64_t n = 0;
  write_bytes(text, strlen(text));
  assert_true(lines_open(&l, path, &e));
  for (; lines_next(&l, &line, &e); n++) {
    assert_non_null(wanted[n]);
    assert_true(str_is(line, wanted[n]));
    assert_int_equal(l.number, n + 1);
  }
  assert_int_equal(e.kind, ERR_NONE);
  assert_null(wanted[n]);
  assert_int_equal(l.bytes, strlen(text));
  lines_close(&l);
  unlink(path);
}

static void lines_end_in_any_way(void **state) {
  (void)state;
  expect_lines("", (const char *const[]){NULL});
  expect_lines("\n", (const char *const[]){"", NULL});
  expect_lines("one", (const char *const[]){"one", NULL});
  expect_lines("one\n", (const char *const[]){"one", NULL});
  expect_lines("one\n\ntwo\r\nthree", (const char *const[]){"one", "", "two\r", "three", NULL});
}

static void lines_cross_pieces(void **state) {
  (void)state;
  const size_t lengths[] = {1, 65534, 65535, 65536, 65537, 200000, 0, 3};
  struct buf all = {0};
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    for (size_t k = 0; k < lengths[i]; k++) buf_char(&all, (char)('a' + i));
    buf_char(&all, '\n');
  }
  write_bytes(all.at, all.len);
  struct lines l;
  struct err e = {0};
  struct str line;
  assert_true(lines_open(&l, path, &e));
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    assert_true(lines_next(&l, &line, &e));
    assert_int_equal(line.len, lengths[i]);
    for (size_t k = 0; k < line.len; k++) assert_int_equal(line.at[k], 'a' + i);
  }
  assert_false(lines_next(&l, &line, &e));
  lines_close(&l);
  buf_free(&all);
  unlink(path);
}

static void a_line_has_a_bound(void **state) {
  (void)state;
  char *bytes = malloc(LINE_MOST + 16);
  assert_non_null(bytes);
  memset(bytes, 'x', LINE_MOST + 16);
  memcpy(bytes, "ok\n", 3);
  struct lines l;
  struct err e = {0};
  struct str line;
  for (int over = 0; over < 2; over++) {
    size_t length = 3 + LINE_MOST + (size_t)over;
    write_bytes(bytes, length);
    assert_true(lines_open(&l, path, &e));
    assert_true(lines_next(&l, &line, &e));
    assert_int_equal(lines_next(&l, &line, &e), !over);
    if (over) assert_non_null(strstr(e.text, "line 2: longer than 10485760 bytes"));
    else assert_int_equal(line.len, LINE_MOST);
    assert_true(l.held.len <= LINE_MOST + 65536 + 3);
    lines_close(&l);
  }
  free(bytes);
  unlink(path);
}

static void no_file_is_said(void **state) {
  (void)state;
  struct lines l;
  struct err e = {0};
  assert_false(lines_open(&l, "/nowhere/at/all", &e));
  assert_int_equal(e.kind, ERR_MISSING);
  assert_false(lines_open(&l, "/", &e));
  assert_int_equal(e.kind, ERR_INPUT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lines_end_in_any_way),
      cmocka_unit_test(lines_cross_pieces),
      cmocka_unit_test(a_line_has_a_bound),
      cmocka_unit_test(no_file_is_said),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
