/* The packing dictionary of a new data directory, trained on typical events that are generated here: every directory starts with a good
 * one and none needs real people's data for it. Promises the same bytes for the same zstd (a fixed seed, no clock). Called once by
 * book_create; trained once a process, as a tool or a test may create several. */
#include "book/book.h"
#include "kit/clock.h"
#include "kit/json.h"
#include "kit/rng.h"
#include "packer.h"
#include <pthread.h>
#include <string.h>
#include <zdict.h>

#define SAMPLES          3000u
#define DICTIONARY_BYTES ((size_t)24 << 10)
#define SEED             UINT64_C(0x6b6169726f73)

/* A field of a typical event: one of a few words, or a number in a range with a step. */
struct field {
  const char *name;
  const char *words[8];
  double low, high, step;
};

static const struct field workout[] = {
    {"workoutType", {"hiit", "yoga", "strength", "running", "cycling", "walking", "swimming", "pilates"}, 0, 0, 0},
    {"duration", {NULL}, 5, 90, 1},
    {"completionRate", {NULL}, 0, 1, 0.01},
    {"intensity", {"low", "moderate", "high", "vigorous"}, 0, 0, 0},
    {"perceivedExertion", {NULL}, 1, 10, 1},
    {"enjoyment", {NULL}, 1, 10, 1},
    {"caloriesBurned", {NULL}, 20, 900, 1},
    {"heartRateAvg", {NULL}, 80, 175, 1},
    {"heartRateMax", {NULL}, 110, 195, 1},
    {"social", {"alone", "partner", "group", "class"}, 0, 0, 0},
    {"skipReason", {"time_constraint", "low_energy", "bad_weather", "forgot", "injury", "illness", "work", "no_motivation"}, 0, 0, 0},
};
static const struct field app[] = {
    {"screenTime", {NULL}, 1, 1800, 1},
    {"feature", {"workout_plan", "progress_chart", "goal_settings", "social_feed", "reminders", "statistics", "home", "profile"}, 0, 0, 0},
    {"motivationLevel", {NULL}, 1, 10, 1},
    {"barrier", {"time_constraint", "low_energy", "weather", "no_equipment", "travel", "stress", "pain", "none"}, 0, 0, 0},
    {"preparationTime", {NULL}, 0, 30, 1},
    {"sessionLength", {NULL}, 1, 3600, 1},
    {"appOpens", {NULL}, 1, 20, 1},
};
static const struct field body[] = {
    {"steps", {NULL}, 0, 25000, 1},
    {"sleepHours", {NULL}, 3, 11, 0.25},
    {"sleepQuality", {NULL}, 1, 10, 1},
    {"restingHeartRate", {NULL}, 45, 90, 1},
    {"heartRateVariability", {NULL}, 15, 120, 1},
    {"weight", {NULL}, 45, 130, 0.1},
    {"mood", {"great", "good", "neutral", "low", "bad", "stressed", "calm", "tired"}, 0, 0, 0},
    {"energyLevel", {NULL}, 1, 10, 1},
    {"stressLevel", {NULL}, 1, 10, 1},
    {"sorenessLevel", {NULL}, 0, 10, 1},
};
static const struct field response[] = {
    {"decisionId", {"d0-", "d1-", "d2-", "d3-", "d4-", "d5-", "d6-", "d7-"}, 0, 0, 0},
    {"response", {"good", "bad", "snoozed", "dismissed", "opened", "completed", "ignored", "helpful"}, 0, 0, 0},
    {"latencySeconds", {NULL}, 1, 86400, 1},
    {"option", {"sedentary", "active", "none", "control", "treatment", "micro_workout", "encouragement", "reminder"}, 0, 0, 0},
    {"rating", {NULL}, 1, 5, 1},
};
static const struct field habit[] = {
    {"habitId", {"morning_workout", "evening_walk", "stretching", "hydration", "meditation", "reading", "sleep", "steps"}, 0, 0, 0},
    {"completed", {"true", "false"}, 0, 0, 0},
    {"streakLength", {NULL}, 0, 120, 1},
    {"difficulty", {NULL}, 1, 10, 1},
    {"slot", {NULL}, 1, 5, 1},
    {"goalValue", {NULL}, 1, 12000, 1},
    {"actualValue", {NULL}, 0, 15000, 1},
};
static const struct field surroundings[] = {
    {"location", {"home", "work", "gym", "other", "park", "travel", "outdoors", "commute"}, 0, 0, 0},
    {"weather", {"sunny", "cloudy", "rain", "snow", "Partly Cloudy", "Clear", "Overcast", "wind"}, 0, 0, 0},
    {"weatherTemperature", {NULL}, -10, 35, 0.1},
    {"timezone",
     {"Europe/Berlin", "America/New_York", "Europe/Moscow", "Etc/GMT+4", "Asia/Tokyo", "America/Los_Angeles", "UTC", "Europe/London"},
     0,
     0,
     0},
    {"activity", {"still", "walking", "in_vehicle", "running", "on_bicycle", "unknown"}, 0, 0, 0},
    {"device", {"ios", "android", "web", "watch"}, 0, 0, 0},
    {"appVersion", {"4.12.0", "4.12.1", "4.13.0", "5.0.0", "5.1.2"}, 0, 0, 0},
    {"dayOfWeek", {"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}, 0, 0, 0},
    {"timeOfDay", {"early_morning", "morning", "noon", "afternoon", "evening", "night"}, 0, 0, 0},
    {"localHour", {NULL}, 0, 23.99, 0.01},
};

#define FIELDS(list) (list), sizeof(list) / sizeof *(list)
static const struct kind {
  const char *type;
  const struct field *fields;
  size_t count;
} kinds[] = {
    {"workout_completed", FIELDS(workout)},  {"workout_skipped", FIELDS(workout)},
    {"workout_started", FIELDS(workout)},    {"app_interaction", FIELDS(app)},
    {"screen_viewed", FIELDS(app)},          {"health_metrics", FIELDS(body)},
    {"mood_logged", FIELDS(body)},           {"intervention_response", FIELDS(response)},
    {"intervention_sent", FIELDS(response)}, {"habit_logged", FIELDS(habit)},
    {"habit_completed", FIELDS(habit)},      {"decision_point", FIELDS(habit)},
};

static uint32_t pick(struct rng *r, uint32_t most) {
  return (uint32_t)(rng_uniform(r) * most);
}

static void write_fields(struct json_writer *w, struct rng *r, const struct field *fields, size_t count) {
  json_open_object(w);
  for (size_t i = 0; i < count; i++) {
    if (rng_uniform(r) < 0.25) continue;
    if (fields[i].words[0]) {
      uint32_t words = 0;
      while (words < 8 && fields[i].words[words]) words++;
      json_pair_text(w, fields[i].name, fields[i].words[pick(r, words)]);
    } else {
      const double steps = (fields[i].high - fields[i].low) / fields[i].step;
      json_pair_double(w, fields[i].name, fields[i].low + fields[i].step * (double)pick(r, (uint32_t)steps + 1));
    }
  }
  json_close_object(w);
}

static void write_event(struct buf *out, struct rng *r) {
  const struct kind *kind = &kinds[pick(r, sizeof kinds / sizeof *kinds)];
  struct json_writer w = json_to(out);
  char text[64], id[16];
  json_open_object(&w);
  hash_hex((const unsigned char *)&(uint64_t){rng_next(r)}, 6, id);
  if (rng_uniform(r) < 0.9) json_pair_text(&w, "id", id);
  struct buf user = {0};
  buf_printf(&user, "user_%u", pick(r, 100000));
  json_pair_str(&w, "userId", buf_view(&user));
  buf_free(&user);
  json_pair_text(&w, "eventType", kind->type);
  clock_format(INT64_C(1735689600000) + (int64_t)pick(r, 63072000) * 1000, text);
  json_pair_text(&w, "timestamp", text);
  json_key(&w, "data");
  write_fields(&w, r, kind->fields, kind->count);
  json_key(&w, "context");
  write_fields(&w, r, FIELDS(surroundings));
  json_close_object(&w);
}

static bool train(struct buf *out) {
  struct buf events = {0};
  size_t *sizes = kit_alloc(SAMPLES * sizeof *sizes);
  struct rng r = rng_from(SEED);
  if (!sizes) return false;
  for (size_t i = 0, before = 0; i < SAMPLES; i++, before = events.len) {
    write_event(&events, &r);
    sizes[i] = events.len - before;
  }
  buf_reserve(out, DICTIONARY_BYTES);
  size_t got = 0;
  if (!events.failed && !out->failed) got = ZDICT_trainFromBuffer(out->at, DICTIONARY_BYTES, events.at, sizes, SAMPLES);
  kit_free(sizes);
  buf_free(&events);
  if (!got || ZDICT_isError(got)) return false;
  out->len = got;
  return true;
}

bool dictionary_train(struct buf *out, struct err *e) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  static unsigned char trained[DICTIONARY_BYTES];
  static size_t length;
  pthread_mutex_lock(&lock);
  if (!length) {
    struct buf fresh = {0};
    if (train(&fresh)) {
      memcpy(trained, fresh.at, fresh.len);
      length = fresh.len;
    }
    buf_free(&fresh);
  }
  if (length) buf_put(out, trained, length);
  const bool done = length && !out->failed;
  pthread_mutex_unlock(&lock);
  return done || err_set(e, ERR_STORAGE, "the packing dictionary could not be trained: memory is missing");
}
