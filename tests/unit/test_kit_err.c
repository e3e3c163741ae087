/* rooms: kit */
/* Promise: an error's sentence can be shown as it is, whatever was put into it: one line, no control characters, and valid UTF-8. */
#include "kit/err.h"
#include "kit/str.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void foreign_text_is_made_harmless(void **state) {
  (void)state;
  static const struct {
    const char *given, *shown;
  } cases[] = {
      {"plain", "plain"},
      {"größer ≥ 3 \xF0\x9F\x98\x80", "größer ≥ 3 \xF0\x9F\x98\x80"},
      {"a\x1B]0;title\x07z", "a ]0;title z"}, /* a terminal's */
      {"line\nline\ttab\x7F", "line line tab "},
      {"\xFF\xFEname", "??name"},
      {"cut \xC3", "cut ?"},
      {"cut \xE2\x89", "cut ??"},
      {"long \xC0\xAF, half \xED\xA0\x80", "long ??, half ???"}, /* no shortest form; half a pair */
      {"csi \xC2\x9B"
       "31m",
       "csi   31m"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct err e = {0};
    assert_false(err_set(&e, ERR_INPUT, "%s", cases[i].given));
    assert_string_equal(e.text, cases[i].shown);
    assert_true(str_utf8(str_from(e.text)));
    assert_false(err_wrap(&e, "%s", cases[i].given));
    assert_true(str_utf8(str_from(e.text)));
  }
}

static void any_bytes_become_text(void **state) {
  (void)state;
  uint64_t dice = 7;
  for (int round = 0; round < 20000; round++) {
    char bytes[600];
    for (size_t i = 0; i + 1 < sizeof bytes; i++) {
      dice = dice * UINT64_C(6364136223846793005) + 1442695040888963407;
      bytes[i] = (char)(dice >> 56 | (dice >> 40 & 0x80) | 1);
    }
    bytes[sizeof bytes - 1] = 0;
    struct err e = {0};
    err_set(&e, ERR_INPUT, "%s", bytes);
    assert_true(str_utf8(str_from(e.text)));
    assert_true(e.text[0] != 0);
    for (const char *c = e.text; *c; c++) assert_true((unsigned char)*c >= 0x20);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(foreign_text_is_made_harmless),
      cmocka_unit_test(any_bytes_become_text),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
