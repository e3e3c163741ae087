/* grouping: which group somebody is of, where predictions are to be compared between groups (METHODS 12.1): by a feature or a field of the
 * profile, as it is when a row is taken. Promises one number a value, in the order in which values are met, and to say when there are too
 * many to be groups. Called by training tables, one thread. */
#include "features.h"
#include "training.h"
#include <stdio.h>
#include <string.h>

static const char profile_prefix[] = "profile.";
#define PREFIX (sizeof profile_prefix - 1)

bool grouping_read(struct grouping *g, const struct features *f, const char *by, struct err *e) {
  struct symbol symbol;
  *g = (struct grouping){.by = by};
  if (strncmp(by, profile_prefix, PREFIX) == 0 && by[PREFIX]) {
    g->field = by + PREFIX;
    return true;
  }
  size_t count;
  const char *const *names = feature_names(f, &count), *near = str_nearest(str_from(by), names, count);
  if (!features_find(f, str_from(by), &symbol))
    return err_set(e, ERR_MISSING, "--by: \"%s\" is no feature of the program and no profile.… name%s%s%s", by,
                   near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "");
  g->feature = symbol.index;
  return true;
}

static uint32_t number_of(struct grouping *g, struct str name, struct arena *keep) {
  uint32_t i = 0;
  while (i < g->count && !str_eq(g->names[i], name)) i++;
  if (i < g->count) return i;
  if (g->count == GROUPINGS_MOST) {
    g->too_many = true;
    return GROUP_NONE;
  }
  const char *copy = arena_text(keep, name.at, name.len);
  if (!copy) return GROUP_NONE;
  g->names[g->count++] = (struct str){copy, name.len};
  return i;
}

static struct value read_value(const struct grouping *g, struct view *v, struct value *slots) {
  struct json profile;
  if (!g->field) return view_read(v, g->feature, slots);
  if (!v->u->profile.len || !json_parse(&profile, v->arena, v->u->profile, &json_limits_default, NULL))
    return value_missing(MISSING_ABSENT);
  return value_from_json(&profile, json_path(&profile, 0, g->field), v->arena);
}

uint32_t grouping_of(struct grouping *g, struct view *v, struct value *slots, struct arena *keep) {
  const struct value value = read_value(g, v, slots);
  char text[40];
  switch (value.kind) {
  case VALUE_TEXT: return value.count ? number_of(g, value_str(value), keep) : GROUP_NONE;
  case VALUE_BOOL: return number_of(g, value.number > 0 ? STR("true") : STR("false"), keep);
  case VALUE_NUMBER: snprintf(text, sizeof text, "%.6g", value.number); return number_of(g, str_from(text), keep);
  default: return GROUP_NONE;
  }
}
