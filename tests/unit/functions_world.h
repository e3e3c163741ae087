/* Shared by the tests of functions: one program text, its functions open, values set by name, calls by the noun's field. */
#pragma once
#include "functions_inside.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct functions_world {
  struct arena arena;
  struct source source;
  struct nouns nouns;
  struct findings findings;
  struct symbols symbols;
  struct functions *functions;
  struct value slots[64];
};

static inline bool functions_find(void *context, struct str name, struct symbol *out, struct err *e) {
  struct functions_world *w = context;
  static const struct {
    const char *prefix;
    enum symbol_kind kind;
  } kinds[] = {{"event.local_", SYMBOL_CLOCK}, {"event.", SYMBOL_EVENT}, {"profile.", SYMBOL_PROFILE}, {"arm.", SYMBOL_ARM},
               {"segment.", SYMBOL_SEGMENT},   {"skip_", SYMBOL_BELIEF}, {"", SYMBOL_FEATURE}};
  for (size_t i = 0; i < w->nouns.function_count; i++) {
    const struct noun_function *f = &w->nouns.functions[i];
    if (!str_eq(f->name, name)) continue;
    for (size_t k = 0; k < f->need_count; k++)
      if (!symbols_name(&w->symbols, f->needs[k], e)) return false;
    *out = (struct symbol){.kind = SYMBOL_FUNCTION, .index = (uint32_t)i};
    return true;
  }
  size_t i = 0;
  while (!str_starts(name, kinds[i].prefix)) i++;
  *out = (struct symbol){.kind = kinds[i].kind};
  return true;
}

static inline void functions_forget(struct functions_world *w) {
  functions_free(w->functions);
  arena_free(&w->arena);
  *w = (struct functions_world){0};
}

/* Loads without opening: for what is refused. */
static inline bool functions_load(struct functions_world *w, const char *text) {
  functions_forget(w);
  w->source = (struct source){.path = "rules/x.lua", .text = str_from(text)};
  w->findings = (struct findings){.arena = &w->arena};
  return language_load(&w->arena, &w->source, 1, &w->nouns, &w->findings);
}

static inline void functions_open(struct functions_world *w, const char *text) {
  struct err e = {0};
  if (!functions_load(w, text)) fail_msg("%s\n  %d: %s", text, w->findings.at[0].line, w->findings.at[0].text);
  w->symbols = (struct symbols){.arena = &w->arena, .find = functions_find, .context = w};
  for (size_t i = 0; i < w->nouns.function_count; i++)
    if (!symbols_name(&w->symbols, w->nouns.functions[i].name, &e)) fail_msg("%s", e.text);
  assert_true(w->symbols.count <= 64);
  w->functions = functions_new(&w->source, 1, &w->nouns, &w->symbols, &e);
  if (!w->functions) fail_msg("%s", e.text);
  w->functions->limits.time = INT64_C(600) * 1000 * 1000 * 1000; /* the machine may be busy: time has a test of its own */
}

/* One trigger whose `when` is the function with this body. */
static inline void functions_body(struct functions_world *w, const char *needs, const char *body) {
  char text[8192];
  snprintf(text, sizeof text, "trigger \"t\" { why = \"w\", on = \"e\", needs = { %s },\nwhen = function(user, event, predicted) %s\nend }",
           needs, body);
  functions_open(w, text);
}

static inline void functions_set(struct functions_world *w, const char *name, struct value v) {
  const struct symbol *s = symbols_known(&w->symbols, str_from(name));
  if (!s) fail_msg("nobody needs %s", name);
  else w->slots[s->slot] = v;
}

static inline struct value functions_say(struct functions_world *w, uint32_t number) {
  return functions_call(w->functions, number, w->slots, false, &w->arena);
}
