/* rooms: decide program accept kit */
/* Live applies the structure of a decision, recovery its record: both leave the same state, byte for byte. The record's bytes depend on
 * nothing but the decision. Kill names cover whatever a kill may name. */
#include "decide_world.h"

#define RULES                                                                                                                              \
  RULES_PING RULES_OPTION("strong", "effectiveness = 0.9, cooldown = 3 * hours,") RULES_OPTION(                                            \
      "weak", "") "intervention \"said\" { why = \"x\", type = \"micro\", channel = \"push\", action = \"a\", expires = 2 * hours,\n"      \
                  "  message = { en = \"quote \\\" and {n}\", ru = \"\xd1\x82\xd0\xb5\xd0\xba\xd1\x81\xd1\x82 {n}\" }, values = { n = "    \
                  "\"event.n\" } }\n"                                                                                                      \
                  "trigger \"plain\" { why = \"x\", on = { \"ping\" }, offer = { \"strong\", \"weak\" }, cooldown = 2 * hours }\n"         \
                  "trigger \"gated\" { why = \"x\", on = { \"ping\" }, offer = { \"weak\" }, priority = 2 }\n"                             \
                  "trigger \"spoken\" { why = \"x\", on = { \"pong\" }, offer = { \"said\" } }\n"                                          \
                  "trigger \"trial\" { why = \"x\", on = { \"pong\" }, offer = { \"weak\" }, when = \"event.n > 3\" }\n"                   \
                  "experiment \"trial\" { why = \"x\", revision = 7, at = \"trigger:trial\", randomise = \"user\",\n"                      \
                  "  arms = { none = { weight = 0.4, send = nothing }, some = { weight = 0.6, send = \"said\" } },\n"                      \
                  "  outcome = { metric = \"n\", within = 1 * hours } }\n"                                                                 \
                  "rollout \"r1\" { why = \"x\", gates = { \"trigger:gated\", \"intervention:said\" },\n"                                  \
                  "  stages = { { name = \"most\", share = 0.7, hold = 1 * days } } }\n"                                                   \
                  "rollout \"r2\" { why = \"x\", gates = { \"trigger:gated\", \"experiment:trial\" },\n"                                   \
                  "  stages = { { name = \"most\", share = 0.8, hold = 1 * days } } }\n"

static void copy_state(const struct user *from, struct user *to) {
  struct buf bytes = {0};
  struct err e = {0};
  assert_true(user_encode(from, &bytes));
  if (!user_decode(to, buf_view(&bytes), &e)) fail_msg("%s", e.text);
  buf_free(&bytes);
}

static void expect_same_state(const struct user *a, const struct user *b, struct str record) {
  struct buf x = {0}, y = {0};
  assert_true(user_encode(a, &x) && user_encode(b, &y));
  if (!str_eq(buf_view(&x), buf_view(&y))) fail_msg("the states differ after %.*s", (int)record.len, record.at);
  buf_free(&x);
  buf_free(&y);
}

static void test_structure_and_record_move_alike(void **state) {
  (void)state;
  struct world *w = world_new(RULES);
  struct rng r = rng_from(4);
  size_t outcomes[5] = {0};
  int64_t clock = at("2025-06-02T09:00:00Z");
  for (int i = 0; i < 3000; i++) {
    if (i % 40 == 0) {
      char id[24];
      snprintf(id, sizeof id, "somebody-%d", i);
      world_person(w, id);
      clock = at("2025-06-02T09:00:00Z");
    }
    clock += (int64_t)(rng_next(&r) % (uint64_t)(3 * CLOCK_HOUR));
    const char *data = rng_next(&r) % 2 ? "{\"n\":5}" : "{\"n\":1}";
    struct err e = {0};
    struct user *twin = user_new();
    world_parse(w, rng_next(&r) % 2 ? "ping" : "pong", data, clock);
    copy_state(w->user, twin);
    world_decide(w, rules_listening(w->program->rules, w->event.type), clock, NO_ONE);
    world_apply(w);
    for (size_t k = 0; k < w->count; k++) {
      if (!decision_apply_record(twin, w->records[k], &w->arena, &e)) fail_msg("%s", e.text);
      outcomes[w->decisions[k].outcome]++;
    }
    expect_same_state(w->user, twin, w->count ? w->records[0] : STR("nothing"));
    user_free(twin);
  }
  for (int k = 0; k < 5; k++) assert_in_range(outcomes[k], 20, 6000); /* each outcome came up */
  world_free(w);
}

static void test_a_record_is_the_same_twice(void **state) {
  (void)state;
  struct world *w = world_new(RULES), *other = world_new(RULES);
  for (int i = 0; i < 50; i++) {
    int64_t clock = at("2025-06-02T09:00:00Z") + i * 47 * CLOCK_MINUTE;
    struct world *both[2] = {w, other};
    for (int k = 0; k < 2; k++) world_event(both[k], i % 3 ? "ping" : "pong", "{\"n\":5}", clock);
    assert_int_equal(w->count, other->count);
    for (size_t k = 0; k < w->count; k++) {
      struct json j;
      assert_true(str_eq(w->records[k], other->records[k]));
      assert_true(json_parse(&j, &w->arena, w->records[k], &json_limits_default, NULL)); /* quotes and Cyrillic included */
      assert_true(str_is(json_text(&j, json_get(&j, 0, "user"), &w->arena), "ann"));
    }
  }
  world_free(w);
  world_free(other);
}

/* The message speaks the user's language, and the number in it is the user's. */
static void test_the_record_holds_what_was_said(void **state) {
  (void)state;
  struct world *w = world_new(RULES);
  size_t said = 0;
  for (int i = 0; i < 20; i++) {
    char id[24];
    snprintf(id, sizeof id, "reader-%d", i);
    world_person(w, id);
    assert_true(user_set_profile(w->user, i % 2 ? STR("{\"language\":\"ru\"}") : STR("{}")));
    world_event(w, "pong", "{\"n\":2}", at("2025-06-02T12:00:00Z"));
    if (!world_sent(w)) continue;
    said++;
    const char *wanted = i % 2 ? "\"message\":\"\xd1\x82\xd0\xb5\xd0\xba\xd1\x81\xd1\x82 2\"" : "\"message\":\"quote \\\" and 2\"";
    assert_non_null(memmem(w->records[0].at, w->records[0].len, wanted, strlen(wanted)));
  }
  assert_in_range(said, 5, 20);
  world_free(w);
}

static void test_broken_records_are_refused(void **state) {
  (void)state;
  static const char *const broken[] = {"",
                                       "{}",
                                       "[1]",
                                       "{\"id\":\"d0-1\"}",
                                       "{\"id\":\"x\",\"at\":\"2025-06-02T09:00:00Z\"}",
                                       "{\"id\":\"d0-1\",\"at\":\"yesterday\"}",
                                       "{\"id\":\"d0-1\",\"at\":\"2025-06-02T09:00:00Z\""};
  struct world *w = world_new(RULES);
  for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
    struct err e = {0};
    assert_false(decision_apply_record(w->user, str_from(broken[i]), &w->arena, &e));
    assert_true(e.text[0] != 0);
    assert_int_equal(w->user->send_count, 0);
  }
  world_free(w);
}

static bool has_name(const uint64_t *names, size_t count, const char *name) {
  for (size_t i = 0; i < count; i++)
    if (names[i] == hash_64(str_from(name))) return true;
  return false;
}

static void test_kill_names_are_whole(void **state) {
  (void)state;
  struct world *w = world_new(RULES);
  uint64_t names[16] = {0};
  for (int i = 0; i < 200; i++) {
    char id[24];
    snprintf(id, sizeof id, "target-%d", i);
    world_person(w, id);
    world_event(w, "pong", "{\"n\":5}", at("2025-06-02T12:00:00Z"));
    const struct decision *d = world_of(w, "trial");
    if (d->outcome != OUTCOME_SENT) continue;
    size_t count = decision_kill_names(w->program->rules, d, names, 16);
    assert_int_equal(count, 5);
    static const char *const wanted[] = {"trigger:trial", "intervention:said", "experiment:trial", "rollout:r1", "rollout:r2"};
    for (size_t k = 0; k < 5; k++)
      if (!has_name(names, count, wanted[k])) fail_msg("%s is not among the names", wanted[k]);
    uint64_t few[2] = {0};
    assert_int_equal(decision_kill_names(w->program->rules, d, few, 2), 5);
    world_free(w);
    return;
  }
  fail_msg("nobody got it");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_structure_and_record_move_alike),
      cmocka_unit_test(test_a_record_is_the_same_twice),
      cmocka_unit_test(test_the_record_holds_what_was_said),
      cmocka_unit_test(test_broken_records_are_refused),
      cmocka_unit_test(test_kill_names_are_whole),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
