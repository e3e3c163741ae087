/* A user's features and patterns in JSON, for /v1/users/{id} and for people: every feature with its value or the reason why it is missing,
 * habit strength with its three terms, UserAnalytics (C03), context patterns (C04) and success by hour and weekday (C01, C17). Promises
 * that it says what the conditions read: it goes through the same view. Called on the lane. */
#include "features.h"
#include <string.h>

static const char *const weekdays[] = {"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"};
static const char *const parts[PART_COUNT] = {"morning", "midday", "evening", "night"};

static void put_value(struct json_writer *w, struct value v) {
  if (v.kind == VALUE_NUMBER) json_put_double(w, math_round6(v.number));
  else json_put_null(w);
}

void features_list(const struct features *f, const struct user *u, int64_t clock, struct json_writer *w, struct arena *a) {
  struct view v;
  struct value *slots = ARENA_ARRAY(a, struct value, f->symbols->count + 1);
  if (!slots) return;
  view_open(&v, f, u, clock, a);
  json_key(w, "features");
  json_open_object(w);
  for (uint32_t i = 0; i < f->count; i++) {
    json_key(w, f->names[i]);
    put_value(w, view_read(&v, i, slots));
  }
  json_close_object(w);
  json_key(w, "missing");
  json_open_object(w);
  for (uint32_t i = 0; i < f->count; i++) {
    struct value one = view_read(&v, i, slots);
    if (one.kind == VALUE_MISSING) json_pair_text(w, f->names[i], missing_word(one.reason));
  }
  json_close_object(w);
}

static void describe_strength(struct view *v, struct json_writer *w) {
  const struct strength *s = strength_of(v);
  json_key(w, "habitStrength");
  json_open_object(w);
  json_pair_figure(w, "strength", s->strength);
  json_pair_figure(w, "frequency", s->frequency);
  json_pair_figure(w, "consistency", s->consistency);
  json_pair_figure(w, "contextStability", s->context);
  json_close_object(w);
}

/* ---- success by hour, weekday and context ---- */

static void put_group(struct json_writer *w, const struct group *g) {
  json_pair_int(w, "attempts", g->n);
  json_pair_int(w, "completed", g->done);
  json_pair_double(w, "successRate", math_round6((double)g->done / g->n));
}

static void describe_hours(const struct patterns *p, struct json_writer *w) {
  json_key(w, "successByHour");
  json_open_array(w);
  for (uint32_t i = 0; i < GROUPS_MOST; i++) {
    if (!p->hours[i].n) continue;
    json_open_object(w);
    json_pair_int(w, "from", 3 * i);
    json_pair_int(w, "to", 3 * i + 3);
    put_group(w, &p->hours[i]);
    json_close_object(w);
  }
  json_close_array(w);
  json_key(w, "successByWeekday");
  json_open_array(w);
  for (uint32_t i = 0; i < 7; i++) {
    if (!p->weekdays[i].n) continue;
    json_open_object(w);
    json_pair_text(w, "dayOfWeek", weekdays[i]);
    put_group(w, &p->weekdays[i]);
    json_close_object(w);
  }
  json_close_array(w);
}

/* Attempts keep codes of texts, so only well-known words come back as words. */
static const char *word_of(uint16_t code, char room[16]) {
  static const char *const known[] = {"home", "gym",   "office", "work", "outdoor", "outdoors", "park",  "other", "clear",
                                      "sun",  "sunny", "rain",   "snow", "cloudy",  "clouds",   "windy", "fog",   "storm"};
  if (!code) return NULL;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if ((uint16_t)hash_64(str_from(known[i])) == code) return known[i];
  static const char hex[] = "0123456789abcdef";
  memcpy(room, "code ", 5);
  for (int i = 0; i < 4; i++) room[5 + i] = hex[code >> (12 - 4 * i) & 15];
  room[9] = 0;
  return room;
}

struct context {
  uint8_t part, weekday;
  uint16_t weather, place;
  uint32_t n, done;
};
#define CONTEXTS_MOST 64

static uint8_t part_of_minute(uint16_t minute) {
  if (minute < 5 * 60 || minute >= 22 * 60) return PART_NIGHT;
  return minute < 11 * 60 ? PART_MORNING : minute < 17 * 60 ? PART_MIDDAY : PART_EVENING;
}

static uint32_t collect_contexts(const struct view *v, struct context *list) {
  uint32_t count = 0;
  for (uint16_t i = v->u->attempt_count; i-- > 0;) {
    const struct attempt *a = &v->u->attempts[i];
    if (a->day > v->today) continue;
    if (a->day <= v->today - LOOKBACK_DAYS) break;
    struct context c = {part_of_minute(a->minute), (uint8_t)((a->day % 7 + 10) % 7), a->weather, a->place, 1, a->done != 0};
    uint32_t k = 0;
    while (k < count &&
           (list[k].part != c.part || list[k].weekday != c.weekday || list[k].weather != c.weather || list[k].place != c.place))
      k++;
    if (k == CONTEXTS_MOST) continue;
    if (k == count) list[count++] = c;
    else list[k].n++, list[k].done += c.done;
  }
  return count;
}

/* How likely is it that attempts here are done more often than this user's others? By a beta posterior around the own rate. */
static double confidence_of(const struct context *c, const struct patterns *p) {
  const double own = math_clamp((double)p->done / p->attempts, .02, .98), missed = c->n - c->done;
  return 1 - beta_below(own, SHRINK_WEIGHT * own + c->done, SHRINK_WEIGHT * (1 - own) + missed);
}

/* `frequency` is the share of all attempts. */
static void put_context(struct json_writer *w, const struct context *c, const struct patterns *p) {
  char room[16];
  json_open_object(w);
  json_key(w, "context");
  json_open_object(w);
  json_pair_text(w, "timeOfDay", parts[c->part]);
  json_pair_text(w, "dayOfWeek", weekdays[c->weekday]);
  json_pair_text(w, "weather", word_of(c->weather, room));
  json_pair_text(w, "location", word_of(c->place, room));
  json_close_object(w);
  json_pair_double(w, "successRate", math_round6((double)c->done / c->n));
  json_pair_double(w, "frequency", math_round6((double)c->n / p->attempts));
  json_pair_double(w, "confidence", math_round6(confidence_of(c, p)));
  json_close_object(w);
}

static bool before(const struct context *a, const struct context *b) { /* better first; then more evidence; then a fixed order */
  uint64_t left = (uint64_t)a->done * b->n, right = (uint64_t)b->done * a->n;
  if (left != right) return left > right;
  if (a->n != b->n) return a->n > b->n;
  if (a->weekday != b->weekday) return a->weekday < b->weekday;
  if (a->part != b->part) return a->part < b->part;
  return a->weather != b->weather ? a->weather < b->weather : a->place < b->place;
}

static void sort_contexts(struct context *list, uint32_t count) {
  for (uint32_t i = 1; i < count; i++)
    for (uint32_t k = i; k > 0 && before(&list[k], &list[k - 1]); k--) {
      struct context other = list[k];
      list[k] = list[k - 1];
      list[k - 1] = other;
    }
}

static void describe_contexts(struct view *v, struct json_writer *w) {
  struct context list[CONTEXTS_MOST];
  uint32_t count = collect_contexts(v, list), told = 0;
  sort_contexts(list, count);
  json_key(w, "contextPatterns");
  json_open_array(w);
  for (uint32_t i = 0; i < count && told < 20; i++)
    if (list[i].n >= 2) put_context(w, &list[i], patterns_of(v)), told++;
  json_close_array(w);
}

/* ---- UserAnalytics ---- */

static struct value named(struct view *v, const char *name, struct value *slots) {
  struct symbol s;
  return features_find(v->f, str_from(name), &s) ? view_read(v, s.index, slots) : value_missing(MISSING_ABSENT);
}

static void put_successful(struct view *v, struct json_writer *w) {
  const struct patterns *p = patterns_of(v);
  struct context list[CONTEXTS_MOST];
  uint32_t count = collect_contexts(v, list), told = 0;
  sort_contexts(list, count);
  json_key(w, "successfulContexts");
  json_open_array(w);
  for (uint32_t i = 0; i < count && told < 3; i++)
    if (list[i].n >= GROUP_LEAST && (double)list[i].done * p->attempts > (double)p->done * list[i].n) put_context(w, &list[i], p), told++;
  json_close_array(w);
}

/* What stands above a stated bound; the bounds are those of the default triggers. */
static void put_risks(struct view *v, struct value *slots, struct json_writer *w) {
  static const struct {
    const char *feature;
    double above;
  } risks[] = {{"sleep_debt", 2},
               {"stress_level", 7},
               {"skip_pattern_frequency", .5},
               {"preparation_time", 15},
               {"success_rate_variance_by_time", .4}};
  json_key(w, "riskFactors");
  json_open_array(w);
  for (size_t i = 0; i < sizeof risks / sizeof *risks; i++) {
    struct value one = named(v, risks[i].feature, slots);
    if (one.kind != VALUE_NUMBER || !(one.number > risks[i].above)) continue;
    json_open_object(w);
    json_pair_text(w, "factor", risks[i].feature);
    json_pair_double(w, "value", math_round6(one.number));
    json_pair_double(w, "above", risks[i].above);
    json_close_object(w);
  }
  json_close_array(w);
}

static void describe_analytics(struct view *v, struct value *slots, struct json_writer *w) {
  static const char *const pairs[][2] = {{"workoutConsistency", "workout_consistency"},
                                         {"averageCompletionRate", "average_completion_rate"},
                                         {"streakLength", "streak_length"},
                                         {"performanceImprovement", "performance_improvement"},
                                         {"goalProgress", "goal_progress"},
                                         {"engagementScore", "engagement_score"}};
  json_key(w, "analytics");
  json_open_object(w);
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    json_key(w, pairs[i][0]);
    put_value(w, named(v, pairs[i][1], slots));
  }
  put_successful(v, w);
  put_risks(v, slots, w);
  json_close_object(w);
}

void features_describe(const struct features *f, const struct user *u, int64_t clock, struct json_writer *w, struct arena *a) {
  struct view v;
  struct value *slots = ARENA_ARRAY(a, struct value, f->symbols->count + 1);
  view_open(&v, f, u, clock, a);
  json_open_object(w);
  describe_strength(&v, w);
  if (slots) describe_analytics(&v, slots, w);
  describe_hours(patterns_of(&v), w);
  describe_contexts(&v, w);
  json_close_object(w);
}
