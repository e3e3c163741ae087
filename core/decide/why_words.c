/* why_words: an explanation in English or Russian, one fact a line: what happened and why, each term with its operands, what was missing,
 * the safeguard or rival that took the place, options with scores, arms and draw, the nearest change that would have flipped it, the
 * delivery. Pure; any thread. */
#include "reasons_words.h"
#include "why.h"
#include <string.h>

enum word {
  W_SENT,
  W_SILENT,
  W_UNAVAILABLE,
  W_OUTRANKED,
  W_GATED,
  W_IMPORTED,
  W_USER,
  W_AT,
  W_EVENT,
  W_RULE,
  W_BECAUSE,
  W_TERMS,
  W_TRUE,
  W_FALSE,
  W_UNKNOWN,
  W_MISSING,
  W_OPTIONS,
  W_CHOSEN,
  W_NOT,
  W_EXPERIMENT,
  W_ARM,
  W_DRAW,
  W_SAFEGUARDS,
  W_IN_24H,
  W_IN_7D,
  W_NEAREST,
  W_NEEDED,
  W_WAS,
  W_DELIVERY,
  W_ATTEMPTS,
  W_TEXT,
  W_WHEN,
  W_ALWAYS,
  W_COUNT
};

static const char *const words[2][W_COUNT] = {
    {"sent",
     "silent",
     "unavailable",
     "outranked",
     "held back by a rollout",
     "decided elsewhere and imported",
     "user",
     "at",
     "event",
     "rule",
     "because",
     "terms",
     "true",
     "false",
     "unknown",
     "missing",
     "options",
     "chosen",
     "not possible",
     "experiment",
     "arm",
     "draw",
     "safeguards",
     "in 24 h",
     "in 7 days",
     "it would have been otherwise if",
     "were",
     "was",
     "delivery",
     "attempts",
     "message",
     "condition",
     "always (no condition)"},
    {"отправлено",
     "молчание",
     "недоступно",
     "уступило другому",
     "задержано внедрением",
     "решено в другой системе и импортировано",
     "пользователь",
     "время",
     "событие",
     "правило",
     "причина",
     "условия",
     "верно",
     "неверно",
     "неизвестно",
     "не хватает",
     "варианты",
     "выбран",
     "нельзя",
     "эксперимент",
     "группа",
     "жребий",
     "ограничения",
     "за 24 часа",
     "за 7 дней",
     "было бы иначе, если бы",
     "было",
     "сейчас",
     "доставка",
     "попыток",
     "текст",
     "условие",
     "всегда (без условия)"},
};

struct speaking {
  const char *const *word;
  const char *language;
  struct arena *arena;
  struct buf *out;
};

static void say_value(struct buf *out, const struct value *v, const struct speaking *s) {
  if (v->kind == VALUE_MISSING) {
    buf_text(out, s->word[W_UNKNOWN]);
    return;
  }
  struct json_writer w = json_to(out);
  value_to_json(&w, v);
}

static void say_term(const struct term *t, const struct speaking *s) {
  const char *truth = t->truth == TRUTH_TRUE ? s->word[W_TRUE] : t->truth == TRUTH_FALSE ? s->word[W_FALSE] : s->word[W_UNKNOWN];
  buf_printf(s->out, "    %c " STR_FORMAT ": %s",
             t->truth == TRUTH_TRUE    ? '+'
             : t->truth == TRUTH_FALSE ? '-'
                                       : '?',
             STR_ARG(t->source), truth);
  buf_text(s->out, "  (");
  buf_str(s->out, t->left_name);
  buf_text(s->out, " = ");
  say_value(s->out, &t->left, s);
  buf_char(s->out, ')');
  if (t->missing.len) buf_printf(s->out, ", %s: " STR_FORMAT, s->word[W_MISSING], STR_ARG(t->missing));
  buf_char(s->out, '\n');
}

static void say_change(const struct change *c, const struct speaking *s) {
  buf_printf(s->out, "  %s " STR_FORMAT " %s %s ", s->word[W_NEAREST], STR_ARG(c->name), s->word[W_NEEDED], c->operator);
  say_value(s->out, &c->bound, s);
  buf_printf(s->out, " (%s ", s->word[W_WAS]);
  say_value(s->out, &c->was, s);
  buf_text(s->out, ")\n");
}

static void say_condition(const struct trigger *t, const struct term *terms, size_t count, bool flips, const struct change *change,
                          const struct speaking *s) {
  buf_printf(s->out, "  %s: " STR_FORMAT " (%s:%d)\n", s->word[W_RULE], STR_ARG(t->noun->why), t->noun->at.file, t->noun->at.line);
  if (!t->when) {
    buf_printf(s->out, "  %s: %s\n", s->word[W_WHEN], s->word[W_ALWAYS]);
    return;
  }
  buf_printf(s->out, "  %s: " STR_FORMAT "\n", s->word[W_WHEN], STR_ARG(t->noun->when));
  for (size_t i = 0; i < count; i++) say_term(&terms[i], s);
  if (flips) say_change(change, s);
}

static struct str text_of(const struct why *y, const char *key, const struct speaking *s) {
  return json_text(&y->record, json_path(&y->record, 0, key), s->arena);
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
  if (reason.len)
    buf_printf(s->out, ", %s %s", s->word[W_BECAUSE],
               reason_sentence(arena_text(s->arena, reason.at, reason.len), reason.len, s->language));
  if (detail.len) buf_printf(s->out, " (" STR_FORMAT ")", STR_ARG(detail));
  buf_char(s->out, '\n');
  buf_printf(s->out, "  %s " STR_FORMAT ", %s " STR_FORMAT ", %s " STR_FORMAT "\n", s->word[W_USER], STR_ARG(text_of(y, "user", s)),
             s->word[W_AT], STR_ARG(text_of(y, "at", s)), s->word[W_EVENT], STR_ARG(text_of(y, "event.type", s)));
}

static void say_candidates(const struct why *y, const struct speaking *s) {
  const struct json *j = &y->record;
  uint32_t list = json_get(j, 0, "candidates");
  if (list == JSON_NONE || j->tokens[list].count == 0) return;
  struct str chosen = text_of(y, "option", s);
  buf_printf(s->out, "  %s:\n", s->word[W_OPTIONS]);
  for (uint32_t i = 0; i < j->tokens[list].count; i++) {
    uint32_t c = json_child(j, list, i);
    struct str option = json_text(j, json_get(j, c, "option"), s->arena), reason = json_text(j, json_get(j, c, "reason"), s->arena);
    buf_printf(s->out, "    " STR_FORMAT " " STR_FORMAT ", p " STR_FORMAT, STR_ARG(option), STR_ARG(json_raw(j, json_get(j, c, "score"))),
               STR_ARG(json_raw(j, json_get(j, c, "propensity"))));
    if (reason.len) {
      struct str detail = json_text(j, json_get(j, c, "detail"), s->arena);
      buf_printf(s->out, ": %s, %s", s->word[W_NOT], reason_sentence(arena_text(s->arena, reason.at, reason.len), reason.len, s->language));
      if (detail.len) buf_printf(s->out, " (" STR_FORMAT ")", STR_ARG(detail));
    } else if (str_eq(option, chosen)) buf_printf(s->out, ": %s", s->word[W_CHOSEN]);
    buf_char(s->out, '\n');
  }
}

static void say_draw(const struct why *y, const struct speaking *s) {
  const struct json *j = &y->record;
  uint32_t x = json_get(j, 0, "experiment"), u = json_get(j, 0, "uniform");
  if (x != JSON_NONE) {
    buf_printf(s->out, "  %s " STR_FORMAT, s->word[W_EXPERIMENT], STR_ARG(json_text(j, json_get(j, x, "name"), s->arena)));
    struct str arm = json_text(j, json_get(j, x, "arm"), s->arena);
    if (arm.len) buf_printf(s->out, ", %s " STR_FORMAT, s->word[W_ARM], STR_ARG(arm));
    buf_printf(s->out, " " STR_FORMAT "\n", STR_ARG(json_raw(j, json_get(j, x, "arms"))));
  }
  if (u != JSON_NONE) buf_printf(s->out, "  %s u = " STR_FORMAT "\n", s->word[W_DRAW], STR_ARG(json_raw(j, u)));
}

static void say_guard(const struct why *y, const struct speaking *s) {
  const struct json *j = &y->record;
  uint32_t g = json_get(j, 0, "safeguards");
  if (g == JSON_NONE) return;
  buf_printf(s->out, "  %s: " STR_FORMAT "/" STR_FORMAT " %s, " STR_FORMAT "/" STR_FORMAT " %s\n", s->word[W_SAFEGUARDS],
             STR_ARG(json_raw(j, json_get(j, g, "in_24h"))), STR_ARG(json_raw(j, json_get(j, g, "most_24h"))), s->word[W_IN_24H],
             STR_ARG(json_raw(j, json_get(j, g, "in_7d"))), STR_ARG(json_raw(j, json_get(j, g, "most_7d"))), s->word[W_IN_7D]);
}

static void say_delivery(const struct why *y, const struct speaking *s) {
  struct str message = text_of(y, "text.message", s);
  if (message.len) buf_printf(s->out, "  %s: " STR_FORMAT "\n", s->word[W_TEXT], STR_ARG(message));
  if (!y->input->outbox_json.len) return;
  const struct json *j = &y->outbox;
  buf_printf(s->out, "  %s: " STR_FORMAT ", %s " STR_FORMAT "\n", s->word[W_DELIVERY],
             STR_ARG(json_text(j, json_get(j, 0, "end"), s->arena)), s->word[W_ATTEMPTS], STR_ARG(json_raw(j, json_get(j, 0, "attempts"))));
}

static struct speaking speak(const char *language, struct arena *a, struct buf *out) {
  bool russian = language && strcmp(language, "ru") == 0;
  return (struct speaking){words[russian], russian ? "ru" : "en", a, out};
}

bool why_text(const struct why_input *in, struct arena *a, struct buf *out, struct err *e) {
  struct why y;
  if (!why_gather(in, a, &y, e)) return false;
  struct speaking s = speak(in->language, a, out);
  say_outcome(&y, &s);
  if (y.trigger) say_condition(y.trigger, y.terms, y.term_count, y.flips, &y.change, &s);
  say_candidates(&y, &s);
  say_draw(&y, &s);
  say_guard(&y, &s);
  say_delivery(&y, &s);
  return !out->failed || err_set(e, ERR_INTERNAL, "no memory for an explanation");
}

static void say_obstacle(const struct speaking *s, const char *reason, struct str detail) {
  buf_printf(s->out, "  %s: %s", s->word[W_NOT], reason_sentence(reason, strlen(reason), s->language));
  if (detail.len) buf_printf(s->out, " (" STR_FORMAT ")", STR_ARG(detail));
  buf_char(s->out, '\n');
}

/* What would stand in the way even if the condition were true: in the order in which deciding asks. */
static void say_obstacles(struct why_not_input *in, const struct trigger *t, const struct speaking *s) {
  const struct moment_input *m = &in->moment;
  struct guard_figures figures;
  struct str detail = {0};
  uint64_t entered = 0;
  const char *reason = guard_user(m->rules, m->controls, m->user, m->clock, &figures, s->arena, &detail);
  if (reason) say_obstacle(s, reason, detail);
  detail = (struct str){0};
  if ((reason = guard_trigger(m->rules, m->controls, m->user, t, m->clock, m->slots, &detail))) say_obstacle(s, reason, detail);
  uint32_t gate = rollout_gate(m, &t->gates, &entered);
  if (gate != NO_ONE) say_obstacle(s, REASON_NOT_IN_ROLLOUT, m->rules->rollouts[gate].noun->at.name);
  buf_printf(s->out, "  %s:\n", s->word[W_OPTIONS]);
  for (size_t k = 0; k < t->offer_count; k++) {
    detail = (struct str){0};
    reason = guard_option(m, t->offer[k], guard_minor(m->user), s->arena, &detail);
    buf_printf(s->out, "    " STR_FORMAT, STR_ARG(option_name(m->rules, t->offer[k])));
    if (reason) {
      buf_printf(s->out, ": %s, %s", s->word[W_NOT], reason_sentence(reason, strlen(reason), s->language));
      if (detail.len) buf_printf(s->out, " (" STR_FORMAT ")", STR_ARG(detail));
    }
    buf_char(s->out, '\n');
  }
}

bool why_not_text(struct why_not_input *in, struct arena *a, struct buf *out) {
  const struct value *slots = in->moment.slots;
  const struct trigger *t = &in->moment.rules->triggers[in->trigger];
  struct speaking s = speak(in->language, a, out);
  enum truth truth = t->when ? expression_truth(t->when, slots) : TRUTH_TRUE;
  buf_printf(out, STR_FORMAT ": %s\n", STR_ARG(t->noun->at.name),
             truth == TRUTH_TRUE    ? s.word[W_TRUE]
             : truth == TRUTH_FALSE ? s.word[W_FALSE]
                                    : s.word[W_UNKNOWN]);
  struct term *terms = NULL;
  struct change change;
  size_t count = t->when ? expression_terms(t->when, slots, a, &terms) : 0;
  bool flips = t->when && expression_nearest_change(t->when, slots, a, &change);
  say_condition(t, terms, count, flips, &change, &s);
  say_obstacles(in, t, &s);
  return !out->failed;
}
