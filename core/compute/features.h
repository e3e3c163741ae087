/* Inside compute: what a program knows of its features, and the view through which one user is read as of one clock. */
#pragma once
#include "compute/compute.h"
#include "stats/stats.h"

/* ---- what is kept of a user ---- */
enum ring {                /* day series of the built-in features: n observations, sum */
            RING_ANY,      /* events of any type */
            RING_DONE,     /* workouts completed; sum of completionRate */
            RING_SKIPPED,  /* workout_skipped, or an app_interaction that names skip reasons */
            RING_PLANNED,  /* workout_planned */
            RING_SCREEN,   /* app_interaction; sum of screenTime */
            RING_BARRIERS, /* app_interaction; sum of the barriers named */
            RING_INTENSITY,
            RING_PREPARATION,
            RING_SLEEP,
            RING_SLEEP_QUALITY,
            RING_STRESS,
            RING_HRV,
            RING_MOTIVATION,
            RING_COUNT
};
enum mark_name {
  MARK_FIRST_DAY, /* value: civil day of the earliest event */
  MARK_LAST_DONE, /* value: civil day of the newest completion */
  MARK_LONGEST,   /* value: longest streak so far */
  MARK_GOAL,      /* at: when; value: progress */
  MARK_EXPECTED,  /* at: when; value: progress expected then */
  MARK_TARGET,    /* at: profile version; value: workouts a week */
  MARK_PREFERRED, /* at: profile version; value: bit h: hour h is preferred */
  MARK_RUN,       /* at: newest civil day done among the attempts no longer kept; value: days of the streak that ends there */
  MARK_COUNT
};

/* ---- fields of events that the built-in features read, in one private table of symbols ---- */
enum field {
  FIELD_COMPLETION,
  FIELD_INTENSITY,
  FIELD_LOCATION,
  FIELD_WORKOUT_TYPE,
  FIELD_WORKOUT_ID,
  FIELD_SOCIAL,
  FIELD_WEATHER,
  FIELD_PLANNED_HOUR,
  FIELD_SCREEN,
  FIELD_PREPARATION,
  FIELD_SLEEP,
  FIELD_SLEEP_QUALITY,
  FIELD_STRESS,
  FIELD_HRV,
  FIELD_MOTIVATION,
  FIELD_PROGRESS,
  FIELD_EXPECTED,
  FIELD_COUNT
};
extern const char *const field_names[FIELD_COUNT];
#define EVENT_SLOTS_MOST 256 /* names of event fields that one program's features may read */

/* ---- declared features ---- */
enum window_kind {
  WINDOW_SUM,
  WINDOW_COUNT,
  WINDOW_MEAN,
  WINDOW_RATE,
  WINDOW_TREND,
  WINDOW_SINCE_LAST,
  WINDOW_STREAK,
  WINDOW_ENTROPY,
  WINDOW_CIRCULAR,
  WINDOW_LAST,
  WINDOW_DERIVED
};
struct declared_feature {
  const struct noun_feature *noun;
  enum window_kind kind;
  uint32_t type;            /* vocabulary's number of the event type */
  uint32_t field_slot;      /* in the private table; UINT32_MAX: none */
  struct expression *where; /* over the private table; NULL: every event */
  struct expression *value; /* DERIVED: over the program's table */
  uint64_t digest;          /* of the definition: names the series or the mark */
  uint64_t filled;          /* key of the mark that says that it is whole */
  int32_t days;
  double at_least;
};

struct definition { /* a definition that keeps something of the events; features with other days share it */
  uint64_t digest, key;
};

struct features {
  uint32_t count, builtin;        /* declared ones follow the built-in ones */
  const struct feature_doc *docs; /* [count]: built-in rows, then the declared ones'; doc.name is the feature's name */
  const char **names;
  struct declared_feature *declared;
  const uint32_t **by_type; /* per event type of the vocabulary: declared windows that listen to it, UINT32_MAX at the end */
  uint32_t type_count;
  struct symbols fields; /* private: event.* that the features read */
  struct event_plan *plan;
  struct symbols *symbols; /* the program's */
  uint64_t ring[RING_COUNT], mark[MARK_COUNT];
  struct definition *windows; /* by digest, each once */
  uint32_t window_count;
  uint64_t window_set; /* a hash of them; 0: there are none */
  uint64_t set_key, since_key;
  float circle[1440][2]; /* cosine and sine of each local minute */
};

/* ---- a user as of a clock ---- */
struct profile_facts {
  double target;      /* workouts a week */
  uint32_t preferred; /* bit h: local hour h is preferred; 0: none said */
};
enum part_of_day { PART_MORNING, PART_MIDDAY, PART_EVENING, PART_NIGHT, PART_COUNT };
#define GROUPS_MOST 8 /* 3-hour parts, kinds of weather */
struct group {        /* attempts of one kind */
  uint32_t n, done;
  uint32_t minutes; /* sum of their local minutes */
  uint16_t code;
};
struct patterns { /* attempts of the last LOOKBACK_DAYS, counted in one walk; what they say is worked out when asked for (patterns.c) */
  uint32_t attempts, done;
  struct group hours[GROUPS_MOST], parts[PART_COUNT], weekdays[7], weather[GROUPS_MOST], company[3];
  uint32_t weather_count;
  double c1, s1, c2, s2; /* of completions: sums over the angle and the doubled angle */
  double weekday_done[7], kinds[GROUPS_MOST];
  uint16_t kind_code[GROUPS_MOST];
  uint32_t kind_count, kinds_done;
};
enum times_of_day { TIMES_SPREAD, TIMES_VARIANCE, TIMES_BEST_HOUR, TIMES_BEST_RATE, TIMES_WORST_HOUR, TIMES_WORST_RATE };
struct strength {
  double frequency, frequency_compat, consistency, places, time_resultant, context, strength;
};
struct streaks {
  double current, longest, automaticity;
};
#define LOOKBACK_DAYS 30 /* C05 */
#define STRENGTH_DAYS 28 /* METHODS 1.1 */
#define SHRINK_WEIGHT 4.0
#define GROUP_LEAST   3u

enum warm { WARM_UNKNOWN, WARM_NONE, WARM_SOME };
struct view {
  const struct features *f;
  const struct user *u;
  int64_t clock;
  int32_t today;
  struct arena *arena;
  uint32_t series_known; /* bit per ring */
  bool has_patterns, has_strength, has_streaks, has_facts;
  uint8_t warm; /* enum warm: whether the user lacks a window */
  const struct series *series[RING_COUNT];
  struct patterns patterns;
  struct strength strength;
  struct streaks streaks;
  struct profile_facts facts;
  struct value *values; /* NULL: what was read is not kept */
  uint64_t *known;      /* bit per feature: is its value kept? */
  struct json *profile; /* parsed when first asked for; NULL until then */
};
void view_open(struct view *v, const struct features *f, const struct user *u, int64_t clock, struct arena *a);
void view_keep(struct view *v); /* from here on a feature is worked out once; without memory each time, as before */
const struct series *view_series(struct view *v, enum ring ring);
/* The days of a ring that lie within the last `days` days up to `today`, oldest first: for (walk = …; walk.left; walk_next(&walk)). */
struct day_walk {
  const struct series_day *days;
  int32_t day, left;
  uint32_t slot;
};
static inline struct day_walk day_walk(const struct series *s, int32_t today, int32_t days) {
  if (!s || s->newest == INT32_MIN) return (struct day_walk){0};
  int64_t first = (int64_t)today - days + 1, last = today;
  if (first <= (int64_t)s->newest - SERIES_DAYS) first = (int64_t)s->newest - SERIES_DAYS + 1;
  if (last > s->newest) last = s->newest;
  if (first > last) return (struct day_walk){0};
  int32_t slot = (int32_t)(first % SERIES_DAYS);
  return (struct day_walk){s->days, (int32_t)first, (int32_t)(last - first + 1), (uint32_t)(slot < 0 ? slot + SERIES_DAYS : slot)};
}
static inline const struct series_day *walk_day(const struct day_walk *w) {
  return &w->days[w->slot];
}
static inline void walk_next(struct day_walk *w) {
  w->day++;
  w->left--;
  w->slot = w->slot + 1 == SERIES_DAYS ? 0 : w->slot + 1;
}
const struct patterns *patterns_of(struct view *v);
/* All of these are none when there is too little to say. */
double pattern_rate(struct view *v);
double pattern_times(struct view *v, enum times_of_day which); /* over the 3-hour parts of the day */
double pattern_part(struct view *v, enum part_of_day part);
double pattern_weekday(struct view *v, double *rate); /* the best one; `rate` as counted, may be NULL */
double pattern_weather(struct view *v);
double pattern_company(struct view *v, bool social);
double pattern_time_consistency(struct view *v);
double pattern_weekday_consistency(struct view *v);
double pattern_variety(struct view *v);
const struct strength *strength_of(struct view *v);
const struct streaks *streaks_of(struct view *v);
const struct profile_facts *facts_of(struct view *v);
int32_t local_day(const struct user *u, int64_t clock);
int32_t local_hour(const struct user *u, int64_t clock);

/* Completed, skipped, or planned and over: what each of the last `days` days was; 0 no opportunity, 1 missed, 2 done. `out` oldest first.
 */
void opportunities(struct view *v, int32_t days, uint8_t *out);

/* The days' completion: completionRate summed over all attempts of a day, a skip counting 0, by their number. Days without an attempt have
 * n 0. Index i is the day today - days + 1 + i. */
struct completions {
  double sum[SERIES_DAYS], n[SERIES_DAYS];
};
void completions_of(struct view *v, int32_t days, struct completions *out);

/* ---- declared ones ---- */
bool declared_build(struct arena *a, struct features *f, const struct noun_feature *declared, size_t count,
                    const struct vocabulary *vocabulary, struct findings *findings);
/* The ring of days that a declared feature is made from, and what a day of it says; false when it has none of one number a day. */
enum day_rule { DAY_COUNT, DAY_SUM, DAY_MEAN };
bool declared_days(const struct declared_feature *d, enum day_rule *rule);
bool declared_update(const struct declared_feature *d, struct user *u, int64_t timestamp, int32_t day, const float circle[2],
                     const struct value *slots);
struct value declared_read(struct view *v, const struct declared_feature *d, struct value *slots);

/* ---- what is whole (filling.c) ---- */
bool windows_build(struct arena *a, struct features *f, uint32_t count); /* after declared_build [builder] */
bool features_some_warming(const struct features *f, const struct user *u);
bool window_is_filled(const struct declared_feature *d, const struct user *u);
bool view_is_warming(struct view *v, const struct declared_feature *d);

struct value builtin_read(struct view *v, uint32_t index);
struct value view_read(struct view *v, uint32_t index, struct value *slots);
extern const struct feature_doc builtin_docs[];
extern const uint32_t builtin_count;

/* ---- daily histories ---- */
/* A name that a model's input may have as a window of days: one of the table, or a declared feature with a ring of days. Numbers up to the
 * table's length are its rows, the others declared features. */
bool history_find(const struct features *f, struct str name, uint32_t *number);
/* The last `days` local days into `values` and, from bit `first_bit` on, into `valid`, whose bits are 0 before. */
void history_read(struct view *v, uint32_t number, uint32_t days, double *values, uint64_t *valid, size_t first_bit);

/* From the profile's text. [any] */
struct profile_facts profile_facts(struct str profile, struct arena *a);
