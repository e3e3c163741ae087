/* halt: when a rollout is to halt by itself. Its condition reads shares that the engine counts; a share's name is its lower bound, which is
 * above the threshold only when the counts leave no doubt, however often anybody looks, and name.estimate is the share itself. A share of
 * which nothing is counted is unknown. A name that is no share is an error; what can never act is a warning. Compiled once a program
 * [builder]; judged by whoever watches, pure over the counts. */
#include "language/reach.h"
#include "rules_inside.h"
#include "stats/stats.h"
#include <string.h>

#define FIGURES_MOST 64 /* names in one condition */
#define ESTIMATE     ".estimate"
#define BUDGET       100000 /* steps of looking for values of a condition */

const char *rate_word(enum rate r) {
  static const char *const words[RATES] = {"opt_out_rate", "webhook_error_rate"};
  return words[r];
}

/* The place of a share's name; RATES: nothing measures it. */
static enum rate rate_of(struct str name, bool *estimate) {
  const size_t tail = sizeof ESTIMATE - 1;
  *estimate = name.len > tail && memcmp(name.at + name.len - tail, ESTIMATE, tail) == 0;
  if (*estimate) name.len -= tail;
  int r = 0;
  while (r < RATES && !str_is(name, rate_word((enum rate)r))) r++;
  return (enum rate)r;
}

/* A share that is meant to be counted once, and is not yet: no event says what a complaint is. */
#define UNMEASURED "complaint_rate"

struct finding_rates {
  const struct declared *at;
  const struct nouns *nouns;
  struct findings *findings;
};

/* Declared or planned, but nothing counts it for a rollout. */
static bool is_unmeasured(const struct nouns *n, struct str name) {
  size_t i = 0;
  while (i < n->metric_count && !str_eq(n->metrics[i].at.name, name)) i++;
  return i < n->metric_count || str_is(name, UNMEASURED);
}

/* A brake that reads what does not exist would never act, so such a name is an error; one that nothing measures yet is a warning. */
static bool find_rate(void *context, struct str name, struct symbol *out, struct err *e) {
  static const char *const words[] = {"opt_out_rate", "webhook_error_rate", "opt_out_rate" ESTIMATE, "webhook_error_rate" ESTIMATE,
                                      UNMEASURED};
  const struct finding_rates *f = context;
  bool estimate;
  *out = (struct symbol){.kind = SYMBOL_FEATURE, .type = VALUE_NUMBER, .bounded = true, .high = 1};
  if (rate_of(name, &estimate) < RATES) return true;
  struct str whole = name;
  if (estimate) whole.len -= sizeof ESTIMATE - 1;
  if (is_unmeasured(f->nouns, whole)) {
    out->bounded = str_is(whole, UNMEASURED);
    findings_add(f->findings, FINDING_WARNING, f->at->file, f->at->line,
                 "rollout \"" STR_FORMAT "\": halt: nothing measures \"" STR_FORMAT "\" in this version, it stays unknown",
                 STR_ARG(f->at->name), STR_ARG(name));
    return true;
  }
  const char *near = str_nearest(name, words, sizeof words / sizeof *words);
  return err_set(e, ERR_INPUT, "\"" STR_FORMAT "\" is no share that halts a rollout%s%s%s: opt_out_rate and webhook_error_rate are",
                 STR_ARG(name), near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "");
}

static bool is_never(const struct expression *x, struct arena *a) {
  long budget = BUDGET;
  const struct reach_terms terms = {.budget = &budget, .arena = a};
  return conditions_reach(&(struct goal){x, false}, 1, &terms, NULL) == REACH_NEVER;
}

/* Each comparison by itself, and then the whole: 5 that was meant as 5 % makes a brake that never acts. */
static void warn_of_never(const struct expression *halt, struct symbols *s, const struct finding_rates *f) {
  struct value unknown[FIGURES_MOST];
  struct term *terms;
  size_t told = 0;
  for (size_t i = 0; i < FIGURES_MOST; i++) unknown[i] = value_missing(MISSING_ABSENT);
  const size_t count = expression_terms(halt, unknown, s->arena, &terms);
  for (size_t i = 0; i < count; i++) {
    struct err e = {0};
    const struct expression *x = expression_compile(s, terms[i].source, WANT_TRUTH, &e);
    if (!x || reach_reads_nothing(x) || !is_never(x, s->arena)) continue;
    findings_add(f->findings, FINDING_WARNING, f->at->file, f->at->line,
                 "rollout \"" STR_FORMAT "\": halt: \"" STR_FORMAT
                 "\" can never be true, since a share is from 0 to 1 (5 %% is 5 * percent)",
                 STR_ARG(f->at->name), STR_ARG(terms[i].source));
    told++;
  }
  if (told || !is_never(halt, s->arena)) return;
  findings_add(f->findings, FINDING_WARNING, f->at->file, f->at->line, "rollout \"" STR_FORMAT "\": halt can never be true: it never acts",
               STR_ARG(f->at->name));
}

void halt_build(struct arena *a, const struct nouns *nouns, struct rollout *o, struct findings *f) {
  struct symbols *s = ARENA_NEW(a, struct symbols);
  struct finding_rates *context = ARENA_NEW(a, struct finding_rates);
  struct err e = {0};
  if (!o->noun->halt.len || !s || !context) return;
  *context = (struct finding_rates){&o->noun->at, nouns, f};
  *s = (struct symbols){.arena = a, .find = find_rate, .context = context};
  o->halt = expression_compile(s, o->noun->halt, WANT_TRUTH, &e);
  o->figures = s;
  if (o->halt && s->count <= FIGURES_MOST) {
    warn_of_never(o->halt, s, context);
    return;
  }
  findings_add(f, FINDING_ERROR, o->noun->at.file, o->noun->at.line, "rollout \"" STR_FORMAT "\": halt: %s", STR_ARG(o->noun->at.name),
               o->halt ? "reads too many names" : e.text);
  o->halt = NULL;
}

static void say_rate(struct buf *out, struct str name, const struct value *v, const struct rate_count *c) {
  if (v->kind != VALUE_NUMBER) return;
  buf_printf(out, "%s" STR_FORMAT " %.4g (%llu of %llu)", out->len ? ", " : "", STR_ARG(name), v->number, (unsigned long long)c->bad,
             (unsigned long long)c->all);
}

enum truth rollout_halts(const struct rules *r, uint32_t rollout, const struct rate_count rates[RATES], struct arena *a, struct str *why) {
  const struct rollout *o = &r->rollouts[rollout];
  struct value slots[FIGURES_MOST];
  struct buf said = {0};
  if (!o->halt) return TRUTH_UNKNOWN;
  for (uint32_t i = 0; i < o->figures->count; i++) {
    bool estimate;
    const enum rate which = rate_of(o->figures->at[i].name, &estimate);
    slots[i] = value_missing(MISSING_ABSENT);
    if (which == RATES || rates[which].all == 0) continue;
    const double all = (double)rates[which].all, bad = rates[which].bad < rates[which].all ? (double)rates[which].bad : all;
    slots[i] = value_number(estimate ? bad / all : share_low(bad, all, RATE_ALPHA));
    say_rate(&said, o->figures->at[i].name, &slots[i], &rates[which]);
  }
  *why = (struct str){arena_text(a, said.at ? said.at : "", said.len), said.len};
  buf_free(&said);
  return expression_truth(o->halt, slots);
}

int64_t rollout_since(const struct rules *r, uint32_t rollout, const struct user *u) {
  const struct mark *m = user_mark(u, r->rollouts[rollout].entry);
  return m ? m->at : 0;
}

bool rules_gate_models(const struct rules *r) {
  return r->models != NULL;
}

uint64_t rollout_hash(const struct rules *r, uint32_t rollout) {
  return r->rollouts[rollout].hash;
}
