/* why_not: why a trigger does not fire for a user, in words or as JSON: its condition term by term on the values as they are, the nearest
 * change, then what would stand in the way all the same, in the order in which deciding asks: the person's safeguards, the trigger's own,
 * the rollout of the trigger or of its experiment, the experiment, and each option with the terms that stop it. Draws nothing, changes
 * nothing. [lane] */
#include "kit/clock.h"
#include "why.h"
#include <string.h>

struct obstacle { /* reason NULL: none */
  const char *reason;
  struct str detail;
};
struct why_not {
  const struct trigger *trigger;
  enum truth truth;
  const struct experiment *experiment; /* at the trigger; NULL: none */
  bool ended;
  struct why_condition when, available, trial_available;
  struct guard_figures figures;
  struct obstacle person, own, gate, trial;
  const struct ratio_held *ratio; /* the experiment's arms are not filled as they should be; NULL: they are */
  const struct ratio_held *waits; /* the gate does not go on by itself for that reason */
  struct halted halted;           /* the gate, when it is a halt */
  struct held_back back;          /* … when it is a holdback */
  struct obstacle *options;       /* by place in trigger->offer */
  struct why_condition *conditions;
};

static void gather_gate(const struct moment_input *m, uint32_t gate, struct why_not *n) {
  if (gate == NO_ONE) return;
  n->gate = (struct obstacle){rollout_reason(m, gate), m->rules->rollouts[gate].noun->at.name};
  n->back = rollout_held_back(m, gate);
  if (n->gate.reason != REASON_ROLLOUT_HALTED) return;
  const uint64_t hash = m->rules->rollouts[gate].hash;
  n->halted = (struct halted){controls_since(m->controls, hash), controls_by_itself(m->controls, hash)};
}

static void gather_option(const struct moment_input *m, uint32_t option, struct arena *a, uint64_t *entered, struct obstacle *o) {
  struct goal_given goal;
  o->reason = guard_option(m, option, guard_minor(m->user), a, &o->detail, &goal);
  const uint32_t gate = o->reason ? NO_ONE : rollout_gate(m, &m->rules->options[option].gates, entered);
  if (gate != NO_ONE) *o = (struct obstacle){rollout_reason(m, gate), m->rules->rollouts[gate].noun->at.name};
}

/* What the experiment would say, of options in the order in which they are offered: whether any can be sent hangs on no score. */
static bool gather_trial(const struct moment_input *m, struct arena *a, struct why_not *n) {
  const struct experiment *x = n->experiment;
  struct decision d = {.candidates = ARENA_ARRAY(a, struct candidate, n->trigger->offer_count + 1),
                       .candidate_count = n->trigger->offer_count};
  if (!d.candidates) return false;
  for (size_t k = 0; k < d.candidate_count; k++)
    d.candidates[k] = (struct candidate){.option = n->trigger->offer[k], .reason = n->options[k].reason};
  n->ended = controls_ended(m->controls, x->end_name);
  n->trial.reason = experiment_unavailable(m, x, &d, guard_minor(m->user), &n->trial.detail);
  if (!n->trial.reason && n->ended && (x->control == NO_ONE || x->arms[x->control].silence))
    n->trial = (struct obstacle){REASON_EXPERIMENT_ENDED, x->noun->at.name};
  if (n->trial.reason && strcmp(n->trial.reason, REASON_NOT_AVAILABLE) == 0)
    why_condition_read(x->available, m->slots, a, &n->trial_available);
  return true;
}

static bool gather(const struct why_not_input *in, struct arena *a, struct why_not *n) {
  const struct moment_input *m = &in->moment;
  const struct trigger *t = &m->rules->triggers[in->trigger];
  uint64_t entered = 0;
  *n = (struct why_not){.trigger = t, .truth = t->when ? expression_truth(t->when, m->slots) : TRUTH_TRUE};
  n->options = ARENA_ARRAY(a, struct obstacle, t->offer_count + 1);
  n->conditions = ARENA_ARRAY(a, struct why_condition, t->offer_count + 1);
  if (!n->options || !n->conditions) return false;
  why_condition_read(t->when, m->slots, a, &n->when);
  n->person.reason = guard_user(m->rules, m->controls, m->user, m->clock, &n->figures, a, &n->person.detail);
  n->own.reason = guard_trigger(m->rules, m->controls, m->user, t, m->clock, m->slots, &n->own.detail);
  if (n->own.reason && strcmp(n->own.reason, REASON_NOT_AVAILABLE) == 0) why_condition_read(t->available, m->slots, a, &n->available);
  n->experiment = t->experiment == NO_ONE ? NULL : &m->rules->experiments[t->experiment];
  uint32_t gate = rollout_gate(m, &t->gates, &entered);
  if (gate == NO_ONE && n->experiment) gate = rollout_gate(m, &n->experiment->gates, &entered);
  gather_gate(m, gate, n);
  if (n->experiment) n->ratio = held_experiment(&in->held, n->experiment->noun->at.name, (int64_t)n->experiment->noun->revision);
  if (gate != NO_ONE) n->waits = held_rollout(&in->held, n->gate.detail);
  for (size_t k = 0; k < t->offer_count; k++) {
    gather_option(m, t->offer[k], a, &entered, &n->options[k]);
    const char *reason = n->options[k].reason;
    const struct expression *x = reason ? option_condition(&m->rules->options[t->offer[k]], str_from(reason)) : NULL;
    why_condition_read(x, m->slots, a, &n->conditions[k]);
  }
  return !n->experiment || gather_trial(m, a, n);
}

/* ---- in words ---- */

static bool stands_in_the_way(const struct why_not *n) {
  return n->person.reason || n->own.reason || n->gate.reason || n->trial.reason;
}

/* What would have made a true condition false is of interest only where nothing else stopped the trigger. */
static void say_when(const struct speaking *s, const struct why_not *n) {
  if (n->truth == TRUTH_TRUE && stands_in_the_way(n)) say_terms(s, &n->when, "    ");
  else say_condition(s, &n->when, "    ");
  *s->also = n->truth != TRUTH_TRUE;
}

static void say_obstacle(const struct speaking *s, const struct rules *r, const struct why_not *n, const struct obstacle *o) {
  if (!o->reason) return;
  buf_printf(s->out, "  %s: %s", s->word[W_NOT], reason_in_words(s, str_from(o->reason)));
  if (o->detail.len && o != &n->person) buf_printf(s->out, " (" STR_FORMAT ")", STR_ARG(o->detail));
  buf_char(s->out, '\n');
  char at[32];
  if (o == &n->gate && n->halted.at) say_halt(s, r, o->detail, (struct str){at, clock_format(n->halted.at, at)}, n->halted.by_itself);
  if (o == &n->gate) say_held_rollout(s, n->waits);
  if (o == &n->gate && n->back.until) say_held_back(s, o->detail, n->back.share, (struct str){at, clock_format(n->back.until, at)});
  say_if_reason(s, &r->policy, str_from(o->reason), &n->figures);
  const struct why_condition *c = o == &n->own ? &n->available : o == &n->trial ? &n->trial_available : NULL;
  if (c) say_condition(s, c, "    ");
  *s->also = true; /* whether or not there is a figure that says so */
}

static void say_experiment(const struct speaking *s, const struct why_not *n) {
  if (!n->experiment) return;
  const struct declared *at = &n->experiment->noun->at;
  buf_printf(s->out, "  %s " STR_FORMAT "%s%s (%s:%d)\n", s->word[W_EXPERIMENT], STR_ARG(at->name), n->ended ? ", " : "",
             n->ended ? s->word[W_ENDED] : "", at->file, at->line);
  say_held_experiment(s, n->ratio);
}

static void say_option(const struct speaking *s, const struct option *option, const struct obstacle *o, const struct why_condition *c) {
  buf_printf(s->out, "    " STR_FORMAT ": ", STR_ARG(option->noun->at.name));
  if (!o->reason) buf_text(s->out, s->word[W_POSSIBLE]);
  else buf_printf(s->out, "%s, %s", s->word[W_NOT], reason_in_words(s, str_from(o->reason)));
  if (o->reason && o->detail.len) buf_printf(s->out, " (" STR_FORMAT ")", STR_ARG(o->detail));
  buf_printf(s->out, " (%s:%d)\n", option->noun->at.file, option->noun->at.line);
  say_option_condition(s, c);
}

bool why_not_text(struct why_not_input *in, struct arena *a, struct buf *out) {
  static const enum word truths[] = {[TRUTH_FALSE] = W_FALSE, [TRUTH_TRUE] = W_TRUE, [TRUTH_UNKNOWN] = W_UNKNOWN};
  const struct rules *r = in->moment.rules;
  struct speaking s = speak(in->language, a, out);
  struct why_not n;
  if (!gather(in, a, &n)) return false;
  buf_printf(out, STR_FORMAT ": %s\n", STR_ARG(n.trigger->noun->at.name), s.word[truths[n.truth]]);
  bool also = false;
  s.also = &also;
  say_rule(&s, n.trigger);
  say_when(&s, &n);
  say_obstacle(&s, r, &n, &n.person);
  say_obstacle(&s, r, &n, &n.own);
  say_obstacle(&s, r, &n, &n.gate);
  say_experiment(&s, &n);
  say_obstacle(&s, r, &n, &n.trial);
  buf_printf(out, "  %s:\n", s.word[W_OPTIONS]);
  for (size_t k = 0; k < n.trigger->offer_count; k++) say_option(&s, &r->options[n.trigger->offer[k]], &n.options[k], &n.conditions[k]);
  say_guard(&s, &n.figures);
  return !out->failed;
}

/* ---- as JSON ---- */

static void put_place(struct json_writer *w, const struct declared *at) {
  json_pair_text(w, "file", at->file);
  json_pair_int(w, "line", at->line);
}

static void put_obstacle(struct json_writer *w, const struct obstacle *o, const char *language) {
  json_pair_text(w, "reason", o->reason);
  json_pair_text(w, "sentence", reason_sentence(o->reason, strlen(o->reason), language));
  if (o->detail.len) json_pair_str(w, "detail", o->detail);
}

static void put_obstacles(struct json_writer *w, const struct why_not *n, const char *language) {
  const struct obstacle *all[] = {&n->person, &n->own, &n->gate, &n->trial};
  json_key(w, "obstacles");
  json_open_array(w);
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    if (!all[i]->reason) continue;
    json_open_object(w);
    put_obstacle(w, all[i], language);
    if (all[i] == &n->own && n->available.condition) put_condition(w, &n->available);
    if (all[i] == &n->trial && n->trial_available.condition) put_condition(w, &n->trial_available);
    if (all[i] == &n->gate) put_halted(w, &n->halted);
    if (all[i] == &n->gate && n->waits) json_pair_str(w, "waits_for_ratio_of", n->waits->experiment);
    if (all[i] == &n->gate) put_held_back(w, &n->back);
    json_close_object(w);
  }
  json_close_array(w);
}

static void put_experiment(struct json_writer *w, const struct why_not *n) {
  if (!n->experiment) return;
  json_key(w, "experiment");
  json_open_object(w);
  json_pair_str(w, "name", n->experiment->noun->at.name);
  put_place(w, &n->experiment->noun->at);
  json_pair_bool(w, "ended", n->ended);
  if (n->ratio) json_pair_bool(w, "ratio_off", true);
  json_close_object(w);
}

static void put_options(struct json_writer *w, const struct rules *r, const struct why_not *n, const char *language) {
  json_key(w, "options");
  json_open_array(w);
  for (size_t k = 0; k < n->trigger->offer_count; k++) {
    json_open_object(w);
    json_pair_str(w, "option", r->options[n->trigger->offer[k]].noun->at.name);
    put_place(w, &r->options[n->trigger->offer[k]].noun->at);
    json_pair_bool(w, "possible", n->options[k].reason == NULL);
    if (n->options[k].reason) put_obstacle(w, &n->options[k], language);
    if (n->conditions[k].condition) put_condition(w, &n->conditions[k]);
    json_close_object(w);
  }
  json_close_array(w);
}

bool why_not_json(struct why_not_input *in, struct arena *a, struct buf *out) {
  static const char *const truths[] = {"false", "true", "unknown"};
  struct json_writer w = json_to(out);
  struct why_not n;
  if (!gather(in, a, &n)) return false;
  json_open_object(&w);
  json_pair_str(&w, "trigger", n.trigger->noun->at.name);
  json_pair_text(&w, "truth", truths[n.truth]);
  json_pair_str(&w, "why", n.trigger->noun->why);
  json_pair_str(&w, "when", n.trigger->noun->when);
  json_pair_double(&w, "priority", n.trigger->noun->priority);
  put_place(&w, &n.trigger->noun->at);
  put_condition(&w, &n.when);
  put_experiment(&w, &n);
  put_obstacles(&w, &n, in->language);
  put_options(&w, in->moment.rules, &n, in->language);
  json_key(&w, "safeguards");
  put_guard_figures(&w, &n.figures);
  json_close_object(&w);
  return !out->failed;
}
