/* rooms: judge book language kit */
/* A complaint is counted or the row is refused: memory that fails while its mark is set must not leave a state that its journal does not
 * give again. */
#include "judge/judge.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_a_complaint_is_counted_or_refused(void **state) {
  (void)state;
  struct arena a = {0};
  struct err e = {0};
  struct event said = {.type = STR("intervention_response"), .body = STR("{\"data\":{\"decisionId\":\"d1-7\",\"response\":\"spam\"}}")};
  struct user *u = user_new();
  bool learned;
  uint64_t id;
  assert_non_null(u);
  assert_true(decision_id_parse(STR("d1-7"), &id));
  assert_true(user_add_send(u, &(struct send){.at = 1000, .decision = id}));
  assert_true(json_parse(&said.json, &a, said.body, &json_limits_default, &e));
  said.data = json_get(&said.json, 0, "data");
  kit_fail_allocation(1); /* the mark's: the arena has room */
  assert_false(reward_join(u, &said, 2000, &a, &learned));
  kit_fail_allocation(0);
  assert_null(user_mark(u, complaint_mark()));
  assert_true(reward_join(u, &said, 2000, &a, &learned));
  assert_true(learned);
  assert_non_null(user_mark(u, complaint_mark()));
  assert_true(reward_join(u, &said, 3000, &a, &learned));
  assert_int_equal(user_mark(u, complaint_mark())->at, 3000);
  assert_true(user_mark(u, complaint_mark())->value == 2000); /* the time before */
  user_free(u);
  arena_free(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_complaint_is_counted_or_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
