/* rooms: kit */
/* Promise: views never read beyond their end, comparisons are of bytes, numbers are whole or refused, and the binary codec gives back what
 * was put in or says failed. */
#include "kit/arena.h"
#include "kit/rng.h"
#include "kit/str.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void views_compare_by_bytes(void **state) {
  (void)state;
  struct str none = str_from(NULL);
  assert_true(none.len == 0 && str_eq(none, STR("")) && str_is(none, ""));
  assert_true(str_eq(STR("ab"), STR("ab")) && !str_eq(STR("ab"), STR("abc")) && !str_eq(STR("ab"), STR("ac")));
  assert_true(str_starts(STR("abc"), "ab") && str_starts(STR("abc"), "") && !str_starts(STR("ab"), "abc"));
  assert_true(str_ends(STR("abc"), "bc") && str_ends(none, "") && !str_ends(STR("bc"), "abc"));
  assert_true(str_compare(STR("a"), STR("b")) < 0 && str_compare(STR("a"), STR("a")) == 0 && str_compare(STR("ab"), STR("a")) > 0);
  assert_true(str_compare(STR("\xC3\xA9"), STR("z")) > 0 && str_compare(none, STR("a")) < 0 && str_compare(none, none) == 0);
  assert_true(str_is(str_trim(STR(" \t a b\r\n")), "a b") && str_trim(STR(" \n")).len == 0 && str_trim(none).len == 0);
}

static void splitting_gives_every_piece(void **state) {
  (void)state;
  static const struct {
    const char *text;
    const char *pieces; /* joined with '|' */
  } cases[] = {{"a,b,c", "a|b|c|"}, {"a,,b", "a||b|"}, {",", "||"}, {"", "|"}, {"a", "a|"}, {"a,", "a||"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct str rest = str_from(cases[i].text);
    struct str piece;
    struct buf joined = {0};
    while (str_split(&rest, ',', &piece)) {
      buf_str(&joined, piece);
      buf_char(&joined, '|');
    }
    assert_true(str_is(buf_view(&joined), cases[i].pieces));
    buf_free(&joined);
  }
  struct str none = {0};
  struct str piece;
  assert_false(str_split(&none, ',', &piece));
}

static void integers_are_whole_or_refused(void **state) {
  (void)state;
  int64_t v = 0;
  assert_true(str_to_int(STR("0"), &v) && v == 0);
  assert_true(str_to_int(STR("-0"), &v) && v == 0);
  assert_true(str_to_int(STR("007"), &v) && v == 7);
  assert_true(str_to_int(STR("9223372036854775807"), &v) && v == INT64_MAX);
  assert_true(str_to_int(STR("-9223372036854775808"), &v) && v == INT64_MIN);
  static const char *const wrong[] = {"", "-", "+1", " 1", "1 ", "1.0", "0x1", "1e3", "9223372036854775808", "-9223372036854775809", "--1"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_false(str_to_int(str_from(wrong[i]), &v));
}

static void globs_know_only_the_star(void **state) {
  (void)state;
  assert_true(str_match(STR("workout_done"), "workout_*") && str_match(STR("workout_"), "workout_*"));
  assert_true(str_match(STR("abc"), "*") && str_match(STR(""), "*") && str_match(STR(""), "") && str_match(STR("abc"), "a*c"));
  assert_true(str_match(STR("aXbXc"), "a*b*c") && str_match(STR("abcbc"), "a*bc") && str_match(STR("a"), "**a**"));
  assert_false(str_match(STR("workout"), "workout_*") || str_match(STR("abc"), "ab") || str_match(STR("ab"), "abc"));
  assert_false(str_match(STR("abd"), "a*c") || str_match(STR(""), "a") || str_match(STR("aXc"), "a?c"));
  char many[200];
  memset(many, 'a', sizeof many);
  assert_false(str_match((struct str){many, sizeof many}, "*a*a*a*a*a*a*a*a*a*a*a*b")); /* at once, not after the sun went out */
}

static void the_nearest_name_is_offered(void **state) {
  (void)state;
  static const char *const names[] = {"skip_probability", "streak", "steps", "day", "workout_frequency_7d"};
  size_t n = sizeof names / sizeof *names;
  assert_string_equal(str_nearest(STR("skip_probabilty"), names, n), "skip_probability");
  assert_string_equal(str_nearest(STR("strake"), names, n), "streak");
  assert_string_equal(str_nearest(STR("dya"), names, n), "day"); /* a transposition is one edit */
  assert_string_equal(str_nearest(STR("step"), names, n), "steps");
  assert_string_equal(str_nearest(STR("workout_freqency_7"), names, n), "workout_frequency_7d");
  assert_null(str_nearest(STR("xyz"), names, n));
  assert_null(str_nearest(STR(""), names, n));
  assert_null(str_nearest(STR("steps"), names, 0));
  char longest[500];
  memset(longest, 'a', sizeof longest);
  assert_null(str_nearest((struct str){longest, sizeof longest}, names, n));
}

static void utf8_is_strict(void **state) {
  (void)state;
  /* Every code point, then every two-byte start that is none. */
  for (uint32_t code = 0; code <= 0x110000; code += code > 0x10000 ? 37 : 1) {
    unsigned char b[4];
    size_t n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = n; i-- > 1;) b[i] = (unsigned char)(0x80 | ((code >> (6 * (n - 1 - i))) & 0x3F));
    b[0] = (unsigned char)(n == 1 ? code : ((0xF00 >> n) & 0xFF) | (code >> (6 * (n - 1))));
    bool valid = code <= 0x10FFFF && !(code >= 0xD800 && code <= 0xDFFF);
    assert_int_equal(str_utf8((struct str){(const char *)b, n}), valid);
    if (n > 1) assert_false(str_utf8((struct str){(const char *)b, n - 1}));
  }
  assert_true(str_utf8(STR("")) && str_utf8(STR("plain ascii text of some length \xC3\xA9")));
  static const char *const wrong[] = {"\x80",
                                      "\xC0\x80",
                                      "\xC1\xBF",
                                      "\xE0\x9F\xBF",
                                      "\xF0\x8F\xBF\xBF",
                                      "\xF4\x90\x80\x80",
                                      "\xF8\x88\x80\x80\x80",
                                      "\xFF",
                                      "\xC3(",
                                      "12345678\xC3",
                                      "1234567\x80"
                                      "8"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_false(str_utf8(str_from(wrong[i])));
}

static void buffers_grow_and_fail_for_good(void **state) {
  (void)state;
  struct buf b = {0};
  for (int i = 0; i < 1000; i++) buf_printf(&b, "%d,", i);
  assert_int_equal(b.len, 10 * 2 + 90 * 3 + 900 * 4);
  buf_clear(&b);
  char text[700];
  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  buf_printf(&b, "<%s>", text); /* longer than what is formatted on the stack */
  assert_true(b.len == 701 && b.at[0] == '<' && b.at[700] == '>');
  kit_fail_allocation(1);
  buf_reserve(&b, 1 << 20);
  assert_true(b.failed && b.len == 701);
  buf_text(&b, "more");
  assert_true(b.failed && b.len == 701);
  kit_fail_allocation(0);
  buf_clear(&b);
  buf_text(&b, NULL);
  assert_true(!b.failed && b.len == 0);
  buf_reserve(&b, SIZE_MAX);
  assert_true(b.failed);
  buf_free(&b);
  assert_null(b.at);
}

static void codec_gives_back_what_was_put_in(void **state) {
  (void)state;
  static const int64_t values[] = {0, 1, -1, 63, 64, -64, -65, 127, 128, 300, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
  size_t n = sizeof values / sizeof *values;
  struct buf b = {0};
  for (size_t i = 0; i < n; i++) {
    pack_i64(&b, values[i]);
    pack_u64(&b, (uint64_t)values[i]);
    pack_f64(&b, (double)values[i] / 3);
    pack_str(&b, (struct str){"some text", i % 9});
  }
  struct unpack u = unpack_from(buf_view(&b));
  for (size_t i = 0; i < n; i++) {
    assert_true(unpack_i64(&u) == values[i]);
    assert_true(unpack_u64(&u) == (uint64_t)values[i]);
    assert_true(unpack_f64(&u) == (double)values[i] / 3);
    assert_true(str_eq(unpack_str(&u), (struct str){"some text", i % 9}));
  }
  assert_true(!u.failed && u.at == u.end);
  assert_true(unpack_u64(&u) == 0 && u.failed);
  buf_free(&b);
}

static void codec_has_fixed_bytes(void **state) {
  (void)state;
  struct buf b = {0};
  pack_u64(&b, 300);
  pack_i64(&b, -3);
  pack_f64(&b, 1.5);
  pack_str(&b, STR("ab"));
  assert_int_equal(b.len, 14);
  assert_memory_equal(b.at,
                      "\xAC\x02\x05\x00\x00\x00\x00\x00\x00\xF8\x3F\x02"
                      "ab",
                      14);
  buf_free(&b);
}

/* Every prefix and many forgeries: no read beyond the end (ASan watches), and failed stays failed. */
static void damaged_codec_fails_and_stays_inside(void **state) {
  (void)state;
  static const char *const wrong[] = {"\x80", "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02",
                                      "\x80\x01\x81"};
  struct unpack u = unpack_from(str_from(wrong[0]));
  assert_true(unpack_u64(&u) == 0 && u.failed);
  u = unpack_from(str_from(wrong[1]));
  assert_true(unpack_u64(&u) == 0 && u.failed);
  u = unpack_from(str_from(wrong[2]));
  assert_true(unpack_u64(&u) == 0 && u.failed);
  u = unpack_from((struct str){"\x80\x00", 2}); /* zero in two bytes: one value has one code */
  assert_true(unpack_u64(&u) == 0 && u.failed);
  u = unpack_from((struct str){"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 10});
  assert_true(unpack_u64(&u) == UINT64_MAX && !u.failed);
  u = unpack_from((struct str){"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"
                               "abc",
                               13}); /* a length beyond the end */
  assert_true(unpack_str(&u).len == 0 && u.failed && unpack_f64(&u) == 0 && unpack_i64(&u) == 0);
  struct rng r = rng_from(12);
  for (int i = 0; i < 20000; i++) {
    size_t n = (size_t)(rng_next(&r) % 24);
    char *bytes = malloc(n ? n : 1);
    assert_non_null(bytes);
    for (size_t k = 0; k < n; k++) bytes[k] = (char)rng_next(&r);
    u = unpack_from((struct str){bytes, n});
    for (int k = 0; k < 8; k++) {
      struct str s = unpack_str(&u);
      if (s.len) assert_true(s.at >= bytes && s.at + s.len <= bytes + n);
      unpack_f64(&u);
      unpack_i64(&u);
    }
    assert_true(u.failed);
    free(bytes);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(views_compare_by_bytes),         cmocka_unit_test(splitting_gives_every_piece),
      cmocka_unit_test(integers_are_whole_or_refused),  cmocka_unit_test(globs_know_only_the_star),
      cmocka_unit_test(the_nearest_name_is_offered),    cmocka_unit_test(utf8_is_strict),
      cmocka_unit_test(buffers_grow_and_fail_for_good), cmocka_unit_test(codec_gives_back_what_was_put_in),
      cmocka_unit_test(codec_has_fixed_bytes),          cmocka_unit_test(damaged_codec_fails_and_stays_inside),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
