/* experiments_show: experiments as JSON: how they stand, who came into which arm, whether that is what the weights promise, and what came
 * of the arms beside the control arm with bounds that hold however often anybody looks. Shows what trials counted; decides nothing. What
 * acts on no figures is counted from the journal once somebody asks, so that the first answer may be without. Main thread. */
#include "inside.h"
#include "kit/clock.h"
#include "stats/stats.h"
#include "trials.h"

/* ---- how it stands ---- */

static const char *state_of(const struct api *a, const struct noun_experiment *n) {
  if (experiment_end(a, n)) return "ended";
  return is_killed(a, "experiment", n->at.name) ? "killed" : "running";
}

static void put_time(struct json_writer *w, const char *key, int64_t at) {
  char text[32];
  json_pair_str(w, key, (struct str){text, clock_format(at, text)});
}

static void put_stop(struct json_writer *w, const struct noun_experiment *n) {
  static const char *const keys[] = {"users", "decisions", "days"};
  if (!n->stop) return;
  json_key(w, "stop");
  json_open_object(w);
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    const struct node *most = node_get(n->stop, keys[i]);
    if (most && most->kind == NODE_NUMBER) json_pair_double(w, keys[i], most->number);
  }
  json_close_object(w);
}

/* ---- who was drawn ---- */

static bool by_user(const struct noun_experiment *n) {
  return str_is(n->randomise, "user");
}

static void put_arms(struct json_writer *w, const struct noun_experiment *n, const struct trial *t) {
  json_key(w, "arms");
  json_open_array(w);
  for (uint32_t k = 0; k < n->arm_count; k++) {
    json_open_object(w);
    json_pair_str(w, "name", n->arms[k].name);
    json_pair_double(w, "weight", n->arms[k].weight);
    if (n->arms[k].silence) json_pair_bool(w, "silence", true);
    else if (n->arms[k].send.len) json_pair_str(w, "send", n->arms[k].send);
    if (t && t->shown.counted && k < EFFECT_ARMS) json_pair_int(w, by_user(n) ? "users" : "decisions", (int64_t)t->shown.arms[k]);
    json_close_object(w);
  }
  json_close_array(w);
}

/* Arms that are not filled as their weights say make every comparison worthless: something loses people of one arm. */
static void put_ratio(struct json_writer *w, const struct noun_experiment *n, const struct trial *t) {
  double counts[EFFECT_ARMS], weights[EFFECT_ARMS], statistic, always;
  if (n->arm_count > EFFECT_ARMS) return;
  for (uint32_t k = 0; k < n->arm_count; k++) {
    counts[k] = (double)t->shown.arms[k];
    weights[k] = n->arms[k].weight;
  }
  json_pair_double(w, "sample_ratio_p", sample_ratio_p(counts, weights, n->arm_count, &statistic));
  if (trial_is_mismatched(t, n, &always))
    json_pair_text(w, "held_on",
                   "its arms are not filled as their weights say: no guardrail ends it, and no rollout of it goes on by itself");
}

/* ---- what came of it ---- */

void put_moments(struct json_writer *w, const struct moments *s) {
  json_pair_double(w, "n", s->n);
  if (s->clusters > 0) json_pair_double(w, "people", s->clusters);
  json_key(w, "mean");
  if (s->n > 0) json_put_double(w, s->mean);
  else json_put_null(w);
}

/* I10's figures: the p is one that may be looked at whenever, as the bounds. Sizes in deviations are of people, not of draws. */
static void put_difference(struct json_writer *w, const struct bounded b, const struct moments *control, const struct moments *arm) {
  json_key(w, "difference");
  if (stats_none(b.estimate)) {
    json_put_null(w);
    return;
  }
  json_open_object(w);
  json_pair_figure(w, "estimate", b.estimate);
  json_pair_figure(w, "low", b.low);
  json_pair_figure(w, "high", b.high);
  json_pair_double(w, "confidence", 1 - RATE_ALPHA);
  json_pair_double(w, "p_value", b.p);
  json_pair_bool(w, "significant", b.p < RATE_ALPHA);
  json_pair_figure(w, "effect_size", arm->clusters > 0 || control->clusters > 0 ? STATS_NONE : effect_size(control, arm));
  json_close_object(w);
}

static void put_metric(struct json_writer *w, const struct api *a, const struct noun_experiment *n, const struct trial *t, uint32_t m) {
  const uint32_t control = experiment_control(a->program->rules, t->number);
  const struct noun_metric *metric = &a->program->nouns.metrics[t->metrics[m].metric];
  json_key_str(w, metric->at.name);
  json_open_object(w);
  if (!stats_none(t->metrics[m].margin)) json_pair_double(w, "margin", t->metrics[m].margin);
  json_key(w, "arms");
  json_open_object(w);
  for (uint32_t k = 0; k < n->arm_count && k < EFFECT_ARMS; k++) {
    const struct moments *s = &t->shown.samples[m][k];
    json_key_str(w, n->arms[k].name);
    json_open_object(w);
    put_moments(w, s);
    if (control < EFFECT_ARMS && k != control)
      put_difference(w, trial_difference(t, m, control, k, RATE_ALPHA), &t->shown.samples[m][control], s);
    json_close_object(w);
  }
  json_close_object(w);
  json_pair_str(w, "better", metric->better.len ? metric->better : STR("higher"));
  json_close_object(w);
}

static void put_figures(struct json_writer *w, const struct api *a, const struct noun_experiment *n, const struct trial *t) {
  json_pair_bool(w, "counted", t && t->shown.counted);
  if (!t || !t->shown.counted) return;
  json_pair_int(w, "users", (int64_t)t->shown.users);
  json_pair_int(w, "decisions", (int64_t)t->shown.decisions);
  if (t->shown.first) put_time(w, "since", t->shown.first);
  put_ratio(w, n, t);
  const int64_t silent = experiment_end(a, n) ? 0 : trial_silent_since(t, clock_now());
  if (silent) put_time(w, "no_data_since", silent);
  json_key(w, "metrics");
  json_open_object(w);
  for (uint32_t m = 0; m < t->metric_count; m++) put_metric(w, a, n, t, m);
  json_close_object(w);
}

static void put_experiment(struct json_writer *w, const struct api *a, uint32_t number) {
  const struct noun_experiment *n = experiment_noun(a->program->rules, number);
  const struct trial *t = trial_of(a, TRIAL_EXPERIMENT, number);
  const struct api_ended *e = experiment_end(a, n);
  const uint32_t control = experiment_control(a->program->rules, number);
  json_open_object(w);
  json_pair_str(w, "name", n->at.name);
  json_pair_str(w, "why", n->why);
  json_pair_int(w, "revision", (int64_t)n->revision);
  if (control != NO_ONE) json_pair_str(w, "control", n->arms[control].name);
  json_pair_bool(w, "ended", e != NULL);
  if (e) {
    json_pair_text(w, "ended_on", e->why);
    put_time(w, "ended_at", e->at);
  }
  json_pair_text(w, "state", state_of(a, n));
  json_pair_str(w, "at", n->at_point);
  json_pair_str(w, "randomise", n->randomise);
  if (n->outcome_metric.len) json_pair_str(w, "outcome", n->outcome_metric);
  put_stop(w, n);
  put_arms(w, n, t);
  put_figures(w, a, n, t);
  json_close_object(w);
}

void api_experiments(struct request *r, void *context) {
  struct api *a = context;
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  trials_wanted(a);
  json_open_array(&w);
  for (uint32_t i = 0; i < rules_experiments(a->program->rules); i++) put_experiment(&w, a, i);
  json_close_array(&w);
  request_answer_take(r, 200, "application/json", &out);
}

void api_experiment(struct request *r, void *context) {
  struct api *a = context;
  const struct str name = r->params[0];
  uint32_t i = 0;
  while (i < rules_experiments(a->program->rules) && !str_eq(experiment_noun(a->program->rules, i)->at.name, name)) i++;
  if (i == rules_experiments(a->program->rules)) {
    const char *meant = name_meant(&r->arena, a->program, STR("experiment"), name);
    request_problem(r, 404, "experiment-unknown", NULL, "the live program has no experiment \"" STR_FORMAT "\"%s", STR_ARG(name),
                    meant ? meant : "");
    return;
  }
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  trials_wanted(a);
  put_experiment(&w, a, i);
  request_answer_take(r, 200, "application/json", &out);
}
