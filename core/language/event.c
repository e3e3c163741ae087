/* Events as conditions see them: `event.NAME` is looked for in data, then in context; dots go into objects. The plan does the same for all
 * names of a program at once, in one walk over the pairs of both objects, and gives the same values. Reads the event's tokens, changes
 * nothing; text is borrowed from the event, or lies in the arena when it was escaped. [lane] Also begins the envelopes that the engine
 * writes itself. */
#include "language/event.h"
#include "keys.h"
#include "kit/clock.h"
#include "language/expression.h"
#include "vocabulary.h"
#include <string.h>

bool event_envelope_name(struct str name, enum event_envelope *which) {
  static const char *const names[] = {"type", "id", "source"};
  for (int i = 0; i < 3; i++)
    if (str_is(name, names[i])) {
      *which = (enum event_envelope)i;
      return true;
    }
  return false;
}

static struct value envelope_value(const struct event *e, enum event_envelope which) {
  struct str text = which == ENVELOPE_TYPE ? e->type : which == ENVELOPE_ID ? e->id : e->source;
  return text.len ? value_text(text) : value_missing(MISSING_ABSENT);
}

enum event_scope event_scope(struct str *name) {
  enum event_scope scope = SCOPE_BOTH;
  if (str_starts(*name, "data.")) scope = SCOPE_DATA;
  if (str_starts(*name, "context.")) scope = SCOPE_CONTEXT;
  size_t cut = scope == SCOPE_DATA ? 5 : scope == SCOPE_CONTEXT ? 8 : 0;
  *name = (struct str){name->at + cut, name->len - cut};
  return scope;
}

static uint32_t descend(const struct json *j, uint32_t at, struct str path) {
  struct str piece;
  while (at != JSON_NONE && str_split(&path, '.', &piece)) at = json_get_str(j, at, piece);
  return at;
}

struct value event_value(const struct event *e, struct str name, struct arena *a) {
  enum event_envelope which;
  if (str_starts(name, "event.")) name = (struct str){name.at + 6, name.len - 6};
  if (event_envelope_name(name, &which)) return envelope_value(e, which);
  enum event_scope scope = event_scope(&name);
  struct value v = value_missing(MISSING_ABSENT);
  if (scope != SCOPE_CONTEXT) v = value_from_json(&e->json, descend(&e->json, e->data, name), a);
  if (v.kind == VALUE_MISSING && v.reason == MISSING_ABSENT && scope != SCOPE_DATA)
    v = value_from_json(&e->json, descend(&e->json, e->context, name), a);
  return v;
}

/* ---- the plan ---- */
struct reader { /* one symbol; readers of the same first key stand together */
  uint32_t slot;
  enum event_scope scope;
  enum value_kind type;
  const char *rest; /* dotted path below the key; NULL: the key's own value */
  struct value fallback;
};
struct reader_range {
  uint32_t from, to;
};
struct event_plan {
  struct keys keys;
  struct reader_range *ranges; /* by key number */
  struct reader *readers;
  uint32_t reader_count;
  struct {
    uint32_t slot;
    enum event_envelope which;
  } * envelope;
  uint32_t envelope_count;
};

/* Set by decide from the user's zone. */
static bool is_local(struct str name) {
  return str_is(name, "local_hour") || str_is(name, "local_minute") || str_is(name, "local_weekday") || str_is(name, "local_day");
}

struct planning {
  struct str key, rest;
  struct reader reader;
};

static bool plan_symbols(struct arena *a, const struct symbols *s, struct event_plan *p, struct planning *list, uint32_t *count) {
  p->envelope = arena_zero(a, s->count + 1, sizeof *p->envelope);
  if (!p->envelope) return false;
  for (uint32_t i = 0; i < s->count; i++) {
    const struct symbol *symbol = &s->at[i];
    struct str name = symbol->name;
    if (symbol->kind != SYMBOL_EVENT || !str_starts(name, "event.")) continue;
    name = (struct str){name.at + 6, name.len - 6};
    enum event_envelope which;
    if (is_local(name)) continue;
    if (event_envelope_name(name, &which)) {
      p->envelope[p->envelope_count].slot = symbol->slot;
      p->envelope[p->envelope_count++].which = which;
      continue;
    }
    struct planning *one = &list[(*count)++];
    one->reader = (struct reader){.slot = symbol->slot, .scope = event_scope(&name), .type = symbol->type, .fallback = symbol->fallback};
    const char *dot = memchr(name.at, '.', name.len);
    size_t first = dot ? (size_t)(dot - name.at) : name.len;
    one->key = (struct str){name.at, first};
    if (dot && !(one->reader.rest = arena_text(a, dot + 1, name.len - first - 1))) return false;
  }
  return true;
}

struct event_plan *event_plan_build(struct arena *a, const struct symbols *s) {
  struct event_plan *p = ARENA_NEW(a, struct event_plan);
  struct planning *list = ARENA_ARRAY(a, struct planning, s->count + 1);
  uint32_t count = 0, key_count = 0;
  if (!p || !list || !plan_symbols(a, s, p, list, &count)) return NULL;
  struct str *keys = ARENA_ARRAY(a, struct str, count + 1);
  p->readers = ARENA_ARRAY(a, struct reader, count + 1);
  p->ranges = ARENA_ARRAY(a, struct reader_range, count + 1);
  bool *done = ARENA_ARRAY(a, bool, count + 1);
  if (!keys || !p->readers || !p->ranges || !done) return NULL;
  for (uint32_t i = 0; i < count; i++) { /* grouped by first key; quadratic, once a program */
    if (done[i]) continue;
    keys[key_count] = list[i].key;
    p->ranges[key_count].from = p->reader_count;
    for (uint32_t k = i; k < count; k++) {
      if (done[k] || !str_eq(list[k].key, list[i].key)) continue;
      p->readers[p->reader_count++] = list[k].reader;
      done[k] = true;
    }
    p->ranges[key_count++].to = p->reader_count;
  }
  return keys_build(&p->keys, a, keys, key_count) ? p : NULL;
}

static void read_into(const struct reader *r, struct value v, struct value *slots) {
  if (v.kind == VALUE_MISSING && v.reason == MISSING_ABSENT) return;
  if (r->type != VALUE_MISSING && v.kind != r->type) v = value_missing(MISSING_WRONG_TYPE);
  slots[r->slot] = v;
}

/* One key's value is for all that read it, but for those that read below it. */
static void read_pair(const struct event_plan *p, struct reader_range range, enum event_scope not_for, const struct json *j, uint32_t at,
                      struct value *slots, struct arena *a) {
  const struct value own = value_from_json(j, at, a);
  for (uint32_t i = range.from; i < range.to; i++) {
    const struct reader *r = &p->readers[i];
    if (r->scope != not_for) read_into(r, r->rest ? value_from_json(j, json_path(j, at, r->rest), a) : own, slots);
  }
}

static void plan_walk(const struct event_plan *p, const struct json *j, uint32_t object, enum event_scope not_for, struct value *slots,
                      struct arena *a) {
  if (object == JSON_NONE || json_type(j, object) != JSON_OBJECT) return;
  uint32_t pairs = j->tokens[object].count, key = object + 1;
  for (uint32_t i = 0; i < pairs; i++) {
    const struct json_token *t = &j->tokens[key];
    struct str name = {j->text + t->start, t->end - t->start};
    if (t->escaped) name = json_text(j, key, a);
    uint32_t value = key + 1, number = keys_find(&p->keys, name.at, name.len);
    key = j->tokens[value].next;
    if (number != KEYS_NONE) read_pair(p, p->ranges[number], not_for, j, value, slots, a);
  }
}

/* Context first, data over it: a name is looked for in data first. */
void event_plan_fill(const struct event_plan *p, const struct event *e, struct value *slots, struct arena *a) {
  for (uint32_t i = 0; i < p->reader_count; i++) slots[p->readers[i].slot] = p->readers[i].fallback;
  for (uint32_t i = 0; i < p->envelope_count; i++) slots[p->envelope[i].slot] = envelope_value(e, p->envelope[i].which);
  if (p->reader_count == 0) return;
  plan_walk(p, &e->json, e->context, SCOPE_DATA, slots, a);
  plan_walk(p, &e->json, e->data, SCOPE_CONTEXT, slots, a);
}

void event_begin(struct json_writer *w, struct str user, const char *type, int64_t at) {
  char time[32];
  json_open_object(w);
  json_pair_str(w, "userId", user);
  json_pair_text(w, "eventType", type);
  json_pair_str(w, "timestamp", (struct str){time, clock_format(at, time)});
}
