/* What a single field cannot say: weights that sum to 1, shares that rise, a feature that is either a window or an expression, a policy
 * that only lowers what the engine allows. Also the values of fields left out. References between nouns are resolved by the rooms that use
 * them. [builder] */
#include "fields.h"
#include "kit/json.h"
#include "sandbox.h"
#include <stdio.h>
#include <string.h>

#define NOT_SAID __builtin_nan("")

/* The engine's own limits (C1, C2), which no policy widens. */
#define DAY_MOST   3
#define WEEK_MOST  12
#define GAP_LEAST  3600
#define QUIET_FROM (21 * 60)
#define QUIET_TO   (8 * 60)

enum {
  EVENT,
  FEATURE,
  MODEL,
  SEGMENT,
  TRIGGER,
  INTERVENTION,
  CHOOSE,
  EXPERIMENT,
  ROLLOUT,
  POLICY,
  METRIC,
  SCENARIO
}; /* the order of noun_words */

static bool is_word(int noun, const char *word) {
  return strcmp(noun_words[noun], word) == 0;
}

void noun_prepare(int noun, void *target) {
  if (noun == MODEL) ((struct noun_model *)target)->fallback = ((struct noun_model *)target)->budget = NOT_SAID;
  if (noun == INTERVENTION) {
    struct noun_intervention *n = target;
    n->effectiveness = 0.5;
    n->burden = 1;
    n->expires = 3 * 3600;
    n->expected_impact = NOT_SAID;
  }
  if (noun == CHOOSE) {
    struct noun_choose *n = target;
    n->effectiveness = 0.4;
    n->match = 0.3;
    n->history = 0.2;
    n->context = 0.1;
  }
  if (noun == EXPERIMENT) ((struct noun_experiment *)target)->revision = 1;
  if (noun == POLICY) {
    struct noun_policy *n = target;
    n->quiet_from = n->quiet_to = -1;
    n->per_day = n->per_week = n->gap = n->holdout = NOT_SAID;
  }
}

static void check_name(struct setting *s, int noun) {
  struct str name = s->at->name;
  if (noun == EVENT && !event_name_good(name)) setting_problem(s, "an event type has 1 to 64 letters, digits, _ . - $ and inner spaces");
  if (noun == FEATURE && !word_good(name))
    setting_problem(s, "a feature's name is a word that conditions can read: letters, digits and _, none of the language's own");
  if (noun == SCENARIO && (str_trim(name).len == 0 || name.len > 200)) setting_problem(s, "a scenario's name has 1 to 200 bytes");
  if (noun == SEGMENT && !word_good(name))
    setting_problem(s, "a segment's name is a word that conditions can read: letters, digits and _, none of the language's own");
  if (noun != EVENT && noun != FEATURE && noun != SEGMENT && noun != SCENARIO && !name_good(name))
    setting_problem(s, "a name has 1 to 64 letters, digits, _ . and -");
}

static void check_feature(struct setting *s, const struct noun_feature *n, const struct node *table) {
  if (n->window.len == 0 && node_get(table, "window")) return; /* refused while it was read */
  if ((n->window.len > 0) == (n->value.len > 0)) {
    setting_problem(s, n->window.len ? "a feature has a \"window\" or a \"value\", not both" : "field \"window\" or \"value\" is missing");
    return;
  }
  if (n->value.len) {
    if (n->of.len || n->field.len || n->where.len || n->days > 0) setting_problem(s, "a feature with a \"value\" has no window's fields");
    if (n->at_least > 0) setting_warning(s, "\"at_least\" has no effect on a \"value\"");
    return;
  }
  bool counts = str_is(n->window, "count") || str_is(n->window, "since_last") || str_is(n->window, "streak");
  bool timed = str_is(n->window, "entropy") || str_is(n->window, "circular") || str_is(n->window, "rate") || str_is(n->window, "last");
  if (n->of.len == 0 && !node_get(table, "of")) setting_problem(s, "field \"of\" is missing");
  if (!counts && !timed && n->field.len == 0 && !node_get(table, "field"))
    setting_problem(s, "field \"field\" is missing: window \"" STR_FORMAT "\" needs it", STR_ARG(n->window));
  if (counts && n->field.len) setting_problem(s, "window \"" STR_FORMAT "\" has no \"field\"", STR_ARG(n->window));
  bool endless = str_is(n->window, "since_last") || str_is(n->window, "streak");
  if (n->at_least > 0 && (endless || str_is(n->window, "last")))
    setting_warning(s, "\"at_least\" has no effect on window \"" STR_FORMAT "\"", STR_ARG(n->window));
  if (n->days > 0 && endless) setting_warning(s, "\"days\" has no effect on window \"" STR_FORMAT "\"", STR_ARG(n->window));
  if (n->days == 0 && endless) return;
  const struct node *days = node_get(table, "days");
  if (!days) setting_problem(s, "field \"days\" is missing: from 1 to 35");
  else if (days->kind == NODE_NUMBER && !(n->days >= 1 && n->days <= 35))
    setting_problem(s, "\"days\" must be from 1 to 35, got %.10g", n->days);
}

#define BUDGET_LEAST 1e-4 /* seconds */

static void check_model(struct setting *s, const struct noun_model *n) {
  if ((n->plugin.len > 0) == (n->combine != NULL))
    setting_problem(s, n->combine ? "a model has a \"plugin\" or \"combine\", not both" : "field \"plugin\" or \"combine\" is missing");
  if (n->plugin.len && n->input_count == 0) setting_problem(s, "field \"inputs\" is missing");
  if (n->budget < BUDGET_LEAST) setting_problem(s, "\"budget\" must be at least a tenth of a millisecond");
  if (n->combine && n->budget == n->budget)
    setting_problem(s, "\"budget\" is for models of a plugin: the models that are combined have their own");
  if (n->combine && n->isolate.len) setting_problem(s, "\"isolate\" is for models of a plugin");
}

static void put_number(double v, char out[32]) {
  out[json_number(v, out)] = 0;
}

static void check_sum(struct setting *s, const char *what, double sum) {
  if (sum > 1 - 1e-9 && sum < 1 + 1e-9) return;
  char digits[40];
  snprintf(digits, sizeof digits, "%.10g", sum);
  setting_problem(s, "the weights of %s must sum to 1, they sum to %s", what, digits);
}

/* What an engine accepted once, when nothing read it, stays a program. */
#define refuse(s, ...) ((s)->findings->stored ? setting_warning((s), __VA_ARGS__) : setting_problem((s), __VA_ARGS__))

#define STOP_DAYS_MOST 3650

static void check_ends(struct setting *s, const struct noun_experiment *n) {
  const struct node *g = n->guardrails, *stop = n->stop, *more = n->metrics;
  for (uint32_t i = 0; g && i < g->pairs; i++)
    if (g->values[i].kind != NODE_NUMBER || !(g->values[i].number >= 0))
      refuse(s, "guardrails." STR_FORMAT ": expected by how much it may be worse, 0 or more", STR_ARG(g->keys[i]));
  if (g && g->length) refuse(s, "\"guardrails\" has values without a metric's name: write { METRIC = 2 * percent }");
  for (uint32_t i = 0; stop && i < stop->pairs; i++) {
    const struct str key = stop->keys[i];
    if (!str_is(key, "users") && !str_is(key, "decisions") && !str_is(key, "days"))
      refuse(s, "stop: \"" STR_FORMAT "\" ends nothing: users, decisions and days do", STR_ARG(key));
    else if (stop->values[i].kind != NODE_NUMBER || !(stop->values[i].number > 0))
      refuse(s, "stop." STR_FORMAT ": expected a number above 0", STR_ARG(key));
    else if (str_is(key, "days") && stop->values[i].number > STOP_DAYS_MOST)
      refuse(s, "stop.days is a count, as in days = 56, not a duration: at most %d, got %.10g", STOP_DAYS_MOST, stop->values[i].number);
  }
  for (uint32_t i = 0; more && i < more->length; i++)
    if (more->items[i].kind != NODE_TEXT) refuse(s, "\"metrics\" holds names of metrics");
  if (more && more->pairs) refuse(s, "\"metrics\" is a list of names: { \"steps\", \"calm\" }");
}

static void check_experiment(struct setting *s, const struct noun_experiment *n) {
  double sum = 0;
  check_ends(s, n);
  for (size_t i = 0; i < n->arm_count; i++) {
    sum += n->arms[i].weight;
    if (n->arms[i].weight <= 0)
      setting_problem(s, "arm \"" STR_FORMAT "\" can never be drawn: its weight must be above 0", STR_ARG(n->arms[i].name));
  }
  if (n->arms && n->arm_count < 2) setting_problem(s, "an experiment has at least 2 arms");
  if (n->arm_count >= 2) check_sum(s, "the arms", sum);
  if (n->revision < 1) setting_problem(s, "\"revision\" begins at 1");
  if (n->at_point.len && !(str_starts(n->at_point, "trigger:") && n->at_point.len > 8))
    setting_problem(s, "\"at\" names a decision point: \"trigger:…\", got \"" STR_FORMAT "\"", STR_ARG(n->at_point));
}

static void check_rollout(struct setting *s, const struct noun_rollout *n) {
  for (size_t i = 0; i < n->gate_count; i++) {
    struct str gate = n->gates[i];
    bool known =
        str_starts(gate, "trigger:") || str_starts(gate, "intervention:") || str_starts(gate, "experiment:") || str_starts(gate, "model:");
    if (!known)
      setting_problem(s, "\"gates\" names triggers, interventions, experiments or models, as in \"trigger:x\"; got \"" STR_FORMAT "\"",
                      STR_ARG(gate));
  }
  for (size_t i = 0; i < n->stage_count; i++) {
    char share[40], before[40];
    snprintf(share, sizeof share, "%.6g", n->stages[i].share);
    if (n->stages[i].share <= 0) setting_problem(s, "stages.%zu: a stage's share is above 0", i + 1);
    if (n->stages[i].order.len && n->stages[i].hold <= 0)
      setting_problem(s, "stages.%zu: \"order\" needs \"hold\": the tiers enter a quarter of it after each other", i + 1);
    if (n->stages[i].order.len && i == 0)
      setting_warning(s,
                      "stages.1: \"order\" acts once a rollout comes to a stage; in the first one everybody may enter from the beginning");
    if (n->advance.len && i + 1 < n->stage_count && n->stages[i].hold <= 0)
      setting_warning(
          s, "stages.%zu: without \"hold\" an \"advance\" may leave the stage a second after its condition holds, as in hold = 2 * days",
          i + 1);
    if (i == 0) continue;
    snprintf(before, sizeof before, "%.6g", n->stages[i - 1].share);
    if (n->stages[i].share < n->stages[i - 1].share)
      setting_problem(s, "stages.%zu: the shares of stages rise, here %s follows %s", i + 1, share, before);
    for (size_t k = 0; k < i; k++)
      if (n->stages[i].name.len && str_eq(n->stages[i].name, n->stages[k].name))
        setting_problem(s, "stages.%zu: a stage is named \"" STR_FORMAT "\" already", i + 1, STR_ARG(n->stages[i].name));
  }
}

static void check_policy(struct setting *s, const struct noun_policy *n) {
  char digits[32];
  if (n->per_day > DAY_MOST) {
    put_number(n->per_day, digits);
    setting_problem(s, "\"per_day\" can only lower the engine's 3, got %s", digits);
  }
  if (n->per_week > WEEK_MOST) {
    put_number(n->per_week, digits);
    setting_problem(s, "\"per_week\" can only lower the engine's 12, got %s", digits);
  }
  if (n->gap < GAP_LEAST) {
    put_number(n->gap, digits);
    setting_problem(s, "\"gap\" can only lengthen the engine's 3600 seconds, got %s", digits);
  }
  bool said = n->quiet_from >= 0 && n->quiet_to >= 0,
       holds = n->quiet_from <= QUIET_FROM && n->quiet_from >= n->quiet_to && n->quiet_to >= QUIET_TO;
  if (said && !holds) setting_problem(s, "\"quiet\" can only lengthen the engine's 21:00 to 08:00");
  if (str_is(n->consent, "by_enrolment") && n->why.len == 0)
    setting_problem(s, "consent = \"by_enrolment\" needs a \"why\": who took the consent");
}

static void check_segment(struct setting *s, const struct noun_segment *n) {
  if (str_eq(n->family, n->at.name)) setting_problem(s, "its family has its own name: segment.%.*s would be both", STR_ARG(n->family));
}

static void check_metric(struct setting *s, const struct noun_metric *n) {
  if ((n->measure.len > 0) == (n->value.len > 0)) {
    setting_problem(s, n->value.len ? "a metric has a \"measure\" of events or a \"value\", not both"
                                    : "field \"measure\" or \"value\" is missing");
    return;
  }
  if (n->value.len) {
    if (n->of.len || n->over.len || n->field.len || n->where.len) setting_problem(s, "a metric with a \"value\" has no fields of events");
    return;
  }
  bool sums = str_is(n->measure, "sum") || str_is(n->measure, "mean"), rate = str_is(n->measure, "rate");
  if (n->of.len == 0) setting_problem(s, "field \"of\" is missing");
  if (sums != (n->field.len > 0))
    setting_problem(s, sums ? "field \"field\" is missing: measure \"%.*s\" needs it" : "measure \"%.*s\" has no \"field\"",
                    STR_ARG(n->measure));
  if (rate != (n->over.len > 0))
    setting_problem(s, rate ? "field \"over\" is missing: a rate is a share of something" : "only a rate has \"over\"");
}

static void check_intervention(struct setting *s, const struct noun_intervention *n) {
  if (n->burden < 0) setting_problem(s, "\"burden\" must be 0 or more");
  const bool value = n->goal_value.len > 0, usual = n->goal_usual.len > 0;
  if ((n->goal.len > 0) != value || value != usual) setting_problem(s, "\"goal\", \"goal_value\" and \"goal_usual\" belong together");
}

static void check_choose(struct setting *s, const struct noun_choose *n) {
  if (str_is(n->by, "score")) check_sum(s, "the score", n->effectiveness + n->match + n->history + n->context);
  if (str_is(n->by, "thompson") || str_is(n->by, "plugin"))
    setting_problem(s, "\"by\" = \"" STR_FORMAT "\" is not in this version (\"score\" and \"random\" are)", STR_ARG(n->by));
}

/* Fields that are checked and kept, but that nothing acts on yet: said at every check, so that nobody relies on them. */
static void warn_of_later_fields(struct setting *s, int noun, const struct node *table) {
  static const struct {
    int noun;
    const char *field;
  } later[] = {{EXPERIMENT, "minors"}};
  for (size_t i = 0; i < sizeof later / sizeof *later; i++)
    if (later[i].noun == noun && node_get(table, later[i].field))
      setting_warning(s, "\"%s\" is kept, but nothing acts on it in this version", later[i].field);
}

/* Where functions may stand, they need to say what they read. */
static void check_needs(struct setting *s, int noun, const void *target, const struct node *table, size_t first) {
  const struct noun_feature *feature = target;
  const struct noun_segment *segment = target;
  const struct noun_trigger *trigger = target;
  const struct noun_intervention *option = target;
  const struct noun_experiment *experiment = target;
  const struct noun_rollout *rollout = target;
  bool said = node_get(table, "needs") != NULL;
  if (noun == FEATURE) needs_check(s, first, feature->needs, feature->need_count, said);
  if (noun == SEGMENT) needs_check(s, first, segment->needs, segment->need_count, said);
  if (noun == TRIGGER) needs_check(s, first, trigger->needs, trigger->need_count, said);
  if (noun == INTERVENTION) needs_check(s, first, option->needs, option->need_count, said);
  if (noun == EXPERIMENT) needs_check(s, first, experiment->needs, experiment->need_count, said);
  if (noun == ROLLOUT) needs_check(s, first, rollout->needs, rollout->need_count, said);
}

void noun_check(struct setting *s, int noun, void *target, const struct node *table, size_t first_function) {
  must(is_word(SCENARIO, "scenario") && is_word(EVENT, "event") && is_word(POLICY, "policy"));
  check_name(s, noun);
  check_needs(s, noun, target, table, first_function);
  warn_of_later_fields(s, noun, table);
  switch (noun) {
  case FEATURE: check_feature(s, target, table); return;
  case MODEL: check_model(s, target); return;
  case SEGMENT: check_segment(s, target); return;
  case METRIC: check_metric(s, target); return;
  case INTERVENTION: check_intervention(s, target); return;
  case CHOOSE: check_choose(s, target); return;
  case EXPERIMENT: check_experiment(s, target); return;
  case ROLLOUT: check_rollout(s, target); return;
  case POLICY: check_policy(s, target); return;
  default: return;
  }
}
