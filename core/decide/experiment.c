/* experiment: arms and draws. A user's arm is a hash of experiment, revision and user, never of the program; a decision's arm is a
 * counter-based draw. Availability comes before chance: when any arm could not be carried out the point is unavailable for all of them,
 * else the propensities would be lies. Called by slate.c in a lane. */
#include "kit/rng.h"
#include "reasons_words.h"
#include "rules_inside.h"

static struct candidate *candidate_of(const struct decision *d, uint32_t option) {
  for (size_t i = 0; i < d->candidate_count; i++)
    if (d->candidates[i].option == option) return &d->candidates[i];
  return NULL;
}

static struct candidate *best_of(const struct decision *d) {
  for (size_t i = 0; i < d->candidate_count; i++) /* sorted: the first eligible one is the best */
    if (!d->candidates[i].reason) return &d->candidates[i];
  return NULL;
}

const char *experiment_unavailable(const struct moment_input *in, const struct experiment *x, const struct decision *d, bool minor,
                                   struct str *detail, int *from) {
  const bool ended = controls_ended(in->controls, x->end_name);
  while (*from < EXPERIMENT_ARMS) {
    const int k = (*from)++;
    *detail = k == 2 ? x->noun->available : x->noun->at.name;
    if (k == 0 && controls_killed(in->controls, x->kill_name)) return REASON_KILLED;
    if (k == 1 && minor) return REASON_MINOR;
    if (k == 2 && x->available && expression_truth(x->available, in->slots) != TRUTH_TRUE) return REASON_NOT_AVAILABLE;
  }
  while ((size_t)*from < EXPERIMENT_ARMS + x->noun->arm_count) {
    const size_t k = (size_t)(*from)++ - EXPERIMENT_ARMS;
    if (x->arms[k].silence || (ended && k != x->control)) continue; /* nothing is drawn any more */
    struct candidate *c = x->arms[k].option == NO_ONE ? best_of(d) : candidate_of(d, x->arms[k].option);
    if (c && !c->reason) continue;
    *detail = x->noun->arms[k].name;
    return c ? c->reason : REASON_NO_OPTION;
  }
  *detail = (struct str){0};
  return NULL;
}

static double uniform_of(const struct moment_input *in, const struct experiment *x, uint64_t decision) {
  if (in->fixed && in->fixed->draw >= 0) return in->fixed->draw;
  bool by_user = str_is(x->noun->randomise, "user");
  return rng_draw(x->salt, in->user->id, by_user ? 0 : decision, by_user ? STR("arm of user") : STR("arm of decision"));
}

static uint32_t arm_at(const struct experiment *x, double u) {
  double sum = 0;
  for (size_t k = 0; k + 1 < x->noun->arm_count; k++) {
    sum += x->noun->arms[k].weight;
    if (u < sum) return (uint32_t)k;
  }
  return (uint32_t)(x->noun->arm_count - 1);
}

/* Everybody the same from then on, the control arm: nobody is exposed any more, and no chance is used. A program without a control arm
 * has silence for one. */
static void settle_ended(const struct experiment *x, struct decision *d) {
  d->ended = true;
  if (x->control == NO_ONE || x->arms[x->control].silence) {
    d->silence = 1;
    return;
  }
  struct candidate *c = x->arms[x->control].option == NO_ONE ? best_of(d) : candidate_of(d, x->arms[x->control].option);
  c->propensity = 1;
  d->option = c->option;
}

void experiment_draw(const struct moment_input *in, const struct experiment *x, struct decision *d) {
  if (controls_ended(in->controls, x->end_name)) {
    settle_ended(x, d);
    return;
  }
  d->drawn = true;
  d->uniform = uniform_of(in, x, d->id);
  d->arm = arm_at(x, d->uniform);
  d->exposed_first = user_mark(in->user, x->exposure) == NULL;
  for (size_t k = 0; k < x->noun->arm_count; k++) {
    if (x->arms[k].silence) {
      d->silence += x->noun->arms[k].weight;
      continue;
    }
    struct candidate *c = x->arms[k].option == NO_ONE ? best_of(d) : candidate_of(d, x->arms[k].option);
    c->propensity += x->noun->arms[k].weight;
    if (k == d->arm) d->option = c->option;
  }
}

struct value rules_arm(const struct rules *r, uint32_t experiment, const struct user *u) {
  const struct experiment *x = &r->experiments[experiment];
  const struct mark *m = user_mark(u, x->exposure);
  bool known = m && str_is(x->noun->randomise, "user") && m->value >= 0 && m->value < (double)x->noun->arm_count;
  return known ? value_text(x->noun->arms[(size_t)m->value].name) : value_missing(MISSING_ABSENT);
}

uint32_t experiment_control(const struct rules *r, uint32_t experiment) {
  return r->experiments[experiment].control;
}
