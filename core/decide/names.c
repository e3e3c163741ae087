/* names: what others may ask of the rules once they are built: the names that the moment itself gives to conditions, who listens to what,
 * and the nouns behind numbers. Pure over what rules.c built; any thread. */
#include "kit/hash.h"
#include "rules_inside.h"

/* ---- names that decide itself gives ---- */

static const struct {
  const char *name, *unit, *doc;
  double high; /* 0: without end */
  bool whole;
} clock_names[] = {
    {"event.local_hour", "hours", "hour of the decision in the user's zone, 0–23.98", 24 - 1.0 / 60, false},
    {"event.local_minute", "minutes", "minute of the day in the user's zone, 0–1439", 1439, true},
    {"event.local_weekday", "", "0 Monday … 6 Sunday in the user's zone", 6, true},
    {"event.age_minutes", "minutes", "decision clock minus the event's own time", 0, false},
    {"goal.offered", "", "what an intervention's `goal` became behind the safeguards; only in its own message", 0, false},
    {"goal.steps", "steps/day", "the goal in force", 0, false},
    {"goal.active_minutes", "minutes/week", "the goal in force", 0, false},
};

bool rules_find(const struct nouns *nouns, struct str name, struct symbol *out) {
  for (uint32_t i = 0; i < sizeof clock_names / sizeof *clock_names; i++) {
    if (!str_is(name, clock_names[i].name)) continue;
    *out = (struct symbol){.kind = SYMBOL_CLOCK,
                           .type = VALUE_NUMBER,
                           .index = i,
                           .unit = clock_names[i].unit,
                           .doc = clock_names[i].doc,
                           .bounded = clock_names[i].high > 0,
                           .high = clock_names[i].high,
                           .whole = clock_names[i].whole};
    return true;
  }
  if (!str_starts(name, "arm.")) return false;
  const struct str wanted = {name.at + 4, name.len - 4};
  uint32_t number = 0;
  while (number < nouns->experiment_count && !str_eq(nouns->experiments[number].at.name, wanted)) number++;
  if (number == nouns->experiment_count) return false;
  *out = (struct symbol){
      .kind = SYMBOL_ARM, .type = VALUE_TEXT, .index = number, .unit = "", .doc = "the user's arm once exposed; unknown before"};
  return true;
}

/* ---- looking ---- */

const struct listening *rules_listening(const struct rules *r, struct str event_type) {
  uint64_t found;
  return map_get(&r->listening, hash_64(event_type), &found) ? (const struct listening *)(uintptr_t)found : NULL;
}

uint32_t rules_trigger(const struct rules *r, struct str name) {
  for (size_t i = 0; i < r->trigger_count; i++)
    if (str_eq(r->triggers[i].noun->at.name, name)) return (uint32_t)i;
  return NO_ONE;
}

const struct listening *rules_listening_all(const struct rules *r) {
  return r->everyone;
}

const struct listening *rules_listening_to(const struct rules *r, struct str trigger) {
  uint32_t t = rules_trigger(r, trigger);
  return t == NO_ONE ? NULL : &r->single[t];
}

static uint64_t models_of_slots(const struct rules *r, const uint32_t *slots, size_t count, uint64_t (*models_of)(void *, uint32_t),
                                void *context) {
  uint64_t bits = 0;
  for (size_t i = 0; i < count; i++)
    if (r->symbols->at[slots[i]].kind == SYMBOL_BELIEF) bits |= models_of(context, r->symbols->at[slots[i]].index);
  return bits;
}

void rules_bind_models(struct rules *r, uint64_t (*models_of)(void *context, uint32_t belief), void *context) {
  for (size_t i = 0; i < r->trigger_count; i++) {
    const struct listening *l = &r->single[i];
    r->triggers[i].screen_models = models_of_slots(r, l->screen, l->screen_count, models_of, context);
    r->triggers[i].models = r->triggers[i].screen_models | models_of_slots(r, l->rest, l->rest_count, models_of, context);
  }
}

uint64_t trigger_models(const struct rules *r, uint32_t trigger) {
  return r->triggers[trigger].models;
}
bool rules_have_moments(const struct rules *r) {
  return r->any_moment;
}
size_t rules_triggers(const struct rules *r) {
  return r->trigger_count;
}
size_t rules_options(const struct rules *r) {
  return r->option_count;
}
size_t rules_rollouts(const struct rules *r) {
  return r->rollout_count;
}
size_t rules_experiments(const struct rules *r) {
  return r->experiment_count;
}
struct str trigger_name(const struct rules *r, uint32_t trigger) {
  return r->triggers[trigger].noun->at.name;
}
struct str option_name(const struct rules *r, uint32_t option) {
  return r->options[option].noun->at.name;
}
const struct noun_trigger *trigger_noun(const struct rules *r, uint32_t trigger) {
  return r->triggers[trigger].noun;
}
const struct noun_intervention *option_noun(const struct rules *r, uint32_t option) {
  return r->options[option].noun;
}
const struct noun_rollout *rollout_noun(const struct rules *r, uint32_t rollout) {
  return r->rollouts[rollout].noun;
}
const struct noun_experiment *experiment_noun(const struct rules *r, uint32_t experiment) {
  return r->experiments[experiment].noun;
}
