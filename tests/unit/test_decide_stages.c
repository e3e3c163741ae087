/* rooms: decide program accept kit stats */
/* The conditions of a rollout that moves by itself: a name alone is the bound on the careful side, so that an advance reads the worst that
 * a figure may be and a halt the best; name.estimate is the point; what is not known moves nothing. */
#include "decide_world.h"

#define METRICS                                                                                                                            \
  "metric \"done\" { per = \"user\", measure = \"happened\", of = \"ping\", window = 1 * hours }\n"                                        \
  "metric \"pain\" { per = \"user\", measure = \"happened\", of = \"pong\", window = 1 * hours, better = \"lower\" }\n"
#define TRIGGER "trigger \"t\" { why = \"x\", on = \"ping\", offer = \"walk\" }\n" RULES_OPTION("walk", "")
#define ROLLOUT(conditions)                                                                                                                \
  "rollout \"r\" { why = \"x\", gates = \"trigger:t\", " conditions                                                                        \
  ", stages = { { name = \"one\", share = 0.1 }, { name = \"two\", share = 1 } } }\n"
#define RULES(conditions) RULES_PING METRICS TRIGGER ROLLOUT(conditions)

static const struct moments few[2][REACHED_GROUPS] = {{{99, .4, .24, 0}, {99, .6, .24, 0}}, {{99, .4, .24, 0}, {99, .2, .16, 0}}};
static const struct moments many[2][REACHED_GROUPS] = {{{4000, .4, .24, 0}, {4000, .6, .24, 0}}, {{4000, .4, .24, 0}, {4000, .2, .16, 0}}};

static struct stage_figures figures(const struct moments (*metrics)[REACHED_GROUPS]) {
  return (struct stage_figures){
      .counted = true, .decisions = 500, .users = 200, .metrics = metrics, .rates = {{10, 200}, {0, 200}, {0, 0}}};
}

static enum truth asks(const char *rules, const struct stage_figures *f, bool halts) {
  struct program *p = world_good(rules);
  struct arena a = {0};
  struct str why;
  const enum truth truth = halts ? rollout_halts(p->rules, 0, f, &a, &why) : rollout_advances(p->rules, 0, f, &a, &why);
  arena_free(&a);
  program_free(p);
  return truth;
}

#define ADVANCES(condition, f) asks(RULES("advance = \"" condition "\""), f, false)
#define HALTS(condition, f)    asks(RULES("halt = \"" condition "\""), f, true)

static void counts_are_themselves(void **state) {
  (void)state;
  struct stage_figures f = figures(many);
  assert_int_equal(ADVANCES("decisions >= 500 and users >= 200", &f), TRUTH_TRUE);
  assert_int_equal(ADVANCES("decisions > 500", &f), TRUTH_FALSE);
  f.counted = false;
  assert_int_equal(ADVANCES("decisions >= 500", &f), TRUTH_UNKNOWN);
}

static void shares_are_bounded_on_the_careful_side(void **state) {
  (void)state;
  const struct stage_figures f = figures(many); /* 10 of 200 left: 5 % */
  assert_int_equal(ADVANCES("opt_out_rate.estimate <= 5 * percent", &f), TRUTH_TRUE);
  assert_int_equal(ADVANCES("opt_out_rate < 6 * percent", &f), TRUTH_FALSE); /* it may be more */
  assert_int_equal(ADVANCES("opt_out_rate < 15 * percent", &f), TRUTH_TRUE);
  assert_int_equal(HALTS("opt_out_rate > 4 * percent", &f), TRUTH_FALSE); /* it may be less */
  assert_int_equal(HALTS("opt_out_rate > 1 * percent", &f), TRUTH_TRUE);
  assert_int_equal(ADVANCES("complaint_rate < 1 * percent", &f), TRUTH_FALSE); /* none of 200 does not say that */
  assert_int_equal(ADVANCES("complaint_rate < 5 * percent", &f), TRUTH_TRUE);
  assert_int_equal(ADVANCES("webhook_error_rate < 50 * percent", &f), TRUTH_UNKNOWN); /* nothing ended yet */
  struct stage_figures all = f;
  all.rates[RATE_OPT_OUT] = (struct rate_count){12, 10}; /* more left than are known to have come: a share is no more than all */
  assert_int_equal(ADVANCES("opt_out_rate.estimate == 1", &all), TRUTH_TRUE);
  assert_int_equal(HALTS("opt_out_rate > 60 * percent", &all), TRUTH_TRUE);
}

static void metrics_are_bounded_on_the_careful_side(void **state) {
  (void)state;
  const struct stage_figures f = figures(many); /* done: .6 beside .4, so lift .5; pain: .2 beside .4 */
  assert_int_equal(ADVANCES("done.lift.estimate > 49 * percent and done.difference.estimate > 19 * percent", &f), TRUTH_TRUE);
  assert_int_equal(ADVANCES("done.lift > 49 * percent", &f), TRUTH_FALSE);
  assert_int_equal(ADVANCES("done.lift > 30 * percent", &f), TRUTH_TRUE);
  assert_int_equal(ADVANCES("done > 59 * percent", &f), TRUTH_FALSE);
  assert_int_equal(ADVANCES("done > 50 * percent", &f), TRUTH_TRUE);
  assert_int_equal(HALTS("done.difference < 21 * percent", &f), TRUTH_FALSE);
  assert_int_equal(HALTS("done.difference < 30 * percent", &f), TRUTH_TRUE);
  assert_int_equal(ADVANCES("pain.difference < -19 * percent", &f), TRUTH_FALSE);
  assert_int_equal(ADVANCES("pain.difference < -10 * percent", &f), TRUTH_TRUE);
  assert_int_equal(HALTS("pain > 19 * percent", &f), TRUTH_FALSE);
  assert_int_equal(HALTS("pain > 10 * percent", &f), TRUTH_TRUE);
}

static void errors_of_people_bound_decisions(void **state) {
  (void)state;
  static const struct moments crowd[1][REACHED_GROUPS] = {{{4000, .4, .24, 400}, {4000, .6, .24, 400}}},
                              handful[1][REACHED_GROUPS] = {{{4000, .4, .24, 400}, {4000, .6, .24, 99}}};
  struct stage_figures f = figures(crowd);
  struct program *p = world_good(RULES("advance = \"done.lift > 30 * percent\""));
  struct arena a = {0};
  struct str why;
  assert_int_equal(rollout_advances(p->rules, 0, &f, &a, &why), TRUTH_TRUE);
  if (!strstr(why.at, "(0.6 of 4000 decisions of 400 people, 0.4 of 4000 not reached)")) fail_msg("%s", why.at);
  arena_free(&a);
  program_free(p);
  f.metrics = handful; /* four thousand decisions, but of too few people */
  assert_int_equal(ADVANCES("done.lift > -1000", &f), TRUTH_UNKNOWN);
}

static void says(const char *rules, const struct stage_figures *f, bool halts, const char *sentence) {
  struct program *p = world_good(rules);
  struct arena a = {0};
  struct str why = {0};
  if (halts) rollout_halts(p->rules, 0, f, &a, &why);
  else rollout_advances(p->rules, 0, f, &a, &why);
  if (!why.at || !strstr(why.at, sentence)) fail_msg("expected \"%s\" in \"%s\"", sentence, why.at ? why.at : "");
  arena_free(&a);
  program_free(p);
}

/* A bound is told as the one it is, with no bad one of many too, where it is the share itself. */
static void a_bound_is_told_as_what_it_is(void **state) {
  (void)state;
  struct stage_figures f = figures(many);
  f.rates[RATE_OPT_OUT] = (struct rate_count){0, 161};
  says(RULES("halt = \"opt_out_rate > 0.1\""), &f, true, "opt_out_rate 0 (0 of 161), at least 0 with 95 % confidence");
  says(RULES("advance = \"opt_out_rate < 0.1\""), &f, false, "opt_out_rate 0 (0 of 161), at most 0.0");
  f.rates[RATE_OPT_OUT] = (struct rate_count){161, 161};
  says(RULES("advance = \"opt_out_rate < 0.1\""), &f, false, "opt_out_rate 1 (161 of 161), at most 1 with");
  says(RULES("halt = \"done.difference < 0\""), &f, true, "done.difference at most 0.2");
  says(RULES("halt = \"pain.difference > 0\""), &f, true, "pain.difference at least -0.2");
  says(RULES("advance = \"done.difference > 0\""), &f, false, "done.difference at least 0.1");
  says(RULES("advance = \"done.difference.estimate > 0\""), &f, false, "done.difference.estimate 0.2 (0.6 of 4000");
}

static void too_few_people_say_nothing(void **state) {
  (void)state;
  const struct stage_figures f = figures(few);
  assert_int_equal(ADVANCES("done.lift > -1000", &f), TRUTH_UNKNOWN);
  assert_int_equal(HALTS("done.lift.estimate < 1000", &f), TRUTH_UNKNOWN);
}

static bool finds(const char *rules, const char *sentence, enum finding_level level) {
  struct program *p = world_build(rules);
  bool found = false;
  for (size_t i = 0; i < p->findings.count; i++) found |= p->findings.at[i].level == level && strstr(p->findings.at[i].text, sentence);
  program_free(p);
  return found;
}

static void what_cannot_be_known_is_told(void **state) {
  (void)state;
  assert_true(finds(RULES("advance = \"decsions >= 500\""), "(did you mean \"decisions\"?)", FINDING_ERROR));
  assert_true(finds(RULES("advance = \"done.lft > 0\""), "advance: column 1: \"done.lft\" is no figure", FINDING_ERROR) ||
              finds(RULES("advance = \"done.lft > 0\""), "\"done.lft\" is no figure", FINDING_ERROR));
  assert_true(finds(RULES("advance = \"done > 5\""), "can never be true", FINDING_WARNING));
  assert_true(finds(RULES("advance = \"users > 5\""), "stages.1: without \"hold\"", FINDING_WARNING));
  assert_false(finds(RULES("advance = \"users > 5\""), "stages.2: without", FINDING_WARNING)); /* nothing follows the last one */
  assert_false(finds(RULES("halt = \"opt_out_rate > 0.5\""), "without \"hold\"", FINDING_WARNING));
  assert_false(finds(RULES_PING "metric \"m\" { per = \"decision\", measure = \"count\", of = \"ping\", window = 60 }\n" TRIGGER ROLLOUT(
                         "advance = \"m.lift > 0\""),
                     "stays unknown", FINDING_WARNING));
  assert_true(finds(RULES_PING "metric \"m\" { per = \"user\", measure = \"count\", of = \"ping\" }\n" TRIGGER ROLLOUT("halt = \"m < 1\""),
                    "\"m\" stays unknown: the metric says no `window`", FINDING_WARNING));
  assert_true(finds(RULES_PING "metric \"m\" { per = \"user\", measure = \"count\", of = \"ping\", where = \"event.nope > 1\" }\n" TRIGGER,
                    "metric \"m\": where: ", FINDING_WARNING));
}

static void one_mistake_is_told_once(void **state) {
  (void)state;
  static const char *const slips[] = {
      RULES_PING TRIGGER "rollout \"r\" { why = \"x\", gates = \"trigger:t\", stages = { { name = \"a\", share = 50 } } }\n",
      RULES_PING TRIGGER "rollout \"r\" { why = \"x\", gates = \"trigger:t\", stages = { { name = \"a\" } } }\n",
      RULES_PING TRIGGER "rollout \"r\" { why = \"x\", gates = \"t\", stages = { { name = \"a\", share = 1 } } }\n",
      RULES_PING TRIGGER "rollout \"r\" { why = \"x\", gates = \"trigger:u\", stages = { { name = \"a\", share = 1 } } }\n",
      RULES_PING TRIGGER "rollout \"r\" { why = \"x\", gates = \"trigger:t\", stages = { { name = \"a\", share = 0 } } }\n",
  };
  for (size_t i = 0; i < sizeof slips / sizeof *slips; i++) {
    struct program *p = world_build(slips[i]);
    if (p->findings.errors != 1) fail_msg("%zu errors for %s", p->findings.errors, slips[i]);
    program_free(p);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(counts_are_themselves),
      cmocka_unit_test(shares_are_bounded_on_the_careful_side),
      cmocka_unit_test(metrics_are_bounded_on_the_careful_side),
      cmocka_unit_test(errors_of_people_bound_decisions),
      cmocka_unit_test(a_bound_is_told_as_what_it_is),
      cmocka_unit_test(too_few_people_say_nothing),
      cmocka_unit_test(what_cannot_be_known_is_told),
      cmocka_unit_test(one_mistake_is_told_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
