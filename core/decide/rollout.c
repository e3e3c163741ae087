/* rollout: who is in. A user enters a rollout when a stage first reaches them, and that entry is recorded: once in, in until halted,
 * whatever the share does later; an entry from before the last halt counts no more. Of a stage that reaches everybody a few stay out for
 * its hold, as the control fact that brought it there says, so that there is somebody to compare with. The bucket is a function of rollout
 * and user only, so that growing a share keeps everyone who was in. Called by slate.c in a lane, before any draw, and by flow before a
 * model is asked. */
#include "kit/rng.h"
#include "reasons_words.h"
#include "rules_inside.h"

/* Who bears most comes first, then a tier each quarter of the stage's hold. Somebody in several tiers bears as little as the last of them
 * says; of whom nothing is known comes last. */
static bool has_turn(const struct moment_input *in, const struct rollout *o, const struct stage *s) {
  const int64_t since = controls_since(in->controls, o->hash);
  if (s->turn == 0 || since == 0) return true;
  int64_t rank = -1;
  for (size_t i = 0; i < in->rules->tier_count; i++) {
    const struct tier *t = &in->rules->tiers[i];
    const struct value *v = &in->slots[t->slot];
    if (v->kind == VALUE_BOOL && v->number != 0 && t->rank > rank) rank = t->rank;
  }
  if (rank < 0) rank = TIERS - 1;
  return in->clock - since >= rank * s->turn;
}

static double place_of(const struct rollout *o, struct str user) {
  return rng_draw(STR("rollout"), user, o->hash, STR("share"));
}

static double place_in(const struct moment_input *in, const struct rollout *o) {
  return in->fixed && in->fixed->place >= 0 ? in->fixed->place : place_of(o, in->user->id);
}

double stage_holdback(const struct noun_rollout *n, int32_t stage) {
  if (stage < 0 || (size_t)stage >= n->stage_count) return 0;
  return n->stages[stage].share >= 1 && n->stages[stage].hold > 0 ? ROLLOUT_HOLDBACK : 0;
}

/* The stage reaches the user by its share, but holds those with the last places back for a while. */
static bool is_held_back(const struct moment_input *in, const struct rollout *o, const struct noun_stage *s, struct held_back *h) {
  const int64_t since = controls_since(in->controls, o->hash);
  *h = (struct held_back){controls_holdback(in->controls, o->hash), since + (int64_t)(s->hold * 1000)};
  if (!(h->share > 0) || since == 0 || in->clock >= h->until) return false;
  const double place = place_in(in, o);
  return place < s->share && place >= s->share - h->share;
}

struct held_back rollout_held_back(const struct moment_input *in, uint32_t rollout) {
  const struct rollout *o = &in->rules->rollouts[rollout];
  const int32_t stage = controls_stage(in->controls, o->hash);
  struct held_back h;
  if (stage < 0 || (size_t)stage >= o->noun->stage_count || controls_killed(in->controls, o->kill_name)) return (struct held_back){0};
  const struct stage *s = &o->stages[stage];
  if (s->only && expression_truth(s->only, in->slots) != TRUTH_TRUE) return (struct held_back){0};
  return is_held_back(in, o, &o->noun->stages[stage], &h) ? h : (struct held_back){0};
}

const char *rollout_reason(const struct moment_input *in, uint32_t rollout) {
  if (controls_stage(in->controls, in->rules->rollouts[rollout].hash) < 0) return REASON_ROLLOUT_HALTED;
  return rollout_held_back(in, rollout).until ? REASON_ROLLOUT_HOLDBACK : REASON_NOT_IN_ROLLOUT;
}

static const struct mark *entry_of(const struct controls *c, const struct rollout *o, const struct user *u) {
  const struct mark *m = user_mark(u, o->entry);
  return m && m->at >= controls_anew(c, o->hash) ? m : NULL;
}

static bool is_in(const struct moment_input *in, uint32_t number, uint64_t *entered) {
  const struct rollout *o = &in->rules->rollouts[number];
  if (controls_killed(in->controls, o->kill_name)) return false;
  int32_t stage = controls_stage(in->controls, o->hash);
  if (stage < 0 || o->noun->stage_count == 0) return false;
  if (entry_of(in->controls, o, in->user) || (*entered >> number & 1)) return true;
  if ((size_t)stage >= o->noun->stage_count) stage = (int32_t)o->noun->stage_count - 1;
  const struct stage *s = &o->stages[stage];
  if (s->only && expression_truth(s->only, in->slots) != TRUTH_TRUE) return false;
  struct held_back back;
  if (place_in(in, o) >= s->share || is_held_back(in, o, &o->noun->stages[stage], &back)) return false;
  if (!has_turn(in, o, s)) return false;
  *entered |= UINT64_C(1) << number;
  return true;
}

bool model_gated(const struct moment_input *in, uint32_t model) {
  uint64_t entered = 0;
  return in->rules->models && rollout_gate(in, &in->rules->models[model], &entered) != NO_ONE;
}

bool model_gated_by(const struct rules *r, uint32_t model, struct str rollout) {
  for (size_t i = 0; r->models && i < r->models[model].count; i++)
    if (str_eq(r->rollouts[r->models[model].at[i]].noun->at.name, rollout)) return true;
  return false;
}

bool model_entered(const struct rules *r, const struct controls *c, struct user *u, uint32_t model, int64_t at) {
  for (size_t i = 0; r->models && i < r->models[model].count; i++) {
    const struct rollout *o = &r->rollouts[r->models[model].at[i]];
    if (!entry_of(c, o, u) && !user_set_mark(u, o->entry, at, 1)) return false;
  }
  return true;
}

uint32_t rollout_gate(const struct moment_input *in, const struct gates *gates, uint64_t *entered) {
  for (size_t i = 0; i < gates->count; i++)
    if (!is_in(in, gates->at[i], entered)) return gates->at[i];
  return NO_ONE;
}

bool rollout_outside(const struct rules *r, uint32_t rollout, int32_t stage, struct str user) {
  const struct rollout *o = &r->rollouts[rollout];
  return stage >= 0 && (size_t)stage < o->noun->stage_count && place_of(o, user) >= o->stages[stage].share;
}

int64_t rollout_since(const struct rules *r, const struct controls *c, uint32_t rollout, const struct user *u) {
  const struct mark *m = entry_of(c, &r->rollouts[rollout], u);
  return m ? m->at : 0;
}

bool rules_gate_models(const struct rules *r) {
  return r->models != NULL;
}

uint64_t rollout_hash(const struct rules *r, uint32_t rollout) {
  return r->rollouts[rollout].hash;
}
