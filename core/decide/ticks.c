/* ticks: the moments that no event brings: a day has started, a schedule in the user's own zone is due, silence has lasted, a follow-up is
 * owed. A tick is an event like any other: an envelope that is journaled. Who is due is computed from the user's state and the program
 * only, so replay meets the same ticks. Called by flow in a lane. Due times are spread by a hash of the user, so that a million people's
 * mornings do not fall into one second. */
#include "kit/clock.h"
#include "kit/hash.h"
#include "rules_inside.h"

#define DAY_SPREAD      (10 * CLOCK_MINUTE)
#define SCHEDULE_SPREAD (2 * CLOCK_MINUTE)
#define LOOK_AHEAD_DAYS 8

bool event_is_tick(const struct event *e) {
  return str_starts(e->type, "tick.");
}

bool event_is_own(const struct event *e) {
  return event_is_tick(e) || event_is_merge(e) || str_is(e->type, "features.filled") || str_is(e->type, "opt_in") ||
         str_is(e->type, "opt_out") || str_is(e->type, "decision_asked");
}

static int64_t spread(const struct user *u, int64_t within) {
  return (int64_t)(hash_64_seed(u->id, 0x7469636b) % (uint64_t)within);
}

/* Up to when everything missed was written off, or the beginning of time. */
static int64_t caught_up(const struct user *u) {
  const struct mark *m = user_mark(u, mark_key("tick", STR("caught_up")));
  return m ? m->at : INT64_MIN;
}

/* A trigger may listen to several silences, and follow several things after several times: each has its own mark. */
static uint64_t moment_key(const char *family, struct str trigger, struct str of, int64_t after) {
  return mark_key(family, trigger) ^ hash_64_seed(of, (uint64_t)after);
}

static int64_t moment_after(const struct moment *m) {
  return (int64_t)(m->seconds * 1000);
}

/* The last time this tick fired, or when the user was first seen: ticks are owed only for the time after that. */
static int64_t fired(const struct user *u, const char *family, struct str name) {
  const struct mark *m = user_mark(u, mark_key(family, name));
  int64_t off = caught_up(u);
  if (m && m->at > off) return m->at;
  if (off != INT64_MIN) return off;
  const struct mark *since = user_mark(u, mark_key("user", STR("since")));
  return since ? since->at : u->clock;
}

static int64_t next_local(const struct user *u, int64_t after, uint32_t weekdays, int32_t minute, int64_t delay) {
  int32_t today = tz_local(u->zone, after).day;
  for (int32_t day = today - 1; day <= today + LOOK_AHEAD_DAYS; day++) {
    int32_t weekday = ((day + 3) % 7 + 7) % 7; /* day 0 was a Thursday; Monday is 0 */
    if (!(weekdays >> weekday & 1)) continue;
    int64_t at = tz_utc(u->zone, day, minute) + delay;
    if (at > after) return at;
  }
  return 0;
}

static int64_t next_follow_up(const struct user *u, const struct trigger *t, const struct moment *m) {
  const struct mark *done = user_mark(u, moment_key("follow_up", t->noun->at.name, m->text, moment_after(m)));
  int64_t followed = done ? done->at : INT64_MIN, off = caught_up(u), first = 0;
  struct str name = m->text, kind = {0};
  if (!str_split(&name, ':', &kind)) return 0;
  bool by_option = str_is(kind, "intervention");
  uint64_t wanted = hash_64(name);
  for (size_t i = 0; i < u->send_count; i++) {
    const struct send *s = &u->sends[i];
    int64_t due = s->at + moment_after(m);
    if ((by_option ? s->option : s->trigger) != wanted || s->at <= followed || due <= off) continue;
    if (!first || due < first) first = due;
  }
  return first;
}

bool ticks_followed(const struct rules *r, size_t *cursor, uint64_t *key) {
  for (size_t n = 0, i = 0; i < r->trigger_count; i++)
    for (size_t k = 0; k < r->triggers[i].noun->on_count; k++) {
      const struct moment *m = &r->triggers[i].noun->on[k];
      if (m->kind != MOMENT_FOLLOW_UP || n++ < *cursor) continue;
      ++*cursor;
      *key = moment_key("follow_up", r->triggers[i].noun->at.name, m->text, moment_after(m));
      return true;
    }
  return false;
}

static int64_t next_silence(const struct user *u, const struct trigger *t, const struct moment *m) {
  if (u->last_event == 0) return 0;
  const struct mark *done = user_mark(u, moment_key("silence", t->noun->at.name, m->text, moment_after(m)));
  if (done && done->at >= u->last_event) return 0; /* told once about this silence */
  int64_t due = u->last_event + moment_after(m);
  return due > caught_up(u) ? due : 0;
}

struct silence ticks_silence(const struct user *u, const struct trigger *t, const struct moment *m, int64_t now) {
  struct silence s = {.after = moment_after(m), .last = u->last_event, .due = u->last_event + moment_after(m)};
  const struct mark *done = user_mark(u, moment_key("silence", t->noun->at.name, m->text, moment_after(m)));
  if (s.last == 0) s.state = SILENCE_UNHEARD;
  else if (done && done->at >= s.last) s.state = SILENCE_TOLD;
  else if (s.due <= caught_up(u)) s.state = SILENCE_MISSED;
  else if (user_mark(u, mark_key("user", STR("history")))) s.state = SILENCE_PAST;
  else s.state = s.due > now ? SILENCE_WAITING : SILENCE_DUE;
  return s;
}

static int64_t next_moment(const struct user *u, const struct trigger *t, const struct moment *m) {
  switch (m->kind) {
  case MOMENT_DAY: return u->zone ? next_local(u, fired(u, "tick", STR("day_started")), 0x7f, 0, spread(u, DAY_SPREAD)) : 0;
  case MOMENT_SCHEDULE:
    return u->zone ? next_local(u, fired(u, "schedule", t->noun->at.name), m->weekdays, m->minute, spread(u, SCHEDULE_SPREAD)) : 0;
  case MOMENT_SILENCE: return next_silence(u, t, m);
  case MOMENT_FOLLOW_UP: return next_follow_up(u, t, m);
  case MOMENT_EVENT: break;
  }
  return 0;
}

struct due {
  int64_t at;
  const struct moment *moment;
  struct str trigger;
};

/* The earliest due moment; ties by trigger name, since triggers are sorted. */
static struct due earliest(const struct rules *r, const struct user *u) {
  struct due first = {0};
  for (size_t i = 0; r->any_moment && i < r->trigger_count; i++) {
    const struct trigger *t = &r->triggers[i];
    for (size_t k = 0; k < t->noun->on_count; k++) {
      int64_t at = next_moment(u, t, &t->noun->on[k]);
      if (at && (!first.at || at < first.at)) first = (struct due){at, &t->noun->on[k], t->noun->at.name};
    }
  }
  return first;
}

/* One number for all moments that the rules wait for; 0: none. Triggers are sorted, so it does not hang on files. */
uint64_t rules_moments(const struct rules *r) {
  uint64_t set = 0;
  for (size_t i = 0; r->any_moment && i < r->trigger_count; i++)
    for (size_t k = 0; k < r->triggers[i].noun->on_count; k++) {
      const struct moment *m = &r->triggers[i].noun->on[k];
      if (m->kind == MOMENT_EVENT) continue;
      const uint64_t one[5] = {set, (uint64_t)m->kind, moment_key("moment", r->triggers[i].noun->at.name, m->text, moment_after(m)),
                               m->weekdays, (uint64_t)m->minute};
      set = hash_64((struct str){(const char *)one, sizeof one}) | 1;
    }
  return set;
}

/* Who was last met in history has no ticks of today: they would put an end to that history. Its ticks come with its events. */
int64_t ticks_next(const struct rules *r, const struct user *u) {
  return r->any_moment && !u->closed && !user_mark(u, mark_key("user", STR("history"))) ? earliest(r, u).at : 0;
}

static const char *tick_type(const struct moment *m) {
  switch (m->kind) {
  case MOMENT_DAY: return "tick.day_started";
  case MOMENT_SCHEDULE: return "tick.schedule";
  case MOMENT_SILENCE: return "tick.silence";
  default: return "tick.follow_up";
  }
}

static void put_moment(struct json_writer *w, const struct due *d, int64_t sent) {
  const struct moment *m = d->moment;
  if (m->kind == MOMENT_DAY) return;
  json_pair_str(w, "trigger", d->trigger);
  if (m->kind == MOMENT_FOLLOW_UP) {
    json_pair_str(w, "of", m->text);
    json_pair_int(w, "sent", sent);
  }
  if (m->seconds > 0) json_pair_int(w, "after", moment_after(m));
}

static struct str tick_id(const struct due *d, bool missed, struct arena *a) {
  uint64_t which = missed ? 0 : moment_key(tick_type(d->moment), d->trigger, d->moment->text, moment_after(d->moment));
  return str_from(arena_printf(a, "t%lld-%016llx", (long long)d->at, (unsigned long long)which));
}

bool ticks_due(const struct rules *r, const struct user *u, int64_t now, bool live, struct arena *a, struct str *body) {
  struct due first = u->closed ? (struct due){0} : earliest(r, u);
  if (!first.at || first.at > now) return false;
  bool missed = live && now - first.at > TICK_DECIDES_WITHIN;
  int64_t sent = first.at - moment_after(first.moment);
  if (missed) first.at = now;
  char at[32];
  struct buf out = {0};
  struct json_writer w = json_to(&out);
  json_open_object(&w);
  json_pair_str(&w, "id", tick_id(&first, missed, a)); /* the same tick has the same id everywhere */
  json_pair_str(&w, "userId", u->id);
  json_pair_text(&w, "eventType", missed ? "tick.caught_up" : tick_type(first.moment));
  json_pair_str(&w, "timestamp", (struct str){at, clock_format(first.at, at)});
  json_key(&w, "data");
  json_open_object(&w);
  if (!missed) put_moment(&w, &first, sent);
  json_close_object(&w);
  json_close_object(&w);
  *body = buf_into(&out, a);
  return body->at != NULL;
}

size_t ticks_follows(const struct user *u, const struct event *tick, struct arena *scratch, uint64_t *decisions, size_t most) {
  const struct json *j = &tick->json;
  struct str of = json_text(j, json_get(j, tick->data, "of"), scratch), name;
  int64_t sent;
  size_t count = 0;
  if (!str_is(tick->type, "tick.follow_up") || !json_int(j, json_get(j, tick->data, "sent"), &sent) || !str_split(&of, ':', &name))
    return 0;
  const bool by_option = str_is(name, "intervention");
  const uint64_t wanted = hash_64(of);
  for (size_t i = 0; i < u->send_count && count < most; i++)
    if (u->sends[i].at == sent && (by_option ? u->sends[i].option : u->sends[i].trigger) == wanted)
      decisions[count++] = u->sends[i].decision;
  return count;
}

struct str ticks_undelivered(struct str body, const char *end, struct arena *a) {
  must(str_ends(body, "}}")); /* ticks_due closes its data last */
  const char *text = arena_printf(a, "%.*s,\"delivery\":\"%s\"}}", (int)body.len - 2, body.at, end);
  return text ? str_from(text) : (struct str){0};
}

bool ticks_fired(struct user *u, const struct event *tick, struct arena *scratch) {
  const struct json *j = &tick->json;
  struct str trigger = json_text(j, json_get(j, tick->data, "trigger"), scratch);
  if (str_is(tick->type, "tick.day_started")) return user_set_mark(u, mark_key("tick", STR("day_started")), tick->timestamp, 0);
  if (str_is(tick->type, "tick.caught_up")) return user_set_mark(u, mark_key("tick", STR("caught_up")), tick->timestamp, 0);
  if (str_is(tick->type, "tick.schedule")) return user_set_mark(u, mark_key("schedule", trigger), tick->timestamp, 0);
  int64_t sent = 0, after = 0;
  struct str of = json_text(j, json_get(j, tick->data, "of"), scratch);
  json_int(j, json_get(j, tick->data, "sent"), &sent);
  json_int(j, json_get(j, tick->data, "after"), &after);
  if (str_is(tick->type, "tick.silence")) return user_set_mark(u, moment_key("silence", trigger, of, after), u->last_event, 0);
  return user_set_mark(u, moment_key("follow_up", trigger, of, after), sent, 0);
}

const struct listening *ticks_listening(const struct rules *r, const struct event *tick, struct arena *scratch) {
  if (str_is(tick->type, "tick.day_started")) return rules_listening(r, tick->type);
  if (json_get(&tick->json, tick->data, "delivery") != JSON_NONE) return NULL; /* of what never arrived nobody is asked */
  return rules_listening_to(r, json_text(&tick->json, json_get(&tick->json, tick->data, "trigger"), scratch));
}
