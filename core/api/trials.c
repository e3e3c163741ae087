/* trials: what is known of rollouts that move by themselves and of experiments that end by themselves, from what the journal says of those
 * whom they reached, or drew, beside the others. Promises that the same journal gives the same figures, after a restart and in another
 * order of volumes; that another program goes on with what was read unless it measures something else; and that nothing is read for what
 * moves and ends nothing, unless somebody asked for it in the last minute. Acts on nothing: rollouts_watch and experiments do. Main thread.
 */
#include "trials.h"
#include "inside.h"
#include "kit/clock.h"
#include "kit/log.h"
#include "stats/stats.h"
#include <string.h>

#define EVERY  (INT64_C(1000) * 1000 * 1000) /* ns */
#define WANTED (60 * EVERY)                  /* after a question */

/* ---- what is watched ---- */

static bool add_metric(struct trial *one, const struct program *p, uint32_t metric, double window, double margin, struct arena *a) {
  const struct noun_metric *n = &p->nouns.metrics[metric];
  struct err why = {0};
  if (n->window > 0) window = n->window;
  if (one->metric_count == EFFECT_METRICS || !(window > 0)) return true;
  const struct measure *m = measure_of(p->features, n, a, &why);
  if (!m) return true; /* a finding said so */
  const struct effects_terms terms = {measure_kind(m), (int64_t)(window * 1000)};
  const bool each = str_is(n->per, "decision");
  struct effects *e = each ? NULL : effects_new(&terms);
  struct occasions *o = each ? occasions_new(&terms, one->kind == TRIAL_ROLLOUT ? REACHED_GROUPS : EFFECT_ARMS) : NULL;
  if (!e && !o) return false;
  one->metrics[one->metric_count++] = (struct trial_metric){metric, m, terms.within, e, o, margin};
  return true;
}

static void sign_metric(struct buf *out, const struct noun_metric *n) {
  buf_printf(out, " [" STR_FORMAT " " STR_FORMAT " " STR_FORMAT " " STR_FORMAT "/" STR_FORMAT "." STR_FORMAT " %.9g: " STR_FORMAT "]",
             STR_ARG(n->at.name), STR_ARG(n->per), STR_ARG(n->measure), STR_ARG(n->of), STR_ARG(n->over), STR_ARG(n->field), n->window,
             STR_ARG(n->where));
}

/* What makes figures of before figures of now. */
static void sign(struct buf *out, const struct program *p, const struct trial *one) {
  if (one->kind == TRIAL_EXPERIMENT) {
    const struct noun_experiment *x = experiment_noun(p->rules, one->number);
    buf_printf(out, "experiment " STR_FORMAT "#%.0f %.9g:", STR_ARG(x->at.name), x->revision, x->outcome_within);
    for (uint32_t i = 0; i < one->metric_count; i++) sign_metric(out, &p->nouns.metrics[one->metrics[i].metric]);
    buf_char(out, '\n');
    return;
  }
  const struct noun_rollout *n = rollout_noun(p->rules, one->number);
  buf_printf(out, STR_FORMAT ":", STR_ARG(n->at.name));
  for (size_t i = 0; i < n->gate_count; i++) buf_printf(out, " " STR_FORMAT, STR_ARG(n->gates[i]));
  for (size_t i = 0; i < n->stage_count; i++)
    buf_printf(out, " %.9g/%.9g" STR_FORMAT "/" STR_FORMAT, n->stages[i].share, n->stages[i].hold, STR_ARG(n->stages[i].only),
               STR_ARG(n->stages[i].order));
  for (uint32_t i = 0; i < one->metric_count; i++) sign_metric(out, &p->nouns.metrics[one->metrics[i].metric]);
  buf_char(out, '\n');
}

static void trials_free(struct trial *trials, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) stays_free(trials[i].stays);
  for (uint32_t i = 0; i < count; i++)
    for (uint32_t m = 0; m < trials[i].metric_count; m++) {
      effects_free(trials[i].metrics[m].effects);
      occasions_free(trials[i].metrics[m].occasions);
    }
  kit_free(trials);
}

static bool has_item(const struct node *list, struct str name) {
  for (uint32_t i = 0; list && i < list->length; i++)
    if (list->items[i].kind == NODE_TEXT && str_eq(list->items[i].text, name)) return true;
  return false;
}

/* What is drawn for is compared: people, each by what they did, or decisions, each by what came after it. */
static bool add_outcomes(struct trial *one, const struct program *p, bool guarding, struct arena *a) {
  const struct noun_experiment *n = experiment_noun(p->rules, one->number);
  bool ok = true;
  for (uint32_t m = 0; ok && m < p->nouns.metric_count; m++) {
    const struct str name = p->nouns.metrics[m].at.name;
    const char *key = arena_text(a, name.at, name.len);
    const struct node *margin = key ? node_get(n->guardrails, key) : NULL;
    const bool guards = margin && margin->kind == NODE_NUMBER;
    const bool wanted = guarding ? guards : !guards && (has_item(n->metrics, name) || str_eq(n->outcome_metric, name));
    if (!key) return false;
    if (!wanted || !str_eq(p->nouns.metrics[m].per, n->randomise)) continue;
    ok = add_metric(one, p, m, n->outcome_within, guards ? margin->number : STATS_NONE, a);
  }
  return ok;
}

static bool add_rollouts(struct trial *trials, const struct program *p, bool acting, struct arena *a, uint32_t *count) {
  bool ok = true;
  for (uint32_t i = 0; ok && i < rules_rollouts(p->rules) && i < ROLLOUTS_MOST && *count < TRIALS_MOST; i++) {
    if (rollout_reads_journal(p->rules, i) != acting) continue;
    struct trial *one = &trials[(*count)++];
    *one = (struct trial){.number = i, .acts = acting, .read.stage = STAGE_MIXED, .shown.stage = STAGE_MIXED, .stays = stays_new()};
    ok = one->stays != NULL;
    for (uint32_t m = 0; ok && m < p->nouns.metric_count; m++)
      if (rollout_measures(p->rules, i, m)) ok = add_metric(one, p, m, 0, STATS_NONE, a);
  }
  return ok;
}

static bool add_experiments(struct trial *trials, const struct program *p, bool acting, struct arena *a, uint32_t *count) {
  bool ok = true;
  for (uint32_t i = 0; ok && i < rules_experiments(p->rules) && *count < TRIALS_MOST; i++) {
    if (experiment_acts(p, i) != acting) continue;
    struct trial *one = &trials[(*count)++];
    *one = (struct trial){.kind = TRIAL_EXPERIMENT, .number = i, .acts = acting, .watched = clock_now()};
    ok = add_outcomes(one, p, true, a) && add_outcomes(one, p, false, a); /* what guards comes before what is only shown */
  }
  return ok;
}

/* What acts comes first: it has its place whatever else there is to see. */
static struct trial *trials_of(const struct program *p, struct arena *a, uint32_t *count) {
  struct trial *trials = kit_alloc(TRIALS_MOST * sizeof *trials);
  bool ok = trials != NULL;
  *count = 0;
  for (int acting = 1; acting >= 0; acting--)
    ok = ok && add_rollouts(trials, p, acting != 0, a, count) && add_experiments(trials, p, acting != 0, a, count);
  if (ok) return trials;
  trials_free(trials, *count);
  return NULL;
}

/* The same is measured: what was read is that of these. */
static void carry(struct trials *t, struct trial *now) {
  for (uint32_t i = 0; i < t->count; i++) {
    struct trial *was = &t->trials[i];
    memcpy(now[i].parts, was->parts, sizeof now[i].parts);
    now[i].read = was->read;
    now[i].shown = was->shown;
    now[i].watched = was->watched;
    now[i].told_ratio = was->told_ratio;
    now[i].told_silence = was->told_silence;
    struct stays *stays = now[i].stays;
    now[i].stays = was->stays;
    was->stays = stays;
    for (uint32_t m = 0; m < was->metric_count; m++) {
      const struct trial_metric other = now[i].metrics[m];
      now[i].metrics[m].effects = was->metrics[m].effects;
      now[i].metrics[m].occasions = was->metrics[m].occasions;
      was->metrics[m].effects = other.effects;
      was->metrics[m].occasions = other.occasions;
    }
  }
}

static void follow(struct trials *t) {
  const struct program *p = t->api->program, *before = t->of;
  struct arena arena = {0};
  uint32_t count;
  struct trial *now = trials_of(p, &arena, &count);
  struct buf signature = {0};
  for (uint32_t i = 0; now && i < count; i++) sign(&signature, p, &now[i]);
  buf_char(&signature, 0);
  if (!now || signature.failed) {
    log_error("rollout", "no memory to count what comes of rollouts");
    trials_free(now, now ? count : 0);
    arena_free(&arena);
    buf_free(&signature);
    return;
  }
  if (t->signature && count == t->count && strcmp(t->signature, signature.at) == 0) carry(t, now);
  else {
    memset(t->scan.next, 0, sizeof t->scan.next);
    trials_scan_forget(t);
    t->scan.more = true;
  }
  trials_free(t->trials, t->count);
  arena_free(&t->arena);
  kit_free(t->signature);
  t->trials = now;
  t->count = count;
  t->arena = arena;
  t->signature = signature.at;
  t->of = library_hold(t->api->library, p);
  library_release(t->api->library, before);
}

/* ---- life ---- */

static bool is_wanted(const struct trials *t, int64_t now) {
  const bool asked = t->asked_at && now < t->asked_at + WANTED;
  return t->count && (t->trials[0].acts || asked);
}

void trials_wanted(struct api *a) {
  struct trials *t = a->trials;
  const int64_t now = clock_monotonic();
  if (!t) return;
  for (uint32_t i = 0; i < t->count && !is_wanted(t, now); i++)
    t->trials[i].shown.counted = t->trials[i].shown.rated = false; /* of the last time somebody asked */
  t->asked_at = now;
}

void trials_tick(struct api *a) {
  struct trials *t = a->trials;
  const int64_t now = clock_monotonic();
  if (t) past_tick(t);
  if (!t || t->scan.running || t->programs->closing || t->programs->activations || !t->programs->builder) return;
  if (t->of != a->program) follow(t);
  const bool goes_on = t->scan.more && !t->scan.failed;
  if (!is_wanted(t, now) || t->of != a->program || (!goes_on && now < t->looked_at + EVERY)) return;
  t->looked_at = now;
  trials_scan_ask(t);
}

bool trials_open(struct api *a, struct err *e) {
  struct trials *t = kit_alloc(sizeof *t);
  if (!t) return err_set(e, ERR_INTERNAL, "no memory for what comes of rollouts");
  *t = (struct trials){.api = a, .programs = a->programs};
  t->scan.trials = t;
  a->trials = t;
  return true;
}

void trials_close(struct api *a) {
  struct trials *t = a->trials;
  if (!t) return;
  trials_free(t->trials, t->count);
  trials_scan_forget(t);
  library_release(a->library, t->of);
  arena_free(&t->arena);
  arena_free(&t->scan.arena);
  kit_free(t->signature);
  kit_free(t);
  a->trials = NULL;
}

/* ---- figures ---- */

struct trial *trial_of(const struct api *a, enum trial_kind kind, uint32_t number) {
  const struct trials *t = a->trials;
  for (uint32_t i = 0; t && t->of == a->program && i < t->count; i++)
    if (t->trials[i].kind == kind && t->trials[i].number == number) return &t->trials[i];
  return NULL;
}

bool trial_is_mismatched(const struct trial *one, const struct noun_experiment *n, double *p) {
  double counts[EFFECT_ARMS], weights[EFFECT_ARMS];
  *p = STATS_NONE;
  if (!one || !one->shown.counted || n->arm_count > EFFECT_ARMS) return false;
  for (uint32_t k = 0; k < n->arm_count; k++) {
    counts[k] = (double)one->shown.arms[k];
    weights[k] = n->arms[k].weight;
  }
  *p = ratio_always_p(counts, weights, n->arm_count);
  return *p < RATIO_ALPHA;
}

int64_t trial_silent_since(const struct trial *one, int64_t now) {
  return one->shown.counted ? draws_silent_since(one->shown.last, one->watched, now) : 0;
}

struct bounded trial_difference(const struct trial *one, uint32_t metric, uint32_t control, uint32_t arm, double alpha) {
  const struct moments *arms = one->shown.samples[metric];
  if (!one->metrics[metric].occasions) return anytime_difference(&arms[control], &arms[arm], alpha);
  return anytime_apart(&arms[control], &arms[arm], one->shown.apart[metric][arm], alpha);
}

/* A partition that has not heard of the move yet, or was not read as far, says nothing of this stage. */
static void count_stays(const struct trial_figures *f, const struct api_stage *s, struct rate_count rates[RATES]) {
  struct stay_counts sum = {0};
  for (uint32_t p = 0; p < BOOK_PARTITIONS; p++) {
    if (f->stays[p].stage != s->stage || f->stays[p].since < s->since) continue;
    sum.entered += f->stays[p].counts.entered;
    sum.left += f->stays[p].counts.left;
    sum.complained += f->stays[p].counts.complained;
  }
  rates[RATE_OPT_OUT] = (struct rate_count){sum.left, sum.entered};
  rates[RATE_COMPLAINT] = (struct rate_count){sum.complained, sum.entered};
}

void trial_figures(const struct api *a, uint32_t rollout, const struct api_stage *s, struct stage_figures *out, int64_t *first,
                   struct arena *arena) {
  const struct trial *one = trial_of(a, TRIAL_ROLLOUT, rollout);
  *first = 0;
  if (one && one->shown.rated) count_stays(&one->shown, s, out->rates);
  if (one && one->shown.rated && !s->since) *first = one->shown.first;
  if (!one || !one->shown.counted || one->shown.stage != s->stage || one->shown.since < s->since) return;
  struct moments(*metrics)[REACHED_GROUPS] = arena_zero(arena, a->program->nouns.metric_count + 1, sizeof *metrics);
  if (!metrics) return;
  for (uint32_t i = 0; i < one->metric_count; i++)
    for (int g = 0; g < REACHED_GROUPS; g++) metrics[one->metrics[i].metric][g] = one->shown.samples[i][g];
  *first = one->shown.first;
  out->counted = true;
  out->decisions = one->shown.decisions;
  out->users = one->shown.users;
  out->metrics = (const struct moments(*)[REACHED_GROUPS])metrics;
}
