/* Insights: everything that is foreseen of one person, in one answer: the day's context, the best hours, forecasts, opportunities, and an
 * assessment that holds the single predictions side by side. Promises never to melt them into one number, to say of each where it comes
 * from and how sure it is, and actions only with the figure that calls for them. A look: nothing is recorded. Called on the lane. */
#include "insights.h"
#include "kit/clock.h"
#include "kit/tz.h"
#include "models.h"
#include <stdio.h>

struct prediction {
  const char *name, *method, *confidence;
  double value;
};
#define PREDICTIONS 5

/* A prediction set holds nine in ten of those who are like the people it was learned from; of others it says nothing. */
static const char *confidence_of(struct view *v, const struct models *m, uint32_t model, double p) {
  struct value *slots = ARENA_ARRAY(v->arena, struct value, v->f->symbols->count + 1);
  struct typicality t;
  const char *sure = model_confidence(m, model, v->u->partition, p);
  if (slots && model_typical(m, model, v->u, v->clock, slots, v->arena, &t) && t.atypical) return "atypical input";
  return sure ? sure : "unknown";
}

/* A model's belief when the program has one of this name, else the rule beside it. */
static struct prediction predict(struct view *v, const struct models *m, const struct value *beliefs, const char *name, const char *belief,
                                 double otherwise, const char *method) {
  struct symbol s;
  if (m && models_find(m, str_from(belief), &s) && beliefs[s.index].kind == VALUE_NUMBER) {
    const struct calibration *c = model_calibration(m, belief_model(m, s.index));
    const double p = beliefs[s.index].number;
    return (struct prediction){name, c ? calibration_method(c) : "model, not calibrated", confidence_of(v, m, belief_model(m, s.index), p),
                               p};
  }
  return (struct prediction){name, method, stats_none(otherwise) ? "unknown" : "heuristic", otherwise};
}

/* What is left when no model says anything: the user's own share, pulled to one half by four attempts (A27). */
static double own_rate(struct view *v) {
  const struct patterns *p = patterns_of(v);
  return p->attempts ? shrunk_rate(p->done, p->attempts, .5, SHRINK_WEIGHT) : STATS_NONE;
}

static void predict_all(struct view *v, const struct models *m, const struct value *beliefs, struct prediction list[PREDICTIONS]) {
  bool flag;
  const double plateau = forecast_plateau(v, &flag) ? flag : STATS_NONE;
  list[0] = predict(v, m, beliefs, "adherence", "adherence_probability", own_rate(v), "own share of attempts, pulled to one half");
  list[1] = predict(v, m, beliefs, "performance", "performance", forecast_performance(v), "completion rate in a week by least squares");
  list[2] = predict(v, m, beliefs, "injury_risk", "injury_risk", STATS_NONE,
                    "no number: training load describes a spike (injury_risk_forecast.load_spike) and foresees no injury");
  if (stats_none(list[2].value)) list[2].confidence = "descriptive";
  list[3] = predict(v, m, beliefs, "plateau", "plateau_risk", plateau, "1: two weeks or more without movement, shown by equivalence");
  list[4] = predict(v, m, beliefs, "churn", "churn_risk", forecast_churn(v), "14 silent days at the rate of the last 28");
}

static void put_map(const struct prediction list[PREDICTIONS], const char *key, bool words, struct json_writer *w) {
  json_key(w, key);
  json_open_object(w);
  for (int i = 0; i < PREDICTIONS; i++) {
    if (words) json_pair_text(w, list[i].name, list[i].confidence);
    else put_figure(w, list[i].name, list[i].value);
  }
  json_close_object(w);
}

static void put_action(const char *action, const char *because, double value, struct json_writer *w) {
  json_open_object(w);
  json_pair_text(w, "action", action);
  json_pair_text(w, "because", because);
  put_figure(w, "value", value);
  json_close_object(w);
}

/* In order of how soon each would matter; figures that are missing call for nothing. */
static void put_actions(struct view *v, const struct prediction list[PREDICTIONS], struct json_writer *w) {
  const double burnout = forecast_burnout(v);
  double change;
  bool spike;
  json_key(w, "recommended_actions");
  json_open_array(w);
  if (list[2].value > .5) put_action("ease the next week", "an injury is likelier than not", list[2].value, w);
  else if (forecast_spike(v, &spike, &change) && spike)
    put_action("ease the next week", "training load rose by three tenths or more; a caution, no forecast", change, w);
  if (burnout > .7) put_action("a rest day and earlier nights", "the last week lies far on the side of strain", burnout, w);
  if (list[0].value < .4) put_action("a shorter session at the best hour", "the next workout is unlikely to be done", list[0].value, w);
  if (list[4].value > .3) put_action("a message that asks for nothing", "days are becoming silent", list[4].value, w);
  if (list[3].value > .5) put_action("change one thing: kind, length or intensity", "nothing has moved for two weeks", list[3].value, w);
  json_close_array(w);
}

static void put_explanation(const struct prediction list[PREDICTIONS], struct json_writer *w) {
  json_key(w, "explanation");
  json_open_object(w);
  for (int i = 0; i < PREDICTIONS; i++) json_pair_text(w, list[i].name, list[i].method);
  json_close_object(w);
}

static void put_assessment(struct view *v, const struct models *m, const struct value *beliefs, struct json_writer *w) {
  struct prediction list[PREDICTIONS];
  predict_all(v, m, beliefs, list);
  json_key(w, "assessment");
  json_open_object(w);
  put_map(list, "individual_predictions", false, w);
  json_key(w, "integrated_assessment"); /* a vector on purpose: who melts these into one number hides what to do */
  json_open_array(w);
  for (int i = 0; i < PREDICTIONS; i++) {
    if (stats_none(list[i].value)) json_put_null(w);
    else json_put_double(w, math_round6(list[i].value));
  }
  json_close_array(w);
  put_actions(v, list, w);
  put_map(list, "confidence_scores", true, w);
  put_explanation(list, w);
  json_close_object(w);
}

#define LAST_HOUR 21

static void date_text(int32_t day, char out[32]) {
  int32_t year, month, of_month;
  tz_date_from_day(day, &year, &month, &of_month);
  snprintf(out, 32, "%04d-%02d-%02d", (int)year, (int)month, (int)of_month);
}

/* Beyond four weeks nothing that is said of a day comes from days near it. */
static bool day_meant(const struct view *v, struct str date, int32_t *day, struct err *e) {
  char first[32], last[32];
  int64_t noon;
  if (!date.len) {
    *day = local_day(v->u, v->clock + (24 - LAST_HOUR) * CLOCK_HOUR); /* from nine in the evening on it is too late for today */
    return true;
  }
  const char *when = arena_printf(v->arena, STR_FORMAT "T12:00:00Z", STR_ARG(date));
  if (date.len == 10 && when && clock_parse(str_from(when), &noon)) {
    *day = (int32_t)(noon / CLOCK_DAY);
    if (*day >= v->today && *day <= v->today + OUTLOOK_DAYS) return true;
  }
  date_text(v->today, first);
  date_text(v->today + OUTLOOK_DAYS, last);
  return err_set(e, ERR_INPUT, "date: expected a day from %s to %s, came \"" STR_FORMAT "\"", first, last, STR_ARG(date));
}

bool features_insights(const struct features *f, const struct user *u, int64_t clock, const struct insights_ask *ask, struct json_writer *w,
                       struct arena *a, struct err *e) {
  struct view v;
  struct outlook o;
  int32_t day = 0;
  char date[32];
  view_open(&v, f, u, clock, a);
  if (!day_meant(&v, ask->date, &day, e)) return false;
  date_text(day, date);
  json_pair_text(w, "date", date);
  outlook_read(&v, ask->weather, day, &o);
  outlook_put(&o, ask->weather, w);
  windows_put(&v, &o, w);
  forecasts_put(&v, w);
  put_assessment(&v, ask->models, ask->beliefs, w);
  return true;
}
