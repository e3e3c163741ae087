/* population: the people of `kairos simulate` and of the demo, day by day. Each person has a stream of chance of their own, so that adding
 * people changes nobody's life; a day's events of everyone are made, put in order of time, and given out once no earlier one can come.
 * Promises the same lines for the same seed. Does not react to interventions. Any one thread. */
#include "population.h"
#include "kit/arena.h"
#include "kit/clock.h"
#include "kit/json.h"
#include "kit/math.h"
#include "kit/rng.h"
#include "kit/tz.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const zone_names[] = {"Europe/Berlin", "Europe/London",     "America/New_York", "America/Los_Angeles",
                                         "Asia/Tokyo",    "America/Sao_Paulo", "Europe/Moscow",    "Australia/Sydney"};
#define ZONES 8
static const char *const weather_words[] = {"clear", "cloudy", "rain", "snow"};
static const char *const workout_types[] = {"run", "strength", "yoga", "cycling"};
static const char *const barrier_words[] = {"time", "tired", "weather", "travel", "motivation"};

struct person {
  struct rng chance;
  const struct tz *zone;
  uint32_t number, zone_number, sent; /* events so far: ids */
  double base, fitness, peak, pull;   /* pull: how much the hour matters */
  double social, stress_mean, sleep_mean, preparation;
  double usual, other; /* local hours of workouts */
  uint32_t weekdays;   /* bits of planned days, 0 Monday */
  uint32_t sessions;
  int32_t age;
  bool consented_age;
  /* state */
  double habit, motivation, stress, slept;
  uint32_t missed, since_goal;
  double goal_done;
  bool gone;
  struct rng legs; /* a stream of its own: who walks lives as who does not */
  double walks;    /* steps on a usual day */
};
struct line {
  int64_t at;
  uint32_t person, order;
  double truth; /* of a plan: with which probability it is done */
  char *text;   /* kit_alloc */
};
struct population {
  struct person *people;
  uint32_t users, days, day; /* day: the next to be made */
  int32_t first_day;
  uint64_t seed;
  struct line *lines; /* made and not given out, in order of time from `from` on */
  size_t from, count, cap;
  uint32_t orders;
  double truth; /* of the line that was given out last */
  struct buf scratch;
  bool failed, walking;
};

static double logistic(double x) {
  return 1 / (1 + math_exp(-x));
}

static bool chance(struct person *u, double p) {
  return rng_uniform(&u->chance) < p;
}

static double clamp(double x, double low, double high) {
  return math_clamp(x, low, high);
}

static double rounded(double x, double step) { /* to a step: people report round numbers */
  double n = x / step;
  return (double)(int64_t)(n + (n < 0 ? -.5 : .5)) * step;
}

/* ---- people ---- */

static bool person_born(struct population *p, uint32_t number, struct err *e) {
  struct person *u = &p->people[number];
  *u = (struct person){.number = number, .chance = rng_from(p->seed * 0x9E3779B97F4A7C15ull ^ (number + 1) * 0xBF58476D1CE4E5B9ull)};
  struct rng *r = &u->chance;
  u->zone_number = (uint32_t)(rng_uniform(r) * ZONES);
  if (!(u->zone = tz_named(str_from(zone_names[u->zone_number]), e))) return false;
  u->base = .9 * rng_normal(r);
  u->fitness = rng_normal(r);
  bool morning = rng_uniform(r) < .5;
  u->usual = rounded((morning ? 6 : 17) + 3 * rng_uniform(r), .5);
  u->other = rounded((morning ? 17 : 6.5) + 3 * rng_uniform(r), .5);
  u->peak = u->usual + rng_normal(r);
  u->pull = .3 + 1.2 * rng_uniform(r);
  u->social = rng_uniform(r) < .35 ? .6 + .8 * rng_uniform(r) : 0;
  u->stress_mean = clamp(4.3 + 1.5 * rng_normal(r), 1, 8);
  u->sleep_mean = clamp(7.1 + .7 * rng_normal(r), 5, 9);
  u->preparation = 4 + 18 * rng_uniform(r) * rng_uniform(r);
  u->sessions = 3 + (uint32_t)(3 * rng_uniform(r));
  for (uint32_t chosen = 0; chosen < u->sessions;) {
    uint32_t day = (uint32_t)(rng_uniform(r) * 7);
    chosen += !(u->weekdays >> day & 1);
    u->weekdays |= 1u << day;
  }
  u->age = (int32_t)clamp(38 + 13 * rng_normal(r), 15, 80);
  u->consented_age = rng_uniform(r) < .97;
  u->habit = .1 + .25 * rng_uniform(r);
  u->motivation = .5 * rng_normal(r);
  u->stress = u->stress_mean;
  u->slept = u->sleep_mean;
  u->legs = rng_from(p->seed * 0x94D049BB133111EBull ^ (number + 1) * 0x9E3779B97F4A7C15ull);
  u->walks = clamp(6000 + 2000 * rng_normal(&u->legs), 1500, 12000);
  return true;
}

/* ---- lines ---- */

struct telling { /* one event being written */
  struct population *p;
  struct person *u;
  struct json_writer w;
  int64_t at;
  double truth;
};

static struct telling begin(struct population *p, struct person *u, const char *type, int32_t day, double hour) {
  struct telling t = {p, u, {0}, 0, __builtin_nan("")};
  char id[48], time[32];
  buf_clear(&p->scratch);
  t.w = json_to(&p->scratch);
  double seconds = clamp(hour, 0, 23.99) * 3600;
  t.at = tz_utc(u->zone, day, (int32_t)(seconds / 60)) + ((int64_t)seconds % 60) * CLOCK_SECOND;
  snprintf(id, sizeof id, "s%llx-%u-%u", (unsigned long long)p->seed, u->number, u->sent++);
  json_open_object(&t.w);
  json_pair_text(&t.w, "id", id);
  snprintf(id, sizeof id, "sim-%04u", u->number);
  json_pair_text(&t.w, "userId", id);
  json_pair_text(&t.w, "eventType", type);
  size_t length = clock_format(t.at, time);
  json_pair_str(&t.w, "timestamp", (struct str){time, length});
  json_key(&t.w, "data");
  json_open_object(&t.w);
  return t;
}

static void end(struct telling *t) {
  struct population *p = t->p;
  json_close_object(&t->w);
  if (p->count == p->cap) {
    size_t cap = p->cap ? p->cap * 2 : 4096;
    struct line *lines = kit_realloc(p->lines, cap * sizeof *lines);
    p->failed = p->failed || !lines;
    if (!lines) return;
    p->lines = lines;
    p->cap = cap;
  }
  char *text = kit_alloc(p->scratch.len + 1);
  p->failed = p->failed || !text || p->scratch.failed;
  if (!text) return;
  memcpy(text, p->scratch.at, p->scratch.len);
  text[p->scratch.len] = 0;
  p->lines[p->count++] = (struct line){t->at, t->u->number, p->orders++, t->truth, text};
}

static void no_context(struct telling *t) {
  json_close_object(&t->w);
  end(t);
}

/* ---- what a day holds ---- */

static const char *weather_of(const struct population *p, const struct person *u, int32_t day) {
  double x = rng_mix(p->seed ^ ((uint64_t)u->zone_number << 32) ^ (uint64_t)(uint32_t)day * 0x94D049BB133111EBull);
  return weather_words[x < .5 ? 0 : x < .78 ? 1 : x < .95 ? 2 : 3];
}

static void tell_profile(struct population *p, struct person *u, int32_t day) {
  static const char *const days[] = {"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"};
  struct telling t = begin(p, u, "profile_updated", day, 5);
  struct json_writer *w = &t.w;
  json_pair_text(w, "timezone", zone_names[u->zone_number]);
  json_key(w, "demographics");
  json_open_object(w);
  if (u->consented_age) json_pair_int(w, "age", u->age);
  json_pair_text(w, "fitnessLevel", u->fitness < -.5 ? "beginner" : u->fitness < .8 ? "intermediate" : "advanced");
  json_close_object(w);
  json_key(w, "goals");
  json_open_object(w);
  json_pair_text(w, "primary", u->base > 0 ? "fitness" : "weight_loss");
  json_pair_int(w, "sessionsPerWeek", u->sessions);
  json_close_object(w);
  json_key(w, "preferences");
  json_open_object(w);
  json_key(w, "preferredTimes");
  json_open_array(w);
  json_put_text(w, u->usual < 12 ? "morning" : "evening");
  json_close_array(w);
  json_close_object(w);
  json_key(w, "constraints");
  json_open_object(w);
  json_pair_int(w, "availableTime", 30 + 15 * (int64_t)(u->number % 3));
  json_key(w, "schedule");
  json_open_object(w);
  for (int i = 0; i < 7; i++) {
    json_key(w, days[i]);
    json_open_object(w);
    json_pair_bool(w, "available", u->weekdays >> i & 1);
    json_close_object(w);
  }
  json_close_object(w);
  json_close_object(w);
  no_context(&t);
}

static void tell_sleep(struct population *p, struct person *u, int32_t day) {
  struct rng *r = &u->chance;
  u->stress = clamp(.6 * u->stress + .4 * u->stress_mean + 1.3 * rng_normal(r), 0, 10);
  u->slept = clamp(u->sleep_mean - .18 * (u->stress - 4) + .8 * rng_normal(r), 3, 11);
  u->motivation = .9 * u->motivation + .25 * rng_normal(r);
  if (!chance(u, .8)) return;
  struct telling t = begin(p, u, "sleep_logged", day, 6 + .8 * rng_uniform(r));
  json_pair_double(&t.w, "sleepHours", rounded(u->slept, .25));
  json_pair_double(&t.w, "sleepQuality", rounded(clamp(u->slept - 1 + .7 * rng_normal(r), 0, 10), 1));
  json_pair_double(&t.w, "hrv", rounded(clamp(62 - 4 * (u->stress - 4) + 6 * rng_normal(r), 10, 150), 1));
  no_context(&t);
}

static double motivation_said(struct person *u) {
  return rounded(clamp(6 + 2 * u->motivation + .8 * rng_normal(&u->chance), 0, 10), 1);
}

static void tell_check_in(struct population *p, struct person *u, int32_t day) {
  if (!chance(u, .5)) return;
  struct telling t = begin(p, u, "check_in", day, 8 + 2 * rng_uniform(&u->chance));
  json_pair_double(&t.w, "motivationLevel", motivation_said(u));
  json_pair_double(&t.w, "stressLevel", rounded(u->stress, 1));
  json_pair_double(&t.w, "energyLevel", rounded(clamp(u->slept - 1.5 + rng_normal(&u->chance), 0, 10), 1));
  no_context(&t);
}

static void tell_interaction(struct population *p, struct person *u, int32_t day, double hour) {
  struct rng *r = &u->chance;
  struct telling t = begin(p, u, "app_interaction", day, hour);
  json_pair_double(&t.w, "screenTime", rounded(20 + 240 * rng_uniform(r), 1));
  json_pair_double(&t.w, "motivationLevel", motivation_said(u));
  json_pair_double(&t.w, "preparationTime", rounded(clamp(u->preparation + 3 * rng_normal(r), 0, 90), 1));
  json_key(&t.w, "barriers");
  json_open_array(&t.w);
  if (chance(u, .15 + .05 * u->stress)) json_put_text(&t.w, barrier_words[(size_t)(5 * rng_uniform(r))]);
  json_close_array(&t.w);
  json_close_object(&t.w);
  json_key(&t.w, "context");
  json_open_object(&t.w);
  json_pair_double(&t.w, "stressLevel", rounded(u->stress, 1));
  json_pair_text(&t.w, "weather", weather_of(p, u, day));
  json_close_object(&t.w);
  end(&t);
}

struct session { /* today's planned workout */
  double hour;
  bool social, outdoors;
  const char *type;
};

static void put_session(struct telling *t, const struct session *s) {
  json_pair_text(&t->w, "workoutType", s->type);
  json_pair_text(&t->w, "location", s->outdoors ? "outdoor" : s->social ? "gym" : "home");
  json_pair_double(&t->w, "plannedHour", s->hour);
}

static void put_company(struct telling *t, const struct session *s, const char *weather) {
  json_close_object(&t->w);
  json_key(&t->w, "context");
  json_open_object(&t->w);
  json_pair_text(&t->w, "socialContext", s->social ? "friend" : "alone");
  json_pair_text(&t->w, "weather", weather);
  json_close_object(&t->w);
  end(t);
}

/* The log-odds that a planned workout is done. */
static double willingness(const struct person *u, const struct session *s) {
  double hours_off = math_cos(2 * 3.14159265358979323846 * (s->hour - u->peak) / 24), short_of = u->slept < 8 ? 8 - u->slept : 0;
  return -.9 + u->base + 2.6 * u->habit + .9 * u->motivation + .15 * u->fitness - .45 * (u->stress - 4) / 2 - .3 * short_of +
         u->pull * hours_off + (s->social ? u->social : 0) - .03 * (u->preparation - 8);
}

static double probability_of(const struct person *u, const struct session *s, const char *weather) {
  const bool rain = s->outdoors && (strcmp(weather, "rain") == 0 || strcmp(weather, "snow") == 0);
  return logistic(willingness(u, s) - (rain ? 1.1 : 0));
}

static void tell_workout(struct population *p, struct person *u, int32_t day, const struct session *s) {
  struct rng *r = &u->chance;
  const char *weather = weather_of(p, u, day);
  const bool done = chance(u, probability_of(u, s, weather));
  if (done) {
    struct telling t = begin(p, u, "workout_completed", day, s->hour + .5 + .3 * rng_uniform(r));
    put_session(&t, s);
    json_pair_double(&t.w, "duration", rounded(1200 + 1800 * rng_uniform(r), 60));
    json_pair_double(&t.w, "completionRate", rounded(clamp(.92 + .05 * u->motivation + .1 * rng_normal(r), .3, 1), .01));
    json_pair_double(&t.w, "intensity", rounded(clamp(5 + u->fitness + .8 * u->motivation + rng_normal(r), 1, 10), 1));
    put_company(&t, s, weather);
  } else if (chance(u, .7)) {
    struct telling t = begin(p, u, "workout_skipped", day, clamp(s->hour + .5 + 2 * rng_uniform(r), 0, 23.9));
    put_session(&t, s);
    json_pair_text(&t.w, "reason", barrier_words[(size_t)(5 * rng_uniform(r))]);
    put_company(&t, s, weather);
  }
  u->habit = done ? u->habit + .06 * (1 - u->habit) : u->habit * .97;
  u->missed = done ? 0 : u->missed + 1;
  u->goal_done += done;
}

static void tell_goal(struct population *p, struct person *u, int32_t day) {
  if (++u->since_goal < 7) return;
  struct telling t = begin(p, u, "goal_progress", day, 21 + .5 * rng_uniform(&u->chance));
  double expected = u->sessions;
  json_pair_text(&t.w, "goal", "weekly_sessions");
  json_pair_double(&t.w, "progress", rounded(u->goal_done / expected, .01));
  json_pair_double(&t.w, "expected", 1);
  no_context(&t);
  u->since_goal = 0;
  u->goal_done = 0;
}

/* A device that is forgotten on some days, fewer steps at weekends, more after a workout. */
static void tell_steps(struct population *p, struct person *u, int32_t day, bool worked_out) {
  const bool weekend = (day % 7 + 10) % 7 >= 5;
  const double usual = u->walks * (weekend ? .85 : 1) + (worked_out ? 1500 : 0) + 400 * u->motivation;
  const double steps = clamp(usual + .2 * u->walks * rng_normal(&u->legs), 50, 60000);
  if (rng_uniform(&u->legs) < .06) return;
  struct telling t = begin(p, u, "daily_activity", day, 21.6 + 1.5 * rng_uniform(&u->legs));
  json_pair_double(&t.w, "steps", rounded(steps, 1));
  no_context(&t);
}

static void live_a_day(struct population *p, struct person *u, int32_t day) {
  struct rng *r = &u->chance;
  if (u->gone) return;
  const double before = u->goal_done;
  if (u->sent == 0) tell_profile(p, u, day);
  tell_sleep(p, u, day);
  tell_check_in(p, u, day);
  for (int k = 0; k < 2; k++)
    if (chance(u, .45)) tell_interaction(p, u, day, 7.5 + 13 * rng_uniform(r));
  if (u->weekdays >> ((day % 7 + 10) % 7) & 1) {
    struct session s = {.hour = chance(u, .75) ? u->usual : u->other, .social = u->social > 0 && chance(u, .4)};
    s.outdoors = !s.social && chance(u, .4);
    s.type = workout_types[(u->number + (chance(u, .3) ? 1 : 0)) % 4];
    struct telling t = begin(p, u, "workout_planned", day, clamp(s.hour - 1 - rng_uniform(r), 5.2, 23));
    put_session(&t, &s);
    t.truth = probability_of(u, &s, weather_of(p, u, day));
    json_pair_int(&t.w, "plannedMinutes", 45);
    no_context(&t);
    tell_workout(p, u, day, &s);
  }
  if (p->walking) tell_steps(p, u, day, u->goal_done > before);
  tell_goal(p, u, day);
  u->gone = chance(u, logistic(-6.6 + .35 * u->missed - 1.5 * u->habit));
}

/* ---- giving out ---- */

static int earlier(const void *a, const void *b) {
  const struct line *x = a, *y = b;
  if (x->at != y->at) return x->at < y->at ? -1 : 1;
  if (x->person != y->person) return x->person < y->person ? -1 : 1;
  return x->order < y->order ? -1 : x->order > y->order;
}

static void make_day(struct population *p) {
  if (p->from) memmove(p->lines, p->lines + p->from, (p->count - p->from) * sizeof *p->lines);
  p->count -= p->from;
  p->from = 0;
  for (uint32_t i = 0; i < p->users && !p->failed; i++) live_a_day(p, &p->people[i], p->first_day + (int32_t)p->day);
  p->day++;
  if (p->count) qsort(p->lines, p->count, sizeof *p->lines, earlier);
}

/* The next local day opens 14 hours before its UTC midnight somewhere: nothing from then on may go out before that day is made. */
static int64_t settled_until(const struct population *p) {
  if (p->day >= p->days) return INT64_MAX;
  return ((int64_t)p->first_day + p->day) * CLOCK_DAY - 14 * CLOCK_HOUR;
}

bool population_next(struct population *p, struct buf *json_line) {
  while (!p->failed && p->day < p->days && (p->from == p->count || p->lines[p->from].at >= settled_until(p))) make_day(p);
  if (p->failed || p->from == p->count) return false;
  struct line *line = &p->lines[p->from++];
  buf_clear(json_line);
  buf_text(json_line, line->text);
  kit_free(line->text);
  line->text = NULL;
  p->truth = line->truth;
  p->failed = json_line->failed;
  return !p->failed;
}

double population_truth(const struct population *p) {
  return p->truth;
}

void population_walk(struct population *p) {
  p->walking = true;
}

bool population_failed(const struct population *p) {
  return p->failed;
}

void population_free(struct population *p) {
  if (!p) return;
  for (size_t i = p->from; i < p->count; i++) kit_free(p->lines[i].text);
  kit_free(p->lines);
  kit_free(p->people);
  buf_free(&p->scratch);
  kit_free(p);
}

struct population *population_new(uint32_t users, uint32_t days, uint64_t seed, int64_t start, struct err *e) {
  struct population *p = kit_alloc(sizeof *p);
  if (p) *p = (struct population){.users = users, .days = days, .seed = seed, .first_day = (int32_t)(start / CLOCK_DAY)};
  if (p) p->people = kit_alloc((users ? users : 1) * sizeof *p->people);
  if (!p || !p->people) {
    population_free(p);
    err_set(e, ERR_INTERNAL, "no memory for %u people", users);
    return NULL;
  }
  for (uint32_t i = 0; i < users; i++)
    if (!person_born(p, i, e)) {
      population_free(p);
      return NULL;
    }
  return p;
}
