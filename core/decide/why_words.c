/* why_words: a stored decision explained in English or Russian, one fact a line: what happened and why, each term with its operands, what
 * was missing, the safeguard or rival that took the place, options with scores and the terms that stood in their way, arms and draw, the
 * nearest change that would have flipped it, the delivery. Pure; any thread. */
#include "kit/clock.h"
#include "why.h"
#include <string.h>

static struct str text_of(const struct why *y, const char *key, const struct speaking *s) {
  return json_text(&y->record, json_path(&y->record, 0, key), s->arena);
}

/* Their details are figures, which are said in the language below. */
static bool has_figures(struct str reason) {
  return str_is(reason, REASON_QUIET_HOURS) || str_is(reason, REASON_TOO_SOON) || str_is(reason, REASON_DAY_CAP) ||
         str_is(reason, REASON_WEEK_CAP);
}

static void say_outcome(const struct why *y, const struct speaking *s) {
  static const char *const outcomes[] = {"sent", "silent", "unavailable", "outranked", "gated"};
  struct str outcome = text_of(y, "outcome", s), reason = text_of(y, "reason", s), detail = text_of(y, "detail", s),
             option = text_of(y, "option", s);
  const char *word = s->word[W_IMPORTED];
  for (int i = 0; i < 5; i++)
    if (str_is(outcome, outcomes[i])) word = s->word[W_SENT + i];
  buf_printf(s->out, STR_FORMAT ": %s", STR_ARG(text_of(y, "id", s)), word);
  if (option.len) buf_printf(s->out, " " STR_FORMAT, STR_ARG(option));
  if (reason.len) buf_printf(s->out, ", %s %s", s->word[W_BECAUSE], reason_in_words(s, reason));
  if (detail.len && !has_figures(reason)) buf_printf(s->out, " (" STR_FORMAT ")", STR_ARG(detail));
  buf_char(s->out, '\n');
  buf_printf(s->out, "  %s " STR_FORMAT ", %s " STR_FORMAT ", %s " STR_FORMAT "\n", s->word[W_USER], STR_ARG(text_of(y, "user", s)),
             s->word[W_AT], STR_ARG(text_of(y, "at", s)), s->word[W_EVENT], STR_ARG(text_of(y, "event.type", s)));
}

/* An option's own condition, on what was read. */
static void say_option_terms(const struct why *y, const struct option *o, struct str reason, const struct speaking *s) {
  struct why_condition condition;
  why_condition_read(option_condition(o, reason), y->slots, s->arena, &condition);
  say_option_condition(s, &condition);
}

static void say_candidate(const struct why *y, uint32_t c, struct str chosen, const struct speaking *s) {
  const struct json *j = &y->record;
  struct str name = json_text(j, json_get(j, c, "option"), s->arena), reason = json_text(j, json_get(j, c, "reason"), s->arena);
  struct str detail = json_text(j, json_get(j, c, "detail"), s->arena);
  uint32_t number = y->input->rules ? rules_option(y->input->rules, name) : NO_ONE;
  const struct option *o = number == NO_ONE ? NULL : &y->input->rules->options[number];
  buf_printf(s->out, "    " STR_FORMAT " " STR_FORMAT ", p " STR_FORMAT, STR_ARG(name), STR_ARG(json_raw(j, json_get(j, c, "score"))),
             STR_ARG(json_raw(j, json_get(j, c, "propensity"))));
  if (reason.len) buf_printf(s->out, ": %s, %s", s->word[W_NOT], reason_in_words(s, reason));
  if (reason.len && detail.len) buf_printf(s->out, " (" STR_FORMAT ")", STR_ARG(detail));
  if (!reason.len && str_eq(name, chosen)) buf_printf(s->out, ": %s", s->word[W_CHOSEN]);
  if (o) buf_printf(s->out, " (%s:%d)", o->noun->at.file, o->noun->at.line);
  buf_char(s->out, '\n');
  if (o && reason.len) say_option_terms(y, o, reason, s);
}

static void say_candidates(const struct why *y, const struct speaking *s) {
  const struct json *j = &y->record;
  uint32_t list = json_get(j, 0, "candidates");
  if (list == JSON_NONE || j->tokens[list].count == 0) return;
  struct str chosen = text_of(y, "option", s);
  buf_printf(s->out, "  %s:\n", s->word[W_OPTIONS]);
  for (uint32_t i = 0; i < j->tokens[list].count; i++) say_candidate(y, json_child(j, list, i), chosen, s);
}

/* Where in [0, 1) the drawn arm lies: the arms share it in their order. */
static const char *arm_interval(const struct json *j, uint32_t x, struct str arm, struct arena *a) {
  uint32_t arms = json_get(j, x, "arms"), key = arms + 1;
  double low = 0, weight = 0;
  for (uint32_t i = 0; arms != JSON_NONE && i < j->tokens[arms].count; i++) {
    uint32_t value = json_get_str(j, arms, json_text(j, key, a));
    if (value == JSON_NONE || !json_double(j, value, &weight)) return NULL;
    if (str_eq(json_text(j, key, a), arm)) return arena_printf(a, "[%g, %g)", low, low + weight);
    low += weight;
    key = value + 1;
  }
  return NULL;
}

static void say_draw(const struct why *y, const struct speaking *s) {
  const struct json *j = &y->record;
  uint32_t x = json_get(j, 0, "experiment"), u = json_get(j, 0, "uniform");
  struct str arm = json_text(j, json_get(j, x, "arm"), s->arena);
  const char *interval = x != JSON_NONE && arm.len ? arm_interval(j, x, arm, s->arena) : NULL;
  if (x != JSON_NONE) {
    buf_printf(s->out, "  %s " STR_FORMAT, s->word[W_EXPERIMENT], STR_ARG(json_text(j, json_get(j, x, "name"), s->arena)));
    if (arm.len) buf_printf(s->out, ", %s " STR_FORMAT, s->word[W_ARM], STR_ARG(arm));
    if (json_get(j, x, "ended") != JSON_NONE) buf_printf(s->out, ", %s", s->word[W_ENDED]);
    buf_printf(s->out, " " STR_FORMAT "\n", STR_ARG(json_raw(j, json_get(j, x, "arms"))));
    say_held_experiment(s, why_held_experiment(y, s->arena));
  }
  if (u == JSON_NONE) return;
  buf_printf(s->out, "  %s u = " STR_FORMAT, s->word[W_DRAW], STR_ARG(json_raw(j, u)));
  if (interval) buf_printf(s->out, ", %s %s", s->word[W_FALLS], interval);
  buf_char(s->out, '\n');
  if (interval) say_if(s, W_IF_DRAW, interval, arena_text(s->arena, json_raw(j, u).at, json_raw(j, u).len));
}

static void say_halted(const struct why *y, const struct speaking *s) {
  bool by_itself = false;
  json_bool(&y->record, json_path(&y->record, 0, "halted.by_itself"), &by_itself);
  const struct str at = text_of(y, "halted.at", s);
  if (at.len) say_halt(s, y->input->rules, text_of(y, "detail", s), at, by_itself);
}

static void say_holdback(const struct why *y, const struct speaking *s) {
  double share;
  const struct str until = text_of(y, "holdback.until", s);
  if (until.len && json_double(&y->record, json_path(&y->record, 0, "holdback.share"), &share))
    say_held_back(s, text_of(y, "detail", s), share, until);
}

/* A decision point of an experiment goes before all others: no priority would have helped. */
static void say_rival(const struct why *y, struct str name, const struct speaking *s) {
  const struct rules *r = y->input->rules;
  const uint32_t rival = rules_trigger(r, name);
  if (rival == NO_ONE) return;
  const struct noun_trigger *noun = r->triggers[rival].noun;
  const bool before_all = r->triggers[rival].experiment != NO_ONE && y->trigger->experiment == NO_ONE;
  buf_printf(s->out, "  %s: " STR_FORMAT " (%s:%d), %s %g\n", s->word[W_RIVAL], STR_ARG(noun->at.name), noun->at.file, noun->at.line,
             s->word[W_PRIORITY], noun->priority);
  if (before_all) say_if(s, W_IF_NO_RIVAL, arena_text(s->arena, name.at, name.len), NULL);
  else say_if(s, W_IF_PRIORITY, arena_printf(s->arena, "%g", noun->priority), arena_printf(s->arena, "%g", y->trigger->noun->priority));
}

/* The condition that was not true: of the experiment, when that had come to be asked, else of the trigger. */
static void say_unavailable(const struct why *y, const struct speaking *s) {
  const bool trial = json_get(&y->record, 0, "experiment") != JSON_NONE && y->trigger->experiment != NO_ONE;
  struct why_condition available;
  why_condition_read(trial ? y->input->rules->experiments[y->trigger->experiment].available : y->trigger->available, y->slots, s->arena,
                     &available);
  say_condition(s, &available, "    ");
  if (available.change_count == 0) say_if(s, W_IF_CONDITION, NULL, NULL);
}

/* What would have had to be otherwise for the recorded reason not to stand. */
static void say_reason(const struct why *y, struct str reason, const struct guard_figures *g, const struct speaking *s) {
  const struct str detail = text_of(y, "detail", s);
  const uint32_t arms = json_path(&y->record, 0, "experiment.arms");
  if (arms != JSON_NONE && detail.len && json_get_str(&y->record, arms, detail) != JSON_NONE)
    say_if(s, W_IF_ARM, arena_text(s->arena, detail.at, detail.len), NULL);
  else if (str_is(reason, REASON_NOT_AVAILABLE)) say_unavailable(y, s);
  else if (str_is(reason, REASON_COOLDOWN)) say_if(s, W_IF_COOLDOWN, in_time(s, (int64_t)(y->trigger->noun->cooldown * 1000)), NULL);
  else if (str_is(reason, REASON_OUTRANKED)) say_rival(y, detail, s);
  else say_if_reason(s, &y->input->rules->policy, reason, g);
}

/* Deciding stops at the first reason. What the figures tell of others is said; for the rest the moment has to be looked at again. */
static void say_others(const struct why *y, const struct guard_figures *g, const struct speaking *s) {
  struct str detail = {0}, outcome = text_of(y, "outcome", s);
  int from = 0;
  for (const char *reason; (reason = why_also(y, g, s->arena, &detail, &from));) {
    buf_printf(s->out, "  %s: %s\n", s->word[W_NOT], reason_in_words(s, str_from(reason)));
    say_if_reason(s, &y->input->rules->policy, str_from(reason), g);
  }
  if (!y->input->kept || !(str_is(outcome, "unavailable") || str_is(outcome, "gated"))) return;
  buf_printf(s->out, "  %s `kairos why --user " STR_FORMAT " --trigger " STR_FORMAT " --at " STR_FORMAT "`\n", s->word[W_NOT_ALL],
             STR_ARG(text_of(y, "user", s)), STR_ARG(y->trigger->noun->at.name), STR_ARG(text_of(y, "at", s)));
}

/* Who or what took the place, and what would have had to be otherwise. */
static void say_obstacle(const struct why *y, const struct guard_figures *g, const struct speaking *s) {
  if (!y->input->rules || !y->trigger) return;
  say_halted(y, s);
  say_holdback(y, s);
  say_held_rollout(s, why_held_rollout(y, s->arena));
  say_reason(y, text_of(y, "reason", s), g, s);
  say_others(y, g, s);
}

/* As `kairos webhooks list` says it of each that does not work; there is none that does. */
static void say_endpoints(const struct why *y, const struct speaking *s) {
  const struct json *j = &y->outbox;
  const uint32_t list = json_get(j, 0, "endpoints");
  for (uint32_t i = 0; list != JSON_NONE && i < j->tokens[list].count; i++) {
    const uint32_t one = json_child(j, list, i);
    const struct str why = json_text(j, json_get(j, one, "why"), s->arena), since = json_text(j, json_get(j, one, "since"), s->arena),
                     next = json_text(j, json_get(j, one, "nextTry"), s->arena);
    const bool disabled = json_text_is(j, json_get(j, one, "breaker"), "disabled");
    buf_printf(s->out, "    %s " STR_FORMAT ": %s", s->word[W_ENDPOINT], STR_ARG(json_text(j, json_get(j, one, "name"), s->arena)),
               s->word[disabled ? W_DISABLED : W_BROKEN]);
    if (since.len) buf_printf(s->out, " %s " STR_FORMAT, s->word[W_SINCE], STR_ARG(since));
    if (why.len) buf_printf(s->out, ", %s " STR_FORMAT, s->word[W_BECAUSE], STR_ARG(why));
    if (next.len) buf_printf(s->out, "; %s " STR_FORMAT, s->word[W_NEXT_TRY], STR_ARG(next));
    if (disabled) buf_printf(s->out, "; %s", s->word[W_WAITS_FOR_ENABLE]);
    buf_char(s->out, '\n');
  }
}

static void say_delivery(const struct why *y, const struct speaking *s) {
  struct str message = text_of(y, "text.message", s);
  if (message.len) buf_printf(s->out, "  %s: " STR_FORMAT "\n", s->word[W_TEXT], STR_ARG(message));
  if (!y->input->outbox_json.len) return;
  const struct json *j = &y->outbox;
  buf_printf(s->out, "  %s: %s, %s " STR_FORMAT "\n", s->word[W_DELIVERY], in_words(s, json_text(j, json_get(j, 0, "end"), s->arena)),
             s->word[W_ATTEMPTS], STR_ARG(json_raw(j, json_get(j, 0, "attempts"))));
  say_endpoints(y, s);
}

bool why_text(const struct why_input *in, struct arena *a, struct buf *out, struct err *e) {
  struct why y;
  struct guard_figures figures;
  if (!why_gather(in, a, &y, e)) return false;
  bool guarded = why_figures(&y, &figures, a), also = false;
  struct speaking s = speak(in->language, a, out);
  if (!why_sent(&y)) s.also = &also; /* of what was sent each change stands by itself */
  say_outcome(&y, &s);
  if (y.trigger) say_rule(&s, y.trigger);
  if (y.trigger) say_condition(&s, &y.when, "    ");
  say_obstacle(&y, &figures, &s);
  say_candidates(&y, &s);
  say_draw(&y, &s);
  if (guarded) say_guard(&s, &figures);
  say_delivery(&y, &s);
  return !out->failed || err_set(e, ERR_INTERNAL, "no memory for an explanation");
}
