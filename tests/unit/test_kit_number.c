/* rooms: kit */
/* Promise: a double is written in the fewest digits that read back as the same double, laid out in one way, and decimal text of any length
 * reads as the nearest double, whatever the locale of the process. */
#include "kit/json.h"
#include "kit/rng.h"
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *written(double v) {
  static char text[33];
  size_t length = json_number(v, text);
  assert_true(length <= 32);
  text[length] = '\0';
  return text;
}

static void layout_is_fixed(void **state) {
  (void)state;
  static const struct {
    double value;
    const char *text;
  } cases[] = {
      {0, "0"},
      {-0.0, "-0"},
      {1, "1"},
      {-1, "-1"},
      {100, "100"},
      {0.5, "0.5"},
      {-0.25, "-0.25"},
      {0.1, "0.1"},
      {0.3, "0.3"},
      {0.1 + 0.2, "0.30000000000000004"},
      {0.81, "0.81"},
      {0.123456, "0.123456"},
      {1e-6, "0.000001"},
      {1.5e-6, "0.0000015"},
      {1e-7, "1e-7"},
      {1.25e-9, "1.25e-9"},
      {123456789.000001, "123456789.000001"},
      {999999999.999999, "999999999.999999"},
      {9007199254740991, "9007199254740991"},
      {9007199254740992, "9007199254740992"},
      {1e20, "100000000000000000000"},
      {1e21, "1e+21"},
      {123456789012345680000.0, "123456789012345680000"},
      {1.7976931348623157e308, "1.7976931348623157e+308"},
      {5e-324, "5e-324"},
      {2.2250738585072014e-308, "2.2250738585072014e-308"},
      {0x1p-44, "5.684341886080802e-14"}, /* the nearest 16 digits do not read back, the next do */
      {0x1p-1, "0.5"},
      {1.0 / 3, "0.3333333333333333"},
      {2.0 / 3, "0.6666666666666666"},
      {5e-7, "5e-7"},
      {1736980800000, "1736980800000"},
      {1736980800.123, "1736980800.123"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) assert_string_equal(written(cases[i].value), cases[i].text);
}

static bool bits_equal(double a, double b) {
  return memcmp(&a, &b, sizeof a) == 0;
}

/* Fewest digits: no text with one digit less reads back. */
static int digits_in(const char *text) {
  int digits = 0;
  int zeros = 0;
  for (const char *at = text; *at && *at != 'e'; at++) {
    if (*at < '0' || *at > '9') continue;
    if (*at == '0') {
      zeros += digits > 0;
      continue;
    }
    digits += zeros + 1;
    zeros = 0;
  }
  return digits;
}

static void assert_shortest(double v) {
  const char *text = written(v);
  double back = 0;
  if (!str_to_double(str_from(text), &back) || !bits_equal(back, v)) fail_msg("%.17g was written as %s", v, text);
  int digits = digits_in(text);
  if (digits < 2) return;
  char shorter[40];
  snprintf(shorter, sizeof shorter, "%.*e", digits - 2, v);
  if (strtod(shorter, NULL) == v) fail_msg("%.17g was written as %s, but %s would do", v, text, shorter);
}

static void every_double_reads_back_from_its_shortest_text(void **state) {
  (void)state;
  struct rng r = rng_from(5);
  for (int i = 0; i < 200000; i++) {
    uint64_t bits = rng_next(&r);
    if (i % 4 == 1) bits &= ~UINT64_C(0x7FF0000000000000);                                       /* subnormal */
    if (i % 4 == 2) bits &= UINT64_C(0xFFF0000000000000);                                        /* a power of two */
    if (i % 4 == 3) bits = (bits & UINT64_C(0x000FFFFFFFFFFFFF)) | UINT64_C(0x3FE0000000000000); /* a share */
    double v;
    memcpy(&v, &bits, sizeof v);
    if (v - v == 0 && v != 0) assert_shortest(v);
  }
  for (int i = 1; i < 100000; i++) {
    assert_shortest(i * 1e-6);
    assert_shortest((double)i * 1e4 + i * 1e-6);
    assert_shortest(i / 7.0);
  }
}

static void assert_reads(const char *text, double wanted) {
  double v = 0;
  if (!str_to_double(str_from(text), &v) || !bits_equal(v, wanted)) fail_msg("%.60s read as %.17g, wanted %.17g", text, v, wanted);
}

static void long_texts_round_to_nearest(void **state) {
  (void)state;
  char text[3000];
  /* The middle between 1 and the next double, exactly, then with a last digit 2000 places on. */
  const char *middle = "1.00000000000000011102230246251565404236316680908203125";
  assert_reads(middle, 1);
  snprintf(text, sizeof text, "%s%02000d1", middle, 0);
  assert_reads(text, 0x1.0000000000001p0);
  snprintf(text, sizeof text, "%s%02000d", middle, 0);
  assert_reads(text, 1);
  snprintf(text, sizeof text, "0.%01000d1e1001", 0);
  assert_reads(text, 1);
  snprintf(text, sizeof text, "1%01000de-1000", 0);
  assert_reads(text, 1);
  snprintf(text, sizeof text, "-0.%02500d", 0);
  assert_reads(text, -0.0);
  double v;
  snprintf(text, sizeof text, "1%0400d", 0);
  assert_false(str_to_double(str_from(text), &v));
  assert_reads("1e-99999999999999999999", 0);
  assert_false(str_to_double(STR("1e99999999999999999999"), &v));
}

static void reading_agrees_with_the_c_library(void **state) {
  (void)state;
  struct rng r = rng_from(6);
  for (int i = 0; i < 200000; i++) {
    char text[64];
    snprintf(text, sizeof text, "%llu.%llue%d", (unsigned long long)(rng_next(&r) >> (rng_next(&r) % 64)),
             (unsigned long long)(rng_next(&r) >> (rng_next(&r) % 64)), (int)(rng_next(&r) % 60) - 30);
    assert_reads(text, strtod(text, NULL));
  }
}

/* Short texts without an exponent, the nearly only ones of events, are read on a way of their own: every length, the point at every
 * place. */
static void short_texts_agree_with_the_c_library(void **state) {
  (void)state;
  struct rng r = rng_from(61);
  for (int digits = 1; digits <= 19; digits++)
    for (int point = 1; point <= digits; point++)
      for (int i = 0; i < 600; i++) {
        char text[32];
        int n = 0;
        if (i % 2) text[n++] = '-';
        for (int k = 0; k < digits; k++) {
          if (k == point) text[n++] = '.';
          const int least = k == 0 && point > 1; /* no zero before other digits */
          text[n++] = (char)('0' + (i < 4 ? (i < 2 ? 9 : least) : least + (int)(rng_next(&r) % (uint64_t)(10 - least))));
        }
        text[n] = '\0';
        assert_reads(text, strtod(text, NULL));
      }
}

static void only_json_numbers_are_numbers(void **state) {
  (void)state;
  static const char *const wrong[] = {"", " 1", "1 ", "+1", ".5", "1.", "01", "0x1p3", "inf", "nan", "NaN", "1e", "1,5", "--1", "1e5.0"};
  double v;
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    if (str_to_double(str_from(wrong[i]), &v)) fail_msg("\"%s\" was read as %g", wrong[i], v);
  }
}

/* With a comma as decimal point, where the machine has such a locale; without one the "C" locale is tested twice. */
static void locale_has_no_say(void **state) {
  (void)state;
  static const char *const commas[] = {"de_DE.UTF-8", "de_DE.utf8", "ru_RU.UTF-8", "fr_FR.UTF-8"};
  for (size_t i = 0; i < sizeof commas / sizeof *commas && !setlocale(LC_ALL, commas[i]); i++) {
  }
  assert_string_equal(written(1.0 / 3), "0.3333333333333333");
  assert_reads("0.30000000000000004", 0.1 + 0.2);
  assert_reads("1234567890123456789.5", 1234567890123456789.5);
  setlocale(LC_ALL, "C");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(layout_is_fixed),
      cmocka_unit_test(every_double_reads_back_from_its_shortest_text),
      cmocka_unit_test(long_texts_round_to_nearest),
      cmocka_unit_test(reading_agrees_with_the_c_library),
      cmocka_unit_test(short_texts_agree_with_the_c_library),
      cmocka_unit_test(only_json_numbers_are_numbers),
      cmocka_unit_test(locale_has_no_say),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
