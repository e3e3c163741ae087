/* Scenarios: `given` makes a user and the state of the world, `event` happens, `expect` is compared with what production code decided. */
#pragma once
#include "program/program.h"

struct scenario_result {
  const struct noun_scenario *noun;
  bool passed;
  struct str failure; /* what was expected, what came, and why; in the arena */
};
/* The program must be free of errors. */
void scenario_run(const struct program *p, const struct noun_scenario *noun, struct arena *a, struct scenario_result *out);

/* ---- between scenario_given.c and scenario.c ---- */
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
/* Everything before the event, and the event itself. False: the scenario is wrong, `e` says where. */
bool scene_given(struct scene *s, struct err *e);
bool scene_event(struct scene *s, struct err *e);
/* Refuses keys that are none of `known` (NULL-terminated); `where` is "given", "event" or "expect". */
bool scene_keys(const struct node *n, const char *where, const char *const *known, struct err *e);
