/* rooms: kit */
/* Promise: the tokenizer accepts exactly the texts that jansson accepts (strict, duplicate keys refused), and reads the same tree from
 * them. Texts are handwritten corner cases, generated documents, and thousands of damaged ones. Three differences are meant: numbers that
 * overflow a double are grammar to us and an error to jansson; a NUL byte is always refused by us, while jansson skips one after a number;
 * and our depth limit is 32, which these texts do not reach. */
#include "jansson_oracle.h"
#include "kit/arena.h"
#include "kit/json.h"
#include "kit/rng.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void say_text(struct str text) {
  fprintf(stderr, "text of %zu bytes: ", text.len);
  for (size_t i = 0; i < text.len; i++) {
    unsigned char c = (unsigned char)text.at[i];
    if (c >= 0x20 && c < 0x7F) {
      fputc(c, stderr);
    } else {
      fprintf(stderr, "\\x%02X", c);
    }
  }
  fputc('\n', stderr);
}

static bool same_tree(const struct json *j, uint32_t at, json_t *theirs, struct arena *a);

static bool same_object(const struct json *j, uint32_t at, json_t *theirs, struct arena *a) {
  if (json_type(j, at) != JSON_OBJECT || j->tokens[at].count != json_object_size(theirs)) return false;
  uint32_t key = at + 1;
  void *entry = json_object_iter(theirs); /* jansson keeps the order of the text */
  for (uint32_t n = 0; n < j->tokens[at].count; n++) {
    struct str name = str_from(json_object_iter_key(entry));
    if (!str_eq(json_text(j, key, a), name) || json_get_str(j, at, name) != key + 1) return false;
    if (!same_tree(j, key + 1, json_object_iter_value(entry), a)) return false;
    key = j->tokens[key + 1].next;
    entry = json_object_iter_next(theirs, entry);
  }
  return key == j->tokens[at].next;
}

static bool same_array(const struct json *j, uint32_t at, json_t *theirs, struct arena *a) {
  if (json_type(j, at) != JSON_ARRAY || j->tokens[at].count != json_array_size(theirs)) return false;
  for (uint32_t n = 0; n < j->tokens[at].count; n++) {
    if (!same_tree(j, json_child(j, at, n), json_array_get(theirs, n), a)) return false;
  }
  return json_child(j, at, j->tokens[at].count) == JSON_NONE;
}

static bool same_tree(const struct json *j, uint32_t at, json_t *theirs, struct arena *a) {
  double number;
  struct str wanted;
  switch (json_typeof(theirs)) {
  case JANSSON_OBJECT: return same_object(j, at, theirs, a);
  case JANSSON_ARRAY: return same_array(j, at, theirs, a);
  case JANSSON_STRING:
    wanted = (struct str){json_string_value(theirs), json_string_length(theirs)};
    return json_type(j, at) == JSON_STRING && str_eq(json_text(j, at, a), wanted);
  case JANSSON_TRUE: return json_type(j, at) == JSON_TRUE;
  case JANSSON_FALSE: return json_type(j, at) == JSON_FALSE;
  case JANSSON_NULL: return json_type(j, at) == JSON_NULL;
  default: return json_double(j, at, &number) && number == json_real_value(theirs);
  }
}

/* Returns whether both accepted. */
static bool agree(struct str text) {
  struct arena a = {0};
  struct json j;
  struct err e = {0};
  json_error_t why;
  bool ours = json_parse(&j, &a, text, NULL, &e);
  json_t *theirs = json_loadb(text.at, text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, &why);
  bool meant = ours && !theirs && json_error_code(&why) == json_error_numeric_overflow;
  if (text.len && memchr(text.at, 0, text.len)) meant = !ours;
  bool fine = meant || (ours == (theirs != NULL) && (!ours || same_tree(&j, 0, theirs, &a)));
  if (!fine) {
    say_text(text);
    fprintf(stderr, "ours: %s; jansson: %s\n", ours ? "accepted" : e.text, theirs ? "accepted" : why.text);
  }
  if (!ours && (e.kind != ERR_INPUT || strlen(e.text) < 20)) fine = false;
  json_decref(theirs);
  arena_free(&a);
  assert_true(fine);
  return ours && !meant;
}

static const char *const corners[] = {
    "",
    " ",
    "null",
    "true",
    "false",
    "nul",
    "nulll",
    "True",
    "truefalse",
    " null ",
    "\tnull\r\n",
    "\vnull",
    "\fnull",
    "\xC2\xA0null",
    "0",
    "-0",
    "-",
    "+1",
    "01",
    "00",
    "-01",
    "1.",
    ".5",
    "1.0",
    "1.e5",
    "1e",
    "1e+",
    "1e-",
    "1e5",
    "1E5",
    "1e+5",
    "1e-5",
    "1e05",
    "1.5e-05",
    "--1",
    "1-",
    "1 2",
    "1,",
    "0x10",
    "1_000",
    "Infinity",
    "NaN",
    "-Infinity",
    "1e999",
    "-1e999",
    "1e-999",
    "123456789012345678901234567890",
    "0.1",
    "0.30000000000000004",
    "1.7976931348623157e308",
    "1.7976931348623159e308",
    "5e-324",
    "2e-324",
    "2.2250738585072014e-308",
    "2.2250738585072011e-308",
    "9007199254740993",
    "9007199254740992.5",
    "1e22",
    "1e23",
    "123456789012345e22",
    "0e999999999999",
    "0.000000000000000000000000000000000000000000000000000000000000000000000001e70",
    "100000000000000000000000000000000e-30",
    "\"\"",
    "\"",
    "\"a",
    "a\"",
    "\"a\"b",
    "\"a\" \"b\"",
    "'a'",
    "\"\\\"",
    "\"\\\"\"",
    "\"\\\\\"",
    "\"\\/\"",
    "\"\\b\\f\\n\\r\\t\"",
    "\"\\a\"",
    "\"\\v\"",
    "\"\\0\"",
    "\"\\x41\"",
    "\"\\u\"",
    "\"\\u0\"",
    "\"\\u00\"",
    "\"\\u004\"",
    "\"\\u0041\"",
    "\"\\U0041\"",
    "\"\\u00g1\"",
    "\"\\u0000\"",
    "[\"a\\u0000b\",\"a\"]",
    "{\"a\":\"\\u0000\\u0000\",\"b\":\"\\u00000\"}",
    "\"\\ud800\"",
    "\"\\udc00\"",
    "\"\\ud83d\\ude00\"",
    "\"\\ud83d\\u0041\"",
    "\"\\ud83dx\"",
    "\"\\ud83d\\n\"",
    "\"\\ud83d\\ud83d\"",
    "\"\\uD83D\\uDE00\"",
    "\"\\ud83d\\ude0\"",
    "\"\\uFFFF\"",
    "\"\\ufeff\"",
    "\"\\u007f\"",
    "\"\\u0080\"",
    "\"\\u07ff\"",
    "\"\\u0800\"",
    "\"\\udbff\\udfff\"",
    "\"\\",
    "\"\\u12",
    "\"\x01\"",
    "\"\t\"",
    "\"\n\"",
    "\"\x1F\"",
    "\"\x7F\"",
    "\"\xC3\xA9\"",
    "\"\xC3\"",
    "\"\xA9\"",
    "\"\xC0\x80\"",
    "\"\xC1\xBF\"",
    "\"\xC2\x80\"",
    "\"\xE0\x80\x80\"",
    "\"\xE0\xA0\x80\"",
    "\"\xE0\x9F\xBF\"",
    "\"\xED\xA0\x80\"",
    "\"\xED\x9F\xBF\"",
    "\"\xEE\x80\x80\"",
    "\"\xEF\xBF\xBF\"",
    "\"\xF0\x80\x80\x80\"",
    "\"\xF0\x8F\xBF\xBF\"",
    "\"\xF0\x90\x80\x80\"",
    "\"\xF4\x8F\xBF\xBF\"",
    "\"\xF4\x90\x80\x80\"",
    "\"\xF5\x80\x80\x80\"",
    "\"\xF8\x88\x80\x80\x80\"",
    "\"\xFF\"",
    "\"\xFE\"",
    "\"\xE2\x82\"",
    "\"\xE2\x82\xAC\"",
    "\"\xE2(\xA1\"",
    "\"\xF0\x9F\x98\x80\"",
    "\"\xF0\x9F\x98\"",
    "\"\xF0\x9F\"",
    "\"1234567\xC3\xA9 and then\"",
    "\"12345678\xE9 and then\"",
    "\"1234567\"",
    "\"12345678\"",
    "\"123456789abcdef\\n\"",
    "\"1234567\x1F and\"",
    "\xEF\xBB\xBF{}",
    "\xEF\xBB\xBF",
    "\xFF\xFE{}",
    "[]",
    "[",
    "]",
    "[]]",
    "[[]",
    "[,]",
    "[1,]",
    "[,1]",
    "[1 2]",
    "[1,,2]",
    "[1,2]",
    "[ 1 , 2 ]",
    "[\n]",
    "[null,true,false,0,\"\",[],{}]",
    "[1}",
    "{1]",
    "[[[[[[[[]]]]]]]]",
    "[\"a\",]",
    "[\"a\"",
    "[1",
    "[1,",
    "[/**/]",
    "[1]//",
    "[#\n1]",
    "{}",
    "{",
    "}",
    "{}}",
    "{ }",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1",
    "{\"a\":1,}",
    "{,}",
    "{:1}",
    "{\"a\" :1}",
    "{\"a\": 1 }",
    "{a:1}",
    "{'a':1}",
    "{1:1}",
    "{null:1}",
    "{\"a\":1 \"b\":2}",
    "{\"a\":1,,\"b\":2}",
    "{\"a\",1}",
    "{\"a\"::1}",
    "{\"a\":1:2}",
    "{\"a\":1;\"b\":2}",
    "{\"\":1}",
    "{\"\":1,\"\":2}",
    "{\"a\":1,\"a\":1}",
    "{\"a\":1,\"b\":2,\"a\":3}",
    "{\"a\":{\"a\":1}}",
    "{\"a\":1,\"\\u0061\":2}",
    "{\"\\u0061\":1,\"a\":2}",
    "{\"\\u0061\":1,\"\\u0061\":2}",
    "{\"a\\n\":1,\"a\\u000a\":2}",
    "{\"a\\/b\":1,\"a/b\":2}",
    "{\"\\ud83d\\ude00\":1,\"\xF0\x9F\x98\x80\":2}",
    "{\"a\":1,\"A\":2}",
    "{\"a\":1,\"a \":2}",
    "{\"\xC3\xA9\":1,\"e\xCC\x81\":2}",
    "{\"timestamp1\":1,\"timestamp2\":2}",
    "{\"timestamp1\":1,\"timestamp1\":2}",
    "{\"12345678\":1,\"123456789\":2}",
    "{\"abcdefgh1\":1,\"abcdefgh2\":2,\"abcdefgh1\":3}",
    "{\"a\":[1,2,{\"b\":null}],\"c\":{\"d\":{\"e\":[]}}}",
    "{\"a\":\"b\\\\\",\"c\":\"\\\"\"}",
    "{\"a\":tru}",
    "{\"a\":nul",
    "[truee]",
    "[1e1.5]",
    "[1.2.3]",
    "{\"a\":1}{\"b\":2}",
    "{\"a\":1}\n{\"b\":2}",
    "{\"a\":1} x",
    "{\"\\ud800\":1}",
    "{\"\\u0000\":1}",
    "{\"a\\u0000b\":1}",
    "\\u0022a\\u0022",
};

static void corner_cases_agree(void **state) {
  (void)state;
  size_t accepted = 0;
  for (size_t i = 0; i < sizeof corners / sizeof *corners; i++) accepted += agree(str_from(corners[i]));
  assert_true(accepted > 70 && accepted < sizeof corners / sizeof *corners - 70); /* both sides are really visited */
  assert_false(agree((struct str){"\0", 1}));
  assert_false(agree((struct str){"1\0", 2}));
  assert_false(agree((struct str){"\"a\0b\"", 5}));
  assert_false(agree((struct str){"[\0]", 3}));
}

/* --- generated documents --- */

static uint64_t below(struct rng *r, uint64_t n) {
  return rng_next(r) % n;
}

static void put_blank(struct rng *r, struct buf *b) {
  static const char *const blanks[] = {"", "", "", "", "", " ", "\n", "\t", "\r\n  "};
  buf_text(b, blanks[below(r, sizeof blanks / sizeof *blanks)]);
}

static void put_string(struct rng *r, struct buf *b) {
  static const char *const pieces[] = {
      "a",   "user", "timestamp", "value_7d", " ",       "\xC3\xA9", "\xD0\xBF\xD1\x80", "\xE2\x82\xAC", "\xF0\x9F\x98\x80",
      "\\n", "\\\"", "\\\\",      "\\/",      "\\u0061", "\\u20ac",  "\\ud83d\\ude00",   "\\u0001",      "0123456789abcdef",
      "'",   "~"};
  buf_char(b, '"');
  for (uint64_t n = below(r, 6); n > 0; n--) buf_text(b, pieces[below(r, sizeof pieces / sizeof *pieces)]);
  buf_char(b, '"');
}

static void put_number(struct rng *r, struct buf *b) {
  if (below(r, 3) == 0) buf_char(b, '-');
  buf_printf(b, "%llu", (unsigned long long)(rng_next(r) >> below(r, 64)));
  if (below(r, 2)) buf_printf(b, ".%0*llu", (int)below(r, 25) + 1, (unsigned long long)(rng_next(r) >> below(r, 64)));
  if (below(r, 3) == 0)
    buf_printf(
        b, "%c%s%d", "eE" [below(r, 2)], (const char *[]) { "", "+", "-" }[below(r, 3)], (int)below(r, 290));
}

static void put_value(struct rng *r, struct buf *b, unsigned depth) {
  static const char *const words[] = {"true", "false", "null"};
  put_blank(r, b);
  uint64_t kind = below(r, depth < 6 ? 10 : 6);
  if (kind < 3) put_string(r, b);
  if (kind == 3 || kind == 4) put_number(r, b);
  if (kind == 5) buf_text(b, words[below(r, 3)]);
  if (kind > 5) {
    bool object = kind < 9;
    uint64_t count = below(r, depth == 0 && below(r, 4) == 0 ? 60 : 6);
    buf_char(b, object ? '{' : '[');
    for (uint64_t n = 0; n < count; n++) {
      if (n > 0) buf_char(b, ',');
      put_blank(r, b);
      if (object && below(r, 3) > 0) buf_printf(b, "\"k%u\":", (unsigned)n); /* mostly different keys */
      if (object && b->at[b->len - 1] != ':') {
        put_string(r, b);
        buf_char(b, ':');
      }
      put_value(r, b, depth + 1);
    }
    buf_char(b, object ? '}' : ']');
  }
  put_blank(r, b);
}

static void generated_documents_agree(void **state) {
  (void)state;
  struct rng r = rng_from(1);
  struct buf b = {0};
  size_t accepted = 0;
  for (int i = 0; i < 4000; i++) {
    buf_clear(&b);
    put_value(&r, &b, 0);
    accepted += agree(buf_view(&b));
  }
  buf_free(&b);
  assert_true(accepted > 2000 && accepted < 4000); /* some have a key twice */
}

static void damage(struct rng *r, struct buf *b) {
  static const char bytes[] = "{}[]\",:\\u0e.-+ \t\n\x01\x7F\x80\xBF\xC3\xE2\xED\xF0\xFFntf19aA";
  size_t at = (size_t)below(r, b->len);
  switch (below(r, 4)) {
  case 0: b->at[at] = bytes[below(r, sizeof bytes)]; break; /* the closing NUL is one of them */
  case 1:
    memmove(b->at + at, b->at + at + 1, b->len - at - 1);
    b->len--;
    break;
  case 2:
    buf_char(b, ' ');
    memmove(b->at + at + 1, b->at + at, b->len - at - 1);
    b->at[at] = bytes[below(r, sizeof bytes)];
    break;
  default: b->len = at; break;
  }
}

static void damaged_documents_agree(void **state) {
  (void)state;
  struct rng r = rng_from(2);
  struct buf b = {0};
  size_t accepted = 0;
  for (int i = 0; i < 20000; i++) {
    buf_clear(&b);
    put_value(&r, &b, 1);
    for (uint64_t n = below(&r, 3) + 1; n > 0 && b.len > 0; n--) damage(&r, &b);
    char *exact = test_malloc(b.len ? b.len : 1); /* so that one byte too far is seen */
    if (b.len) memcpy(exact, b.at, b.len);
    accepted += agree((struct str){exact, b.len});
    test_free(exact);
  }
  buf_free(&b);
  assert_true(accepted > 500 && accepted < 19000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(corner_cases_agree),
      cmocka_unit_test(generated_documents_agree),
      cmocka_unit_test(damaged_documents_agree),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
