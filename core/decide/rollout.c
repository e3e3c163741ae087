/* rollout: who is in. A user enters a rollout when a stage first reaches them, and that entry is recorded: once in, in until halted,
 * whatever the share does later. The bucket is a function of rollout and user only, so that growing a share keeps everyone who was in.
 * Called by slate.c in a lane, before any draw. */
#include "kit/rng.h"
#include "rules_inside.h"

static bool is_in(const struct moment_input *in, uint32_t number, uint64_t *entered) {
  const struct rollout *o = &in->rules->rollouts[number];
  if (controls_killed(in->controls, o->kill_name)) return false;
  int32_t stage = controls_stage(in->controls, o->hash);
  if (stage < 0 || o->noun->stage_count == 0) return false;
  if (user_mark(in->user, o->entry) || (*entered >> number & 1)) return true;
  if ((size_t)stage >= o->noun->stage_count) stage = (int32_t)o->noun->stage_count - 1;
  const struct stage *s = &o->stages[stage];
  if (s->only && expression_truth(s->only, in->slots) != TRUTH_TRUE) return false;
  bool fixed = in->fixed && in->fixed->place >= 0;
  double place = fixed ? in->fixed->place : rng_draw(STR("rollout"), in->user->id, o->hash, STR("share"));
  if (place >= s->share) return false;
  *entered |= UINT64_C(1) << number;
  return true;
}

uint32_t rollout_gate(const struct moment_input *in, const struct gates *gates, uint64_t *entered) {
  for (size_t i = 0; i < gates->count; i++)
    if (!is_in(in, gates->at[i], entered)) return gates->at[i];
  return NO_ONE;
}
