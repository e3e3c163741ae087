/* A small world for tests of compute: one user, a vocabulary, features, and events from JSON text. */
#pragma once
#include "compute/compute.h"
#include "kit/clock.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

struct world {
  struct arena arena;
  struct findings findings;
  struct vocabulary *vocabulary;
  struct symbols symbols;
  struct features *features;
  struct user *user;
  struct value slots[256];
  struct arena *nouns_arena; /* world_lua's */
  struct nouns nouns;
};

static inline bool world_find(void *context, struct str name, struct symbol *out, struct err *e) {
  struct world *w = context;
  if (str_starts(name, "profile.")) {
    *out = (struct symbol){.kind = SYMBOL_PROFILE};
    return true;
  }
  if (w->features && features_find(w->features, name, out)) return true;
  return err_set(e, ERR_INPUT, "unknown name \"" STR_FORMAT "\"", STR_ARG(name));
}

static inline struct world *world_new(const struct noun_event *events, size_t event_count, const struct noun_feature *declared,
                                      size_t count) {
  struct world *w = kit_alloc(sizeof *w);
  *w = (struct world){0};
  w->findings.arena = &w->arena;
  w->symbols = (struct symbols){.arena = &w->arena, .find = world_find, .context = w};
  w->vocabulary = vocabulary_build(&w->arena, events, event_count, &w->findings);
  w->features = features_build(&w->arena, declared, count, w->vocabulary, &w->symbols, &w->findings);
  w->user = user_new();
  assert_non_null(w->features);
  return w;
}

static inline void world_free(struct world *w) {
  user_free(w->user);
  arena_free(&w->arena);
  if (w->nouns_arena) arena_free(w->nouns_arena);
  kit_free(w->nouns_arena);
  kit_free(w);
}

/* One event with data and context as JSON objects (NULL: none). False with the sentence in `e`. */
static inline bool world_try(struct world *w, const char *type, const char *when, const char *data, const char *context, struct err *e) {
  struct event event = {.user = STR("u"), .id = STR("i"), .source = STR("test"), .data = JSON_NONE, .context = JSON_NONE};
  const char *text = arena_printf(&w->arena, "{\"data\":%s,\"context\":%s}", data ? data : "{}", context ? context : "{}");
  event.type = str_from(type);
  assert_true(clock_parse(str_from(when), &event.timestamp));
  event.received = event.timestamp;
  event.body = str_from(text);
  assert_true(json_parse(&event.json, &w->arena, event.body, &json_limits_default, NULL));
  event.data = json_get(&event.json, 0, "data");
  event.context = json_get(&event.json, 0, "context");
  return features_update(w->features, w->user, &event, w->vocabulary, true, e);
}

static inline void world_event(struct world *w, const char *type, const char *when, const char *data, const char *context) {
  struct err e = {0};
  if (!world_try(w, type, when, data, context, &e)) fail_msg("%s", e.text);
}

static inline struct value world_value(struct world *w, const char *feature, const char *when) {
  struct symbol s;
  int64_t clock;
  if (!features_find(w->features, str_from(feature), &s)) fail_msg("no feature %s", feature);
  assert_true(clock_parse(str_from(when), &clock));
  return feature_read(w->features, s.index, w->user, clock, w->slots, &w->arena);
}

static inline double world_read(struct world *w, const char *feature, const char *when) {
  struct value v = world_value(w, feature, when);
  if (v.kind != VALUE_NUMBER) fail_msg("%s is missing (%s)", feature, missing_word(v.reason));
  return v.number;
}

static inline void world_missing(struct world *w, const char *feature, const char *when) {
  struct value v = world_value(w, feature, when);
  if (v.kind != VALUE_MISSING) fail_msg("%s: expected missing, got %g", feature, v.number);
}

static inline void assert_near(double got, double expected, double within, const char *what) {
  double off = got > expected ? got - expected : expected - got;
  if (!(off <= within)) fail_msg("%s: expected %.15g within %g, got %.15g", what, expected, within, got);
}

/* A world from rule text: one source, "rules/x.lua". */
static inline struct world *world_lua(const char *text) {
  struct arena *a = kit_alloc(sizeof *a); /* the nouns' texts live as long as the test */
  struct nouns nouns = {0};
  *a = (struct arena){0};
  struct findings findings = {.arena = a};
  struct source source = {.path = "rules/x.lua", .text = str_from(text)};
  language_load(a, &source, 1, &nouns, &findings);
  struct world *w = world_new(nouns.events, nouns.event_count, nouns.features, nouns.feature_count);
  w->nouns_arena = a;
  w->nouns = nouns;
  for (size_t i = 0; i < findings.count; i++)
    findings_add(&w->findings, findings.at[i].level, findings.at[i].file, findings.at[i].line, "%s", findings.at[i].text);
  return w;
}
