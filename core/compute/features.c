/* A program's features: the built-in ones and the declared ones under one numbering, found by name, read as of a clock. Promises the same
 * value for the same user, program and clock on every machine: sums in the order of days, mathematics from kit. Does not record anything.
 * Built on the builder's thread, read on the lanes; what is built is immutable. */
#include "features.h"
#include "kit/clock.h"
#include <string.h>

const char *const field_names[FIELD_COUNT] = {
    "event.completionRate", "event.intensity",    "event.location",    "event.workoutType", "event.workoutId",
    "event.socialContext",  "event.weather",      "event.plannedHour", "event.screenTime",  "event.preparationTime",
    "event.sleepHours",     "event.sleepQuality", "event.stressLevel", "event.hrv",         "event.motivationLevel",
    "event.progress",       "event.expected"};

static const char *const ring_names[RING_COUNT] = {"any",         "done",  "skipped",       "planned", "screen", "barriers",  "intensity",
                                                   "preparation", "sleep", "sleep_quality", "stress",  "hrv",    "motivation"};
static const char *const mark_names[MARK_COUNT] = {"first_day", "last_done", "longest_streak", "goal",
                                                   "expected",  "target",    "preferred",      "run"};

/* ---- the private table of event fields ---- */
struct field_lookup {
  const struct vocabulary *vocabulary;
  bool strict; /* built-in fields need no declaration, an author's do */
};

static bool find_clock(struct str name, struct symbol *out) {
  static const char *const names[] = {"event.local_hour", "event.local_minute", "event.local_weekday"};
  for (uint32_t i = 0; i < 3; i++)
    if (str_is(name, names[i])) {
      *out = (struct symbol){.kind = SYMBOL_CLOCK, .type = VALUE_NUMBER, .index = i};
      return true;
    }
  return false;
}

static bool field_find(void *context, struct str name, struct symbol *out, struct err *e) {
  const struct field_lookup *lookup = context;
  if (find_clock(name, out)) return true;
  if (lookup->vocabulary && str_starts(name, "event.") && vocabulary_field(lookup->vocabulary, name, out)) return true;
  *out = (struct symbol){.kind = SYMBOL_EVENT};
  if (!lookup->strict) return true;
  if (str_starts(name, "event.")) {
    const char *near = lookup->vocabulary ? vocabulary_nearest(lookup->vocabulary, name) : NULL;
    return err_set(e, ERR_INPUT, "\"" STR_FORMAT "\": no event noun declares this field%s%s%s", STR_ARG(name),
                   near ? " (did you mean \"event." : "", near ? near : "", near ? "\"?)" : "");
  }
  return err_set(e, ERR_INPUT, "\"" STR_FORMAT "\": a window reads only its event, as event.…", STR_ARG(name));
}

static void name_containers(struct features *f) {
  for (int i = 0; i < RING_COUNT; i++) f->ring[i] = mark_key("feature/1 ring", str_from(ring_names[i]));
  for (int i = 0; i < MARK_COUNT; i++) f->mark[i] = mark_key("feature/1 mark", str_from(mark_names[i]));
  for (int m = 0; m < 1440; m++) {
    f->circle[m][0] = (float)math_cos(2 * STATS_PI * m / 1440);
    f->circle[m][1] = (float)math_sin(2 * STATS_PI * m / 1440);
  }
}

/* ---- documentation of all, built-in and declared ---- */
static const char *definition_text(struct arena *a, const struct noun_feature *n) {
  if (n->doc.len) return arena_text(a, n->doc.at, n->doc.len);
  if (n->value.len) return arena_text(a, n->value.at, n->value.len);
  return arena_printf(a, STR_FORMAT " of " STR_FORMAT "%s" STR_FORMAT "%s" STR_FORMAT, STR_ARG(n->window), STR_ARG(n->of),
                      n->field.len ? ", field " : "", STR_ARG(n->field), n->where.len ? ", where " : "", STR_ARG(n->where));
}

static void refuse_clash(const struct features *f, const struct noun_feature *n, struct findings *findings) {
  for (uint32_t i = 0; i < f->builtin; i++)
    if (str_is(n->at.name, f->docs[i].name))
      findings_add(findings, FINDING_ERROR, n->at.file, n->at.line,
                   "feature \"" STR_FORMAT "\": a built-in feature has this name; expected another one", STR_ARG(n->at.name));
}

static bool document(struct arena *a, struct features *f, const struct noun_feature *declared, size_t count, struct findings *findings) {
  struct feature_doc *docs = ARENA_ARRAY(a, struct feature_doc, f->count);
  f->names = ARENA_ARRAY(a, const char *, f->count);
  if (!docs || !f->names) return false;
  memcpy(docs, builtin_docs, f->builtin * sizeof *docs);
  f->docs = docs;
  for (uint32_t i = 0; i < count; i++) {
    const struct noun_feature *n = &declared[i];
    refuse_clash(f, n, findings);
    docs[f->builtin + i] = (struct feature_doc){.name = arena_text(a, n->at.name.at, n->at.name.len),
                                                .definition = definition_text(a, n),
                                                .unit = arena_text(a, n->unit.at, n->unit.len),
                                                .missing = "fewer observations than at_least",
                                                .requirement = "declared",
                                                .window_days = n->value.len ? 0 : (int32_t)math_clamp(n->days, 0, SERIES_DAYS)};
  }
  for (uint32_t i = 0; i < f->count; i++) f->names[i] = docs[i].name;
  return true;
}

struct features *features_build(struct arena *a, const struct noun_feature *declared, size_t count, const struct vocabulary *v,
                                struct symbols *symbols, struct findings *findings) {
  struct features *f = ARENA_NEW(a, struct features);
  struct field_lookup *lookup = ARENA_NEW(a, struct field_lookup);
  if (!f || !lookup) return NULL;
  f->builtin = builtin_count;
  f->count = builtin_count + (uint32_t)count;
  f->symbols = symbols;
  f->declared = ARENA_ARRAY(a, struct declared_feature, count + 1);
  *lookup = (struct field_lookup){v, false};
  f->fields = (struct symbols){.arena = a, .find = field_find, .context = lookup};
  name_containers(f);
  if (!f->declared || !document(a, f, declared, count, findings)) return NULL;
  for (uint32_t i = 0; i < FIELD_COUNT; i++) /* slot i is field i */
    if (!symbols_name(&f->fields, str_from(field_names[i]), NULL)) return NULL;
  lookup->strict = true;
  if (!declared_build(a, f, declared, count, v, findings)) return NULL;
  if (f->fields.count > EVENT_SLOTS_MOST)
    findings_add(findings, FINDING_ERROR, declared[0].at.file, declared[0].at.line, "features read %u event fields, expected at most %d",
                 f->fields.count, EVENT_SLOTS_MOST);
  f->plan = event_plan_build(a, &f->fields);
  return f->plan ? f : NULL;
}

uint32_t features_count(const struct features *f) {
  return f->count;
}

const char *feature_name(const struct features *f, uint32_t index) {
  return f->names[index];
}

const char *const *feature_names(const struct features *f, size_t *count) {
  *count = f->count;
  return f->names;
}

bool features_find(const struct features *f, struct str name, struct symbol *out) {
  for (uint32_t i = 0; i < f->count; i++) {
    if (!str_is(name, f->names[i])) continue;
    *out = (struct symbol){.kind = SYMBOL_FEATURE, .type = VALUE_NUMBER, .index = i, .unit = f->docs[i].unit, .doc = f->docs[i].definition};
    return true;
  }
  return false;
}

/* ---- reading ---- */

static struct value work_out(struct view *v, uint32_t index, struct value *slots) {
  struct value out = index < v->f->builtin ? builtin_read(v, index) : declared_read(v, &v->f->declared[index - v->f->builtin], slots);
  if (out.kind == VALUE_NUMBER && !math_finite(out.number)) return value_missing(MISSING_FAILED);
  return out;
}

struct value view_read(struct view *v, uint32_t index, struct value *slots) {
  if (!v->values) return work_out(v, index, slots);
  const uint64_t bit = UINT64_C(1) << (index % 64);
  if (!(v->known[index / 64] & bit)) v->values[index] = work_out(v, index, slots);
  v->known[index / 64] |= bit;
  return v->values[index];
}

struct value feature_read(const struct features *f, uint32_t index, const struct user *u, int64_t clock, struct value *slots,
                          struct arena *a) {
  struct view v;
  view_open(&v, f, u, clock, a);
  return view_read(&v, index, slots);
}

void features_fill(const struct features *f, const struct symbols *symbols, const uint32_t *which, size_t count, const struct user *u,
                   int64_t clock, struct value *slots, struct arena *a) {
  struct view v;
  view_open(&v, f, u, clock, a);
  for (size_t i = 0; i < count; i++) {
    const struct symbol *s = &symbols->at[which[i]];
    if (s->kind == SYMBOL_FEATURE) slots[which[i]] = view_read(&v, s->index, slots);
  }
}
