/* halt: when a rollout is to halt, or to go on, by itself. Both conditions read figures that the engine counts (figures.c). A name that is
 * no figure is an error, since a brake that reads what does not exist would never act; what can never be measured, or never be true, is a
 * warning. Of a program that was accepted once such a name is a warning too, or its past could not be replayed: it stays unknown. Compiled
 * once a program [builder]; judged by whoever watches, pure over the figures. */
#include "language/reach.h"
#include "rules_inside.h"
#include <stdarg.h>
#include <stdio.h>

#define FIGURES_MOST 64     /* names in one condition */
#define BUDGET       100000 /* steps of looking for values of a condition */

struct finding_figures {
  const struct noun_rollout *noun;
  const char *field;
  const struct nouns *nouns;
  struct findings *findings;
};

/* Whoever mistypes a metric's name has to hear of that one, too. */
static const char *figure_meant(const struct nouns *n, struct str name, struct arena *a) {
  static const char *const ends[] = {"", ".estimate", ".lift", ".difference", ".lift.estimate", ".difference.estimate"};
  const size_t count = 2 + (RATES + n->metric_count) * (sizeof ends / sizeof *ends);
  const char **words = ARENA_ARRAY(a, const char *, count);
  size_t at = 0;
  if (!words) return NULL;
  words[at++] = "decisions";
  words[at++] = "users";
  for (int r = 0; r < RATES; r++)
    for (size_t k = 0; k < 2; k++) words[at++] = arena_printf(a, "%s%s", rate_word((enum rate)r), ends[k]);
  for (size_t i = 0; i < n->metric_count; i++)
    for (size_t k = 0; k < sizeof ends / sizeof *ends; k++)
      words[at++] = arena_printf(a, STR_FORMAT "%s", STR_ARG(n->metrics[i].at.name), ends[k]);
  return str_nearest(name, words, at);
}

static void warn(const struct finding_figures *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void warn(const struct finding_figures *f, const char *format, ...) {
  char text[400];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  findings_add(f->findings, FINDING_WARNING, f->noun->at.file, f->noun->at.line, "rollout \"" STR_FORMAT "\": %s: %s",
               STR_ARG(f->noun->at.name), f->field, text);
}

static bool is_share(const struct nouns *n, const struct figure *f) {
  if (f->kind == FIGURE_RATE) return true;
  return f->kind == FIGURE_LEVEL && (str_is(n->metrics[f->metric].measure, "happened") || str_is(n->metrics[f->metric].measure, "rate"));
}

static bool find_figure(void *context, struct str name, struct symbol *out, struct err *e) {
  const struct finding_figures *f = context;
  const struct figure figure = figure_of(f->nouns, name);
  struct arena scratch = {0};
  *out = (struct symbol){.kind = SYMBOL_FEATURE, .type = VALUE_NUMBER, .bounded = is_share(f->nouns, &figure), .high = 1};
  const char *unmeasured = figure_unmeasured(f->nouns, f->noun, &figure);
  if (unmeasured) warn(f, "\"" STR_FORMAT "\" stays unknown: %s", STR_ARG(name), unmeasured);
  if (figure.kind != FIGURE_UNKNOWN) return true;
  if (f->findings->stored) warn(f, "\"" STR_FORMAT "\" is no figure of a rollout, it stays unknown", STR_ARG(name));
  if (f->findings->stored) return true;
  const char *near = figure_meant(f->nouns, name, &scratch);
  err_set(e, ERR_INPUT,
          "\"" STR_FORMAT "\" is no figure of a rollout%s%s%s: opt_out_rate, complaint_rate, webhook_error_rate, decisions, users and "
          "declared metrics are",
          STR_ARG(name), near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "");
  arena_free(&scratch);
  return false;
}

static bool is_never(const struct expression *x, struct arena *a) {
  long budget = BUDGET;
  const struct reach_terms terms = {.budget = &budget, .arena = a};
  return conditions_reach(&(struct goal){x, false}, 1, &terms, NULL) == REACH_NEVER;
}

/* Each comparison by itself, and then the whole: 5 that was meant as 5 % makes a brake that never acts. */
static void warn_of_never(const struct expression *condition, struct symbols *s, const struct finding_figures *f) {
  struct value unknown[FIGURES_MOST];
  struct term *terms;
  size_t told = 0;
  for (size_t i = 0; i < FIGURES_MOST; i++) unknown[i] = value_missing(MISSING_ABSENT);
  const size_t count = expression_terms(condition, unknown, s->arena, &terms);
  for (size_t i = 0; i < count; i++) {
    struct err e = {0};
    const struct expression *x = expression_compile(s, terms[i].source, WANT_TRUTH, &e);
    if (!x || reach_reads_nothing(x) || !is_never(x, s->arena)) continue;
    warn(f, "\"" STR_FORMAT "\" can never be true, since a share is from 0 to 1 (5 %% is 5 * percent)", STR_ARG(terms[i].source));
    told++;
  }
  if (!told && is_never(condition, s->arena)) warn(f, "can never be true: it never acts");
}

static const struct figure *figures_of(const struct nouns *n, const struct symbols *s) {
  struct figure *figures = ARENA_ARRAY(s->arena, struct figure, s->count + 1);
  for (uint32_t i = 0; figures && i < s->count; i++) figures[i] = figure_of(n, s->at[i].name);
  return figures;
}

static void build(struct arena *a, const struct nouns *nouns, const struct noun_rollout *o, const char *field, struct str source,
                  struct stage_condition *out, struct findings *f) {
  struct symbols *s = ARENA_NEW(a, struct symbols);
  struct finding_figures *context = ARENA_NEW(a, struct finding_figures);
  struct err e = {0};
  if (!source.len || !s || !context) return;
  *context = (struct finding_figures){o, field, nouns, f};
  *s = (struct symbols){.arena = a, .find = find_figure, .context = context};
  struct expression *x = expression_compile(s, source, WANT_TRUTH, &e);
  if (x && s->count <= FIGURES_MOST) {
    warn_of_never(x, s, context);
    *out = (struct stage_condition){x, s, figures_of(nouns, s)};
    if (!out->figures) out->condition = NULL;
    return;
  }
  findings_add(f, f->stored ? FINDING_WARNING : FINDING_ERROR, o->at.file, o->at.line, "rollout \"" STR_FORMAT "\": %s: %s",
               STR_ARG(o->at.name), field, x ? "reads too many names" : e.text);
}

void stage_conditions_build(struct arena *a, const struct nouns *nouns, struct rollout *o, struct findings *f) {
  build(a, nouns, o->noun, "halt", o->noun->halt, &o->halt, f);
  build(a, nouns, o->noun, "advance", o->noun->advance, &o->advance, f);
}

/* ---- judging ---- */

/* Of several terms it is said which were true: the figures alone leave open which side of an `or` acted. */
static void say_sides(struct buf *said, const struct expression *x, const struct value *slots, struct arena *a) {
  static const char *const words[] = {[TRUTH_FALSE] = "false", [TRUTH_TRUE] = "true", [TRUTH_UNKNOWN] = "unknown"};
  static const enum truth order[] = {TRUTH_TRUE, TRUTH_FALSE, TRUTH_UNKNOWN};
  struct term *terms;
  const size_t count = expression_terms(x, slots, a, &terms);
  for (size_t k = 0; count > 1 && k < sizeof order / sizeof *order; k++) {
    bool first = true;
    for (size_t i = 0; i < count; i++) {
      if (terms[i].truth != order[k]) continue;
      if (first) buf_printf(said, "%s%s: ", said->len ? "; " : "", words[order[k]]);
      buf_printf(said, "%s" STR_FORMAT, first ? "" : ", ", STR_ARG(terms[i].source));
      first = false;
    }
  }
}

static enum truth judge(const struct stage_condition *c, const struct stage_figures *f, bool halts, struct arena *a, struct str *why) {
  struct value slots[FIGURES_MOST];
  struct buf said = {0};
  if (!c->condition) return TRUTH_UNKNOWN;
  for (uint32_t i = 0; i < c->names->count; i++) {
    slots[i] = figure_value(&c->figures[i], f, halts);
    figure_say(&said, c->names->at[i].name, &slots[i], &c->figures[i], f, halts);
  }
  if (said.len) say_sides(&said, c->condition, slots, a); /* nothing is known yet: nothing is said */
  *why = (struct str){arena_text(a, said.at ? said.at : "", said.len), said.len};
  buf_free(&said);
  return expression_truth(c->condition, slots);
}

enum truth rollout_halts(const struct rules *r, uint32_t rollout, const struct stage_figures *f, struct arena *a, struct str *why) {
  return judge(&r->rollouts[rollout].halt, f, true, a, why);
}

enum truth rollout_advances(const struct rules *r, uint32_t rollout, const struct stage_figures *f, struct arena *a, struct str *why) {
  return judge(&r->rollouts[rollout].advance, f, false, a, why);
}

static bool reads(const struct stage_condition *c, uint32_t metric) {
  for (uint32_t i = 0; c->condition && i < c->names->count; i++)
    if (c->figures[i].kind >= FIGURE_LEVEL && c->figures[i].metric == metric) return true;
  return false;
}

bool rollout_measures(const struct rules *r, uint32_t rollout, uint32_t metric) {
  const struct rollout *o = &r->rollouts[rollout];
  return reads(&o->halt, metric) || reads(&o->advance, metric);
}

/* Messages that fail as well: a stage that nobody moved to begins with the first who came in, which the journal says. */
bool rollout_reads_journal(const struct rules *r, uint32_t rollout) {
  const struct stage_condition *halt = &r->rollouts[rollout].halt;
  bool counted = r->rollouts[rollout].advance.condition != NULL;
  for (uint32_t i = 0; halt->condition && i < halt->names->count; i++) {
    const struct figure *f = &halt->figures[i];
    counted |= f->kind != FIGURE_UNKNOWN;
  }
  return counted;
}

/* ---- who is compared ---- */

bool rollout_compares(const struct rules *r, uint32_t rollout, int32_t stage) {
  const struct rollout *o = &r->rollouts[rollout];
  if (stage < 0 || (size_t)stage >= o->noun->stage_count) return false;
  return !o->stages[stage].only && o->stages[stage].turn == 0;
}

static bool has_gate(const struct gates *gates, uint32_t rollout) {
  for (size_t i = 0; gates && i < gates->count; i++)
    if (gates->at[i] == rollout) return true;
  return false;
}

bool rollout_gates_trigger(const struct rules *r, uint32_t rollout, struct str trigger) {
  const uint32_t t = rules_trigger(r, trigger);
  if (t == NO_ONE) return false;
  const struct trigger *at = &r->triggers[t];
  if (has_gate(&at->gates, rollout) || (at->experiment != NO_ONE && has_gate(&r->experiments[at->experiment].gates, rollout))) return true;
  for (size_t i = 0; i < at->offer_count; i++)
    if (has_gate(&r->options[at->offer[i]].gates, rollout)) return true;
  return false;
}

bool rollout_gates_decision(const struct rules *r, uint32_t rollout, struct str trigger, struct str option) {
  const uint32_t t = rules_trigger(r, trigger);
  if (t == NO_ONE) return false;
  const struct trigger *at = &r->triggers[t];
  const struct gates *gates[3] = {&at->gates, at->experiment == NO_ONE ? NULL : &r->experiments[at->experiment].gates, NULL};
  for (size_t i = 0; i < r->option_count; i++)
    if (str_eq(r->options[i].noun->at.name, option)) gates[2] = &r->options[i].gates;
  return has_gate(gates[0], rollout) || has_gate(gates[1], rollout) || has_gate(gates[2], rollout);
}
