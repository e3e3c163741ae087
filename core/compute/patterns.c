/* Patterns of success (C01, C04, C12, C17): attempts of the last 30 days grouped by part of the day, weekday, weather and company, in one
 * walk. Promises that a group with fewer than 3 attempts says nothing, and that rates are shrunk to the user's own rate so that three lucky
 * mornings are no pattern. Reads attempts; changes nothing. Called through a view on the lane. */
#include "features.h"

static void group_add(struct group *g, const struct attempt *a) {
  g->n++;
  g->done += a->done != 0;
  g->minutes += a->minute;
}

static enum part_of_day part_of(uint16_t minute) {
  if (minute < 5 * 60 || minute >= 22 * 60) return PART_NIGHT;
  return minute < 11 * 60 ? PART_MORNING : minute < 17 * 60 ? PART_MIDDAY : PART_EVENING;
}

/* Weekday of a civil day: day 0 was a Thursday. */
static uint32_t weekday_of(int32_t day) {
  int32_t w = (day % 7 + 10) % 7;
  return (uint32_t)w;
}

static void weather_add(struct patterns *p, const struct attempt *a) {
  uint32_t k = 0;
  if (!a->weather) return;
  while (k < p->weather_count && p->weather[k].code != a->weather) k++;
  if (k == GROUPS_MOST) return; /* more kinds than these tell nothing in 30 days */
  if (k == p->weather_count) p->weather[p->weather_count++].code = a->weather;
  group_add(&p->weather[k], a);
}

static void completion_add(const struct view *v, struct patterns *c, const struct attempt *a) {
  double x = (double)v->f->circle[a->minute % 1440][0], y = (double)v->f->circle[a->minute % 1440][1];
  c->c1 += x;
  c->s1 += y;
  c->c2 += x * x - y * y;
  c->s2 += 2 * x * y;
  c->weekday_done[weekday_of(a->day)]++;
  uint32_t k = 0;
  if (!a->kind) return;
  while (k < c->kind_count && c->kind_code[k] != a->kind) k++;
  if (k == GROUPS_MOST) return;
  if (k == c->kind_count) c->kind_code[c->kind_count++] = a->kind;
  c->kinds[k]++;
  c->kinds_done++;
}

static void walk(struct view *v, struct patterns *p) {
  for (uint16_t i = v->u->attempt_count; i-- > 0;) {
    const struct attempt *a = &v->u->attempts[i];
    if (a->day > v->today) continue;
    if (a->day <= v->today - LOOKBACK_DAYS) break;
    p->attempts++;
    p->done += a->done != 0;
    group_add(&p->hours[a->minute % 1440 / 180], a);
    group_add(&p->parts[part_of(a->minute % 1440)], a);
    group_add(&p->weekdays[weekday_of(a->day)], a);
    if (a->social < 3) group_add(&p->company[a->social], a);
    weather_add(p, a);
    if (a->done) completion_add(v, p, a);
  }
}

const struct patterns *patterns_of(struct view *v) {
  if (v->has_patterns) return &v->patterns;
  v->has_patterns = true;
  v->patterns = (struct patterns){0};
  walk(v, &v->patterns);
  return &v->patterns;
}

/* ---- what the counts say ---- */

static double rate_of(const struct patterns *p, const struct group *g) {
  if (g->n < GROUP_LEAST) return STATS_NONE;
  return shrunk_rate(g->done, g->n, (double)p->done / p->attempts, SHRINK_WEIGHT);
}

/* Largest less smallest rate over groups with enough attempts; which they are goes to best and worst. None for fewer than two. */
static double spread_of(const struct patterns *p, const struct group *groups, uint32_t count, const struct group **best,
                        const struct group **worst) {
  double high = STATS_NONE, low = STATS_NONE;
  uint32_t told = 0;
  *best = *worst = NULL;
  for (uint32_t i = 0; i < count; i++) {
    double rate = rate_of(p, &groups[i]);
    if (stats_none(rate)) continue;
    told++;
    if (!*best || rate > high) high = rate, *best = &groups[i];
    if (!*worst || rate < low) low = rate, *worst = &groups[i];
  }
  return told >= 2 ? high - low : STATS_NONE;
}

double pattern_rate(struct view *v) {
  const struct patterns *p = patterns_of(v);
  return p->attempts >= GROUP_LEAST ? (double)p->done / p->attempts : STATS_NONE;
}

/* Population variance of the rates as counted, as the source document has it. */
static double variance_of_rates(const struct patterns *p) {
  double rates[GROUPS_MOST], squares = 0;
  size_t n = 0;
  for (uint32_t i = 0; i < GROUPS_MOST; i++)
    if (p->hours[i].n >= GROUP_LEAST) rates[n++] = (double)p->hours[i].done / p->hours[i].n;
  double mean = mean_of(rates, n);
  for (size_t i = 0; i < n; i++) squares += (rates[i] - mean) * (rates[i] - mean);
  return squares / (double)n;
}

double pattern_times(struct view *v, enum times_of_day which) {
  const struct patterns *p = patterns_of(v);
  const struct group *best, *worst;
  double spread = spread_of(p, p->hours, GROUPS_MOST, &best, &worst);
  if (stats_none(spread)) return spread;
  switch (which) {
  case TIMES_SPREAD: break;
  case TIMES_VARIANCE: return variance_of_rates(p);
  case TIMES_BEST_HOUR: return best->minutes / best->n / 60;
  case TIMES_BEST_RATE: return (double)best->done / best->n;
  case TIMES_WORST_HOUR: return worst->minutes / worst->n / 60;
  case TIMES_WORST_RATE: return (double)worst->done / worst->n;
  }
  return spread;
}

double pattern_part(struct view *v, enum part_of_day part) {
  const struct patterns *p = patterns_of(v);
  return rate_of(p, &p->parts[part]);
}

double pattern_weekday(struct view *v, double *rate) {
  const struct patterns *p = patterns_of(v);
  const struct group *best = NULL;
  double best_rate = 0;
  for (uint32_t i = 0; i < 7; i++) {
    double one = rate_of(p, &p->weekdays[i]);
    if (stats_none(one) || (best && one <= best_rate)) continue;
    best = &p->weekdays[i];
    best_rate = one;
  }
  if (!best) return STATS_NONE;
  if (rate) *rate = (double)best->done / best->n;
  return (double)(best - p->weekdays);
}

double pattern_weather(struct view *v) {
  const struct patterns *p = patterns_of(v);
  const struct group *best, *worst;
  return spread_of(p, p->weather, p->weather_count, &best, &worst);
}

double pattern_company(struct view *v, bool social) {
  const struct patterns *p = patterns_of(v);
  return rate_of(p, &p->company[social ? 2 : 1]);
}

double pattern_time_consistency(struct view *v) {
  const struct patterns *p = patterns_of(v);
  if (p->done < 3) return STATS_NONE;
  double one = circular_resultant(p->c1, p->s1, p->done), two = circular_resultant(p->c2, p->s2, p->done);
  return one > two ? one : two;
}

double pattern_weekday_consistency(struct view *v) {
  const struct patterns *p = patterns_of(v);
  struct entropy e;
  return p->done >= 3 && entropy_counts(p->weekday_done, 7, 7, &e) ? math_clamp(e.stability, 0, 1) : STATS_NONE;
}

double pattern_variety(struct view *v) {
  const struct patterns *p = patterns_of(v);
  struct entropy e;
  return p->kinds_done >= 3 && entropy_counts(p->kinds, p->kind_count, p->kind_count, &e) ? math_clamp(e.normalised, 0, 1) : STATS_NONE;
}
