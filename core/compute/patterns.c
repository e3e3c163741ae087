/* Patterns of success (C01, C04, C12, C17): attempts of the last 30 days grouped by part of the day, weekday, weather and company, in one
 * walk. Promises that a group with fewer than 3 attempts says nothing, and that rates are shrunk to the user's own rate so that three lucky
 * mornings are no pattern. Reads attempts; changes nothing. Called through a view on the lane. */
#include "features.h"

/* What the one walk collects beside the groups. */
struct collected {
  double c1, s1, c2, s2; /* of completions: the angle and the doubled angle */
  double weekday[7];     /* completions */
  double kinds[GROUPS_MOST];
  uint16_t kind_code[GROUPS_MOST];
  uint32_t kind_count, kinds_done;
};

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

static void completion_add(const struct view *v, struct collected *c, const struct attempt *a) {
  double x = (double)v->f->circle[a->minute % 1440][0], y = (double)v->f->circle[a->minute % 1440][1];
  c->c1 += x;
  c->s1 += y;
  c->c2 += x * x - y * y;
  c->s2 += 2 * x * y;
  c->weekday[weekday_of(a->day)]++;
  uint32_t k = 0;
  if (!a->kind) return;
  while (k < c->kind_count && c->kind_code[k] != a->kind) k++;
  if (k == GROUPS_MOST) return;
  if (k == c->kind_count) c->kind_code[c->kind_count++] = a->kind;
  c->kinds[k]++;
  c->kinds_done++;
}

static void walk(struct view *v, struct patterns *p, struct collected *c) {
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
    if (a->done) completion_add(v, c, a);
  }
}

static double rate_of(const struct patterns *p, const struct group *g) {
  if (g->n < GROUP_LEAST) return STATS_NONE;
  return shrunk_rate(g->done, g->n, (double)p->done / p->attempts, SHRINK_WEIGHT);
}

/* Largest less smallest rate over groups with enough attempts; which they are goes to best and worst. */
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

static void time_patterns(struct patterns *p) {
  const struct group *best, *worst;
  p->time_spread = spread_of(p, p->hours, GROUPS_MOST, &best, &worst);
  if (stats_none(p->time_spread)) return;
  p->best_hour = best->minutes / best->n / 60;
  p->worst_hour = worst->minutes / worst->n / 60;
  p->best_rate = (double)best->done / best->n;
  p->worst_rate = (double)worst->done / worst->n;
  double rates[GROUPS_MOST], mean = 0, squares = 0;
  size_t n = 0;
  for (uint32_t i = 0; i < GROUPS_MOST; i++)
    if (p->hours[i].n >= GROUP_LEAST) rates[n++] = (double)p->hours[i].done / p->hours[i].n;
  mean = mean_of(rates, n);
  for (size_t i = 0; i < n; i++) squares += (rates[i] - mean) * (rates[i] - mean);
  p->time_variance = squares / (double)n;
}

static void weekday_patterns(struct patterns *p) {
  const struct group *best = NULL;
  for (uint32_t i = 0; i < 7; i++) {
    double rate = rate_of(p, &p->weekdays[i]);
    if (stats_none(rate) || (best && rate <= rate_of(p, best))) continue;
    best = &p->weekdays[i];
    p->best_weekday = i;
    p->best_weekday_rate = (double)best->done / best->n;
  }
}

static void social_patterns(struct patterns *p) {
  p->solo_rate = rate_of(p, &p->company[1]);
  p->social_rate = rate_of(p, &p->company[2]);
  p->social_impact = p->social_rate - p->solo_rate; /* none when either is */
  p->social_ratio = p->solo_rate > 0 ? p->social_rate / p->solo_rate : STATS_NONE;
}

static void regularity(struct patterns *p, const struct collected *c) {
  struct circular one, two;
  struct entropy e;
  if (p->done < 3) return;
  if (circular_sums(c->c1, c->s1, p->done, p->done, &one) && circular_sums(c->c2, c->s2, p->done, p->done, &two))
    p->time_consistency = one.resultant > two.resultant ? one.resultant : two.resultant;
  if (entropy_counts(c->weekday, 7, 7, &e)) p->weekday_consistency = math_clamp(e.stability, 0, 1);
  if (c->kinds_done >= 3 && entropy_counts(c->kinds, c->kind_count, c->kind_count, &e)) p->variety = math_clamp(e.normalised, 0, 1);
}

static void nothing_yet(struct patterns *p) {
  *p = (struct patterns){0};
  p->rate = p->time_consistency = p->weekday_consistency = p->variety = STATS_NONE;
  p->time_spread = p->time_variance = p->best_hour = p->best_rate = p->worst_hour = p->worst_rate = STATS_NONE;
  p->best_weekday = p->best_weekday_rate = p->weather_spread = STATS_NONE;
  p->social_rate = p->solo_rate = p->social_impact = p->social_ratio = STATS_NONE;
  for (int i = 0; i < PART_COUNT; i++) p->part_rate[i] = STATS_NONE;
}

const struct patterns *patterns_of(struct view *v) {
  if (v->has_patterns) return &v->patterns;
  v->has_patterns = true;
  struct patterns *p = &v->patterns;
  struct collected c = {0};
  const struct group *best, *worst;
  nothing_yet(p);
  walk(v, p, &c);
  if (p->attempts == 0) return p;
  if (p->attempts >= GROUP_LEAST) p->rate = (double)p->done / p->attempts;
  for (int i = 0; i < PART_COUNT; i++) p->part_rate[i] = rate_of(p, &p->parts[i]);
  p->weather_spread = spread_of(p, p->weather, p->weather_count, &best, &worst);
  time_patterns(p);
  weekday_patterns(p);
  social_patterns(p);
  regularity(p, &c);
  return p;
}
