/* coverage: counts, over the moments of all scenarios, which rules could act and did, and what each term of their conditions said. Promises
 * that looking changes nothing: terms are evaluated on the slots that the decision was made with. What a scenario does not reach (a model
 * that did not have to be asked) counts as unknown. On the thread of whoever tests a program. */
#include "program/coverage.h"
#include <stdlib.h>
#include <string.h>

/* ---- the list ---- */

static bool list_terms(const struct program *p, const struct rule_condition *from, struct condition_seen *out, struct arena *a) {
  struct value *nothing = ARENA_ARRAY(a, struct value, p->symbols.count + 1);
  struct term *terms;
  if (!nothing) return false;
  *out = (struct condition_seen){.field = from->field, .count = expression_terms(from->condition, nothing, a, &terms)};
  if (!(out->terms = ARENA_ARRAY(a, struct term_seen, out->count + 1))) return false;
  for (size_t i = 0; i < out->count; i++) out->terms[i].source = terms[i].source;
  return true;
}

static bool list_rule(const struct program *p, struct rule_seen *r, const struct rule_condition *conditions, size_t count,
                      struct arena *a) {
  r->condition_count = count;
  for (size_t i = 0; i < count; i++)
    if (!list_terms(p, &conditions[i], &r->conditions[i], a)) return false;
  return true;
}

/* As they stand in the files; two of one line in order of name. */
static int by_place(const void *a, const void *b) {
  const struct declared *x = ((const struct rule_seen *)a)->at, *y = ((const struct rule_seen *)b)->at;
  int files = strcmp(x->file, y->file);
  if (files) return files;
  return x->line != y->line ? x->line - y->line : str_compare(x->name, y->name);
}

static void number_places(struct coverage *c, const struct rules *r) {
  for (uint32_t i = 0; i < c->count; i++) {
    const struct declared *at = c->rules[i].at;
    for (uint32_t t = 0; t < rules_triggers(r); t++)
      if (&trigger_noun(r, t)->at == at) c->triggers[t] = i;
    for (uint32_t k = 0; k < rules_options(r); k++)
      if (&option_noun(r, k)->at == at) c->options[k] = i;
  }
}

bool coverage_begin(const struct program *p, struct arena *a, struct coverage *out) {
  const struct rules *r = p->rules;
  struct rule_condition conditions[2];
  size_t triggers = rules_triggers(r), options = rules_options(r);
  *out = (struct coverage){.rules = ARENA_ARRAY(a, struct rule_seen, triggers + options + 1),
                           .count = triggers + options,
                           .triggers = ARENA_ARRAY(a, uint32_t, triggers + 1),
                           .options = ARENA_ARRAY(a, uint32_t, options + 1)};
  if (!out->rules || !out->triggers || !out->options) return false;
  for (uint32_t i = 0; i < out->count; i++) {
    bool trigger = i < triggers;
    uint32_t k = trigger ? i : i - (uint32_t)triggers;
    struct rule_seen *seen = &out->rules[i];
    seen->noun = trigger ? "trigger" : "intervention";
    seen->at = trigger ? &trigger_noun(r, k)->at : &option_noun(r, k)->at;
    size_t count = trigger ? trigger_conditions(r, k, conditions) : option_conditions(r, k, conditions);
    if (!list_rule(p, seen, conditions, count, a)) return false;
  }
  if (out->count) qsort(out->rules, out->count, sizeof *out->rules, by_place);
  number_places(out, r);
  return true;
}

/* ---- one moment ---- */

static void count_terms(struct rule_seen *seen, const struct rule_condition *conditions, const struct value *slots, struct arena *scratch) {
  for (size_t i = 0; i < seen->condition_count; i++) {
    struct term *terms;
    size_t count = expression_terms(conditions[i].condition, slots, scratch, &terms);
    for (size_t k = 0; k < count && k < seen->conditions[i].count; k++) seen->conditions[i].terms[k].truths[terms[k].truth]++;
  }
}

static const struct decision *decision_of(const struct decision *decisions, size_t count, uint32_t trigger) {
  for (size_t i = 0; i < count; i++)
    if (decisions[i].trigger == trigger) return &decisions[i];
  return NULL;
}

static void add_options(struct coverage *c, const struct rules *r, const struct decision *d, const struct value *slots,
                        struct arena *scratch) {
  struct rule_condition conditions[2];
  for (size_t k = 0; k < d->candidate_count; k++) {
    uint32_t option = d->candidates[k].option;
    struct rule_seen *seen = &c->rules[c->options[option]];
    seen->asked++;
    seen->met += d->candidates[k].reason == NULL;
    if (option_conditions(r, option, conditions)) count_terms(seen, conditions, slots, scratch);
  }
  if (d->outcome == OUTCOME_SENT) c->rules[c->options[d->option]].sent++;
}

void coverage_add(struct coverage *c, const struct program *p, const struct listening *l, const struct value *slots,
                  const struct decision *decisions, size_t count, struct arena *scratch) {
  struct rule_condition conditions[2];
  for (size_t i = 0; i < l->count; i++) {
    const struct decision *d = decision_of(decisions, count, l->triggers[i]);
    struct rule_seen *seen = &c->rules[c->triggers[l->triggers[i]]];
    seen->asked++;
    seen->met += d != NULL;
    seen->sent += d && d->outcome == OUTCOME_SENT;
    if (trigger_conditions(p->rules, l->triggers[i], conditions)) count_terms(seen, conditions, slots, scratch);
    if (d) add_options(c, p->rules, d, slots, scratch);
  }
}

/* ---- what is whole ---- */

bool term_seen_whole(const struct term_seen *t) {
  return t->truths[TRUTH_TRUE] && t->truths[TRUTH_FALSE];
}

bool rule_seen_whole(const struct rule_seen *r) {
  if (strcmp(r->noun, "intervention") == 0) return r->sent > 0;
  bool conditional = r->condition_count && strcmp(r->conditions[0].field, "when") == 0;
  return r->met > 0 && (!conditional || r->met < r->asked);
}

void coverage_end(struct coverage *c) {
  for (size_t i = 0; i < c->count; i++) {
    const struct rule_seen *r = &c->rules[i];
    c->whole_rules += rule_seen_whole(r);
    for (size_t k = 0; k < r->condition_count; k++) {
      c->terms += r->conditions[k].count;
      for (size_t t = 0; t < r->conditions[k].count; t++) c->whole_terms += term_seen_whole(&r->conditions[k].terms[t]);
    }
  }
}
