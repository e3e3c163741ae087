/* why_not: why a trigger does not fire for a user, in words or as JSON: its condition term by term on the values as they are, the nearest
 * change, then what would stand in the way all the same, in the order in which deciding asks: the person's safeguards, the trigger's own,
 * the rollout, and each option with the terms that stop it. Draws nothing, changes nothing. [lane] */
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
  struct why_condition when, available;
  struct guard_figures figures;
  struct obstacle person, own, gate;
  struct halted halted;     /* the gate, when it is a halt */
  struct obstacle *options; /* by place in trigger->offer */
  struct why_condition *conditions;
};

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
  uint32_t gate = rollout_gate(m, &t->gates, &entered);
  if (gate != NO_ONE) n->gate = (struct obstacle){rollout_reason(m, gate), m->rules->rollouts[gate].noun->at.name};
  if (n->gate.reason == REASON_ROLLOUT_HALTED) {
    const uint64_t hash = m->rules->rollouts[gate].hash;
    n->halted = (struct halted){controls_since(m->controls, hash), controls_by_itself(m->controls, hash)};
  }
  for (size_t k = 0; k < t->offer_count; k++) {
    struct obstacle *o = &n->options[k];
    struct goal_given goal;
    o->reason = guard_option(m, t->offer[k], guard_minor(m->user), a, &o->detail, &goal);
    const struct expression *x = o->reason ? option_condition(&m->rules->options[t->offer[k]], str_from(o->reason)) : NULL;
    why_condition_read(x, m->slots, a, &n->conditions[k]);
  }
  return true;
}

/* ---- in words ---- */

static void say_obstacle(const struct speaking *s, const struct rules *r, const struct why_not *n, const struct obstacle *o) {
  if (!o->reason) return;
  buf_printf(s->out, "  %s: %s", s->word[W_NOT], reason_in_words(s, str_from(o->reason)));
  if (o->detail.len && o != &n->person) buf_printf(s->out, " (" STR_FORMAT ")", STR_ARG(o->detail));
  buf_char(s->out, '\n');
  char at[32];
  if (o == &n->gate && n->halted.at) say_halt(s, r, o->detail, (struct str){at, clock_format(n->halted.at, at)}, n->halted.by_itself);
  say_if_reason(s, &r->policy, str_from(o->reason), &n->figures);
}

static void say_option(const struct speaking *s, const struct option *option, const struct obstacle *o, const struct why_condition *c) {
  buf_printf(s->out, "    " STR_FORMAT ": ", STR_ARG(option->noun->at.name));
  if (!o->reason) buf_text(s->out, s->word[W_POSSIBLE]);
  else buf_printf(s->out, "%s, %s", s->word[W_NOT], reason_in_words(s, str_from(o->reason)));
  if (o->reason && o->detail.len) buf_printf(s->out, " (" STR_FORMAT ")", STR_ARG(o->detail));
  buf_printf(s->out, " (%s:%d)\n", option->noun->at.file, option->noun->at.line);
  say_condition(s, c, "        ");
}

bool why_not_text(struct why_not_input *in, struct arena *a, struct buf *out) {
  static const enum word truths[] = {[TRUTH_FALSE] = W_FALSE, [TRUTH_TRUE] = W_TRUE, [TRUTH_UNKNOWN] = W_UNKNOWN};
  const struct rules *r = in->moment.rules;
  struct speaking s = speak(in->language, a, out);
  struct why_not n;
  if (!gather(in, a, &n)) return false;
  buf_printf(out, STR_FORMAT ": %s\n", STR_ARG(n.trigger->noun->at.name), s.word[truths[n.truth]]);
  say_rule(&s, n.trigger);
  say_condition(&s, &n.when, "    ");
  say_obstacle(&s, r, &n, &n.person);
  say_obstacle(&s, r, &n, &n.own);
  say_condition(&s, &n.available, "    ");
  say_obstacle(&s, r, &n, &n.gate);
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
  const struct obstacle *all[] = {&n->person, &n->own, &n->gate};
  json_key(w, "obstacles");
  json_open_array(w);
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    if (!all[i]->reason) continue;
    json_open_object(w);
    put_obstacle(w, all[i], language);
    if (all[i] == &n->own && n->available.condition) put_condition(w, &n->available);
    if (all[i] == &n->gate) put_halted(w, &n->halted);
    json_close_object(w);
  }
  json_close_array(w);
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
  put_obstacles(&w, &n, in->language);
  put_options(&w, in->moment.rules, &n, in->language);
  json_key(&w, "safeguards");
  put_guard_figures(&w, &n.figures);
  json_close_object(&w);
  return !out->failed;
}
