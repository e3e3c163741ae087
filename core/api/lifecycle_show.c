/* lifecycle_show: models as JSON: which state is served, what lies beside it, how both fare, what drifts, and what was out of the ordinary;
 * and the same as metrics. Main thread. */
#include "inside.h"
#include "kit/clock.h"
#include "lifecycle.h"
#include "stats/stats.h"
#include <inttypes.h>
#include <string.h>

static void put_time(struct json_writer *w, const char *key, int64_t at) {
  char text[32];
  json_key(w, key);
  if (at) json_put_str(w, (struct str){text, clock_format(at, text)});
  else json_put_null(w);
}

static void put_live(struct json_writer *w, const struct episode *e) {
  const struct score *s = &e->score;
  json_key(w, "live");
  json_open_object(w);
  json_pair_int(w, "outcomes", (int64_t)s->rows);
  json_pair_int(w, "days", SCORES_DAYS);
  json_pair_figure(w, "base_rate", s->base_rate);
  json_pair_figure(w, "accuracy", s->accuracy);
  json_pair_figure(w, "log_loss", s->log_loss);
  json_pair_figure(w, "baseline_accuracy", e->baseline_accuracy);
  json_pair_figure(w, "baseline_log_loss", e->baseline_loss);
  json_close_object(w);
}

/* Prediction sets whose level follows the outcomes; null before there are enough. */
static void put_sets(struct json_writer *w, const struct episode *e) {
  json_key(w, "prediction_sets");
  if (e->sets.asked == 0) {
    json_put_null(w);
    return;
  }
  json_open_object(w);
  json_pair_int(w, "outcomes", (int64_t)e->sets.asked);
  json_pair_figure(w, "held", (double)e->sets.held / (double)e->sets.asked);
  json_pair_figure(w, "wanted", 1 - ADAPTIVE_TARGET);
  json_pair_figure(w, "level_lowest", e->sets.lowest);
  json_pair_figure(w, "level_highest", e->sets.highest);
  json_close_object(w);
}

static void put_beside(struct json_writer *w, const struct episode *e) {
  const struct score *s = &e->score;
  json_key(w, "beside");
  if (!e->beside[0]) {
    json_put_null(w);
    return;
  }
  json_open_object(w);
  json_pair_text(w, "role", model_role_word(e->role));
  json_pair_text(w, "version", e->beside);
  put_time(w, "since", e->beside_since);
  put_time(w, "given_up", episode_given_up(e));
  json_pair_int(w, "outcomes", (int64_t)s->both);
  json_pair_int(w, "users", (int64_t)s->users);
  put_time(w, "from", s->first);
  put_time(w, "until", s->last);
  json_pair_figure(w, "accuracy", s->beside_accuracy);
  json_pair_figure(w, "served_accuracy", s->served_accuracy);
  json_pair_figure(w, "log_loss", s->beside_loss);
  json_pair_figure(w, "served_log_loss", s->served_loss);
  json_pair_figure(w, "gain", s->gain);
  json_pair_figure(w, "error", s->error);
  json_close_object(w);
}

static void put_drift(struct json_writer *w, const struct lifecycle *l, const struct episode *e) {
  const uint32_t model = l->of == l->api->program ? model_of_name(l->of->models, str_from(e->name)) : NO_MODEL;
  json_key(w, "drift");
  if (!e->drift || model == NO_MODEL) {
    json_put_null(w);
    return;
  }
  json_open_object(w);
  json_pair_int(w, "rows", (int64_t)e->drifting.rows);
  json_pair_figure(w, "score", e->drifting.score);
  json_pair_figure(w, "threshold", e->rules.drift);
  json_pair_figure(w, "prediction", e->drifting.prediction);
  drift_put(e->drift, l->of, model, w);
  json_close_object(w);
}

static void put_alerts(struct json_writer *w, const struct episode *e) {
  json_key(w, "alerts");
  json_open_array(w);
  for (size_t i = e->alert_count; i-- > 0;) {
    json_open_object(w);
    put_time(w, "at", e->alerts[i].at);
    json_pair_text(w, "text", e->alerts[i].text);
    json_close_object(w);
  }
  json_close_array(w);
}

static void put_rules(struct json_writer *w, const struct episode *e) {
  char at[8];
  json_key(w, "retrain");
  if (!e->declared) {
    json_put_null(w);
    return;
  }
  snprintf(at, sizeof at, "%02d:%02d", e->rules.minute / 60, e->rules.minute % 60);
  json_open_object(w);
  json_pair_text(w, "at", e->rules.nightly ? at : NULL);
  json_pair_figure(w, "lookback_days", (double)e->rules.lookback / (double)CLOCK_DAY);
  json_pair_int(w, "samples", e->rules.samples);
  json_pair_figure(w, "gain", e->rules.gain);
  json_pair_figure(w, "shadow_days", (double)e->rules.shadow / (double)CLOCK_DAY);
  json_pair_int(w, "outcomes", e->rules.outcomes);
  json_close_object(w);
}

static void put_trouble(struct json_writer *w, const struct program *p, uint32_t model) {
  struct model_trouble t = {0};
  if (model != NO_MODEL) model_troubled(p->models, model, &t);
  json_pair_text(w, "suspended", t.suspended ? t.why : NULL);
  json_pair_int(w, "crashes", t.crashes);
}

void put_suspended(struct json_writer *w, struct lifecycle *l) {
  const struct program *p = l->api->program;
  struct model_trouble t;
  for (uint32_t m = 0; m < models_count(p->models); m++) {
    if (episode_of(l, str_from(model_name(p->models, m))) || !model_troubled(p->models, m, &t) || !t.suspended) continue;
    json_open_object(w);
    json_pair_text(w, "model", model_name(p->models, m));
    json_pair_text(w, "version", NULL);
    put_trouble(w, p, m);
    json_close_object(w);
  }
}

void put_episode(struct json_writer *w, struct lifecycle *l, const struct episode *e) {
  json_open_object(w);
  json_pair_text(w, "model", e->name);
  json_pair_text(w, "version", e->served);
  put_trouble(w, l->api->program, model_of_name(l->api->program->models, str_from(e->name)));
  put_beside(w, e);
  put_sets(w, e);
  put_live(w, e);
  put_drift(w, l, e);
  put_alerts(w, e);
  put_rules(w, e);
  training_put(l, e, w);
  put_time(w, "trained", e->trained);
  json_pair_text(w, "last", e->last[0] ? e->last : NULL);
  json_close_object(w);
}

/* ---- metrics ---- */

static void put_gauge(struct buf *out, const struct lifecycle *l, const char *name, const char *help,
                      double (*value)(const struct episode *)) {
  bool any = false;
  for (uint32_t i = 0; i < l->episode_count; i++) {
    const double v = value(l->episodes[i]);
    if (!math_finite(v)) continue;
    if (!any) buf_printf(out, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
    buf_printf(out, "%s{model=\"%s\"} %.6g\n", name, l->episodes[i]->name, v);
    any = true;
  }
}

static double drift_of(const struct episode *e) {
  return e->drift ? e->drifting.score : STATS_NONE;
}
static double prediction_of(const struct episode *e) {
  return e->drift ? e->drifting.prediction : STATS_NONE;
}
static double accuracy_of(const struct episode *e) {
  return e->score.accuracy;
}
static double loss_of(const struct episode *e) {
  return e->score.log_loss;
}
static double beside_of(const struct episode *e) {
  return e->beside[0] ? e->score.gain : STATS_NONE;
}

void put_models(struct buf *out, const struct api *a) {
  const struct lifecycle *l = a->lifecycle;
  const struct lifecycle_figures *f = &l->figures;
  const struct {
    const char *name, *help;
    uint64_t value;
  } counters[] = {{"kairos_model_trainings_total", "Trainings begun since the start.", f->trainings},
                  {"kairos_model_training_failures_total", "Trainings that ended without a verdict.", f->failures},
                  {"kairos_model_deployed_total", "Candidates that are served since.", f->deployed},
                  {"kairos_model_returned_total", "Returns to the state before.", f->returned},
                  {"kairos_model_alerts_total", "Alerts about models.", f->alerts}};
  for (size_t i = 0; i < sizeof counters / sizeof *counters; i++)
    buf_printf(out, "# HELP %s %s\n# TYPE %s counter\n%s %" PRIu64 "\n", counters[i].name, counters[i].help, counters[i].name,
               counters[i].name, counters[i].value);
  put_gauge(out, l, "kairos_model_drift", "Distance of the inputs from those trained on, 0 to 1.", drift_of);
  put_gauge(out, l, "kairos_model_prediction_drift", "The same of the predictions.", prediction_of);
  put_gauge(out, l, "kairos_model_accuracy", "Of the served state, on the outcomes of 30 days.", accuracy_of);
  put_gauge(out, l, "kairos_model_log_loss", "The same, log loss.", loss_of);
  put_gauge(out, l, "kairos_model_beside_gain", "By how much the state beside has the lower log loss.", beside_of);
}
