/* rooms: judge book kit stats */
/* Who of the people that a stage let in left, and who complained: everybody once, nobody from an earlier stage, nobody who had left before,
 * and a leaving is a complaint within a day of a message only. */
#include "judge/judge.h"
#include "kit/clock.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define P 3 /* a partition */

static void expect(const struct stays *s, uint64_t entered, uint64_t left, uint64_t complained) {
  const struct stay_counts c = stays_counts(s, P);
  assert_int_equal(c.entered, entered);
  assert_int_equal(c.left, left);
  assert_int_equal(c.complained, complained);
}

static void everybody_counts_once(void **state) {
  (void)state;
  struct stays *s = stays_new();
  for (int again = 0; again < 2; again++)
    for (uint64_t user = 1; user <= 200; user++) assert_true(stays_enter(s, P, user));
  assert_true(stays_consent(s, P, 5, 10, true));
  assert_true(stays_consent(s, P, 5, 20, false));
  assert_true(stays_consent(s, P, 5, 30, true));
  assert_true(stays_consent(s, P, 999, 30, true)); /* never came in */
  stays_complained(s, P, 7);
  stays_complained(s, P, 7);
  stays_complained(s, P, 998);
  expect(s, 200, 1, 1);
  assert_int_equal(stays_counts(s, P + 1).entered, 0);
  stays_free(s);
}

static void who_leaves_after_a_message_complains(void **state) {
  (void)state;
  struct stays *s = stays_new();
  for (uint64_t user = 1; user <= 4; user++) assert_true(stays_enter(s, P, user));
  for (uint64_t user = 1; user <= 3; user++) stays_sent(s, P, user, 1000);
  stays_complained(s, P, 3);
  assert_true(stays_consent(s, P, 1, 1000 + CLOCK_DAY, true));
  assert_true(stays_consent(s, P, 2, 1001 + CLOCK_DAY, true)); /* too late to be because of it */
  assert_true(stays_consent(s, P, 3, 1001, true));             /* has complained already */
  assert_true(stays_consent(s, P, 4, 1001, true));             /* got nothing */
  expect(s, 4, 4, 2);
  stays_complained(s, P, 2); /* has left */
  expect(s, 4, 4, 2);
  stays_free(s);
}

static void a_stage_is_of_those_whom_it_let_in(void **state) {
  (void)state;
  struct stays *s = stays_new();
  assert_true(stays_consent(s, P, 9, 5, true));
  assert_true(stays_enter(s, P, 1));
  assert_true(stays_enter(s, P, 2));
  stays_begin(s, P, false);
  expect(s, 0, 0, 0);
  assert_true(stays_enter(s, P, 1)); /* is in already: was asked again, as who a model is gated for */
  assert_true(stays_enter(s, P, 3));
  assert_true(stays_enter(s, P, 9)); /* had left before */
  assert_true(stays_consent(s, P, 1, 10, true));
  assert_true(stays_consent(s, P, 9, 10, true));
  expect(s, 2, 0, 0);
  stays_begin(s, P, true); /* back from a halt: everybody comes in again */
  assert_true(stays_enter(s, P, 2));
  assert_true(stays_consent(s, P, 2, 20, true));
  expect(s, 1, 1, 0);
  stays_free(s);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(everybody_counts_once), cmocka_unit_test(who_leaves_after_a_message_complains),
                                     cmocka_unit_test(a_stage_is_of_those_whom_it_let_in)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
