/* rooms: kit language */
/* Settings: what a file sets is given back; without memory, and with a file that wants too much of it, there is a sentence and no end. */
#include "language/settings.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LONG_NAME "a_name_that_is_longer_than_what_lua_keeps_once_only_and_so_is_made_anew_when_somebody_asks_for_it"

static void what_is_set_is_given_back(void **state) {
  (void)state;
  struct arena a = {0};
  struct setting *list;
  struct err e = {0};
  size_t count;
  assert_true(settings_read(STR("lanes = 2\nwebhook_secret = { \"one\", \"two\" }\nlog_json = true\ndemo = false"), "kairos.lua", &a, &list,
                            &count, &e));
  assert_int_equal(count, 4);
  assert_string_equal(list[0].name, "lanes");
  assert_string_equal(list[0].text, "2");
  assert_string_equal(list[1].name, "log-json");
  assert_null(list[1].text);
  assert_string_equal(list[2].text, "one");
  assert_string_equal(list[3].text, "two");
  arena_free(&a);
}

/* Lua does a collection and asks again when it gets nothing, so a single failure may well be survived. */
static void without_memory_it_is_refused(void **state) {
  (void)state;
  size_t refused = 0;
  for (int64_t nth = 1;; nth++) {
    struct arena a = {0};
    struct setting *list;
    struct err e = {0};
    size_t count;
    const uint64_t before = kit_failed_allocations();
    kit_fail_allocation(nth);
    const bool done = settings_read(STR(LONG_NAME " = 1234567\nlist = { \"one\", \"two\" }"), "kairos.lua", &a, &list, &count, &e);
    kit_fail_allocation(0);
    if (!done) assert_non_null(strstr(e.text, "memory"));
    if (done) assert_int_equal(count, 3);
    refused += !done;
    const bool struck = kit_failed_allocations() != before;
    arena_free(&a);
    if (!struck) break;
  }
  assert_true(refused > 0);
}

/* A table that grows until there is nothing left: the sentence says why. */
static void a_file_that_needs_too_much_is_refused(void **state) {
  (void)state;
  struct arena a = {0};
  struct setting *list;
  struct err e = {0};
  size_t count;
  assert_false(settings_read(STR("s = \"x\"\nwhile true do s = s .. s end"), "kairos.lua", &a, &list, &count, &e));
  assert_non_null(strstr(e.text, "memory"));
  arena_free(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_set_is_given_back), cmocka_unit_test(without_memory_it_is_refused),
                                     cmocka_unit_test(a_file_that_needs_too_much_is_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
