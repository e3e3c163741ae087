/* rooms: decide program accept kit; inside: decide */
/* Who may be sent anything: consent, holdout (C5), minors (C7), kills and stages as operators' facts (C4), and a reason for every silence
 * in both languages (C9). */
#include "decide_world.h"
#include "reasons_words.h"

#define RULES                                                                                                                              \
  RULES_PING RULES_OPTION("calm", "") RULES_OPTION("harder", "raises_goal = true,") RULES_OPTION(                                          \
      "sprint",                                                                                                                            \
      "vigorous = true,") "trigger \"calm\" { why = \"x\", on = { \"ping\" }, offer = { \"calm\" } }\n"                                    \
                          "trigger \"harder\" { why = \"x\", on = { \"pong\" }, offer = { \"harder\" }, when = \"event.n == 1\" }\n"       \
                          "trigger \"sprint\" { why = \"x\", on = { \"pong\" }, offer = { \"sprint\" }, when = \"event.n == 2\" }\n"       \
                          "trigger \"trial\" { why = \"x\", on = { \"pong\" }, offer = { \"calm\" }, when = \"event.n == 3\" }\n"          \
                          "experiment \"trial\" { why = \"x\", revision = 1, at = \"trigger:trial\", randomise = \"decision\",\n"          \
                          "  arms = { go = { weight = 0.5, send = \"calm\" }, too = { weight = 0.5, send = \"calm\" } }, outcome = { "     \
                          "metric = \"n\", within = 1 * hours } }\n"
#define NOON at("2025-06-01T12:00:00Z")

static void expect(struct world *w, const char *type, const char *data, const char *trigger, const char *reason) {
  w->user->send_count = 0;
  world_event(w, type, data, NOON);
  expect_outcome(w, trigger, reason ? OUTCOME_UNAVAILABLE : OUTCOME_SENT, reason);
}

static void test_consent(void **state) {
  (void)state;
  static const char *const policies[] = {"", "policy \"p\" { why = \"signed on paper\", consent = \"by_enrolment\" }\n",
                                         "policy \"p\" { why = \"x\", consent = \"explicit\" }\n"};
  for (size_t k = 0; k < 3; k++) {
    char rules[4096];
    snprintf(rules, sizeof rules, "%s%s", RULES, policies[k]);
    struct world *w = world_new(rules);
    expect(w, "ping", "{}", "calm", NULL);
    w->user->consent = CONSENT_WITHDRAWN;
    expect(w, "ping", "{}", "calm", "opted_out");
    w->user->consent = CONSENT_UNKNOWN;
    expect(w, "ping", "{}", "calm", k == 1 ? NULL : "consent_unknown");
    /* Whom nobody enrolled: somebody new under the id of somebody who was erased. */
    assert_true(user_set_mark(w->user, user_returned_key(), NOON, 0));
    expect(w, "ping", "{}", "calm", "consent_unknown");
    world_free(w);
  }
}

/* The minors' profile, whole. */
static void test_minors(void **state) {
  (void)state;
  static const struct {
    int32_t age;
    bool guardian;
    const char *calm, *harder, *sprint, *trial;
  } table[] = {
      {40, false, NULL, NULL, NULL, NULL},
      {18, false, NULL, NULL, NULL, NULL},
      {18, true, NULL, NULL, NULL, NULL},
      {17, false, "minor", "minor", "minor", "minor"},
      {17, true, NULL, "minor", "minor", "minor"},
      {0, true, NULL, "minor", "minor", "minor"},
      {-1, false, "minor", "minor", "minor", "minor"},
      {-1, true, NULL, "minor", "minor", "minor"},
  };
  struct world *w = world_new(RULES);
  for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
    w->user->age = table[k].age;
    w->user->minor_consent = table[k].guardian;
    expect(w, "ping", "{}", "calm", table[k].calm);
    /* an option that is forbidden leaves a trigger without options; the option's own reason is recorded beside it */
    bool person = table[k].calm != NULL;
    expect(w, "pong", "{\"n\":1}", "harder", table[k].harder ? person ? "minor" : "no_option" : NULL);
    if (table[k].harder && !person) assert_string_equal(w->decisions[0].candidates[0].reason, "minor");
    expect(w, "pong", "{\"n\":2}", "sprint", table[k].sprint ? person ? "minor" : "no_option" : NULL);
    expect(w, "pong", "{\"n\":3}", "trial", table[k].trial);
  }
  world_reload(w, RULES "policy \"p\" { why = \"x\", minors_nothing = true }\n");
  w->user->age = 17;
  w->user->minor_consent = true;
  expect(w, "ping", "{}", "calm", "minor");
  w->user->age = 18;
  expect(w, "ping", "{}", "calm", NULL);
  world_free(w);
}

/* C5: who is held out gets nothing, whatever happens; the share is met; a growing share keeps everyone who was in. */
static void test_holdout(void **state) {
  (void)state;
  static const char *const policies[] = {"policy \"p\" { why = \"x\", holdout = 0.1 }\n", "policy \"p\" { why = \"x\", holdout = 0.3 }\n"};
  enum { PEOPLE = 3000 };
  static bool out[2][PEOPLE];
  size_t counts[2] = {0};
  for (int k = 0; k < 2; k++) {
    char rules[4096];
    snprintf(rules, sizeof rules, "%s%s", RULES, policies[k]);
    struct world *w = world_new(rules);
    for (int i = 0; i < PEOPLE; i++) {
      char id[16];
      snprintf(id, sizeof id, "p%d", i);
      world_person(w, id);
      for (int hour = 0; hour < 3; hour++) {
        world_event(w, "ping", "{}", NOON + hour * 61 * CLOCK_MINUTE);
        bool held = world_sent(w) == 0;
        if (held) expect_outcome(w, "calm", OUTCOME_UNAVAILABLE, "holdout");
        if (hour && held != out[k][i]) fail_msg("%s left its group", id);
        out[k][i] = held;
      }
      counts[k] += out[k][i];
    }
    world_free(w);
  }
  for (int i = 0; i < PEOPLE; i++)
    if (out[0][i]) assert_true(out[1][i]);
  assert_in_range(counts[0], 240, 360); /* 3.6 standard deviations around 300 */
  assert_in_range(counts[1], 810, 990);
}

/* Of several policies each word counts that is the strictest, whichever of them says it. */
static void test_the_strictest_of_policies(void **state) {
  (void)state;
#define STRICT                                                                                                                             \
  "quiet = { from = \"19:00\", to = \"10:00\" }, per_day = 1, per_week = 2, gap = 5 * hours, holdout = 0.5, minors_nothing = true"
#define MILD                                                                                                                               \
  "quiet = { from = \"20:00\", to = \"09:00\" }, per_day = 2, per_week = 9, gap = 2 * hours, holdout = 0.1, minors_nothing = false"
  static const char *const policies[] = {"policy \"a\" { why = \"x\", " STRICT " }\npolicy \"b\" { why = \"x\", " MILD " }\n",
                                         "policy \"a\" { why = \"x\", " MILD " }\npolicy \"b\" { why = \"x\", " STRICT " }\n"};
  for (size_t k = 0; k < 2; k++) {
    char rules[4096];
    snprintf(rules, sizeof rules, "%s%s", RULES, policies[k]);
    struct world *w = world_new(rules);
    size_t out = 0;
    for (int i = 0; i < 400; i++) {
      char id[16];
      snprintf(id, sizeof id, "p%d", i);
      world_person(w, id);
      world_event(w, "ping", "{}", NOON);
      const struct guard_figures *g = &world_of(w, "calm")->guard;
      assert_int_equal(g->day_most, 1);
      assert_int_equal(g->week_most, 2);
      out += world_sent(w) == 0;
    }
    assert_in_range(out, 160, 240);
    while (rules_hold_out(w->program->rules, w->user)) snprintf(w->id, sizeof w->id, "q%d", (int)out++), w->user->id = str_from(w->id);
    static const struct {
      const char *clock, *reason;
    } hours[] = {{"2025-06-01T09:59:00Z", "quiet_hours"}, {"2025-06-01T10:00:00Z", NULL}, {"2025-06-01T19:00:00Z", "quiet_hours"}};
    for (size_t h = 0; h < 3; h++) {
      w->user->send_count = 0;
      world_event(w, "ping", "{}", at(hours[h].clock));
      expect_outcome(w, "calm", hours[h].reason ? OUTCOME_UNAVAILABLE : OUTCOME_SENT, hours[h].reason);
    }
    w->user->send_count = 0;
    w->user->age = 15;
    w->user->minor_consent = true;
    expect(w, "ping", "{}", "calm", "minor");
    world_free(w);
  }
}

/* Of a stage for everybody as many stay out as its fact says, the same ones until its hold is over; facts that say none hold nobody. */
static void test_holdback(void **state) {
  (void)state;
  enum { PEOPLE = 1000 };
  static bool out[PEOPLE];
  size_t count = 0;
  struct world *w =
      world_new(RULES "rollout \"r\" { why = \"x\", gates = { \"trigger:calm\" }, stages = { { name = \"half\", share = 0.5 },"
                      " { name = \"all\", share = 1, hold = 5 * days } } }\n");
  world_fact(w, "{\"kind\":\"rollout\",\"name\":\"r\",\"stage\":1,\"held\":false,\"holdback\":0.05,\"at\":\"2025-05-30T12:00:00Z\"}");
  world_fact(
      w,
      "{\"kind\":\"rollout\",\"name\":\"r\",\"stage\":1,\"held\":true,\"at\":\"2025-05-31T12:00:00Z\"}"); /* held by hand: the same stage */
  for (int i = 0; i < PEOPLE; i++) {
    char id[16];
    snprintf(id, sizeof id, "p%d", i);
    world_person(w, id);
    world_event(w, "ping", "{}", NOON);
    out[i] = world_sent(w) == 0;
    count += out[i];
    if (!out[i]) continue;
    expect_outcome(w, "calm", OUTCOME_GATED, "rollout_holdback");
    assert_true(world_of(w, "calm")->held_back.until == NOON + 3 * CLOCK_DAY && world_of(w, "calm")->entered == 0);
    world_event(w, "ping", "{}", NOON + 3 * CLOCK_DAY - 1);
    expect_outcome(w, "calm", OUTCOME_GATED, "rollout_holdback");
    world_event(w, "ping", "{}", NOON + 3 * CLOCK_DAY);
    expect_outcome(w, "calm", OUTCOME_SENT, NULL);
  }
  assert_in_range(count, 25, 75); /* 3.6 standard deviations around 50 */
  world_fact(w, "{\"kind\":\"rollout\",\"name\":\"r\",\"stage\":0,\"held\":false,\"at\":\"2025-05-30T13:00:00Z\"}");
  world_fact(w,
             "{\"kind\":\"rollout\",\"name\":\"r\",\"stage\":1,\"held\":false,\"at\":\"2025-05-30T14:00:00Z\"}"); /* of an older journal */
  for (int i = 0; i < PEOPLE; i++) {
    char id[16];
    if (!out[i]) continue;
    snprintf(id, sizeof id, "p%d", i);
    world_person(w, id);
    world_event(w, "ping", "{}", NOON);
    expect_outcome(w, "calm", OUTCOME_SENT, NULL);
  }
  world_free(w);
}

static void test_kills(void **state) {
  (void)state;
  struct world *w =
      world_new(RULES "rollout \"r\" { why = \"x\", gates = { \"trigger:calm\" }, stages = { { name = \"all\", share = 1, hold "
                      "= 1 * days } } }\n");
  static const struct {
    const char *name, *reason;
    enum outcome outcome;
  } kills[] = {{"all", "killed", OUTCOME_UNAVAILABLE},
               {"trigger:calm", "killed", OUTCOME_UNAVAILABLE},
               {"intervention:calm", "no_option", OUTCOME_UNAVAILABLE},
               {"rollout:r", "not_in_rollout", OUTCOME_GATED},
               {"trigger:other", NULL, OUTCOME_SENT},
               {"intervention:harder", NULL, OUTCOME_SENT}};
  for (size_t k = 0; k < sizeof kills / sizeof *kills; k++) {
    char fact[128];
    snprintf(fact, sizeof fact, "{\"kind\":\"kill\",\"name\":\"%s\"}", kills[k].name);
    world_fact(w, fact);
    world_fact(w, fact); /* said twice is said once */
    w->user->send_count = 0;
    world_event(w, "ping", "{}", NOON);
    expect_outcome(w, "calm", kills[k].outcome, kills[k].reason);
    snprintf(fact, sizeof fact, "{\"kind\":\"unkill\",\"name\":\"%s\"}", kills[k].name);
    world_fact(w, fact);
    w->user->send_count = 0;
    world_event(w, "ping", "{}", NOON);
    expect_outcome(w, "calm", OUTCOME_SENT, NULL);
  }
  world_fact(w, "{\"kind\":\"kill\",\"name\":\"experiment:trial\"}");
  w->user->send_count = 0;
  world_event(w, "pong", "{\"n\":3}", NOON);
  expect_outcome(w, "trial", OUTCOME_UNAVAILABLE, "killed");
  /* Each is lifted by its own name only. */
  world_fact(w, "{\"kind\":\"kill\",\"name\":\"all\"}");
  world_fact(w, "{\"kind\":\"kill\",\"name\":\"trigger:calm\"}");
  world_fact(w, "{\"kind\":\"unkill\",\"name\":\"trigger:calm\"}");
  expect(w, "ping", "{}", "calm", "killed");
  world_fact(w, "{\"kind\":\"kill\",\"name\":\"trigger:calm\"}");
  world_fact(w, "{\"kind\":\"unkill\",\"name\":\"all\"}");
  expect(w, "ping", "{}", "calm", "killed");
  world_free(w);
}

static void test_facts_that_are_not_ours(void **state) {
  (void)state;
  struct controls c = {0};
  struct arena a = {0};
  struct err e = {0};
  assert_true(controls_apply(&c, STR("{\"kind\":\"program\",\"name\":\"x\"}"), &a, &e));
  assert_true(controls_apply(&c, STR("{\"kind\":\"something new\"}"), &a, &e));
  assert_int_equal(c.killed_count, 0);
  assert_false(controls_apply(&c, STR("{\"kind\":\"rollout\",\"name\":\"x\"}"), &a, &e));
  assert_int_equal(e.kind, ERR_INPUT);
  assert_false(controls_apply(&c, STR("not json"), &a, &e));
  for (int i = 0; i < 200; i++) { /* a sorted set, whatever the order of the facts */
    char fact[64];
    snprintf(fact, sizeof fact, "{\"kind\":\"%s\",\"name\":\"trigger:%d\"}", i % 3 ? "kill" : "unkill", i * 37 % 50);
    assert_true(controls_apply(&c, str_from(fact), &a, &e));
  }
  for (size_t i = 1; i < c.killed_count; i++) assert_true(c.killed[i - 1] < c.killed[i]);
  controls_free(&c);
  arena_free(&a);
}

/* C9: every reason is said in English and in Russian, once, and each is its own sentence. */
static void test_every_reason_has_its_words(void **state) {
  (void)state;
  static const char *const words[] = {
#define REASON(name, word, english, russian) word,
#include "reasons.h"
#undef REASON
  };
  size_t count = sizeof words / sizeof *words;
  assert_in_range(count, 15, 60);
  for (size_t i = 0; i < count; i++) {
    struct str word = str_from(words[i]);
    const char *english = reason_sentence(word.at, word.len, "en"), *russian = reason_sentence(word.at, word.len, "ru");
    assert_true(reason_constant(word.at, word.len) != NULL);
    assert_true(strlen(english) > word.len && strchr(english, ' '));
    assert_true(str_utf8(str_from(russian)) && strcmp(english, russian) != 0);
    assert_true((unsigned char)russian[0] >= 0xd0); /* Cyrillic */
    for (size_t k = 0; k < i; k++) {
      assert_string_not_equal(words[k], words[i]);
      assert_string_not_equal(reason_sentence(words[k], strlen(words[k]), "ru"), russian);
    }
  }
  assert_string_equal(reason_sentence("unheard_of", 10, "ru"), "unheard_of");
  assert_null(reason_constant("unheard_of", 10));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_consent),
      cmocka_unit_test(test_minors),
      cmocka_unit_test(test_holdout),
      cmocka_unit_test(test_the_strictest_of_policies),
      cmocka_unit_test(test_holdback),
      cmocka_unit_test(test_kills),
      cmocka_unit_test(test_facts_that_are_not_ours),
      cmocka_unit_test(test_every_reason_has_its_words),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
