/* rooms: program decide compute accept book kit */
/* Digests that may be asked for by their first digits: every one that was ever named, in whatever order, and nothing else. */
#include "kit/hash.h"
#include "program/program.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define MANY 3000 /* by far more than one page of them holds */

static struct str digest_of(uint32_t number, char text[65]) {
  unsigned char sha256[HASH_SHA256];
  hash_sha256((struct str){(const char *)&number, sizeof number}, sha256);
  hash_hex(sha256, HASH_SHA256, text);
  return (struct str){text, 64};
}

static void all_are_found_by_their_first_digits(void **state) {
  (void)state;
  struct library *l = library_new(NULL, &(struct program_from){0});
  char text[65], found[65];
  struct err e = {0};
  assert_non_null(l);
  for (uint32_t i = 0; i < MANY; i++) assert_true(library_know(l, digest_of(i, text)));
  for (uint32_t i = 0; i < MANY; i++) assert_true(library_know(l, digest_of(i, text))); /* once more is the same one */
  for (uint32_t i = 0; i < MANY; i++) {
    const struct str whole = digest_of(i, text);
    for (size_t digits = 15; digits <= 64; digits += digits < 17 ? 1 : 47) {
      assert_true(library_digest(l, (struct str){whole.at, digits}, found, &e));
      assert_string_equal(found, text);
    }
  }
  library_free(l);
}

static void what_begins_several_or_none_is_an_error(void **state) {
  (void)state;
  struct library *l = library_new(NULL, &(struct program_from){0});
  char text[65], other[65], found[65];
  struct err e = {0};
  assert_non_null(l);
  memcpy(other, digest_of(1, text).at, sizeof other);
  other[7] = other[7] == '0' ? '1' : '0'; /* six digits and one more are the same */
  assert_true(library_know(l, str_from(text)) && library_know(l, str_from(other)));
  assert_false(library_digest(l, (struct str){text, 7}, found, &e));
  assert_int_equal(e.kind, ERR_CONFLICT);
  assert_non_null(strstr(e.text, "2 programs begin with"));
  assert_true(library_digest(l, (struct str){other, 8}, found, &e));
  assert_string_equal(found, other);
  const char *const none[] = {"", "01234", "zzzzzz", "ffffffffffffffff"};
  for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
    assert_false(library_digest(l, str_from(none[i]), found, &e));
    assert_int_equal(e.kind, ERR_MISSING);
  }
  assert_false(library_digest(l, (struct str){text, 5}, found, &e)); /* too few to be asked by */
  assert_false(library_know(l, STR("no digest")));
  library_free(l);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_are_found_by_their_first_digits),
      cmocka_unit_test(what_begins_several_or_none_is_an_error),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
