/* rooms: kit */
/* Promise: refusals of the tokenizer name byte and place, its limits hold, duplicate keys cost no square time, and the accessors and the
 * writer keep their words. That the grammar itself is right is test_kit_json_oracle.c's. */
#include "kit/arena.h"
#include "kit/json.h"
#include "kit/rng.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct json parse(struct arena *a, const char *text) {
  struct json j;
  struct err e = {0};
  if (!json_parse(&j, a, str_from(text), NULL, &e)) fail_msg("%s: %s", text, e.text);
  return j;
}

static void assert_refused(const char *text, const char *sentence) {
  struct arena a = {0};
  struct json j;
  struct err e = {0};
  assert_false(json_parse(&j, &a, str_from(text), NULL, &e));
  assert_int_equal(e.kind, ERR_INPUT);
  assert_string_equal(e.text, sentence);
  assert_false(json_parse(&j, &a, str_from(text), NULL, NULL));
  arena_free(&a);
}

static void refusals_name_byte_and_pointer(void **state) {
  (void)state;
  assert_refused("", "JSON: expected a value, but the text ends at byte 0");
  assert_refused("{\"a\":1", "JSON: expected ',' or '}' in an object, but the text ends at byte 6");
  assert_refused("{\"a\":[1,{\"b/c\":tru}]}", "JSON: expected a value, got 't' at byte 15 (in /a/1/b~1c)");
  assert_refused("{\"u\":{\"x\":1,\"y\":2,\"x\":3}}", "JSON: the key \"x\" stands twice in one object, again at byte 18 (in /u)");
  assert_refused("[1,\"\t\"]", "JSON: a control byte in a string must be written as an escape, got byte 0x09 at byte 4 (in /1)");
  assert_refused("{\"a\" 1}", "JSON: expected ':' after a key, got '1' at byte 5 (in /a)");
  assert_refused("[\"\\ud800\"]", "JSON: a high surrogate without the low one after it, got '\\' at byte 2 (in /0)");
  assert_refused("{} x", "JSON: expected the end of the text after the value, got 'x' at byte 3");
  assert_refused("\xEF\xBB\xBF{}", "JSON: expected a value (a byte order mark is not allowed), got byte 0xEF at byte 0");
}

static void long_pointers_keep_their_end(void **state) {
  (void)state;
  struct buf b = {0};
  for (int i = 0; i < 10; i++) buf_text(&b, "{\"a_rather_long_key_of_thirty\":");
  buf_text(&b, "nul");
  struct arena a = {0};
  struct json j;
  struct err e = {0};
  assert_false(json_parse(&j, &a, buf_view(&b), NULL, &e));
  assert_non_null(strstr(e.text, "..."));
  assert_true(str_ends(str_from(e.text), "/a_rather_long_key_of_thirty)"));
  arena_free(&a);
  buf_free(&b);
}

static bool nested(uint32_t levels, uint32_t limit) {
  char text[200];
  memset(text, '[', levels);
  memset(text + levels, ']', levels);
  struct arena a = {0};
  struct json j;
  struct json_limits limits = {.depth = limit, .tokens = 1000};
  bool fine = json_parse(&j, &a, (struct str){text, 2 * (size_t)levels}, limit ? &limits : NULL, NULL);
  arena_free(&a);
  return fine;
}

static void depth_ends_at_its_limit(void **state) {
  (void)state;
  assert_true(nested(32, 0));
  assert_false(nested(33, 0));
  assert_true(nested(5, 5));
  assert_false(nested(6, 5));
}

static void tokens_end_at_their_limit(void **state) {
  (void)state;
  struct arena a = {0};
  struct json j;
  struct err e = {0};
  struct json_limits limits = {.depth = 4, .tokens = 5};
  assert_true(json_parse(&j, &a, STR("[1,2,3,4]"), &limits, &e));
  assert_int_equal(j.count, 5);
  assert_false(json_parse(&j, &a, STR("[1,2,3,4,5]"), &limits, &e));
  assert_string_equal(e.text, "JSON: more values than the limit allows, got '5' at byte 9 (in /4)");
  arena_free(&a);
}

/* More tokens than the first guess from the text's length. */
static void tokens_grow_in_the_arena(void **state) {
  (void)state;
  struct buf b = {0};
  buf_char(&b, '[');
  for (int i = 0; i < 5000; i++) buf_text(&b, i ? ",7" : "7");
  buf_char(&b, ']');
  struct arena a = {0};
  struct json j;
  assert_true(json_parse(&j, &a, buf_view(&b), NULL, NULL));
  assert_int_equal(j.count, 5001);
  int64_t v = 0;
  assert_true(json_int(&j, json_child(&j, 0, 4999), &v) && v == 7);
  arena_free(&a);
  buf_free(&b);
}

static void large_objects_find_their_duplicate(void **state) {
  (void)state;
  for (int twice = 0; twice < 2; twice++) {
    struct buf b = {0};
    buf_char(&b, '{');
    for (int i = 0; i < 50000; i++) buf_printf(&b, "\"key_%d\":%d,", i, i);
    buf_text(&b, twice ? "\"key_\\u00347777\":0}" : "\"last\":0}"); /* key_47777 once more, escaped */
    struct arena a = {0};
    struct json j;
    struct err e = {0};
    assert_int_equal(json_parse(&j, &a, buf_view(&b), NULL, &e), !twice);
    if (twice) assert_non_null(strstr(e.text, "stands twice"));
    arena_free(&a);
    buf_free(&b);
  }
}

static void memory_failure_is_an_error_and_no_crash(void **state) {
  (void)state;
  struct buf b = {0};
  buf_char(&b, '{');
  for (int i = 0; i < 3000; i++) buf_printf(&b, "\"\\u0061%d\":[[],[]],", i);
  buf_text(&b, "\"z\":0}");
  int failures = 0;
  for (int64_t nth = 1;; nth++) {
    struct arena a = {0};
    struct json j;
    struct err e = {0};
    kit_fail_allocation(nth);
    bool fine = json_parse(&j, &a, buf_view(&b), NULL, &e);
    kit_fail_allocation(0);
    arena_free(&a);
    if (fine) break;
    assert_int_equal(e.kind, ERR_BUSY);
    failures++;
  }
  assert_true(failures >= 3);
  buf_free(&b);
}

static void one_value_of_many(void **state) {
  (void)state;
  struct arena a = {0};
  struct json j;
  struct str rest = STR(" {\"a\":1}\n[2] 3x");
  size_t used = 0;
  assert_true(json_parse_one(&j, &a, rest, NULL, &used, NULL));
  assert_int_equal(used, 8);
  assert_int_equal(json_type(&j, 0), JSON_OBJECT);
  rest = (struct str){rest.at + used, rest.len - used};
  assert_true(json_parse_one(&j, &a, rest, NULL, &used, NULL));
  assert_int_equal(used, 4);
  rest = (struct str){rest.at + used, rest.len - used};
  assert_true(json_parse_one(&j, &a, rest, NULL, &used, NULL));
  assert_int_equal(used, 2);
  assert_false(json_parse_one(&j, &a, STR("x"), NULL, &used, NULL));
  arena_free(&a);
}

/* --- accessors --- */

static const char event[] = "{\"user_id\":\"u\\u00e9\",\"context\":{\"constraints\":{\"availableTime\":15,\"tags\":[1,[2,3],\"x\"]}},"
                            "\"n\\/m\":1e3,\"ok\":true,\"no\":false,\"nil\":null,\"big\":1e999,\"half\":0.5}";

static void questions_are_answered(void **state) {
  (void)state;
  struct arena a = {0};
  struct json j = parse(&a, event);
  int64_t i = 0;
  double d = 0;
  bool b = false;
  assert_true(str_is(json_text(&j, json_get(&j, 0, "user_id"), &a), "u\xC3\xA9"));
  assert_true(json_text_is(&j, json_get(&j, 0, "user_id"), "u\xC3\xA9"));
  assert_false(json_text_is(&j, json_get(&j, 0, "user_id"), "u"));
  assert_false(json_text_is(&j, json_get(&j, 0, "user_id"), "u\xC3\xA9x"));
  assert_true(str_is(json_raw(&j, json_get(&j, 0, "user_id")), "\"u\\u00e9\""));
  assert_true(json_int(&j, json_path(&j, 0, "context.constraints.availableTime"), &i) && i == 15);
  uint32_t tags = json_path(&j, 0, "context.constraints.tags");
  assert_int_equal(j.tokens[tags].count, 3);
  assert_true(str_is(json_raw(&j, json_child(&j, tags, 1)), "[2,3]"));
  assert_true(str_is(json_text(&j, json_child(&j, tags, 2), &a), "x"));
  assert_int_equal(json_child(&j, tags, 3), JSON_NONE);
  assert_true(json_int(&j, json_get(&j, 0, "n/m"), &i) && i == 1000);
  assert_true(json_bool(&j, json_get(&j, 0, "ok"), &b) && b);
  assert_true(json_bool(&j, json_get(&j, 0, "no"), &b) && !b);
  assert_int_equal(json_type(&j, json_get(&j, 0, "nil")), JSON_NULL);
  assert_int_equal(json_type(&j, json_get(&j, 0, "big")), JSON_NUMBER);
  assert_false(json_double(&j, json_get(&j, 0, "big"), &d));
  assert_false(json_int(&j, json_get(&j, 0, "big"), &i));
  assert_true(json_double(&j, json_get(&j, 0, "half"), &d) && d == 0.5);
  assert_false(json_int(&j, json_get(&j, 0, "half"), &i));
  arena_free(&a);
}

static void what_is_not_there_is_not_there(void **state) {
  (void)state;
  struct arena a = {0};
  struct json j = parse(&a, event);
  int64_t i;
  double d;
  bool b;
  assert_int_equal(json_get(&j, 0, "user"), JSON_NONE);
  assert_int_equal(json_get(&j, 0, "user_idx"), JSON_NONE);
  assert_int_equal(json_get(&j, JSON_NONE, "a"), JSON_NONE);
  assert_int_equal(json_get(&j, json_get(&j, 0, "ok"), "a"), JSON_NONE);
  assert_int_equal(json_path(&j, 0, "context.nothing.availableTime"), JSON_NONE);
  assert_int_equal(json_path(&j, 0, "user_id.x"), JSON_NONE);
  assert_int_equal(json_child(&j, 0, 0), JSON_NONE);
  assert_int_equal(json_type(&j, JSON_NONE), JSON_NULL);
  assert_int_equal(json_text(&j, JSON_NONE, &a).len, 0);
  assert_int_equal(json_text(&j, json_get(&j, 0, "ok"), &a).len, 0);
  assert_int_equal(json_raw(&j, JSON_NONE).len, 0);
  assert_false(json_text_is(&j, JSON_NONE, ""));
  assert_false(json_int(&j, JSON_NONE, &i) || json_double(&j, JSON_NONE, &d) || json_bool(&j, JSON_NONE, &b));
  assert_false(json_bool(&j, json_get(&j, 0, "nil"), &b));
  arena_free(&a);
}

static void integers_are_exact(void **state) {
  (void)state;
  static const struct {
    const char *text;
    bool fine;
    int64_t value;
  } cases[] = {
      {"0", true, 0},
      {"-0", true, 0},
      {"1e3", true, 1000},
      {"1.0", true, 1},
      {"10e-1", true, 1},
      {"1.5e1", true, 15},
      {"1.25e1", false, 0},
      {"0.1", false, 0},
      {"0e99", true, 0},
      {"0.0", true, 0},
      {"1e18", true, INT64_C(1000000000000000000)},
      {"1e19", false, 0},
      {"-1e19", false, 0},
      {"1e-1", false, 0},
      {"9223372036854775807", true, INT64_MAX},
      {"9223372036854775808", false, 0},
      {"-9223372036854775808", true, INT64_MIN},
      {"-9223372036854775809", false, 0},
      {"9223372036854775807.0", true, INT64_MAX},
      {"9223372036854775807.1", false, 0},
      {"92233720368547758.07e2", true, INT64_MAX},
      {"1e99999999999999999999", false, 0},
      {"100000000000000000000000e-20", true, 1000},
      {"9007199254740993", true, INT64_C(9007199254740993)},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct arena a = {0};
    struct json j = parse(&a, cases[i].text);
    int64_t v = -1;
    bool fine = json_int(&j, 0, &v);
    if (fine != cases[i].fine || (fine && v != cases[i].value)) fail_msg("%s read as %d, %lld", cases[i].text, fine, (long long)v);
    arena_free(&a);
  }
}

/* --- the writer --- */

static void writer_has_one_form(void **state) {
  (void)state;
  struct buf b = {0};
  struct json_writer w = json_to(&b);
  json_open_object(&w);
  json_pair_text(&w, "t", "a\"b\\c\n\x01\x7F\xC3\xA9/");
  json_pair_text(&w, "none", NULL);
  json_pair_double(&w, "d", 0.1);
  json_pair_double(&w, "inf", 1e308 * 10);
  json_pair_figure(&w, "figure", 2.0 / 3);
  json_pair_figure(&w, "no figure", __builtin_nan(""));
  json_pair_int(&w, "least", INT64_MIN);
  json_pair_bool(&w, "yes", true);
  json_key(&w, "list");
  json_open_array(&w);
  json_put_int(&w, 0);
  json_open_array(&w);
  json_close_array(&w);
  json_open_object(&w);
  json_close_object(&w);
  json_put_null(&w);
  json_put_raw(&w, STR("{\"x\":1}"));
  json_put_bool(&w, false);
  json_close_array(&w);
  json_pair_str(&w, "k\"", STR(""));
  json_close_object(&w);
  assert_true(
      str_is(buf_view(&b),
             "{\"t\":\"a\\\"b\\\\c\\n\\u0001\x7F\xC3\xA9/\",\"none\":null,\"d\":0.1,\"inf\":null,\"figure\":0.666667,\"no figure\":null,"
             "\"least\":-9223372036854775808,\"yes\":true,\"list\":[0,[],{},null,{\"x\":1},false],\"k\\\"\":\"\"}"));
  buf_free(&b);
}

/* Strings are looked at eight bytes at once: any byte at any place of any length, as a value and as a key. */
static void every_byte_at_every_place(void **state) {
  (void)state;
  for (size_t length = 1; length <= 20; length++)
    for (size_t place = 0; place < length; place++)
      for (unsigned c = 1; c < 256; c++) {
        char text[20], expected[64];
        memset(text, 'x', sizeof text);
        text[place] = (char)c;
        const char *escape = strchr("\"\\\b\f\n\r\t", (int)c);
        char form[8] = {(char)c};
        if (escape) snprintf(form, sizeof form, "\\%c", "\"\\bfnrt"[escape - "\"\\\b\f\n\r\t"]);
        else if (c < 0x20) snprintf(form, sizeof form, "\\u%04x", c);
        snprintf(expected, sizeof expected, "\"%.*s%s%.*s\"", (int)place, text, form, (int)(length - place - 1), text + place + 1);
        struct buf value = {0}, pair = {0};
        struct json_writer w = json_to(&value);
        json_put_str(&w, (struct str){text, length});
        assert_true(str_is(buf_view(&value), expected));
        w = json_to(&pair);
        json_open_object(&w);
        json_key_str(&w, (struct str){text, length});
        assert_int_equal(pair.len, strlen(expected) + 2);
        assert_memory_equal(pair.at + 1, expected, strlen(expected));
        assert_int_equal(pair.at[pair.len - 1], ':');
        buf_free(&value);
        buf_free(&pair);
      }
}

static void what_is_written_reads_back(void **state) {
  (void)state;
  struct rng r = rng_from(4);
  struct arena a = {0};
  for (int i = 0; i < 2000; i++) {
    char text[40];
    size_t length = (size_t)(rng_next(&r) % sizeof text);
    for (size_t k = 0; k < length; k++) text[k] = (char)(1 + rng_next(&r) % 127);
    struct buf b = {0};
    struct json_writer w = json_to(&b);
    json_put_str(&w, (struct str){text, length});
    struct json j;
    assert_true(json_parse(&j, &a, buf_view(&b), NULL, NULL));
    assert_true(str_eq(json_text(&j, 0, &a), (struct str){text, length}));
    buf_free(&b);
    arena_reset(&a);
  }
  arena_free(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(refusals_name_byte_and_pointer),
      cmocka_unit_test(long_pointers_keep_their_end),
      cmocka_unit_test(depth_ends_at_its_limit),
      cmocka_unit_test(tokens_end_at_their_limit),
      cmocka_unit_test(tokens_grow_in_the_arena),
      cmocka_unit_test(large_objects_find_their_duplicate),
      cmocka_unit_test(memory_failure_is_an_error_and_no_crash),
      cmocka_unit_test(one_value_of_many),
      cmocka_unit_test(questions_are_answered),
      cmocka_unit_test(what_is_not_there_is_not_there),
      cmocka_unit_test(integers_are_exact),
      cmocka_unit_test(writer_has_one_form),
      cmocka_unit_test(every_byte_at_every_place),
      cmocka_unit_test(what_is_written_reads_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
