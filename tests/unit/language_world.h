/* Shared by the tests of the condition language: a program's symbols with a handful of names of every kind, and short ways to compile. */
#pragma once
#include "kit/arena.h"
#include "language/expression.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct world {
  struct arena arena;
  struct symbols symbols;
  struct value slots[64];
  struct err err;
};

/* Declared names; every name that begins with "event." or "profile." exists undeclared. */
static const struct {
  const char *name;
  enum value_kind type;
} world_names[] = {{"steps", VALUE_NUMBER}, {"hour", VALUE_MISSING}, {"risk", VALUE_NUMBER}, {"flag", VALUE_BOOL},
                   {"other", VALUE_BOOL},   {"mood", VALUE_TEXT},    {"tags", VALUE_LIST},   {"skip_probability", VALUE_NUMBER}};

static inline bool world_find(void *context, struct str name, struct symbol *out, struct err *e) {
  (void)context;
  const char *list[8];
  for (size_t i = 0; i < sizeof world_names / sizeof *world_names; i++) {
    list[i] = world_names[i].name;
    out->type = world_names[i].type;
    if (str_is(name, world_names[i].name)) return true;
  }
  out->type = VALUE_MISSING;
  if (str_starts(name, "event.") || str_starts(name, "profile.")) return true;
  const char *near = str_nearest(name, list, 8);
  return err_set(e, ERR_INPUT, "unknown name \"" STR_FORMAT "\"%s%s%s", STR_ARG(name), near ? " (did you mean \"" : "", near ? near : "",
                 near ? "\"?)" : "");
}

static inline void world_open(struct world *w) {
  *w = (struct world){.symbols = {.find = world_find}};
  w->symbols.arena = &w->arena;
}
static inline void world_close(struct world *w) {
  arena_free(&w->arena);
}

static inline struct expression *world_compile(struct world *w, const char *source, enum expression_want want) {
  struct expression *x = expression_compile(&w->symbols, str_from(source), want, &w->err);
  if (!x) fail_msg("%s: %s", source, w->err.text);
  assert_true(w->symbols.count <= 64);
  return x;
}

static inline void world_set(struct world *w, const char *name, struct value v) {
  const struct symbol *s = symbols_name(&w->symbols, str_from(name), &w->err);
  assert_non_null(s);
  w->slots[s->slot] = v;
}
static inline void world_forget(struct world *w) {
  memset(w->slots, 0, sizeof w->slots);
}

static inline enum truth world_truth(struct world *w, const char *source) {
  return expression_truth(world_compile(w, source, WANT_TRUTH), w->slots);
}
static inline double world_number(struct world *w, const char *source) {
  struct value v = expression_value(world_compile(w, source, WANT_NUMBER), w->slots);
  return v.kind == VALUE_NUMBER ? v.number : -999;
}
