/* A user's containers: marks sorted by key, day rings, attempts sorted by local time, sends in order of sending. Promises bounds on each
 * (the oldest goes first) and that a full or failed container is left as it was. Gives them no meaning: compute and decide do. Called by
 * the lane that owns the user, and by tests and simulations on one thread. */
#include "book/user.h"
#include "kit/arena.h"
#include "seen.h"
#include "user_text.h"
#include <sodium.h>
#include <string.h>

bool user_text_copy(struct str from, struct str *to) {
  char *copy = kit_alloc(from.len ? from.len : 1);
  if (!copy) return false;
  if (from.len) memcpy(copy, from.at, from.len);
  *to = (struct str){copy, from.len};
  return true;
}

void user_text_free(struct str *s) {
  union {
    const char *view;
    char *own;
  } text = {.view = s->at};
  kit_free(text.own);
  *s = (struct str){0};
}

bool user_init(struct user *u) {
  *u = (struct user){.age = -1};
  return user_text_copy(STR("{}"), &u->profile);
}

struct user *user_new(void) {
  struct user *u = kit_alloc(sizeof *u);
  if (!u) return NULL;
  if (user_init(u)) return u;
  kit_free(u);
  return NULL;
}

void user_clear(struct user *u) {
  user_text_free(&u->id);
  user_text_free(&u->zone_name);
  user_text_free(&u->profile);
  kit_free(u->series);
  kit_free(u->attempts);
  kit_free(u->marks);
  kit_free(u->sends);
  seen_free(u->seen);
  kit_free(u->profile_values);
  sodium_memzero(u, sizeof *u);
}

void user_free(struct user *u) {
  if (!u) return;
  user_clear(u);
  kit_free(u);
}

/* ---- marks ---- */

uint64_t mark_key(const char *family, struct str name) {
  return hash_64_seed(name, hash_64(str_from(family)));
}

/* The first mark with a key not below `key`. */
static uint16_t mark_place(const struct user *u, uint64_t key) {
  uint32_t low = 0, high = u->mark_count;
  while (low < high) {
    const uint32_t middle = (low + high) / 2;
    if (u->marks[middle].key < key) low = middle + 1;
    else high = middle;
  }
  return (uint16_t)low;
}

const struct mark *user_mark(const struct user *u, uint64_t key) {
  const uint16_t at = mark_place(u, key);
  return at < u->mark_count && u->marks[at].key == key ? &u->marks[at] : NULL;
}

bool user_set_mark(struct user *u, uint64_t key, int64_t when, double value) {
  const uint16_t at = mark_place(u, key);
  if (at < u->mark_count && u->marks[at].key == key) {
    u->marks[at].at = when;
    u->marks[at].value = value;
    return true;
  }
  if (u->mark_count == UINT16_MAX) return false;
  if (u->mark_count == u->mark_cap) {
    const uint32_t wanted = u->mark_cap + 4u + u->mark_cap / 4u;
    const uint16_t cap = wanted > UINT16_MAX ? UINT16_MAX : (uint16_t)wanted;
    struct mark *marks = kit_realloc(u->marks, cap * sizeof *marks);
    if (!marks) return false;
    u->marks = marks;
    u->mark_cap = cap;
  }
  memmove(u->marks + at + 1, u->marks + at, (size_t)(u->mark_count - at) * sizeof *u->marks);
  u->marks[at] = (struct mark){.key = key, .at = when, .value = value};
  u->mark_count++;
  return true;
}

void user_clear_mark(struct user *u, uint64_t key) {
  const uint16_t at = mark_place(u, key);
  if (at >= u->mark_count || u->marks[at].key != key) return;
  u->mark_count--;
  memmove(u->marks + at, u->marks + at + 1, (size_t)(u->mark_count - at) * sizeof *u->marks);
}

/* ---- series ---- */

struct series *user_series(struct user *u, uint64_t digest, bool create) {
  for (uint16_t i = 0; i < u->series_count; i++)
    if (u->series[i].digest == digest) return &u->series[i];
  if (!create || u->series_count >= SERIES_MOST) return NULL;
  struct series *grown = kit_realloc(u->series, (u->series_count + 1u) * sizeof *grown);
  if (!grown) return NULL;
  u->series = grown;
  struct series *s = &grown[u->series_count++];
  *s = (struct series){.digest = digest, .newest = INT32_MIN};
  return s;
}

void user_clear_series(struct user *u, uint64_t digest) {
  uint16_t i = 0;
  while (i < u->series_count && u->series[i].digest != digest) i++;
  if (i == u->series_count) return;
  u->series_count--;
  memmove(u->series + i, u->series + i + 1, (size_t)(u->series_count - i) * sizeof *u->series);
}

static struct series_day *series_slot(struct series *s, int32_t day) {
  const int32_t slot = day % SERIES_DAYS;
  return &s->days[slot < 0 ? slot + SERIES_DAYS : slot];
}

bool series_add(struct series *s, int32_t day, double value) {
  if (s->newest == INT32_MIN) s->newest = day;
  else if (day > s->newest) {
    /* The days between are empty days, not the same slots of a month ago. */
    const int64_t ahead = (int64_t)day - s->newest;
    if (ahead >= SERIES_DAYS) memset(s->days, 0, sizeof s->days);
    else
      for (int32_t d = s->newest + 1; d <= day; d++) *series_slot(s, d) = (struct series_day){0};
    s->newest = day;
  } else if ((int64_t)day <= (int64_t)s->newest - SERIES_DAYS) return true;
  struct series_day *slot = series_slot(s, day);
  if (slot->n == UINT16_MAX) return true; /* 65 535 observations a day: the mean of those stands */
  slot->n++;
  slot->sum += (float)value;
  return true;
}

const struct series_day *series_at(const struct series *s, int32_t day) {
  if (s->newest == INT32_MIN || day > s->newest || (int64_t)day <= (int64_t)s->newest - SERIES_DAYS) return NULL;
  const int32_t slot = day % SERIES_DAYS;
  return &s->days[slot < 0 ? slot + SERIES_DAYS : slot];
}

/* ---- attempts and sends ---- */

/* Room for one more in an array that grows by eights up to `most`; a full one is the caller's business. */
static bool list_room(void **list, uint16_t count, size_t size) {
  if (count % 8) return true;
  void *grown = kit_realloc(*list, (count + 8u) * size);
  if (!grown) return false;
  *list = grown;
  return true;
}

static bool attempt_after(const struct attempt *a, const struct attempt *b) {
  return a->day != b->day ? a->day > b->day : a->minute > b->minute;
}

bool user_add_attempt(struct user *u, const struct attempt *a) {
  uint16_t at = u->attempt_count;
  while (at && attempt_after(&u->attempts[at - 1], a)) at--;
  if (u->attempt_count == ATTEMPTS_MOST) {
    if (!at) return true; /* older than all that are kept */
    at--;
    memmove(u->attempts, u->attempts + 1, at * sizeof *u->attempts);
    u->attempts[at] = *a;
    return true;
  }
  void *list = u->attempts;
  if (!list_room(&list, u->attempt_count, sizeof *a)) return false;
  u->attempts = list;
  memmove(u->attempts + at + 1, u->attempts + at, (size_t)(u->attempt_count - at) * sizeof *u->attempts);
  u->attempts[at] = *a;
  u->attempt_count++;
  return true;
}

static bool send_stands_for(const struct send *later, const struct send *s, bool by_option) {
  return later->at >= s->at && (by_option ? later->option == s->option : later->trigger == s->trigger);
}

/* Later ones say all that its trigger's and its option's cooldowns ask of it. */
static bool send_is_outlived(const struct user *u, uint16_t at, const struct send *newest) {
  const struct send *s = &u->sends[at];
  bool trigger = send_stands_for(newest, s, false), option = send_stands_for(newest, s, true);
  for (uint16_t i = at + 1; i < u->send_count && !(trigger && option); i++) {
    trigger = trigger || send_stands_for(&u->sends[i], s, false);
    option = option || send_stands_for(&u->sends[i], s, true);
  }
  return trigger && option;
}

bool user_add_send(struct user *u, const struct send *s) {
  if (u->send_count == SENDS_MOST) {
    uint16_t gone = 0;
    while (gone < SENDS_MOST - SENDS_NEWEST && !send_is_outlived(u, gone, s)) gone++;
    if (gone == SENDS_MOST - SENDS_NEWEST) gone = 0;
    memmove(u->sends + gone, u->sends + gone + 1, (size_t)(SENDS_MOST - 1 - gone) * sizeof *u->sends);
    u->sends[SENDS_MOST - 1] = *s;
    return true;
  }
  void *list = u->sends;
  if (!list_room(&list, u->send_count, sizeof *s)) return false;
  u->sends = list;
  u->sends[u->send_count++] = *s;
  return true;
}

uint64_t user_closed_key(void) {
  return mark_key("user", STR("merged"));
}

uint64_t user_returned_key(void) {
  return mark_key("user", STR("returned"));
}

struct send *user_send(struct user *u, uint64_t decision) {
  for (uint16_t i = u->send_count; i-- > 0;)
    if (u->sends[i].decision == decision) return &u->sends[i];
  return NULL;
}

bool user_set_profile(struct user *u, struct str json_object) {
  struct str copy;
  if (!user_text_copy(json_object, &copy)) return false;
  user_text_free(&u->profile);
  u->profile = copy;
  u->profile_version++;
  return true;
}

size_t user_memory(const struct user *u) {
  return sizeof *u + u->id.len + u->zone_name.len + u->profile.len + u->series_count * sizeof *u->series +
         (u->attempt_count + 7u) / 8u * 8u * sizeof *u->attempts + (u->send_count + 7u) / 8u * 8u * sizeof *u->sends +
         u->mark_cap * sizeof *u->marks + seen_memory(u->seen);
}

/* ---- hints ---- */

#define LINE         64
#define WARM_DIGESTS 64
#define WARM_VALUES  256 /* bytes; beyond the end of a shorter block nothing happens */

/* Into the second cache: a person is 5 KB, and would push what is being worked with out of the first (docs/MEASUREMENTS.md). */
static void warm(const void *at, size_t bytes) {
  for (size_t i = 0; i < bytes; i += LINE) __builtin_prefetch((const char *)at + i, 0, 2);
}

void user_warm(const struct user *u) {
  warm(u, sizeof *u);
}

void user_warm_key(const struct user *u) {
  warm(u->key, sizeof u->key + sizeof u->sealed_with);
}

void user_warm_containers(const struct user *u) {
  warm(u->series, u->series_count * sizeof *u->series);
  warm(u->marks, u->mark_count * sizeof *u->marks);
  warm(u->attempts, u->attempt_count * sizeof *u->attempts);
  warm(u->sends, u->send_count * sizeof *u->sends);
  if (u->seen) warm(u->seen, sizeof *u->seen);
  if (u->profile_values) warm(u->profile_values, WARM_VALUES);
}

/* The newest digests, which are looked at first; the processor follows them downwards by itself. */
void user_warm_seen(const struct user *u) {
  if (!u->seen) return;
  const size_t count = u->seen->count < WARM_DIGESTS ? u->seen->count : WARM_DIGESTS;
  warm(u->seen->digest + (u->seen->count - count), count * sizeof *u->seen->digest);
  warm(u->seen->hour + u->seen->count, 1); /* seen_add begins with the newest, and goes on behind it */
}
