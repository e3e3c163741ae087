/* difference: names the first thing that came out otherwise, with what was read: of two records of a decision, or of beliefs. Promises that
 * a difference is never swallowed: where no name can be found, the whole texts stand side by side. Pure. Used by replay. */
#include "again.h"
#include "kit/json.h"
#include <stdio.h>
#include <string.h>

#define TOLERANCE 1.0000001e-6 /* beliefs are rounded to 1e-6 before anything is decided on them (D10) */

/* As much as fits, cut between characters. */
static void keep(char *to, size_t size, struct str text) {
  size_t length = text.len < size ? text.len : size - 1;
  while (length < text.len && length > 0 && ((unsigned char)text.at[length] & 0xc0) == 0x80) length--;
  if (length) memcpy(to, text.at, length);
  to[length] = 0;
}

static void say(struct difference *d, const char *name, struct str recorded, struct str derived) {
  keep(d->name, sizeof d->name, str_from(name));
  keep(d->recorded, sizeof d->recorded, recorded);
  keep(d->derived, sizeof d->derived, derived);
  d->found = true;
}

/* ---- records ---- */

static struct str raw_or_nothing(const struct json *j, uint32_t at) {
  return at == JSON_NONE ? STR("nothing") : json_raw(j, at);
}

/* The first key of either object whose value is not the other's. `skip` is left for later. */
static bool keys_differ(const struct json *x, uint32_t at_x, const struct json *y, uint32_t at_y, const char *prefix, const char *skip,
                        struct arena *a, struct difference *d) {
  for (int side = 0; side < 2; side++) {
    const struct json *j = side ? y : x;
    uint32_t object = side ? at_y : at_x;
    if (object == JSON_NONE || json_type(j, object) != JSON_OBJECT) continue;
    for (uint32_t i = 0, at = object + 1; i < j->tokens[object].count; i++, at = j->tokens[at + 1].next) {
      struct str key = json_text(j, at, a);
      struct str mine = raw_or_nothing(x, json_get_str(x, at_x, key)), theirs = raw_or_nothing(y, json_get_str(y, at_y, key));
      if ((skip && str_is(key, skip)) || str_eq(mine, theirs)) continue;
      const char *name = arena_printf(a, "%s" STR_FORMAT, prefix, STR_ARG(key));
      say(d, name ? name : prefix, mine, theirs);
      return true;
    }
  }
  return false;
}

static void name_of_decision(const struct json *j, struct arena *a, struct difference *d) {
  snprintf(d->decision, sizeof d->decision, STR_FORMAT, STR_ARG(json_text(j, json_get(j, 0, "id"), a)));
}

void difference_of_records(struct str stored, struct str derived, struct difference *d) {
  struct arena a = {0};
  struct json x, y;
  bool has_x = stored.len && json_parse(&x, &a, stored, &json_limits_default, NULL);
  bool has_y = derived.len && json_parse(&y, &a, derived, &json_limits_default, NULL);
  if (has_x) name_of_decision(&x, &a, d);
  else if (has_y) name_of_decision(&y, &a, d);
  if (has_x && has_y) {
    if (!keys_differ(&x, json_get(&x, 0, "reads"), &y, json_get(&y, 0, "reads"), "", NULL, &a, d))
      keys_differ(&x, 0, &y, 0, "", "reads", &a, d);
  }
  if (!d->found) say(d, "decision", stored.len ? stored : STR("none"), derived.len ? derived : STR("none"));
  arena_free(&a);
}

/* ---- beliefs ---- */

static void print_value(const struct value *v, struct buf *out) {
  struct json_writer w = json_to(out);
  if (v->kind == VALUE_MISSING) buf_printf(out, "missing (%s)", missing_word((enum missing_reason)v->reason));
  else value_to_json(&w, v);
}

static bool agree(const struct value *recorded, const struct value *again) {
  if (recorded->kind == VALUE_MISSING && (recorded->reason == MISSING_FAILED || recorded->reason == MISSING_SUSPENDED)) return true;
  if (recorded->kind != again->kind) return false;
  if (recorded->kind != VALUE_NUMBER) return true;
  double apart = recorded->number - again->number;
  return (apart < 0 ? -apart : apart) <= TOLERANCE;
}

static void say_belief(const struct program *p, uint32_t belief, const struct value *recorded, const struct value *again,
                       struct difference *d) {
  struct buf was = {0}, now = {0};
  if (recorded) print_value(recorded, &was);
  else buf_text(&was, "not asked");
  if (again) print_value(again, &now);
  else buf_text(&now, "not asked");
  say(d, belief_name(p->models, belief), buf_view(&was), buf_view(&now));
  buf_free(&was);
  buf_free(&now);
}

static const struct value *recorded_of(const struct recorded *r, uint32_t belief) {
  for (uint32_t i = 0; i < r->belief_count; i++)
    if (r->beliefs[i].belief == belief) return &r->beliefs[i].value;
  return NULL;
}

bool difference_of_beliefs(const struct program *p, const struct recorded *r, uint64_t models, const struct value *again,
                           struct difference *d) {
  for (uint32_t b = 0; b < beliefs_count(p->models); b++) {
    const struct value *was = recorded_of(r, b);
    const struct value *now = models >> belief_model(p->models, b) & 1 ? &again[b] : NULL;
    if ((!was && !now) || (was && now && agree(was, now))) continue;
    if (!d->found) say_belief(p, b, was, now, d);
    return false;
  }
  return true;
}
