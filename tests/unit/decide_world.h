/* A small world for tests of deciding: a program from rule text, one user, events at any clock. No book, no files but the rules. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "accept/accept.h"
#include "kit/clock.h"
#include "kit/file.h"
#include "kit/hash.h"
#include "kit/rng.h"
#include "program/moving.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct world {
  struct arena arena; /* of the newest event */
  struct program *program;
  struct controls controls;
  struct user *user;
  char id[64]; /* the user's */
  uint64_t next;
  struct event event;
  struct value *slots;
  struct decision *decisions;
  struct str *records;
  size_t count;
};

/* What most of the tests listen to. */
#define RULES_PING                                                                                                                         \
  "event \"ping\" { doc = \"x\", fields = { n = \"number\" } }\n"                                                                          \
  "event \"pong\" { doc = \"x\", fields = { n = \"number\" } }\n"
#define RULES_OPTION(name, more)                                                                                                           \
  "intervention \"" name "\" { why = \"x\", type = \"micro\", channel = \"push\", action = \"a\", expires = 2 * hours, " more              \
  " message = { en = \"hello\" } }\n"

/* The program of a text, its findings left to the caller. */
static inline struct program *world_build(const char *rules) {
  char directory[400], path[440];
  struct err e = {0};
  snprintf(directory, sizeof directory, "%s/decide-%d", KAIROS_BINARY_DIR, (int)getpid());
  snprintf(path, sizeof path, "%s/rules", directory);
  if (!file_make_directory(path, 0755, &e)) fail_msg("%s", e.text);
  snprintf(path, sizeof path, "%s/rules/x.lua", directory);
  if (!file_write_atomic(path, str_from(rules), 0644, &e)) fail_msg("%s", e.text);
  static const struct program_from from = {0};
  struct program *p = program_from_directory(directory, &from, &e);
  if (!p) fail_msg("%s", e.text);
  file_remove_tree(directory, NULL);
  return p;
}

static inline struct program *world_good(const char *rules) {
  struct program *p = world_build(rules);
  if (p->findings.errors) {
    struct buf out = {0};
    program_print_findings(p, &out);
    fail_msg("%.*s", (int)out.len, out.at);
  }
  return p;
}

static inline int64_t at(const char *iso) {
  int64_t ms;
  if (!clock_parse(str_from(iso), &ms)) fail_msg("bad time %s", iso);
  return ms;
}

/* A grown-up who has said yes, in UTC. */
static inline void world_person(struct world *w, const char *id) {
  if (w->user) {
    w->user->id = (struct str){0};
    user_free(w->user);
  }
  w->user = user_new();
  snprintf(w->id, sizeof w->id, "%s", id);
  w->user->id = str_from(w->id);
  w->user->consent = CONSENT_GIVEN;
  w->user->age = 40;
  w->user->zone = tz_named(STR("Etc/UTC"), NULL);
  if (!w->user->zone) w->user->zone = tz_named(STR("UTC"), NULL);
  assert_non_null(w->user->zone);
}

static inline struct world *world_new(const char *rules) {
  struct world *w = kit_alloc(sizeof *w);
  *w = (struct world){.program = world_good(rules), .next = 1};
  world_person(w, "ann");
  return w;
}

static inline void world_reload(struct world *w, const char *rules) {
  program_free(w->program);
  w->program = world_good(rules);
}

static inline void world_free(struct world *w) {
  w->user->id = (struct str){0};
  user_free(w->user);
  controls_free(&w->controls);
  program_free(w->program);
  arena_free(&w->arena);
  kit_free(w);
}

static inline void world_fact(struct world *w, const char *json) {
  struct err e = {0};
  if (!controls_apply(&w->controls, str_from(json), &w->arena, &e)) fail_msg("%s", e.text);
}

/* Decides on the event that lies in w->event; nothing moves yet. Decisions live until the next event. */
static inline void world_decide(struct world *w, const struct listening *l, int64_t clock, uint32_t asked) {
  struct arena *a = &w->arena;
  const struct program *p = w->program;
  w->count = 0;
  if (!l) return;
  w->slots = ARENA_ARRAY(a, struct value, p->symbols.count + 1);
  unsigned char *maybe = arena_alloc(a, l->count + 1);
  program_fill(p, l->screen, l->screen_count, &w->event, w->user, clock, w->slots, a);
  struct working working = {0};
  program_work(p, l->derived, l->derived_screen, WORK_ALL, w->slots, &working, a);
  decide_screen(p->rules, l, w->slots, maybe);
  program_fill(p, l->rest, l->rest_count, &w->event, w->user, clock, w->slots, a);
  program_work(p, l->derived, l->derived_count, WORK_ALL, w->slots, &working, a);
  struct speech speech = {.program = p, .user = w->user, .slots = w->slots, .scratch = a};
  struct moment_input in = {.rules = p->rules,
                            .controls = &w->controls,
                            .user = w->user,
                            .event = &w->event,
                            .listening = l,
                            .slots = w->slots,
                            .clock = clock,
                            .first_decision = w->next,
                            .program = p->brief,
                            .asked = asked,
                            .sayable = speech_sayable,
                            .context = &speech};
  w->count = decide_event(&in, maybe, a, &w->decisions);
  w->records = ARENA_ARRAY(a, struct str, w->count + 1);
  for (size_t i = 0; i < w->count; i++) w->records[i] = speech_record(&speech, &in, &w->decisions[i], a);
}

static inline void world_apply(struct world *w) {
  for (size_t i = 0; i < w->count; i++) assert_true(decision_apply(w->user, w->program->rules, &w->decisions[i]));
  w->next += w->count;
}

static inline void world_parse(struct world *w, const char *type, const char *data, int64_t clock) {
  char time[32];
  struct err e = {0};
  arena_reset(&w->arena);
  clock_format(clock, time);
  const char *body = arena_printf(&w->arena, "{\"id\":\"e\",\"userId\":\"%.*s\",\"eventType\":\"%s\",\"timestamp\":\"%.*s\",\"data\":%s}",
                                  STR_ARG(w->user->id), type, (int)clock_format(clock, time), time, data ? data : "{}");
  if (!event_parse(&w->arena, str_from(body), clock, STR("test"), false, &w->event, &e)) fail_msg("%s", e.text);
}

/* An event happens and is decided; the decisions are applied. */
static inline void world_event(struct world *w, const char *type, const char *data, int64_t clock) {
  struct err e = {0};
  struct recorded r = {.clock = clock, .received = clock, .may_identify = true, .decides = true};
  bool learned;
  world_parse(w, type, data, clock);
  if (!program_move(w->program, w->user, ENTRY_EVENT, &w->event, &r, &w->arena, &learned, &e)) fail_msg("%s", e.text);
  world_decide(w, rules_listening(w->program->rules, str_from(type)), clock, NO_ONE);
  world_apply(w);
}

static inline const struct decision *world_of(const struct world *w, const char *trigger) {
  for (size_t i = 0; i < w->count; i++)
    if (str_is(trigger_name(w->program->rules, w->decisions[i].trigger), trigger)) return &w->decisions[i];
  return NULL;
}

static inline size_t world_sent(const struct world *w) {
  size_t sent = 0;
  for (size_t i = 0; i < w->count; i++) sent += w->decisions[i].outcome == OUTCOME_SENT;
  return sent;
}

static inline void expect_outcome(const struct world *w, const char *trigger, enum outcome outcome, const char *reason) {
  const struct decision *d = world_of(w, trigger);
  if (!d) fail_msg("%s: no decision", trigger);
  else if (d->outcome != outcome || strcmp(d->reason ? d->reason : "", reason ? reason : "") != 0)
    fail_msg("%s: expected %s (%s), got %s (%s)", trigger, outcome_word(outcome), reason ? reason : "", outcome_word(d->outcome),
             d->reason ? d->reason : "");
}
