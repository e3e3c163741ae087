/* why: explains a stored decision. The record holds what was read; the program that decided holds the conditions; together they give each
 * term with its operands, what was missing, and the nearest change that would have flipped it. Pure; any thread. The words are in
 * why_words.c. */
#include "why.h"
#include "kit/arena.h"
#include "kit/clock.h"
#include <string.h>

/* The slots as they were: values by name from the record's "reads". */
static struct value *slots_of(const struct symbols *s, const struct json *j, struct arena *a) {
  struct value *slots = ARENA_ARRAY(a, struct value, s->count + 1);
  uint32_t reads = json_get(j, 0, "reads");
  for (uint32_t i = 0; slots && i < s->count; i++) {
    uint32_t at = json_get_str(j, reads, s->at[i].name);
    if (at != JSON_NONE) slots[i] = value_from_json(j, at, a);
    uint32_t missing = json_get(j, at, "missing");
    for (int reason = 0; missing != JSON_NONE && reason < MISSING_REASONS; reason++)
      if (json_text_is(j, missing, missing_word((enum missing_reason)reason))) slots[i] = value_missing((enum missing_reason)reason);
  }
  return slots;
}

static uint32_t trigger_of(const struct rules *r, const struct json *j, struct arena *a) {
  return r ? rules_trigger(r, json_text(j, json_get(j, 0, "trigger"), a)) : NO_ONE;
}

uint32_t rules_option(const struct rules *r, struct str name) {
  for (uint32_t i = 0; i < r->option_count; i++)
    if (str_eq(r->options[i].noun->at.name, name)) return i;
  return NO_ONE;
}

const struct expression *option_condition(const struct option *o, struct str reason) {
  if (str_is(reason, REASON_NOT_ACCEPTED)) return o->accept;
  return str_is(reason, REASON_NOT_AVAILABLE) ? o->available : NULL;
}

void why_condition_read(const struct expression *x, const struct value *slots, struct arena *a, struct why_condition *out) {
  *out = (struct why_condition){.condition = x};
  if (!x || !slots) return;
  out->count = expression_terms(x, slots, a, &out->terms);
  out->changes = ARENA_NEW(a, struct change);
  if (out->changes && expression_nearest_change(x, slots, a, out->changes)) out->change_count = 1;
  else out->change_count = expression_least_changes(x, slots, a, &out->changes);
}

bool why_gather(const struct why_input *in, struct arena *a, struct why *out, struct err *e) {
  *out = (struct why){.input = in};
  if (!json_parse(&out->record, a, in->record, &json_limits_default, e)) return err_wrap(e, "stored decision");
  if (in->outbox_json.len && !json_parse(&out->outbox, a, in->outbox_json, &json_limits_default, e)) return err_wrap(e, "stored delivery");
  uint32_t trigger = trigger_of(in->rules, &out->record, a);
  if (trigger == NO_ONE) return true;
  out->trigger = &in->rules->triggers[trigger];
  out->slots = slots_of(in->symbols, &out->record, a);
  why_condition_read(out->trigger->when, out->slots, a, &out->when);
  if (!why_sent(out)) out->when.change_count = 0; /* it was true: were it false, nothing would have been sent either */
  return true;
}

bool why_sent(const struct why *y) {
  return json_text_is(&y->record, json_get(&y->record, 0, "outcome"), "sent");
}

bool why_figures(const struct why *y, struct guard_figures *g, struct arena *a) {
  static const char *const consents[] = {"unknown", "given", "withdrawn"};
  const struct json *j = &y->record;
  uint32_t at = json_get(j, 0, "safeguards");
  int64_t number[7] = {0, 0, 0, 0, -1, -1, -1};
  static const char *const keys[] = {"in_24h", "most_24h", "in_7d", "most_7d", "since_last_s", "local_minute", "age"};
  *g = (struct guard_figures){.since_last = -1, .local_minute = -1, .age = -1};
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

/* Who is closed to everything was asked nothing more, but the figures of the other safeguards are on record. */
const char *why_also(const struct why *y, const struct guard_figures *g, struct arena *a, struct str *detail, int *from) {
  const struct json *j = &y->record;
  const char *reason;
  if (!json_text_is(j, json_get(j, 0, "outcome"), "unavailable") || json_get(j, 0, "safeguards") == JSON_NONE) return NULL;
  do reason = guard_user_next(y->input->rules, NULL, g, a, detail, from);
  while (reason && json_text_is(j, json_get(j, 0, "reason"), reason));
  return reason;
}

const struct ratio_held *why_held_experiment(const struct why *y, struct arena *a) {
  const struct json *j = &y->record;
  const uint32_t x = json_get(j, 0, "experiment");
  int64_t revision;
  if (x == JSON_NONE || !json_int(j, json_get(j, x, "revision"), &revision)) return NULL;
  return held_experiment(&y->input->held, json_text(j, json_get(j, x, "name"), a), revision);
}

const struct ratio_held *why_held_rollout(const struct why *y, struct arena *a) {
  const struct json *j = &y->record;
  if (!json_text_is(j, json_get(j, 0, "outcome"), "gated")) return NULL;
  return held_rollout(&y->input->held, json_text(j, json_get(j, 0, "detail"), a));
}

static void put_held(struct json_writer *w, const struct ratio_held *experiment, const struct ratio_held *rollout) {
  if (experiment) json_pair_str(w, "ratio_off_in", experiment->experiment);
  if (rollout) json_pair_str(w, "waits_for_ratio_of", rollout->experiment);
}

static void put_operand(struct json_writer *w, const char *key, struct str name, const struct value *v) {
  if (name.len == 0) return;
  json_key(w, key);
  json_open_object(w);
  json_pair_str(w, "name", name);
  json_key(w, "value");
  if (v->kind == VALUE_MISSING) json_put_null(w);
  else value_to_json(w, v);
  json_close_object(w);
}

static void put_term(struct json_writer *w, const struct term *t) {
  static const char *const truths[] = {"false", "true", "unknown"};
  json_open_object(w);
  json_pair_str(w, "term", t->source);
  json_pair_text(w, "truth", truths[t->truth]);
  json_pair_bool(w, "decisive", t->decisive);
  put_operand(w, "left", t->left_name, &t->left);
  if (t->operator&& t->operator[0]) json_pair_text(w, "operator", t->operator);
  put_operand(w, "right", t->right_name, &t->right);
  if (t->missing.len) json_pair_str(w, "missing", t->missing);
  json_close_object(w);
}

static void put_change(struct json_writer *w, const struct change *c) {
  json_open_object(w);
  json_pair_str(w, "name", c->name);
  json_key(w, "was");
  value_to_json(w, &c->was);
  json_pair_text(w, "needed", c->operator);
  json_key(w, "bound");
  value_to_json(w, &c->bound);
  json_close_object(w);
}

void put_condition(struct json_writer *w, const struct why_condition *c) {
  json_key(w, "terms");
  json_open_array(w);
  for (size_t i = 0; i < c->count; i++) put_term(w, &c->terms[i]);
  json_close_array(w);
  if (c->change_count == 1) {
    json_key(w, "nearest_change");
    put_change(w, c->changes);
  } else if (c->change_count) {
    json_key(w, "nearest_changes");
    json_open_array(w);
    for (size_t i = 0; i < c->change_count; i++) put_change(w, &c->changes[i]);
    json_close_array(w);
  }
}

static void put_place(struct json_writer *w, const struct declared *at) {
  json_pair_text(w, "file", at->file);
  json_pair_int(w, "line", at->line);
}

/* Options whose own condition stood in the way, with its terms: the record has only the condition's text. */
static void put_options(struct json_writer *w, const struct why *y, struct arena *a) {
  const struct json *j = &y->record;
  uint32_t list = json_get(j, 0, "candidates");
  json_key(w, "options");
  json_open_array(w);
  for (uint32_t i = 0; list != JSON_NONE && i < j->tokens[list].count; i++) {
    uint32_t c = json_child(j, list, i), option = rules_option(y->input->rules, json_text(j, json_get(j, c, "option"), a));
    if (option == NO_ONE) continue;
    const struct option *o = &y->input->rules->options[option];
    struct why_condition condition;
    why_condition_read(option_condition(o, json_text(j, json_get(j, c, "reason"), a)), y->slots, a, &condition);
    json_open_object(w);
    json_pair_str(w, "option", o->noun->at.name);
    put_place(w, &o->noun->at);
    if (condition.condition) put_condition(w, &condition);
    json_close_object(w);
  }
  json_close_array(w);
}

static void put_rival(struct json_writer *w, const struct why *y, struct arena *a) {
  const struct json *j = &y->record;
  if (!json_text_is(j, json_get(j, 0, "outcome"), "outranked")) return;
  uint32_t rival = rules_trigger(y->input->rules, json_text(j, json_get(j, 0, "detail"), a));
  if (rival == NO_ONE) return;
  const struct noun_trigger *noun = y->input->rules->triggers[rival].noun;
  json_key(w, "outranked_by");
  json_open_object(w);
  json_pair_str(w, "trigger", noun->at.name);
  json_pair_double(w, "priority", noun->priority);
  put_place(w, &noun->at);
  json_close_object(w);
}

static void put_also(struct json_writer *w, const struct why *y, struct arena *a) {
  struct guard_figures g;
  struct str detail = {0};
  int from = 0;
  why_figures(y, &g, a);
  const char *reason = why_also(y, &g, a, &detail, &from);
  if (!reason) return;
  json_key(w, "also");
  json_open_array(w);
  for (; reason; reason = why_also(y, &g, a, &detail, &from)) {
    json_open_object(w);
    json_pair_text(w, "reason", reason);
    json_pair_text(w, "sentence", reason_sentence(reason, strlen(reason), y->input->language));
    if (detail.len) json_pair_str(w, "detail", detail);
    json_close_object(w);
  }
  json_close_array(w);
}

static void put_trigger(struct json_writer *w, const struct why *y, struct arena *a) {
  json_pair_str(w, "why", y->trigger->noun->why);
  json_pair_str(w, "when", y->trigger->noun->when);
  json_pair_double(w, "priority", y->trigger->noun->priority);
  put_place(w, &y->trigger->noun->at);
  put_condition(w, &y->when);
  put_options(w, y, a);
  put_rival(w, y, a);
  put_also(w, y, a);
}

bool why_json(const struct why_input *in, struct arena *a, struct buf *out, struct err *e) {
  struct why y;
  if (!why_gather(in, a, &y, e)) return false;
  buf_str(out, in->record);
  if (out->len) out->len--; /* the record's last brace: the explanation joins the same object */
  struct buf more = {0};
  struct json_writer w = json_to(&more);
  json_open_object(&w);
  if (y.trigger) put_trigger(&w, &y, a);
  put_held(&w, why_held_experiment(&y, a), why_held_rollout(&y, a));
  if (in->outbox_json.len) {
    json_key(&w, "delivery");
    json_put_raw(&w, in->outbox_json);
  }
  if (in->traceparent.len) json_pair_str(&w, "traceparent", in->traceparent);
  if (in->trimmed_at.len) json_pair_str(&w, "event_trimmed_at", in->trimmed_at);
  json_close_object(&w);
  if (more.len > 2) {
    buf_char(out, ',');
    buf_put(out, more.at + 1, more.len - 1);
  } else buf_char(out, '}');
  buf_free(&more);
  return !out->failed || err_set(e, ERR_INTERNAL, "no memory for an explanation");
}
