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

/* The safeguards' figures as the record holds them. */
static bool read_guard(const struct why *y, struct guard_figures *g, struct arena *a) {
  static const char *const consents[] = {"unknown", "given", "withdrawn"};
  const struct json *j = &y->record;
  uint32_t at = json_get(j, 0, "safeguards");
  int64_t number[7] = {0, 0, 0, 0, -1, -1, -1};
  static const char *const keys[] = {"in_24h", "most_24h", "in_7d", "most_7d", "since_last_s", "local_minute", "age"};
  if (at == JSON_NONE) return false;
  for (int i = 0; i < 7; i++) json_int(j, json_get(j, at, keys[i]), &number[i]);
  *g = (struct guard_figures){.day = (int32_t)number[0],
                              .day_most = (int32_t)number[1],
                              .week = (int32_t)number[2],
                              .week_most = (int32_t)number[3],
                              .since_last = number[4] < 0 ? -1 : number[4] * CLOCK_SECOND,
                              .local_minute = (int32_t)number[5],
                              .age = (int32_t)number[6]};
  struct str consent = json_text(j, json_get(j, at, "consent"), a);
  for (int i = 0; i < 3; i++)
    if (str_is(consent, consents[i])) g->consent = (enum consent)i;
  return true;
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

/* Who or what took the place, and what would have had to be otherwise. */
static void say_obstacle(const struct why *y, const struct guard_figures *g, const struct speaking *s) {
  struct str reason = text_of(y, "reason", s);
  const struct rules *r = y->input->rules;
  if (!r || !y->trigger) return;
  uint32_t rival = str_is(reason, REASON_OUTRANKED) ? rules_trigger(r, text_of(y, "detail", s)) : NO_ONE;
  if (str_is(reason, REASON_NOT_AVAILABLE)) {
    struct why_condition available;
    why_condition_read(y->trigger->available, y->slots, s->arena, &available);
    say_condition(s, &available, "    ");
  }
  say_halted(y, s);
  say_holdback(y, s);
  say_held_rollout(s, why_held_rollout(y, s->arena));
  say_if_reason(s, &r->policy, reason, g);
  if (rival == NO_ONE) return;
  const struct noun_trigger *noun = r->triggers[rival].noun;
  buf_printf(s->out, "  %s: " STR_FORMAT " (%s:%d), %s %g\n", s->word[W_RIVAL], STR_ARG(noun->at.name), noun->at.file, noun->at.line,
             s->word[W_PRIORITY], noun->priority);
  say_if(s, W_IF_PRIORITY, arena_printf(s->arena, "%g", noun->priority), arena_printf(s->arena, "%g", y->trigger->noun->priority));
}

static void say_delivery(const struct why *y, const struct speaking *s) {
  struct str message = text_of(y, "text.message", s);
  if (message.len) buf_printf(s->out, "  %s: " STR_FORMAT "\n", s->word[W_TEXT], STR_ARG(message));
  if (!y->input->outbox_json.len) return;
  const struct json *j = &y->outbox;
  buf_printf(s->out, "  %s: %s, %s " STR_FORMAT "\n", s->word[W_DELIVERY], in_words(s, json_text(j, json_get(j, 0, "end"), s->arena)),
             s->word[W_ATTEMPTS], STR_ARG(json_raw(j, json_get(j, 0, "attempts"))));
}

bool why_text(const struct why_input *in, struct arena *a, struct buf *out, struct err *e) {
  struct why y;
  struct guard_figures figures = {.since_last = -1, .local_minute = -1, .age = -1};
  if (!why_gather(in, a, &y, e)) return false;
  struct speaking s = speak(in->language, a, out);
  bool guarded = read_guard(&y, &figures, a);
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
