/* slate: all triggers true for one event, cut to one, then perhaps a draw. The order of the law: experiments' decision points, priority,
 * expected value, name; safeguards and acceptance before the cut; chance only after it; the propensity of every option of the point,
 * silence included. Called by flow in a lane, once an event. Allocates in the turn's arena only. */
#include "kit/clock.h"
#include "kit/math.h"
#include "kit/rng.h"
#include "reasons_words.h"
#include "rules_inside.h"
#include <string.h>

static bool is_wanted(const uint32_t *wanted, size_t count, uint32_t slot) {
  for (size_t i = 0; i < count; i++)
    if (wanted[i] == slot) return true;
  return false;
}

size_t decide_screen_early(const struct rules *r, const struct listening *l, const struct value *slots, unsigned char *maybe,
                           uint32_t *wanted) {
  size_t count = 0;
  for (size_t k = 0; k < l->count; k++) {
    const struct trigger *t = &r->triggers[l->triggers[k]];
    bool settled = t->steady || (t->feature_count == 0 && t->screen_models == 0);
    maybe[k] = !t->when || !settled || expression_truth(t->when, slots) != TRUTH_FALSE;
    for (size_t i = 0; maybe[k] && i < t->feature_count; i++)
      if (!is_wanted(wanted, count, t->features[i])) wanted[count++] = t->features[i];
  }
  return count;
}

uint64_t decide_screen_late(const struct rules *r, const struct listening *l, const struct value *slots, unsigned char *maybe) {
  uint64_t models = 0;
  for (size_t k = 0; k < l->count; k++) {
    const struct trigger *t = &r->triggers[l->triggers[k]];
    if (!maybe[k]) continue;
    enum truth truth = t->when ? expression_truth(t->when, slots) : TRUTH_TRUE;
    /* Where missing has a meaning of its own (`known(b)`, `b or 0`), what is said before the model was asked says nothing. */
    const bool open = t->screen_models && (truth == TRUTH_UNKNOWN || !t->steady);
    maybe[k] = truth == TRUTH_TRUE || open;
    if (maybe[k]) models |= t->models;
  }
  return models;
}

uint64_t decide_screen(const struct rules *r, const struct listening *l, const struct value *slots, unsigned char *maybe) {
  memset(maybe, 1, l->count);
  return decide_screen_late(r, l, slots, maybe);
}

/* ---- one trigger ---- */

static bool better(const struct moment_input *in, const struct candidate *a, const struct candidate *b) {
  if (a->score > b->score) return true;
  if (a->score < b->score) return false;
  return str_compare(option_name(in->rules, a->option), option_name(in->rules, b->option)) < 0;
}

static void sort_candidates(const struct moment_input *in, struct candidate *c, size_t count) {
  for (size_t i = 1; i < count; i++) {
    struct candidate moved = c[i];
    size_t at = i;
    for (; at > 0 && better(in, &moved, &c[at - 1]); at--) c[at] = c[at - 1];
    c[at] = moved;
  }
}

static void weigh_options(const struct moment_input *in, const struct trigger *t, struct decision *d, bool minor, struct arena *a) {
  const struct noun_choose *weights = t->choose == NO_ONE ? NULL : &in->rules->chooses[t->choose];
  d->candidates = ARENA_ARRAY(a, struct candidate, t->offer_count + 1);
  d->candidate_count = d->candidates ? t->offer_count : 0; /* whoever runs out of memory loses the turn */
  for (size_t k = 0; k < d->candidate_count; k++) {
    struct candidate *c = &d->candidates[k];
    c->option = t->offer[k];
    score_option(in, weights, c);
    int first = 0;
    c->reason = guard_option(in, c->option, minor, a, &c->detail, &c->goal, &first);
    uint32_t gate = c->reason ? NO_ONE : rollout_gate(in, &in->rules->options[c->option].gates, &d->entered);
    if (gate != NO_ONE) {
      c->reason = rollout_reason(in, gate);
      c->detail = in->rules->rollouts[gate].noun->at.name;
    }
  }
  sort_candidates(in, d->candidates, d->candidate_count);
}

static bool gated_by(const struct moment_input *in, struct decision *d, uint32_t gate) {
  if (gate == NO_ONE) return false;
  const struct rollout *o = &in->rules->rollouts[gate];
  d->outcome = OUTCOME_GATED;
  d->gate = gate;
  d->reason = rollout_reason(in, gate);
  d->detail = o->noun->at.name;
  if (d->reason == REASON_ROLLOUT_HALTED)
    d->halted = (struct halted){controls_since(in->controls, o->hash), controls_by_itself(in->controls, o->hash)};
  d->held_back = rollout_held_back(in, gate);
  return true;
}

/* Everything that can make this trigger stand back before the cut; true when it may compete. */
static bool may_compete(const struct moment_input *in, const struct trigger *t, struct decision *d, struct arena *a) {
  const struct rules *r = in->rules;
  bool minor = guard_minor(in->user);
  int first = 0, first_of_trial = 0;
  d->outcome = OUTCOME_UNAVAILABLE;
  d->reason = guard_trigger(in, t, &d->detail, &first);
  if (d->reason) return false;
  if (gated_by(in, d, rollout_gate(in, &t->gates, &d->entered))) return false;
  const struct experiment *x = t->experiment == NO_ONE ? NULL : &r->experiments[t->experiment];
  if (x && gated_by(in, d, rollout_gate(in, &x->gates, &d->entered))) return false;
  weigh_options(in, t, d, minor, a);
  if (x) {
    d->experiment = t->experiment;
    d->reason = experiment_unavailable(in, x, d, minor, &d->detail, &first_of_trial);
  } else if (d->candidate_count == 0 || d->candidates[0].reason) {
    size_t k = 0;
    while (k < d->candidate_count && d->candidates[k].reason) k++;
    if (k == d->candidate_count) d->reason = REASON_NO_OPTION;
  }
  return d->reason == NULL;
}

/* ---- the slate ---- */

struct place { /* of one trigger in the slate */
  struct decision *d;
  const struct trigger *t;
  bool competes;
  double expected;
};

static double expected_value(const struct decision *d) {
  for (size_t i = 0; i < d->candidate_count; i++)
    if (!d->candidates[i].reason) return d->candidates[i].score;
  return 0;
}

static bool goes_first(const struct place *a, const struct place *b) {
  bool xa = a->t->experiment != NO_ONE, xb = b->t->experiment != NO_ONE;
  if (xa != xb) return xa;
  if (a->t->noun->priority > b->t->noun->priority) return true;
  if (a->t->noun->priority < b->t->noun->priority) return false;
  if (a->expected > b->expected) return true;
  if (a->expected < b->expected) return false;
  return str_compare(a->t->noun->at.name, b->t->noun->at.name) < 0;
}

static struct place *cut(struct place *places, size_t count) {
  struct place *first = NULL;
  for (size_t i = 0; i < count; i++)
    if (places[i].competes && (!first || goes_first(&places[i], first))) first = &places[i];
  return first;
}

/* ---- after the cut ---- */

static void choose_option(const struct moment_input *in, const struct trigger *t, struct decision *d) {
  const struct noun_choose *choose = t->choose == NO_ONE ? NULL : &in->rules->chooses[t->choose];
  size_t eligible = 0;
  for (size_t i = 0; i < d->candidate_count; i++) eligible += d->candidates[i].reason == NULL;
  size_t wanted = 0;
  if (choose && str_is(choose->by, "random")) {
    d->drawn = true;
    bool fixed = in->fixed && in->fixed->draw >= 0;
    d->uniform = fixed ? in->fixed->draw : rng_draw(choose->at.name, in->user->id, d->id, STR("option of decision"));
    wanted = (size_t)(d->uniform * (double)eligible);
  }
  size_t seen = 0;
  for (size_t i = 0; i < d->candidate_count; i++) {
    struct candidate *c = &d->candidates[i];
    if (c->reason) continue;
    c->propensity = d->drawn ? 1 / (double)eligible : seen == 0 ? 1 : 0;
    if (seen++ == wanted) d->option = c->option;
  }
}

static void set_expiry(const struct moment_input *in, struct decision *d) {
  const struct noun_intervention *n = in->rules->options[d->option].noun;
  d->expires = in->clock + (int64_t)(n->expires * 1000);
  int64_t quiet = guard_next_quiet(in->rules, in->user, in->clock);
  d->send_before = d->expires < quiet ? d->expires : quiet;
}

static void settle_winner(const struct moment_input *in, struct place *p) {
  struct decision *d = p->d;
  if (p->t->experiment != NO_ONE) experiment_draw(in, &in->rules->experiments[p->t->experiment], d);
  else choose_option(in, p->t, d);
  if (d->option == NO_ONE) {
    d->outcome = OUTCOME_SILENT;
    d->reason = d->ended ? REASON_EXPERIMENT_ENDED : REASON_DRAWN;
    return;
  }
  d->outcome = OUTCOME_SENT;
  for (size_t i = 0; i < d->candidate_count; i++)
    if (d->candidates[i].option == d->option) d->goal = d->candidates[i].goal;
  set_expiry(in, d);
}

static void outrank(const struct place *winner, struct place *places, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (!places[i].competes || &places[i] == winner) continue;
    places[i].d->outcome = OUTCOME_OUTRANKED;
    places[i].d->reason = REASON_OUTRANKED;
    places[i].d->detail = winner->t->noun->at.name;
    places[i].d->by = (uint32_t)(winner->d->trigger);
  }
}

static size_t true_triggers(const struct moment_input *in, const unsigned char *maybe, struct place *places) {
  size_t count = 0;
  for (size_t k = 0; k < in->listening->count; k++) {
    uint32_t number = in->listening->triggers[k];
    if ((maybe && !maybe[k]) || (in->asked != NO_ONE && in->asked != number)) continue;
    const struct trigger *t = &in->rules->triggers[number];
    if (t->when && expression_truth(t->when, in->slots) != TRUTH_TRUE) continue;
    places[count++].t = t;
  }
  return count;
}

size_t decide_event(struct moment_input *in, const unsigned char *maybe, struct arena *a, struct decision **out) {
  struct place *places = ARENA_ARRAY(a, struct place, in->listening->count + 1);
  size_t count = places ? true_triggers(in, maybe, places) : 0;
  *out = ARENA_ARRAY(a, struct decision, count + 1);
  if (count == 0 || !*out) return 0;
  struct guard_figures figures;
  struct str detail = {0};
  const char *closed = guard_user(in->rules, in->controls, in->user, in->clock, &figures, a, &detail);
  for (size_t i = 0; i < count; i++) {
    struct decision *d = &(*out)[i];
    *d = (struct decision){.id = in->first_decision + i,
                           .at = in->clock,
                           .trigger = (uint32_t)(places[i].t - in->rules->triggers),
                           .outcome = OUTCOME_UNAVAILABLE,
                           .reason = closed,
                           .detail = detail,
                           .by = NO_ONE,
                           .option = NO_ONE,
                           .experiment = NO_ONE,
                           .arm = NO_ONE,
                           .gate = NO_ONE,
                           .guard = figures};
    places[i].d = d;
    places[i].competes = !closed && may_compete(in, places[i].t, d, a);
    places[i].expected = expected_value(d);
  }
  struct place *winner = cut(places, count);
  if (winner) {
    outrank(winner, places, count);
    settle_winner(in, winner);
  }
  return count;
}

const char *outcome_word(enum outcome o) {
  static const char *const words[] = {"sent", "silent", "unavailable", "outranked", "gated"};
  return words[o];
}
