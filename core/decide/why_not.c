/* why_not: why a trigger does not fire for a user, in words or as JSON: when a silence that it waits for is due, its condition term by term
 * on the values as they are, the nearest change, then all that would stand in the way all the same, in the order in which deciding asks (it
 * stops at the first): the person's safeguards, the trigger's own, the rollouts of the trigger and of its experiment, the experiment, and
 * each option with what stops it. Whatever is named as a change leads to a send together with those after it. Draws nothing, changes
 * nothing. [lane] */
#include "kit/clock.h"
#include "why.h"
#include <string.h>

enum obstacle_of { OF_PERSON, OF_TRIGGER, OF_GATE, OF_TRIAL, OF_ARM, OF_OPTIONS, OF_OPTION };
struct obstacle {
  struct obstacle *next;
  enum obstacle_of of;
  const char *reason;
  struct str detail;
  struct why_condition condition; /* that is not true; none: it is another reason */
  int64_t cooldown, last;         /* how long, ms, and since when; 0: it is another reason */
  const struct ratio_held *waits; /* the gate does not go on by itself, since the experiment's arms are not filled as they should be */
  struct halted halted;           /* the gate, when it is a halt */
  struct held_back back;          /* … when it is a holdback */
};
struct obstacles { /* all that stand, in the order of deciding */
  struct obstacle *first;
  bool failed;
};
struct why_not {
  const struct trigger *trigger;
  enum truth truth;
  const struct experiment *experiment; /* at the trigger; NULL: none */
  bool ended;
  struct why_condition when;
  struct guard_figures figures;
  struct obstacles obstacles, *options; /* of each option, by place in trigger->offer */
  const struct ratio_held *ratio;       /* the experiment's arms are not filled as they should be; NULL: they are */
  struct silence *silences;             /* that the trigger waits for, by place in noun->on */
  const struct silence *awaited;        /* … and without which it does not fire; NULL: it is not that */
};

/* NULL: no memory, which the list keeps. */
static struct obstacle *add(struct obstacles *l, struct arena *a, enum obstacle_of of, const char *reason, struct str detail) {
  struct obstacle **end = &l->first, *o = ARENA_NEW(a, struct obstacle);
  while (*end) end = &(*end)->next;
  if (!o) l->failed = true;
  else *o = (struct obstacle){.of = of, .reason = reason, .detail = detail};
  return *end = o;
}

static void gather_person(const struct moment_input *m, struct arena *a, struct why_not *n) {
  int from = 0;
  struct str detail = {0};
  const char *reason;
  guard_user(m->rules, m->controls, m->user, m->clock, &n->figures, a, &detail);
  if (m->controls->kill_all) add(&n->obstacles, a, OF_PERSON, REASON_KILLED, STR("all"));
  while ((reason = guard_user_next(m->rules, m->user, &n->figures, a, &detail, &from))) add(&n->obstacles, a, OF_PERSON, reason, detail);
}

static void set_cooldown(struct obstacle *o, double seconds, int64_t last) {
  if (strcmp(o->reason, REASON_COOLDOWN) != 0) return;
  o->cooldown = (int64_t)(seconds * 1000);
  o->last = last;
}

static void gather_own(const struct moment_input *m, const struct trigger *t, struct arena *a, struct why_not *n) {
  int from = 0;
  struct str detail = {0};
  const char *reason;
  while ((reason = guard_trigger(m, t, &detail, &from))) {
    struct obstacle *o = add(&n->obstacles, a, OF_TRIGGER, reason, detail);
    if (!o) return;
    set_cooldown(o, t->noun->cooldown, guard_last_send(m->user, t->hash, false));
    if (strcmp(reason, REASON_NOT_AVAILABLE) == 0) why_condition_read(t->available, m->slots, a, &o->condition);
  }
}

static bool is_there(const struct obstacles *l, struct str rollout) {
  for (const struct obstacle *o = l->first; o; o = o->next)
    if (o->of == OF_GATE && str_eq(o->detail, rollout)) return true;
  return false;
}

static void gather_gates(const struct why_not_input *in, const struct gates *gates, uint64_t *entered, struct arena *a,
                         struct obstacles *l) {
  const struct moment_input *m = &in->moment;
  for (size_t i = 0; i < gates->count; i++) {
    const struct gates one = {&gates->at[i], 1};
    const struct rollout *r = &m->rules->rollouts[gates->at[i]];
    if (rollout_gate(m, &one, entered) == NO_ONE || is_there(l, r->noun->at.name)) continue;
    struct obstacle *o = add(l, a, OF_GATE, rollout_reason(m, gates->at[i]), r->noun->at.name);
    if (!o) return;
    o->back = rollout_held_back(m, gates->at[i]);
    o->waits = held_rollout(&in->held, o->detail);
    if (o->reason == REASON_ROLLOUT_HALTED)
      o->halted = (struct halted){controls_since(m->controls, r->hash), controls_by_itself(m->controls, r->hash)};
  }
}

static void gather_option(const struct why_not_input *in, uint32_t number, uint64_t *entered, struct arena *a, struct obstacles *l) {
  const struct moment_input *m = &in->moment;
  const struct option *option = &m->rules->options[number];
  struct goal_given goal;
  struct str detail;
  const char *reason;
  int from = 0;
  while ((reason = guard_option(m, number, guard_minor(m->user), a, &detail, &goal, &from))) {
    struct obstacle *o = add(l, a, OF_OPTION, reason, detail);
    if (!o) return;
    set_cooldown(o, option->noun->cooldown, guard_last_send(m->user, option->hash, true));
    why_condition_read(option_condition(option, str_from(reason)), m->slots, a, &o->condition);
  }
  gather_gates(in, &option->gates, entered, a, l);
}

/* What the experiment would say, of options in the order in which they are offered: whether any can be sent hangs on no score. */
static void gather_trial(const struct moment_input *m, struct arena *a, struct why_not *n) {
  const struct experiment *x = n->experiment;
  struct decision d = {.candidates = ARENA_ARRAY(a, struct candidate, n->trigger->offer_count + 1),
                       .candidate_count = n->trigger->offer_count};
  struct str detail;
  const char *reason;
  int from = 0;
  n->obstacles.failed |= !d.candidates;
  for (size_t k = 0; d.candidates && k < d.candidate_count; k++)
    d.candidates[k] =
        (struct candidate){.option = n->trigger->offer[k], .reason = n->options[k].first ? n->options[k].first->reason : NULL};
  while (d.candidates && (reason = experiment_unavailable(m, x, &d, guard_minor(m->user), &detail, &from))) {
    struct obstacle *o = add(&n->obstacles, a, from > EXPERIMENT_ARMS ? OF_ARM : OF_TRIAL, reason, detail);
    if (o && o->of == OF_TRIAL && strcmp(reason, REASON_NOT_AVAILABLE) == 0) why_condition_read(x->available, m->slots, a, &o->condition);
  }
  n->ended = controls_ended(m->controls, x->end_name);
  if (n->ended && (x->control == NO_ONE || x->arms[x->control].silence))
    add(&n->obstacles, a, OF_TRIAL, REASON_EXPERIMENT_ENDED, x->noun->at.name);
}

/* Each option has something that stands in its way. */
static bool none_possible(const struct why_not *n) {
  for (size_t k = 0; k < n->trigger->offer_count; k++)
    if (!n->options[k].first) return false;
  return true;
}

/* A trigger that waits for silences only fires when one of them is due; the nearest one is what is waited for. */
static bool gather_silences(const struct moment_input *m, struct arena *a, struct why_not *n) {
  const struct noun_trigger *noun = n->trigger->noun;
  const struct silence *nearest = NULL;
  bool only = noun->on_count > 0 && !m->event; /* of an event that is being decided: its moment has come */
  if (!(n->silences = ARENA_ARRAY(a, struct silence, noun->on_count + 1))) return false;
  for (size_t i = 0; i < noun->on_count; i++) {
    if (noun->on[i].kind == MOMENT_SILENCE) n->silences[i] = ticks_silence(m->user, n->trigger, &noun->on[i], m->clock);
    only &= noun->on[i].kind == MOMENT_SILENCE && n->silences[i].state != SILENCE_DUE;
    if (!nearest || (n->silences[i].state == SILENCE_WAITING && (nearest->state != SILENCE_WAITING || n->silences[i].due < nearest->due)))
      nearest = &n->silences[i];
  }
  n->awaited = only ? nearest : NULL;
  return true;
}

static bool gather(const struct why_not_input *in, struct arena *a, struct why_not *n) {
  const struct moment_input *m = &in->moment;
  const struct trigger *t = &m->rules->triggers[in->trigger];
  uint64_t entered = 0;
  *n = (struct why_not){.trigger = t, .truth = t->when ? expression_truth(t->when, m->slots) : TRUTH_TRUE};
  n->options = ARENA_ARRAY(a, struct obstacles, t->offer_count + 1);
  if (!n->options || !gather_silences(m, a, n)) return false;
  why_condition_read(t->when, m->slots, a, &n->when);
  gather_person(m, a, n);
  gather_own(m, t, a, n);
  gather_gates(in, &t->gates, &entered, a, &n->obstacles);
  n->experiment = t->experiment == NO_ONE ? NULL : &m->rules->experiments[t->experiment];
  if (n->experiment) gather_gates(in, &n->experiment->gates, &entered, a, &n->obstacles);
  if (n->experiment) n->ratio = held_experiment(&in->held, n->experiment->noun->at.name, (int64_t)n->experiment->noun->revision);
  for (size_t k = 0; k < t->offer_count; k++) gather_option(in, t->offer[k], &entered, a, &n->options[k]);
  if (n->experiment) gather_trial(m, a, n);
  else if (none_possible(n)) add(&n->obstacles, a, OF_OPTIONS, REASON_NO_OPTION, (struct str){0});
  for (size_t k = 0; k < t->offer_count; k++) n->obstacles.failed |= n->options[k].failed;
  return !n->obstacles.failed;
}

/* What would have made a true condition false is of interest only where nothing else stopped the trigger: else it had come to nothing, too.
 */
static struct why_condition condition_of(const struct why_not *n) {
  struct why_condition c = n->when;
  if (n->truth == TRUTH_TRUE && (n->obstacles.first || n->awaited)) c.change_count = 0;
  return c;
}

/* ---- in words ---- */

static struct str time_text(const struct speaking *s, int64_t at) {
  char text[32];
  const size_t len = clock_format(at, text);
  const char *kept = arena_text(s->arena, text, len);
  return (struct str){kept ? kept : "", kept ? len : 0};
}

static void say_silences(const struct speaking *s, const struct why_not *n) {
  static const enum word notes[] = {[SILENCE_TOLD] = W_SILENCE_TOLD, [SILENCE_MISSED] = W_SILENCE_MISSED, [SILENCE_PAST] = W_SILENCE_PAST};
  for (size_t i = 0; i < n->trigger->noun->on_count; i++) {
    if (n->trigger->noun->on[i].kind != MOMENT_SILENCE) continue;
    const struct silence *one = &n->silences[i];
    buf_printf(s->out, "  %s %s: ", s->word[W_SILENCE], in_time(s, one->after));
    if (one->state == SILENCE_UNHEARD) buf_text(s->out, s->word[W_SILENCE_UNHEARD]);
    else
      buf_printf(s->out, "%s " STR_FORMAT ", %s " STR_FORMAT, s->word[W_LAST_HEARD], STR_ARG(time_text(s, one->last)),
                 s->word[W_SILENCE_DUE], STR_ARG(time_text(s, one->due)));
    if (one->state >= SILENCE_TOLD && one->state <= SILENCE_PAST) buf_printf(s->out, "; %s", s->word[notes[one->state]]);
    buf_char(s->out, '\n');
  }
}

static void say_awaited(const struct speaking *s, const struct silence *one) {
  if (!one) return;
  if (one->state == SILENCE_WAITING) say_if(s, W_IF_SILENT, time_text(s, one->due).at, NULL);
  else say_if(s, W_IF_HEARD, in_time(s, one->after), NULL);
}

static void say_when(const struct speaking *s, const struct why_not *n) {
  const struct why_condition c = condition_of(n);
  say_condition(s, &c, "    ");
  if (n->truth != TRUTH_TRUE && c.change_count == 0) say_if(s, W_IF_CONDITION, NULL, NULL);
  *s->also = n->truth != TRUTH_TRUE;
}

/* What would have had to be otherwise for this one not to stand there. */
static void say_change_of(const struct speaking *s, const struct moment_input *m, const struct why_not *n, const struct obstacle *o,
                          const char *indent) {
  if (o->condition.condition) {
    say_condition(s, &o->condition, indent);
    if (o->condition.change_count == 0) say_if(s, W_IF_CONDITION, NULL, NULL);
  } else if (o->cooldown) {
    const int64_t since = m->clock - o->last;
    say_if(s, W_IF_COOLDOWN, in_time(s, o->cooldown), in_time(s, since < 0 ? 0 : since));
  } else if (o->of == OF_ARM) say_if(s, W_IF_ARM, arena_text(s->arena, o->detail.at, o->detail.len), NULL);
  else if (o->of >= OF_TRIAL && strcmp(o->reason, REASON_MINOR) == 0) say_if(s, W_IF_ADULT, NULL, NULL);
  else say_if_reason(s, &m->rules->policy, str_from(o->reason), &n->figures);
  *s->also = true; /* whether or not there is a figure that says so */
}

static void say_obstacle(const struct speaking *s, const struct moment_input *m, const struct why_not *n, const struct obstacle *o) {
  buf_printf(s->out, "  %s: %s", s->word[W_NOT], reason_in_words(s, str_from(o->reason)));
  if (o->detail.len && o->of != OF_PERSON) buf_printf(s->out, " (" STR_FORMAT ")", STR_ARG(o->detail));
  buf_char(s->out, '\n');
  if (o->halted.at) say_halt(s, m->rules, o->detail, time_text(s, o->halted.at), o->halted.by_itself);
  say_held_rollout(s, o->waits);
  if (o->back.until) say_held_back(s, o->detail, o->back.share, time_text(s, o->back.until));
  say_change_of(s, m, n, o, "    ");
}

static void say_experiment(const struct speaking *s, const struct why_not *n) {
  if (!n->experiment) return;
  const struct declared *at = &n->experiment->noun->at;
  buf_printf(s->out, "  %s " STR_FORMAT "%s%s (%s:%d)\n", s->word[W_EXPERIMENT], STR_ARG(at->name), n->ended ? ", " : "",
             n->ended ? s->word[W_ENDED] : "", at->file, at->line);
  say_held_experiment(s, n->ratio);
}

static void say_option(const struct speaking *s, const struct moment_input *m, const struct why_not *n, size_t k) {
  const struct noun_intervention *noun = m->rules->options[n->trigger->offer[k]].noun;
  bool also = false;
  const struct speaking of = of_option(s, &also);
  buf_printf(s->out, "    " STR_FORMAT ": ", STR_ARG(noun->at.name));
  if (!n->options[k].first) buf_text(s->out, s->word[W_POSSIBLE]);
  for (const struct obstacle *o = n->options[k].first; o; o = o->next) {
    buf_printf(s->out, "%s%s %s", o == n->options[k].first ? s->word[W_NOT] : "", o == n->options[k].first ? "," : ";",
               reason_in_words(s, str_from(o->reason)));
    if (o->detail.len) buf_printf(s->out, " (" STR_FORMAT ")", STR_ARG(o->detail));
  }
  buf_printf(s->out, " (%s:%d)\n", noun->at.file, noun->at.line);
  for (const struct obstacle *o = n->options[k].first; o; o = o->next) say_change_of(&of, m, n, o, "        ");
}

bool why_not_text(struct why_not_input *in, struct arena *a, struct buf *out) {
  static const enum word truths[] = {[TRUTH_FALSE] = W_FALSE, [TRUTH_TRUE] = W_TRUE, [TRUTH_UNKNOWN] = W_UNKNOWN};
  const struct moment_input *m = &in->moment;
  struct speaking s = speak(in->language, a, out);
  struct why_not n;
  if (!gather(in, a, &n)) return false;
  buf_printf(out, STR_FORMAT ": %s\n", STR_ARG(n.trigger->noun->at.name), s.word[truths[n.truth]]);
  bool also = false;
  s.also = &also;
  s.names = in;
  say_rule(&s, n.trigger);
  say_silences(&s, &n);
  say_when(&s, &n);
  say_awaited(&s, n.awaited);
  const struct obstacle *o = n.obstacles.first;
  for (; o && o->of < OF_TRIAL; o = o->next) say_obstacle(&s, m, &n, o);
  say_experiment(&s, &n);
  for (; o; o = o->next) say_obstacle(&s, m, &n, o);
  buf_printf(out, "  %s:\n", s.word[W_OPTIONS]);
  for (size_t k = 0; k < n.trigger->offer_count; k++) say_option(&s, m, &n, k);
  say_guard(&s, &n.figures);
  return !out->failed;
}

/* ---- as JSON ---- */

static void put_place(struct json_writer *w, const struct declared *at) {
  json_pair_text(w, "file", at->file);
  json_pair_int(w, "line", at->line);
}

static void put_time(struct json_writer *w, const char *key, int64_t at) {
  char text[32];
  json_pair_str(w, key, (struct str){text, clock_format(at, text)});
}

/* Into an open object. */
static void put_obstacle(struct json_writer *w, const struct obstacle *o, const char *language) {
  json_pair_text(w, "reason", o->reason);
  json_pair_text(w, "sentence", reason_sentence(o->reason, strlen(o->reason), language));
  if (o->detail.len) json_pair_str(w, "detail", o->detail);
  if (o->condition.condition) put_condition(w, &o->condition);
  if (o->cooldown) {
    json_key(w, "cooldown");
    json_open_object(w);
    put_time(w, "last", o->last);
    put_time(w, "until", o->last + o->cooldown);
    json_close_object(w);
  }
  put_halted(w, &o->halted);
  if (o->waits) json_pair_str(w, "waits_for_ratio_of", o->waits->experiment);
  put_held_back(w, &o->back);
}

static void put_obstacles(struct json_writer *w, const char *key, const struct obstacle *o, const char *language) {
  json_key(w, key);
  json_open_array(w);
  for (; o; o = o->next) {
    json_open_object(w);
    put_obstacle(w, o, language);
    json_close_object(w);
  }
  json_close_array(w);
}

static void put_silences(struct json_writer *w, const struct why_not *n) {
  static const char *const states[] = {"waiting", "due", "told", "missed", "imported", "unheard"};
  const struct noun_trigger *noun = n->trigger->noun;
  bool any = false;
  for (size_t i = 0; i < noun->on_count; i++) {
    if (noun->on[i].kind != MOMENT_SILENCE) continue;
    if (!any) json_key(w, "silences");
    if (!any) json_open_array(w);
    any = true;
    json_open_object(w);
    json_pair_int(w, "after_s", n->silences[i].after / CLOCK_SECOND);
    json_pair_text(w, "state", states[n->silences[i].state]);
    if (n->silences[i].state != SILENCE_UNHEARD) put_time(w, "last_heard", n->silences[i].last);
    if (n->silences[i].state != SILENCE_UNHEARD) put_time(w, "due", n->silences[i].due);
    json_close_object(w);
  }
  if (any) json_close_array(w);
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

/* What stops an option first stands in its own object, as ever; whatever stands there as well, beside it. */
static void put_options(struct json_writer *w, const struct rules *r, const struct why_not *n, const char *language) {
  json_key(w, "options");
  json_open_array(w);
  for (size_t k = 0; k < n->trigger->offer_count; k++) {
    const struct obstacle *first = n->options[k].first;
    json_open_object(w);
    json_pair_str(w, "option", r->options[n->trigger->offer[k]].noun->at.name);
    put_place(w, &r->options[n->trigger->offer[k]].noun->at);
    json_pair_bool(w, "possible", first == NULL);
    if (first) put_obstacle(w, first, language);
    if (first && first->next) put_obstacles(w, "also", first->next, language);
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
  const struct why_condition when = condition_of(&n);
  put_condition(&w, &when);
  put_silences(&w, &n);
  put_experiment(&w, &n);
  put_obstacles(&w, "obstacles", n.obstacles.first, in->language);
  put_options(&w, in->moment.rules, &n, in->language);
  json_key(&w, "safeguards");
  put_guard_figures(&w, &n.figures);
  json_close_object(&w);
  return !out->failed;
}
