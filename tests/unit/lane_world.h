/* Real lanes over a world: threads, commits, and a courier when there are endpoints. The test's own thread is the main thread. */
#pragma once
#include "flow_world.h"
#include "lane/lane.h"

struct fleet {
  struct world *world;
  struct lanes *lanes;
  uv_loop_t loop;
  size_t open; /* jobs that are not back yet */
};

static bool fleet_recovers; /* volumes are recovered between the program and the first turn, as a start may have to */

/* Takes over a world's directory: its flows are the lanes' from here on. */
static inline struct fleet *fleet_new(struct world *w, uint32_t lanes, const struct endpoint *endpoints, size_t count) {
  struct fleet *f = kit_alloc(sizeof *f);
  *f = (struct fleet){.world = w};
  const struct program *last = w->program;
  char digest[65];
  memcpy(digest, last->digest, sizeof digest);
  world_stop(w);
  w->book = book_open(w->data, true, &w->e);
  fine(&w->e, w->book != NULL);
  w->library = library_new(w->book, &world_from);
  w->volumes = 0; /* world_stop has no flows to close */
  uv_loop_init(&f->loop);
  struct lanes_options o = {
      .book = w->book, .library = w->library, .lanes = lanes, .endpoints = endpoints, .endpoint_count = count, .loop = &f->loop};
  fine(&w->e, (f->lanes = lanes_open(&o, &w->e)) != NULL);
  w->program = library_get(w->library, str_from(digest), &w->e);
  fine(&w->e, w->program && lanes_activate(f->lanes, w->program, 0, &w->e));
  for (uint32_t v = 0; fleet_recovers && v < book_volumes(w->book); v++) fine(&w->e, flow_recover(lanes_flow(f->lanes, v), &w->e));
  fine(&w->e, lanes_run(f->lanes, &w->e));
  return f;
}

/* The lanes end; the world has its flows again. */
static inline struct world *fleet_close(struct fleet *f) {
  struct world *w = f->world;
  lanes_close(f->lanes);
  uv_run(&f->loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&f->loop), 0);
  kit_free(f);
  world_stop(w);
  world_start(w);
  w->program = flow_program(w->flows[0], 0);
  return w;
}

static inline void fleet_wait(struct fleet *f) {
  while (f->open > 0) uv_run(&f->loop, UV_RUN_ONCE);
}

struct errand { /* a job that reports into the test's own place */
  struct fleet *fleet;
  struct err *err;
  enum item_state *state;
  size_t *told;
  void (*done)(void *context, struct job *j);
  void *context;
};

static inline void fleet_done(struct job *j) {
  struct errand errand = *(struct errand *)j->owner;
  if (errand.err) *errand.err = j->err;
  if (errand.state && j->item_count) *errand.state = j->items[0].state;
  if (errand.told && j->item_count) *errand.told = j->items[0].told_count;
  if (errand.done) errand.done(errand.context, j);
  errand.fleet->open--;
  kit_free(j->owner);
  job_free(j);
}

static inline struct job *fleet_job(struct fleet *f, const char *user, const struct errand *errand) {
  struct job *j = job_new(book_volume_of(f->world->book, book_partition_of(f->world->book, str_from(user))));
  struct errand *own = kit_alloc(sizeof *own);
  *own = errand ? *errand : (struct errand){0};
  own->fleet = f;
  j->owner = own;
  j->done = fleet_done;
  return j;
}

static inline void fleet_submit(struct fleet *f, struct job *j) {
  f->open++;
  while (!lanes_submit(f->lanes, j)) uv_run(&f->loop, UV_RUN_NOWAIT);
}

/* Something happens to a user, in a job of its own; `id` and `data` may be NULL. */
static inline void fleet_say(struct fleet *f, enum entry_kind kind, const char *user, const char *id, const char *type, const char *data,
                             const struct errand *errand) {
  struct job *j = fleet_job(f, user, errand);
  char time[32];
  int64_t now = clock_now();
  int length = (int)clock_format(now, time);
  const char *body = arena_printf(&j->arena, "{%s%s%s\"userId\":\"%s\",\"eventType\":\"%s\",\"timestamp\":\"%.*s\",\"data\":%s}",
                                  id ? "\"id\":\"" : "", id ? id : "", id ? "\"," : "", user, type, length, time, data ? data : "{}");
  j->items = ARENA_NEW(&j->arena, struct item);
  j->item_count = 1;
  *j->items = (struct item){.kind = kind, .may_identify = true, .asked = NO_ONE, .results = &j->arena};
  struct err e = {0};
  fine(&e, event_parse(&j->arena, str_from(body), now, STR("test"), false, &j->items->event, &e));
  j->withdraw = j->urgent = strcmp(type, "opt_out") == 0;
  fleet_submit(f, j);
}

static inline void fleet_person(struct fleet *f, const char *user) {
  fleet_say(f, ENTRY_PROFILE, user, NULL, "profile_updated", "{\"timezone\":\"Europe/Berlin\",\"age\":40}", NULL);
  fleet_say(f, ENTRY_CONSENT, user, NULL, "opt_in", NULL, NULL);
}

static inline void fleet_call(struct fleet *f, const char *user, void (*call)(struct job *, struct flow *), bool withdraw,
                              const struct errand *errand) {
  struct job *j = fleet_job(f, user, errand);
  j->user = (struct str){arena_text(&j->arena, user, strlen(user)), strlen(user)};
  j->call = call;
  j->withdraw = j->urgent = withdraw;
  fleet_submit(f, j);
}
