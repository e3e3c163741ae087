/* The built-in features: the table (features_table.h) as code and as documentation, and the few ways in which its rows read a view.
 * Promises one definition a feature: there is no second list. Reads only. Called through view_read on the lane. */
#include "features.h"
#include "kit/clock.h"

static struct value too_little(void) {
  return value_missing(MISSING_TOO_LITTLE);
}

static struct value from_part(const struct view *v, double part) {
  if (!stats_none(part)) return value_number(part);
  return value_missing(v->u->attempt_count ? MISSING_TOO_LITTLE : MISSING_ABSENT);
}

static struct value mark_value(struct view *v, enum mark_name name) {
  const struct mark *mark = user_mark(v->u, v->f->mark[name]);
  return mark ? value_number(mark->value) : value_missing(MISSING_ABSENT);
}

static struct value days_since_mark(struct view *v, enum mark_name name) {
  const struct mark *mark = user_mark(v->u, v->f->mark[name]);
  if (!mark) return value_missing(MISSING_ABSENT);
  double days = v->today - mark->value;
  return value_number(days > 0 ? days : 0);
}

/* ---- day rings ---- */

struct total {
  double sum, n; /* of observations */
  int32_t days;  /* with an observation */
};

static struct total total_of(struct view *v, enum ring ring, int32_t days) {
  struct total t = {0};
  for (struct day_walk w = day_walk(view_series(v, ring), v->today, days); w.left; walk_next(&w)) {
    const struct series_day *d = walk_day(&w);
    t.sum += (double)d->sum;
    t.n += d->n;
    t.days += d->n > 0;
  }
  return t;
}

/* The mean of the days' means: a day with ten reports weighs as much as a day with one. */
static double mean_of_means(struct view *v, enum ring ring, int32_t days, int32_t *with) {
  double means = 0;
  *with = 0;
  for (struct day_walk w = day_walk(view_series(v, ring), v->today, days); w.left; walk_next(&w)) {
    const struct series_day *d = walk_day(&w);
    if (!d->n) continue;
    means += (double)d->sum / d->n;
    ++*with;
  }
  return *with ? means / *with : STATS_NONE;
}

static struct value events_counted(struct view *v, enum ring ring, int32_t days) {
  if (!user_mark(v->u, v->f->mark[MARK_FIRST_DAY])) return value_missing(MISSING_ABSENT);
  return value_number(total_of(v, ring, days).n);
}

static struct value attempts_counted(struct view *v, enum ring ring, int32_t days) {
  if (!v->u->attempt_count && !view_series(v, RING_PLANNED)) return value_missing(MISSING_ABSENT);
  return value_number(total_of(v, ring, days).n);
}

static struct value sum_of_days(struct view *v, enum ring ring, int32_t days) {
  if (!user_mark(v->u, v->f->mark[MARK_FIRST_DAY])) return value_missing(MISSING_ABSENT);
  return value_number(total_of(v, ring, days).sum);
}

static struct value mean_of_days(struct view *v, enum ring ring, int32_t days, int32_t at_least) {
  int32_t with;
  double mean = mean_of_means(v, ring, days, &with);
  if (!view_series(v, ring)) return value_missing(MISSING_ABSENT);
  return with >= at_least ? value_number(mean) : too_little();
}

static struct value mean_of_events(struct view *v, enum ring ring, int32_t days) {
  struct total t = total_of(v, ring, days);
  if (!view_series(v, ring)) return value_missing(MISSING_ABSENT);
  return t.n > 0 ? value_number(t.sum / t.n) : too_little();
}

static struct value newest_day(struct view *v, enum ring ring, int32_t days) {
  const struct series *s = view_series(v, ring);
  if (!s) return value_missing(MISSING_ABSENT);
  for (int32_t day = v->today; day > v->today - days; day--) {
    const struct series_day *d = series_at(s, day);
    if (d && d->n) return value_number((double)d->sum / d->n);
  }
  return too_little();
}

/* Slope through (day, y) points collected by the callers; at most one a day of a ring. */
static struct value slope_of(const double *x, const double *y, size_t n, size_t at_least) {
  struct line line;
  return n >= at_least && line_fit(x, y, n, &line) ? value_number(line.slope) : too_little();
}

static struct value trend_of_days(struct view *v, enum ring ring, int32_t days, size_t at_least) {
  const struct series *s = view_series(v, ring);
  double x[SERIES_DAYS], y[SERIES_DAYS];
  size_t n = 0;
  if (!s) return value_missing(MISSING_ABSENT);
  for (struct day_walk w = day_walk(s, v->today, days); w.left; walk_next(&w)) {
    const struct series_day *d = walk_day(&w);
    if (!d->n) continue;
    x[n] = w.day - v->today;
    y[n++] = (double)d->sum / d->n;
  }
  return slope_of(x, y, n, at_least);
}

static struct value completion_trend(struct view *v, int32_t days, size_t at_least) {
  struct completions c;
  double x[SERIES_DAYS], y[SERIES_DAYS];
  size_t n = 0;
  if (!v->u->attempt_count) return value_missing(MISSING_ABSENT);
  completions_of(v, days, &c);
  for (int32_t i = 0; i < days; i++) {
    if (c.n[i] < 1) continue;
    x[n] = i;
    y[n++] = c.sum[i] / c.n[i];
  }
  return slope_of(x, y, n, at_least);
}

static struct value completion_change(struct view *v, int32_t days, int32_t at_least) {
  struct completions c;
  double sum[2] = {0};
  int32_t n[2] = {0};
  if (!v->u->attempt_count) return value_missing(MISSING_ABSENT);
  completions_of(v, 2 * days, &c);
  for (int32_t i = 0; i < 2 * days; i++) {
    if (c.n[i] < 1) continue;
    sum[i >= days] += c.sum[i] / c.n[i];
    n[i >= days]++;
  }
  if (n[0] < at_least || n[1] < at_least) return too_little();
  return value_number(sum[1] / n[1] - sum[0] / n[0]);
}

static struct value skip_share(struct view *v, int32_t days, double at_least) {
  uint8_t each[SERIES_DAYS];
  double n = 0, missed = 0;
  opportunities(v, days, each);
  for (int32_t i = 0; i < days; i++) {
    n += each[i] > 0;
    missed += each[i] == 1;
  }
  return n >= at_least ? value_number(missed / n) : from_part(v, STATS_NONE);
}

static struct value engagement(struct view *v, int32_t days) {
  const struct mark *first = user_mark(v->u, v->f->mark[MARK_FIRST_DAY]);
  if (!first) return value_missing(MISSING_ABSENT);
  double since = v->today - first->value + 1;
  return value_number(math_clamp(total_of(v, RING_ANY, days).days / (since > days ? days : since < 1 ? 1 : since), 0, 1));
}

#define SLEEP_NEEDED 8.0 /* hours a night */

static struct value sleep_short(struct view *v, int32_t days, int32_t at_least, bool sum) {
  const struct series *s = view_series(v, RING_SLEEP);
  double missed = 0;
  int32_t nights = 0;
  if (!s) return value_missing(MISSING_ABSENT);
  for (struct day_walk w = day_walk(s, v->today, days); w.left; walk_next(&w)) {
    const struct series_day *d = walk_day(&w);
    if (!d->n) continue;
    double short_of = SLEEP_NEEDED - (double)d->sum / d->n;
    if (short_of > 0) missed += short_of;
    nights++;
  }
  return nights >= at_least ? value_number(sum ? missed : missed / nights) : too_little();
}

/* ---- patterns ---- */

static double social_ratio(struct view *v) {
  double solo = pattern_company(v, false);
  return solo > 0 ? pattern_company(v, true) / solo : STATS_NONE;
}

/* Katz's interval of a ratio of shares, in logarithms; the halves keep it finite where nothing, or everything, was done. */
static double social_ratio_low(struct view *v) {
  const struct group *solo = &patterns_of(v)->company[1], *social = &patterns_of(v)->company[2];
  if (solo->n < GROUP_LEAST || social->n < GROUP_LEAST) return STATS_NONE;
  const double a = social->done + .5, n = social->n + .5, b = solo->done + .5, m = solo->n + .5;
  return a / n / (b / m) * math_exp(-1.959963984540054 * math_sqrt(1 / a - 1 / n + 1 / b - 1 / m));
}

static double weekday_rate(struct view *v) {
  double rate = STATS_NONE;
  pattern_weekday(v, &rate);
  return rate;
}

/* ---- the profile's wishes ---- */

static struct value preferred_share(struct view *v) {
  uint32_t preferred = facts_of(v)->preferred, n = 0, hits = 0;
  if (!preferred) return value_missing(MISSING_ABSENT);
  for (uint16_t i = v->u->attempt_count; i-- > 0;) {
    const struct attempt *a = &v->u->attempts[i];
    if (a->day <= v->today - LOOKBACK_DAYS) break;
    if (!a->done || a->day > v->today) continue;
    n++;
    hits += preferred >> (a->minute % 1440 / 60) & 1;
  }
  return n >= 3 ? value_number((double)hits / n) : too_little();
}

static struct value goal_rate(struct view *v) {
  const struct mark *goal = user_mark(v->u, v->f->mark[MARK_GOAL]), *expected = user_mark(v->u, v->f->mark[MARK_EXPECTED]);
  bool fresh = goal && expected && v->clock - goal->at < 14 * CLOCK_DAY && v->clock - expected->at < 14 * CLOCK_DAY;
  if (fresh && expected->value > 0) return value_number(goal->value / expected->value);
  const struct mark *first = user_mark(v->u, v->f->mark[MARK_FIRST_DAY]);
  if (!first) return value_missing(MISSING_ABSENT);
  if (v->today - first->value < 7) return too_little();
  return value_number(total_of(v, RING_DONE, 7).n / facts_of(v)->target);
}

/* ---- the table ---- */

#define FEATURE(name, unit, window, requirement, missing, definition, expression)                                                          \
  static struct value read_##name(struct view *v) {                                                                                        \
    return expression;                                                                                                                     \
  }
#include "features_table.h"
#undef FEATURE

#define FEATURE(name, unit, window, requirement, missing, definition, expression) {#name, definition, unit, missing, requirement, window},
const struct feature_doc builtin_docs[] = {
#include "features_table.h"
};
#undef FEATURE

#define FEATURE(name, unit, window, requirement, missing, definition, expression) read_##name,
static struct value (*const readers[])(struct view *v) = {
#include "features_table.h"
};
#undef FEATURE

const uint32_t builtin_count = sizeof builtin_docs / sizeof *builtin_docs;

struct value builtin_read(struct view *v, uint32_t index) {
  return readers[index](v);
}

const struct feature_doc *feature_docs(size_t *count) {
  *count = builtin_count;
  return builtin_docs;
}
