/* rooms: kit language */
/* Loading rules: what the authors wrote arrives in the nouns, sorted by name; every mistake becomes a finding with file, line and sentence,
 * and one file's mistake does not hide another's. */
#include "language/language.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct loaded {
  struct arena arena;
  struct nouns nouns;
  struct findings findings;
  bool good;
};

static struct loaded load_files(const char *const *files, size_t count) {
  struct loaded l = {0};
  struct source sources[8] = {0};
  for (size_t i = 0; i < count; i++) sources[i] = (struct source){.path = files[i * 2], .text = str_from(files[i * 2 + 1])};
  l.findings.arena = &l.arena; /* moved with the struct: only used inside this call */
  l.good = language_load(&l.arena, sources, count, &l.nouns, &l.findings);
  return l;
}
static struct loaded load(const char *text) {
  const char *files[] = {"rules/x.lua", text};
  return load_files(files, 1);
}
static void done(struct loaded *l) {
  arena_free(&l->arena);
}

static void print_findings(const struct loaded *l, struct buf *b) {
  for (size_t i = 0; i < l->findings.count; i++)
    buf_printf(b, "%s:%d: %s\n", l->findings.at[i].file, l->findings.at[i].line, l->findings.at[i].text);
  buf_char(b, 0);
}

/* All findings of one file, as `kairos check` would print them. */
static void expect(const char *text, const char *wanted) {
  struct loaded l = load(text);
  struct buf b = {0};
  print_findings(&l, &b);
  if (strcmp(b.at, wanted) != 0) fail_msg("%s\n-- gave\n%s-- wanted\n%s", text, b.at, wanted);
  assert_int_equal(l.good, *wanted == 0);
  buf_free(&b);
  done(&l);
}

static void assert_str(struct str s, const char *c) {
  if (!str_is(s, c)) fail_msg("\"%.*s\" is not \"%s\"", STR_ARG(s), c);
}

static const char *const everything =
    "event \"workout_completed\" { doc = \"done\", fields = { minutes = { type = \"number\", unit = \"minutes\", low = 0, high = 600 },\n"
    "  kind = { type = \"text\", one_of = { \"run\", \"walk\" }, default = \"walk\" }, count = \"integer\" }, context = { location = "
    "\"text\" } }\n"
    "event \"app_interaction\" {}\n"
    "feature \"minutes_7d\" { window = \"sum\", of = \"workout_completed\", field = \"minutes\", days = 7, at_least = 2, unit = "
    "\"minutes\" }\n"
    "feature \"idle\" { value = \"minutes_7d < 30\" }\n"
    "model \"adherence\" { plugin = \"svr\", inputs = { \"minutes_7d\" }, outputs = { skip_probability = { from = \"adherence\", as = \"1 "
    "- value\" } },\n"
    "  state = \"adherence.state\", budget = 0.01, golden = { { inputs = { 1 }, outputs = { adherence = 0.5 }, within = 1e-6 } } }\n"
    "trigger \"high_skip_risk\" {\n"
    "  why = \"Predicted to skip.\", on = { \"app_interaction\", every \"weekday\":at \"07:30\", silence(3 * days), \"day_started\",\n"
    "    follow_up { of = \"intervention:walk\", after = 2 * hours } },\n"
    "  when = \"skip_probability > 0.6\", priority = 50, offer = { \"walk\", \"breathe\" }, cooldown = 20 * hours, choose = \"weighted\",\n"
    "}\n"
    "intervention \"walk\" { why = \"w\", type = \"t\", channel = \"push\", action = \"go\", effectiveness = \"45%\", burden = 2, expires "
    "= 1 * hour,\n"
    "  accept = \"known(idle)\", vigorous = true, message = { ru = \"Иди\", en = \"Walk {minutes}\" }, values = { minutes = 10, name = "
    "\"event.x\" } }\n"
    "intervention \"breathe\" { message = { en = \"Breathe\" } }\n"
    "choose \"weighted\" { by = \"score\", effectiveness = 0.25, match = 0.25, history = 0.25, context = 0.25 }\n"
    "experiment \"evening\" { why = \"?\", at = \"trigger:high_skip_risk\", randomise = \"decision\", revision = 2,\n"
    "  arms = { walk = { weight = 0.6, send = \"walk\" }, silence = { weight = \"40%\", send = nothing } },\n"
    "  strata = { \"idle\" }, outcome = { metric = \"steps\", within = 30 * minutes }, stop = { days = 30 }, minors = false }\n"
    "rollout \"evening\" { why = \"slowly\", gates = \"experiment:evening\", advance = \"decisions >= 500\", halt = \"complaint_rate > 3 * "
    "percent\",\n"
    "  stages = { { name = \"internal\", share = 1 * percent, hold = 1 * week, only = \"profile.staff or false\" },\n"
    "             { name = \"full\", share = 1, hold = 2 * weeks, order = \"risk\" } } }\n"
    "policy { quiet = { from = \"20:30\", to = \"09:00\" }, per_day = 2, per_week = 8, gap = 2 * hours, holdout = 0.1, "
    "minors_nothing = "
    "true, strict = true }\n"
    "scenario \"quiet hours win over risk\" { given = { profile = { timezone = \"Europe/Berlin\" } }, event = { type = \"app_interaction\" "
    "},\n"
    "  expect = { send = nothing, because = \"quiet_hours\" } }\n";

static void events_and_features_arrive(void **state) {
  (void)state;
  struct loaded l = load(everything);
  for (size_t i = 0; i < l.findings.count; i++)
    if (l.findings.at[i].level == FINDING_ERROR) fail_msg("%d: %s", l.findings.at[i].line, l.findings.at[i].text);
  assert_true(l.good);
  assert_int_equal(l.nouns.event_count, 2);
  assert_str(l.nouns.events[0].at.name, "app_interaction");
  const struct noun_event *e = &l.nouns.events[1];
  assert_str(e->at.name, "workout_completed");
  assert_string_equal(e->at.file, "rules/x.lua");
  assert_int_equal(e->at.line, 1);
  assert_int_equal(e->field_count, 3); /* sorted: count, kind, minutes */
  assert_true(e->fields[0].whole && e->fields[0].type == VALUE_NUMBER && isnan(e->fields[0].low));
  assert_str(e->fields[1].one_of[1], "walk");
  assert_str(value_str(e->fields[1].fallback), "walk");
  assert_true(e->fields[2].low == 0 && e->fields[2].high == 600);
  assert_str(e->context[0].name, "location");
  const struct noun_feature *f = &l.nouns.features[1];
  assert_str(f->window, "sum");
  assert_str(f->field, "minutes");
  assert_true(f->days == 7 && f->at_least == 2);
  assert_str(l.nouns.features[0].value, "minutes_7d < 30");
  const struct noun_model *m = &l.nouns.models[0];
  assert_str(m->outputs[0].name, "skip_probability");
  assert_str(m->outputs[0].from, "adherence");
  assert_str(m->outputs[0].as, "1 - value");
  assert_true(isnan(m->fallback) && m->budget == 0.01 && m->golden->length == 1);
  assert_true(node_get(node_get(&m->golden->items[0], "outputs"), "adherence")->number == 0.5);
  done(&l);
}

static void triggers_and_interventions_arrive(void **state) {
  (void)state;
  struct loaded l = load(everything);
  const struct noun_trigger *t = &l.nouns.triggers[0];
  assert_int_equal(t->at.line, 8);
  assert_str(t->when, "skip_probability > 0.6");
  assert_true(t->priority == 50 && t->cooldown == 72000 && t->offer_count == 2);
  assert_str(t->offer[0], "walk"); /* in the order written */
  assert_int_equal(t->on_count, 5);
  assert_int_equal(t->on[0].kind, MOMENT_EVENT);
  assert_str(t->on[0].text, "app_interaction");
  assert_true(t->on[1].kind == MOMENT_SCHEDULE && t->on[1].weekdays == 0x1f && t->on[1].minute == 450);
  assert_true(t->on[2].kind == MOMENT_SILENCE && t->on[2].seconds == 259200);
  assert_int_equal(t->on[3].kind, MOMENT_DAY);
  assert_true(t->on[4].kind == MOMENT_FOLLOW_UP && t->on[4].seconds == 7200);
  assert_str(t->on[4].text, "intervention:walk");
  assert_int_equal(l.nouns.intervention_count, 2);
  const struct noun_intervention *breathe = &l.nouns.interventions[0], *walk = &l.nouns.interventions[1];
  assert_true(breathe->effectiveness == 0.5 && breathe->burden == 1 && breathe->expires == 10800 && isnan(breathe->expected_impact));
  assert_true(walk->effectiveness == 0.45 && walk->burden == 2 && walk->expires == 3600 && walk->vigorous && !walk->raises_goal);
  assert_int_equal(walk->message_count, 2);
  assert_str(walk->message[0].key, "en");
  assert_str(walk->message[1].text, "Иди");
  assert_str(walk->values[0].text, "10");
  done(&l);
}

static void trials_and_limits_arrive(void **state) {
  (void)state;
  struct loaded l = load(everything);
  const struct noun_experiment *x = &l.nouns.experiments[0];
  assert_int_equal(x->arm_count, 2);
  assert_str(x->arms[0].name, "silence");
  assert_true(x->arms[0].silence && x->arms[0].send.len == 0 && x->arms[0].weight == 0.4);
  assert_str(x->arms[1].send, "walk");
  assert_true(x->revision == 2 && x->outcome_within == 1800);
  assert_str(x->outcome_metric, "steps");
  assert_str(x->at_point, "trigger:high_skip_risk");
  assert_true(node_get(x->stop, "days")->number == 30);
  const struct noun_rollout *r = &l.nouns.rollouts[0];
  assert_true(r->gate_count == 1 && r->stage_count == 2);
  assert_true(r->stages[0].share == 0.01 && r->stages[0].hold == 604800 && r->stages[1].share == 1);
  assert_str(r->stages[1].order, "risk");
  assert_str(r->stages[0].only, "profile.staff or false");
  const struct noun_policy *p = &l.nouns.policies[0];
  assert_true(p->quiet_from == 1230 && p->quiet_to == 540 && p->per_day == 2 && p->gap == 7200 && p->holdout == 0.1 && p->minors_nothing);
  assert_true(p->strict);
  const struct noun_scenario *s = &l.nouns.scenarios[0];
  assert_int_equal(node_get(s->expect, "send")->kind, NODE_NOTHING);
  assert_str(node_get(node_get(s->given, "profile"), "timezone")->text, "Europe/Berlin");
  assert_null(node_get(s->given, "features"));
  done(&l);
}

static void segments_and_metrics_arrive(void **state) {
  (void)state;
  struct loaded l =
      load("segment \"early\" { why = \"they try things\", when = \"profile.tries > 3\", family = \"stage\", risk = \"high\" }\n"
           "segment \"keen\" { when = function() return true end, needs = { \"profile.x\" } }\n"
           "metric \"steps\" { doc = \"d\", unit = \"steps\", per = \"decision\", measure = \"sum\", of = \"walk\", field = \"n\",\n"
           "  where = \"event.n > 0\", window = 30 * minutes, better = \"lower\" }\n"
           "metric \"shown\" { per = \"user\", measure = \"rate\", of = \"seen\", over = \"sent\", window = 1 * day }\n"
           "metric \"mood\" { per = \"user\", value = \"daily_stress\", window = 1 * week }");
  if (!l.good) fail_msg("%s", l.findings.at[0].text);
  const struct noun_segment *s = l.nouns.segments;
  assert_str(s[0].when, "profile.tries > 3");
  assert_str(s[0].family, "stage");
  assert_str(s[0].risk, "high");
  assert_str(s[0].why, "they try things");
  assert_true(s[0].at.order < s[1].at.order && s[1].need_count == 1 && str_starts(s[1].when, FUNCTION_WORD));
  const struct noun_metric *m = l.nouns.metrics; /* by name: mood, shown, steps */
  assert_str(m[0].value, "daily_stress");
  assert_str(m[1].over, "sent");
  assert_str(m[2].measure, "sum");
  assert_str(m[2].field, "n");
  assert_str(m[2].where, "event.n > 0");
  assert_str(m[2].better, "lower");
  assert_str(m[2].per, "decision");
  assert_true(m[2].window == 1800 && m[0].window == 604800);
  assert_str(m[2].unit, "steps");
  done(&l);
#define METRIC(fields)   "metric \"m\" { per = \"user\", window = 5, " fields " }"
#define MISSES(sentence) "rules/x.lua:1: metric \"m\": " sentence "\n"
  expect(METRIC("measure = \"count\", value = \"x\", of = \"a\""), MISSES("a metric has a \"measure\" of events or a \"value\", not both"));
  expect(METRIC("doc = \"x\""), MISSES("field \"measure\" or \"value\" is missing"));
  expect(METRIC("measure = \"count\""), MISSES("field \"of\" is missing"));
  expect(METRIC("measure = \"mean\", of = \"a\""), MISSES("field \"field\" is missing: measure \"mean\" needs it"));
  expect(METRIC("measure = \"count\", of = \"a\", field = \"b\""), MISSES("measure \"count\" has no \"field\""));
  expect(METRIC("measure = \"rate\", of = \"a\""), MISSES("field \"over\" is missing: a rate is a share of something"));
  expect(METRIC("measure = \"count\", of = \"a\", over = \"b\""), MISSES("only a rate has \"over\""));
  expect("segment \"s\" { when = \"true\", family = \"s\" }",
         "rules/x.lua:1: segment \"s\": its family has its own name: segment.s would be both\n");
  expect("segment \"two words\" { when = \"true\" }", "rules/x.lua:1: segment \"two words\": a segment's name is a word that conditions "
                                                      "can read: letters, digits and _, none of the language's "
                                                      "own\n");
  expect("segment \"s\" { risk = \"huge\" }",
         "rules/x.lua:1: segment \"s\": \"risk\" must be \"high\", \"medium\", \"low\" or \"minimal\", got the "
         "text \"huge\"\nrules/x.lua:1: segment \"s\": field \"when\" is missing\n");
}

static void a_policy_left_out_says_nothing(void **state) {
  (void)state;
  struct loaded l = load("policy { holdout = 0 }");
  assert_true(l.good && l.nouns.policy_count == 1);
  const struct noun_policy *p = &l.nouns.policies[0];
  assert_true(p->quiet_from == -1 && isnan(p->per_day) && isnan(p->gap) && p->holdout == 0 && !p->minors_nothing && !p->strict);
  done(&l);
}

static void unknown_and_missing_fields(void **state) {
  (void)state;
  expect("\n\ntrigger \"x\" { wen = \"true\", on = \"a\", why = \"y\" }",
         "rules/x.lua:3: trigger \"x\": unknown field \"wen\" (did you mean \"when\"?)\n");
  expect("trigger \"x\" { on = \"a\" }", "rules/x.lua:1: trigger \"x\": field \"why\" is missing\n");
  expect("trigger \"x\" { 5, on = \"a\", why = \"y\" }", "rules/x.lua:1: trigger \"x\": has values without a field name\n");
  expect("experiment \"e\" { why = \"y\", at = \"trigger:t\", randomise = \"user\", outcome = { metric = \"m\", within = 1 * day },\n"
         "  arms = { a = { wieght = 0.5, weight = 0.5 }, b = { weight = 0.5 } } }",
         "rules/x.lua:1: experiment \"e\": arms.a: unknown field \"wieght\" (did you mean \"weight\"?)\n");
  expect("rollout \"r\" { why = \"y\", gates = { \"trigger:t\" }, stages = { { share = 0.1 } } }",
         "rules/x.lua:1: rollout \"r\": stages.1: field \"name\" is missing\n");
  expect("event \"e\" { fields = { x = { type = \"numbr\" } } }",
         "rules/x.lua:1: event \"e\": fields.x: \"type\" cannot be \"numbr\" (did you mean \"number\"?)\n");
  expect("trigger \"x\"", "rules/x.lua:1: trigger \"x\": has no table: trigger \"x\" { field = value, … }\n");
  expect("trigger \"x\" {\n  why = error(\"no reason\") }", "rules/x.lua:2: no reason\n"); /* not that it has no table, too */
}

static void wrong_values(void **state) {
  (void)state;
#define TRIGGER(fields) "trigger \"x\" { why = \"y\", on = \"a\", " fields " }"
#define SAYS(sentence)  "rules/x.lua:1: trigger \"x\": " sentence "\n"
  expect(TRIGGER("priority = \"high\""), SAYS("\"priority\" must be a number, got the text \"high\""));
  expect(TRIGGER("priority = 0/0"), SAYS("\"priority\" is not a finite number"));
  expect(TRIGGER("cooldown = 0"), SAYS("\"cooldown\" must be a duration above 0, as in 2 * hours, got 0"));
  expect(TRIGGER("cooldown = true"), SAYS("\"cooldown\" must be a duration above 0, as in 2 * hours, got true"));
  expect(TRIGGER("when = 5"), SAYS("\"when\" must be a condition in quotes, or a function, got 5"));
  expect(TRIGGER("when = \" \""), SAYS("\"when\" is an empty condition"));
  expect(TRIGGER("when = function() return true end"),
         SAYS("a function needs \"needs\": the names that it reads, as in needs = { \"skip_probability\" }"));
  expect(TRIGGER("when = math"), SAYS("\"when\" is a word of the language, which is no value here"));
  expect(TRIGGER("offer = { \"a\", \"a\" }"), SAYS("\"offer\" has \"a\" twice"));
  expect(TRIGGER("offer = { \"a\", 3 }"), SAYS("\"offer\" must be a list of names, got 3"));
  expect(TRIGGER("offer = { [3] = \"a\" }"), SAYS("\"offer\" has a key that is neither a name nor a place in a list without gaps"));
  expect(TRIGGER("offer = { [true] = \"a\" }"), SAYS("\"offer\" has a key that is neither a name nor a place in a list without gaps"));
  expect(TRIGGER("choose = \"a b\""), SAYS("\"choose\" must be a name of letters, digits, _ . and -, got the text \"a b\""));
  expect(TRIGGER("available = nothing"), SAYS("\"available\" must be a condition in quotes, or a function, got nothing"));
  expect("trigger \"x\" { why = \"\", on = { every \"day\" } }",
         SAYS("\"on.1\" needs a time of day: every \"day\":at \"07:30\"") SAYS("\"why\" is an empty text"));
  expect("intervention \"i\" { message = { en = \"a\" }, effectiveness = 1.5 }",
         "rules/x.lua:1: intervention \"i\": \"effectiveness\" must be a share from 0 to 1, 5 * percent or \"5%\", got 1.5\n");
  expect("intervention \"i\" { message = \"a\" }",
         "rules/x.lua:1: intervention \"i\": \"message\" must be a table of texts by language: { en = \"…\" }, got the text \"a\"\n");
  expect("choose \"c\" { by = \"dice\" }",
         "rules/x.lua:1: choose \"c\": \"by\" must be \"score\", \"random\", \"thompson\" or \"plugin\", got the text \"dice\"\n");
  expect("policy { quiet = { from = \"9 pm\", to = \"08:00\" } }",
         "rules/x.lua:1: policy: quiet: \"from\" must be a time of day from \"00:00\" to \"23:59\", got the text \"9 pm\"\n");
  char long_text[6000];
  snprintf(long_text, sizeof long_text, "trigger \"x\" { on = \"a\", why = \"%04200d\" }", 0);
  expect(long_text, SAYS("\"why\" is a text of more than 4096 bytes"));
}

static void what_a_single_field_cannot_say(void **state) {
  (void)state;
#define EXPERIMENT(arms)                                                                                                                   \
  "experiment \"e\" { why = \"y\", at = \"trigger:t\", randomise = \"user\", outcome = { metric = \"m\", within = 1 * day }, arms = "      \
  "{ " arms " } }"
  expect(EXPERIMENT("a = { weight = 0.5 }, b = { weight = 0.4 }"),
         "rules/x.lua:1: experiment \"e\": the weights of the arms must sum to 1, they sum to 0.9\n");
  expect(EXPERIMENT("a = { weight = 1 }"), "rules/x.lua:1: experiment \"e\": an experiment has at least 2 arms\n");
  expect(EXPERIMENT("a = { weight = 1 }, b = { weight = 0 }"),
         "rules/x.lua:1: experiment \"e\": arm \"b\" can never be drawn: its weight must be above 0\n");
  expect(EXPERIMENT("a = { weight = 0.1 + 0.2 }, b = { weight = 0.7 }"), ""); /* 1 within 1e-9 */
  expect(
      "rollout \"r\" { why = \"y\", gates = \"trigger:t\", stages = { { name = \"a\", share = 0.2 }, { name = \"b\", share = \"5%\" } } }",
      "rules/x.lua:1: rollout \"r\": stages.2: the shares of stages rise, here 0.05 follows 0.2\n");
  expect("rollout \"r\" { why = \"y\", gates = \"tigger:t\", stages = { { name = \"a\", share = 1 } } }",
         "rules/x.lua:1: rollout \"r\": \"gates\" names triggers, interventions, experiments or models, as in \"trigger:x\"; got "
         "\"tigger:t\"\n");
  expect("policy { per_day = 5 }", "rules/x.lua:1: policy: \"per_day\" can only lower the engine's 3, got 5\n");
  expect("policy { per_week = 13 }", "rules/x.lua:1: policy: \"per_week\" can only lower the engine's 12, got 13\n");
  expect("policy { gap = 10 * minutes }", "rules/x.lua:1: policy: \"gap\" can only lengthen the engine's 3600 seconds, got 600\n");
  expect("policy { quiet = { from = \"22:00\", to = \"07:00\" } }",
         "rules/x.lua:1: policy: \"quiet\" can only lengthen the engine's 21:00 to 08:00\n");
  expect("policy { consent = \"by_enrolment\" }",
         "rules/x.lua:1: policy: consent = \"by_enrolment\" needs a \"why\": who took the consent\n");
  expect("choose \"c\" { by = \"score\", match = 0.5 }",
         "rules/x.lua:1: choose \"c\": the weights of the score must sum to 1, they sum to 1.2\n");
  expect("feature \"f\" { value = \"1\", window = \"sum\" }",
         "rules/x.lua:1: feature \"f\": a feature has a \"window\" or a \"value\", not both\n");
  expect("feature \"f\" { window = \"sum\", of = \"e\", field = \"x\", days = 40 }",
         "rules/x.lua:1: feature \"f\": \"days\" must be from 1 to 35, got 40\n");
  expect("feature \"f\" { window = \"sum\", of = \"e\", field = \"x\" }",
         "rules/x.lua:1: feature \"f\": field \"days\" is missing: from 1 to 35\n");
  expect("feature \"f\" { window = \"sum\", of = { \"a\", \"b\" }, field = 5, days = 7 }", /* refused is not missing */
         "rules/x.lua:1: feature \"f\": \"field\" must be a text, got 5\n"
         "rules/x.lua:1: feature \"f\": \"of\" must be an event type, got a table\n");
  expect("feature \"hours\" { value = \"1\" }",
         "rules/x.lua:1: feature \"hours\": a feature's name is a word that conditions can read: letters, "
         "digits and _, none of the language's own\n");
  expect("event \"a/b\" {}", "rules/x.lua:1: event \"a/b\": an event type has 1 to 64 letters, digits, _ . - $ and inner spaces\n");
  expect("event \"e\" { fields = { x = { type = \"number\", low = 2, high = 1 } } }",
         "rules/x.lua:1: event \"e\": fields.x: \"low\" is above \"high\"\n");
  expect("feature \"f\" { value = \"1\" }\nmodel \"m\" { plugin = \"svr\", inputs = \"f\", outputs = \"p\", budget = 1e-5 }",
         "rules/x.lua:2: model \"m\": \"budget\" must be at least a tenth of a millisecond\n");
  expect("model \"m\" { combine = { a = 1 }, outputs = \"p\", isolate = \"process\" }",
         "rules/x.lua:1: model \"m\": \"isolate\" is for models of a plugin\n");
  expect("model \"m\" { outputs = \"p\" }", "rules/x.lua:1: model \"m\": field \"plugin\" or \"combine\" is missing\n");
  expect("model \"m\" { plugin = \"svr\", inputs = \"f\", outputs = \"f\" }\nfeature \"f\" { value = \"1\" }",
         "rules/x.lua:1: model \"m\": output \"f\" is the name of a feature (rules/x.lua:2)\n");
}

/* What is not in this version is refused, or, where it is only a plan for later, warned of: never silently without effect. */
static void fields_of_later_versions(void **state) {
  (void)state;
  expect("choose \"c\" { by = \"thompson\" }",
         "rules/x.lua:1: choose \"c\": \"by\" = \"thompson\" is not in this version (\"score\" and \"random\" are)\n");
  struct loaded l = load(everything);
  static const char *const sentences[] = {
      "experiment \"evening\": \"minors\" is kept, but nothing acts on it in this version",
  };
  assert_true(l.good);
  for (size_t i = 0; i < sizeof sentences / sizeof *sentences; i++) {
    bool said = false;
    for (size_t k = 0; k < l.findings.count; k++)
      said = said || (strcmp(l.findings.at[k].text, sentences[i]) == 0 && l.findings.at[k].level == FINDING_WARNING);
    if (!said) fail_msg("nobody said: %s", sentences[i]);
  }
  done(&l);
}

static void one_name_in_two_places(void **state) {
  (void)state;
  const char *files[] = {"rules/a.lua", "\ntrigger \"x\" { why = \"y\", on = \"a\" }", "rules/b.lua",
                         "trigger \"x\" { why = \"z\", on = \"a\" }"};
  struct loaded l = load_files(files, 2);
  assert_false(l.good);
  assert_int_equal(l.findings.count, 1);
  assert_string_equal(l.findings.at[0].text, "trigger \"x\" is declared twice: rules/a.lua:2 and rules/b.lua:1");
  assert_string_equal(l.findings.at[0].file, "rules/b.lua");
  assert_int_equal(l.nouns.trigger_count, 1);
  assert_str(l.nouns.triggers[0].why, "y");
  done(&l);
}

static void a_broken_file_hides_no_other(void **state) {
  (void)state;
  const char *files[] = {"rules/a.lua", "trigger \"x\" {\n  why = \"y\"\n  on = \"a\" }",
                         "rules/b.lua", "trigger \"t\" { why = \"y\", on = \"a\", wen = 1 }",
                         "rules/c.txt", "this is no Lua and nobody reads it",
                         "rules/d.lua", "local t = {}\nlocal v = t.x.y",
                         "rules/e.lua", "\n\xff",
                         "rules/f.lua", "trigger \"good\" { why = \"y\", on = \"a\" }"};
  struct loaded l = load_files(files, 6);
  struct buf b = {0};
  print_findings(&l, &b);
  assert_string_equal(b.at, "rules/a.lua:3: '}' expected (to close '{' at line 1) near 'on' (is a comma missing before it?)\n"
                            "rules/b.lua:1: trigger \"t\": unknown field \"wen\" (did you mean \"when\"?)\n"
                            "rules/d.lua:2: attempt to index a nil value (field 'x')\n"
                            "rules/e.lua:2: this line is not UTF-8\n");
  assert_int_equal(l.nouns.trigger_count, 2);
  assert_str(l.nouns.triggers[0].at.name, "good");
  buf_free(&b);
  done(&l);
}

static void the_order_is_the_names(void **state) {
  (void)state;
  struct loaded l = load("for _, n in ipairs { \"b\", \"a\", \"c\" } do event(n) { fields = { z = \"any\", y = \"any\" } } end");
  assert_true(l.good);
  assert_int_equal(l.nouns.event_count, 3);
  for (size_t i = 0; i < 3; i++) {
    assert_int_equal(l.nouns.events[i].at.name.at[0], "abc"[i]);
    assert_str(l.nouns.events[i].fields[0].name, "y");
  }
  done(&l);
}

/* Every struct field that a noun has is set by some row; every row's noun is a word. */
static void the_field_tables_are_whole(void **state) {
  (void)state;
  size_t count, words;
  const struct field_doc *docs = language_fields(&count);
  const char *const *list = language_words(&words);
  assert_true(count > 80);
  for (size_t i = 0; i < count; i++) {
    assert_true(docs[i].doc[0] && docs[i].type[0] && docs[i].field[0]);
    bool known = strchr(docs[i].noun, '.') != NULL;
    for (size_t w = 0; w < words; w++) known = known || strcmp(list[w], docs[i].noun) == 0;
    assert_true(known);
    for (size_t k = 0; k < i; k++) assert_false(!strcmp(docs[i].noun, docs[k].noun) && !strcmp(docs[i].field, docs[k].field));
  }
  for (size_t w = 1; w < words; w++) assert_true(strcmp(list[w - 1], list[w]) < 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(events_and_features_arrive),
                                     cmocka_unit_test(triggers_and_interventions_arrive),
                                     cmocka_unit_test(trials_and_limits_arrive),
                                     cmocka_unit_test(a_policy_left_out_says_nothing),
                                     cmocka_unit_test(segments_and_metrics_arrive),
                                     cmocka_unit_test(unknown_and_missing_fields),
                                     cmocka_unit_test(wrong_values),
                                     cmocka_unit_test(what_a_single_field_cannot_say),
                                     cmocka_unit_test(fields_of_later_versions),
                                     cmocka_unit_test(one_name_in_two_places),
                                     cmocka_unit_test(a_broken_file_hides_no_other),
                                     cmocka_unit_test(the_order_is_the_names),
                                     cmocka_unit_test(the_field_tables_are_whole)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
