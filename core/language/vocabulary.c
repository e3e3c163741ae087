/* The vocabulary: what the `event` nouns of a program declare, as look-up tables. It refuses an event whose declared field has another type
 * or lies outside its range or list; fields that nobody declared pass. It checks the envelope not at all (accept has). Built once a program
 * [builder], immutable and read by lanes [lane]. */
#include "vocabulary.h"
#include "keys.h"
#include "kit/arena.h"
#include "language/event.h"
#include "language/expression.h"
#include "language/nouns.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct field_set { /* the declared fields of one object of one event type */
  const struct noun_event_field *fields;
  uint32_t count, dotted_count;
  struct keys keys;       /* fields without a dot */
  const uint32_t *dotted; /* the others, walked one by one */
};
struct type_entry {
  struct event_type type;
  struct field_set data, context;
};
struct vocabulary {
  const struct noun_event *events;
  struct type_entry *types;
  uint32_t count;
  struct keys names;
};

static bool field_set_build(struct field_set *s, struct arena *a, const struct noun_event_field *fields, size_t count) {
  struct str *names = ARENA_ARRAY(a, struct str, count + 1);
  uint32_t *dotted = ARENA_ARRAY(a, uint32_t, count + 1);
  if (!names || !dotted) return false;
  s->fields = fields;
  s->count = (uint32_t)count;
  s->dotted = dotted;
  for (uint32_t i = 0; i < s->count; i++) {
    names[i] = fields[i].name;
    if (memchr(fields[i].name.at, '.', fields[i].name.len)) dotted[s->dotted_count++] = i;
  }
  return count == 0 || keys_build(&s->keys, a, names, s->count);
}

/* ---- one meaning per name ---- */
static bool same_field(const struct noun_event_field *a, const struct noun_event_field *b) {
  return a->type == b->type && value_equal(&a->fallback, &b->fallback);
}

static const struct noun_event_field *find_field(const struct noun_event_field *fields, size_t count, struct str name) {
  for (size_t i = 0; i < count; i++)
    if (str_eq(fields[i].name, name)) return &fields[i];
  return NULL;
}

/* A condition reads `event.x` whatever the type of the event, so `x` should mean one thing in all of them. */
static void note_conflicts(const struct noun_event *events, size_t count, struct findings *f) {
  for (size_t i = 1; i < count; i++) {
    for (size_t k = 0; k < events[i].field_count; k++) {
      const struct noun_event_field *field = &events[i].fields[k], *earlier = NULL;
      size_t other = 0;
      for (; other < i && !earlier; other++) earlier = find_field(events[other].fields, events[other].field_count, field->name);
      if (!earlier || same_field(field, earlier)) continue;
      findings_add(f, FINDING_WARNING, events[i].at.file, events[i].at.line,
                   "event \"" STR_FORMAT "\": field \"" STR_FORMAT "\" has another type or default than in event \"" STR_FORMAT
                   "\" (%s:%d): conditions take it as any value, with the default of the first",
                   STR_ARG(events[i].at.name), STR_ARG(field->name), STR_ARG(events[other - 1].at.name), events[other - 1].at.file,
                   events[other - 1].at.line);
    }
  }
}

struct vocabulary *vocabulary_build(struct arena *a, const struct noun_event *events, size_t count, struct findings *f) {
  struct vocabulary *v = ARENA_NEW(a, struct vocabulary);
  struct str *names = ARENA_ARRAY(a, struct str, count + 1);
  if (!v || !names || !(v->types = ARENA_ARRAY(a, struct type_entry, count + 1))) return NULL;
  v->events = events;
  v->count = (uint32_t)count;
  for (uint32_t i = 0; i < v->count; i++) {
    names[i] = events[i].at.name;
    v->types[i].type = (struct event_type){events[i].at.name, i};
    if (!field_set_build(&v->types[i].data, a, events[i].fields, events[i].field_count) ||
        !field_set_build(&v->types[i].context, a, events[i].context, events[i].context_count))
      return NULL;
  }
  if (f) note_conflicts(events, count, f);
  return keys_build(&v->names, a, names, v->count) ? v : NULL;
}

const struct event_type *vocabulary_type(const struct vocabulary *v, struct str name) {
  uint32_t number = keys_find(&v->names, name.at, name.len);
  return number == KEYS_NONE ? NULL : &v->types[number].type;
}

const char *vocabulary_nearest_type(const struct vocabulary *v, struct str name) {
  const char **names = kit_alloc((v->count + 1) * sizeof *names);
  if (!names) return NULL;
  for (uint32_t i = 0; i < v->count; i++) names[i] = v->events[i].at.name.at; /* texts of nouns end in NUL */
  const char *near = str_nearest(name, names, v->count);
  kit_free(names);
  return near;
}

/* ---- for symbols.find ---- */
/* What all that declare the name allow together. */
static void take_range(struct symbol *out, const struct noun_event_field *field, bool first) {
  bool bounded = field->type == VALUE_NUMBER && field->low == field->low && field->high == field->high;
  if (first) {
    out->bounded = bounded;
    out->low = field->low;
    out->high = field->high;
    out->whole = field->whole;
    out->one_of = field->one_of;
    out->one_of_count = field->one_of_count;
    return;
  }
  out->bounded &= bounded;
  if (bounded && field->low < out->low) out->low = field->low;
  if (bounded && field->high > out->high) out->high = field->high;
  out->whole &= field->whole;
  out->one_of_count = 0;
}

static void take_field(struct symbol *out, const struct noun_event_field *field, bool first) {
  if (first) out->type = field->type;
  else if (out->type != field->type) out->type = VALUE_MISSING;
  if (!out->unit && field->unit.len) out->unit = field->unit.at; /* texts of nouns end in NUL */
  if (!out->doc && field->doc.len) out->doc = field->doc.at;
  if (out->fallback.kind == VALUE_MISSING) out->fallback = field->fallback;
  take_range(out, field, first);
}

bool vocabulary_field(const struct vocabulary *v, struct str name, struct symbol *out) {
  enum event_envelope which;
  if (str_starts(name, "event.")) name = (struct str){name.at + 6, name.len - 6};
  struct symbol found = {.kind = SYMBOL_EVENT};
  if (event_envelope_name(name, &which)) {
    found.type = VALUE_TEXT;
    *out = found;
    return true;
  }
  enum event_scope scope = event_scope(&name);
  bool any = false;
  for (uint32_t i = 0; i < v->count; i++) {
    const struct noun_event *event = &v->events[i];
    const struct noun_event_field *in_data = scope == SCOPE_CONTEXT ? NULL : find_field(event->fields, event->field_count, name);
    const struct noun_event_field *in_context = scope == SCOPE_DATA ? NULL : find_field(event->context, event->context_count, name);
    if (in_data) take_field(&found, in_data, !any);
    any = any || in_data;
    if (in_context) take_field(&found, in_context, !any);
    any = any || in_context;
  }
  if (any) *out = found;
  return any;
}

static bool event_declares(const struct noun_event *event, struct str name, bool context_only) {
  if (str_starts(name, "event.")) name = (struct str){name.at + 6, name.len - 6};
  const enum event_scope scope = event_scope(&name);
  const bool in_data = !context_only && scope != SCOPE_CONTEXT, in_context = scope != SCOPE_DATA;
  return (in_data && find_field(event->fields, event->field_count, name)) ||
         (in_context && find_field(event->context, event->context_count, name));
}

bool vocabulary_declares(const struct vocabulary *v, struct str type, struct str name) {
  const struct event_type *t = vocabulary_type(v, type);
  return t && event_declares(&v->events[t->number], name, false);
}

bool vocabulary_in_context(const struct vocabulary *v, struct str name) {
  for (uint32_t i = 0; i < v->count; i++)
    if (event_declares(&v->events[i], name, true)) return true;
  return false;
}

const char *vocabulary_nearest(const struct vocabulary *v, struct str name) {
  static const char *const always[] = {"type", "id", "source", "local_hour", "local_minute", "local_weekday", "age_minutes"};
  size_t count = sizeof always / sizeof *always, most = count;
  if (str_starts(name, "event.")) name = (struct str){name.at + 6, name.len - 6};
  event_scope(&name);
  for (uint32_t i = 0; i < v->count; i++) most += v->events[i].field_count + v->events[i].context_count;
  const char **names = kit_alloc(most * sizeof *names);
  if (!names) return NULL;
  memcpy(names, always, sizeof always);
  for (uint32_t i = 0; i < v->count; i++) {
    const struct noun_event *event = &v->events[i];
    for (size_t k = 0; k < event->field_count; k++) names[count++] = event->fields[k].name.at; /* texts of nouns end in NUL */
    for (size_t k = 0; k < event->context_count; k++) names[count++] = event->context[k].name.at;
  }
  const char *near = str_nearest(name, names, count);
  kit_free(names);
  return near;
}

/* ---- checking an event ---- */
static const char *type_text(const struct noun_event_field *field) {
  switch (field->type) {
  case VALUE_NUMBER: return field->whole ? "a whole number" : "a number";
  case VALUE_BOOL: return "true or false";
  case VALUE_TEXT: return "a text";
  case VALUE_LIST: return "a list";
  case VALUE_MISSING: break;
  }
  return "any value";
}

static const char *json_type_text(enum json_type type) {
  static const char *const texts[] = {"null", "false", "true", "a number", "a text", "a list", "an object"};
  return texts[type];
}

/* Where a fault is, as a JSON pointer: `~` and `/` are escaped, dots of a declared path are steps. Built only for a sentence. */
struct place {
  const char *object; /* "data" or "context" */
  struct str name;
};

static bool refuse(struct place at, struct err *err, const char *format, ...) __attribute__((format(printf, 3, 4)));
static bool refuse(struct place at, struct err *err, const char *format, ...) {
  char sentence[400], pointer[300];
  va_list list;
  va_start(list, format);
  vsnprintf(sentence, sizeof sentence, format, list);
  va_end(list);
  size_t n = (size_t)snprintf(pointer, sizeof pointer, "/%s/", at.object);
  for (size_t i = 0; i < at.name.len && n + 3 < sizeof pointer; i++) {
    char c = at.name.at[i];
    if (c == '~' || c == '/') {
      pointer[n++] = '~';
      pointer[n++] = c == '~' ? '0' : '1';
    } else {
      pointer[n++] = c == '.' ? '/' : c;
    }
  }
  return err_set(err, ERR_INPUT, "%.*s: %s", (int)n, pointer, sentence);
}

/* From 2^53 on every double is whole. */
static bool is_whole(double v) {
  return !(v > -9007199254740992.0 && v < 9007199254740992.0) || v == (double)(int64_t)v;
}

static bool number_fits(const struct noun_event_field *field, double v) {
  const bool low = field->low != field->low || v >= field->low, high = field->high != field->high || v <= field->high;
  return low && high && (!field->whole || is_whole(v));
}

static bool refuse_number(const struct noun_event_field *field, double v, struct place at, struct err *err) {
  const bool has_low = field->low == field->low, has_high = field->high == field->high;
  char range[96] = "", low[32] = "", high[32] = "", came[32];
  int low_n = has_low ? (int)json_number(field->low, low) : 0, high_n = has_high ? (int)json_number(field->high, high) : 0;
  int came_n = (int)json_number(v, came);
  if (has_low && has_high) snprintf(range, sizeof range, " from %.*s to %.*s", low_n, low, high_n, high);
  else if (has_low) snprintf(range, sizeof range, " of at least %.*s", low_n, low);
  else if (has_high) snprintf(range, sizeof range, " of at most %.*s", high_n, high);
  return refuse(at, err, "expected %s%s, got %.*s", type_text(field), range, came_n, came);
}

static bool check_one_of(const struct noun_event_field *field, const struct json *j, uint32_t token, struct place at, struct err *err) {
  struct arena scratch = {0};
  struct str text = json_text(j, token, &scratch);
  bool good = false;
  for (size_t i = 0; i < field->one_of_count && !good; i++) good = str_eq(field->one_of[i], text);
  arena_free(&scratch);
  if (good) return true;
  char list[240] = "";
  for (size_t i = 0, n = 0; i < field->one_of_count && n < 200; i++)
    n += (size_t)snprintf(list + n, sizeof list - n, "%s\"%.30s\"", i ? ", " : "", field->one_of[i].at); /* texts of nouns end in NUL */
  return refuse(at, err, "expected one of %s, got another text", list);
}

static bool fits(enum value_kind wanted, enum json_type came) {
  switch (wanted) {
  case VALUE_NUMBER: return came == JSON_NUMBER;
  case VALUE_TEXT: return came == JSON_STRING;
  case VALUE_LIST: return came == JSON_ARRAY;
  case VALUE_BOOL: return came == JSON_TRUE || came == JSON_FALSE;
  case VALUE_MISSING: break;
  }
  return true;
}

static bool check_value(const struct noun_event_field *field, const struct json *j, uint32_t token, const char *object, struct err *err) {
  enum json_type came = (enum json_type)j->tokens[token].type;
  struct place at = {object, field->name};
  double number;
  if (came == JSON_NULL || field->type == VALUE_MISSING) return true;
  if (!fits(field->type, came)) return refuse(at, err, "expected %s, got %s", type_text(field), json_type_text(came));
  if (came == JSON_NUMBER)
    return json_double(j, token, &number) ? number_fits(field, number) || refuse_number(field, number, at, err)
                                          : refuse(at, err, "this number is too large");
  return came != JSON_STRING || field->one_of_count == 0 || check_one_of(field, j, token, at, err);
}

static void note(struct undeclared *noted, uint32_t key) {
  if (noted && noted->count < UNDECLARED_NOTED) noted->keys[noted->count++] = key;
}

static bool check_object(const struct field_set *s, const struct json *j, uint32_t object, const char *name, struct undeclared *noted,
                         struct err *err) {
  if (s->count == 0 || object == JSON_NONE || json_type(j, object) != JSON_OBJECT) return true;
  uint32_t pairs = j->tokens[object].count, key = object + 1;
  bool ok = true;
  struct err one;
  for (uint32_t i = 0; i < pairs; i++) {
    const struct json_token *t = &j->tokens[key];
    uint32_t value = key + 1;
    uint32_t number = t->escaped ? KEYS_NONE : keys_find(&s->keys, j->text + t->start, t->end - t->start);
    if (t->escaped) /* rare: declared names need no escapes, but a sender may write them so */
      for (uint32_t k = 0; k < s->count; k++)
        if (json_get_str(j, object, s->fields[k].name) == value) number = k;
    if (number == KEYS_NONE) note(noted, key);
    else if (!check_value(&s->fields[number], j, value, name, &one)) ok = err_also(err, &one);
    key = j->tokens[value].next;
  }
  for (uint32_t i = 0; i < s->dotted_count; i++) {
    const struct noun_event_field *field = &s->fields[s->dotted[i]];
    uint32_t at = json_path(j, object, field->name.at); /* texts of nouns end in NUL */
    if (at != JSON_NONE && !check_value(field, j, at, name, &one)) ok = err_also(err, &one);
  }
  return ok;
}

bool vocabulary_check(const struct vocabulary *v, const struct event_type *t, const struct event *e, struct undeclared *noted,
                      struct err *err) {
  const struct type_entry *entry = &v->types[t->number];
  struct err all; /* everything that is wrong, whatever the caller's says already */
  all.kind = ERR_NONE;
  bool ok = check_object(&entry->data, &e->json, e->data, "data", noted, &all);
  ok = check_object(&entry->context, &e->json, e->context, "context", NULL, &all) && ok;
  if (!ok && err) *err = all;
  return ok;
}

/* ---- slips ---- */
#define SLIPS_NAMES 64 /* declared fields that one is held to */

const char *vocabulary_slip(const struct vocabulary *v, const struct event_type *t, const struct event *e, struct str came, bool *never) {
  const struct field_set *s = &v->types[t->number].data;
  const char *names[SLIPS_NAMES];
  size_t count = 0;
  for (uint32_t i = 0; i < s->count && count < SLIPS_NAMES; i++) names[count++] = s->fields[i].name.at; /* texts of nouns end in NUL */
  *never = !str_nearest(came, names, count);
  if (*never) return NULL;
  count = 0;
  for (uint32_t i = 0; i < s->count && count < SLIPS_NAMES; i++)
    if (json_get_str(&e->json, e->data, s->fields[i].name) == JSON_NONE) names[count++] = s->fields[i].name.at;
  return str_nearest(came, names, count);
}
