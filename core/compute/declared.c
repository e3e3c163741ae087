/* Declared features (the `feature` noun): windows over one event type's field, and derived expressions over other features and the profile.
 * A window is named by the digest of its definition: change the definition and it is another series, which warms until it is filled
 * (filling.c). Promises that a late event lands in its day. Does not read the journal. Built on the builder's thread,
 * updated and read on the lane. */
#include "features.h"
#include "kit/clock.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const window_names[] = {"sum", "count", "mean", "rate", "trend", "since_last", "streak", "entropy", "circular", "last"};
#define WINDOW_NAMES    (sizeof window_names / sizeof *window_names)
#define CATEGORIES_MOST 12u
#define CATEGORY_BITS   0xffffull

static void __attribute__((format(printf, 3, 4))) complain(struct findings *f, const struct noun_feature *n, const char *format, ...) {
  char text[600];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  findings_add(f, FINDING_ERROR, n->at.file, n->at.line, "feature \"" STR_FORMAT "\": %s", STR_ARG(n->at.name), text);
}

/* Whether the language refused this feature already: what it says of fields left out or out of range is not said twice. */
static bool is_refused(const struct findings *f, const struct noun_feature *n) {
  for (size_t i = 0; i < f->count; i++)
    if (f->at[i].level == FINDING_ERROR && f->at[i].line == n->at.line && strcmp(f->at[i].file, n->at.file) == 0) return true;
  return false;
}

/* ---- building ---- */

static bool needs_field(enum window_kind kind) {
  return kind == WINDOW_SUM || kind == WINDOW_MEAN || kind == WINDOW_TREND;
}

static bool window_kind_of(const struct noun_feature *n, enum window_kind *kind, struct findings *findings) {
  for (size_t i = 0; i < WINDOW_NAMES; i++)
    if (str_is(n->window, window_names[i])) {
      *kind = (enum window_kind)i;
      return true;
    }
  if (n->window.len == 0 && is_refused(findings, n)) return false;
  const char *near = str_nearest(n->window, window_names, WINDOW_NAMES);
  if (near) complain(findings, n, "unknown window \"" STR_FORMAT "\" (did you mean \"%s\"?)", STR_ARG(n->window), near);
  else
    complain(findings, n,
             "window: expected sum, count, mean, rate, trend, since_last, streak, entropy, circular or last, or a value, got \"" STR_FORMAT
             "\"",
             STR_ARG(n->window));
  return false;
}

static uint64_t definition_digest(struct arena *a, const struct noun_feature *n) {
  const char *text = arena_printf(a, "feature/1|" STR_FORMAT "|" STR_FORMAT "|" STR_FORMAT "|" STR_FORMAT, STR_ARG(n->window),
                                  STR_ARG(n->of), STR_ARG(n->field), STR_ARG(n->where));
  uint64_t digest = text ? hash_64(str_from(text)) : 0;
  return n->window.len && str_is(n->window, "entropy") ? digest & ~CATEGORY_BITS : digest;
}

static bool window_names_build(struct arena *a, struct features *f, struct declared_feature *d, struct findings *findings) {
  const struct noun_feature *n = d->noun;
  struct err e = {0};
  d->field_slot = UINT32_MAX;
  if (n->field.len) {
    struct str name = n->field;
    if (!str_starts(name, "event.")) name = str_from(arena_printf(a, "event." STR_FORMAT, STR_ARG(n->field)));
    const struct symbol *s = symbols_name(&f->fields, name, &e);
    if (!s) complain(findings, n, "field: %s", e.text);
    else d->field_slot = s->slot;
  } else if (needs_field(d->kind)) {
    if (!is_refused(findings, n)) complain(findings, n, "window \"%s\" needs a field", window_names[d->kind]);
  } else if (d->kind == WINDOW_LAST && !n->where.len) {
    complain(findings, n, "window \"last\" needs a field, or a where that the newest event is asked");
  }
  if (n->where.len && !(d->where = expression_compile(&f->fields, n->where, WANT_TRUTH, &e))) complain(findings, n, "where: %s", e.text);
  return e.kind == ERR_NONE;
}

static void window_build(struct arena *a, struct features *f, struct declared_feature *d, const struct vocabulary *vocabulary,
                         struct findings *findings) {
  const struct noun_feature *n = d->noun;
  if (!window_kind_of(n, &d->kind, findings)) return;
  const struct event_type *type = vocabulary ? vocabulary_type(vocabulary, n->of) : NULL;
  const char *near = type || !vocabulary ? NULL : vocabulary_nearest_type(vocabulary, n->of);
  if (!type && !(n->of.len == 0 && is_refused(findings, n)))
    complain(findings, n, "of: no event noun is named \"" STR_FORMAT "\"%s%s%s", STR_ARG(n->of), near ? " (did you mean \"" : "",
             near ? near : "", near ? "\"?)" : "");
  d->type = type ? type->number : UINT32_MAX;
  double days = n->days > 0 ? n->days : 7;
  const bool within = days >= 1 && days <= SERIES_DAYS - 1;
  if (!within && is_refused(findings, n)) d->days = 1;
  else if (!within || days != (double)(int32_t)days) complain(findings, n, "days: expected a whole number from 1 to %d", SERIES_DAYS - 1);
  else d->days = (int32_t)days;
  bool several = d->kind == WINDOW_TREND || d->kind == WINDOW_ENTROPY || d->kind == WINDOW_CIRCULAR;
  const bool nothing_counts =
      d->kind == WINDOW_SUM || d->kind == WINDOW_COUNT || (d->kind == WINDOW_RATE && !n->where.len && !n->field.len);
  d->at_least = n->at_least > 0 ? n->at_least : several ? 3 : nothing_counts ? 0 : 1;
  d->digest = definition_digest(a, n);
  window_names_build(a, f, d, findings);
}

/* Names in a derived value: other features and the profile. What an event or a model says is not there when a feature is read alone. */
struct derived_names {
  const struct features *f;
  bool (*find)(void *context, struct str name, struct symbol *out, struct err *e);
  void *context;
};

static bool derived_find(void *context, struct str name, struct symbol *out, struct err *e) {
  const struct derived_names *names = context;
  if (features_find(names->f, name, out)) return true;
  if (str_starts(name, "profile.")) return names->find(names->context, name, out, e);
  const char *near = str_nearest(name, names->f->names, names->f->count);
  struct symbol other;
  struct err why;
  if (names->find(names->context, name, &other, &why) && other.kind == SYMBOL_FUNCTION)
    return err_set(e, ERR_INPUT,
                   "\"" STR_FORMAT "\" is worked out by a function, which an expression here cannot read: make this feature a function as "
                   "well, with \"" STR_FORMAT "\" among its needs",
                   STR_ARG(name), STR_ARG(name));
  return err_set(e, ERR_INPUT, "\"" STR_FORMAT "\" is no feature and no profile.… name%s%s%s: a derived feature reads only these",
                 STR_ARG(name), near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "");
}

static void derived_build(struct features *f, struct declared_feature *d, struct findings *findings) {
  struct derived_names names = {f, f->symbols->find, f->symbols->context};
  struct err e = {0};
  d->kind = WINDOW_DERIVED;
  d->type = UINT32_MAX;
  f->symbols->find = derived_find;
  f->symbols->context = &names;
  d->value = expression_compile(f->symbols, d->noun->value, WANT_ANY, &e);
  f->symbols->find = names.find;
  f->symbols->context = names.context;
  if (!d->value) complain(findings, d->noun, "value: %s", e.text);
}

/* Depth-first over derived features; a name met again on the way down is a cycle. */
static bool is_cyclic(const struct features *f, uint32_t index, uint8_t *state) {
  if (index < f->builtin) return false;
  const struct declared_feature *d = &f->declared[index - f->builtin];
  if (!d->value || state[index - f->builtin] == 2) return false;
  if (state[index - f->builtin] == 1) return true;
  state[index - f->builtin] = 1;
  const uint32_t *slots;
  uint32_t count = expression_slots(d->value, &slots);
  for (uint32_t i = 0; i < count; i++) {
    const struct symbol *s = &f->symbols->at[slots[i]];
    if (s->kind == SYMBOL_FEATURE && is_cyclic(f, s->index, state)) return true;
  }
  state[index - f->builtin] = 2;
  return false;
}

static void refuse_cycles(struct arena *a, struct features *f, uint32_t count, struct findings *findings) {
  uint8_t *state = ARENA_ARRAY(a, uint8_t, count + 1);
  for (uint32_t i = 0; state && i < count; i++) {
    if (!is_cyclic(f, f->builtin + i, state)) continue;
    complain(findings, f->declared[i].noun, "value: it reads itself, directly or through other features");
    f->declared[i].value = NULL; /* so that nothing can walk into the cycle */
    memset(state, 0, count);
  }
}

/* Features that differ only in days or at_least read one window, which is moved once. */
static bool shares_window(const struct features *f, uint32_t i) {
  for (uint32_t k = 0; k < i; k++)
    if (f->declared[k].type == f->declared[i].type && f->declared[k].digest == f->declared[i].digest) return true;
  return false;
}

static bool listeners_build(struct arena *a, struct features *f, uint32_t count) {
  f->type_count = 0;
  for (uint32_t i = 0; i < count; i++)
    if (f->declared[i].type != UINT32_MAX && f->declared[i].type >= f->type_count) f->type_count = f->declared[i].type + 1;
  f->by_type = ARENA_ARRAY(a, const uint32_t *, f->type_count + 1);
  if (!f->by_type) return false;
  for (uint32_t t = 0; t < f->type_count; t++) {
    uint32_t n = 0, *list = ARENA_ARRAY(a, uint32_t, count + 1);
    if (!list) return false;
    for (uint32_t i = 0; i < count; i++)
      if (f->declared[i].type == t && !shares_window(f, i)) list[n++] = i;
    list[n] = UINT32_MAX;
    f->by_type[t] = list;
  }
  return true;
}

bool declared_build(struct arena *a, struct features *f, const struct noun_feature *declared, size_t count,
                    const struct vocabulary *vocabulary, struct findings *findings) {
  for (uint32_t i = 0; i < count; i++) {
    struct declared_feature *d = &f->declared[i];
    d->noun = &declared[i];
    d->type = UINT32_MAX;
    if (declared[i].value.len && declared[i].window.len) {
      if (!is_refused(findings, d->noun)) complain(findings, d->noun, "it has both a window and a value; expected one of them");
    } else if (declared[i].value.len) derived_build(f, d, findings);
    else window_build(a, f, d, vocabulary, findings);
  }
  refuse_cycles(a, f, (uint32_t)count, findings);
  return listeners_build(a, f, (uint32_t)count) && windows_build(a, f, (uint32_t)count);
}

/* ---- updating ---- */

static bool ring_add(struct user *u, uint64_t digest, int32_t day, double value) {
  struct series *s = user_series(u, digest, true);
  return s && series_add(s, day, value);
}

static bool entropy_add(const struct declared_feature *d, struct user *u, int32_t day, const struct value *slots) {
  if (d->field_slot == UINT32_MAX) return ring_add(u, d->digest, day, 1);
  const struct value *field = &slots[d->field_slot];
  char digits[32];
  struct str text = {0};
  if (field->kind == VALUE_TEXT) text = value_str(*field);
  else if (field->kind == VALUE_NUMBER || field->kind == VALUE_BOOL) text = (struct str){digits, json_number(field->number, digits)};
  else return true;
  uint64_t digest = d->digest | (hash_64(text) & CATEGORY_BITS);
  uint32_t categories = 0;
  for (uint16_t i = 0; i < u->series_count; i++) {
    if (u->series[i].digest == digest) return series_add(&u->series[i], day, 1);
    categories += (u->series[i].digest & ~CATEGORY_BITS) == d->digest;
  }
  return ring_add(u, categories < CATEGORIES_MOST ? digest : d->digest, day, 1); /* beyond the bound all others share one */
}

static bool last_keep(const struct declared_feature *d, struct user *u, int64_t timestamp, double value) {
  const struct mark *old = user_mark(u, d->digest);
  return (old && old->at > timestamp) || user_set_mark(u, d->digest, timestamp, value);
}

static bool since_add(const struct declared_feature *d, struct user *u, int64_t timestamp) {
  const struct mark *old = user_mark(u, d->digest);
  return (old && old->at >= timestamp) || user_set_mark(u, d->digest, timestamp, 1);
}

bool declared_update(const struct declared_feature *d, struct user *u, int64_t timestamp, int32_t day, const float circle[2],
                     const struct value *slots) {
  bool counts = !d->where || expression_truth(d->where, slots) == TRUTH_TRUE;
  if (d->kind == WINDOW_LAST && d->field_slot == UINT32_MAX) return last_keep(d, u, timestamp, counts);
  if (d->kind == WINDOW_RATE && d->where) return ring_add(u, d->digest, day, counts ? 1 : 0);
  if (!counts) return true;
  const struct value *field = d->field_slot == UINT32_MAX ? NULL : &slots[d->field_slot];
  bool number = field && (field->kind == VALUE_NUMBER || field->kind == VALUE_BOOL);
  switch (d->kind) {
  case WINDOW_SUM:
  case WINDOW_MEAN:
  case WINDOW_TREND: return !number || ring_add(u, d->digest, day, field->number);
  case WINDOW_RATE: return field && !number ? true : ring_add(u, d->digest, day, number ? field->number : 1);
  case WINDOW_COUNT:
  case WINDOW_STREAK: return ring_add(u, d->digest, day, 1);
  case WINDOW_SINCE_LAST: return since_add(d, u, timestamp);
  case WINDOW_LAST: return !number || last_keep(d, u, timestamp, field->number);
  case WINDOW_ENTROPY: return entropy_add(d, u, day, slots);
  case WINDOW_CIRCULAR: return ring_add(u, d->digest, day, (double)circle[0]) && ring_add(u, ~d->digest, day, (double)circle[1]);
  case WINDOW_DERIVED: break;
  }
  return true;
}
