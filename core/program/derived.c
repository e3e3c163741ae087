/* derived: names whose values are worked out from other names: segments, and the functions that stand in nouns. What they read is closed
 * over when the name is first met, so that whoever fills the slots of a condition fills those behind it too, and a slot comes after all
 * that it is worked out from. Worked out in three steps, as the values come in: at once, with the features, with the beliefs. What a
 * function's time, memory or a stop had to do with is left to be recorded; a replay takes it from the record. Names are met by the builder;
 * values are worked out in a lane or by whoever decides. */
#include "derived.h"
#include <string.h>

/* ---- names [builder] ---- */
static void close_over(struct program *p, unsigned char *marks, const uint32_t *slots, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const struct symbol *s = &p->symbols.at[slots[i]];
    marks[slots[i]] = 1;
    for (uint32_t k = 0; k < s->read_count; k++) marks[s->reads[k]] = 1;
  }
}

static bool set_reads(struct program *p, const unsigned char *marks, struct symbol *out, struct err *e) {
  uint32_t *reads = ARENA_ARRAY(&p->arena, uint32_t, p->symbols.count + 1), count = 0;
  if (!reads) return err_set(e, ERR_INTERNAL, "memory failed");
  for (uint32_t i = 0; i < p->symbols.count; i++) {
    if (!marks[i]) continue;
    if (p->symbols.at[i].kind == SYMBOL_FEATURE) out->depends |= DEPENDS_ON_FEATURE;
    if (p->symbols.at[i].kind == SYMBOL_BELIEF) out->depends |= DEPENDS_ON_BELIEF;
    reads[count++] = i;
  }
  out->reads = reads;
  out->read_count = count;
  return true;
}

static unsigned char *marks_new(struct program *p, struct err *e) {
  unsigned char *marks = arena_zero(&p->arena, p->symbols.count + 1, 1);
  if (!marks) err_set(e, ERR_INTERNAL, "memory failed");
  return marks;
}

static bool name_needs(struct program *p, const struct noun_function *f, struct err *e) {
  for (size_t i = 0; i < f->need_count; i++) {
    if (str_starts(f->needs[i], FUNCTION_WORD)) return err_set(e, ERR_INPUT, "needs: a function has no name of its own");
    if (!symbols_name(&p->symbols, f->needs[i], e)) return err_wrap(e, "needs");
  }
  return true;
}

static bool find_function(struct program *p, struct str name, struct symbol *out, struct err *e) {
  const struct nouns *n = &p->nouns;
  size_t number = 0;
  while (number < n->function_count && !str_eq(n->functions[number].name, name)) number++;
  if (number == n->function_count) return err_set(e, ERR_INPUT, "there is no such function");
  const struct noun_function *f = &n->functions[number];
  if (p->naming[number])
    return err_set(e, ERR_INPUT, "feature \"" STR_FORMAT "\" reads itself, directly or through others", STR_ARG(f->at->name));
  p->naming[number] = true;
  bool named = name_needs(p, f, e);
  p->naming[number] = false;
  if (!named) return false;
  unsigned char *marks = marks_new(p, e);
  for (size_t i = 0; marks && i < f->need_count; i++) close_over(p, marks, &symbols_known(&p->symbols, f->needs[i])->slot, 1);
  static const enum value_kind types[] = {[GIVES_TRUTH] = VALUE_BOOL, [GIVES_NUMBER] = VALUE_NUMBER, [GIVES_ANY] = VALUE_MISSING};
  *out = (struct symbol){
      .kind = SYMBOL_FUNCTION, .type = types[f->gives], .index = (uint32_t)number, .unit = "", .doc = "a function of the program"};
  return marks && set_reads(p, marks, out, e);
}

/* ---- segments ---- */
static bool is_family(const struct program *p, struct str name) {
  for (size_t i = 0; i < p->nouns.segment_count; i++)
    if (str_eq(p->nouns.segments[i].family, name)) return true;
  return false;
}

static size_t segment_number(const struct program *p, struct str name) {
  size_t i = 0;
  while (i < p->nouns.segment_count && !str_eq(p->nouns.segments[i].at.name, name)) i++;
  return i;
}

static bool unknown_segment(struct program *p, struct str name, struct err *e) {
  const char **all = ARENA_ARRAY(&p->arena, const char *, 2 * p->nouns.segment_count + 1);
  size_t count = 0;
  for (size_t i = 0; all && i < p->nouns.segment_count; i++) {
    all[count++] = p->nouns.segments[i].at.name.at; /* texts of nouns end in NUL */
    if (p->nouns.segments[i].family.len) all[count++] = p->nouns.segments[i].family.at;
  }
  const char *near = all ? str_nearest(name, all, count) : NULL;
  return err_set(e, ERR_INPUT, "no segment and no family of segments is named \"" STR_FORMAT "\"%s%s%s", STR_ARG(name),
                 near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "");
}

/* Says who somebody is, whatever happens: an event in it would make it another question. */
static bool only_the_user(struct program *p, struct str name, const struct symbol *out, struct err *e) {
  for (uint32_t i = 0; i < out->read_count; i++) {
    const struct symbol *s = &p->symbols.at[out->reads[i]];
    if (s->kind == SYMBOL_EVENT || s->kind == SYMBOL_CLOCK || s->kind == SYMBOL_ARM)
      return err_set(e, ERR_INPUT,
                     "segment \"" STR_FORMAT "\" says who somebody is: it reads features, profile.… and predictions, not \"" STR_FORMAT
                     "\"",
                     STR_ARG(name), STR_ARG(s->name));
  }
  return true;
}

static bool segment_compile(struct program *p, size_t number, struct err *e) {
  const struct noun_segment *n = &p->nouns.segments[number];
  struct segment *s = &p->segments[number];
  if (s->when) return true;
  if (s->building) return err_set(e, ERR_INPUT, "segment \"" STR_FORMAT "\" reads itself, directly or through others", STR_ARG(n->at.name));
  s->building = true;
  s->when = expression_compile(&p->symbols, n->when, WANT_TRUTH, e);
  s->building = false;
  return s->when || err_wrap(e, "segment \"" STR_FORMAT "\": when", STR_ARG(n->at.name));
}

/* The family's segments up to `number`, or all of it. */
static bool counts(const struct program *p, size_t i, struct str family, size_t number) {
  const struct noun_segment *n = &p->nouns.segments[i];
  if (i == number) return true;
  if (family.len == 0 || !str_eq(n->family, family)) return false;
  return number == p->nouns.segment_count || n->at.order < p->nouns.segments[number].at.order;
}

static bool find_segment(struct program *p, struct str name, struct symbol *out, struct err *e) {
  size_t total = p->nouns.segment_count, number = segment_number(p, name);
  struct str family = number < total ? p->nouns.segments[number].family : name;
  if (number == total && !is_family(p, name)) return unknown_segment(p, name, e);
  for (size_t i = 0; i < total; i++)
    if (counts(p, i, family, number) && !segment_compile(p, i, e)) return false;
  unsigned char *marks = marks_new(p, e);
  size_t first = total;
  for (size_t i = 0; marks && i < total; i++) {
    if (!counts(p, i, family, number)) continue;
    const uint32_t *slots;
    uint32_t count = expression_slots(p->segments[i].when, &slots);
    close_over(p, marks, slots, count);
    if (first == total) first = i;
  }
  *out = (struct symbol){.kind = SYMBOL_SEGMENT,
                         .type = number < total ? VALUE_BOOL : VALUE_TEXT,
                         .index = (uint32_t)(number < total ? number : total + first),
                         .unit = "",
                         .doc = number < total ? "the user belongs to this segment" : "the user's segment of this family"};
  return marks && set_reads(p, marks, out, e) && only_the_user(p, name, out, e);
}

struct behind program_behind(const void *program, struct str name) {
  const struct program *p = program;
  const size_t number = str_starts(name, "segment.") ? segment_number(p, (struct str){name.at + 8, name.len - 8}) : p->nouns.segment_count;
  if (number == p->nouns.segment_count) return (struct behind){0};
  const struct noun_segment *n = &p->nouns.segments[number];
  if (str_starts(n->when, FUNCTION_WORD)) return (struct behind){0};
  return (struct behind){p->segments[number].when, &n->at, n->when};
}

/* A feature that a function works out: its name stands for the function's value. */
static const struct noun_feature *function_feature(const struct program *p, struct str name) {
  for (size_t i = 0; i < p->nouns.feature_count; i++)
    if (str_starts(p->nouns.features[i].value, FUNCTION_WORD) && str_eq(p->nouns.features[i].at.name, name)) return &p->nouns.features[i];
  return NULL;
}

static bool find_feature(struct program *p, const struct noun_feature *n, struct symbol *out, struct err *e) {
  if (!find_function(p, n->value, out, e)) return false;
  if (n->unit.len) out->unit = n->unit.at; /* texts of nouns end in NUL */
  if (n->doc.len) out->doc = n->doc.at;
  return true;
}

bool derived_find(struct program *p, struct str name, struct symbol *out, struct err *e) {
  const struct noun_feature *feature = function_feature(p, name);
  if (feature) return find_feature(p, feature, out, e);
  if (str_starts(name, FUNCTION_WORD)) return find_function(p, name, out, e);
  if (!str_starts(name, "segment.")) return false;
  return find_segment(p, (struct str){name.at + 8, name.len - 8}, out, e);
}

bool derived_prepare(struct program *p) {
  p->segments = ARENA_ARRAY(&p->arena, struct segment, p->nouns.segment_count + 1);
  p->naming = arena_zero(&p->arena, p->nouns.function_count + 1, sizeof *p->naming);
  return p->segments && p->naming;
}

struct noun_feature *derived_others(struct program *p, size_t *count) {
  struct noun_feature *others = ARENA_ARRAY(&p->arena, struct noun_feature, p->nouns.feature_count + 1);
  *count = 0;
  for (size_t i = 0; others && i < p->nouns.feature_count; i++)
    if (!str_starts(p->nouns.features[i].value, FUNCTION_WORD)) others[(*count)++] = p->nouns.features[i];
  return others;
}

/* What models read is worked out without functions: it is kept day by day, and trained on. */
static void check_inputs(struct program *p, const struct noun_model *m) {
  for (size_t i = 0; i < m->input_count; i++)
    if (function_feature(p, m->inputs[i]))
      findings_add(&p->findings, FINDING_ERROR, m->at.file, m->at.line,
                   "model \"" STR_FORMAT "\": input \"" STR_FORMAT "\" is worked out by a function; models read windows and expressions"
                   " (what a call gave is not recorded, so a training could not know it): combine the model's belief with it in a function",
                   STR_ARG(m->at.name), STR_ARG(m->inputs[i]));
}

void derived_check(struct program *p) {
  for (size_t i = 0; i < p->nouns.model_count; i++) check_inputs(p, &p->nouns.models[i]);
  for (size_t i = 0; i < p->nouns.feature_count; i++) {
    const struct noun_feature *n = &p->nouns.features[i];
    struct err e = {0};
    if (str_starts(n->value, FUNCTION_WORD) && !symbols_name(&p->symbols, n->at.name, &e))
      findings_add(&p->findings, FINDING_ERROR, n->at.file, n->at.line, "feature \"" STR_FORMAT "\": value: %s", STR_ARG(n->at.name),
                   e.text);
  }
  for (size_t i = 0; i < p->nouns.segment_count; i++) {
    const struct noun_segment *n = &p->nouns.segments[i];
    struct err e = {0};
    const char *name = arena_printf(&p->arena, "segment." STR_FORMAT, STR_ARG(n->at.name));
    if (segment_number(p, n->family) < p->nouns.segment_count && n->family.len)
      findings_add(&p->findings, FINDING_ERROR, n->at.file, n->at.line,
                   "segment \"" STR_FORMAT "\": its family \"" STR_FORMAT "\" has the name of a segment", STR_ARG(n->at.name),
                   STR_ARG(n->family));
    else if (!symbols_name(&p->symbols, str_from(name), &e))
      findings_add(&p->findings, FINDING_ERROR, n->at.file, n->at.line, "%s", e.text);
  }
}

/* ---- values ---- */
static enum truth truth_of(const struct program *p, size_t segment, const struct value *slots) {
  return expression_truth(p->segments[segment].when, slots);
}

/* The first match counts, so a segment waits for those before it: while one of them is unknown, so is this, unless it is false by itself.
 */
static struct value segment_value(const struct program *p, uint32_t number, const struct value *slots) {
  struct str family = p->nouns.segments[number].family;
  enum truth own = truth_of(p, number, slots);
  bool open = own == TRUTH_UNKNOWN;
  enum missing_reason gap = open ? expression_gap(p->segments[number].when, slots) : MISSING_ABSENT;
  if (own == TRUTH_FALSE) return value_bool(false);
  for (size_t i = 0; i < p->nouns.segment_count; i++) {
    enum truth before = i != number && counts(p, i, family, number) ? truth_of(p, i, slots) : TRUTH_FALSE;
    if (before == TRUTH_TRUE) return value_bool(false);
    if (before != TRUTH_UNKNOWN) continue;
    open = true;
    gap = gap_first(gap, expression_gap(p->segments[i].when, slots));
  }
  return open ? value_missing(gap) : value_bool(true);
}

static struct value family_value(const struct program *p, uint32_t first, const struct value *slots) {
  size_t total = p->nouns.segment_count, best = total;
  bool open = false;
  enum missing_reason gap = MISSING_ABSENT; /* also of who is in none of the family */
  struct str family = p->nouns.segments[first].family;
  /* An unknown one matters only when it stands before the first that matches. */
  for (size_t i = first; i < total; i++)
    if (counts(p, i, family, total) && truth_of(p, i, slots) == TRUTH_TRUE &&
        (best == total || p->nouns.segments[i].at.order < p->nouns.segments[best].at.order))
      best = i;
  for (size_t i = first; i < total; i++)
    if (counts(p, i, family, total) && truth_of(p, i, slots) == TRUTH_UNKNOWN &&
        (best == total || p->nouns.segments[i].at.order < p->nouns.segments[best].at.order)) {
      open = true;
      gap = gap_first(gap, expression_gap(p->segments[i].when, slots));
    }
  return open || best == total ? value_missing(gap) : value_text(p->nouns.segments[best].at.name);
}

static const struct recorded_belief *recorded_end(const struct recorded *r, uint32_t belief) {
  for (uint32_t i = 0; r && i < r->belief_count; i++)
    if (r->beliefs[i].belief == belief) return &r->beliefs[i];
  return NULL;
}

static void note_end(const struct program *p, struct working *w, uint32_t belief, struct value v, struct arena *a) {
  for (uint32_t i = 0; i < w->end_count; i++)
    if (w->ends[i].belief == belief) return;
  if (!w->ends) w->ends = ARENA_ARRAY(a, struct recorded_belief, p->nouns.function_count + 1);
  if (w->ends) w->ends[w->end_count++] = (struct recorded_belief){belief, v};
}

static struct value function_value(const struct program *p, uint32_t number, const struct value *slots, struct working *w,
                                   struct arena *a) {
  uint32_t belief = beliefs_count(p->models) + number;
  const struct recorded_belief *past = w->again ? recorded_end(w->recorded, belief) : NULL;
  if (past) return past->value;
  struct value v = functions_call(p->functions, number, slots, w->again, a);
  if (!w->again && v.kind == VALUE_MISSING && function_end_is_recorded((enum missing_reason)v.reason)) note_end(p, w, belief, v, a);
  return v;
}

static bool is_due(const struct symbol *s, enum work_step step) {
  if (step == WORK_AT_ONCE) return s->depends == 0;
  if (step == WORK_WITH_FEATURES) return s->depends == DEPENDS_ON_FEATURE;
  return step == WORK_ALL || (s->depends & DEPENDS_ON_BELIEF);
}

void program_work(const struct program *p, const uint32_t *which, size_t count, enum work_step step, struct value *slots, struct working *w,
                  struct arena *scratch) {
  for (size_t i = 0; i < count; i++) {
    const struct symbol *s = &p->symbols.at[which[i]];
    if (!is_due(s, step) || (w->given && w->given[which[i]])) continue;
    if (s->kind == SYMBOL_FUNCTION) slots[which[i]] = function_value(p, s->index, slots, w, scratch);
    else if (s->index < p->nouns.segment_count) slots[which[i]] = segment_value(p, s->index, slots);
    else slots[which[i]] = family_value(p, s->index - (uint32_t)p->nouns.segment_count, slots);
  }
}

bool working_record(const struct working *w, struct recorded *r, struct arena *a) {
  if (w->end_count == 0) return true;
  struct recorded_belief *beliefs = ARENA_ARRAY(a, struct recorded_belief, r->belief_count + w->end_count);
  if (!beliefs) return false;
  if (r->belief_count) memcpy(beliefs, r->beliefs, r->belief_count * sizeof *beliefs);
  memcpy(beliefs + r->belief_count, w->ends, w->end_count * sizeof *beliefs);
  r->beliefs = beliefs;
  r->belief_count += w->end_count;
  return true;
}
