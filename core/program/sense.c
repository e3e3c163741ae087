/* sense: looks at a program's conditions together and says what its author would want to know before anybody is asked: a rule that can
 * never fire or always does, an option that can never be taken where it is offered, a rule that is heard only while another stands back,
 * two that meet with nothing to choose between them. Warnings and notes only, each with what proves it: the program may run all the same.
 * The work is bounded by a budget of steps, so that a thousand rules are no slower than the budget. Builder thread. */
#include "sense.h"
#include "language/reach.h"

#define BUDGET_ONE 4000   /* steps for one question */
#define BUDGET_ALL 400000 /* for all of a program: some 20 ms */
#define NOTES_MOST 20     /* overlaps that are told one by one */

struct sense {
  struct program *p;
  struct arena scratch;
  long left;
  size_t notes, untold;
  struct expression **whens;   /* of the triggers, by number; NULL: always, or not looked at */
  struct expression **accepts; /* of the options */
};

static struct expression *compiled(struct sense *s, struct str source) {
  struct err e = {0};
  return source.len ? expression_compile(&s->p->symbols, source, WANT_TRUTH, &e) : NULL;
}

static enum reach ask(struct sense *s, const struct goal *goals, size_t count, bool known, struct buf *example) {
  long budget = s->left < BUDGET_ONE ? s->left : BUDGET_ONE, had = budget;
  struct reach_terms terms = {known, &budget, &s->scratch};
  if (budget <= 0) return REACH_PERHAPS;
  enum reach r = conditions_reach(goals, count, &terms, example);
  s->left -= had - (budget < 0 ? 0 : budget) + 1;
  return r;
}

static void tell(struct sense *s, enum finding_level level, const struct declared *at, const char *noun, const char *field,
                 const struct expression *x, bool always) {
  struct buf reason = {0};
  long budget = BUDGET_ONE;
  struct reach_terms terms = {always && !reach_asks_for_missing(x), &budget, &s->scratch};
  reach_reason(x, always, &terms, &reason);
  findings_add(&s->p->findings, level, at->file, at->line, "%s \"" STR_FORMAT "\": %s can %s: " STR_FORMAT, noun, STR_ARG(at->name), field,
               always ? "only be true, whatever its values are" : "never be true", STR_ARG(buf_view(&reason)));
  buf_free(&reason);
}

/* ---- one condition ---- */
static struct expression *look_at(struct sense *s, const struct declared *at, const char *noun, const char *field, struct str source) {
  struct expression *x = compiled(s, source);
  if (!x) return NULL;
  struct goal is = {x, false}, is_not = {x, true};
  if (ask(s, &is, 1, false, NULL) == REACH_NEVER) tell(s, FINDING_WARNING, at, noun, field, x, false);
  else if (!reach_reads_nothing(x) && ask(s, &is_not, 1, !reach_asks_for_missing(x), NULL) == REACH_NEVER)
    tell(s, FINDING_WARNING, at, noun, field, x, true);
  return x;
}

static void look_at_each(struct sense *s) {
  const struct nouns *n = &s->p->nouns;
  for (size_t i = 0; i < n->segment_count; i++) look_at(s, &n->segments[i].at, "segment", "when", n->segments[i].when);
  for (size_t i = 0; i < n->trigger_count; i++) {
    s->whens[i] = look_at(s, &n->triggers[i].at, "trigger", "when", n->triggers[i].when);
    look_at(s, &n->triggers[i].at, "trigger", "available", n->triggers[i].available);
  }
  for (size_t i = 0; i < n->intervention_count; i++) {
    s->accepts[i] = look_at(s, &n->interventions[i].at, "intervention", "accept", n->interventions[i].accept);
    look_at(s, &n->interventions[i].at, "intervention", "available", n->interventions[i].available);
  }
  for (size_t i = 0; i < n->experiment_count; i++)
    look_at(s, &n->experiments[i].at, "experiment", "available", n->experiments[i].available);
  for (size_t i = 0; i < n->rollout_count; i++)
    for (size_t k = 0; k < n->rollouts[i].stage_count; k++)
      look_at(s, &n->rollouts[i].at, "rollout", arena_printf(&s->scratch, "stages.%zu: only", k + 1), n->rollouts[i].stages[k].only);
}

/* ---- an offer ---- */
static void look_at_offer(struct sense *s, size_t trigger, size_t number) {
  const struct noun_trigger *t = &s->p->nouns.triggers[trigger];
  const struct noun_intervention *option = &s->p->nouns.interventions[number];
  struct expression *accept = s->accepts[number];
  if (!accept || !s->whens[trigger]) return;
  struct goal alone[] = {{accept, false}}, both[] = {{s->whens[trigger], false}, {accept, false}}, when[] = {{s->whens[trigger], false}};
  if (ask(s, both, 2, false, NULL) != REACH_NEVER) return;
  if (ask(s, alone, 1, false, NULL) == REACH_NEVER || ask(s, when, 1, false, NULL) == REACH_NEVER) return; /* told already */
  findings_add(&s->p->findings, FINDING_WARNING, t->at.file, t->at.line,
               "trigger \"" STR_FORMAT "\": offers \"" STR_FORMAT "\", which can never be taken then: \"" STR_FORMAT
               "\" and its accept, \"" STR_FORMAT "\", are never true together",
               STR_ARG(t->at.name), STR_ARG(option->at.name), STR_ARG(t->when), STR_ARG(option->accept));
}

static void look_at_offers(struct sense *s) {
  const struct nouns *n = &s->p->nouns;
  for (size_t i = 0; i < n->trigger_count; i++)
    for (size_t k = 0; k < n->triggers[i].offer_count; k++)
      for (size_t o = 0; o < n->intervention_count; o++)
        if (str_eq(n->interventions[o].at.name, n->triggers[i].offer[k])) look_at_offer(s, i, o);
}

/* ---- two rules ---- */
static bool same_moment(const struct moment *a, const struct moment *b) {
  if (a->kind == MOMENT_DAY && b->kind == MOMENT_DAY) return true;
  if (a->kind != MOMENT_EVENT || b->kind != MOMENT_EVENT) return false;
  return str_eq(a->text, b->text) || str_is(a->text, "*") || str_is(b->text, "*");
}

/* The first moment that both listen to; NULL: none. */
static const struct moment *common(const struct noun_trigger *a, const struct noun_trigger *b) {
  for (size_t i = 0; i < a->on_count; i++)
    for (size_t k = 0; k < b->on_count; k++)
      if (same_moment(&a->on[i], &b->on[k])) return str_is(a->on[i].text, "*") ? &b->on[k] : &a->on[i];
  return NULL;
}

/* Does `b` hear everything that `a` hears? */
static bool hears_all(const struct noun_trigger *a, const struct noun_trigger *b) {
  for (size_t i = 0; i < a->on_count; i++) {
    bool heard = false;
    for (size_t k = 0; k < b->on_count; k++)
      heard |= same_moment(&a->on[i], &b->on[k]) && (!str_is(a->on[i].text, "*") || str_is(b->on[k].text, "*"));
    if (!heard) return false;
  }
  return true;
}

static bool is_point(const struct nouns *n, const struct noun_trigger *t) {
  for (size_t i = 0; i < n->experiment_count; i++) {
    struct str at = n->experiments[i].at_point;
    if (str_starts(at, "trigger:") && str_eq((struct str){at.at + 8, at.len - 8}, t->at.name)) return true;
  }
  return false;
}

static void look_for_shadow(struct sense *s, size_t low, size_t high) {
  const struct nouns *n = &s->p->nouns;
  const struct noun_trigger *a = &n->triggers[low], *b = &n->triggers[high];
  if (!hears_all(a, b) || is_point(n, a)) return;
  struct goal goals[] = {{s->whens[low], false}, {s->whens[high], true}};
  const struct goal *first = s->whens[low] ? goals : goals + 1;
  size_t count = (size_t)(s->whens[low] != NULL) + (s->whens[high] != NULL);
  if (b->when.len && (!s->whens[high] || ask(s, first, count, false, NULL) != REACH_NEVER)) return;
  if (s->whens[low] && ask(s, goals, 1, false, NULL) == REACH_NEVER) return; /* told already */
  findings_add(&s->p->findings, FINDING_WARNING, a->at.file, a->at.line,
               "trigger \"" STR_FORMAT "\": whenever it is true, so is trigger \"" STR_FORMAT
               "\" (%s:%d), which has the higher priority: this one is heard only while that one stands back (\"" STR_FORMAT
               "\" holds in all "
               "that \"" STR_FORMAT "\" does)",
               STR_ARG(a->at.name), STR_ARG(b->at.name), b->at.file, b->at.line, STR_ARG(b->when.len ? b->when : STR("true")),
               STR_ARG(a->when.len ? a->when : STR("true")));
}

static bool look_for_overlap(struct sense *s, size_t first, size_t second) {
  const struct nouns *n = &s->p->nouns;
  const struct noun_trigger *a = &n->triggers[first], *b = &n->triggers[second];
  const struct moment *moment = common(a, b);
  if (!moment || is_point(n, a) || is_point(n, b)) return false;
  if ((a->when.len && !s->whens[first]) || (b->when.len && !s->whens[second])) return false;
  struct goal goals[2];
  size_t count = 0;
  struct buf example = {0};
  if (s->whens[first]) goals[count++] = (struct goal){s->whens[first], false};
  if (s->whens[second]) goals[count++] = (struct goal){s->whens[second], false};
  bool both = count == 0 || ask(s, goals, count, false, &example) == REACH_YES;
  if (both && s->notes++ < NOTES_MOST)
    findings_add(&s->p->findings, FINDING_NOTE, a->at.file, a->at.line,
                 "trigger \"" STR_FORMAT "\": it and trigger \"" STR_FORMAT "\" (%s:%d) can both be true of one \"" STR_FORMAT
                 "\", with the same priority: expected value decides, then the name%s" STR_FORMAT,
                 STR_ARG(a->at.name), STR_ARG(b->at.name), b->at.file, b->at.line,
                 STR_ARG(moment->kind == MOMENT_DAY ? STR("day_started") : moment->text), example.len ? "; for example where " : "",
                 STR_ARG(buf_view(&example)));
  else if (both) s->untold++;
  buf_free(&example);
  return both;
}

static void look_at_pairs(struct sense *s) {
  const struct nouns *n = &s->p->nouns;
  for (size_t i = 0; i < n->trigger_count && s->left > 0; i++) {
    bool told = false;
    for (size_t k = 0; k < n->trigger_count && s->left > 0; k++) {
      double mine = n->triggers[i].priority, other = n->triggers[k].priority;
      if (i != k && mine < other) look_for_shadow(s, i, k);
      if (i < k && !(mine < other) && !(mine > other) && !told) told = look_for_overlap(s, i, k);
      arena_reset(&s->scratch);
    }
  }
  if (s->untold)
    findings_add(&s->p->findings, FINDING_NOTE, n->triggers[0].at.file, n->triggers[0].at.line,
                 "%zu more triggers can be true together with another of their priority", s->untold);
}

void sense_check(struct program *p) {
  struct sense s = {.p = p, .left = BUDGET_ALL};
  sense_names(p);
  sense_fields(p);
  s.whens = ARENA_ARRAY(&p->arena, struct expression *, p->nouns.trigger_count + 1);
  s.accepts = ARENA_ARRAY(&p->arena, struct expression *, p->nouns.intervention_count + 1);
  if (!s.whens || !s.accepts || p->findings.errors) return;
  look_at_each(&s);
  look_at_offers(&s);
  arena_reset(&s.scratch);
  look_at_pairs(&s);
  arena_free(&s.scratch);
}
