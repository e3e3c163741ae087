/* Makes the load generator's events: a few hundred bodies with values drawn from the ranges real ones have are rendered once; each event
 * is a copy of one with user, id and time written over fixed places, so that making it costs the generator little of the machine it
 * shares with the engine. The same run number gives the same events. One thread. */
#include "events.h"
#include "kit/clock.h"
#include "kit/rng.h"
#include <stdio.h>
#include <string.h>

static const char *pick(struct rng *r, const char *const *words, size_t count) {
  return words[(size_t)(rng_uniform(r) * (double)count)];
}
#define PICK(r, ...) pick(r, (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static int between(struct rng *r, int low, int high) {
  return low + (int)(rng_uniform(r) * (double)(high - low + 1));
}

static int write_workout(struct rng *r, char *to, size_t room) {
  return snprintf(
      to, room,
      "\"eventType\":\"workout_completed\",\"timestamp\":\"@@@@@@@@@@@@@@@@@@@@\",\"data\":{\"workoutId\":\"w-%06d\",\"workoutType\":\"%"
      "s\","
      "\"duration\":%d,\"completionRate\":%.2f,\"intensity\":\"%s\",\"location\":\"%s\",\"equipment\":[\"%s\",\"%s\"],\"heartRateAvg\":%d,"
      "\"caloriesBurned\":%d,\"perceivedDifficulty\":%d,\"moodBefore\":%d,\"moodAfter\":%d},\"context\":{\"weatherTemperature\":%d,"
      "\"timeOfDay\":\"%s\",\"dayOfWeek\":\"%s\",\"stressLevel\":%d,\"sleepHours\":%.1f,\"socialContext\":\"%s\",\"energyLevel\":%d,"
      "\"device\":\"%s\",\"appVersion\":\"4.%d.%d\"}}",
      between(r, 0, 999999), PICK(r, "strength", "cardio", "yoga", "hiit", "walk"), between(r, 300, 3600),
      (double)between(r, 20, 100) / 100, PICK(r, "low", "moderate", "high"), PICK(r, "home", "gym", "outdoor", "office"),
      PICK(r, "mat", "dumbbells", "none"), PICK(r, "band", "bench", "bike"), between(r, 90, 170), between(r, 60, 640), between(r, 1, 10),
      between(r, 1, 10), between(r, 1, 10), between(r, 40, 95), PICK(r, "morning", "noon", "evening", "night"),
      PICK(r, "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"), between(r, 1, 10),
      (double)between(r, 40, 95) / 10, PICK(r, "alone", "partner", "group"), between(r, 1, 10), PICK(r, "ios", "android", "watch"),
      between(r, 0, 30), between(r, 0, 9));
}

static int write_interaction(struct rng *r, char *to, size_t room) {
  return snprintf(
      to, room,
      "\"eventType\":\"app_interaction\",\"timestamp\":\"@@@@@@@@@@@@@@@@@@@@\",\"data\":{\"screen\":\"%s\",\"screenTime\":%d,"
      "\"featuresUsed\":[\"%s\",\"%s\",\"%s\"],\"skipReasons\":[\"%s\"],\"motivationLevel\":%d,\"barriers\":[\"%s\"],\"preparationTime\":%"
      "d,"
      "\"completionRate\":%.2f,\"scrollDepth\":%.2f,\"sessionNumber\":%d,\"note\":\"%s\"},\"context\":{\"weatherTemperature\":%d,"
      "\"timeOfDay\":\"%s\",\"dayOfWeek\":\"%s\",\"stressLevel\":%d,\"sleepHours\":%.1f,\"socialContext\":\"%s\",\"batteryLevel\":%.2f,"
      "\"device\":\"%s\",\"appVersion\":\"4.%d.%d\"}}",
      PICK(r, "home", "plan", "progress", "social"), between(r, 5, 900), PICK(r, "plan", "calendar", "timer"), PICK(r, "music", "stats"),
      PICK(r, "share", "goals", "coach"), PICK(r, "no_time", "tired", "weather", "none"), between(r, 1, 10),
      PICK(r, "time", "energy", "injury", "none"), between(r, 1, 30), (double)between(r, 0, 100) / 100, (double)between(r, 0, 100) / 100,
      between(r, 1, 400), PICK(r, "Might train after work if the rain stops", "Legs are still sore from Tuesday", "Feeling good today"),
      between(r, 40, 95), PICK(r, "morning", "noon", "evening", "night"),
      PICK(r, "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"), between(r, 1, 10),
      (double)between(r, 40, 95) / 10, PICK(r, "alone", "partner", "group"), (double)between(r, 5, 100) / 100,
      PICK(r, "ios", "android", "watch"), between(r, 0, 30), between(r, 0, 9));
}

static void make_template(struct event_template *t, struct rng *r, bool workout) {
  static const char head[] = "{\"id\":\"@@@@@@@@@@@@@@@@-@@@@@@@@@@@@\",\"userId\":\"user-@@@@@@@\",";
  memcpy(t->text, head, sizeof head - 1);
  t->length = sizeof head - 1;
  char *rest = t->text + t->length;
  t->length += (size_t)(workout ? write_workout(r, rest, EVENT_BYTES - t->length) : write_interaction(r, rest, EVENT_BYTES - t->length));
  t->id_at = (size_t)(strstr(t->text, "\"id\":\"") + 6 - t->text);
  t->user_at = (size_t)(strstr(t->text, "user-") + 5 - t->text);
  t->time_at = (size_t)(strstr(t->text, "\"timestamp\":\"") + 13 - t->text);
}

void events_start(struct events *e, uint32_t users, uint64_t run) {
  memset(e, 0, sizeof *e);
  e->users = users;
  e->run = run;
  struct rng r = rng_from(20250115);
  for (uint32_t i = 0; i < EVENT_TEMPLATES; i++) make_template(&e->templates[i], &r, i % 5 < 2);
}

static void write_digits(char *to, int digits, uint64_t value, uint64_t base) {
  while (digits-- > 0) {
    to[digits] = "0123456789abcdef"[value % base];
    value /= base;
  }
}

size_t events_write(struct events *e, char *to) {
  if (e->made % 64 == 0) {
    const int64_t second = clock_now() / CLOCK_SECOND * CLOCK_SECOND;
    if (second != e->time_of) clock_format(e->time_of = second, e->time);
  }
  const uint64_t n = e->made++;
  const struct event_template *t = &e->templates[(n * UINT64_C(0x9E3779B97F4A7C15)) >> 56];
  memcpy(to, t->text, t->length);
  write_digits(to + t->id_at, 16, e->run, 16);
  write_digits(to + t->id_at + 17, 12, n, 10);
  write_digits(to + t->user_at, 7, n * 7919 % e->users, 10); /* 7919 is prime: all users in turn, neighbours far apart */
  memcpy(to + t->time_at, e->time, 20);
  return t->length;
}

double events_mean_bytes(const struct events *e) {
  double sum = 0;
  for (uint32_t i = 0; i < EVENT_TEMPLATES; i++) sum += (double)e->templates[i].length;
  return sum / EVENT_TEMPLATES;
}
