/* Daily histories: the day rings of a user as windows of days, for models that look at sequences. Promises that a day that the user's
 * history does not reach is missing and never 0, and that time passing alone moves the window. Keeps nothing. Called by models on the lane
 * and by training. */
#include "features.h"

static const struct {
  enum ring ring;
  enum day_rule rule;
} rows[] = {
#define HISTORY(name, unit, ring, rule, definition) {ring, rule},
#include "history_table.h"
#undef HISTORY
};

static const struct feature_doc docs[] = {
#define HISTORY(name, unit, ring, rule, definition) {#name, definition, unit, "before the first event", "D01", 1},
#include "history_table.h"
#undef HISTORY
};
#define HISTORY_COUNT (sizeof rows / sizeof *rows)

const struct feature_doc *history_docs(size_t *count) {
  *count = HISTORY_COUNT;
  return docs;
}

bool history_find(const struct features *f, struct str name, uint32_t *number) {
  enum day_rule rule;
  for (*number = 0; *number < HISTORY_COUNT; (*number)++)
    if (str_is(name, docs[*number].name)) return true;
  for (uint32_t i = 0; i < f->count - f->builtin; i++, (*number)++)
    if (str_is(name, f->names[f->builtin + i])) return declared_days(&f->declared[i], &rule);
  return false;
}

static bool day_value(const struct series_day *d, enum day_rule rule, double *value) {
  const uint32_t n = d ? d->n : 0;
  if (rule == DAY_MEAN && n == 0) return false;
  if (rule == DAY_MEAN) *value = (double)d->sum / n;
  else if (rule == DAY_SUM) *value = n ? (double)d->sum : 0;
  else *value = n;
  return true;
}

static const struct series *ring_of(struct view *v, uint32_t number, enum day_rule *rule) {
  if (number < HISTORY_COUNT) {
    *rule = rows[number].rule;
    return view_series(v, rows[number].ring);
  }
  const struct declared_feature *d = &v->f->declared[number - HISTORY_COUNT];
  declared_days(d, rule);
  for (uint16_t i = 0; i < v->u->series_count; i++)
    if (v->u->series[i].digest == d->digest) return &v->u->series[i];
  return NULL;
}

void history_read(struct view *v, uint32_t number, uint32_t days, double *values, uint64_t *valid, size_t first_bit) {
  enum day_rule rule;
  const struct series *series = ring_of(v, number, &rule);
  const bool warming = number >= HISTORY_COUNT && view_is_warming(v, &v->f->declared[number - HISTORY_COUNT]);
  const struct mark *first_day = warming ? NULL : user_mark(v->u, v->f->mark[MARK_FIRST_DAY]);
  for (uint32_t i = 0; i < days; i++) {
    const int32_t day = v->today - (int32_t)(days - 1 - i);
    const size_t bit = first_bit + i;
    values[i] = 0;
    if (!first_day || day < first_day->value) continue;
    if (day_value(series ? series_at(series, day) : NULL, rule, &values[i])) valid[bit / 64] |= UINT64_C(1) << (bit % 64);
  }
}
