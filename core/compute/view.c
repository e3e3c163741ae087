/* A user seen as of one clock: the day rings as counts, means and trends, and the profile's few facts. Promises that nothing is kept
 * between two views, so that time passing alone ages every window; and sums in the order of days. What is expensive is made once a view,
 * when first asked for. Does not know what a feature is called. Called by the features on the lane. */
#include "features.h"
#include "kit/clock.h"
#include <string.h>

int32_t local_day(const struct user *u, int64_t clock) {
  if (u->zone) return tz_local(u->zone, clock).day;
  return (int32_t)(clock / CLOCK_DAY - (clock % CLOCK_DAY < 0));
}

int32_t local_hour(const struct user *u, int64_t clock) {
  if (u->zone) return tz_local(u->zone, clock).minute / 60;
  return (int32_t)((clock - (int64_t)local_day(u, clock) * CLOCK_DAY) / CLOCK_HOUR);
}

void view_open(struct view *v, const struct features *f, const struct user *u, int64_t clock, struct arena *a) {
  v->f = f;
  v->u = u;
  v->clock = clock;
  v->today = local_day(u, clock);
  v->arena = a;
  v->series_known = 0;
  v->has_patterns = v->has_strength = v->has_streaks = v->has_facts = false;
  v->warm = WARM_UNKNOWN;
  v->values = NULL;
  v->profile = NULL;
}

void view_keep(struct view *v) {
  v->known = ARENA_ARRAY(v->arena, uint64_t, v->f->count / 64 + 1);
  v->values = v->known ? ARENA_ARRAY(v->arena, struct value, v->f->count + 1) : NULL;
}

const struct series *view_series(struct view *v, enum ring ring) {
  if (v->series_known & 1u << ring) return v->series[ring];
  v->series_known |= 1u << ring;
  v->series[ring] = NULL;
  for (uint16_t i = 0; i < v->u->series_count; i++)
    if (v->u->series[i].digest == v->f->ring[ring]) v->series[ring] = &v->u->series[i];
  return v->series[ring];
}

/* ---- the profile's facts ---- */

static uint32_t hours_between(uint32_t from, uint32_t to) {
  uint32_t bits = 0;
  for (uint32_t h = from; h != to; h = (h + 1) % 24) bits |= 1u << h;
  return bits;
}

/* "morning", or a clock time: that hour and its neighbours. */
static uint32_t preferred_hours(struct str word) {
  if (str_is(word, "morning")) return hours_between(5, 11);
  if (str_is(word, "midday") || str_is(word, "afternoon")) return hours_between(11, 17);
  if (str_is(word, "evening")) return hours_between(17, 22);
  if (str_is(word, "night")) return hours_between(22, 5);
  int64_t hour;
  struct str piece, rest = word;
  if (!str_split(&rest, ':', &piece) || !str_to_int(piece, &hour) || hour < 0 || hour > 23) return 0;
  return 1u << hour | 1u << ((hour + 1) % 24) | 1u << ((hour + 23) % 24);
}

static double available_days(const struct json *j, uint32_t schedule) {
  static const char *const days[] = {"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"};
  double count = 0;
  for (size_t i = 0; i < 7; i++) {
    bool available = false;
    uint32_t day = json_get(j, schedule, days[i]);
    if (day != JSON_NONE && json_bool(j, json_get(j, day, "available"), &available) && available) count++;
  }
  return count;
}

struct profile_facts profile_facts(struct str profile, struct arena *a) {
  struct profile_facts facts = {.target = 3};
  struct json j;
  double target;
  struct arena_mark mark = arena_mark(a);
  if (!json_parse(&j, a, profile, &json_limits_default, NULL)) return facts;
  uint32_t schedule = json_path(&j, 0, "constraints.schedule"), times = json_path(&j, 0, "preferences.preferredTimes");
  if (json_double(&j, json_path(&j, 0, "goals.sessionsPerWeek"), &target) && target > 0) facts.target = target > 21 ? 21 : target;
  else if (schedule != JSON_NONE && available_days(&j, schedule) > 0) facts.target = available_days(&j, schedule);
  for (uint32_t i = 0; times != JSON_NONE && json_type(&j, times) == JSON_ARRAY && i < j.tokens[times].count; i++)
    facts.preferred |= preferred_hours(json_text(&j, json_child(&j, times, i), a));
  arena_rewind(a, mark);
  return facts;
}

const struct profile_facts *facts_of(struct view *v) {
  if (v->has_facts) return &v->facts;
  const struct mark *target = user_mark(v->u, v->f->mark[MARK_TARGET]);
  const struct mark *preferred = user_mark(v->u, v->f->mark[MARK_PREFERRED]);
  int64_t version = v->u->profile_version;
  if (target && preferred && target->at == version && preferred->at == version)
    v->facts = (struct profile_facts){target->value, (uint32_t)preferred->value};
  else v->facts = profile_facts(v->u->profile, v->arena);
  v->has_facts = true;
  return &v->facts;
}

/* ---- opportunities ---- */

void opportunities(struct view *v, int32_t days, uint8_t *out) {
  int32_t first = v->today - days + 1;
  for (int32_t i = 0; i < days; i++) out[i] = 0;
  for (struct day_walk w = day_walk(view_series(v, RING_PLANNED), v->today - 1, days - 1); w.left; walk_next(&w))
    if (walk_day(&w)->n) out[w.day - first] = 1;
  for (struct day_walk w = day_walk(view_series(v, RING_SKIPPED), v->today, days); w.left; walk_next(&w))
    if (walk_day(&w)->n) out[w.day - first] = 1;
  for (struct day_walk w = day_walk(view_series(v, RING_DONE), v->today, days); w.left; walk_next(&w))
    if (walk_day(&w)->n) out[w.day - first] = 2;
}

void completions_of(struct view *v, int32_t days, struct completions *out) {
  int32_t first = v->today - days + 1;
  for (int32_t i = 0; i < days; i++) out->sum[i] = out->n[i] = 0;
  for (struct day_walk w = day_walk(view_series(v, RING_DONE), v->today, days); w.left; walk_next(&w)) {
    out->sum[w.day - first] = (double)walk_day(&w)->sum;
    out->n[w.day - first] = walk_day(&w)->n;
  }
  for (struct day_walk w = day_walk(view_series(v, RING_SKIPPED), v->today, days); w.left; walk_next(&w))
    out->n[w.day - first] += walk_day(&w)->n;
}
