/* The packing dictionary of a new data directory, trained on typical events that are generated here: every directory starts with a good
 * one and none needs real people's data for it. Promises the same bytes for the same zstd (a fixed seed, no clock). Called once by
 * book_create; trained once a process, as a tool or a test may create several. */
#include "book/book.h"
#include "kit/clock.h"
#include "kit/json.h"
#include "kit/math.h"
#include "kit/rng.h"
#include "packer.h"
#include <pthread.h>
#include <string.h>
#include <zdict.h>

#define SAMPLES          3000u
#define DICTIONARY_BYTES ((size_t)24 << 10)
#define SEED             UINT64_C(0x6b6169726f73)

/* A field of a typical event: one of a few words, a list of one to three of them, or a number in a range with a step. */
struct field {
  const char *name;
  const char *words[8];
  double low, high, step;
  bool list;
};
#define WORDS(...)               {__VA_ARGS__}, 0, 0, 0, false
#define LIST(...)                {__VA_ARGS__}, 0, 0, 0, true
#define NUMBERS(low, high, step) {NULL}, low, high, step, false

static const struct field workout[] = {
    {"workoutId", WORDS("w-1", "w-2", "w-30", "w-481", "w-5207", "workout_12")},
    {"workoutType", WORDS("hiit", "yoga", "strength", "running", "cardio", "walk", "swimming", "pilates")},
    {"duration", NUMBERS(300, 5400, 1)},
    {"completionRate", NUMBERS(0, 1, 0.01)},
    {"intensity", WORDS("low", "moderate", "high", "vigorous")},
    {"location", WORDS("home", "gym", "work", "outdoor", "office", "park")},
    {"equipment", LIST("mat", "dumbbells", "band", "bench", "bike", "none")},
    {"heartRateAvg", NUMBERS(80, 175, 1)},
    {"caloriesBurned", NUMBERS(20, 900, 1)},
    {"preparationTime", NUMBERS(0, 40, 1)},
    {"perceivedDifficulty", NUMBERS(1, 10, 1)},
    {"moodBefore", NUMBERS(1, 10, 1)},
    {"moodAfter", NUMBERS(1, 10, 1)},
    {"plannedHour", NUMBERS(6, 21, 0.5)},
};
static const struct field skipped[] = {
    {"workoutId", WORDS("w-1", "w-2", "w-30", "w-481", "w-5207", "workout_12")},
    {"workoutType", WORDS("hiit", "yoga", "strength", "running", "cardio", "walk", "swimming", "pilates")},
    {"reason", WORDS("time", "tired", "weather", "forgot", "injury", "illness", "work", "no_motivation")},
    {"plannedHour", NUMBERS(6, 21, 0.5)},
    {"plannedMinutes", NUMBERS(10, 90, 5)},
};
static const struct field app[] = {
    {"screen", WORDS("home", "plan", "progress", "social", "settings", "goals")},
    {"screenTime", NUMBERS(1, 1800, 1)},
    {"featuresUsed", LIST("plan", "calendar", "timer", "music", "stats", "share", "goals", "coach")},
    {"skipReasons", LIST("no_time", "tired", "weather", "none", "injury", "work")},
    {"motivationLevel", NUMBERS(1, 10, 1)},
    {"barriers", LIST("time", "energy", "weather", "equipment", "travel", "stress", "injury", "none")},
    {"preparationTime", NUMBERS(0, 30, 1)},
    {"completionRate", NUMBERS(0, 1, 0.01)},
    {"scrollDepth", NUMBERS(0, 1, 0.01)},
    {"sessionNumber", NUMBERS(1, 400, 1)},
    {"note", WORDS("Feeling good today", "Legs are sore", "After work", "Too tired")},
};
static const struct field body[] = {
    {"steps", NUMBERS(0, 25000, 1)},          {"hours", NUMBERS(3, 11, 0.25)},
    {"sleepHours", NUMBERS(3, 11, 0.1)},      {"sleepQuality", NUMBERS(1, 10, 1)},
    {"restingHeartRate", NUMBERS(45, 90, 1)}, {"hrv", NUMBERS(15, 120, 1)},
    {"weight", NUMBERS(45, 130, 0.1)},        {"mood", WORDS("great", "good", "neutral", "low", "bad", "stressed", "calm", "tired")},
    {"energyLevel", NUMBERS(1, 10, 1)},       {"stressLevel", NUMBERS(1, 10, 1)},
    {"progress", NUMBERS(0, 1, 0.01)},        {"expected", NUMBERS(0, 1, 0.01)},
};
static const struct field response[] = {
    {"decisionId", WORDS("d0-", "d1-", "d2-", "d3-", "d4-", "d5-", "d6-", "d7-")},
    {"response", WORDS("good", "bad", "snoozed", "dismissed", "opened", "completed", "ignored", "helpful")},
    {"latencySeconds", NUMBERS(1, 86400, 1)},
    {"option", WORDS("sedentary", "active", "none", "control", "treatment", "micro_workout", "reminder")},
    {"rating", NUMBERS(1, 5, 1)},
};
static const struct field point[] = {
    {"slot", NUMBERS(1, 5, 1)},
    {"available", WORDS("true", "false")},
    {"studyDay", NUMBERS(1, 42, 1)},
    {"steps30Before", NUMBERS(0, 4000, 1)},
    {"steps60Before", NUMBERS(0, 8000, 1)},
    {"minutes", NUMBERS(10, 60, 10)},
    {"habitId", WORDS("morning_workout", "evening_walk", "stretching", "hydration", "meditation", "reading", "sleep", "steps")},
    {"completed", WORDS("true", "false")},
};
static const struct field surroundings[] = {
    {"weatherTemperature", NUMBERS(-10, 95, 1)},
    {"timeOfDay", WORDS("early_morning", "morning", "midday", "noon", "afternoon", "evening", "night")},
    {"dayOfWeek", WORDS("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")},
    {"stressLevel", NUMBERS(1, 10, 1)},
    {"sleepHours", NUMBERS(3, 11, 0.1)},
    {"socialContext", WORDS("alone", "partner", "group", "friend", "family")},
    {"location", WORDS("home", "work", "gym", "other", "park", "travel", "outdoors", "commute")},
    {"weather", WORDS("sunny", "cloudy", "rain", "snow", "Partly Cloudy", "Clear", "Overcast", "wind")},
    {"activity", WORDS("still", "walking", "in_vehicle", "running", "on_bicycle", "unknown")},
    {"energyLevel", NUMBERS(1, 10, 1)},
    {"batteryLevel", NUMBERS(0, 1, 0.01)},
    {"device", WORDS("ios", "android", "web", "watch")},
    {"appVersion", WORDS("4.12.0", "4.2.1", "4.13.0", "5.0.0", "5.1.2")},
    {"localHour", NUMBERS(0, 23.99, 0.01)},
};

#define FIELDS(list) (list), sizeof(list) / sizeof *(list)
/* The commonest first and twice: what an application sends most is what should pack best. */
static const struct kind {
  const char *type;
  const struct field *fields;
  size_t count;
} kinds[] = {
    {"workout_completed", FIELDS(workout)}, {"app_interaction", FIELDS(app)},
    {"workout_completed", FIELDS(workout)}, {"app_interaction", FIELDS(app)},
    {"workout_skipped", FIELDS(skipped)},   {"workout_planned", FIELDS(skipped)},
    {"sleep_logged", FIELDS(body)},         {"check_in", FIELDS(body)},
    {"goal_progress", FIELDS(body)},        {"intervention_response", FIELDS(response)},
    {"decision_point", FIELDS(point)},      {"activity_window", FIELDS(point)},
};

static uint32_t pick(struct rng *r, uint32_t most) {
  return (uint32_t)(rng_uniform(r) * most);
}

static void write_words(struct json_writer *w, struct rng *r, const struct field *field) {
  uint32_t words = 0;
  while (words < 8 && field->words[words]) words++;
  json_key(w, field->name);
  if (field->list) json_open_array(w);
  for (uint32_t left = field->list ? 1 + pick(r, 3) : 1; left > 0; left--) json_put_text(w, field->words[pick(r, words)]);
  if (field->list) json_close_array(w);
}

static void write_fields(struct json_writer *w, struct rng *r, const struct field *fields, size_t count) {
  json_open_object(w);
  for (size_t i = 0; i < count; i++) {
    if (rng_uniform(r) < 0.15) continue;
    if (fields[i].words[0]) {
      write_words(w, r, &fields[i]);
      continue;
    }
    const double steps = (fields[i].high - fields[i].low) / fields[i].step;
    json_pair_double(w, fields[i].name, math_round6(fields[i].low + fields[i].step * (double)pick(r, (uint32_t)steps + 1)));
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
  buf_printf(&user, "user-%07u", pick(r, 100000));
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
