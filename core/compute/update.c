/* One event moves a user's state: day rings, attempts, marks, and the profile when the event brings one. Promises that an event lands in
 * the local day of its own timestamp however late it comes, and that a refused profile leaves everything as it was. Does not check the
 * event against the vocabulary (that is done before) and decides nothing. Called once an event by flow, on the lane, and by replay and
 * training in the same order. */
#include "features.h"
#include "kit/clock.h"

struct update {
  const struct features *f;
  struct user *u;
  const struct event *e;
  struct tz_local local;
  struct value *slots;
  bool kept; /* false: memory failed somewhere */
};

static struct tz_local local_time(const struct user *u, int64_t at) {
  if (u->zone) return tz_local(u->zone, at);
  int32_t day = local_day(u, at);
  int64_t ms = at - (int64_t)day * CLOCK_DAY;
  return (struct tz_local){.day = day,
                           .minute = (int32_t)(ms / CLOCK_MINUTE),
                           .second = (int32_t)(ms % CLOCK_MINUTE / CLOCK_SECOND),
                           .weekday = (day % 7 + 10) % 7};
}

static void add(struct update *up, enum ring ring, double value) {
  struct series *s = user_series(up->u, up->f->ring[ring], true);
  up->kept = s && series_add(s, up->local.day, value) && up->kept;
}

static bool number(const struct update *up, enum field field, double *out) {
  const struct value *v = &up->slots[field];
  if (v->kind != VALUE_NUMBER || !math_finite(v->number)) return false;
  *out = v->number;
  return true;
}

static void add_number(struct update *up, enum ring ring, enum field field, double low, double high) {
  double value;
  if (number(up, field, &value)) add(up, ring, math_clamp(value, low, high));
}

static void mark(struct update *up, enum mark_name name, int64_t at, double value) {
  up->kept = user_set_mark(up->u, up->f->mark[name], at, value) && up->kept;
}

static const struct mark *marked(const struct update *up, enum mark_name name) {
  return user_mark(up->u, up->f->mark[name]);
}

/* ---- attempts ---- */

/* A text as 16 bits that are never 0. Attempts keep no texts: they are many and a user's memory is small. */
static uint16_t code_of(const struct value *v) {
  if (v->kind != VALUE_TEXT || v->count == 0) return 0;
  uint16_t code = (uint16_t)hash_64(value_str(*v));
  return code ? code : 1;
}

static uint8_t company_of(const struct value *v) {
  if (v->kind != VALUE_TEXT || v->count == 0 || str_is(value_str(*v), "unknown")) return 0;
  return str_is(value_str(*v), "alone") ? 1 : 2;
}

/* Attempts are bounded and a streak is not: what lies of it in those that are dropped is kept as a number. One that is told later than
 * all that are kept can only lengthen it. */
static void remember_run(struct update *up, const struct attempt *coming) {
  const struct attempt *gone = up->u->attempts;
  const struct mark *run = marked(up, MARK_RUN);
  if (up->u->attempt_count < ATTEMPTS_MOST) return;
  if (coming->day < gone->day) gone = coming;
  if (!gone->done || (run && gone->day <= run->at)) return;
  mark(up, MARK_RUN, gone->day, run && gone->day - run->at == 1 ? run->value + 1 : 1);
}

static void add_attempt(struct update *up, bool done) {
  double completion, hour;
  const struct value *kind = &up->slots[FIELD_WORKOUT_TYPE];
  struct attempt a = {.day = up->local.day,
                      .minute = (uint16_t)up->local.minute,
                      .done = done,
                      .social = company_of(&up->slots[FIELD_SOCIAL]),
                      .place = code_of(&up->slots[FIELD_LOCATION]),
                      .weather = code_of(&up->slots[FIELD_WEATHER]),
                      .kind = code_of(kind->kind == VALUE_TEXT ? kind : &up->slots[FIELD_WORKOUT_ID]),
                      .completion = UINT16_MAX};
  if (number(up, FIELD_COMPLETION, &completion)) a.completion = (uint16_t)(math_clamp(completion, 0, 1) * 10000 + .5);
  /* a skip is often reported later than the hour it was planned for, and the hour is what patterns are about */
  if (!done && number(up, FIELD_PLANNED_HOUR, &hour)) a.minute = (uint16_t)(math_clamp(hour, 0, 23.99) * 60);
  remember_run(up, &a);
  up->kept = user_add_attempt(up->u, &a) && up->kept;
}

static void completed(struct update *up) {
  double completion = 1;
  number(up, FIELD_COMPLETION, &completion);
  add(up, RING_DONE, math_clamp(completion, 0, 1));
  add_attempt(up, true);
  const struct mark *last = marked(up, MARK_LAST_DONE);
  if (!last || last->value < up->local.day) mark(up, MARK_LAST_DONE, up->e->timestamp, up->local.day);
  /* Completions only ever lengthen streaks, so the longest is kept beside the attempts, which are bounded. */
  struct view v;
  view_open(&v, up->f, up->u, up->e->timestamp, NULL);
  v.today = INT32_MAX;
  const struct mark *longest = marked(up, MARK_LONGEST);
  double now = streaks_of(&v)->longest;
  if (!longest || longest->value < now) mark(up, MARK_LONGEST, up->e->timestamp, now);
}

/* ---- the other kinds of events ---- */

static uint32_t list_length(const struct event *e, const char *name) {
  uint32_t at = json_get(&e->json, e->data, name);
  if (at == JSON_NONE) return 0;
  if (json_type(&e->json, at) == JSON_ARRAY) return e->json.tokens[at].count;
  return json_type(&e->json, at) == JSON_STRING && json_raw(&e->json, at).len > 2; /* one word, not the empty text */
}

static void interacted(struct update *up) {
  double seconds = 0;
  number(up, FIELD_SCREEN, &seconds);
  add(up, RING_SCREEN, math_clamp(seconds, 0, 86400));
  add(up, RING_BARRIERS, list_length(up->e, "barriers"));
  if (list_length(up->e, "skipReasons")) add(up, RING_SKIPPED, 1);
}

static void progressed(struct update *up) {
  double progress, expected;
  const struct mark *old = marked(up, MARK_GOAL);
  if (old && old->at > up->e->timestamp) return; /* an older word comes late */
  if (number(up, FIELD_PROGRESS, &progress)) mark(up, MARK_GOAL, up->e->timestamp, progress);
  if (number(up, FIELD_EXPECTED, &expected)) mark(up, MARK_EXPECTED, up->e->timestamp, expected);
}

/* Intensity comes as a number from 1 to 10 or as a word. */
static void intensity(struct update *up) {
  static const struct {
    const char *word;
    double level;
  } words[] = {{"low", 3}, {"light", 3}, {"moderate", 5}, {"medium", 5}, {"high", 8}, {"vigorous", 8}};
  const struct value *v = &up->slots[FIELD_INTENSITY];
  add_number(up, RING_INTENSITY, FIELD_INTENSITY, 0, 10);
  for (size_t i = 0; v->kind == VALUE_TEXT && i < sizeof words / sizeof *words; i++)
    if (str_is(value_str(*v), words[i].word)) add(up, RING_INTENSITY, words[i].level);
}

static void wellbeing(struct update *up) {
  add_number(up, RING_PREPARATION, FIELD_PREPARATION, 0, 1440);
  add_number(up, RING_SLEEP, FIELD_SLEEP, 0, 24);
  add_number(up, RING_SLEEP_QUALITY, FIELD_SLEEP_QUALITY, 0, 100);
  add_number(up, RING_STRESS, FIELD_STRESS, 0, 10);
  add_number(up, RING_HRV, FIELD_HRV, 0, 1000);
  add_number(up, RING_MOTIVATION, FIELD_MOTIVATION, 0, 10);
}

static void built_in(struct update *up) {
  struct str type = up->e->type;
  const struct mark *first = marked(up, MARK_FIRST_DAY);
  if (!first || first->value > up->local.day) mark(up, MARK_FIRST_DAY, up->e->timestamp, up->local.day);
  add(up, RING_ANY, 1);
  wellbeing(up);
  if (str_is(type, "workout_completed")) {
    completed(up);
    intensity(up);
  } else if (str_is(type, "workout_skipped")) {
    add(up, RING_SKIPPED, 1);
    add_attempt(up, false);
  } else if (str_is(type, "workout_planned")) add(up, RING_PLANNED, 1);
  else if (str_is(type, "app_interaction")) interacted(up);
  else if (str_is(type, "goal_progress")) progressed(up);
}

/* What the features need of the profile, kept as numbers so that reading them parses nothing. */
static void keep_facts(struct update *up, struct arena *scratch) {
  const struct mark *target = marked(up, MARK_TARGET);
  if (target && target->at == up->u->profile_version) return;
  struct profile_facts facts = profile_facts(up->u->profile, scratch);
  mark(up, MARK_TARGET, up->u->profile_version, facts.target);
  mark(up, MARK_PREFERRED, up->u->profile_version, facts.preferred);
}

static void declared(struct update *up, const struct vocabulary *v) {
  const struct features *f = up->f;
  const struct event_type *type = v ? vocabulary_type(v, up->e->type) : NULL;
  if (!type || type->number >= f->type_count) return;
  for (uint32_t i = FIELD_COUNT; i < f->fields.count; i++) {
    const struct symbol *s = &f->fields.at[i];
    if (s->kind != SYMBOL_CLOCK) continue;
    double clock[] = {up->local.minute / 60.0, up->local.minute, up->local.weekday};
    up->slots[i] = value_number(clock[s->index]);
  }
  const bool warming = features_some_warming(f, up->u); /* what is not whole is filled in one step, later */
  for (const uint32_t *i = f->by_type[type->number]; *i != UINT32_MAX; i++)
    if (!warming || window_is_filled(&f->declared[*i], up->u))
      up->kept =
          declared_update(&f->declared[*i], up->u, up->e->timestamp, up->local.day, f->circle[up->local.minute], up->slots) && up->kept;
}

bool features_update(const struct features *f, struct user *u, const struct event *e, const struct vocabulary *v, bool may_identify,
                     struct err *err) {
  struct value slots[EVENT_SLOTS_MOST]; /* the plan sets what the event may say, declared() the clock's */
  struct arena scratch = {0};
  must(f->fields.count <= EVENT_SLOTS_MOST);
  if (str_is(e->type, "profile_updated") && e->data != JSON_NONE && !user_merge_profile(u, json_raw(&e->json, e->data), may_identify, err))
    return false;
  struct update up = {f, u, e, local_time(u, e->timestamp), slots, true};
  event_plan_fill(f->plan, e, slots, &scratch);
  built_in(&up);
  keep_facts(&up, &scratch);
  declared(&up, v);
  arena_free(&scratch);
  return up.kept || err_set(err, ERR_STORAGE, "memory for the features of a user is missing");
}
