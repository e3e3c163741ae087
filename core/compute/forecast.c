/* Forecasts of one person and what could be made of them (D17, D18), each with its method beside it. Promises no number where there is too
 * little to say, and to call an index an index: training load describes and does not predict injuries, the burnout and churn figures are
 * rules that nobody validated. Called through a view on the lane. */
#include "insights.h"

#define RECENT      7
#define BASE        21 /* days before the recent ones that they are held against */
#define FIT_LEAST   6
#define FLAT_DAYS   14
#define FLAT_WEEKLY .02 /* a slope within 2 % of the mean a week is flat */
#define QUIET_DAYS  14  /* no activity for so long counts as gone */

/* As ring_values, of the completion of all attempts, those that were skipped as well: whoever does a third of them perfectly completes a
 * third. */
static size_t completion_values(struct view *v, int32_t days, double *x, double *y) {
  struct completions c;
  size_t n = 0;
  completions_of(v, days, &c);
  for (int32_t i = 0; i < days; i++) {
    if (c.n[i] < 1) continue;
    x[n] = i;
    y[n++] = c.sum[i] / c.n[i];
  }
  return n;
}

/* ---- performance: the completion rate in a week's time, by a line through the last four weeks ---- */

struct trend {
  struct line line;
  double at, spread; /* the value in a week; half of the 80 % prediction interval */
  size_t n;
};

static bool trend_read(struct view *v, struct trend *t) {
  double x[SERIES_DAYS], y[SERIES_DAYS], squares = 0, sxx = 0;
  t->n = completion_values(v, OUTLOOK_DAYS, x, y);
  if (t->n < FIT_LEAST || !line_fit(x, y, t->n, &t->line)) return false;
  const double mean = mean_of(x, t->n), ahead = OUTLOOK_DAYS - 1 + RECENT, n = (double)t->n;
  for (size_t i = 0; i < t->n; i++) {
    const double off = y[i] - t->line.intercept - t->line.slope * x[i];
    squares += off * off;
    sxx += (x[i] - mean) * (x[i] - mean);
  }
  t->at = t->line.intercept + t->line.slope * ahead;
  t->spread = -normal_quantile(.1) * math_sqrt(squares / (n - 2) * (1 + 1 / n + (ahead - mean) * (ahead - mean) / sxx));
  return true;
}

double forecast_performance(struct view *v) {
  struct trend t;
  return trend_read(v, &t) ? math_clamp(t.at, 0, 1) : STATS_NONE;
}

static void put_performance(struct view *v, struct json_writer *w) {
  struct trend t = {.n = 0};
  const bool known = trend_read(v, &t);
  json_key(w, "performance_forecast");
  json_open_object(w);
  json_pair_text(w, "method", "completion rate in 7 days, a skip counting 0: least squares over 28 days, 80 % prediction interval");
  json_pair_int(w, "days", (int64_t)t.n);
  put_figure(w, "value", known ? math_clamp(t.at, 0, 1) : STATS_NONE);
  put_figure(w, "low", known ? math_clamp(t.at - t.spread, 0, 1) : STATS_NONE);
  put_figure(w, "high", known ? math_clamp(t.at + t.spread, 0, 1) : STATS_NONE);
  put_figure(w, "slope_per_week", known ? 7 * t.line.slope : STATS_NONE);
  json_close_object(w);
}

/* ---- training load ---- */

/* What a workout of unknown intensity weighs: as much as the others do on average; 1 each while nothing is said of any. */
static double usual_load(struct view *v) {
  double sum = 0, n = 0;
  for (struct day_walk w = day_walk(view_series(v, RING_INTENSITY), v->today, SERIES_DAYS - 1); w.left; walk_next(&w)) {
    sum += (double)walk_day(&w)->sum;
    n += walk_day(&w)->n;
  }
  return n > 0 ? sum / n : 1;
}

/* Loads by day: intensity of what was done. Days before the first event are not there. */
static size_t loads_read(struct view *v, double loads[SERIES_DAYS]) {
  const struct mark *first = user_mark(v->u, v->f->mark[MARK_FIRST_DAY]);
  const double usual = usual_load(v);
  size_t n = 0;
  if (!first) return 0;
  for (int32_t day = v->today - SERIES_DAYS + 2; day <= v->today; day++) {
    if ((double)day < first->value) continue;
    const struct series *done = view_series(v, RING_DONE), *hard = view_series(v, RING_INTENSITY);
    const struct series_day *d = done ? series_at(done, day) : NULL, *h = hard ? series_at(hard, day) : NULL;
    const int32_t untold = (d ? d->n : 0) - (h ? h->n : 0);
    loads[n++] = (h ? (double)h->sum : 0) + (untold > 0 ? untold * usual : 0);
  }
  return n;
}

static void load_change(const double *loads, size_t n, double *change, double *deviations) {
  *change = *deviations = STATS_NONE;
  if (n < 28) return;
  double weeks[4];
  for (int k = 0; k < 4; k++) weeks[k] = 7 * mean_of(loads + n - 28 + 7 * k, 7);
  const double before = mean_of(weeks, 3), spread = variance_of(weeks, 3);
  if (before > 0) *change = weeks[3] / before - 1;
  const double rise = weeks[3] - before;
  if (spread > 0) *deviations = rise / math_sqrt(spread);
  else *deviations = rise > 0 ? __builtin_inf() : rise < 0 ? -__builtin_inf() : 0; /* even weeks: whatever is not as ever stands out */
}

bool forecast_spike(struct view *v, bool *spike, double *change) {
  double loads[SERIES_DAYS], deviations;
  load_change(loads, loads_read(v, loads), change, &deviations);
  if (stats_none(*change) || stats_none(deviations)) return false;
  *spike = *change >= .3 && deviations >= 2;
  return true;
}

static void put_injury(struct view *v, struct json_writer *w) {
  double loads[SERIES_DAYS], change, deviations;
  struct load l;
  bool spike = false;
  const size_t n = loads_read(v, loads);
  load_measure(loads, n, &l);
  load_change(loads, n, &change, &deviations);
  json_key(w, "injury_risk_forecast");
  json_open_object(w);
  json_pair_text(w, "method", "training load: describes a spike and predicts no injury; value is null because no valid probability exists");
  json_key(w, "value");
  json_put_null(w);
  json_key(w, "load_spike");
  if (forecast_spike(v, &spike, &change)) json_put_bool(w, spike);
  else json_put_null(w);
  put_figure(w, "week_on_three_weeks", change);
  put_figure(w, "deviations", deviations);
  put_figure(w, "acute_7d", l.acute);
  put_figure(w, "chronic_28d", l.chronic);
  put_figure(w, "acwr_coupled", l.ratio);
  put_figure(w, "acwr_uncoupled", l.uncoupled);
  put_figure(w, "acwr_ewma", l.smooth);
  put_figure(w, "monotony", l.monotony);
  put_figure(w, "strain", l.strain);
  json_close_object(w);
}

/* ---- burnout: how far the last week lies from the three before, in the direction of strain ---- */

struct sign {
  const char *name;
  enum ring ring;
  double direction; /* +1: more is strain */
};
static const struct sign signs[] = {{"completion_rate", RING_DONE, -1},
                                    {"stress", RING_STRESS, 1},
                                    {"sleep", RING_SLEEP, -1},
                                    {"motivation", RING_MOTIVATION, -1},
                                    {"heart_rate_variability", RING_HRV, -1}};
#define SIGNS (sizeof signs / sizeof *signs)

static double sign_read(struct view *v, const struct sign *s) {
  double x[SERIES_DAYS], y[SERIES_DAYS], recent[SERIES_DAYS], base[SERIES_DAYS];
  const size_t n = s->ring == RING_DONE ? completion_values(v, RECENT + BASE, x, y) : ring_values(v, s->ring, RECENT + BASE, x, y);
  size_t late = 0, early = 0;
  for (size_t i = 0; i < n; i++) {
    if (x[i] >= BASE) recent[late++] = y[i];
    else base[early++] = y[i];
  }
  const double spread = early >= 5 ? variance_of(base, early) : STATS_NONE;
  if (late < 2 || !(spread > 1e-12)) return STATS_NONE;
  return math_clamp(s->direction * (mean_of(recent, late) - mean_of(base, early)) / math_sqrt(spread), -4, 4);
}

static double burnout_index(struct view *v, double each[SIGNS]) {
  double sum = 0, n = 0;
  for (size_t i = 0; i < SIGNS; i++) {
    each[i] = sign_read(v, &signs[i]);
    if (stats_none(each[i])) continue;
    sum += each[i];
    n++;
  }
  return n >= 2 ? 1 / (1 + math_exp(-sum / n)) : STATS_NONE;
}

double forecast_burnout(struct view *v) {
  double each[SIGNS];
  return burnout_index(v, each);
}

static void put_burnout(struct view *v, struct json_writer *w) {
  double each[SIGNS];
  json_key(w, "burnout_risk_forecast");
  json_open_object(w);
  json_pair_text(w, "method", "heuristic index, not a probability: logistic of the mean change of a week against three, in deviations");
  put_figure(w, "value", burnout_index(v, each));
  json_key(w, "signs");
  json_open_object(w);
  for (size_t i = 0; i < SIGNS; i++) put_figure(w, signs[i].name, each[i]);
  json_close_object(w);
  json_close_object(w);
}

/* ---- plateau ---- */

struct flatness {
  size_t n, begins;     /* observations; the index at which the last segment begins */
  double p, days;       /* of "the slope is not flat"; length of the last segment */
  double shift;         /* of the mean at its beginning, as a share; none without a cut */
  double slope, steady; /* of that segment a week, by least squares and as the median of all pairs' */
  double run, changed;  /* days since the likeliest last change, and the chance of one in FLAT_DAYS (Bayes) */
};

static double spread_of_steps(const double *y, size_t n) {
  double sum = 0;
  for (size_t i = 1; i < n; i++) sum += (y[i] - y[i - 1]) * (y[i] - y[i - 1]);
  return math_sqrt(sum / (2 * (double)(n - 1)));
}

#define CHANGE_EVERY 30 /* values: how long a level is expected to last */

/* When did the level last change, and how sure is that? The prior: this person's mean, and the noise of their days as if seen once. */
static void changes_read(const double *x, const double *y, double noise, struct flatness *f) {
  double lengths[SERIES_DAYS + 1], scratch[SERIES_DAYS + 1], most = -1;
  size_t likely = 0;
  f->run = f->changed = STATS_NONE;
  if (!(noise > 0)) return; /* nothing ever moved: what a change would look like is not known */
  const struct level_prior prior = {mean_of(y, f->n), 1, 1, noise * noise};
  run_lengths(y, f->n, 1.0 / CHANGE_EVERY, prior, lengths, NULL, scratch);
  f->changed = 0;
  for (size_t r = 0; r <= f->n; r++) {
    const double days = r ? x[f->n - 1] - x[f->n - r] + 1 : 0;
    if (days < FLAT_DAYS) f->changed += lengths[r];
    if (lengths[r] <= most) continue;
    most = lengths[r];
    likely = r;
  }
  f->run = likely ? x[f->n - 1] - x[f->n - likely] + 1 : 0;
}

static void slopes_read(const double *x, const double *y, size_t n, struct flatness *f) {
  double scratch[SERIES_DAYS * (SERIES_DAYS - 1) / 2];
  struct line line;
  f->slope = n >= 3 && line_fit(x, y, n, &line) ? 7 * line.slope : STATS_NONE;
  f->steady = n >= 3 ? 7 * theil_sen(x, y, n, scratch) : STATS_NONE;
}

static bool flatness_read(struct view *v, struct flatness *f) {
  double x[SERIES_DAYS], y[SERIES_DAYS], scratch[4 * (SERIES_DAYS + 1)];
  size_t cuts[SERIES_DAYS];
  *f = (struct flatness){.p = STATS_NONE,
                         .days = STATS_NONE,
                         .shift = STATS_NONE,
                         .slope = STATS_NONE,
                         .steady = STATS_NONE,
                         .run = STATS_NONE,
                         .changed = STATS_NONE};
  f->n = ring_values(v, RING_INTENSITY, SERIES_DAYS - 1, x, y);
  if (f->n < FIT_LEAST) f->n = completion_values(v, SERIES_DAYS - 1, x, y);
  if (f->n < FIT_LEAST) return false;
  double noise = noise_of(y, f->n, scratch);
  if (!(noise > 0)) noise = spread_of_steps(y, f->n); /* more than half of the steps are alike */
  const double penalty = noise > 0 ? 2 * math_log((double)f->n) * noise * noise : 1e-9;
  const size_t count = change_points(y, f->n, penalty, scratch, cuts);
  f->begins = count ? cuts[count - 1] : 0;
  f->days = x[f->n - 1] - x[f->begins] + 1;
  const double mean = mean_of(y + f->begins, f->n - f->begins);
  if (count) {
    const size_t before = count > 1 ? cuts[count - 2] : 0;
    const double level = mean_of(y + before, f->begins - before);
    if (level > 0) f->shift = mean / level - 1; /* from nothing at all there is no share */
  }
  f->p = flat_p(x + f->begins, y + f->begins, f->n - f->begins, FLAT_WEEKLY / 7 * mean);
  slopes_read(x + f->begins, y + f->begins, f->n - f->begins, f);
  changes_read(x, y, noise, f);
  return true;
}

bool forecast_plateau(struct view *v, bool *plateau) {
  struct flatness f;
  if (!flatness_read(v, &f)) return false;
  *plateau = f.days >= FLAT_DAYS && f.p < .05; /* a segment too short for a p is no plateau */
  return true;
}

static void put_plateau(struct view *v, struct json_writer *w) {
  struct flatness f;
  bool plateau = false;
  flatness_read(v, &f);
  json_key(w, "plateau_risk_forecast");
  json_open_object(w);
  json_pair_text(
      w, "method",
      "last segment of intensity (else completion) of 14 days or more whose slope is shown to be within 2 % a week; beside it when "
      "the level last changed, by Bayesian online change points (one in 30 values)");
  json_key(w, "plateau");
  if (forecast_plateau(v, &plateau)) json_put_bool(w, plateau);
  else json_put_null(w);
  put_figure(w, "p_not_flat", f.p);
  put_figure(w, "segment_days", f.days);
  put_figure(w, "slope_per_week", f.slope);
  put_figure(w, "slope_per_week_of_pairs", f.steady);
  put_figure(w, "days_since_likely_change", f.run);
  put_figure(w, "chance_of_change_in_14_days", f.changed);
  json_pair_int(w, "observations", (int64_t)f.n);
  json_close_object(w);
}

/* ---- churn: two weeks of silence, if days went on being active as often as in the last four weeks ---- */

double forecast_churn(struct view *v) {
  const struct mark *first = user_mark(v->u, v->f->mark[MARK_FIRST_DAY]);
  double active = 0, silent = 0, none = 1;
  if (!first) return STATS_NONE;
  const double days = math_clamp(v->today - first->value + 1, 0, OUTLOOK_DAYS);
  for (struct day_walk walk = day_walk(view_series(v, RING_ANY), v->today, OUTLOOK_DAYS); walk.left; walk_next(&walk)) {
    if (!walk_day(&walk)->n) continue;
    active++;
    silent = v->today - walk.day;
  }
  if (days < 7) return STATS_NONE;
  if (active < 1) silent = OUTLOOK_DAYS;
  const double daily = (active + .5) / (days + 1);
  for (double d = silent; d < QUIET_DAYS; d++) none *= 1 - daily;
  return none;
}

void forecasts_put(struct view *v, struct json_writer *w) {
  json_key(w, "predictive_insights");
  json_open_object(w);
  put_performance(v, w);
  put_injury(v, w);
  put_burnout(v, w);
  put_plateau(v, w);
  json_key(w, "churn_risk_forecast");
  json_open_object(w);
  json_pair_text(w, "method", "heuristic: 14 silent days if each day goes on being active as often as in the last 28");
  put_figure(w, "value", forecast_churn(v));
  json_close_object(w);
  opportunities_put(v, w);
  json_close_object(w);
}

/* ---- opportunities (D18) ---- */

static void put_breakthrough(struct view *v, struct json_writer *w) {
  struct flatness f;
  const struct patterns *p = patterns_of(v);
  const double rate = p->attempts ? (double)p->done / p->attempts : 0;
  static const char *const parts[PART_COUNT] = {"morning", "midday", "evening", "night"};
  json_key(w, "breakthrough_opportunities");
  json_open_array(w);
  if (flatness_read(v, &f) && f.shift > 0 && f.days <= FLAT_DAYS) {
    json_open_object(w);
    json_pair_text(w, "kind", "level_shift");
    put_figure(w, "rise", f.shift);
    put_figure(w, "days_ago", f.days);
    json_close_object(w);
  }
  for (int i = 0; i < PART_COUNT; i++) {
    double low, high;
    wilson_interval(p->parts[i].done, p->parts[i].n, 1.959963984540054, &low, &high);
    if (p->parts[i].n < 8 || !(low > rate)) continue; /* a pattern only where it is shown to be above the user's own rate */
    json_open_object(w);
    json_pair_text(w, "kind", "time_of_day");
    json_pair_text(w, "time_of_day", parts[i]);
    put_figure(w, "success_rate", (double)p->parts[i].done / p->parts[i].n);
    put_figure(w, "at_least", low);
    json_close_object(w);
  }
  json_close_array(w);
}

/* Workouts a week for four weeks: a tenth more each, up to what the profile asks for. */
static void put_path(struct view *v, struct json_writer *w) {
  double done = 0;
  for (struct day_walk walk = day_walk(view_series(v, RING_DONE), v->today, OUTLOOK_DAYS); walk.left; walk_next(&walk))
    done += walk_day(&walk)->n;
  const double now = done / 4, target = facts_of(v)->target;
  json_key(w, "optimal_progression_path");
  json_open_object(w);
  json_pair_text(w, "method", "workouts a week, a tenth more each week up to the profile's target; no more than now when that is reached");
  put_figure(w, "now", now);
  put_figure(w, "target", target);
  json_key(w, "weeks");
  json_open_array(w);
  double goal = now;
  for (int week = 0; week < 4; week++) {
    goal = goal >= target ? goal : math_clamp(goal < 1 ? 1 : goal * 1.1, 0, target);
    json_put_double(w, math_round6(goal));
  }
  json_close_array(w);
  json_close_object(w);
}

static void put_habit(struct view *v, struct json_writer *w) {
  const struct strength *s = strength_of(v);
  const struct {
    const char *name, *advice;
    double value;
  } terms[] = {{"frequency", "do it on more of the days that the goal asks for", s->frequency},
               {"consistency", "fewer days between one time and the next", s->consistency},
               {"context", "keep to one time and one place", s->context}};
  json_key(w, "habit_strengthening_opportunities");
  json_open_array(w);
  double least = .8; /* above it there is little left to strengthen */
  int which = -1;
  for (int i = 0; i < 3; i++)
    if (!stats_none(terms[i].value) && terms[i].value < least) least = terms[i].value, which = i;
  if (which >= 0) { /* the weakest term: what is strong already gains little */
    json_open_object(w);
    json_pair_text(w, "term", terms[which].name);
    put_figure(w, "value", terms[which].value);
    json_pair_text(w, "opportunity", terms[which].advice);
    json_close_object(w);
  }
  json_close_array(w);
}

void opportunities_put(struct view *v, struct json_writer *w) {
  put_breakthrough(v, w);
  put_path(v, w);
  put_habit(v, w);
}
