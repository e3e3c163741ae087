/* rooms: decide program accept kit */
/* C1: at most 3 interventions in any 24 hours, 12 in any 7 days, 60 minutes apart, for one person, over all triggers, experiments and
 * program changes, and whatever the clock does. A policy may lower that and nothing can raise it. */
#include "decide_world.h"

#define SENDS_REMEMBERED 4096
static int64_t sends[SENDS_REMEMBERED];
static size_t send_count;

static void remember_sends(const struct world *w) {
  for (size_t i = 0; i < w->count; i++)
    if (w->decisions[i].outcome == OUTCOME_SENT && send_count < SENDS_REMEMBERED) sends[send_count++] = w->decisions[i].at;
}

static int by_time(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return x < y ? -1 : x > y;
}

static size_t most_within(int64_t window) {
  size_t most = 0;
  for (size_t i = 0, first = 0; i < send_count; i++) {
    while (sends[i] - sends[first] >= window) first++;
    if (i - first + 1 > most) most = i - first + 1;
  }
  return most;
}

static void check_caps(size_t day, size_t week, int64_t gap) {
  qsort(sends, send_count, sizeof *sends, by_time);
  assert_in_range(most_within(CLOCK_DAY), 0, day);
  assert_in_range(most_within(7 * CLOCK_DAY), 0, week);
  for (size_t i = 1; i < send_count; i++)
    if (sends[i] - sends[i - 1] < gap) fail_msg("two sends %lld ms apart", (long long)(sends[i] - sends[i - 1]));
}

/* Six triggers, one of them an experiment's decision point, one that outdoes the others; two listen to everything. */
#define GREEDY                                                                                                                             \
  RULES_PING RULES_OPTION("walk", "effectiveness = 0.9,") RULES_OPTION(                                                                    \
      "breathe",                                                                                                                           \
      "effectiveness = 0.5,") "trigger \"a\" { why = \"x\", on = { \"ping\" }, offer = { \"walk\" }, priority = 3 }\n"                     \
                              "trigger \"b\" { why = \"x\", on = { \"ping\", \"pong\" }, offer = { \"breathe\" }, priority = 2 }\n"        \
                              "trigger \"c\" { why = \"x\", on = { \"*\" }, offer = { \"walk\", \"breathe\" } }\n"                         \
                              "trigger \"d\" { why = \"x\", on = { \"*\" }, offer = { \"breathe\" }, priority = 100 }\n"                   \
                              "trigger \"e\" { why = \"x\", on = { \"pong\" }, offer = { \"walk\" } }\n"                                   \
                              "experiment \"x\" { why = \"x\", revision = 1, at = \"trigger:e\", randomise = \"decision\",\n"              \
                              "  arms = { go = { weight = 0.7, send = \"walk\" }, no = { weight = 0.3, send = nothing } },\n"              \
                              "  outcome = { metric = \"n\", within = 1 * hours } }\n"
#define NARROWER "policy \"narrow\" { why = \"x\", per_day = 2, gap = 3 * hours }\n"

static size_t message_slots(void *context, uint32_t option, const uint32_t **slots) {
  return template_slots(((struct program *)context)->templates, option, slots);
}

/* The language refuses a policy that widens; were one to get through all the same, rules must not follow it. */
static void widen(struct program *p) {
  static struct noun_policy wide = {
      .quiet_from = 23 * 60, .quiet_to = 60, .per_day = 100, .per_week = 1000, .gap = 1, .holdout = -1, .consent = {"explicit", 8}};
  struct rules_needs needs = {message_slots, p};
  struct nouns nouns = p->nouns;
  nouns.policies = &wide;
  nouns.policy_count = 1;
  rules_free(p->rules);
  p->rules = rules_build(&p->arena, &nouns, p->vocabulary, &p->symbols, &needs, &p->findings);
  assert_non_null(p->rules);
  assert_int_equal(p->findings.errors, 0);
}

enum weather { STEADY, JUMPING };

static int64_t next_clock(struct rng *r, int64_t clock, enum weather weather) {
  uint64_t dice = rng_next(r) % 100;
  if (weather == JUMPING && dice < 3) return clock - (int64_t)(rng_next(r) % (uint64_t)(10 * CLOCK_DAY));
  if (weather == JUMPING && dice < 6) return clock + (int64_t)(rng_next(r) % (uint64_t)(10 * CLOCK_DAY));
  if (dice < 30) return clock; /* two at once */
  if (dice < 60) return clock + (int64_t)(rng_next(r) % (uint64_t)(2 * CLOCK_MINUTE));
  return clock + (int64_t)(rng_next(r) % (uint64_t)(90 * CLOCK_MINUTE));
}

static void live_through(uint64_t seed, enum weather weather, size_t steps) {
  struct rng r = rng_from(seed);
  struct world *w = world_new(GREEDY);
  int64_t clock = at("2025-03-01T00:00:00Z");
  send_count = 0;
  for (size_t i = 0; i < steps; i++) {
    clock = next_clock(&r, clock, weather);
    if (rng_next(&r) % 200 == 0) {
      world_reload(w, rng_next(&r) % 8 ? GREEDY : GREEDY NARROWER);
      if (rng_next(&r) % 2) widen(w->program);
    }
    world_event(w, rng_next(&r) % 2 ? "ping" : "pong", "{\"n\":1}", clock);
    assert_in_range(world_sent(w), 0, 1); /* one slate, one send */
    remember_sends(w);
  }
  world_free(w);
}

static void test_no_clock_outruns_the_caps(void **state) {
  (void)state;
  size_t all = 0;
  for (uint64_t seed = 1; seed <= 20; seed++) {
    live_through(seed, seed % 2 ? STEADY : JUMPING, 1500);
    all += send_count;
    check_caps(3, 12, 60 * CLOCK_MINUTE);
  }
  assert_in_range(all, 200, 4000); /* the simulation did send, so the caps had something to hold */
}

static void test_the_caps_are_reached(void **state) {
  (void)state;
  struct world *w = world_new(GREEDY);
  int64_t clock = at("2025-03-03T08:00:00Z");
  send_count = 0;
  for (int i = 0; i < 7 * 24 * 4; i++) {
    world_event(w, "ping", "{\"n\":1}", clock + i * 15 * CLOCK_MINUTE);
    remember_sends(w);
  }
  assert_int_equal(send_count, 12);
  assert_int_equal(most_within(CLOCK_DAY), 3);
  assert_int_equal(sends[1] - sends[0], 60 * CLOCK_MINUTE);
  world_free(w);
}

/* The last instants of each window, to the millisecond. */
static void test_windows_end_on_the_millisecond(void **state) {
  (void)state;
  struct world *w = world_new(GREEDY);
  int64_t first = at("2025-03-03T12:00:00Z");
  world_event(w, "ping", "{}", first);
  expect_outcome(w, "d", OUTCOME_SENT, NULL);
  world_event(w, "ping", "{}", first + 60 * CLOCK_MINUTE - 1);
  expect_outcome(w, "d", OUTCOME_UNAVAILABLE, "too_soon");
  world_event(w, "ping", "{}", first + 60 * CLOCK_MINUTE);
  expect_outcome(w, "d", OUTCOME_SENT, NULL);
  world_event(w, "ping", "{}", first + 120 * CLOCK_MINUTE);
  world_event(w, "ping", "{}", first + CLOCK_DAY - 1);
  expect_outcome(w, "d", OUTCOME_UNAVAILABLE, "day_cap");
  world_event(w, "ping", "{}", first + CLOCK_DAY);
  expect_outcome(w, "d", OUTCOME_SENT, NULL);
  world_free(w);
}

static void sent_at(struct world *w, int64_t clock) {
  assert_true(user_add_send(w->user, &(struct send){.at = clock, .decision = 1, .trigger = hash_64(STR("d")), .option = 1}));
}

static void test_a_week_ends_on_the_millisecond(void **state) {
  (void)state;
  struct world *w = world_new(GREEDY);
  int64_t first = at("2025-03-03T12:00:00Z");
  for (int i = 0; i < 12; i++) sent_at(w, first + i * 13 * CLOCK_HOUR);
  world_event(w, "ping", "{}", first + 7 * CLOCK_DAY - 1);
  expect_outcome(w, "d", OUTCOME_UNAVAILABLE, "week_cap");
  assert_int_equal(w->decisions[0].guard.week, 12);
  world_event(w, "ping", "{}", first + 7 * CLOCK_DAY);
  expect_outcome(w, "d", OUTCOME_SENT, NULL);
  assert_int_equal(w->decisions[0].guard.week, 11);
  world_free(w);
}

/* A clock that went back: what was sent after that time was sent all the same, and nobody is written to just before it. */
static void test_sends_of_a_later_clock_count(void **state) {
  (void)state;
  struct world *w = world_new(GREEDY);
  int64_t then = at("2025-03-03T12:00:00Z");
  sent_at(w, then);
  world_event(w, "ping", "{}", then - 1);
  expect_outcome(w, "d", OUTCOME_UNAVAILABLE, "too_soon");
  world_event(w, "ping", "{}", then - CLOCK_HOUR);
  expect_outcome(w, "d", OUTCOME_UNAVAILABLE, "too_soon");
  assert_int_equal(w->decisions[0].guard.since_last, 0);
  assert_int_equal(w->decisions[0].guard.day, 1);
  sent_at(w, then + CLOCK_HOUR);
  sent_at(w, then + 2 * CLOCK_HOUR);
  world_event(w, "ping", "{}", then - CLOCK_HOUR);
  expect_outcome(w, "d", OUTCOME_UNAVAILABLE, "day_cap");
  world_free(w);
}

#define POLICY(more) GREEDY "policy \"mine\" { why = \"x\", " more " }\n"

static void test_a_policy_lowers_and_never_raises(void **state) {
  (void)state;
  static const struct {
    const char *rules;
    size_t day, week;
    int64_t gap;
  } cases[] = {
      {POLICY("per_day = 1"), 1, 7, 60 * CLOCK_MINUTE},
      {POLICY("per_day = 2, per_week = 5"), 2, 5, 60 * CLOCK_MINUTE},
      {POLICY("gap = 5 * hours"), 3, 12, 5 * CLOCK_HOUR},
      {POLICY("per_day = 0"), 0, 0, 60 * CLOCK_MINUTE},
      {POLICY("per_day = 2") "policy \"other\" { why = \"x\", per_day = 3, gap = 2 * hours }\n", 2, 12, 2 * CLOCK_HOUR},
  };
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
    struct world *w = world_new(cases[k].rules);
    send_count = 0;
    for (int i = 0; i < 10 * 24 * 4; i++) {
      world_event(w, "ping", "{}", at("2025-03-03T00:00:00Z") + i * 15 * CLOCK_MINUTE);
      remember_sends(w);
    }
    check_caps(cases[k].day, cases[k].week, cases[k].gap);
    assert_int_equal(most_within(CLOCK_DAY), cases[k].day);
    world_free(w);
  }
}

static void test_the_language_refuses_to_raise(void **state) {
  (void)state;
  static const char *const wide[] = {"per_day = 4", "per_week = 13", "gap = 59 * minutes", "quiet = { from = \"21:01\", to = \"08:00\" }",
                                     "quiet = { from = \"21:00\", to = \"07:59\" }"};
  for (size_t k = 0; k < sizeof wide / sizeof *wide; k++) {
    char rules[4096];
    snprintf(rules, sizeof rules, GREEDY "policy \"mine\" { why = \"x\", %s }\n", wide[k]);
    struct program *p = world_build(rules);
    if (p->findings.errors != 1) fail_msg("%s: %zu errors", wide[k], p->findings.errors);
    program_free(p);
  }
}

static void test_cooldowns_of_trigger_and_option(void **state) {
  (void)state;
  struct world *w = world_new(RULES_PING RULES_OPTION("slow", "cooldown = 30 * hours, effectiveness = 0.9,") RULES_OPTION(
      "other", "") "trigger \"t\" { why = \"x\", on = { \"ping\" }, offer = { \"slow\", \"other\" }, cooldown = 4 * hours }\n");
  int64_t first = at("2025-03-03T09:00:00Z");
  world_event(w, "ping", "{}", first);
  expect_outcome(w, "t", OUTCOME_SENT, NULL);
  assert_true(str_is(option_name(w->program->rules, world_of(w, "t")->option), "slow"));
  world_event(w, "ping", "{}", first + 4 * CLOCK_HOUR - 1);
  expect_outcome(w, "t", OUTCOME_UNAVAILABLE, "cooldown");
  world_event(w, "ping", "{}", first + 4 * CLOCK_HOUR);
  expect_outcome(w, "t", OUTCOME_SENT, NULL);
  assert_true(str_is(option_name(w->program->rules, world_of(w, "t")->option), "other"));
  world_event(w, "ping", "{}", first + 30 * CLOCK_HOUR);
  assert_true(str_is(option_name(w->program->rules, world_of(w, "t")->option), "slow"));
  world_free(w);
}

/* The newest send is the newest by its time: after a clock that went back it is not the last that was kept. */
static void test_a_cooldown_runs_from_the_newest(void **state) {
  (void)state;
  struct world *w = world_new(RULES_PING RULES_OPTION("walk", "") "trigger \"t\" { why = \"x\", on = { \"ping\" }, offer = { \"walk\" }, "
                                                                  "cooldown = 4 * hours }\n");
  int64_t first = at("2025-03-03T09:00:00Z");
  const uint64_t t = hash_64(STR("t"));
  assert_true(user_add_send(w->user, &(struct send){.at = first, .decision = 2, .trigger = t}));
  assert_true(user_add_send(w->user, &(struct send){.at = first - 3 * CLOCK_HOUR, .decision = 3, .trigger = t}));
  world_event(w, "ping", "{}", first + 4 * CLOCK_HOUR - 1);
  expect_outcome(w, "t", OUTCOME_UNAVAILABLE, "cooldown");
  world_event(w, "ping", "{}", first + 4 * CLOCK_HOUR);
  expect_outcome(w, "t", OUTCOME_SENT, NULL);
  world_free(w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_no_clock_outruns_the_caps),       cmocka_unit_test(test_the_caps_are_reached),
      cmocka_unit_test(test_windows_end_on_the_millisecond),  cmocka_unit_test(test_a_week_ends_on_the_millisecond),
      cmocka_unit_test(test_sends_of_a_later_clock_count),    cmocka_unit_test(test_a_policy_lowers_and_never_raises),
      cmocka_unit_test(test_the_language_refuses_to_raise),   cmocka_unit_test(test_cooldowns_of_trigger_and_option),
      cmocka_unit_test(test_a_cooldown_runs_from_the_newest),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
