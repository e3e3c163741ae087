/* names: the lists of names that the main thread keeps (what is killed, who agreed), and "did you mean" for the names of a program's nouns.
 * Called by the routes of this room and when the engine starts, on the main thread; name_meant in lanes as well. */
#include "inside.h"
#include <string.h>

char *name_keep(struct str s) {
  char *copy = kit_alloc(s.len + 1);
  if (!copy) return NULL;
  memcpy(copy, s.at, s.len);
  copy[s.len] = 0;
  return copy;
}

bool names_have(const struct str *names, size_t count, struct str name) {
  for (size_t i = 0; i < count; i++)
    if (str_eq(names[i], name)) return true;
  return false;
}

bool names_add(struct str **names, size_t *count, struct str name) {
  if (names_have(*names, *count, name)) return true;
  struct str *grown = kit_realloc(*names, (*count + 1) * sizeof *grown);
  char *copy = grown ? name_keep(name) : NULL;
  if (grown) *names = grown;
  if (!copy) return false;
  (*names)[(*count)++] = (struct str){copy, name.len};
  return true;
}

void names_free(struct str *names, size_t count) {
  for (size_t i = 0; i < count; i++) kit_free((void *)(uintptr_t)names[i].at);
  kit_free(names);
}

const char *name_meant(struct arena *a, const struct program *p, struct str kind, struct str wanted) {
  const struct rules *rules = p->rules;
  size_t count = str_is(kind, "trigger")        ? rules_triggers(rules)
                 : str_is(kind, "intervention") ? rules_options(rules)
                 : str_is(kind, "experiment")   ? rules_experiments(rules)
                 : str_is(kind, "rollout")      ? rules_rollouts(rules)
                                                : models_count(p->models);
  const char **names = ARENA_ARRAY(a, const char *, count + 1);
  for (uint32_t i = 0; names && i < count; i++) {
    struct str name = str_is(kind, "trigger")        ? trigger_name(rules, i)
                      : str_is(kind, "intervention") ? option_name(rules, i)
                      : str_is(kind, "experiment")   ? experiment_noun(rules, i)->at.name
                      : str_is(kind, "rollout")      ? rollout_noun(rules, i)->at.name
                                                     : str_from(model_name(p->models, i));
    if (str_eq(name, wanted)) return NULL;
    names[i] = arena_text(a, name.at, name.len);
  }
  const char *near = names ? str_nearest(wanted, names, count) : NULL;
  for (size_t i = 0; names && !near && wanted.len >= 3 && i < count; i++) /* only its beginning was typed */
    if (strncmp(names[i], wanted.at, wanted.len) == 0) near = names[i];
  return near ? arena_printf(a, " (did you mean \"%s\"?)", near) : "";
}
