/* rooms: decide program accept kit */
/* Experiments at their edges: an arm that cannot be carried out is no draw, also where it means whatever is offered; silences of several
 * arms are one propensity; what has ended gives everybody its control arm and nothing that may not be sent; only an arm of a user is
 * something that conditions can read. */
#include "decide_world.h"

#define NOON    at("2025-06-02T12:00:00Z")
#define BASE    RULES_PING RULES_OPTION("strong", "accept = \"event.n > 5\",") RULES_OPTION("weak", "accept = \"event.n > 2\",")
#define TRIGGER "trigger \"t\" { why = \"x\", on = { \"ping\" }, offer = { \"weak\" } }\n"
#define TRIAL(revision, by, arms)                                                                                                          \
  BASE TRIGGER "experiment \"x\" { why = \"x\", revision = " revision ", at = \"trigger:t\", randomise = \"" by "\", arms = { " arms       \
               " }, outcome = { metric = \"n\", within = 1 * hours } }\n"
#define SILENCE(name, weight)      name " = { weight = " weight ", send = nothing }"
#define OFFERED(name, weight)      name " = { weight = " weight " }"
#define SENDS(name, weight, which) name " = { weight = " weight ", send = \"" which "\" }"
#define ENDED(revision)            "{\"kind\":\"experiment\",\"name\":\"x\",\"revision\":" revision ",\"ended\":true}"

static const struct decision *ping(struct world *w, const char *data) {
  w->user->send_count = 0;
  world_event(w, "ping", data, NOON);
  return world_of(w, "t");
}

static const char *option_of(const struct world *w, const struct decision *d) {
  return d->option == NO_ONE ? "nothing" : option_noun(w->program->rules, d->option)->at.name.at;
}

static void silences_are_one_propensity(void **state) {
  (void)state;
  struct world *w = world_new(TRIAL("1", "decision", SILENCE("a", "0.2") ", " SILENCE("b", "0.3") ", " SENDS("c", "0.5", "weak")));
  for (int i = 0; i < 50; i++) {
    const struct decision *d = ping(w, "{\"n\":3}");
    assert_true(d->drawn && d->silence == 0.5 && d->candidates[0].propensity == 0.5);
    assert_int_equal(d->candidate_count, 1); /* offered and named by an arm: one option */
    assert_int_equal(d->outcome, d->arm == 2 ? OUTCOME_SENT : OUTCOME_SILENT);
  }
  world_free(w);
}

/* Arms never move, whatever the engine's version: what is drawn is a function of revision and user, or of the decision too. */
static void draws_are_what_they_were(void **state) {
  (void)state;
  static const char *const rules[] = {TRIAL("3", "user", SILENCE("a", "0.5") ", " SENDS("b", "0.5", "weak")),
                                      TRIAL("3", "decision", SILENCE("a", "0.5") ", " SENDS("b", "0.5", "weak"))};
  for (size_t k = 0; k < 2; k++) {
    struct world *w = world_new(rules[k]);
    for (int i = 0; i < 20; i++) {
      const struct decision *d = ping(w, "{\"n\":3}");
      const double u =
          k ? rng_draw(STR("x#3"), STR("ann"), d->id, STR("arm of decision")) : rng_draw(STR("x#3"), STR("ann"), 0, STR("arm of user"));
      assert_true(d->uniform == u && d->arm == (u < 0.5 ? 0 : 1));
    }
    world_free(w);
  }
}

/* Beside silence alone: nothing that is offered may be sent, and nothing is drawn. */
static void nothing_left_is_no_draw(void **state) {
  (void)state;
  struct world *w = world_new(TRIAL("1", "decision", SILENCE("a", "0.5") ", " OFFERED("b", "0.5")));
  for (int i = 0; i < 50; i++) {
    const struct decision *d = ping(w, "{\"n\":1}");
    expect_outcome(w, "t", OUTCOME_UNAVAILABLE, "no_option");
    assert_true(!d->drawn && d->arm == NO_ONE && str_is(d->detail, "b"));
    assert_null(user_mark(w->user, mark_key("exposed", STR("x#1"))));
  }
  world_free(w);
}

static void only_a_users_arm_is_read(void **state) {
  (void)state;
  static const char *const rules[] = {TRIAL("1", "decision", SILENCE("a", "0.5") ", " SENDS("b", "0.5", "weak")),
                                      TRIAL("1", "user", SILENCE("a", "0.5") ", " SENDS("b", "0.5", "weak"))};
  for (size_t k = 0; k < 2; k++) {
    char text[4096];
    snprintf(text, sizeof text, "%strigger \"later\" { why = \"x\", on = { \"pong\" }, when = \"known(arm.x)\", offer = { \"weak\" } }\n",
             rules[k]);
    struct world *w = world_new(text);
    ping(w, "{\"n\":3}");
    assert_non_null(user_mark(w->user, mark_key("exposed", STR("x#1"))));
    world_event(w, "pong", "{\"n\":3}", NOON);
    assert_int_equal(w->count, k);
    world_free(w);
  }
}

static bool tells(const struct world *w, const char *words) {
  return memmem(w->records[0].at, w->records[0].len, words, strlen(words)) != NULL;
}

/* What somebody becomes later moves them into no other stratum: it is written down with the first exposure, and never again. */
static void strata_are_taken_once(void **state) {
  (void)state;
  struct world *w = world_new(BASE TRIGGER "experiment \"x\" { why = \"x\", revision = 1, at = \"trigger:t\", randomise = \"decision\", "
                                           "strata = { \"event.n\" }, arms = { " SILENCE("a", "0.5") ", " SENDS(
                                               "b", "0.5", "weak") " }, "
                                                                   "outcome = { metric = \"n\", within = 1 * hours } }\n");
  for (int i = 0; i < 3; i++) {
    assert_int_equal(ping(w, i ? "{\"n\":5}" : "{\"n\":3}")->exposed_first, i == 0);
    assert_int_equal(tells(w, "\"strata\":{\"event.n\":3}"), i == 0);
    assert_int_equal(tells(w, "\"strata\""), i == 0);
  }
  world_free(w);
}

/* ---- the end ---- */

#define CONTROLLED SENDS("control", "0.3", "weak") ", " SILENCE("quiet", "0.3") ", " SENDS("rest", "0.4", "strong")
#define QUIET      SILENCE("quiet", "0.5") ", " SENDS("rest", "0.5", "strong")
#define TWO        SILENCE("one", "0.3") ", " SILENCE("other", "0.3") ", " SENDS("rest", "0.4", "strong")
#define BOTH       SENDS("rest", "0.5", "strong") ", " SENDS("too", "0.5", "weak")

static void the_end_is_the_control_arm(void **state) {
  (void)state;
  static const struct {
    const char *rules, *option, *reason;
  } cases[] = {{TRIAL("1", "decision", CONTROLLED), "weak", ""}, /* the arm of that name, though another is the only silent one */
               {TRIAL("1", "decision", QUIET), "nothing", "experiment_ended"},
               {TRIAL("1", "decision", TWO), "nothing", "experiment_ended"},
               {TRIAL("1", "decision", BOTH), "nothing", "experiment_ended"}, /* none is one: silence */
               {TRIAL("1", "user", CONTROLLED), "weak", ""}};
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
    struct world *w = world_new(cases[k].rules);
    assert_int_equal(experiment_control(w->program->rules, 0), k == 0 || k == 1 || k == 4 ? 0 : NO_ONE);
    world_fact(w, ENDED("1"));
    for (int i = 0; i < 20; i++) {
      const struct decision *d = ping(w, "{\"n\":9}");
      assert_string_equal(option_of(w, d), cases[k].option);
      assert_string_equal(d->reason ? d->reason : "", cases[k].reason);
      assert_true(d->ended && !d->drawn && d->arm == NO_ONE);
      assert_null(user_mark(w->user, mark_key("exposed", STR("x#1"))));
    }
    world_free(w);
  }
}

/* The end opens no way around what keeps an option from being sent; and what keeps other arms from it is nobody's any more. */
static void the_end_sends_nothing_forbidden(void **state) {
  (void)state;
  struct world *w = world_new(TRIAL("1", "decision", CONTROLLED));
  ping(w, "{\"n\":3}");
  expect_outcome(w, "t", OUTCOME_UNAVAILABLE, "not_accepted");
  world_fact(w, ENDED("1"));
  ping(w, "{\"n\":3}"); /* the strong one may not be sent, the control arm's may */
  expect_outcome(w, "t", OUTCOME_SENT, NULL);
  ping(w, "{\"n\":1}");
  expect_outcome(w, "t", OUTCOME_UNAVAILABLE, "not_accepted");
  world_fact(w, "{\"kind\":\"kill\",\"name\":\"intervention:weak\"}");
  ping(w, "{\"n\":9}");
  expect_outcome(w, "t", OUTCOME_UNAVAILABLE, "killed");
  world_free(w);
}

/* A revision ends by itself: the next one is drawn. */
static void another_revision_goes_on(void **state) {
  (void)state;
  struct world *w = world_new(TRIAL("2", "decision", QUIET));
  world_fact(w, ENDED("1"));
  assert_true(ping(w, "{\"n\":9}")->drawn);
  world_fact(w, ENDED("3"));
  assert_true(ping(w, "{\"n\":9}")->drawn);
  world_fact(w, ENDED("2"));
  assert_false(ping(w, "{\"n\":9}")->drawn);
  world_reload(w, TRIAL("4", "decision", QUIET));
  assert_true(ping(w, "{\"n\":9}")->drawn);
  world_free(w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(silences_are_one_propensity),     cmocka_unit_test(draws_are_what_they_were),
      cmocka_unit_test(nothing_left_is_no_draw),         cmocka_unit_test(only_a_users_arm_is_read),
      cmocka_unit_test(strata_are_taken_once),           cmocka_unit_test(the_end_is_the_control_arm),
      cmocka_unit_test(the_end_sends_nothing_forbidden), cmocka_unit_test(another_revision_goes_on),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
