/* rules: builds what deciding reads from the nouns of a program: compiled conditions, offers, arms, stages, one merged policy, and for each
 * event type who listens. Every name that does not exist becomes a finding. Runs on the builder thread only; the result is immutable and
 * lies in the program's arena. */
#include "goal.h"
#include "kit/clock.h"
#include "kit/hash.h"
#include "rules_inside.h"

#include <stdlib.h>
#include <string.h>

struct building {
  struct arena *arena;
  const struct nouns *nouns;
  struct symbols *symbols;
  struct findings *findings;
  struct rules *rules;
  const struct rules_needs *needs;
};

static uint64_t prefixed_hash(struct arena *a, const char *kind, struct str name) {
  const char *text = arena_printf(a, "%s:" STR_FORMAT, kind, STR_ARG(name));
  return hash_64(str_from(text));
}

static struct expression *compile(struct building *b, const struct declared *at, const char *noun, const char *field, struct str source,
                                  enum expression_want want) {
  if (source.len == 0) return NULL;
  struct err e = {0};
  struct expression *x = expression_compile(b->symbols, source, want, &e);
  if (!x)
    findings_add(b->findings, FINDING_ERROR, at->file, at->line, "%s \"" STR_FORMAT "\": %s: %s", noun, STR_ARG(at->name), field, e.text);
  return x;
}

#define FIND_BY_NAME(list, count, wanted)                                                                                                  \
  for (size_t found = 0; found < (count); found++)                                                                                         \
    if (str_eq((list)[found].at.name, (wanted))) return (uint32_t)found;                                                                   \
  return NO_ONE

static uint32_t find_option(const struct nouns *n, struct str name) {
  FIND_BY_NAME(n->interventions, n->intervention_count, name);
}
static uint32_t find_choose(const struct nouns *n, struct str name) {
  FIND_BY_NAME(n->chooses, n->choose_count, name);
}
static uint32_t find_trigger(const struct nouns *n, struct str name) {
  FIND_BY_NAME(n->triggers, n->trigger_count, name);
}
static uint32_t find_experiment(const struct nouns *n, struct str name) {
  FIND_BY_NAME(n->experiments, n->experiment_count, name);
}
static uint32_t find_model(const struct nouns *n, struct str name) {
  FIND_BY_NAME(n->models, n->model_count, name);
}

/* " (did you mean …?)" for a name that none of these nouns has, or "". */
#define MEANT_AMONG(list, count)                                                                                                           \
  const char **names = ARENA_ARRAY(b->arena, const char *, (count) + 1);                                                                   \
  for (size_t i = 0; names && i < (count); i++) names[i] = (list)[i].at.name.at; /* texts of nouns end in NUL */                           \
  const char *near = names ? str_nearest(name, names, (count)) : NULL;                                                                     \
  return near ? arena_printf(b->arena, " (did you mean \"%s\"?)", near) : ""

static const char *option_meant(struct building *b, struct str name) {
  MEANT_AMONG(b->nouns->interventions, b->nouns->intervention_count);
}
static const char *choose_meant(struct building *b, struct str name) {
  MEANT_AMONG(b->nouns->chooses, b->nouns->choose_count);
}
static const char *trigger_meant(struct building *b, struct str name) {
  MEANT_AMONG(b->nouns->triggers, b->nouns->trigger_count);
}
static const char *experiment_meant(struct building *b, struct str name) {
  MEANT_AMONG(b->nouns->experiments, b->nouns->experiment_count);
}
static const char *model_meant(struct building *b, struct str name) {
  MEANT_AMONG(b->nouns->models, b->nouns->model_count);
}
static const char *event_meant(struct building *b, struct str name) {
  MEANT_AMONG(b->nouns->events, b->nouns->event_count);
}

static uint32_t option_or_finding(struct building *b, const struct declared *at, const char *noun, struct str name) {
  uint32_t option = find_option(b->nouns, name);
  if (option != NO_ONE) return option;
  findings_add(b->findings, FINDING_ERROR, at->file, at->line, "%s \"" STR_FORMAT "\": no intervention is named \"" STR_FORMAT "\"%s", noun,
               STR_ARG(at->name), STR_ARG(name), option_meant(b, name));
  return NO_ONE;
}

/* Which rollouts name "kind:name". */
static struct gates gates_of(struct building *b, const char *kind, struct str name) {
  uint32_t *at = ARENA_ARRAY(b->arena, uint32_t, b->nouns->rollout_count + 1);
  const char *wanted = arena_printf(b->arena, "%s:" STR_FORMAT, kind, STR_ARG(name));
  size_t count = 0;
  for (size_t i = 0; i < b->nouns->rollout_count; i++)
    for (size_t g = 0; g < b->nouns->rollouts[i].gate_count; g++)
      if (str_is(b->nouns->rollouts[i].gates[g], wanted)) at[count++] = (uint32_t)i;
  return (struct gates){at, count};
}

/* Who has recovered too little for hard effort (PROMISES C6), by built-in features: two hours short of sleep a night, stress above seven of
 * ten (the source document's own bounds), or six days in a row without a rest. What is not known holds nobody back. */
#define STRAINED "sleep_debt > 2 or stress_level > 7 or streak_length >= 6"

static void build_options(struct building *b) {
  struct rules *r = b->rules;
  r->option_count = b->nouns->intervention_count;
  r->options = ARENA_ARRAY(b->arena, struct option, r->option_count + 1);
  for (size_t i = 0; i < r->option_count; i++) {
    const struct noun_intervention *n = &b->nouns->interventions[i];
    struct option *o = &r->options[i];
    o->noun = n;
    o->accept = compile(b, &n->at, "intervention", "accept", n->accept, WANT_TRUTH);
    o->available = compile(b, &n->at, "intervention", "available", n->available, WANT_TRUTH);
    o->match = compile(b, &n->at, "intervention", "match", n->match, WANT_NUMBER);
    o->fits = compile(b, &n->at, "intervention", "fits", n->fits, WANT_NUMBER);
    o->strained = compile(b, &n->at, "intervention", "vigorous", n->vigorous ? STR(STRAINED) : (struct str){0}, WANT_TRUTH);
    o->goal_value = compile(b, &n->at, "intervention", "goal_value", n->goal_value, WANT_NUMBER);
    o->goal_usual = compile(b, &n->at, "intervention", "goal_usual", n->goal_usual, WANT_NUMBER);
    o->goal = o->goal_value && o->goal_usual ? goal_kind(n->goal) : NULL;
    o->gates = gates_of(b, "intervention", n->at.name);
    o->hash = hash_64(n->at.name);
    o->kill_name = prefixed_hash(b->arena, "intervention", n->at.name);
  }
}

static void note_features(struct building *b, struct trigger *t) {
  const uint32_t *slots;
  uint32_t count = t->when ? expression_slots(t->when, &slots) : 0;
  uint32_t *features = ARENA_ARRAY(b->arena, uint32_t, count + 1);
  for (uint32_t i = 0; i < count; i++)
    if (b->symbols->at[slots[i]].kind == SYMBOL_FEATURE) features[t->feature_count++] = slots[i];
  t->features = features;
  t->steady = t->when && expression_steady(t->when);
}

static void build_triggers(struct building *b) {
  struct rules *r = b->rules;
  r->trigger_count = b->nouns->trigger_count;
  if (r->trigger_count > TRIGGERS_MOST)
    findings_add(b->findings, FINDING_ERROR, b->nouns->triggers[TRIGGERS_MOST].at.file, b->nouns->triggers[TRIGGERS_MOST].at.line,
                 "%zu triggers are declared, at most %d are allowed", r->trigger_count, TRIGGERS_MOST);
  r->triggers = ARENA_ARRAY(b->arena, struct trigger, r->trigger_count + 1);
  for (size_t i = 0; i < r->trigger_count; i++) {
    const struct noun_trigger *n = &b->nouns->triggers[i];
    struct trigger *t = &r->triggers[i];
    t->noun = n;
    t->when = compile(b, &n->at, "trigger", "when", n->when, WANT_TRUTH);
    note_features(b, t);
    t->available = compile(b, &n->at, "trigger", "available", n->available, WANT_TRUTH);
    t->offer = ARENA_ARRAY(b->arena, uint32_t, n->offer_count + 1);
    for (size_t k = 0; k < n->offer_count; k++) {
      uint32_t option = option_or_finding(b, &n->at, "trigger", n->offer[k]);
      if (option != NO_ONE) t->offer[t->offer_count++] = option;
    }
    if (t->offer_count > OPTIONS_MOST)
      findings_add(b->findings, FINDING_ERROR, n->at.file, n->at.line,
                   "trigger \"" STR_FORMAT "\": offers %zu interventions, at most %d are allowed", STR_ARG(n->at.name), t->offer_count,
                   OPTIONS_MOST);
    t->experiment = NO_ONE;
    t->choose = n->choose.len ? find_choose(b->nouns, n->choose) : NO_ONE;
    if (n->choose.len && t->choose == NO_ONE && !str_is(n->choose, "score"))
      findings_add(b->findings, FINDING_ERROR, n->at.file, n->at.line,
                   "trigger \"" STR_FORMAT "\": no choose is named \"" STR_FORMAT "\"%s", STR_ARG(n->at.name), STR_ARG(n->choose),
                   choose_meant(b, n->choose));
    t->gates = gates_of(b, "trigger", n->at.name);
    t->hash = hash_64(n->at.name);
    t->names[0] = prefixed_hash(b->arena, "trigger", n->at.name);
    for (size_t k = 0; k < n->on_count; k++) r->any_moment |= n->on[k].kind != MOMENT_EVENT;
  }
}

static bool has_arm_option(const struct trigger *t, uint32_t option) {
  for (size_t k = 0; k < t->offer_count; k++)
    if (t->offer[k] == option) return true;
  return false;
}

/* Options that only an arm names join the trigger's candidates, so that availability and propensities cover them. */
static void join_arms(struct building *b, struct experiment *x) {
  struct trigger *t = &b->rules->triggers[x->trigger];
  uint32_t *offer = ARENA_ARRAY(b->arena, uint32_t, t->offer_count + x->noun->arm_count + 1);
  memcpy(offer, t->offer, t->offer_count * sizeof *offer);
  t->offer = offer;
  for (size_t k = 0; k < x->noun->arm_count; k++)
    if (x->arms[k].option != NO_ONE && !has_arm_option(t, x->arms[k].option)) t->offer[t->offer_count++] = x->arms[k].option;
}

static uint32_t control_of(const struct noun_experiment *n) {
  uint32_t silent = NO_ONE, count = 0;
  for (uint32_t k = 0; k < n->arm_count; k++) {
    if (str_is(n->arms[k].name, "control")) return k;
    if (!n->arms[k].silence) continue;
    silent = k;
    count++;
  }
  return count == 1 ? silent : NO_ONE;
}

static void build_experiment(struct building *b, const struct noun_experiment *n, struct experiment *x, uint32_t number) {
  x->noun = n;
  x->trigger = NO_ONE;
  x->available = compile(b, &n->at, "experiment", "available", n->available, WANT_TRUTH);
  x->gates = gates_of(b, "experiment", n->at.name);
  x->strata = ARENA_ARRAY(b->arena, struct expression *, n->strata_count + 1);
  for (size_t k = 0; k < n->strata_count; k++) x->strata[k] = compile(b, &n->at, "experiment", "strata", n->strata[k], WANT_ANY);
  x->kill_name = prefixed_hash(b->arena, "experiment", n->at.name);
  x->salt = str_from(arena_printf(b->arena, STR_FORMAT "#%lld", STR_ARG(n->at.name), (long long)n->revision));
  x->exposure = mark_key("exposed", x->salt);
  x->end_name = hash_64(x->salt);
  x->control = control_of(n);
  if ((n->guardrails || n->stop) && x->control == NO_ONE)
    findings_add(b->findings, b->findings->stored ? FINDING_WARNING : FINDING_ERROR, n->at.file, n->at.line,
                 "experiment \"" STR_FORMAT "\": guardrails and stop need a control arm, which everybody gets at the end: one named "
                 "\"control\", or only one that sends nothing",
                 STR_ARG(n->at.name));
  x->arms = ARENA_ARRAY(b->arena, struct arm, n->arm_count + 1);
  for (size_t k = 0; k < n->arm_count; k++) {
    x->arms[k].silence = n->arms[k].silence;
    x->arms[k].option = n->arms[k].send.len ? option_or_finding(b, &n->at, "experiment", n->arms[k].send) : NO_ONE;
  }
  if (!str_starts(n->at_point, "trigger:")) return; /* said where the field was read */
  const struct str point = {n->at_point.at + 8, n->at_point.len - 8};
  x->trigger = find_trigger(b->nouns, point);
  if (x->trigger == NO_ONE) {
    findings_add(b->findings, FINDING_ERROR, n->at.file, n->at.line,
                 "experiment \"" STR_FORMAT "\": at = \"" STR_FORMAT "\" names no trigger%s", STR_ARG(n->at.name), STR_ARG(n->at_point),
                 trigger_meant(b, point));
    return;
  }
  struct trigger *t = &b->rules->triggers[x->trigger];
  if (t->experiment != NO_ONE) {
    findings_add(b->findings, FINDING_ERROR, n->at.file, n->at.line,
                 "experiment \"" STR_FORMAT "\": trigger \"" STR_FORMAT "\" is the decision point of experiment \"" STR_FORMAT
                 "\" already: two draws for one moment would spoil both",
                 STR_ARG(n->at.name), STR_ARG(t->noun->at.name), STR_ARG(b->rules->experiments[t->experiment].noun->at.name));
    return;
  }
  t->experiment = number;
  join_arms(b, x);
}

static void build_experiments(struct building *b) {
  struct rules *r = b->rules;
  r->experiment_count = b->nouns->experiment_count;
  r->experiments = ARENA_ARRAY(b->arena, struct experiment, r->experiment_count + 1);
  for (size_t i = 0; i < r->experiment_count; i++) build_experiment(b, &b->nouns->experiments[i], &r->experiments[i], (uint32_t)i);
}

/* The gate is asked before any model is. */
static void check_model_gate(struct building *b, const struct noun_rollout *n) {
  const struct rollout *o = &b->rules->rollouts[n - b->nouns->rollouts];
  const uint32_t *slots;
  for (size_t k = 0; k < n->stage_count; k++) {
    uint32_t count = o->stages[k].only ? expression_slots(o->stages[k].only, &slots) : 0;
    for (uint32_t i = 0; i < count; i++)
      if (b->symbols->at[slots[i]].kind == SYMBOL_BELIEF)
        findings_add(b->findings, FINDING_ERROR, n->at.file, n->at.line,
                     "rollout \"" STR_FORMAT "\": stage \"" STR_FORMAT "\": only reads \"" STR_FORMAT
                     "\", which a model says: what models say cannot decide who gets a model",
                     STR_ARG(n->at.name), STR_ARG(n->stages[k].name), STR_ARG(b->symbols->at[slots[i]].name));
  }
}

/* A gate that names nothing would gate nothing, silently: refused. */
static void check_gate(struct building *b, const struct noun_rollout *n, struct str gate) {
  struct str rest = gate, kind = {0};
  bool known = false;
  const char *meant = "";
  const char *const kinds[] = {"trigger:", "intervention:", "experiment:", "model:"};
  bool understood = false;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) understood |= str_starts(gate, kinds[i]);
  if (!understood) return; /* noun_checks.c said so */
  if (memchr(gate.at, ':', gate.len) && str_split(&rest, ':', &kind)) {
    if (str_is(kind, "trigger")) known = find_trigger(b->nouns, rest) != NO_ONE;
    if (str_is(kind, "intervention")) known = find_option(b->nouns, rest) != NO_ONE;
    if (str_is(kind, "experiment")) known = find_experiment(b->nouns, rest) != NO_ONE;
    if (str_is(kind, "model") && (known = find_model(b->nouns, rest) != NO_ONE)) check_model_gate(b, n);
  }
  if (!known && str_is(kind, "trigger")) meant = trigger_meant(b, rest);
  if (!known && str_is(kind, "intervention")) meant = option_meant(b, rest);
  if (!known && str_is(kind, "experiment")) meant = experiment_meant(b, rest);
  if (!known && str_is(kind, "model")) meant = model_meant(b, rest);
  if (!known)
    findings_add(b->findings, FINDING_ERROR, n->at.file, n->at.line,
                 "rollout \"" STR_FORMAT "\": gates \"" STR_FORMAT
                 "\", which names nothing (write \"trigger:…\", \"intervention:…\", \"experiment:…\" or \"model:…\")%s",
                 STR_ARG(n->at.name), STR_ARG(gate), meant);
}

static void build_tiers(struct building *b, const struct noun_rollout *of) {
  static const char *const words[TIERS] = {"high", "medium", "low", "minimal"};
  struct rules *r = b->rules;
  struct err e = {0};
  if (r->tiers) return;
  r->tiers = ARENA_ARRAY(b->arena, struct tier, b->nouns->segment_count + 1);
  for (size_t i = 0; r->tiers && i < b->nouns->segment_count; i++) {
    const struct noun_segment *n = &b->nouns->segments[i];
    if (!n->risk.len) continue;
    const struct symbol *s = symbols_name(b->symbols, str_from(arena_printf(b->arena, "segment." STR_FORMAT, STR_ARG(n->at.name))), &e);
    if (!s) continue; /* the segment has findings of its own */
    struct tier *t = &r->tiers[r->tier_count++];
    t->slot = s->slot;
    while (t->rank < TIERS - 1 && !str_is(n->risk, words[t->rank])) t->rank++;
  }
  if (r->tier_count == 0)
    findings_add(b->findings, FINDING_WARNING, of->at.file, of->at.line,
                 "rollout \"" STR_FORMAT "\": order = \"risk\", but no segment says a risk: everybody comes last", STR_ARG(of->at.name));
}

static void build_rollouts(struct building *b) {
  struct rules *r = b->rules;
  r->rollout_count = b->nouns->rollout_count;
  r->rollouts = ARENA_ARRAY(b->arena, struct rollout, r->rollout_count + 1);
  if (r->rollout_count > ROLLOUTS_MOST) {
    const struct declared *at = &b->nouns->rollouts[ROLLOUTS_MOST].at;
    findings_add(b->findings, FINDING_ERROR, at->file, at->line, "%zu rollouts are declared, at most %d are allowed", r->rollout_count,
                 ROLLOUTS_MOST);
  }
  for (size_t i = 0; i < r->rollout_count; i++) {
    const struct noun_rollout *n = &b->nouns->rollouts[i];
    struct rollout *o = &r->rollouts[i];
    o->noun = n;
    o->hash = hash_64(n->at.name);
    o->kill_name = prefixed_hash(b->arena, "rollout", n->at.name);
    o->entry = mark_key("rollout", n->at.name);
    o->stages = ARENA_ARRAY(b->arena, struct stage, n->stage_count + 1);
    for (size_t k = 0; k < n->stage_count; k++) {
      o->stages[k].share = n->stages[k].share;
      o->stages[k].only = compile(b, &n->at, "rollout", "only", n->stages[k].only, WANT_TRUTH);
      if (n->stages[k].order.len) o->stages[k].turn = (int64_t)(n->stages[k].hold * 1000) / TIERS;
      if (n->stages[k].order.len) build_tiers(b, n);
    }
    stage_conditions_build(b->arena, b->nouns, o, b->findings);
    for (size_t g = 0; g < n->gate_count; g++) check_gate(b, n, n->gates[g]);
  }
}

static void build_model_gates(struct building *b) {
  bool any = false;
  struct gates *models = ARENA_ARRAY(b->arena, struct gates, b->nouns->model_count + 1);
  for (size_t i = 0; models && i < b->nouns->model_count; i++) {
    models[i] = gates_of(b, "model", b->nouns->models[i].at.name);
    any |= models[i].count > 0;
  }
  b->rules->models = any ? models : NULL;
}

static void merge_policy(struct policy *p, const struct noun_policy *n) {
  if (n->quiet_from >= 0 && n->quiet_from < p->quiet_from) p->quiet_from = n->quiet_from;
  if (n->quiet_to >= 0 && n->quiet_to > p->quiet_to) p->quiet_to = n->quiet_to;
  if (n->per_day >= 0 && n->per_day < p->per_day) p->per_day = (int32_t)n->per_day;
  if (n->per_week >= 0 && n->per_week < p->per_week) p->per_week = (int32_t)n->per_week;
  if (n->gap >= 0 && (int64_t)(n->gap * 1000) > p->gap) p->gap = (int64_t)(n->gap * 1000);
  if (n->holdout > p->holdout) p->holdout = n->holdout;
  p->minors_nothing |= n->minors_nothing;
  p->enrolled |= str_is(n->consent, "by_enrolment");
}

/* ---- who listens ---- */

/* Adds an expression's slots to a set kept as a byte per slot. */
static void add_slots(unsigned char *set, const struct expression *x) {
  if (!x) return;
  const uint32_t *slots;
  uint32_t count = expression_slots(x, &slots);
  for (uint32_t i = 0; i < count; i++) set[slots[i]] = 1;
}

static void add_tier_slots(const struct rules *r, unsigned char *set) {
  for (size_t t = 0; t < r->tier_count; t++) {
    const struct symbol *s = &r->symbols->at[r->tiers[t].slot];
    set[s->slot] = 1;
    for (uint32_t i = 0; i < s->read_count; i++) set[s->reads[i]] = 1;
  }
}

static void add_gate_slots(const struct rules *r, unsigned char *set, const struct gates *g) {
  for (size_t i = 0; i < g->count; i++)
    for (size_t k = 0; k < r->rollouts[g->at[i]].noun->stage_count; k++) {
      add_slots(set, r->rollouts[g->at[i]].stages[k].only);
      if (r->rollouts[g->at[i]].stages[k].turn) add_tier_slots(r, set);
    }
}

static void add_rest_slots(const struct building *b, unsigned char *set, const struct trigger *t) {
  const struct rules *r = b->rules;
  add_slots(set, t->available);
  add_gate_slots(r, set, &t->gates);
  for (size_t k = 0; k < t->offer_count; k++) {
    const struct option *o = &r->options[t->offer[k]];
    add_slots(set, o->accept);
    add_slots(set, o->available);
    add_slots(set, o->match);
    add_slots(set, o->fits);
    add_slots(set, o->strained);
    add_slots(set, o->goal_value);
    add_slots(set, o->goal_usual);
    add_gate_slots(r, set, &o->gates);
    const uint32_t *slots;
    size_t count = b->needs->message_slots(b->needs->context, t->offer[k], &slots);
    for (size_t i = 0; i < count; i++) set[slots[i]] = 1;
  }
  if (t->experiment != NO_ONE) {
    const struct experiment *x = &r->experiments[t->experiment];
    add_slots(set, x->available);
    for (size_t k = 0; k < x->noun->strata_count; k++) add_slots(set, x->strata[k]);
    add_gate_slots(r, set, &r->experiments[t->experiment].gates);
  }
}

static const uint32_t *list_slots(struct arena *a, const unsigned char *set, const unsigned char *without, uint32_t count, size_t *out) {
  uint32_t *list = ARENA_ARRAY(a, uint32_t, count + 1);
  *out = 0;
  for (uint32_t s = 0; s < count; s++)
    if (set[s] && !(without && without[s])) list[(*out)++] = s;
  return list;
}

static void features_last(const struct symbols *symbols, struct listening *l, struct arena *a) {
  uint32_t *list = ARENA_ARRAY(a, uint32_t, l->screen_count + 1);
  size_t at = 0;
  for (int features = 0; features < 2; features++) {
    for (size_t i = 0; i < l->screen_count; i++)
      if ((symbols->at[l->screen[i]].kind == SYMBOL_FEATURE) == features) list[at++] = l->screen[i];
    if (!features) l->screen_early = at;
  }
  l->screen = list;
}

static void list_derived(const struct symbols *symbols, struct listening *l, struct arena *a) {
  uint32_t *list = ARENA_ARRAY(a, uint32_t, l->screen_count + l->rest_count + 1);
  for (size_t i = 0; i < l->screen_count + l->rest_count; i++) {
    uint32_t slot = i < l->screen_count ? l->screen[i] : l->rest[i - l->screen_count];
    enum symbol_kind kind = symbols->at[slot].kind;
    if (kind == SYMBOL_SEGMENT || kind == SYMBOL_FUNCTION) list[l->derived_count++] = slot;
    if (i + 1 == l->screen_count) l->derived_screen = l->derived_count;
  }
  l->derived = list;
}

static struct listening *listening_of(struct building *b, const uint32_t *triggers, size_t count) {
  struct listening *l = ARENA_NEW(b->arena, struct listening);
  uint32_t slots = b->symbols->count;
  unsigned char *screen = arena_zero(b->arena, slots + 1, 1), *rest = arena_zero(b->arena, slots + 1, 1);
  l->triggers = arena_copy(b->arena, triggers, count * sizeof *triggers);
  l->count = count;
  for (size_t k = 0; k < count; k++) {
    add_slots(screen, b->rules->triggers[triggers[k]].when);
    add_rest_slots(b, rest, &b->rules->triggers[triggers[k]]);
  }
  for (size_t i = 0; b->rules->models && count > 0 && i < b->nouns->model_count; i++)
    add_gate_slots(b->rules, screen, &b->rules->models[i]);
  l->screen = list_slots(b->arena, screen, NULL, slots, &l->screen_count);
  features_last(b->symbols, l, b->arena);
  l->rest = list_slots(b->arena, rest, screen, slots, &l->rest_count);
  list_derived(b->symbols, l, b->arena);
  return l;
}

static bool listens(const struct noun_trigger *n, struct str type) {
  for (size_t k = 0; k < n->on_count; k++) {
    if (n->on[k].kind == MOMENT_EVENT && (str_eq(n->on[k].text, type) || str_is(n->on[k].text, "*"))) return true;
    if (n->on[k].kind == MOMENT_DAY && str_is(type, "tick.day_started")) return true;
  }
  return false;
}

static bool add_listening(struct building *b, struct str type) {
  uint64_t key = hash_64(type), had;
  if (map_get(&b->rules->listening, key, &had)) return true;
  uint32_t *triggers = ARENA_ARRAY(b->arena, uint32_t, b->rules->trigger_count + 1);
  size_t count = 0;
  for (size_t i = 0; i < b->rules->trigger_count; i++)
    if (listens(b->rules->triggers[i].noun, type)) triggers[count++] = (uint32_t)i;
  if (count == 0) return true;
  return map_set(&b->rules->listening, key, (uint64_t)(uintptr_t)listening_of(b, triggers, count));
}

static void check_listened(struct building *b, const struct vocabulary *v, const struct noun_trigger *n) {
  for (size_t k = 0; k < n->on_count; k++) {
    struct str type = n->on[k].text;
    if (n->on[k].kind == MOMENT_EVENT && !str_is(type, "*") && !vocabulary_type(v, type))
      findings_add(b->findings, FINDING_ERROR, n->at.file, n->at.line,
                   "trigger \"" STR_FORMAT "\": listens to \"" STR_FORMAT "\", which no event noun declares%s", STR_ARG(n->at.name),
                   STR_ARG(type), event_meant(b, type));
  }
}

static bool build_listening(struct building *b, const struct vocabulary *v) {
  struct rules *r = b->rules;
  bool ok = add_listening(b, STR("tick.day_started"));
  for (size_t i = 0; i < b->nouns->event_count; i++) ok = ok && add_listening(b, b->nouns->events[i].at.name);
  uint32_t *all = ARENA_ARRAY(b->arena, uint32_t, r->trigger_count + 1);
  for (uint32_t i = 0; i < r->trigger_count; i++) all[i] = i;
  r->everyone = listening_of(b, all, r->trigger_count);
  r->single = ARENA_ARRAY(b->arena, struct listening, r->trigger_count + 1);
  for (uint32_t i = 0; i < r->trigger_count; i++) {
    r->single[i] = *listening_of(b, &i, 1);
    check_listened(b, v, r->triggers[i].noun);
  }
  return ok;
}

/* After everything that may name it was compiled: messages before the rules, see program/build.c. */
static uint32_t find_offered(const struct symbols *symbols) {
  for (uint32_t i = 0; i < symbols->count; i++)
    if (str_is(symbols->at[i].name, "goal.offered")) return i;
  return NO_ONE;
}

struct rules *rules_build(struct arena *a, const struct nouns *nouns, const struct vocabulary *v, struct symbols *symbols,
                          const struct rules_needs *needs, struct findings *f) {
  struct building b = {a, nouns, symbols, f, ARENA_NEW(a, struct rules), needs};
  struct rules *r = b.rules;
  if (!r) return NULL;
  r->chooses = nouns->chooses;
  r->choose_count = nouns->choose_count;
  r->symbols = symbols;
  r->policy = (struct policy){QUIET_FROM, QUIET_TO, LIMIT_DAY, LIMIT_WEEK, LIMIT_GAP, 0, false, false};
  for (size_t i = 0; i < nouns->policy_count; i++) merge_policy(&r->policy, &nouns->policies[i]);
  build_options(&b);
  build_triggers(&b);
  build_rollouts(&b);
  build_model_gates(&b);
  build_experiments(&b);
  r->offered = find_offered(symbols);
  return build_listening(&b, v) ? r : NULL;
}

void rules_free(struct rules *r) {
  if (r) map_free(&r->listening);
}
