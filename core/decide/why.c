/* why: explains a stored decision. The record holds what was read; the program that decided holds the conditions; together they give each
 * term with its operands, what was missing, and the nearest change that would have flipped it. Pure; any thread. The words are in
 * why_words.c. */
#include "why.h"
#include "kit/arena.h"

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

bool why_gather(const struct why_input *in, struct arena *a, struct why *out, struct err *e) {
  *out = (struct why){.input = in};
  if (!json_parse(&out->record, a, in->record, &json_limits_default, e)) return err_wrap(e, "stored decision");
  if (in->outbox_json.len && !json_parse(&out->outbox, a, in->outbox_json, &json_limits_default, e)) return err_wrap(e, "stored delivery");
  uint32_t trigger = trigger_of(in->rules, &out->record, a);
  if (trigger == NO_ONE) return true;
  out->trigger = &in->rules->triggers[trigger];
  out->slots = slots_of(in->symbols, &out->record, a);
  if (!out->trigger->when || !out->slots) return true;
  out->term_count = expression_terms(out->trigger->when, out->slots, a, &out->terms);
  out->flips = expression_nearest_change(out->trigger->when, out->slots, a, &out->change);
  return true;
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
  json_key(w, "nearest_change");
  json_open_object(w);
  json_pair_str(w, "name", c->name);
  json_key(w, "was");
  value_to_json(w, &c->was);
  json_pair_text(w, "needed", c->operator);
  json_key(w, "bound");
  value_to_json(w, &c->bound);
  json_close_object(w);
}

bool why_json(const struct why_input *in, struct arena *a, struct buf *out, struct err *e) {
  struct why y;
  if (!why_gather(in, a, &y, e)) return false;
  buf_str(out, in->record);
  if (out->len) out->len--; /* the record's last brace: the explanation joins the same object */
  struct buf more = {0};
  struct json_writer w = json_to(&more);
  json_open_object(&w);
  if (y.trigger) {
    json_pair_str(&w, "why", y.trigger->noun->why);
    json_pair_str(&w, "when", y.trigger->noun->when);
    json_pair_text(&w, "file", y.trigger->noun->at.file);
    json_pair_int(&w, "line", y.trigger->noun->at.line);
    json_key(&w, "terms");
    json_open_array(&w);
    for (size_t i = 0; i < y.term_count; i++) put_term(&w, &y.terms[i]);
    json_close_array(&w);
    if (y.flips) put_change(&w, &y.change);
  }
  if (in->outbox_json.len) {
    json_key(&w, "delivery");
    json_put_raw(&w, in->outbox_json);
  }
  json_close_object(&w);
  if (more.len > 2) {
    buf_char(out, ',');
    buf_put(out, more.at + 1, more.len - 1);
  } else buf_char(out, '}');
  buf_free(&more);
  return !out->failed || err_set(e, ERR_INTERNAL, "no memory for an explanation");
}
