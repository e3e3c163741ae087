/* merge: what binds a person who turns out to be two users. Everything that ever protected either protects the one who stays: an opt-out, a
 * minor's age, a holdout, what was sent, the goal in force, the follow-ups that were given. Promises that a merge allows nothing that the
 * one who stays would have been refused, and nothing that was refused to the other for a reason that was known; permissions are never
 * carried. Features, day rings, attempts, arms and rollouts are not carried: they are measurements and chances of one id, and arms never
 * move. A function of the two states and the row; no clock, no chance but the holdout's fixed uniform. In a lane, live and in replay. */
#include "goal.h"
#include "kit/hash.h"
#include "kit/json.h"
#include "kit/rng.h"
#include "rules_inside.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t merge_mark(struct str from) {
  return mark_key("merged", from);
}

bool event_is_merge(const struct event *e) {
  return str_is(e->type, "merged_from") || str_is(e->type, "merged_into");
}

static uint64_t holdout_key(void) {
  return mark_key("user", STR("holdout"));
}

double holdout_place(const struct user *u) {
  const double own = rng_draw(STR("holdout"), u->id, 0, STR("user"));
  const struct mark *other = user_mark(u, holdout_key());
  return other && other->value < own ? other->value : own;
}

/* ---- what is carried ---- */

static void put_hex(struct json_writer *w, uint64_t number) {
  char hex[17];
  unsigned char bytes[8];
  for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)(number >> (56 - 8 * i));
  hash_hex(bytes, sizeof bytes, hex);
  json_put_text(w, hex);
}

static bool read_hex(const struct json *j, uint32_t at, struct arena *a, uint64_t *out) {
  unsigned char bytes[8];
  if (!hash_unhex(json_text(j, at, a), bytes, sizeof bytes)) return false;
  *out = 0;
  for (int i = 0; i < 8; i++) *out = *out << 8 | bytes[i];
  return true;
}

static void put_sends(struct json_writer *w, const struct user *u) {
  json_key(w, "sends");
  json_open_array(w);
  for (uint16_t i = 0; i < u->send_count; i++) {
    const struct send *s = &u->sends[i];
    char id[32];
    json_open_array(w);
    json_put_int(w, s->at);
    json_put_str(w, (struct str){id, decision_id_text(s->decision, id)});
    put_hex(w, s->trigger);
    put_hex(w, s->option);
    json_put_int(w, s->response);
    json_close_array(w);
  }
  json_close_array(w);
}

static void put_goals(struct json_writer *w, const struct user *u) {
  json_key(w, "goals");
  json_open_object(w);
  for (uint32_t k = 0; k < GOAL_KINDS; k++) {
    const struct mark *m = user_mark(u, goal_mark(goal_kind_at(k)));
    if (!m) continue;
    json_key(w, goal_kind_at(k)->name);
    json_open_array(w);
    json_put_int(w, m->at);
    json_put_double(w, m->value);
    json_close_array(w);
  }
  json_close_object(w);
}

/* Sends whose follow-ups were given: nobody is followed up twice. */
static void put_followed(struct json_writer *w, const struct rules *r, const struct user *u) {
  uint64_t key;
  json_key(w, "followed");
  json_open_array(w);
  for (size_t cursor = 0; r && ticks_followed(r, &cursor, &key);) {
    const struct mark *m = user_mark(u, key);
    if (!m) continue;
    json_open_array(w);
    put_hex(w, key);
    json_put_int(w, m->at);
    json_close_array(w);
  }
  json_close_array(w);
}

static void put_health(struct json_writer *w, const struct user *u, struct arena *a) {
  const uint32_t flags = user_health(u, a);
  json_key(w, "health");
  json_open_array(w);
  for (uint32_t i = 0; i < HEALTH_FLAGS; i++)
    if (flags >> i & 1) json_put_text(w, health_flags[i]);
  json_close_array(w);
}

void merge_carry(const struct rules *r, const struct user *u, struct arena *scratch, struct json_writer *w) {
  static const char *const consents[] = {"unknown", "given", "withdrawn"};
  json_pair_text(w, "consent", consents[u->consent]);
  if (u->age >= 0) json_pair_int(w, "age", u->age);
  json_pair_bool(w, "guardianConsent", u->minor_consent);
  if (u->zone_name.len) json_pair_str(w, "timezone", u->zone_name);
  json_pair_double(w, "holdout", holdout_place(u));
  json_pair_int(w, "lastEvent", u->last_event);
  put_sends(w, u);
  put_goals(w, u);
  put_followed(w, r, u);
  put_health(w, u, scratch);
}

/* ---- what is taken ---- */

static bool no_memory(struct err *e) {
  return err_set(e, ERR_INTERNAL, "no memory for a merge");
}

static int by_time(const void *left, const void *right) {
  const struct send *a = left, *b = right;
  if (a->at != b->at) return a->at < b->at ? -1 : 1;
  return (a->decision > b->decision) - (a->decision < b->decision);
}

/* Both, in the order of their times; of too many go those that would have gone from one. */
static bool take_sends(struct user *u, const struct json *j, uint32_t list, struct arena *a, struct err *e) {
  const uint32_t theirs = json_type(j, list) == JSON_ARRAY ? j->tokens[list].count : 0;
  struct send *all = ARENA_ARRAY(a, struct send, theirs + u->send_count + 1u);
  if (!all) return no_memory(e);
  size_t n = u->send_count;
  if (n) memcpy(all, u->sends, n * sizeof *all);
  for (uint32_t i = 0; i < theirs; i++) {
    const uint32_t at = json_child(j, list, i);
    struct send s = {0};
    int64_t response = 0;
    if (!json_int(j, json_child(j, at, 0), &s.at) || !decision_id_parse(json_text(j, json_child(j, at, 1), a), &s.decision) ||
        !read_hex(j, json_child(j, at, 2), a, &s.trigger) || !read_hex(j, json_child(j, at, 3), a, &s.option) ||
        !json_int(j, json_child(j, at, 4), &response) || response < 0 || response > 3)
      return err_set(e, ERR_INPUT, "/data/sends: entry %u is no send", i);
    s.response = (uint8_t)response;
    all[n++] = s;
  }
  qsort(all, n, sizeof *all, by_time);
  u->send_count = 0;
  for (size_t i = 0; i < n; i++)
    if (!user_add_send(u, &all[i])) return no_memory(e);
  return true;
}

/* The newest goal of each kind is the one that the person last saw. */
static bool take_goals(struct user *u, const struct json *j, uint32_t goals, struct err *e) {
  for (uint32_t k = 0; k < GOAL_KINDS; k++) {
    const uint32_t goal = json_get(j, goals, goal_kind_at(k)->name);
    const uint64_t key = goal_mark(goal_kind_at(k));
    const struct mark *own = user_mark(u, key);
    int64_t at;
    double value;
    if (!json_int(j, json_child(j, goal, 0), &at) || !json_double(j, json_child(j, goal, 1), &value)) continue;
    if ((!own || own->at < at) && !user_set_mark(u, key, at, value)) return no_memory(e);
  }
  return true;
}

static bool take_followed(struct user *u, const struct json *j, uint32_t list, struct arena *a, struct err *e) {
  const uint32_t count = json_type(j, list) == JSON_ARRAY ? j->tokens[list].count : 0;
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t at = json_child(j, list, i);
    uint64_t key;
    int64_t sent;
    if (!read_hex(j, json_child(j, at, 0), a, &key) || !json_int(j, json_child(j, at, 1), &sent)) continue;
    const struct mark *own = user_mark(u, key);
    if ((!own || own->at < sent) && !user_set_mark(u, key, sent, 0)) return no_memory(e);
  }
  return true;
}

/* A known minor makes a minor, and guardians must have agreed for both. Two zones that differ are none: nothing is sent until the person
 * says again where they are. */
static bool take_who(struct user *u, const struct json *j, uint32_t data, struct arena *a, struct err *e) {
  int64_t age = -1;
  bool guardian = false;
  if (json_text_is(j, json_get(j, data, "consent"), "withdrawn")) u->consent = CONSENT_WITHDRAWN;
  json_bool(j, json_get(j, data, "guardianConsent"), &guardian);
  if (json_int(j, json_get(j, data, "age"), &age) && age >= 0 && age < ADULT_AGE) {
    if (u->age < 0 || u->age > age) u->age = (int32_t)age;
    u->minor_consent = u->minor_consent && guardian;
  }
  const struct str zone = json_text(j, json_get(j, data, "timezone"), a);
  if (!zone.len || !u->zone_name.len || str_eq(zone, u->zone_name)) return true;
  return user_merge_own(u, STR("{\"timezone\":null}"), e);
}

static bool take_health(struct user *u, const struct json *j, uint32_t list, struct err *e) {
  const uint32_t count = json_type(j, list) == JSON_ARRAY ? j->tokens[list].count : 0;
  for (uint32_t i = 0; i < count; i++)
    for (size_t k = 0; k < HEALTH_FLAGS; k++) {
      char patch[32];
      if (!json_text_is(j, json_child(j, list, i), health_flags[k])) continue;
      snprintf(patch, sizeof patch, "{\"%s\":true}", health_flags[k]);
      if (!user_merge_own(u, str_from(patch), e)) return false;
    }
  return true;
}

static bool take_from(struct user *u, const struct event *ev, int64_t clock, struct arena *a, struct err *e) {
  const struct json *j = &ev->json;
  const struct str from = json_text(j, json_get(j, ev->data, "from"), a);
  double place = 1;
  int64_t last = 0;
  if (!from.len) return err_set(e, ERR_INPUT, "/data/from: expected the id that was merged");
  if (!take_who(u, j, ev->data, a, e) || !take_sends(u, j, json_get(j, ev->data, "sends"), a, e) ||
      !take_goals(u, j, json_get(j, ev->data, "goals"), e) || !take_followed(u, j, json_get(j, ev->data, "followed"), a, e) ||
      !take_health(u, j, json_get(j, ev->data, "health"), e))
    return false;
  if (json_double(j, json_get(j, ev->data, "holdout"), &place) && place < holdout_place(u) &&
      !user_set_mark(u, holdout_key(), clock, place))
    return no_memory(e);
  if (json_int(j, json_get(j, ev->data, "lastEvent"), &last) && last > u->last_event) u->last_event = last;
  return user_set_mark(u, merge_mark(from), clock, 0) || no_memory(e);
}

bool merge_take(struct user *u, const struct event *ev, int64_t clock, struct arena *scratch, struct err *e) {
  if (str_is(ev->type, "merged_from")) return take_from(u, ev, clock, scratch, e);
  u->closed = true;
  return user_set_mark(u, user_closed_key(), clock, 0) || no_memory(e);
}
