/* The four predictors of a day's context (D10): schedule, weather, stress, energy. Promises to read only what the user's own days say:
 * stress and sleep of the day as the mean of the same weekday pulled to the last weeks, and each one's influence as a difference of log
 * odds that is none until eight attempts lie on either side. Nothing forecasts the weather here: who asks names it. Called through a view
 * on the lane. */
#include "insights.h"

#define SIDE_LEAST 8u

size_t ring_values(struct view *v, enum ring ring, int32_t days, double *x, double *y) {
  size_t n = 0;
  for (struct day_walk walk = day_walk(view_series(v, ring), v->today, days); walk.left; walk_next(&walk)) {
    const struct series_day *d = walk_day(&walk);
    if (!d->n) continue;
    x[n] = walk.day - (v->today - days + 1);
    y[n++] = (double)d->sum / d->n;
  }
  return n;
}

static uint32_t weekday_of(int32_t day) {
  return (uint32_t)((day % 7 + 10) % 7);
}

/* Log odds with half an observation added on both sides, so that none of a few is not for ever. */
static double odds_of(double done, double n) {
  return math_log((done + .5) / (n - done + .5));
}

static void influence_read(struct view *v, enum ring ring, int32_t day, struct influence *out) {
  double x[SERIES_DAYS], y[SERIES_DAYS], sorted[SERIES_DAYS], same = 0, same_days = 0, done[2] = {0}, n[2] = {0};
  const size_t count = ring_values(v, ring, OUTLOOK_DAYS, x, y);
  *out = (struct influence){STATS_NONE, STATS_NONE, STATS_NONE, 0, 0};
  if (count < 3) return;
  for (size_t i = 0; i < count; i++) {
    sorted[i] = y[i];
    if (weekday_of(v->today - OUTLOOK_DAYS + 1 + (int32_t)x[i]) == weekday_of(day)) same += y[i], same_days++;
  }
  stats_sort(sorted, count);
  out->level = quantile_sorted(sorted, count, .5, 7);
  out->expected = shrunk_rate(same, same_days, mean_of(y, count), SHRINK_WEIGHT);
  for (uint16_t i = v->u->attempt_count; i-- > 0 && v->u->attempts[i].day > v->today - OUTLOOK_DAYS;) {
    const struct attempt *a = &v->u->attempts[i];
    const struct series_day *d = a->day <= v->today ? series_at(view_series(v, ring), a->day) : NULL;
    if (!d || !d->n) continue;
    const int side = (double)d->sum / d->n > out->level;
    n[side]++;
    done[side] += a->done != 0;
  }
  out->below = (uint32_t)n[0];
  out->above = (uint32_t)n[1];
  if (out->below >= SIDE_LEAST && out->above >= SIDE_LEAST) out->effect = odds_of(done[1], n[1]) - odds_of(done[0], n[0]);
}

static void weather_read(struct view *v, struct str weather, struct outlook *out) {
  const uint16_t code = (uint16_t)hash_64(weather);
  double n = 0, done = 0, all = 0, all_done = 0;
  for (uint16_t i = v->u->attempt_count; weather.len && i-- > 0 && v->u->attempts[i].day > v->today - LOOKBACK_DAYS;) {
    const struct attempt *a = &v->u->attempts[i];
    if (a->day > v->today) continue;
    all++;
    all_done += a->done != 0;
    if (a->weather != code) continue;
    n++;
    done += a->done != 0;
  }
  out->weather_attempts = (uint32_t)n;
  out->weather = STATS_NONE;
  if (n < GROUP_LEAST) return;
  const double own = shrunk_rate(all_done, all, .5, 1), there = shrunk_rate(done, n, own, SHRINK_WEIGHT);
  out->weather = odds_of(there * all, all) - odds_of(own * all, all);
}

/* "7:00" in minutes; 24:00 is the end of the day. */
static bool slot_minute(struct str text, int64_t *minute) {
  struct str piece;
  int64_t hour, rest;
  if (!str_split(&text, ':', &piece) || !str_to_int(piece, &hour) || !str_to_int(text, &rest)) return false;
  *minute = 60 * hour + rest;
  return hour >= 0 && rest >= 0 && rest < 60 && *minute <= 1440;
}

/* "7:00" is the hour that it lies in, "7:00-9:30" all hours that some of it lies in. No hours of what is neither. */
static uint32_t slot_hours(struct str slot) {
  struct str piece;
  int64_t from, to;
  uint32_t hours = 0;
  if (!str_split(&slot, '-', &piece) || !slot_minute(piece, &from)) return 0;
  to = from + 1;
  if (slot.len && !slot_minute(slot, &to)) return 0;
  for (int64_t h = from / 60; h < 24 && 60 * h < to; h++) hours |= UINT32_C(1) << h;
  return hours;
}

/* What the profile says of this weekday: that it is not available, or at which hours it is. */
static void schedule_read(struct view *v, int32_t day, struct outlook *out) {
  static const char *const names[] = {"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"};
  struct json j;
  bool available = true;
  uint32_t hours = 0;
  if (!v->u->profile.len || !json_parse(&j, v->arena, v->u->profile, &json_limits_default, NULL)) return;
  const uint32_t schedule = json_path(&j, 0, "constraints.schedule");
  const uint32_t one = schedule == JSON_NONE ? JSON_NONE : json_get(&j, schedule, names[weekday_of(day)]);
  const uint32_t slots = one == JSON_NONE ? JSON_NONE : json_get(&j, one, "timeSlots");
  out->day_is_closed = one != JSON_NONE && json_bool(&j, json_get(&j, one, "available"), &available) && !available;
  for (uint32_t i = 0; slots != JSON_NONE && json_type(&j, slots) == JSON_ARRAY && i < j.tokens[slots].count; i++)
    hours |= slot_hours(json_text(&j, json_child(&j, slots, i), v->arena));
  out->slots_named = hours != 0;
  if (hours) out->open_hours = hours;
  if (out->day_is_closed) out->open_hours = 0;
}

static void hours_read(struct view *v, struct outlook *out) {
  double days = 0;
  int32_t last = INT32_MIN;
  for (int h = 0; h < 24; h++) out->free_share[h] = 0;
  for (uint16_t i = v->u->attempt_count; i-- > 0 && v->u->attempts[i].day > v->today - LOOKBACK_DAYS;) {
    const struct attempt *a = &v->u->attempts[i];
    if (a->day > v->today) continue;
    days += a->day != last;
    last = a->day;
    out->free_share[a->minute % 1440 / 60]++;
  }
  for (int h = 0; h < 24; h++) out->free_share[h] = days > 0 ? math_clamp(out->free_share[h] / days, 0, 1) : STATS_NONE;
}

void outlook_read(struct view *v, struct str weather, int32_t day, struct outlook *out) {
  *out = (struct outlook){.open_hours = (UINT32_C(1) << 24) - 1};
  if (day == v->today) out->hours_over = 1 + local_hour(v->u, v->clock);
  schedule_read(v, day, out);
  influence_read(v, RING_STRESS, day, &out->stress);
  influence_read(v, RING_SLEEP, day, &out->energy);
  weather_read(v, weather, out);
  hours_read(v, out);
}

static void put_influence(const struct influence *i, const char *key, const char *of, struct json_writer *w) {
  json_key(w, key);
  json_open_object(w);
  json_pair_text(w, "from", of);
  put_figure(w, "usual", i->level);
  put_figure(w, "expected", i->expected);
  put_figure(w, "effect_log_odds", i->effect);
  json_pair_int(w, "attempts_above", i->above);
  json_pair_int(w, "attempts_below", i->below);
  json_close_object(w);
}

void outlook_put(const struct outlook *o, struct str weather, struct json_writer *w) {
  json_key(w, "context_prediction");
  json_open_object(w);
  json_key(w, "schedule_predictor");
  json_open_object(w);
  json_pair_bool(w, "day_is_closed", o->day_is_closed);
  json_key(w, "open_hours");
  if (o->slots_named) json_open_array(w);
  else json_put_null(w);
  for (int h = 0; o->slots_named && h < 24; h++)
    if (o->open_hours >> h & 1) json_put_int(w, h);
  if (o->slots_named) json_close_array(w);
  json_key(w, "share_of_days_by_hour");
  json_open_array(w);
  for (int h = WINDOW_FIRST; h < WINDOW_FIRST + WINDOW_COUNT; h++) {
    if (stats_none(o->free_share[h])) json_put_null(w);
    else json_put_double(w, math_round6(o->free_share[h]));
  }
  json_close_array(w);
  json_close_object(w);
  json_key(w, "weather_impact_model");
  json_open_object(w);
  json_key(w, "weather");
  if (weather.len) json_put_str(w, weather);
  else json_put_null(w);
  put_figure(w, "effect_log_odds", o->weather);
  json_pair_int(w, "attempts", o->weather_attempts);
  json_close_object(w);
  put_influence(&o->stress, "stress_predictor", "stress reported on the same weekday, pulled to the last weeks", w);
  put_influence(&o->energy, "energy_predictor", "hours slept on the same weekday, pulled to the last weeks", w);
  json_close_object(w);
}
