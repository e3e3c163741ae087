/* rooms: program accept book kit */
/* What is found in a program without running it: each finding word for word, with its witness; and nothing of the kind where nothing is
 * wrong. */
#include "decide_world.h"

#define HEAD                                                                                                                               \
  "event \"ping\" { fields = { n = { type = \"number\", low = 0, high = 10 }, w = { type = \"integer\", low = 1, high = 5 },\n"            \
  "  kind = { type = \"text\", one_of = { \"run\", \"walk\" } } } }\n"                                                                     \
  "event \"pong\" {}\n"                                                                                                                    \
  "intervention \"walk\" { message = { en = \"walk\" }, accept = \"event.n < 2\" }\n"                                                      \
  "intervention \"rest\" { message = { en = \"rest\" } }\n"                                                                                \
  "trigger \"base\" { why = \"w\", on = \"pong\", offer = { \"walk\", \"rest\" } }\n"
#define TRIGGER(name, when, more) "trigger \"" name "\" { why = \"w\", on = \"ping\", when = \"" when "\", offer = \"rest\", " more " }\n"

/* All findings of what follows HEAD, a line each: "7 warning: …". */
static void finds(const char *rules, const char *wanted) {
  char text[8192];
  struct buf out = {0};
  static const char *const levels[] = {"note", "warning", "error"};
  snprintf(text, sizeof text, HEAD "%s", rules);
  struct program *p = world_build(text);
  for (size_t i = 0; i < p->findings.count; i++)
    buf_printf(&out, "%d %s: %s\n", p->findings.at[i].line, levels[p->findings.at[i].level], p->findings.at[i].text);
  buf_char(&out, 0);
  if (strcmp(out.at, wanted) != 0) fail_msg("%s\n-- gave\n%s-- wanted\n%s", rules, out.at, wanted);
  buf_free(&out);
  program_free(p);
}

static void conditions_that_never_are(void **state) {
  (void)state;
  finds(TRIGGER("t", "event.n > 10", ""),
        "7 warning: trigger \"t\": when can never be true: \"event.n > 10\" never is (event.n lies from 0 to 10)\n");
  finds(TRIGGER("t", "stress_level > 8 and event.n > 3 and stress_level < 2", ""),
        "7 warning: trigger \"t\": when can never be true: \"stress_level > 8\" and \"stress_level < 2\" are never true together\n");
  finds(TRIGGER("t", "event.w > 3 and event.w < 4", ""),
        "7 warning: trigger \"t\": when can never be true: \"event.w > 3\" and \"event.w < 4\" are never true together\n");
  finds(TRIGGER("t", "event.kind == 'swim'", ""),
        "7 warning: trigger \"t\": when can never be true: \"event.kind == 'swim'\" never is (event.kind is \"run\" or \"walk\")\n");
  finds(
      TRIGGER("t", "event.local_hour >= 24", ""),
      "7 warning: trigger \"t\": when can never be true: \"event.local_hour >= 24\" never is (event.local_hour lies from 0 to 23.9833)\n");
  finds(TRIGGER("t", "(stress_level > 3 or event.n > 3) and stress_level < 2 and event.n < 2", ""),
        "7 warning: trigger \"t\": when can never be true: no values of what it reads make it true\n");
  finds(TRIGGER("t", "false", ""), "7 warning: trigger \"t\": when can never be true: \"false\" never is\n");
  finds(TRIGGER("t", "event.n == 3", "available = \"event.local_weekday > 6\""),
        "7 warning: trigger \"t\": available can never be true: \"event.local_weekday > 6\" never is (event.local_weekday lies from 0 to "
        "6)\n");
  finds("segment \"s\" { when = \"profile.age > 40 and profile.age < 30\" }\n",
        "7 warning: segment \"s\": when can never be true: \"profile.age > 40\" and \"profile.age < 30\" are never true together\n");
  finds("rollout \"r\" { why = \"w\", gates = \"trigger:base\", stages = { { name = \"a\", share = 1, only = \"profile.x == 1 and "
        "profile.x == 2\" } } }\n",
        "7 warning: rollout \"r\": stages.1: only can never be true: \"profile.x == 1\" and \"profile.x == 2\" are never true together\n");
}

static void conditions_that_always_are(void **state) {
  (void)state;
  finds(
      TRIGGER("t", "event.n >= 0", ""),
      "7 warning: trigger \"t\": when can only be true, whatever its values are: \"event.n >= 0\" always is (event.n lies from 0 to 10)\n");
  finds(TRIGGER("t", "stress_level > 3 or stress_level <= 3", ""),
        "7 warning: trigger \"t\": when can only be true, whatever its values are: one of \"stress_level > 3\" and \"stress_level <= 3\" "
        "always is\n");
  finds(TRIGGER("t", "known(stress_level) or stress_level == nil", ""),
        "7 warning: trigger \"t\": when can only be true, whatever its values are: one of \"known(stress_level)\" and \"stress_level == "
        "nil\" "
        "always is\n");
  finds(TRIGGER("t", "known(stress_level)", ""), "");
  finds(TRIGGER("t", "(stress_level or 5) > 4", ""), "");
  finds(TRIGGER("t", "true", ""), "");
}

static void offers_that_can_never_be_taken(void **state) {
  (void)state;
  finds("trigger \"t\" { why = \"w\", on = \"ping\", when = \"event.n > 5\", offer = { \"walk\", \"rest\" } }\n",
        "7 warning: trigger \"t\": offers \"walk\", which can never be taken then: \"event.n > 5\" and its accept, \"event.n < 2\", are "
        "never "
        "true together\n");
}

static void rules_in_each_others_way(void **state) {
  (void)state;
  finds(TRIGGER("a", "stress_level > 5", "priority = 1") TRIGGER("b", "stress_level > 7 and event.n == 1", ""),
        "8 warning: trigger \"b\": whenever it is true, so is trigger \"a\" (rules/x.lua:7), which has the higher priority: this one is "
        "heard "
        "only while that one stands back (\"stress_level > 5\" holds in all that \"stress_level > 7 and event.n == 1\" does)\n");
  finds(TRIGGER("a", "stress_level > 8", "priority = 1") TRIGGER("b", "stress_level > 7", ""), "");
  finds(TRIGGER("a", "stress_level > 5", "") TRIGGER("b", "stress_level < 7 and event.local_weekday >= 5", ""),
        "7 note: trigger \"a\": it and trigger \"b\" (rules/x.lua:8) can both be true of one \"ping\", with the same priority: expected "
        "value "
        "decides, then the name; for example where stress_level = 6, event.local_weekday = 5\n");
  finds(TRIGGER("a", "stress_level > 5", "") TRIGGER("b", "stress_level < 5", ""), "");
  finds(TRIGGER("a", "stress_level > 5", "") TRIGGER("b", "stress_level < 7", "priority = 2"), "");
  finds(TRIGGER("a", "stress_level > 5",
                "") "trigger \"b\" { why = \"w\", on = \"pong\", when = \"stress_level > 6\", offer = \"rest\", priority = 1 }\n",
        "");
}

static void names_that_lead_nowhere(void **state) {
  (void)state;
  finds("trigger \"t\" { why = \"w\", on = follow_up { of = \"intervention:wlak\", after = 2 * hours }, offer = \"rest\" }\n",
        "7 error: trigger \"t\": follows \"intervention:wlak\", which is nothing (did you mean \"walk\"?)\n");
  finds("metric \"m\" { per = \"user\", measure = \"rate\", of = \"ping\", over = \"pnog\", window = 1 * day }\n",
        "7 error: metric \"m\": over = \"pnog\", which no event noun declares (did you mean \"pong\"?)\n");
  finds("metric \"steps\" { per = \"user\", measure = \"count\", of = \"ping\", window = 1 * day }\n"
        "experiment \"x\" { why = \"w\", at = \"trigger:base\", randomise = \"user\", arms = { a = { weight = 0.5 }, b = { weight = 0.5, "
        "send = "
        "nothing } }, outcome = { metric = \"stpes\", within = 5 } }\n",
        "8 warning: experiment \"x\": no metric is named \"stpes\" (did you mean \"steps\"?)\n");
  finds("intervention \"lonely\" { message = { en = \"x\" } }\n", "7 note: intervention \"lonely\": no trigger and no arm offers it\n");
}

/* Two hundred rules that all meet: the work is bounded, and what is not told one by one is counted. */
static void many_rules(void **state) {
  (void)state;
  struct buf text = {0};
  buf_text(&text, HEAD "for i = 1, 200 do trigger(\"t\" .. i) { why = \"w\", on = \"ping\", offer = \"rest\", priority = i % 7,\n"
                       "  when = \"stress_level > \" .. i .. \" / 100 and event.n < 5 and (profile.x or 3) > 2 or event.w == 3\" } end\n");
  buf_char(&text, 0);
  struct program *p = world_build(text.at);
  size_t notes = 0;
  for (size_t i = 0; i < p->findings.count; i++) notes += p->findings.at[i].level == FINDING_NOTE;
  assert_int_equal(p->findings.errors, 0);
  assert_int_equal(notes, 21);
  program_free(p);
  buf_free(&text);
}

#define TRAINED(train)                                                                                                                     \
  "model \"m\" { plugin = \"svr\", inputs = { \"stress_level\" }, outputs = { \"p\" },\n"                                                  \
  "  train = { on = \"ping\", target = \"pong\", within = 3600, " train " } }\n"

static void trainings_that_could_not_be(void **state) {
  (void)state;
  finds(TRAINED("rows = 2000000, smooth = 7 * days, calibrate = \"platt\", where = \"event.n > 3\""), "");
  finds(TRAINED("row = 10"), "7 error: model \"m\": train: \"row\" is none of its fields (did you mean \"rows\"?)\n");
  finds(TRAINED("absnt = true"), "7 error: model \"m\": train: \"absnt\" is none of its fields (did you mean \"absent\"?)\n");
  finds(TRAINED("on = \"pin\""), "7 error: model \"m\": train.on = \"pin\", which no event noun declares (did you mean \"ping\"?)\n");
  finds(TRAINED("target = \"nope\""), "7 error: model \"m\": train.target = \"nope\", which no event noun declares\n");
  finds(TRAINED("within = \"18h\""), "7 error: model \"m\": train.within: expected a duration of up to a year, such as 24 * hours\n");
  finds(TRAINED("calibrate = \"plat\""), "7 error: model \"m\": train.calibrate: expected \"platt\" or \"isotonic\"\n");
  finds(TRAINED("where = \"event.nope > 3\""),
        "7 error: model \"m\": train.where: column 1: \"event.nope\": no event noun declares this field\n");
  finds(TRAINED("rows = -5"), "7 error: model \"m\": train.rows: expected a whole number from 1 to 2000000\n");
  finds(TRAINED("rows = 5000000"), "7 error: model \"m\": train.rows: expected a whole number from 1 to 2000000\n");
  finds(TRAINED("smooth = \"x\""), "7 error: model \"m\": train.smooth: expected a duration of up to a year, such as 7 * days\n");
}

/* What would be left out of the count would never end: it is refused by name. */
static void fields_that_the_event_does_not_have(void **state) {
  (void)state;
  static const char mood[] = "event \"mood\" { fields = { calm = \"number\", usual = { type = \"number\", default = 5 }, tags = \"list\" },"
                             " context = { place = \"text\" } }\n"; /* line 7 */
  static const struct {
    const char *rule, *wanted; /* NULL: nothing is wrong */
  } cases[] = {
      {"feature \"f\" { window = \"sum\", of = \"ping\", field = \"calm\", days = 7 }\n",
       "8 warning: feature \"f\": field: \"event.calm\" is a field of \"mood\", not of \"ping\": it stays unknown\n"},
      {"feature \"f\" { window = \"count\", of = \"ping\", where = \"event.n > 3 and event.calm > 2\", days = 7 }\n",
       "8 warning: feature \"f\": where: \"event.calm\" is a field of \"mood\", not of \"ping\": it stays unknown\n"},
      {"feature \"f\" { window = \"count\", of = \"ping\", where = \"event.place == 'gym'\", days = 7 }\n",
       "8 warning: feature \"f\": where: \"event.place\" is a field of \"mood\", not of \"ping\": it stays unknown\n"},
      {"feature \"f\" { window = \"count\", of = \"ping\", where = \"event.usual > 2 and event.type == 'ping'\", days = 7 }\n", NULL},
      {"feature \"f\" { window = \"mean\", of = \"mood\", field = \"data.calm\", where = \"event.context.place == 'gym'\", days = 7 }\n",
       NULL},
      {"feature \"f\" { window = \"entropy\", of = \"ping\", field = \"kind\", days = 7 }\n", NULL},
      {"feature \"f\" { window = \"mean\", of = \"ping\", field = \"kind\", days = 7 }\n",
       "8 error: feature \"f\": field: \"event.kind\" is a text, and mean needs a number\n"},
      {"feature \"f\" { window = \"last\", of = \"mood\", field = \"tags\", days = 7 }\n",
       "8 error: feature \"f\": field: \"event.tags\" is a list, and last needs a number\n"},
      {"metric \"m\" { per = \"user\", measure = \"sum\", of = \"ping\", field = \"calm\", window = 1 * day }\n",
       "8 warning: metric \"m\": field: \"event.calm\" is a field of \"mood\", not of \"ping\": it stays unknown\n"},
      {TRIGGER("t", "event.calm > 3 and event.n > 2 and event.local_hour > 9", ""),
       "8 warning: trigger \"t\": when: no event that it listens to has \"event.calm\", a field of \"mood\": it stays unknown\n"},
      {TRIGGER("t", "event.n > 2", "available = \"event.calm > 3\""),
       "8 warning: trigger \"t\": available: no event that it listens to has \"event.calm\", a field of \"mood\": it stays unknown\n"},
      {TRIGGER("t", "event.place == 'gym'", ""), NULL}, /* a context may come with what is asked */
      {"trigger \"t\" { why = \"w\", on = { \"ping\", \"mood\" }, when = \"event.calm > 3\", offer = \"rest\" }\n", NULL},
      {"trigger \"t\" { why = \"w\", on = \"*\", when = \"event.calm > 3\", offer = \"rest\", priority = 1 }\n", NULL},
      {"trigger \"t\" { why = \"w\", on = every \"day\":at \"09:30\", when = \"event.calm > 3\", offer = \"rest\" }\n",
       "8 warning: trigger \"t\": when: no event that it listens to has \"event.calm\", a field of \"mood\": it stays unknown\n"},
      {"trigger \"t\" { why = \"w\", on = \"ping\", needs = { \"event.calm\" }, when = function(u, e) return e.calm end, offer = \"rest\" "
       "}\n",
       "8 warning: trigger \"t\": needs: no event that it listens to has \"event.calm\", a field of \"mood\": it stays unknown\n"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct buf rules = {0};
    buf_printf(&rules, "%s%s", mood, cases[i].rule);
    buf_char(&rules, 0);
    finds(rules.at, cases[i].wanted ? cases[i].wanted : "");
    buf_free(&rules);
  }
}

static void more_experiments_than_are_counted(void **state) {
  (void)state;
  for (int count = 96; count <= 97; count++) {
    struct buf text = {0};
    buf_printf(
        &text,
        HEAD "for i = 1, %d do\n"
             "  trigger(\"t\" .. i) { why = \"w\", on = \"pong\", offer = \"rest\", priority = i }\n"
             "  experiment(\"x\" .. i) { why = \"w\", at = \"trigger:t\" .. i, randomise = \"user\", stop = { users = 10 },\n"
             "    arms = { a = { weight = 0.5 }, control = { weight = 0.5, send = nothing } }, outcome = { metric = \"m\", within = 5 } }\n"
             "end\n",
        count);
    buf_char(&text, 0);
    struct program *p = world_build(text.at);
    size_t told = 0;
    for (size_t i = 0; i < p->findings.count; i++)
      told += p->findings.at[i].level == FINDING_ERROR && strstr(p->findings.at[i].text, "its figures would not be counted: at most 96 ");
    assert_int_equal(told, count == 97);
    assert_int_equal(p->findings.errors, count == 97);
    program_free(p);
    buf_free(&text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(trainings_that_could_not_be),
                                     cmocka_unit_test(conditions_that_never_are),
                                     cmocka_unit_test(conditions_that_always_are),
                                     cmocka_unit_test(offers_that_can_never_be_taken),
                                     cmocka_unit_test(rules_in_each_others_way),
                                     cmocka_unit_test(names_that_lead_nowhere),
                                     cmocka_unit_test(fields_that_the_event_does_not_have),
                                     cmocka_unit_test(more_experiments_than_are_counted),
                                     cmocka_unit_test(many_rules)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
