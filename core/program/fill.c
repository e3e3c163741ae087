/* fill: how a program's names get their values for one user and event. The profile's values are cached with the user until profile or
 * program change. Called by flow in a lane; allocates in the scratch arena, but for the user's cache. */
#include "kit/clock.h"
#include "program/program.h"
#include <string.h>

static uint64_t cache_stamp(const struct program *p, const struct user *u) {
  return p->stamp << 32 | u->profile_version;
}

struct room { /* what lies behind the values: elements of lists, then bytes of texts */
  size_t elements, bytes;
};

static void measure(const struct value *v, struct room *r) {
  if (v->kind == VALUE_TEXT) r->bytes += v->count;
  if (v->kind != VALUE_LIST) return;
  r->elements += v->count;
  for (uint32_t i = 0; i < v->count; i++) measure(&v->items[i], r);
}

struct into {
  struct value *elements;
  char *text;
};

static struct value copy_value(const struct value *v, struct into *to) {
  struct value copy = *v;
  if (v->kind == VALUE_TEXT && v->count) {
    copy.text = memcpy(to->text, v->text, v->count);
    to->text += v->count;
  }
  if (v->kind == VALUE_LIST) {
    struct value *elements = to->elements;
    to->elements += v->count;
    for (uint32_t i = 0; i < v->count; i++) elements[i] = copy_value(&v->items[i], to);
    copy.items = elements;
  }
  return copy;
}

/* One block: the values, then the elements of their lists, then the bytes of their texts. */
static bool remember_profile(struct user *u, const struct value *values, size_t count, uint64_t stamp) {
  struct room room = {.elements = count};
  for (size_t i = 0; i < count; i++) measure(&values[i], &room);
  struct value *block = kit_alloc(room.elements * sizeof *values + room.bytes + 1);
  if (!block) return false;
  struct into to = {block + count, (char *)(block + room.elements)};
  for (size_t i = 0; i < count; i++) block[i] = copy_value(&values[i], &to);
  kit_free(u->profile_values);
  u->profile_values = block;
  u->profile_stamp = stamp;
  return true;
}

static struct value profile_value(const struct json *j, const struct symbol *s, struct arena *scratch) {
  struct str path = {s->name.at + 8, s->name.len - 8}; /* after "profile." */
  const char *dotted = arena_text(scratch, path.at, path.len);
  struct value v = value_from_json(j, json_path(j, 0, dotted), scratch);
  if (v.kind == VALUE_MISSING && s->fallback.kind != VALUE_MISSING) return s->fallback;
  if (v.kind != VALUE_MISSING && s->type != VALUE_MISSING && v.kind != s->type) return value_missing(MISSING_WRONG_TYPE);
  return v;
}

static const struct value *profile_values(const struct program *p, struct user *u, struct arena *scratch) {
  uint64_t stamp = cache_stamp(p, u);
  if (u->profile_values && u->profile_stamp == stamp) return u->profile_values;
  struct value *values = ARENA_ARRAY(scratch, struct value, p->profile_count + 1);
  struct json j;
  if (json_parse(&j, scratch, u->profile, &json_limits_default, NULL))
    for (size_t i = 0; i < p->profile_count; i++) values[i] = profile_value(&j, &p->symbols.at[p->profile_slots[i]], scratch);
  return remember_profile(u, values, p->profile_count, stamp) ? u->profile_values : values;
}

static void fill_profile(const struct program *p, struct user *u, struct value *slots, struct arena *scratch) {
  if (p->profile_count == 0) return;
  const struct value *values = profile_values(p, u, scratch);
  for (size_t i = 0; i < p->profile_count; i++) slots[p->profile_slots[i]] = values[i];
}

static struct value clock_value(uint32_t index, const struct event *e, const struct user *u, int64_t clock) {
  if (index == 3) return value_number((double)(clock - e->timestamp) / (double)CLOCK_MINUTE);
  if (index == CLOCK_GOAL_OFFERED) return value_missing(MISSING_ABSENT); /* decide sets it, option by option */
  if (index > CLOCK_GOAL_OFFERED) return goal_in_force(index - CLOCK_GOAL_OFFERED - 1, u);
  if (!u->zone) return value_missing(MISSING_ABSENT);
  struct tz_local local = tz_local(u->zone, clock);
  if (index == 0) return value_number(local.minute / 60 + (local.minute % 60) / 60.0);
  return value_number(index == 1 ? local.minute : local.weekday);
}

void program_fill(const struct program *p, const uint32_t *which, size_t count, const struct event *e, struct user *u, int64_t clock,
                  struct value *slots, struct arena *scratch) {
  bool profile = false, event = false, feature = false;
  for (size_t i = 0; i < count; i++) {
    const struct symbol *s = &p->symbols.at[which[i]];
    profile |= s->kind == SYMBOL_PROFILE;
    event |= s->kind == SYMBOL_EVENT;
    feature |= s->kind == SYMBOL_FEATURE;
    if (s->kind == SYMBOL_CLOCK) slots[which[i]] = clock_value(s->index, e, u, clock);
    if (s->kind == SYMBOL_ARM) slots[which[i]] = rules_arm(p->rules, s->index, u);
  }
  if (event) event_plan_fill(p->plan, e, slots, scratch);
  if (profile) fill_profile(p, u, slots, scratch);
  if (!feature) return;
  features_fill(p->features, &p->symbols, which, count, u, clock, slots, scratch);
}

/* Features cost most, and most events leave no doubt without them. */
bool program_screen(const struct program *p, const struct listening *l, const struct event *e, struct user *u, int64_t clock,
                    struct value *slots, unsigned char *maybe, uint64_t *models, struct working *w, struct arena *scratch) {
  const uint32_t *features = l->screen + l->screen_early;
  const size_t feature_count = l->screen_count - l->screen_early;
  uint32_t *wanted = ARENA_ARRAY(scratch, uint32_t, feature_count + 1);
  if (!wanted) return false;
  program_fill(p, l->screen, l->screen_early, e, u, clock, slots, scratch);
  program_work(p, l->derived, l->derived_screen, WORK_AT_ONCE, slots, w, scratch);
  const size_t count = decide_screen_early(p->rules, l, slots, maybe, wanted);
  if (count) program_fill(p, wanted, count, e, u, clock, slots, scratch);
  program_work(p, l->derived, l->derived_screen, WORK_WITH_FEATURES, slots, w, scratch);
  *models = decide_screen_late(p->rules, l, slots, maybe);
  if (!memchr(maybe, 1, l->count)) return false;
  if (count == feature_count) return true;
  program_fill(p, features, feature_count, e, u, clock, slots, scratch);
  program_work(p, l->derived, l->derived_screen, WORK_WITH_FEATURES, slots, w, scratch);
  return true;
}
