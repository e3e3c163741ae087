/* score: how much an option is expected to help this user now (E09): base effectiveness, personality match, the user's own responses, fit
 * with the context, weighted. Called by slate.c in a lane. */
#include "kit/math.h"
#include "rules_inside.h"

static double share_or(const struct expression *x, const struct value *slots, double otherwise) {
  struct value v = x ? expression_value(x, slots) : value_missing(MISSING_ABSENT);
  return v.kind == VALUE_NUMBER || v.kind == VALUE_BOOL ? math_clamp(v.number, 0, 1) : otherwise;
}

/* Good responses of this user to this option, shrunk towards one half by two imagined ones (E20): a single answer says little. */
static double historical_response(const struct user *u, uint64_t option) {
  double good = 0, answered = 0;
  for (size_t i = 0; i < u->send_count; i++) {
    if (u->sends[i].option != option || u->sends[i].response == 0 || u->sends[i].response == 3) continue;
    answered += 1;
    good += u->sends[i].response == 1;
  }
  return (good + 1) / (answered + 2);
}

void score_option(const struct moment_input *in, const struct noun_choose *weights, struct candidate *c) {
  const struct option *o = &in->rules->options[c->option];
  c->parts[0] = o->noun->effectiveness;
  c->parts[1] = share_or(o->match, in->slots, 0.5);
  c->parts[2] = historical_response(in->user, o->hash);
  c->parts[3] = share_or(o->fits, in->slots, 0.5);
  const double w[4] = {weights ? weights->effectiveness : 0.4, weights ? weights->match : 0.3, weights ? weights->history : 0.2,
                       weights ? weights->context : 0.1};
  c->score = 0;
  for (int i = 0; i < 4; i++) c->score += w[i] * c->parts[i];
  c->score = math_round6(c->score);
}
