/* rooms: decide program accept kit */
/* Who is in a rollout, at its edges: only who could have got something comes in; whoever came in before a halt comes in anew, and a step
 * without a halt puts nobody out; of whom a condition knows nothing stays out; those who bear little change come last; and those who are
 * held back are the last ones, whom no earlier stage had reached. */
#include "decide_world.h"

#define NOON                   at("2025-06-02T12:00:00Z")
#define BASE                   RULES_PING RULES_OPTION("walk", "accept = \"event.n > 2\",") RULES_OPTION("rest", "effectiveness = 0,")
#define T                      "trigger \"t\" { why = \"x\", on = { \"ping\" }, offer = { \"walk\" }, cooldown = 1 * hours, available = \"event.n ~= 7\" }\n"
#define ROLLOUT(gates, stages) "rollout \"r\" { why = \"x\", gates = { \"" gates "\" }, stages = { " stages " } }\n"
#define ALL                    "{ name = \"all\", share = 1 }"

static const struct decision *ping(struct world *w, const char *data, int64_t clock) {
  world_event(w, "ping", data, clock);
  return world_of(w, "t");
}

static bool is_in(const struct world *w) {
  return user_mark(w->user, mark_key("rollout", STR("r"))) != NULL;
}

static void only_who_could_get_it_comes_in(void **state) {
  (void)state;
  struct world *w = world_new(BASE T ROLLOUT("trigger:t", ALL));
  assert_true(user_add_send(w->user, &(struct send){.at = NOON - 61 * CLOCK_MINUTE, .decision = 1, .trigger = hash_64(STR("other"))}));
  ping(w, "{\"n\":7}", NOON);
  expect_outcome(w, "t", OUTCOME_UNAVAILABLE, "not_available");
  assert_false(is_in(w));
  world_fact(w, "{\"kind\":\"kill\",\"name\":\"trigger:t\"}");
  ping(w, "{\"n\":3}", NOON);
  assert_false(is_in(w));
  world_fact(w, "{\"kind\":\"unkill\",\"name\":\"trigger:t\"}");
  ping(w, "{\"n\":3}", NOON);
  expect_outcome(w, "t", OUTCOME_SENT, NULL);
  assert_true(is_in(w));
  world_person(w, "ben");
  world_reload(w,
               BASE "trigger \"t\" { why = \"x\", on = { \"ping\" }, offer = { \"walk\", \"rest\" } }\n" ROLLOUT("intervention:walk", ALL));
  ping(w, "{\"n\":1}", NOON); /* the option that is rolled out may not be sent to them */
  expect_outcome(w, "t", OUTCOME_SENT, NULL);
  assert_false(is_in(w));
  ping(w, "{\"n\":3}", NOON + CLOCK_HOUR);
  assert_true(is_in(w));
  world_free(w);
}

static void a_halt_puts_everybody_out(void **state) {
  (void)state;
  struct world *w = world_new(BASE T ROLLOUT("trigger:t", "{ name = \"few\", share = 0.0001, hold = 1 * days }, " ALL));
  const uint64_t entry = mark_key("rollout", STR("r"));
  assert_true(user_set_mark(w->user, entry, NOON, 1));
  ping(w, "{\"n\":3}", NOON + CLOCK_HOUR);
  expect_outcome(w, "t", OUTCOME_SENT, NULL); /* once in, in */
  world_fact(w, "{\"kind\":\"rollout\",\"name\":\"r\",\"stage\":1,\"at\":\"2025-06-02T14:00:00Z\"}");
  world_fact(w, "{\"kind\":\"rollout\",\"name\":\"r\",\"stage\":0,\"at\":\"2025-06-02T14:30:00Z\"}");
  ping(w, "{\"n\":3}", NOON + 3 * CLOCK_HOUR);
  expect_outcome(w, "t", OUTCOME_SENT, NULL); /* steps without a halt put nobody out */
  world_fact(w, "{\"kind\":\"rollout\",\"name\":\"r\",\"stage\":-1,\"at\":\"2025-06-02T16:00:00Z\"}");
  ping(w, "{\"n\":3}", NOON + 5 * CLOCK_HOUR);
  expect_outcome(w, "t", OUTCOME_GATED, "rollout_halted");
  world_fact(w, "{\"kind\":\"rollout\",\"name\":\"r\",\"stage\":0,\"anew\":true,\"at\":\"2025-06-02T18:00:00Z\"}");
  ping(w, "{\"n\":3}", NOON + 6 * CLOCK_HOUR);
  expect_outcome(w, "t", OUTCOME_GATED, "not_in_rollout");
  assert_int_equal(rollout_since(w->program->rules, &w->controls, 0, w->user), 0);
  world_fact(w, "{\"kind\":\"rollout\",\"name\":\"r\",\"stage\":0,\"held\":true,\"at\":\"2025-06-02T18:30:00Z\"}");
  ping(w, "{\"n\":3}", NOON + 7 * CLOCK_HOUR); /* a later word says nothing of it, and it holds */
  expect_outcome(w, "t", OUTCOME_GATED, "not_in_rollout");
  assert_true(user_set_mark(w->user, entry, at("2025-06-02T18:00:00Z") - 1, 1));
  ping(w, "{\"n\":3}", NOON + 7 * CLOCK_HOUR);
  expect_outcome(w, "t", OUTCOME_GATED, "not_in_rollout");
  assert_true(user_set_mark(w->user, entry, at("2025-06-02T18:00:00Z"), 1)); /* with its first moment */
  ping(w, "{\"n\":3}", NOON + 7 * CLOCK_HOUR);
  expect_outcome(w, "t", OUTCOME_SENT, NULL);
  world_free(w);
}

/* A program that has fewer stages than operators went: the last one counts. Who is outside of a stage is so by their place alone. */
static void beyond_the_last_stage_is_the_last(void **state) {
  (void)state;
  struct world *w = world_new(BASE T ROLLOUT("trigger:t", "{ name = \"few\", share = 0.0001, hold = 1 * days }, " ALL));
  const struct rules *r = w->program->rules;
  assert_true(rollout_outside(r, 0, 0, STR("ann")));
  assert_false(rollout_outside(r, 0, 1, STR("ann")) || rollout_outside(r, 0, -1, STR("ann")) || rollout_outside(r, 0, 2, STR("ann")));
  ping(w, "{\"n\":3}", NOON);
  expect_outcome(w, "t", OUTCOME_GATED, "not_in_rollout");
  world_fact(w, "{\"kind\":\"rollout\",\"name\":\"r\",\"stage\":5}");
  ping(w, "{\"n\":3}", NOON);
  expect_outcome(w, "t", OUTCOME_SENT, NULL);
  world_free(w);
}

static void the_unknown_stay_out(void **state) {
  (void)state;
  struct world *w = world_new(BASE T ROLLOUT("trigger:t", "{ name = \"staff\", share = 1, only = \"profile.staff\" }"));
  static const char *const profiles[] = {"{}", "{\"staff\":false}", "{\"staff\":true}"};
  for (int i = 0; i < 3; i++) {
    assert_true(user_set_profile(w->user, str_from(profiles[i])));
    ping(w, "{\"n\":3}", NOON);
    if (i < 2) expect_outcome(w, "t", OUTCOME_GATED, "not_in_rollout");
    else expect_outcome(w, "t", OUTCOME_SENT, NULL);
    assert_int_equal(is_in(w), i == 2);
  }
  world_free(w);
}

/* ---- order = "risk" ---- */

#define SEGMENT(name, risk) "segment \"" name "\" { why = \"x\", risk = \"" risk "\", when = \"has(profile.groups, '" name "')\" }\n"

static void who_bears_little_comes_last(void **state) {
  (void)state;
  static const struct {
    const char *profile;
    int turn; /* quarters of the hold */
  } people[] = {{"{\"groups\":[\"a\"]}", 0},
                {"{\"groups\":[\"b\"]}", 1},
                {"{\"groups\":[\"c\"]}", 2},
                {"{\"groups\":[\"d\"]}", 3},
                {"{\"groups\":[\"a\",\"c\"]}", 2}, /* as little as the last of them says */
                {"{\"groups\":[\"d\",\"a\"]}", 3},
                {"{}", 3}, /* of whom nothing is known */
                {"{\"groups\":[]}", 3}};
  struct world *w = world_new(BASE T SEGMENT("a", "high") SEGMENT("b", "medium") SEGMENT("c", "low") SEGMENT("d", "minimal")
                                  ROLLOUT("trigger:t", "{ name = \"all\", share = 1, hold = 8 * hours, order = \"risk\" }"));
  world_fact(w, "{\"kind\":\"rollout\",\"name\":\"r\",\"stage\":0,\"at\":\"2025-06-02T10:00:00Z\"}");
  for (size_t i = 0; i < sizeof people / sizeof *people; i++) {
    const int64_t turn = at("2025-06-02T10:00:00Z") + people[i].turn * 2 * CLOCK_HOUR;
    world_person(w, "ann");
    assert_true(user_set_profile(w->user, str_from(people[i].profile)));
    ping(w, "{\"n\":3}", turn - 1);
    expect_outcome(w, "t", OUTCOME_GATED, "not_in_rollout");
    assert_false(is_in(w));
    ping(w, "{\"n\":3}", turn);
    expect_outcome(w, "t", OUTCOME_SENT, NULL);
  }
  world_free(w);
}

/* ---- who is compared ---- */

/* Where anything but chance says who comes in, or when, nobody is compared. */
static void only_chance_is_compared(void **state) {
  (void)state;
  struct world *w = world_new(BASE T SEGMENT("a", "high") ROLLOUT(
      "trigger:t", "{ name = \"some\", share = 0.5, hold = 1 * days }, { name = \"staff\", share = 0.6, hold "
                   "= 1 * days, only = \"profile.staff\" }, { name = \"turns\", share = 0.7, hold = 8 * "
                   "hours, order = \"risk\" }"));
  const struct rules *r = w->program->rules;
  assert_true(rollout_compares(r, 0, 0));
  assert_false(rollout_compares(r, 0, 1) || rollout_compares(r, 0, 2) || rollout_compares(r, 0, -1) || rollout_compares(r, 0, 3));
  world_free(w);
}

/* A decision counts for a rollout of its trigger, of its trigger's experiment, or of the option that was sent; and for no other's. */
static void whose_decision_it_is(void **state) {
  (void)state;
  static const struct {
    const char *gate;
    bool trigger, walk, rest, silence, other;
  } cases[] = {{"trigger:t", true, true, true, true, false},
               {"experiment:x", true, true, true, true, false},
               {"intervention:walk", true, true, false, false, true},
               {"intervention:rest", false, false, true, false, false},
               {"trigger:o", false, false, false, false, true}};
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
    char rules[4096];
    snprintf(rules, sizeof rules,
             BASE T "trigger \"o\" { why = \"x\", on = { \"pong\" }, offer = { \"walk\" } }\n"
                    "experiment \"x\" { why = \"x\", revision = 1, at = \"trigger:t\", randomise = \"user\", arms = { a = { weight = 0.5, "
                    "send = nothing }, b = { weight = 0.5, send = \"walk\" } }, outcome = { metric = \"n\", within = 1 * hours } }\n"
                    "rollout \"r\" { why = \"x\", gates = { \"%s\" }, stages = { { name = \"all\", share = 1 } } }\n",
             cases[k].gate);
    struct world *w = world_new(rules);
    const struct rules *r = w->program->rules;
    assert_int_equal(rollout_gates_trigger(r, 0, STR("t")), cases[k].trigger);
    assert_int_equal(rollout_gates_trigger(r, 0, STR("o")), cases[k].other);
    assert_int_equal(rollout_gates_decision(r, 0, STR("t"), STR("walk")), cases[k].walk);
    assert_int_equal(rollout_gates_decision(r, 0, STR("t"), STR("rest")), cases[k].rest);
    assert_int_equal(rollout_gates_decision(r, 0, STR("t"), STR("")), cases[k].silence);
    assert_int_equal(rollout_gates_decision(r, 0, STR("o"), STR("walk")), cases[k].other);
    assert_false(rollout_gates_decision(r, 0, STR("unheard"), STR("walk")));
    world_free(w);
  }
}

/* ---- who is held back ---- */

static void the_last_are_held_back(void **state) {
  (void)state;
  struct world *w = world_new(
      BASE T ROLLOUT("trigger:t", "{ name = \"most\", share = 0.9, hold = 1 * days }, { name = \"all\", share = 1, hold = 5 * days }, "
                                  "{ name = \"end\", share = 1 }"));
  const struct noun_rollout *n = rollout_noun(w->program->rules, 0);
  assert_true(stage_holdback(n, 0) == 0 && stage_holdback(n, 1) == ROLLOUT_HOLDBACK && stage_holdback(n, 2) == 0);
  assert_true(stage_holdback(n, -1) == 0 && stage_holdback(n, 3) == 0);
  size_t held = 0, reached = 0;
  for (int i = 0; i < 800; i++) {
    char id[16];
    snprintf(id, sizeof id, "p%d", i);
    world_fact(w, "{\"kind\":\"rollout\",\"name\":\"r\",\"stage\":1,\"holdback\":0.05,\"at\":\"2025-06-01T12:00:00Z\"}");
    world_person(w, id);
    ping(w, "{\"n\":3}", NOON);
    const bool back = world_sent(w) == 0;
    if (back) expect_outcome(w, "t", OUTCOME_GATED, "rollout_holdback");
    world_fact(w, "{\"kind\":\"rollout\",\"name\":\"r\",\"stage\":0,\"at\":\"2025-05-01T12:00:00Z\"}");
    world_person(w, id);
    ping(w, "{\"n\":3}", NOON);
    if (back) assert_int_equal(world_sent(w), 0); /* the stage before did not reach them either */
    reached += world_sent(w);
    held += back;
  }
  assert_in_range(held, 15, 70);
  assert_in_range(reached, 680, 760);
  world_free(w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(only_who_could_get_it_comes_in), cmocka_unit_test(a_halt_puts_everybody_out),
      cmocka_unit_test(the_unknown_stay_out),           cmocka_unit_test(beyond_the_last_stage_is_the_last),
      cmocka_unit_test(who_bears_little_comes_last),    cmocka_unit_test(the_last_are_held_back),
      cmocka_unit_test(only_chance_is_compared),        cmocka_unit_test(whose_decision_it_is),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
