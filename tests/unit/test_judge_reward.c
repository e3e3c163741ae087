/* rooms: judge book language kit */
/* What somebody answers is joined to their own message, for better or worse. A complaint is counted or the row is refused: memory that
 * fails while its mark is set must not leave a state that its journal does not give again. */
#include "judge/judge.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

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

/* Says it of decision d1-7 or another; what the send is answered with then. */
static uint8_t answered(struct user *u, const char *type, const char *data, bool expect_learned) {
  struct arena a = {0};
  struct err e = {0};
  struct event said = {.type = str_from(type), .body = str_from(data)};
  bool learned;
  assert_true(json_parse(&said.json, &a, said.body, &json_limits_default, &e));
  said.data = 0;
  assert_true(reward_join(u, &said, 2000, &a, &learned));
  assert_int_equal(learned, expect_learned);
  arena_free(&a);
  return u->sends[0].response;
}

/* E20: a good answer, a bad one (a complaint is one), or one that is neither; of one's own message only. */
static void test_what_was_answered(void **state) {
  (void)state;
  static const struct {
    const char *word;
    uint8_t response;
    bool complains;
  } words[] = {{"good", 1, false},      {"accepted", 1, false}, {"helpful", 1, false}, {"dismissed", 2, false}, {"thumbs_down", 2, false},
               {"complained", 2, true}, {"reported", 2, true},  {"spam", 2, true},     {"seen", 3, false},      {"", 3, false}};
  uint64_t id;
  assert_true(decision_id_parse(STR("d1-7"), &id));
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    char data[96];
    struct user *u = user_new();
    assert_true(user_add_send(u, &(struct send){.at = 1000, .decision = id}));
    snprintf(data, sizeof data, "{\"decisionId\":\"d1-8\",\"response\":\"%s\"}", words[i].word);
    assert_int_equal(answered(u, "intervention_response", data, false), 0); /* nobody sent them that */
    snprintf(data, sizeof data, "{\"response\":\"%s\"}", words[i].word);
    assert_int_equal(answered(u, "intervention_response", data, false), 0);
    snprintf(data, sizeof data, "{\"decisionId\":\"d1-7\",\"response\":\"%s\"}", words[i].word);
    assert_int_equal(answered(u, "something_else", data, false), 0);
    assert_null(user_mark(u, complaint_mark()));
    assert_int_equal(answered(u, "intervention_response", data, true), words[i].response);
    const struct mark *complaint = user_mark(u, complaint_mark());
    assert_int_equal(complaint != NULL, words[i].complains);
    if (complaint) assert_int_equal(complaint->at, 2000); /* when they said it, not when it was sent */
    user_free(u);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_complaint_is_counted_or_refused), cmocka_unit_test(test_what_was_answered)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
