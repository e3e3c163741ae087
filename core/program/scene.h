/* Between scenario_given.c, scenario_draw.c, scenario_words.c and scenario.c: the world of one scenario. */
#pragma once
#include "program/scenario.h"

struct override {
  uint32_t slot;
  struct value value;
};
struct scene {
  const struct program *program;
  const struct noun_scenario *noun;
  struct arena *arena;
  struct user *user;
  struct controls controls;
  struct override *overrides;
  size_t override_count;
  struct fixed_chance fixed;
  /* what happens */
  enum entry_kind kind;
  struct event event;
  uint32_t asked;
};
/* What one repeat of a property draws: a copy of `n` in which each { between = { low, high } } (numbers, or times; with whole = true whole
 * numbers) and each { one_of = { … } } has become one value. A function of the scenario's name, the repeat and the value's own path, so
 * that adding a value moves no other. `said` lists what was drawn. */
struct drawing {
  struct str scenario;
  uint64_t repeat;
  struct arena *arena;
  struct buf *said;
};
const struct node *scene_draw(const struct drawing *d, const struct node *n, const char *path, struct err *e); /* NULL: `e` says why */
/* Everything before the event, and the event itself. False: the scenario is wrong, `e` says where. */
bool scene_given(struct scene *s, struct err *e);
bool scene_event(struct scene *s, struct err *e);
/* Refuses fields, names and words in `expect` that nothing has, with the one that may be meant. */
bool scene_expected(const struct scene *s, const struct node *expect, struct err *e);
/* Refuses keys that are none of `known` (NULL-terminated); `where` is "given", "event" or "expect". */
bool scene_keys(const struct node *n, const char *where, const char *const *known, struct err *e);
