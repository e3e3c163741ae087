/* Combined models: a weighted mean of other models' beliefs, `combine = { lstm = 0.6, svr = 0.4 }`. Promises that each part is clamped to 0
 * to 1 before it is weighed, that a part which is missing is left out and the weights of the others are scaled up, and that what is
 * combined was asked before. A combination combines models with plugins, not combinations. Built on the builder's thread, asked on the
 * lane. */
#include "models.h"
#include "stats/stats.h"
#include <stdarg.h>
#include <stdio.h>

static bool __attribute__((format(printf, 3, 4))) complain(struct findings *f, const struct model *m, const char *format, ...) {
  char text[600];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  findings_add(f, FINDING_ERROR, m->noun->at.file, m->noun->at.line, "model \"%s\": combine: %s", m->name, text);
  return false;
}

/* A part is named by its belief, or by its model when that has one belief. */
static bool find_part(const struct models *all, struct str name, uint32_t *belief) {
  struct symbol s;
  if (models_find(all, name, &s)) {
    *belief = s.index;
    return true;
  }
  for (uint32_t i = 0; i < all->count; i++)
    if (str_is(name, all->at[i].name) && all->at[i].count == 1) {
      *belief = all->at[i].first;
      return true;
    }
  return false;
}

static bool add_part(const struct models *all, struct model *m, struct str name, const struct node *weight, struct findings *f) {
  uint32_t belief;
  if (weight->kind != NODE_NUMBER || !(weight->number > 0 && weight->number <= 1e6))
    return complain(f, m, "\"" STR_FORMAT "\": expected a weight above 0", STR_ARG(name));
  if (!find_part(all, name, &belief))
    return complain(f, m, "\"" STR_FORMAT "\": no model of one output and no output has this name", STR_ARG(name));
  const struct model *of = &all->at[all->beliefs[belief].model];
  if (of == m || of->noun->combine)
    return complain(f, m, "\"" STR_FORMAT "\" is a combination itself; expected a model with a plugin", STR_ARG(name));
  for (uint32_t i = 0; i < m->part_count; i++)
    if (m->parts[i] == belief) return complain(f, m, "\"" STR_FORMAT "\" is there twice", STR_ARG(name));
  m->parts[m->part_count] = belief;
  m->weights[m->part_count++] = weight->number;
  m->part_models |= UINT64_C(1) << (of - all->at);
  return true;
}

static bool match_output(const struct models *all, const struct model *m, uint32_t i, struct findings *f) {
  const struct noun_model_output *o = &m->noun->outputs[i];
  const bool apart = str_is(o->from, "disagreement");
  all->beliefs[m->first + i].column = apart;
  if (apart || !o->from.len || str_is(o->from, "value")) return true;
  return complain(f, m, "output \"" STR_FORMAT "\": expected from = \"value\" or \"disagreement\"", STR_ARG(o->name));
}

void combine_build(struct arena *a, struct models *all, struct model *m, struct findings *f) {
  const struct node *list = m->noun->combine;
  if (list->kind != NODE_TABLE || list->pairs < 2 || list->pairs > STACK_MOST || list->length) {
    complain(f, m, "expected 2 to %d models with their weights, as in { lstm = 0.6, svr = 0.4 }", STACK_MOST);
    return;
  }
  m->parts = ARENA_ARRAY(a, uint32_t, list->pairs);
  m->weights = ARENA_ARRAY(a, double, list->pairs);
  if (!m->parts || !m->weights) return;
  for (uint32_t i = 0; i < list->pairs; i++)
    if (!add_part(all, m, list->keys[i], &list->values[i], f)) return;
  for (uint32_t i = 0; i < m->count; i++)
    if (!match_output(all, m, i, f)) return;
}

void combine_row(const struct models *all, const struct model *m, struct belief_row *row) {
  double parts[STACK_MOST], outputs[2];
  enum missing_reason why = MISSING_FAILED;
  for (uint32_t i = 0; i < m->part_count; i++) {
    const struct value v = row->beliefs[m->parts[i]];
    parts[i] = v.kind == VALUE_NUMBER ? v.number : STATS_NONE;
    if (v.kind == VALUE_MISSING) why = v.reason;
  }
  outputs[0] = combine_weighted(parts, m->weights, m->part_count, &outputs[1]);
  for (uint32_t i = 0; i < m->count; i++) {
    const struct belief *b = &all->beliefs[m->first + i];
    if (!stats_none(outputs[0])) row->beliefs[m->first + i] = belief_value(b, outputs[b->column]);
    else row->beliefs[m->first + i] = belief_missing(m, b, why);
  }
}

uint64_t models_with_parts(const struct models *all, uint64_t wanted) {
  for (uint32_t i = 0; i < all->count && i < 64; i++)
    if (wanted >> i & 1) wanted |= all->at[i].part_models;
  for (uint32_t i = 0; i < all->count && i < 64; i++) /* what lies beside is asked with it */
    if (all->at[i].role != MODEL_SERVED && (wanted >> all->at[i].served & 1)) wanted |= UINT64_C(1) << i;
  return wanted;
}

uint64_t models_kept_at(const struct models *all, struct str type) {
  uint64_t kept = 0;
  for (uint32_t i = 0; i < all->count && i < 64; i++)
    if (all->at[i].role == MODEL_SERVED && all->at[i].kept_at.len && str_eq(all->at[i].kept_at, type)) kept |= UINT64_C(1) << i;
  return kept ? models_with_parts(all, kept) : 0;
}

uint32_t models_in_order(const struct models *all, uint32_t place) {
  for (int combined = 0; combined < 2; combined++)
    for (uint32_t i = 0; i < all->count; i++)
      if ((all->at[i].noun->combine != NULL) == combined && place-- == 0) return i;
  return 0;
}

uint32_t model_parts(const struct models *all, uint32_t model, const uint32_t **beliefs, const double **weights) {
  *beliefs = all->at[model].parts;
  *weights = all->at[model].weights;
  return all->at[model].part_count;
}

/* Learned from the rows that every part answers. */
bool combine_learn(const double *const *columns, uint32_t count, const double *outcome, size_t n, const double *given, double *weights,
                   struct arena *a) {
  double *whole[STACK_MOST], *y = ARENA_ARRAY(a, double, n + 1);
  size_t kept = 0;
  for (uint32_t c = 0; c < count; c++)
    if (!(whole[c] = ARENA_ARRAY(a, double, n + 1))) return false;
  for (size_t r = 0; y && r < n; r++) {
    bool all = true;
    for (uint32_t c = 0; c < count; c++) all = all && !stats_none(columns[c][r]);
    if (!all) continue;
    for (uint32_t c = 0; c < count; c++) whole[c][kept] = math_clamp(columns[c][r], 0, 1);
    y[kept++] = outcome[r];
  }
  return stack_weights((const double *const *)whole, count, y, kept, given, weights);
}

void combine_rows(const double *const *columns, uint32_t count, size_t n, const double *weights, double *out) {
  for (size_t r = 0; r < n; r++) {
    double parts[STACK_MOST];
    for (uint32_t c = 0; c < count; c++) parts[c] = columns[c][r];
    out[r] = combine_weighted(parts, weights, count, NULL);
  }
}
