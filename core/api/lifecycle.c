/* lifecycle: what becomes of the models' states. A state that was trained again lies beside the served one as a candidate and is asked the
 * same; when enough outcomes have come, the better one is served and the other lies beside for as long again; when the new one turns out
 * worse, the old one is served again. Promises that each step is another program that becomes live as any does, that one step is taken at a
 * time, and that all of it is found again after a restart, since it follows from the live program, the journal and control.db. Main
 * thread. */
#include "lifecycle.h"
#include "host/host.h"
#include "inside.h"
#include "kit/clock.h"
#include "kit/hash.h"
#include "kit/log.h"
#include "stats/stats.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SURE             1.96             /* standard errors */
#define PATIENCE_LEAST   (28 * CLOCK_DAY) /* with what lies beside and is not asked often enough to be judged */
#define PATIENCE_SHADOWS 4
#define AGAIN_MS         (24 * CLOCK_HOUR) /* what triggers a training does so at most once in this time */
#define DRIFT_TICKS      5                 /* of the programs' watch: about a second */

struct episode *episode_of(struct lifecycle *l, struct str name) {
  for (uint32_t i = 0; i < l->episode_count; i++)
    if (str_is(name, l->episodes[i]->name)) return l->episodes[i];
  return NULL;
}

void episode_alert(struct lifecycle *l, struct episode *e, const char *format, ...) {
  va_list list;
  if (e->alert_count == ALERTS_MOST) memmove(e->alerts, e->alerts + 1, --e->alert_count * sizeof *e->alerts);
  struct alert *a = &e->alerts[e->alert_count++];
  a->at = clock_now();
  va_start(list, format);
  vsnprintf(a->text, sizeof a->text, format, list);
  va_end(list);
  e->alerts_total++;
  l->figures.alerts++;
  log_warn("models", "%s: %s", e->name, a->text);
}

/* ---- episodes ---- */

static void episode_free(struct episode *e) {
  if (!e) return;
  scores_free(e->scores);
  drift_free(e->drift);
  arena_free(&e->arena);
  kit_free(e);
}

static const struct source *source_at(const struct program *p, const char *path) {
  for (size_t i = 0; i < p->source_count; i++)
    if (strcmp(p->sources[i].path, path) == 0) return &p->sources[i];
  return NULL;
}

static void copy_text(char *to, size_t size, struct str from) {
  snprintf(to, size, STR_FORMAT, STR_ARG(from));
}

/* What the state says of itself: how good it was when it was trained. */
static void read_baseline(struct episode *e, struct str state) {
  struct envelope x;
  struct arena a = {0};
  struct json j;
  struct err why = {0};
  e->baseline_accuracy = e->baseline_loss = STATS_NONE;
  if (envelope_read(state, &x, &why) && json_parse(&j, &a, x.metrics, &json_limits_default, NULL)) {
    json_double(&j, json_path(&j, 0, "test.accuracy"), &e->baseline_accuracy);
    json_double(&j, json_path(&j, 0, "test.log_loss"), &e->baseline_loss);
  }
  arena_free(&a);
}

static bool describe(struct episode *e, const struct program *p, uint32_t model) {
  const struct noun_model *n = model_noun(p->models, model);
  struct err why = {0};
  char path[600];
  copy_text(e->name, sizeof e->name, n->at.name);
  snprintf(e->state_path, sizeof e->state_path, "models/" STR_FORMAT, STR_ARG(n->state));
  const struct source *state = source_at(p, e->state_path);
  if (n->combine || !n->state.len || !state || !model_retraining(n, &e->rules, &why)) return false;
  if (model_judged(p->models, model) == NO_MODEL) return false;
  if (!(e->outcomes = outcomes_of(p->models, model, &e->arena, &e->terms, &why))) {
    if (n->train) log_warn("models", "%s: nobody judges it and it is not trained again: %s", e->name, why.text); /* of a stored program */
    return false;
  }
  e->declared = n->retrain != NULL;
  hash_hex(state->sha256, HASH_SHA256, e->served);
  read_baseline(e, state->text);
  const uint32_t beside = model_beside(p->models, model);
  if (beside == NO_MODEL) return true;
  e->role = model_role(p->models, beside);
  model_beside_path(e->name, e->role, path, sizeof path);
  const struct source *other = source_at(p, path);
  if (other) hash_hex(other->sha256, HASH_SHA256, e->beside);
  return other != NULL;
}

static bool is_same(const struct episode *a, const struct episode *b) {
  return strcmp(a->name, b->name) == 0 && strcmp(a->state_path, b->state_path) == 0 && strcmp(a->served, b->served) == 0 &&
         strcmp(a->beside, b->beside) == 0 && a->role == b->role && a->terms.within == b->terms.within &&
         a->terms.after == b->terms.after && a->terms.absent == b->terms.absent && a->terms.left_out == b->terms.left_out &&
         str_eq(a->terms.on, b->terms.on) && str_eq(a->terms.target, b->terms.target);
}

/* What lies beside is another, the served state is the same: so are its bins. */
static void pass_drift(struct episode *from, struct episode *to) {
  to->drift = from->drift;
  to->said_drift = from->said_drift;
  from->drift = NULL;
}

/* The lanes count anew with each program; what the one before had counted goes on here. */
static void follow_drift(const struct lifecycle *l, struct episode *e, const struct program *p, uint32_t model) {
  struct drift *fresh = drift_new(p, model);
  const uint32_t was = l->of ? model_of_name(l->of->models, str_from(e->name)) : NO_MODEL;
  if (fresh && e->drift && was != NO_MODEL) drift_carry(fresh, p, model, e->drift, l->of, was);
  drift_free(e->drift);
  e->drift = fresh;
  drift_figures(fresh, p, model, &e->drifting);
}

/* One that goes on keeps its scores, as far as the journal was read for it, and what was said. */
static struct episode *continue_or_begin(struct lifecycle *l, const struct episode *is) {
  for (uint32_t i = 0; i < l->episode_count; i++) {
    struct episode *was = l->episodes[i];
    if (!was || strcmp(was->name, is->name) != 0) continue;
    if (is_same(was, is)) {
      was->rules = is->rules;
      was->declared = is->declared;
      arena_free(&was->arena);
      was->arena = is->arena;
      was->outcomes = is->outcomes;
      was->terms = is->terms;
      l->episodes[i] = NULL;
      return was;
    }
  }
  struct episode *e = kit_alloc(sizeof *e);
  if (!e) return NULL;
  *e = *is;
  e->beside_since = clock_now();
  const struct outcome_terms *t = &e->terms;
  if (!(e->scores = scores_new(&(struct scores_terms){t->after, t->within, t->absent, t->left_out}))) {
    kit_free(e);
    return NULL;
  }
  for (uint32_t i = 0; i < l->episode_count; i++) { /* another state of the same model */
    const struct episode *was = l->episodes[i];
    if (!was || strcmp(was->name, e->name) != 0) continue;
    e->trained = was->trained;
    memcpy(e->last, was->last, sizeof e->last);
    memcpy(e->alerts, was->alerts, sizeof e->alerts);
    e->alert_count = was->alert_count;
    e->alerts_total = was->alerts_total;
    if (strcmp(was->beside, e->beside) == 0) e->beside_since = was->beside_since;
    if (strcmp(was->served, e->served) == 0) pass_drift(l->episodes[i], e);
  }
  return e;
}

static void follow(struct lifecycle *l, const struct program *p) {
  struct episode *now[EPISODES_MOST];
  uint32_t count = 0;
  bool same = true;
  for (uint32_t m = 0; m < models_count(p->models) && count < EPISODES_MOST; m++) {
    struct episode is = {0};
    struct episode *e = NULL;
    if (model_role(p->models, m) == MODEL_SERVED && describe(&is, p, m)) e = continue_or_begin(l, &is);
    if (!e) arena_free(&is.arena);
    if (!e) continue;
    e->changing = false;
    follow_drift(l, e, p, m);
    same = same && count < l->episode_count && l->episodes[count] == NULL;
    now[count++] = e;
  }
  same = same && count == l->episode_count;
  for (uint32_t i = 0; i < l->episode_count; i++) episode_free(l->episodes[i]);
  memcpy(l->episodes, now, count * sizeof *now);
  l->episode_count = count;
  const struct program *before = l->of;
  l->of = library_hold(l->api->library, p);
  library_release(l->api->library, before);
  if (same) return;
  /* For who is new the journal is read from its beginning, because only it knows what answered when. */
  memset(&l->scan.last, 0, sizeof l->scan.last);
  l->scan.more = true;
}

bool lifecycle_needs_scan(const struct lifecycle *l) {
  for (uint32_t i = 0; i < l->episode_count; i++)
    if (l->episodes[i]->declared || l->episodes[i]->beside[0]) return true;
  return false;
}

/* ---- steps ---- */

/* The line of the program that becomes live by it says what and why, or a warning that it did not. */
static void step(struct lifecycle *l, struct episode *e, const char *event, const char *served, const char *beside, enum model_role role,
                 const char *why) {
  if (clock_now() < e->not_before) return;
  const struct change_ask ask = {.event = event, .served = served, .beside = beside, .role = role, .author = LIFECYCLE_NAME, .why = why};
  change_begin(l, e, &ask);
}

static bool watched_long_enough(const struct episode *e) {
  return e->score.both >= e->rules.outcomes && e->score.last - e->score.first >= e->rules.shadow;
}

static void say_score(const struct episode *e, char *text, size_t size) {
  snprintf(text, size,
           "%llu outcomes of %llu people in %.1f days: log loss %.4f beside the served %.4f (%+.4f ± %.4f), accuracy %.3f beside %.3f",
           (unsigned long long)e->score.both, (unsigned long long)e->score.users,
           (double)(e->score.last - e->score.first) / (double)CLOCK_DAY, e->score.beside_loss, e->score.served_loss, e->score.gain,
           SURE * e->score.error, e->score.beside_accuracy, e->score.served_accuracy);
}

/* While one lies beside nothing is trained, so outcomes that do not come are not waited for without end. */
int64_t episode_given_up(const struct episode *e) {
  const int64_t patience = PATIENCE_SHADOWS * e->rules.shadow;
  return e->beside_since + (patience > PATIENCE_LEAST ? patience : PATIENCE_LEAST);
}

static bool waited_in_vain(const struct episode *e, char *why, size_t size) {
  const int64_t now = clock_now();
  if (now <= episode_given_up(e)) return false;
  snprintf(why, size, "in %lld days %llu outcomes over %.1f days, too few to tell: expected %llu over %.1f",
           (long long)((now - e->beside_since) / CLOCK_DAY), (unsigned long long)e->score.both,
           (double)(e->score.last - e->score.first) / (double)CLOCK_DAY, (unsigned long long)e->rules.outcomes,
           (double)e->rules.shadow / (double)CLOCK_DAY);
  return true;
}

static void judge_candidate(struct lifecycle *l, struct episode *e) {
  char why[400];
  if (!watched_long_enough(e)) {
    if (waited_in_vain(e, why, sizeof why)) step(l, e, "dropped", e->served, NULL, MODEL_SERVED, why);
    return;
  }
  say_score(e, why, sizeof why);
  if (e->score.gain > 0) step(l, e, "deployed", e->beside, e->served, MODEL_PREVIOUS, why);
  else step(l, e, "dropped", e->served, NULL, MODEL_SERVED, why);
}

/* Worse than the one before by a twentieth, and not by chance (K04). */
static void judge_deployed(struct lifecycle *l, struct episode *e) {
  const struct score *s = &e->score;
  char why[400];
  const bool enough = s->both >= e->rules.outcomes;
  const bool worse = retrain_is_due(s->served_accuracy, s->beside_accuracy) || retrain_is_due(s->beside_loss, s->served_loss);
  if (enough) say_score(e, why, sizeof why);
  if (enough && worse && s->gain - SURE * s->error > 0) {
    step(l, e, "returned", e->beside, NULL, MODEL_SERVED, why);
    if (e->changing) episode_alert(l, e, "the state before is served again: %s", why);
  } else if (watched_long_enough(e) || waited_in_vain(e, why, sizeof why)) step(l, e, "settled", e->served, NULL, MODEL_SERVED, why);
}

static void want(struct episode *e, const char *why) {
  if (!e->wanted[0]) snprintf(e->wanted, sizeof e->wanted, "%s", why);
}

/* ---- how the served one fares ---- */

static void watch_performance(struct lifecycle *l, struct episode *e) {
  const struct score *s = &e->score;
  if (s->rows < e->rules.outcomes || stats_none(e->baseline_accuracy)) return;
  const double error = math_sqrt(s->accuracy * (1 - s->accuracy) / (double)s->rows);
  const bool low = retrain_is_due(s->accuracy, e->baseline_accuracy) && e->baseline_accuracy - s->accuracy > SURE * error;
  if (low && !e->said_performance) {
    episode_alert(l, e, "accuracy %.3f on %llu outcomes of %d days, less than %.2f of the %.3f when it was trained", s->accuracy,
                  (unsigned long long)s->rows, SCORES_DAYS, RETRAIN_SHARE, e->baseline_accuracy);
    want(e, "the fall of its accuracy");
  }
  e->said_performance = low;
}

static void watch_drift(struct lifecycle *l, struct episode *e) {
  char alert[200] = "";
  const uint32_t model = model_of_name(l->of->models, str_from(e->name));
  if (!e->drift || model == NO_MODEL || !drift_look(e->drift, l->of, model, &e->drifting, alert, sizeof alert)) return;
  if (alert[0]) episode_alert(l, e, "%s", alert);
  const bool far = e->drifting.score > e->rules.drift;
  if (far && !e->said_drift) {
    episode_alert(l, e, "drift %.3f, more than %.3g: %u of its inputs are distributed otherwise than when it was trained, most of all %s",
                  e->drifting.score, e->rules.drift, e->drifting.columns, e->drifting.worst);
    want(e, "the drift of its inputs");
  }
  e->said_drift = far;
}

/* ---- when it is trained again ---- */

static void train_when_due(struct lifecycle *l, struct episode *e) {
  const int64_t now = clock_now(), last = e->trained ? e->trained : l->begun;
  struct err why = {0};
  if (!e->declared || e->beside[0] || e->changing || training_runs(l)) return;
  const bool nightly = retraining_due(&e->rules, last, now), wanted = e->wanted[0] && (!e->trained || now - e->trained > AGAIN_MS);
  if (!nightly && !wanted) return;
  if (training_start(l, e, LIFECYCLE_NAME, nightly ? "the nightly schedule" : e->wanted, &why)) e->wanted[0] = 0;
  else log_warn("models", "%s: %s", e->name, why.text);
  e->trained = now;
}

/* The sets of the live program's predictions follow what came. */
static void adapt(struct lifecycle *l, struct episode *e) {
  const uint32_t model = l->of == l->api->program ? model_of_name(l->of->models, str_from(e->name)) : NO_MODEL;
  struct score_sets one;
  e->sets = (struct episode_sets){.lowest = 1, .highest = -1};
  for (uint32_t part = 0; part < BOOK_PARTITIONS; part++) {
    const double quantile = scores_sets(e->scores, part, &one);
    if (model != NO_MODEL) model_adapt(l->of->models, model, part, quantile);
    if (!one.asked) continue;
    e->sets.asked += one.asked;
    e->sets.held += one.held;
    e->sets.lowest = one.level < e->sets.lowest ? one.level : e->sets.lowest;
    e->sets.highest = one.level > e->sets.highest ? one.level : e->sets.highest;
  }
}

void lifecycle_catch_up(struct lifecycle *l) {
  if (!l->scan.running && !l->changes && l->of != l->api->program) follow(l, l->api->program);
}

void lifecycle_tick(struct api *a) {
  struct lifecycle *l = a->lifecycle;
  if (!l || l->programs->closing || l->scan.running || l->programs->activations || l->changes) return;
  lifecycle_catch_up(l);
  l->ticks++;
  for (uint32_t i = 0; i < l->episode_count; i++) {
    struct episode *e = l->episodes[i];
    if (e->changing) continue;
    scores_sum(e->scores, &e->score);
    adapt(l, e);
    if (scores_changed(e->scores) && e->declared) episode_alert(l, e, "its share of right answers has changed (ADWIN)");
    if (!l->scan.more && e->role == MODEL_CANDIDATE) judge_candidate(l, e);
    if (!l->scan.more && e->role == MODEL_PREVIOUS && !e->changing) judge_deployed(l, e);
    if (e->declared && !l->scan.more) watch_performance(l, e);
    if (l->ticks % DRIFT_TICKS == 0) watch_drift(l, e);
    train_when_due(l, e);
    if (l->changes) return; /* one step at a time */
  }
  kept_tick(l);
  scan_tick(l);
}

/* ---- life ---- */

static bool restore(void *context, const struct control_fact *fact) {
  struct lifecycle *l = context;
  struct arena a = {0};
  struct json j;
  struct episode *e = strcmp(fact->kind, "model") == 0 ? episode_of(l, str_from(fact->name)) : NULL;
  if (e && json_parse(&j, &a, fact->body, &json_limits_default, NULL)) {
    const struct str event = json_text(&j, json_get(&j, 0, "event"), &a), why = json_text(&j, json_get(&j, 0, "why"), &a);
    const struct str beside = json_text(&j, json_get(&j, 0, "beside"), &a);
    if (e->beside[0] && str_is(beside, e->beside)) e->beside_since = fact->at;
    const bool trained = str_is(event, "candidate") && !str_is(why, "by hand");
    if (str_is(event, "kept") || str_is(event, "failed") || trained) {
      e->trained = fact->at;
      snprintf(e->last, sizeof e->last, STR_FORMAT ": " STR_FORMAT, STR_ARG(event), STR_ARG(why));
    }
  }
  arena_free(&a);
  return true;
}

bool lifecycle_open(struct api *a, struct err *e) {
  struct lifecycle *l = kit_alloc(sizeof *l);
  if (!l) return err_set(e, ERR_INTERNAL, "no memory for the models' lifecycle");
  *l = (struct lifecycle){.api = a, .programs = a->programs, .begun = clock_now()};
  l->scan.lifecycle = l;
  a->lifecycle = l;
  follow(l, a->program);
  kept_read(l);
  return control_each(a->book, 0, restore, l, e);
}

void lifecycle_stop(struct api *a) {
  if (a->lifecycle) training_stop(a->lifecycle);
}

void lifecycle_close(struct api *a) {
  struct lifecycle *l = a->lifecycle;
  if (!l) return;
  kept_end(l);
  for (uint32_t i = 0; i < l->episode_count; i++) episode_free(l->episodes[i]);
  library_release(l->api->library, l->of);
  arena_free(&l->scan.arena);
  kit_free(l);
  a->lifecycle = NULL;
}
