/* walk: a question about somebody's whole past, answered in pieces of half a millisecond, one a turn, so that a person with a hundred
 * thousand events keeps no other waiting. Promises that few are open at once, that each is answered exactly once, and that none outlives
 * the engine: once it drains they end with 503. Handlers on the main thread, steps in the lane. */
#include "inside.h"
#include "kit/clock.h"

#define WALKS_MOST 8
#define PIECE_NS   500000

static void refuse_busy(struct request *r) {
  struct err busy;
  err_set(&busy, ERR_BUSY, "%d questions about whole pasts are being answered: send again in a second", WALKS_MOST);
  request_refuse(r, &busy);
}

struct walk *walk_new(struct request *r, struct api *api) {
  if (api->walks >= WALKS_MOST) {
    refuse_busy(r);
    return NULL;
  }
  struct walk *w = ARENA_NEW(&r->arena, struct walk);
  if (w) *w = (struct walk){.api = api, .request = r, .user = person_meant(r, api, r->params[0])};
  if (w) w->volume = volume_for(api, w->user);
  else request_problem(r, 503, "memory", NULL, "no memory for this request: send again in a second");
  return w;
}

bool walk_spent(const struct walk *w) {
  return clock_monotonic() - w->begun >= PIECE_NS;
}

static void one_piece(struct job *j, struct flow *f) {
  struct walk *w = j->owner;
  w->begun = clock_monotonic();
  w->step(w, j, f);
}

static void finish(struct walk *w) {
  w->api->walks--;
  w->answer(w);
}

static void go_on(struct job *j);

/* The next piece takes the place that the last one had: it is not turned away by whoever came meanwhile. */
static void submit(struct walk *w, bool first) {
  struct job *j = job_new(w->volume);
  if (j) {
    j->owner = w;
    j->done = go_on;
    j->user = w->user;
    j->call = one_piece;
    j->urgent = !first;
    if (lanes_submit(w->api->lanes, j)) return;
  }
  job_free(j);
  err_set(&w->err, ERR_BUSY, "every place in the queue is taken: send again in a second");
  finish(w);
}

static void go_on(struct job *j) {
  struct walk *w = j->owner;
  w->err = j->err;
  job_free(j);
  if (w->err.kind == ERR_NONE && !w->done && w->api->draining)
    err_set(&w->err, ERR_STOPPING, "the engine is stopping: send again in a second");
  if (w->err.kind == ERR_NONE && !w->done) submit(w, false);
  else finish(w);
}

void walk_start(struct walk *w) {
  w->api->walks++;
  submit(w, true);
}
