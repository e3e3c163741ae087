/* Fields that the events concerned do not have: `event.x` is one name for all events, so a window over one event that reads a field of
 * another compiles, and never has a value; so does a trigger that listens to no event with the field. Also windows that want numbers of
 * what is a text. What a condition says of missing values is its author's business; that they will always be missing is said here. A field
 * with a default is never missing, and one of a context may come with POST /v1/decide. Builder thread. */
#include "sense.h"

struct reading {
  struct program *p;
  const struct declared *at;
  const char *noun, *field; /* `metric`, `where` */
  struct str of;            /* a window's event; empty: what `trigger` listens to */
  const struct noun_trigger *trigger;
};

static bool listens_to(const struct reading *r, struct str name) {
  const struct noun_trigger *t = r->trigger;
  if (!t) return vocabulary_declares(r->p->vocabulary, r->of, name);
  bool any = vocabulary_in_context(r->p->vocabulary, name);
  for (size_t i = 0; i < t->on_count && !any; i++)
    any = t->on[i].kind == MOMENT_EVENT && (str_is(t->on[i].text, "*") || vocabulary_declares(r->p->vocabulary, t->on[i].text, name));
  return any;
}

/* The first event that has it; empty: none, which others say, or one that need not be there to be read. */
static struct str owner_of(const struct program *p, struct str name) {
  struct symbol symbol;
  if (!str_starts(name, "event.") || !vocabulary_field(p->vocabulary, name, &symbol)) return (struct str){0};
  if (symbol.fallback.kind != VALUE_MISSING) return (struct str){0};
  for (size_t i = 0; i < p->nouns.event_count; i++)
    if (vocabulary_declares(p->vocabulary, p->nouns.events[i].at.name, name)) return p->nouns.events[i].at.name;
  return (struct str){0};
}

static void look_at_name(const struct reading *r, struct str name) {
  const struct str owner = owner_of(r->p, name);
  if (owner.len == 0 || listens_to(r, name)) return;
  if (r->trigger)
    findings_add(&r->p->findings, FINDING_WARNING, r->at->file, r->at->line,
                 "%s \"" STR_FORMAT "\": %s: no event that it listens to has \"" STR_FORMAT "\", a field of \"" STR_FORMAT
                 "\": it stays unknown",
                 r->noun, STR_ARG(r->at->name), r->field, STR_ARG(name), STR_ARG(owner));
  else
    findings_add(&r->p->findings, FINDING_WARNING, r->at->file, r->at->line,
                 "%s \"" STR_FORMAT "\": %s: \"" STR_FORMAT "\" is a field of \"" STR_FORMAT "\", not of \"" STR_FORMAT
                 "\": it stays unknown",
                 r->noun, STR_ARG(r->at->name), r->field, STR_ARG(name), STR_ARG(owner), STR_ARG(r->of));
}

static bool any_name(void *context, struct str name, struct symbol *out, struct err *e) {
  (void)context;
  (void)name;
  (void)e;
  *out = (struct symbol){.kind = SYMBOL_EVENT};
  return true;
}

/* By names of its own, so that nothing is added to those that the program reads. */
static void look_at_condition(const struct reading *r, struct str source) {
  struct arena scratch = {0};
  struct symbols names = {.arena = &scratch, .find = any_name};
  struct err e = {0};
  if (source.len && !str_starts(source, FUNCTION_WORD) && expression_compile(&names, source, WANT_ANY, &e))
    for (uint32_t i = 0; i < names.count; i++) look_at_name(r, names.at[i].name);
  arena_free(&scratch);
}

static void look_at_field(const struct reading *r, struct str name, struct str window) {
  static const char *const numeric[] = {"sum", "mean", "trend", "rate", "last"};
  struct symbol symbol;
  if (name.len == 0) return;
  if (!str_starts(name, "event.")) name = str_from(arena_printf(&r->p->arena, "event." STR_FORMAT, STR_ARG(name)));
  look_at_name(r, name);
  if (!vocabulary_field(r->p->vocabulary, name, &symbol) || (symbol.type != VALUE_TEXT && symbol.type != VALUE_LIST)) return;
  for (size_t i = 0; i < sizeof numeric / sizeof *numeric; i++)
    if (str_is(window, numeric[i]))
      findings_add(&r->p->findings, r->p->findings.stored ? FINDING_WARNING : FINDING_ERROR, r->at->file, r->at->line,
                   "%s \"" STR_FORMAT "\": field: \"" STR_FORMAT "\" is a %s, and %s needs a number", r->noun, STR_ARG(r->at->name),
                   STR_ARG(name), symbol.type == VALUE_TEXT ? "text" : "list", numeric[i]);
}

static void look_at_window(struct program *p, const struct declared *at, const char *noun, struct str window, struct str of,
                           struct str field, struct str where) {
  struct reading r = {.p = p, .at = at, .noun = noun, .field = "field", .of = of};
  if (of.len == 0 || !vocabulary_type(p->vocabulary, of)) return;
  look_at_field(&r, field, window);
  r.field = "where";
  look_at_condition(&r, where);
}

static void look_at_trigger(struct program *p, const struct noun_trigger *t) {
  struct reading r = {.p = p, .at = &t->at, .noun = "trigger", .field = "when", .trigger = t};
  look_at_condition(&r, t->when);
  r.field = "available";
  look_at_condition(&r, t->available);
  r.field = "needs";
  for (size_t i = 0; i < t->need_count; i++) look_at_name(&r, t->needs[i]);
}

void sense_fields(struct program *p) {
  const struct nouns *n = &p->nouns;
  for (size_t i = 0; i < n->feature_count; i++) {
    const struct noun_feature *f = &n->features[i];
    look_at_window(p, &f->at, "feature", f->window, f->of, f->field, f->where);
  }
  for (size_t i = 0; i < n->metric_count; i++) {
    const struct noun_metric *m = &n->metrics[i];
    look_at_window(p, &m->at, "metric", m->measure, m->of, m->field, m->over.len ? (struct str){0} : m->where);
  }
  for (size_t i = 0; i < n->trigger_count; i++) look_at_trigger(p, &n->triggers[i]);
}
