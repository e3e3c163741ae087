/* Habit strength with every term clamped to [0, 1] (METHODS 1.1, T02), and the streaks by days in their correct form (T01). Promises none,
 * never 0, where there is too little to say. Reads day rings and attempts; changes nothing. Called through a view on the lane. */
#include "features.h"

/* The share of completions' entropy that stays unused by places: 1 when everything happened at one place. */
static double places_stability(const struct view *v, int32_t from) {
  enum { PLACES = 16 };
  uint16_t code[PLACES];
  double done[PLACES] = {0}, total = 0;
  uint32_t places = 0;
  for (uint16_t i = v->u->attempt_count; i-- > 0;) {
    const struct attempt *a = &v->u->attempts[i];
    if (a->day < from) break;
    if (!a->place || a->day > v->today) continue;
    uint32_t k = 0;
    while (k < places && code[k] != a->place) k++;
    if (k == places) {
      if (places == PLACES) continue;
      code[places++] = a->place;
    }
    if (!a->done) continue;
    done[k]++;
    total++;
  }
  struct entropy e;
  if (total < 3 || !entropy_counts(done, places, places, &e)) return STATS_NONE;
  return math_clamp(e.stability, 0, 1);
}

static double times_resultant(const struct view *v, int32_t from) {
  double c = 0, s = 0;
  size_t n = 0;
  for (uint16_t i = v->u->attempt_count; i-- > 0;) {
    const struct attempt *a = &v->u->attempts[i];
    if (a->day < from) break;
    if (!a->done || a->day > v->today) continue;
    c += (double)v->f->circle[a->minute % 1440][0];
    s += (double)v->f->circle[a->minute % 1440][1];
    n++;
  }
  return n >= 3 ? circular_resultant(c, s, (double)n) : STATS_NONE;
}

static double day_sum(struct view *v, enum ring ring, int32_t days) {
  double n = 0;
  for (struct day_walk w = day_walk(view_series(v, ring), v->today, days); w.left; walk_next(&w)) n += walk_day(&w)->n;
  return n;
}

static double context_term(const struct strength *s) {
  if (stats_none(s->time_resultant)) return STATS_NONE;
  return stats_none(s->places) ? s->time_resultant : math_clamp(.5 * s->time_resultant + .5 * s->places, 0, 1);
}

static double composite(const struct strength *s) {
  if (stats_none(s->frequency) || stats_none(s->consistency)) return STATS_NONE;
  if (stats_none(s->context)) return .5 * s->frequency + .5 * s->consistency;
  return .4 * s->frequency + .4 * s->consistency + .2 * s->context;
}

const struct strength *strength_of(struct view *v) {
  if (v->has_strength) return &v->strength;
  v->has_strength = true;
  struct strength *s = &v->strength;
  *s = (struct strength){STATS_NONE, STATS_NONE, STATS_NONE, STATS_NONE, STATS_NONE, STATS_NONE, STATS_NONE};
  const struct mark *first = user_mark(v->u, v->f->mark[MARK_FIRST_DAY]);
  if (!first) return s;
  double since = v->today - first->value;
  int32_t days = since + 1 < STRENGTH_DAYS ? (int32_t)since + 1 : STRENGTH_DAYS, from = v->today - STRENGTH_DAYS + 1;
  const double kept = v->u->attempt_count == ATTEMPTS_MOST ? v->today - v->u->attempts->day : since; /* older ones are dropped */
  if (since >= 0) s->frequency_compat = math_clamp(v->u->attempt_count / (kept > 0 ? kept : 1), 0, 1);
  if (days >= 7) s->frequency = math_clamp(day_sum(v, RING_DONE, days) / (facts_of(v)->target * days / 7), 0, 1);
  uint8_t each[STRENGTH_DAYS], done[STRENGTH_DAYS];
  size_t n = 0;
  opportunities(v, STRENGTH_DAYS, each);
  for (int32_t i = 0; i < STRENGTH_DAYS; i++)
    if (each[i]) done[n++] = each[i] == 2;
  if (n >= 3) s->consistency = math_clamp(run_consistency(done, n), 0, 1);
  s->places = places_stability(v, from);
  s->time_resultant = times_resultant(v, from);
  s->context = context_term(s);
  s->strength = composite(s);
  return s;
}

/* The streak that leads into the oldest day kept began in attempts that are not. */
static void run_continue(const struct view *v, const int32_t *day, uint8_t *done, size_t n, uint32_t *run) {
  const struct mark *gone = user_mark(v->u, v->f->mark[MARK_RUN]);
  uint32_t before = 0;
  if (gone && gone->at == day[0]) { /* of one day some are kept and some are not */
    done[0] = 1;
    before = (uint32_t)gone->value - 1;
  } else if (gone && gone->at == (int64_t)day[0] - 1) before = (uint32_t)gone->value;
  streak_lengths(day, done, n, run);
  for (size_t i = 0; i < n && run[i] == i + 1; i++) run[i] += before;
}

/* Days with attempts, oldest first: done when anything was. A miss between two attempts' days is a gap, which ends a streak as well. */
const struct streaks *streaks_of(struct view *v) {
  if (v->has_streaks) return &v->streaks;
  v->has_streaks = true;
  v->streaks = (struct streaks){STATS_NONE, STATS_NONE, STATS_NONE};
  int32_t day[ATTEMPTS_MOST];
  uint8_t done[ATTEMPTS_MOST];
  uint32_t run[ATTEMPTS_MOST], longest = 0;
  size_t n = 0;
  for (uint16_t i = 0; i < v->u->attempt_count; i++) {
    const struct attempt *a = &v->u->attempts[i];
    if (a->day > v->today) break;
    if (n == 0 || day[n - 1] != a->day) {
      day[n] = a->day;
      done[n++] = 0;
    }
    if (a->done) done[n - 1] = 1;
  }
  if (n == 0) return &v->streaks;
  run_continue(v, day, done, n, run);
  for (size_t i = 0; i < n; i++)
    if (run[i] > longest) longest = run[i];
  const struct mark *mark = user_mark(v->u, v->f->mark[MARK_LONGEST]);
  v->streaks.longest = mark && mark->value > longest ? mark->value : longest;
  /* Today may still be done: a skip reported today ends the streak, an open today does not. */
  v->streaks.current = (int64_t)v->today - day[n - 1] <= 1 ? run[n - 1] : 0;
  v->streaks.automaticity = hebbian(done, n, .05, .06, .03, NULL);
  return &v->streaks;
}
