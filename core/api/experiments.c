/* experiments: ends an experiment that does harm, or that has what it was to have, once a second, as a control fact with its author,
 * "guardrail" or "stop", and the figures as its reason: from then on everybody gets its control arm. Promises that harm is judged on bounds
 * that hold however often anybody looks, over all guardrails and arms together, and not at all while the arms are not filled as their
 * weights say; that an end stays until the experiment has another
 * revision; and that it is told once. Main thread. */
#include "inside.h"
#include "kit/clock.h"
#include "kit/log.h"
#include "stats/stats.h"
#include "trials.h"
#include <string.h>

#define EVERY (INT64_C(1000) * 1000 * 1000) /* ns */

static char *keep(struct str s) {
  char *copy = kit_alloc(s.len + 1);
  if (!copy) return NULL;
  memcpy(copy, s.at, s.len);
  copy[s.len] = 0;
  return copy;
}

const struct api_ended *experiment_end(const struct api *a, const struct noun_experiment *n) {
  const struct api_ended *e = a->ended;
  while (e && !(e->revision == (int64_t)n->revision && str_is(n->at.name, e->name))) e = e->next;
  return e;
}

static void ended_free(struct api_ended *e) {
  if (!e) return;
  kit_free(e->name);
  kit_free(e->why);
  kit_free(e);
}

static struct api_ended *ended_new(struct str name, int64_t revision, int64_t at, struct str why) {
  struct api_ended *e = kit_alloc(sizeof *e);
  if (e) *e = (struct api_ended){NULL, keep(name), keep(why), revision, at};
  if (e && e->name && e->why) return e;
  ended_free(e);
  return NULL;
}

static bool remember(struct api *a, struct api_ended *e) {
  if (!e) return false;
  e->next = a->ended;
  a->ended = e;
  return true;
}

bool experiment_restore(struct api *a, const struct control_fact *fact) {
  struct arena scratch = {0};
  struct json j;
  int64_t revision;
  const bool ok = json_parse(&j, &scratch, fact->body, &json_limits_default, NULL) &&
                  json_int(&j, json_get(&j, 0, "revision"), &revision) &&
                  remember(a, ended_new(str_from(fact->name), revision, fact->at, json_text(&j, json_get(&j, 0, "why"), &scratch)));
  arena_free(&scratch);
  return ok;
}

void experiments_close(struct api *a) {
  while (a->ended) {
    struct api_ended *e = a->ended;
    a->ended = e->next;
    ended_free(e);
  }
}

/* ---- what ends one ---- */

static uint32_t guardrails(const struct trial *t) {
  uint32_t count = 0;
  for (uint32_t m = 0; m < t->metric_count; m++) count += !stats_none(t->metrics[m].margin);
  return count;
}

/* Even the best that the difference of arm k to the control arm may be is worse than the margin allows. */
static bool does_harm(const struct noun_metric *n, const struct trial *t, uint32_t m, uint32_t control, uint32_t k, double alpha) {
  const double margin = t->metrics[m].margin;
  const struct bounded b = trial_difference(t, m, control, k, alpha);
  return str_is(n->better, "lower") ? b.low > margin : b.high < -margin;
}

/* "1000 people", or "1000 decisions of 120 people". */
static const char *sample_words(const struct moments *s, struct arena *a) {
  if (s->clusters > 0) return arena_printf(a, "%.0f decisions of %.0f people", s->n, s->clusters);
  return arena_printf(a, "%.0f people", s->n);
}

static const char *harm_of(const struct api *a, const struct noun_experiment *n, const struct trial *t, struct arena *scratch) {
  const uint32_t control = experiment_control(a->program->rules, t->number);
  const double tests = (double)guardrails(t) * (double)(n->arm_count - 1);
  for (uint32_t m = 0; control != NO_ONE && control < EFFECT_ARMS && m < t->metric_count; m++)
    for (uint32_t k = 0; k < n->arm_count && k < EFFECT_ARMS && !stats_none(t->metrics[m].margin); k++) {
      const struct noun_metric *metric = &a->program->nouns.metrics[t->metrics[m].metric];
      const struct moments *arm = &t->shown.samples[m][k], *other = &t->shown.samples[m][control];
      if (k == control || !does_harm(metric, t, m, control, k, RATE_ALPHA / tests)) continue;
      return arena_printf(scratch, STR_FORMAT " %.4g in arm " STR_FORMAT " (%s), %.4g in " STR_FORMAT " (%.0f): worse by more than %.4g",
                          STR_ARG(metric->at.name), arm->mean, STR_ARG(n->arms[k].name), sample_words(arm, scratch), other->mean,
                          STR_ARG(n->arms[control].name), other->n, t->metrics[m].margin);
    }
  return NULL;
}

static const char *end_of(const struct noun_experiment *n, const struct trial *t, struct arena *scratch) {
  static const char *const keys[] = {"users", "decisions", "days"};
  const double days = t->shown.first ? (double)(clock_now() - t->shown.first) / (double)CLOCK_DAY : 0;
  const double is[] = {(double)t->shown.users, (double)t->shown.decisions, days};
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    const struct node *most = node_get(n->stop, keys[i]);
    if (most && most->kind == NODE_NUMBER && is[i] >= most->number)
      return arena_printf(scratch, "%s %.6g of %.6g", keys[i], is[i], most->number);
  }
  return NULL;
}

/* Not written, nothing of it acts: again in a second. Said once it is so: whoever reads the line and asks finds it ended. */
static void end_is_written(struct fact *f, bool is_written) {
  struct api_ended *e = f->data;
  if (!is_written) {
    ended_free(e);
    return;
  }
  remember(f->api, e);
  const enum log_level level = strcmp(f->author, "stop") == 0 ? LOG_INFO : LOG_WARN; /* planned, or harm done */
  log_say(level, "experiment", "%s has ended, everybody gets its control arm: %s", e->name, e->why);
}

static void end(struct api *a, const struct noun_experiment *n, const char *author, const char *why) {
  struct fact *f = fact_unasked(a, author, "experiment", n->at.name);
  struct api_ended *ended = f ? ended_new(n->at.name, (int64_t)n->revision, clock_now(), str_from(why)) : NULL;
  const char *said = ended ? fact_quoted(f, str_from(why)) : NULL;
  const char *more = said ? arena_printf(&f->own, "\"revision\":%lld,\"ended\":true,\"why\":%s", (long long)n->revision, said) : NULL;
  if (!more || !fact_say(f, more)) {
    ended_free(ended);
    if (f) fact_free(f);
    return;
  }
  f->data = ended;
  f->written = end_is_written;
  fact_queue(f);
}

/* Both are said once, until it is well again. */
static void tell(const struct noun_experiment *n, struct trial *t) {
  double p;
  char at[32];
  const bool off = trial_is_mismatched(t, n, &p);
  const int64_t silent = trial_silent_since(t, clock_now());
  if (off && !t->told_ratio)
    log_warn("experiment",
             STR_FORMAT
             ": its arms are not filled as their weights say (p = %.2g): no guardrail ends it, and no rollout of it goes on by itself",
             STR_ARG(n->at.name), p);
  if (!off && t->told_ratio) log_info("experiment", STR_FORMAT ": its arms are filled as their weights say again", STR_ARG(n->at.name));
  if (silent && !t->told_silence)
    log_warn("experiment", STR_FORMAT ": nobody was drawn for 24 hours, since %.*s", STR_ARG(n->at.name), (int)clock_format(silent, at),
             at);
  t->told_ratio = off;
  t->told_silence = silent != 0;
}

bool experiment_is_mismatched(const struct api *a, uint32_t number) {
  double p;
  return trial_is_mismatched(trial_of(a, TRIAL_EXPERIMENT, number), experiment_noun(a->program->rules, number), &p);
}

struct ratios_held ratios_held(const struct api *a, struct arena *arena) {
  if (!a->program) return (struct ratios_held){0};
  const struct rules *r = a->program->rules;
  struct ratio_held *at = ARENA_ARRAY(arena, struct ratio_held, rules_experiments(r) + rules_rollouts(r) + 1);
  struct ratios_held held = {at, 0};
  for (uint32_t i = 0; at && i < rules_experiments(r); i++) {
    const struct noun_experiment *x = experiment_noun(r, i);
    if (experiment_is_mismatched(a, i) && !experiment_end(a, x))
      at[held.count++] = (struct ratio_held){.experiment = x->at.name, .revision = (int64_t)x->revision};
  }
  for (uint32_t i = 0; at && i < rules_rollouts(r); i++) {
    const struct noun_rollout *n = rollout_noun(r, i);
    const struct noun_experiment *x = n->advance.len ? rollout_waits_for(a, n) : NULL;
    if (x) at[held.count++] = (struct ratio_held){.experiment = x->at.name, .rollout = n->at.name};
  }
  /* Another program may be live before the lane comes to it: the names are the request's own. */
  for (size_t i = 0; i < held.count; i++) {
    at[i].experiment.at = arena_text(arena, at[i].experiment.at, at[i].experiment.len);
    at[i].rollout.at = arena_text(arena, at[i].rollout.len ? at[i].rollout.at : "", at[i].rollout.len);
    if (!at[i].experiment.at || !at[i].rollout.at) held.count = i;
  }
  return held;
}

void experiments_watch(struct api *a) {
  struct arena scratch = {0};
  const int64_t now = clock_monotonic();
  if (now < a->experiments_at || a->draining || !a->program) return;
  a->experiments_at = now + EVERY;
  for (uint32_t i = 0; i < rules_experiments(a->program->rules); i++) {
    const struct noun_experiment *n = experiment_noun(a->program->rules, i);
    struct trial *t = trial_of(a, TRIAL_EXPERIMENT, i);
    if (!t || !t->shown.counted || experiment_end(a, n) || writing_waits(a, "experiment", n->at.name)) continue;
    if (!is_killed(a, "experiment", n->at.name)) tell(n, t);
    const char *harm = experiment_is_mismatched(a, i) ? NULL : harm_of(a, n, t, &scratch), *over = harm ? NULL : end_of(n, t, &scratch);
    if (harm || over) end(a, n, harm ? "guardrail" : "stop", harm ? harm : over);
  }
  arena_free(&scratch);
}
