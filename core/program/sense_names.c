/* Names that lead nowhere, as far as no other room has said so: what a follow-up follows, what a metric counts, what a model
 * learns from, which metric an experiment measures, options that nobody offers. Errors where the rule could never work, warnings where it
 * merely does less than its author may think. Builder thread. */
#include "judge/judge.h"
#include "sense.h"

static bool is_trigger(const struct nouns *n, struct str name) {
  for (size_t i = 0; i < n->trigger_count; i++)
    if (str_eq(n->triggers[i].at.name, name)) return true;
  return false;
}
static bool is_option(const struct nouns *n, struct str name) {
  for (size_t i = 0; i < n->intervention_count; i++)
    if (str_eq(n->interventions[i].at.name, name)) return true;
  return false;
}

static const char *nearest(struct program *p, struct str name, const char **list, size_t count) {
  const char *near = str_nearest(name, list, count);
  return near ? arena_printf(&p->arena, " (did you mean \"%s\"?)", near) : "";
}

static void check_follow_up(struct program *p, const struct noun_trigger *t, struct str of) {
  const struct nouns *n = &p->nouns;
  struct str name = of, kind = {0};
  if (!str_split(&name, ':', &kind)) return;
  bool options = str_is(kind, "intervention");
  if (options ? is_option(n, name) : is_trigger(n, name)) return;
  size_t count = options ? n->intervention_count : n->trigger_count;
  const char **list = ARENA_ARRAY(&p->arena, const char *, count + 1);
  for (size_t i = 0; list && i < count; i++) list[i] = options ? n->interventions[i].at.name.at : n->triggers[i].at.name.at;
  findings_add(&p->findings, FINDING_ERROR, t->at.file, t->at.line,
               "trigger \"" STR_FORMAT "\": follows \"" STR_FORMAT "\", which is nothing%s", STR_ARG(t->at.name), STR_ARG(of),
               list ? nearest(p, name, list, count) : "");
}

static void check_event(struct program *p, const char *noun, const struct declared *at, const char *field, struct str type,
                        enum finding_level level) {
  if (type.len == 0 || vocabulary_type(p->vocabulary, type)) return;
  const char **list = ARENA_ARRAY(&p->arena, const char *, p->nouns.event_count + 1);
  for (size_t i = 0; list && i < p->nouns.event_count; i++) list[i] = p->nouns.events[i].at.name.at;
  findings_add(&p->findings, level, at->file, at->line, "%s \"" STR_FORMAT "\": %s = \"" STR_FORMAT "\", which no event noun declares%s",
               noun, STR_ARG(at->name), field, STR_ARG(type), list ? nearest(p, type, list, p->nouns.event_count) : "");
}

/* What can never be measured would leave whoever reads it waiting for ever. */
static void check_measured(struct program *p, const struct noun_metric *m) {
  struct arena scratch = {0};
  struct err e = {0};
  if (m->value.len == 0 && p->features && !measure_of(p->features, m, &scratch, &e))
    findings_add(&p->findings, FINDING_WARNING, m->at.file, m->at.line, "%s: it stays unknown", e.text);
  arena_free(&scratch);
}

/* A program that declares metrics means those; one that declares none measures elsewhere. */
static void check_outcome(struct program *p, const struct noun_experiment *x) {
  const struct nouns *n = &p->nouns;
  if (n->metric_count == 0 || x->outcome_metric.len == 0) return;
  const char **list = ARENA_ARRAY(&p->arena, const char *, n->metric_count + 1);
  for (size_t i = 0; list && i < n->metric_count; i++) {
    if (str_eq(n->metrics[i].at.name, x->outcome_metric)) return;
    list[i] = n->metrics[i].at.name.at;
  }
  findings_add(&p->findings, FINDING_WARNING, x->at.file, x->at.line,
               "experiment \"" STR_FORMAT "\": no metric is named \"" STR_FORMAT "\"%s", STR_ARG(x->at.name), STR_ARG(x->outcome_metric),
               list ? nearest(p, x->outcome_metric, list, n->metric_count) : "");
}

static void check_metric_name(struct program *p, const struct noun_experiment *x, const char *field, struct str name, bool error) {
  const struct nouns *n = &p->nouns;
  const char **list = ARENA_ARRAY(&p->arena, const char *, n->metric_count + 1);
  for (size_t i = 0; list && i < n->metric_count; i++) {
    if (str_eq(n->metrics[i].at.name, name)) return;
    list[i] = n->metrics[i].at.name.at;
  }
  findings_add(&p->findings, error && !p->findings.stored ? FINDING_ERROR : FINDING_WARNING, x->at.file, x->at.line,
               "experiment \"" STR_FORMAT "\": %s: no metric is named \"" STR_FORMAT "\"%s", STR_ARG(x->at.name), field, STR_ARG(name),
               list ? nearest(p, name, list, n->metric_count) : "");
}

static const struct noun_metric *metric_named(const struct nouns *n, struct str name) {
  for (size_t i = 0; i < n->metric_count; i++)
    if (str_eq(n->metrics[i].at.name, name)) return &n->metrics[i];
  return NULL;
}

static void check_guardrail(struct program *p, const struct noun_experiment *x, struct str name, enum finding_level level) {
  const struct noun_metric *m = metric_named(&p->nouns, name);
  struct arena scratch = {0};
  struct err e = {0};
  if (m && !str_eq(m->per, x->randomise))
    findings_add(&p->findings, level, x->at.file, x->at.line,
                 "experiment \"" STR_FORMAT "\": guardrails." STR_FORMAT
                 " guards nothing: %s are compared, and the metric is per = \"" STR_FORMAT "\"",
                 STR_ARG(x->at.name), STR_ARG(name), str_is(x->randomise, "user") ? "people" : "decisions", STR_ARG(m->per));
  else if (m && p->features && !measure_of(p->features, m, &scratch, &e))
    findings_add(&p->findings, level, x->at.file, x->at.line, "experiment \"" STR_FORMAT "\": guardrails." STR_FORMAT " guards nothing: %s",
                 STR_ARG(x->at.name), STR_ARG(name), e.text);
  arena_free(&scratch);
}

/* Decisions are weighed by what their arm's chance was; one that hardly ever comes is left out of every comparison. */
static void check_chances(struct program *p, const struct noun_experiment *x, enum finding_level level) {
  for (size_t k = 0; str_is(x->randomise, "decision") && k < x->arm_count; k++)
    if (x->arms[k].weight > 0 && (x->arms[k].weight < PROPENSITY_LEAST || x->arms[k].weight > PROPENSITY_MOST))
      findings_add(&p->findings, level, x->at.file, x->at.line,
                   "experiment \"" STR_FORMAT "\": guardrails cannot hold arm \"" STR_FORMAT
                   "\": its weight must be from %g to %g, so that its decisions can be weighed",
                   STR_ARG(x->at.name), STR_ARG(x->arms[k].name), PROPENSITY_LEAST, PROPENSITY_MOST);
}

/* Everything that may end an experiment for its harm does, or is refused: nobody finds out otherwise that it never will. */
static void check_guardrails(struct program *p, const struct noun_experiment *x) {
  const enum finding_level level = p->findings.stored ? FINDING_WARNING : FINDING_ERROR;
  if (!x->guardrails) return;
  for (uint32_t i = 0; i < x->guardrails->pairs; i++) check_guardrail(p, x, x->guardrails->keys[i], level);
  check_chances(p, x, level);
  if (x->guardrails->pairs > EFFECT_METRICS)
    findings_add(&p->findings, level, x->at.file, x->at.line, "experiment \"" STR_FORMAT "\": at most %d guardrails act, it has %u",
                 STR_ARG(x->at.name), EFFECT_METRICS, x->guardrails->pairs);
  if (x->arm_count > EFFECT_ARMS)
    findings_add(&p->findings, level, x->at.file, x->at.line, "experiment \"" STR_FORMAT "\": guardrails hold at most %d arms, it has %zu",
                 STR_ARG(x->at.name), EFFECT_ARMS, x->arm_count);
}

bool experiment_acts(const struct program *p, uint32_t number) {
  const struct noun_experiment *x = &p->nouns.experiments[number];
  if (x->guardrails || x->stop || x->metrics) return true;
  for (size_t i = 0; i < p->nouns.rollout_count; i++) {
    const struct noun_rollout *o = &p->nouns.rollouts[i];
    for (size_t g = 0; o->advance.len && g < o->gate_count; g++)
      if (str_starts(o->gates[g], "experiment:") && str_eq((struct str){o->gates[g].at + 11, o->gates[g].len - 11}, x->at.name))
        return true;
  }
  return false;
}

/* One more would be left out of what is counted, and never end. */
static void check_trials(struct program *p) {
  size_t count = 0;
  for (uint32_t i = 0; i < rules_rollouts(p->rules); i++) count += rollout_reads_journal(p->rules, i);
  for (uint32_t i = 0; i < p->nouns.experiment_count; i++) {
    const struct noun_experiment *x = &p->nouns.experiments[i];
    if (!experiment_acts(p, i) || ++count <= TRIALS_MOST) continue;
    findings_add(&p->findings, p->findings.stored ? FINDING_WARNING : FINDING_ERROR, x->at.file, x->at.line,
                 "experiment \"" STR_FORMAT
                 "\": its figures would not be counted: at most %d rollouts with halt or advance and experiments with guardrails, stop or "
                 "metrics are",
                 STR_ARG(x->at.name), TRIALS_MOST);
    return;
  }
}

/* A guardrail that measures nothing guards nothing. */
static void check_outcomes(struct program *p, const struct noun_experiment *x) {
  for (uint32_t i = 0; x->guardrails && i < x->guardrails->pairs; i++) check_metric_name(p, x, "guardrails", x->guardrails->keys[i], true);
  check_guardrails(p, x);
  for (uint32_t i = 0; x->metrics && i < x->metrics->length; i++)
    if (x->metrics->items[i].kind == NODE_TEXT) check_metric_name(p, x, "metrics", x->metrics->items[i].text, false);
}

/* What would only be said when the model is trained, or never: its lifecycle would just not be there. */
static void check_training(struct program *p, uint32_t model) {
  const struct noun_model *n = &p->nouns.models[model];
  const enum finding_level level = p->findings.stored ? FINDING_WARNING : FINDING_ERROR;
  struct arena scratch = {0};
  struct outcome_terms terms;
  struct err e = {0};
  if (!model_training(n, &e))
    findings_add(&p->findings, level, n->at.file, n->at.line, "model \"" STR_FORMAT "\": %s", STR_ARG(n->at.name), e.text);
  else if (!outcomes_of(p->models, model, &scratch, &terms, &e)) findings_add(&p->findings, level, n->at.file, n->at.line, "%s", e.text);
  else {
    check_event(p, "model", &n->at, "train.on", terms.on, level);
    check_event(p, "model", &n->at, "train.target", terms.target, level);
  }
  arena_free(&scratch);
}

static bool is_offered(const struct nouns *n, struct str option) {
  for (size_t i = 0; i < n->trigger_count; i++)
    for (size_t k = 0; k < n->triggers[i].offer_count; k++)
      if (str_eq(n->triggers[i].offer[k], option)) return true;
  for (size_t i = 0; i < n->experiment_count; i++)
    for (size_t k = 0; k < n->experiments[i].arm_count; k++)
      if (str_eq(n->experiments[i].arms[k].send, option)) return true;
  return false;
}

void sense_names(struct program *p) {
  const struct nouns *n = &p->nouns;
  for (size_t i = 0; i < n->trigger_count; i++) {
    const struct noun_trigger *t = &n->triggers[i];
    for (size_t k = 0; k < t->on_count; k++)
      if (t->on[k].kind == MOMENT_FOLLOW_UP) check_follow_up(p, t, t->on[k].text);
  }
  for (size_t i = 0; i < n->metric_count; i++) {
    check_event(p, "metric", &n->metrics[i].at, "of", n->metrics[i].of, FINDING_ERROR);
    check_event(p, "metric", &n->metrics[i].at, "over", n->metrics[i].over, FINDING_ERROR);
    check_measured(p, &n->metrics[i]);
  }
  for (uint32_t i = 0; i < n->model_count; i++)
    if (n->models[i].train) check_training(p, i);
  for (size_t i = 0; i < n->experiment_count; i++) {
    check_outcome(p, &n->experiments[i]);
    check_outcomes(p, &n->experiments[i]);
  }
  if (p->rules) check_trials(p);
  for (size_t i = 0; i < n->intervention_count; i++)
    if (!is_offered(n, n->interventions[i].at.name))
      findings_add(&p->findings, FINDING_NOTE, n->interventions[i].at.file, n->interventions[i].at.line,
                   "intervention \"" STR_FORMAT "\": no trigger and no arm offers it", STR_ARG(n->interventions[i].at.name));
}
