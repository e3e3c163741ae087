/* look: one user as of now, without anything happening: every name that a trigger reads gets its value, models included. For "why not" and
 * the profile page. Opens a session of its own, since looks are rare and must not disturb a lane's. Called in the user's lane. */
#include "program/moving.h"

static bool ask_models(const struct program *p, struct user *u, uint64_t models, int64_t clock, struct value *slots, struct value *beliefs,
                       struct arena *a) {
  struct sessions *sessions = sessions_open(p->models, 1);
  struct belief_row row = {.user = u, .clock = clock, .slots = slots, .beliefs = beliefs};
  for (uint32_t n = 0, m; sessions && n < models_count(p->models); n++)
    if (models >> (m = models_in_order(p->models, n)) & 1) models_predict(p->models, sessions, m, &row, 1, p->features, a);
  sessions_close(sessions);
  return sessions != NULL;
}

bool program_believe(const struct program *p, struct user *u, int64_t clock, struct value *beliefs, struct arena *a) {
  struct value *slots = ARENA_ARRAY(a, struct value, p->symbols.count + 1);
  return slots && ask_models(p, u, UINT64_MAX, clock, slots, beliefs, a);
}

static void set_beliefs(const struct program *p, uint64_t models, const struct value *beliefs, struct value *slots) {
  for (uint32_t i = 0; i < p->symbols.count; i++) {
    const struct symbol *s = &p->symbols.at[i];
    if (s->kind == SYMBOL_BELIEF && (models >> belief_model(p->models, s->index) & 1)) slots[i] = beliefs[s->index];
  }
}

/* The models that a rollout keeps from the user; their beliefs are missing. */
static uint64_t shut(const struct program *p, const struct moment_input *in, uint64_t models, struct value *beliefs) {
  uint64_t gated = 0;
  for (uint32_t m = 0; m < models_count(p->models); m++)
    if (models >> m & 1 && model_gated(in, model_served(p->models, m))) gated |= UINT64_C(1) << m;
  for (uint32_t b = 0; b < beliefs_count(p->models); b++)
    if (gated >> belief_model(p->models, b) & 1) beliefs[b] = value_missing(MISSING_GATED);
  return gated;
}

bool program_look(const struct program *p, const struct controls *c, struct user *u, uint32_t trigger, const struct event *last,
                  int64_t clock, struct arena *a, struct value **slots, struct err *e) {
  static const struct event nothing = {.data = JSON_NONE, .context = JSON_NONE};
  const struct listening *l = rules_listening_to(p->rules, trigger_name(p->rules, trigger));
  *slots = ARENA_ARRAY(a, struct value, p->symbols.count + 1);
  if (!l || !*slots) return err_set(e, ERR_INTERNAL, "no memory to look at a user");
  program_fill(p, l->screen, l->screen_count, last ? last : &nothing, u, clock, *slots, a);
  program_fill(p, l->rest, l->rest_count, last ? last : &nothing, u, clock, *slots, a);
  struct value *beliefs = ARENA_ARRAY(a, struct value, beliefs_count(p->models) + 1);
  struct working w = {.again = true}; /* looking stops nothing */
  program_work(p, l->derived, l->derived_count, WORK_AT_ONCE, *slots, &w, a);
  program_work(p, l->derived, l->derived_count, WORK_WITH_FEATURES, *slots, &w, a);
  const uint64_t models = trigger_models(p->rules, trigger);
  const struct moment_input in = {.rules = p->rules, .controls = c, .user = u, .slots = *slots, .clock = clock, .asked = NO_ONE};
  const uint64_t gated = beliefs ? shut(p, &in, models, beliefs) : 0;
  if (!beliefs || !ask_models(p, u, models & ~gated, clock, *slots, beliefs, a))
    return err_set(e, ERR_INTERNAL, "no memory to ask the models");
  set_beliefs(p, models, beliefs, *slots);
  program_work(p, l->derived, l->derived_count, WORK_ALL, *slots, &w, a);
  return true;
}
