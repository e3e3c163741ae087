/* measure: what one event says to a metric: does it count, and with which number. Promises that conditions read the event alone, and that a
 * metric which cannot be measured from events is refused with a sentence. Sums, windows and groups are judge's. Made when a program is
 * built and when outcomes are measured; asked on any one thread. */
#include "training.h"

struct measure {
  const struct noun_metric *noun;
  enum measure_kind kind;
  struct symbols fields;
  struct expression *where, *field; /* NULL: every event; no field */
  struct event_plan *plan;
};

static enum measure_kind kind_of(struct str word) {
  static const char *const words[] = {"happened", "count", "sum", "mean", "rate"};
  int k = 0;
  while (k < MEASURE_RATE && !str_is(word, words[k])) k++;
  return (enum measure_kind)k;
}

static bool compile(struct measure *m, const char *field, struct str text, enum expression_want want, struct expression **out,
                    struct err *e) {
  if (text.len) *out = expression_compile(&m->fields, text, want, e);
  return !text.len || *out || err_wrap(e, "metric \"" STR_FORMAT "\": %s", STR_ARG(m->noun->at.name), field);
}

struct measure *measure_of(const struct features *f, const struct noun_metric *n, struct arena *a, struct err *e) {
  struct measure *m = ARENA_NEW(a, struct measure);
  if (n->value.len) {
    err_set(e, ERR_INPUT, "metric \"" STR_FORMAT "\": only metrics of events are measured, not a `value`", STR_ARG(n->at.name));
    return NULL;
  }
  const char *field = n->field.len ? arena_printf(a, "event." STR_FORMAT, STR_ARG(n->field)) : "";
  if (!m || !field) {
    err_set(e, ERR_INTERNAL, "no memory for a metric");
    return NULL;
  }
  *m = (struct measure){
      .noun = n, .kind = kind_of(n->measure), .fields = {.arena = a, .find = f->fields.find, .context = f->fields.context}};
  if (!compile(m, "where", n->where, WANT_TRUTH, &m->where, e) || !compile(m, "field", str_from(field), WANT_NUMBER, &m->field, e))
    return NULL;
  if ((m->where || m->field) && !(m->plan = event_plan_build(a, &m->fields))) {
    err_set(e, ERR_INTERNAL, "no memory for a metric");
    return NULL;
  }
  return m;
}

enum measure_kind measure_kind(const struct measure *m) {
  return m->kind;
}

bool measure_listens(const struct measure *m, struct str type) {
  return str_eq(m->noun->of, type) || (m->noun->over.len && str_eq(m->noun->over, type));
}

struct measured measure_event(const struct measure *m, const struct event *e, struct arena *scratch) {
  struct measured out = {.over = m->noun->over.len && str_eq(e->type, m->noun->over)};
  if (!str_eq(e->type, m->noun->of)) return out;
  struct value *slots = ARENA_ARRAY(scratch, struct value, m->fields.count + 1);
  if (m->plan && slots) event_plan_fill(m->plan, e, slots, scratch);
  if ((m->plan && !slots) || (m->where && expression_truth(m->where, slots) != TRUTH_TRUE)) return out;
  const struct value v = m->field ? expression_value(m->field, slots) : value_number(1);
  out.of = v.kind == VALUE_NUMBER;
  out.number = out.of ? v.number : 0;
  return out;
}
