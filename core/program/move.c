/* move: what a journal row does to its user's state; the one place where live, replay and recovery meet. Pure over the user; no clock, no
 * chance. Called by flow in a lane, by replay, and by whoever rebuilds a user as of a time. */
#include "accept/accept.h"
#include "judge/judge.h"
#include "kit/clock.h"
#include "program/moving.h"

/* Whether the user lives in history or now: ticks ask (decide/ticks.c). */
static bool mark_history(struct user *u, const struct recorded *r) {
  uint64_t key = mark_key("user", STR("history"));
  bool marked = user_mark(u, key) != NULL;
  if (r->history && !marked) return user_set_mark(u, key, r->clock, 0);
  if (!r->history && marked) user_clear_mark(u, key);
  return true;
}

/* Who asked to be erased is enrolled no more, whatever an application goes on sending: consent is theirs to give anew (decide/guard.c). */
static bool mark_returned(struct user *u, const struct recorded *r) {
  return !r->returned || user_set_mark(u, user_returned_key(), r->clock, 0);
}

/* Before anything of the program moves: what is refused leaves no row, so it leaves nothing in the state. Merged once more below it is the
 * same. */
static bool profile_fits(struct user *u, enum entry_kind kind, const struct event *ev, const struct recorded *r, struct err *e) {
  const bool brings = kind != ENTRY_ASKED && ev->data != JSON_NONE && str_is(ev->type, "profile_updated");
  return !brings || user_merge_profile(u, json_raw(&ev->json, ev->data), r->may_identify, e);
}

bool program_move(const struct program *p, struct user *u, enum entry_kind kind, const struct event *ev, const struct recorded *r,
                  struct arena *scratch, bool *learned, struct err *e) {
  const uint64_t since = mark_key("user", STR("since"));
  if (p && !profile_fits(u, kind, ev, r, e)) return false;
  if (p && !features_meet(p->features, u, !user_mark(u, since))) return err_set(e, ERR_INTERNAL, "no memory for a user's features");
  if (kind == ENTRY_FILLED) return !p || features_fill_in(p->features, u, r->filled, e); /* nobody did anything */
  if (kind == ENTRY_CONSENT) u->consent = str_is(ev->type, "opt_in") ? CONSENT_GIVEN : CONSENT_WITHDRAWN;
  else if (kind == ENTRY_MERGE) {
    if (!merge_take(u, ev, r->clock, scratch, e)) return false;
  } else if (kind == ENTRY_TICK) {
    if (!ticks_fired(u, ev, scratch)) return err_set(e, ERR_INTERNAL, "no memory for a tick");
  } else if (kind != ENTRY_ASKED && p && !features_update(p->features, u, ev, p->vocabulary, r->may_identify, e)) return false;
  if (!reward_join(u, ev, r->clock, scratch, learned)) return err_set(e, ERR_INTERNAL, "no memory for a complaint");
  if (kind != ENTRY_TICK && kind != ENTRY_MERGE) u->last_event = r->clock;
  if (r->clock > u->clock) u->clock = r->clock;
  if ((!user_mark(u, since) && !user_set_mark(u, since, r->clock, 0)) || !mark_history(u, r) || !mark_returned(u, r))
    return err_set(e, ERR_INTERNAL, "no memory for a mark");
  return true;
}

bool program_try(const struct program *p, enum entry_kind kind, const struct event *ev, const struct recorded *r, struct arena *scratch,
                 struct err *e) {
  bool learned;
  struct user *u = user_new();
  if (!u) return err_set(e, ERR_INTERNAL, "no memory for a user");
  bool ok = program_move(p, u, kind, ev, r, scratch, &learned, e);
  user_free(u);
  return ok;
}

/* The model that was asked for it; NO_MODEL: none. Numbers from the beliefs' count on are functions' ends. */
static uint32_t model_asked(const struct program *p, const struct recorded_belief *b) {
  const bool gated = b->value.kind == VALUE_MISSING && b->value.reason == MISSING_GATED;
  if (gated || b->belief >= beliefs_count(p->models)) return NO_MODEL;
  return model_served(p->models, belief_model(p->models, b->belief));
}

bool program_enter(const struct program *p, const struct controls *c, struct user *u, const struct recorded *r) {
  for (uint32_t i = 0; p && i < r->belief_count; i++) {
    const uint32_t model = model_asked(p, &r->beliefs[i]);
    if (model != NO_MODEL && !model_entered(p->rules, c, u, model, r->clock)) return false;
  }
  return true;
}

bool program_asked(const struct program *p, const struct recorded *r, struct str rollout) {
  for (uint32_t i = 0; rules_gate_models(p->rules) && i < r->belief_count; i++) {
    const uint32_t model = model_asked(p, &r->beliefs[i]);
    if (model != NO_MODEL && model_gated_by(p->rules, model, rollout)) return true;
  }
  return false;
}

bool program_apply(const struct program *p, const struct controls *c, struct user *u, const struct entry *row, const struct str *stored,
                   size_t stored_count, struct arena *scratch, struct err *e) {
  struct recorded r;
  struct event ev;
  bool learned;
  if (!recorded_unpack(row->record, scratch, &r, e)) return false;
  if (!event_parse(scratch, row->body, r.received, r.source, r.history, &ev, e)) return err_wrap(e, "stored event");
  if (r.given_id.len) ev.id = r.given_id;
  if (!program_move(p, u, row->kind, &ev, &r, scratch, &learned, e)) return false;
  for (size_t i = 0; i < stored_count; i++)
    if (!decision_apply_record(u, stored[i], scratch, e)) return false;
  return program_enter(p, c, u, &r) || err_set(e, ERR_INTERNAL, "no memory for a rollout's entry");
}
