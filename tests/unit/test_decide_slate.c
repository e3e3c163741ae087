/* rooms: decide program accept stats kit */
/* One slate an event: experiments' points first, then priority, expected value, name; availability before chance; every option's
 * propensity, silence included; arms that do not move when the program changes around them and follow their weights; rollouts that keep
 * whom they have. */
#include "decide_world.h"
#include "stats/stats.h"

#define NOON                at("2025-06-02T12:00:00Z")
#define TRIGGER(name, more) "trigger \"" name "\" { why = \"x\", on = { \"ping\" }, " more " }\n"
#define OUTCOME             "outcome = { metric = \"n\", within = 1 * hours }"
#define BASE                RULES_PING RULES_OPTION("strong", "effectiveness = 0.9,") RULES_OPTION("weak", "effectiveness = 0.1,")

static void ping(struct world *w, const char *data) {
  w->user->send_count = 0;
  world_event(w, "ping", data, NOON);
}

static void assert_near(double x, double y) {
  double off = x > y ? x - y : y - x;
  if (off > 1e-12) fail_msg("%.15g is not %.15g", x, y);
}

static const char *winner(const struct world *w) {
  for (size_t i = 0; i < w->count; i++)
    if (w->decisions[i].outcome == OUTCOME_SENT || w->decisions[i].outcome == OUTCOME_SILENT)
      return trigger_noun(w->program->rules, w->decisions[i].trigger)->at.name.at;
  return "nobody";
}

static void test_the_order_of_the_slate(void **state) {
  (void)state;
  static const struct {
    const char *rules, *winner;
  } cases[] = {
      {BASE TRIGGER("b", "offer = { \"weak\" }") TRIGGER("a", "offer = { \"weak\" }"), "a"},   /* the name, when nothing else differs */
      {BASE TRIGGER("a", "offer = { \"weak\" }") TRIGGER("b", "offer = { \"strong\" }"), "b"}, /* expected value before name */
      {BASE TRIGGER("a", "offer = { \"strong\" }") TRIGGER("b", "offer = { \"weak\" }, priority = 1"), "b"}, /* priority before value */
      {BASE TRIGGER("a", "offer = { \"strong\" }, priority = 99") TRIGGER(
           "z",
           "offer = { \"weak\" }") "experiment \"x\" { why = \"x\", revision = 1, at = \"trigger:z\", randomise = \"decision\",\n"
                                   "  arms = { one = { weight = 0.5, send = \"weak\" }, two = { weight = 0.5, send = \"weak\" } }, " OUTCOME
                                   " }\n",
       "z"}, /* an experiment's point before priority */
      {BASE TRIGGER("a", "offer = { \"strong\" }, priority = 9, available = \"event.n > 5\"") TRIGGER("b", "offer = { \"weak\" }"),
       "b"}, /* who is not available does not compete */
      {BASE TRIGGER("a", "offer = { \"strong\" }, priority = -1") TRIGGER("b", "offer = { \"weak\" }"), "b"},
  };
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
    struct world *w = world_new(cases[k].rules);
    ping(w, "{\"n\":1}");
    assert_int_equal(w->count, 2);
    assert_string_equal(winner(w), cases[k].winner);
    size_t competed = 0;
    for (size_t i = 0; i < w->count; i++)
      if (w->decisions[i].outcome == OUTCOME_OUTRANKED) {
        competed++;
        assert_string_equal(w->decisions[i].reason, "outranked");
        assert_true(str_is(trigger_name(w->program->rules, w->decisions[i].by), cases[k].winner));
        assert_true(str_is(w->decisions[i].detail, cases[k].winner));
      }
    assert_int_equal(competed, k == 4 ? 0 : 1);
    world_free(w);
  }
}

#define ASKS(field) RULES_OPTION("sure", field " = \"event.n == 2 or event.n == 3\",")

/* C9 and the language: what is not known is not true, wherever a condition lets somebody be disturbed. */
static void test_unknown_lets_nothing_go(void **state) {
  (void)state;
  static const struct {
    const char *rules, *reason; /* NULL: no decision at all */
  } cases[] = {
      {BASE TRIGGER("t", "offer = { \"weak\" }, when = \"event.n == 2 or event.n == 3\""), NULL},
      {BASE TRIGGER("t", "offer = { \"weak\" }, available = \"event.n == 2 or event.n == 3\""), "not_available"},
      {RULES_PING ASKS("available") TRIGGER("t", "offer = { \"sure\" }"), "no_option"},
      {RULES_PING ASKS("accept") TRIGGER("t", "offer = { \"sure\" }"), "no_option"},
  };
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
    struct world *w = world_new(cases[k].rules);
    for (int n = 0; n < 3; n++) {
      ping(w, n == 0 ? "{}" : n == 1 ? "{\"n\":1}" : "{\"n\":2}");
      if (n == 2) expect_outcome(w, "t", OUTCOME_SENT, NULL);
      else if (cases[k].reason) expect_outcome(w, "t", OUTCOME_UNAVAILABLE, cases[k].reason);
      else assert_int_equal(w->count, 0);
    }
    world_free(w);
  }
}

/* The screen leaves what a model may still make true; when the model said nothing, the slate itself looks again. */
static void test_the_slate_looks_again(void **state) {
  (void)state;
  struct world *w = world_new(BASE TRIGGER("t", "offer = { \"weak\" }, when = \"event.n == 2\""));
  static const char *const said[] = {"{}", "{\"n\":1}", "{\"n\":2}"};
  for (int i = 0; i < 3; i++) {
    ping(w, said[i]);
    const unsigned char maybe = 1; /* as if a model had been asked */
    struct decision *decisions;
    struct moment_input in = {.rules = w->program->rules,
                              .controls = &w->controls,
                              .user = w->user,
                              .event = &w->event,
                              .listening = rules_listening(w->program->rules, STR("ping")),
                              .slots = w->slots,
                              .clock = NOON,
                              .first_decision = 7,
                              .program = w->program->brief,
                              .asked = NO_ONE};
    assert_int_equal(decide_event(&in, &maybe, &w->arena, &decisions), i == 2);
  }
  world_free(w);
}

/* Of options that are worth the same the first by name goes; a trigger is worth what it may send. */
static void test_ties_and_what_a_trigger_is_worth(void **state) {
  (void)state;
  struct world *w = world_new(RULES_PING RULES_OPTION("bbb", "") RULES_OPTION("aaa", "") RULES_OPTION("ccc", "")
                                  TRIGGER("t", "offer = { \"bbb\", \"ccc\", \"aaa\" }"));
  ping(w, "{}");
  assert_true(str_is(option_name(w->program->rules, w->decisions[0].option), "aaa"));
  world_reload(w, RULES_PING RULES_OPTION("strong", "effectiveness = 0.9, accept = \"event.n > 5\",")
                      RULES_OPTION("middle", "effectiveness = 0.5,") RULES_OPTION("weak", "effectiveness = 0.1,")
                          TRIGGER("a", "offer = { \"strong\", \"weak\" }") TRIGGER("b", "offer = { \"middle\" }"));
  ping(w, "{\"n\":9}");
  assert_string_equal(winner(w), "a");
  ping(w, "{\"n\":1}");
  assert_string_equal(winner(w), "b");
  world_free(w);
}

/* E20: a person's own answers move an option's score, each by its share of them and two imagined ones; what is neither good nor bad, and
 * what was answered to another option, moves nothing. What an author says of a match is a share, whatever comes out of it. */
static void test_answers_move_the_score(void **state) {
  (void)state;
  struct world *w = world_new(RULES_PING RULES_OPTION("walk", "match = \"event.n\",") TRIGGER("t", "offer = { \"walk\" }"));
  static const struct {
    uint8_t responses[4]; /* 1 good, 2 bad, 3 something else */
    double history;
  } cases[] = {{{0, 0, 0, 0}, 1. / 2}, {{1, 0, 0, 0}, 2. / 3}, {{2, 0, 0, 0}, 1. / 3}, {{3, 3, 0, 0}, 1. / 2}, {{1, 1, 2, 3}, 3. / 5}};
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
    world_person(w, "ann");
    for (int i = 0; i < 8; i++) {
      const struct send s = {.at = NOON - (20 + i) * CLOCK_DAY,
                             .decision = (uint64_t)i + 1,
                             .option = hash_64(i < 4 ? STR("walk") : STR("other")),
                             .response = i < 4 ? cases[k].responses[i] : 2};
      assert_true(user_add_send(w->user, &s));
    }
    static const char *const said[] = {"{\"n\":7}", "{\"n\":-7}", "{}"};
    for (int i = 0; i < 3; i++) {
      world_parse(w, "ping", said[i], NOON);
      world_decide(w, rules_listening(w->program->rules, STR("ping")), NOON, NO_ONE);
      const struct candidate *c = &w->decisions[0].candidates[0];
      assert_near(c->parts[1], i == 0 ? 1 : i == 1 ? 0 : 0.5);
      assert_near(c->parts[2], cases[k].history);
    }
  }
  world_free(w);
}

/* ---- availability before chance ---- */

#define TRIAL(more)                                                                                                                        \
  TRIGGER("t", "offer = { \"weak\" }")                                                                                                     \
  "experiment \"x\" { why = \"x\", revision = 1, at = \"trigger:t\", randomise = \"decision\", " more "\n"                                 \
  "  arms = { none = { weight = 0.4, send = nothing }, any = { weight = 0.3 }, strong = { weight = 0.3, send = \"strong\" } }, " OUTCOME   \
  " }\n"

static void test_one_arm_short_is_no_draw(void **state) {
  (void)state;
  struct world *w = world_new(RULES_PING RULES_OPTION("strong", "accept = \"event.n > 5\",") RULES_OPTION("weak", "") TRIAL(""));
  for (int i = 0; i < 60; i++) {
    ping(w, "{\"n\":1}");
    expect_outcome(w, "t", OUTCOME_UNAVAILABLE, "not_accepted");
    assert_false(w->decisions[0].drawn);
    assert_int_equal(w->decisions[0].arm, NO_ONE);
    ping(w, "{\"n\":9}");
    assert_true(w->decisions[0].drawn);
  }
  world_reload(w, BASE TRIAL("available = \"event.n > 5\","));
  ping(w, "{\"n\":1}");
  expect_outcome(w, "t", OUTCOME_UNAVAILABLE, "not_available");
  ping(w, "{}"); /* unknown is not available */
  expect_outcome(w, "t", OUTCOME_UNAVAILABLE, "not_available");
  world_free(w);
}

static double all_propensities(const struct decision *d) {
  double sum = d->silence;
  for (size_t i = 0; i < d->candidate_count; i++) sum += d->candidates[i].propensity;
  return sum;
}

static void test_propensities_are_whole(void **state) {
  (void)state;
  struct world *w =
      world_new(BASE TRIAL("") "choose \"dice\" { why = \"x\", by = \"random\" }\n"
                               "trigger \"r\" { why = \"x\", on = { \"pong\" }, offer = { \"weak\", \"strong\" }, choose = \"dice\" }\n"
                               "trigger \"s\" { why = \"x\", on = { \"pong\" }, when = \"event.n == 2\", priority = 9,\n"
                               "  offer = { \"weak\", \"strong\" } }\n");
  for (int i = 0; i < 200; i++) {
    ping(w, "{\"n\":1}");
    const struct decision *d = &w->decisions[0];
    assert_near(all_propensities(d), 1);
    assert_near(d->silence, 0.4);
    assert_in_range((int64_t)(d->uniform * 1e6), 0, 999999);
    assert_int_equal(d->outcome, d->arm == 1 ? OUTCOME_SILENT : OUTCOME_SENT); /* arms by name: any, none, strong */
    assert_near(d->candidates[0].propensity, 0.6); /* the strong one: named by an arm, and the best of what is offered */
    assert_near(d->candidates[1].propensity, 0);
  }
  size_t strong = 0;
  for (int i = 0; i < 400; i++) {
    w->user->send_count = 0;
    world_event(w, "pong", "{\"n\":1}", NOON);
    const struct decision *d = world_of(w, "r");
    assert_near(all_propensities(d), 1);
    assert_near(d->candidates[0].propensity, 0.5);
    strong += str_is(option_name(w->program->rules, d->option), "strong");
  }
  assert_in_range(strong, 150, 250); /* 5 standard deviations around 200 */
  world_fact(w, "{\"kind\":\"kill\",\"name\":\"intervention:strong\"}");
  for (int i = 0; i < 20; i++) { /* drawn among those that may be sent */
    w->user->send_count = 0;
    world_event(w, "pong", "{\"n\":1}", NOON);
    const struct decision *d = world_of(w, "r");
    assert_true(d->outcome == OUTCOME_SENT && str_is(option_name(w->program->rules, d->option), "weak"));
    assert_near(d->candidates[0].propensity, 0);
    assert_near(d->candidates[1].propensity, 1);
  }
  world_fact(w, "{\"kind\":\"unkill\",\"name\":\"intervention:strong\"}");
  w->user->send_count = 0;
  world_event(w, "pong", "{\"n\":2}", NOON);
  assert_near(all_propensities(world_of(w, "s")), 1);
  assert_false(world_of(w, "s")->drawn);
  world_free(w);
}

/* ---- arms ---- */

#define BY_USER(revision, more)                                                                                                            \
  TRIGGER("t", "offer = { \"weak\" }")                                                                                                     \
  more "experiment \"x\" { why = \"x\", revision = " revision ", at = \"trigger:t\", randomise = \"user\",\n"                              \
       "  arms = { a = { weight = 0.2, send = \"weak\" }, b = { weight = 0.3, send = \"strong\" }, c = { weight = 0.5, send = nothing } "  \
       "}, " OUTCOME " }\n"
enum { PEOPLE = 4000 };

static void draw_all(const char *rules, unsigned char *arms, double counts[3]) {
  struct world *w = world_new(rules);
  for (int i = 0; i < PEOPLE; i++) {
    char id[24];
    snprintf(id, sizeof id, "person-%d", i);
    world_person(w, id);
    ping(w, "{\"n\":1}");
    const struct decision *d = world_of(w, "t");
    assert_true(d->drawn && d->exposed_first && d->arm < 3);
    arms[i] = (unsigned char)d->arm;
    counts[d->arm]++;
    if (i % 100 == 0) { /* again, and the same */
      ping(w, "{\"n\":2}");
      assert_int_equal(world_of(w, "t")->arm, arms[i]);
      assert_false(world_of(w, "t")->exposed_first);
    }
  }
  world_free(w);
}

static void test_arms_follow_their_weights_and_stay(void **state) {
  (void)state;
  static unsigned char first[PEOPLE], second[PEOPLE], third[PEOPLE];
  double counts[3] = {0}, changed[3] = {0}, revised[3] = {0};
  const double weights[3] = {0.2, 0.3, 0.5};
  draw_all(BASE BY_USER("1", ""), first, counts);
  double ratio = 0;
  for (int k = 0; k < 3; k++) ratio += (counts[k] - PEOPLE * weights[k]) * (counts[k] - PEOPLE * weights[k]) / (PEOPLE * weights[k]);
  assert_true(chi_square_tail(ratio, 2) > 0.001);
  /* Another program around it: other options, triggers, policies; the arms stay where they were. */
  draw_all(RULES_PING RULES_OPTION("strong", "effectiveness = 0.2,") RULES_OPTION("weak", "burden = 3,") RULES_OPTION("aaa", "")
               BY_USER("1", TRIGGER("before", "offer = { \"aaa\" }") "policy \"p\" { why = \"x\", per_day = 2 }\n"),
           second, changed);
  assert_memory_equal(first, second, PEOPLE);
  /* A new revision draws anew: two draws agree as often as chance lets them, 0.38. */
  draw_all(BASE BY_USER("2", ""), third, revised);
  size_t same = 0;
  for (int i = 0; i < PEOPLE; i++) same += first[i] == third[i];
  assert_in_range(same, (size_t)(PEOPLE * 0.34), (size_t)(PEOPLE * 0.42));
}

static void test_decisions_are_drawn_one_by_one(void **state) {
  (void)state;
  struct world *w = world_new(BASE TRIAL(""));
  double counts[3] = {0};
  const double weights[3] = {0.3, 0.4, 0.3};
  for (int i = 0; i < 3000; i++) {
    ping(w, "{\"n\":1}");
    counts[w->decisions[0].arm]++;
  }
  double ratio = 0;
  for (int k = 0; k < 3; k++) ratio += (counts[k] - 3000 * weights[k]) * (counts[k] - 3000 * weights[k]) / (3000 * weights[k]);
  assert_true(chi_square_tail(ratio, 2) > 0.001);
  world_free(w);
}

/* arm.<experiment> is unknown before the exposure, and the arm's name after it. */
static void test_the_arm_is_readable_after_exposure(void **state) {
  (void)state;
  struct world *w = world_new(
      BASE BY_USER("1", "") "trigger \"later\" { why = \"x\", on = { \"pong\" }, when = \"known(arm.x)\", offer = { \"weak\" } }\n");
  w->user->send_count = 0;
  world_event(w, "pong", "{}", NOON);
  assert_int_equal(w->count, 0);
  ping(w, "{\"n\":1}");
  w->user->send_count = 0;
  world_event(w, "pong", "{}", NOON);
  assert_int_equal(w->count, 1);
  world_free(w);
}

static void test_the_first_exposure_stays(void **state) {
  (void)state;
  struct world *w = world_new(BASE BY_USER("1", ""));
  for (int i = 0; i < 3; i++) {
    w->user->send_count = 0;
    world_event(w, "ping", "{\"n\":1}", NOON + i * CLOCK_HOUR);
    const struct mark *m = user_mark(w->user, mark_key("exposed", STR("x#1")));
    assert_non_null(m);
    assert_int_equal(m->at, NOON);
    assert_int_equal((int)m->value, (int)w->decisions[0].arm);
    assert_int_equal(w->decisions[0].exposed_first, i == 0);
  }
  world_free(w);
}

/* ---- rollouts ---- */

#define ROLLOUT                                                                                                                            \
  "rollout \"slow\" { why = \"x\", gates = { \"trigger:t\" }, stages = {\n"                                                                \
  "  { name = \"staff\", share = 0.05, hold = 1 * days, only = \"profile.staff or false\" },\n"                                            \
  "  { name = \"few\", share = 0.1, hold = 1 * days }, { name = \"half\", share = 0.5, hold = 1 * days } } }\n"

static size_t let_in(struct world *w, bool *in, int people) {
  size_t count = 0;
  for (int i = 0; i < people; i++) {
    char id[24];
    snprintf(id, sizeof id, "person-%d", i);
    world_person(w, id);
    if (in[i]) assert_true(user_set_mark(w->user, mark_key("rollout", STR("slow")), NOON, 1)); /* as their record says */
    ping(w, "{\"n\":1}");
    bool sent = world_sent(w) == 1;
    if (!sent) {
      expect_outcome(w, "t", OUTCOME_GATED, "not_in_rollout");
      assert_int_equal(w->decisions[0].entered, 0);
    } else assert_int_equal(w->decisions[0].entered, in[i] ? 0 : 1);
    assert_int_equal(user_mark(w->user, mark_key("rollout", STR("slow"))) != NULL, sent || in[i]);
    if (in[i]) assert_true(sent);
    in[i] = sent;
    count += sent;
  }
  return count;
}

static void test_a_rollout_keeps_whom_it_has(void **state) {
  (void)state;
  static bool in[2000];
  struct world *w = world_new(BASE TRIGGER("t", "offer = { \"weak\" }") ROLLOUT);
  assert_int_equal(let_in(w, in, 2000), 0); /* no staff among them */
  world_fact(w, "{\"kind\":\"rollout\",\"name\":\"slow\",\"stage\":1}");
  assert_in_range(let_in(w, in, 2000), 150, 250);
  world_fact(w, "{\"kind\":\"rollout\",\"name\":\"slow\",\"stage\":2}");
  size_t half = let_in(w, in, 2000);
  assert_in_range(half, 900, 1100);
  world_fact(w, "{\"kind\":\"rollout\",\"name\":\"slow\",\"stage\":1}");
  assert_int_equal(let_in(w, in, 2000), half); /* once in, in */
  world_fact(w, "{\"kind\":\"rollout\",\"name\":\"slow\",\"stage\":-1}");
  ping(w, "{\"n\":1}");
  expect_outcome(w, "t", OUTCOME_GATED, "rollout_halted");
  world_free(w);
}

static void test_only_those_of_the_stage(void **state) {
  (void)state;
  struct world *w = world_new(BASE TRIGGER("t", "offer = { \"weak\" }") ROLLOUT);
  size_t in = 0;
  for (int i = 0; i < 800; i++) {
    char id[24];
    snprintf(id, sizeof id, "staff-%d", i);
    world_person(w, id);
    assert_true(user_set_profile(w->user, i % 2 ? STR("{\"staff\":true}") : STR("{}")));
    ping(w, "{\"n\":1}");
    if (world_sent(w)) assert_int_equal(i % 2, 1);
    in += world_sent(w);
  }
  assert_in_range(in, 5, 40); /* one in twenty of 400 */
  world_free(w);
}

/* An option's own rollout takes the option away, not the trigger. */
static void test_gates_of_options_and_experiments(void **state) {
  (void)state;
  struct world *w = world_new(BASE "trigger \"t\" { why = \"x\", on = { \"ping\" }, offer = { \"strong\", \"weak\" } }\n"
                                   "rollout \"r\" { why = \"x\", gates = { \"intervention:strong\" }, stages = { { name = \"no\", share = "
                                   "0.000001, hold = 1 * days } } }\n");
  ping(w, "{\"n\":1}");
  expect_outcome(w, "t", OUTCOME_SENT, NULL);
  assert_true(str_is(option_name(w->program->rules, w->decisions[0].option), "weak"));
  world_reload(w, BASE BY_USER("1", "rollout \"r\" { why = \"x\", gates = { \"experiment:x\" }, stages = { { name = \"no\", share = "
                                    "0.000001, hold = 1 * days } } }\n"));
  ping(w, "{\"n\":1}");
  expect_outcome(w, "t", OUTCOME_GATED, "not_in_rollout");
  world_free(w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_the_order_of_the_slate),         cmocka_unit_test(test_unknown_lets_nothing_go),
      cmocka_unit_test(test_the_slate_looks_again),          cmocka_unit_test(test_ties_and_what_a_trigger_is_worth),
      cmocka_unit_test(test_answers_move_the_score),         cmocka_unit_test(test_one_arm_short_is_no_draw),
      cmocka_unit_test(test_propensities_are_whole),         cmocka_unit_test(test_arms_follow_their_weights_and_stay),
      cmocka_unit_test(test_decisions_are_drawn_one_by_one), cmocka_unit_test(test_the_arm_is_readable_after_exposure),
      cmocka_unit_test(test_the_first_exposure_stays),       cmocka_unit_test(test_a_rollout_keeps_whom_it_has),
      cmocka_unit_test(test_only_those_of_the_stage),        cmocka_unit_test(test_gates_of_options_and_experiments),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
