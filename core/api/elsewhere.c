/* elsewhere: was an event of somebody who was two people a short while ago stored under another of their ids? The chains of merged ids are
 * closed, so what they remember does not change: their lanes are asked before the event goes to the lane of the one who stays. Promises a
 * bound: only events that bring an id, only merges within the duplicates' window (history is not forgotten by the wall clock: all), only
 * the newest of them, and nothing at all where nobody was merged. Handlers on the main thread, functions named *_in_lane on the lane. */
#include "inside.h"
#include "kit/clock.h"

struct look {
  uint32_t event;
  enum duplicate found;
  struct str id; /* a copy: the alias may go meanwhile */
};
struct looks { /* of one volume, in its job's arena */
  struct elsewhere *all;
  size_t count;
  struct look *at;
};

static size_t other_ids(const struct elsewhere *l, size_t event, const struct alias **out) {
  const struct event *e = &l->events[event];
  const int64_t since = e->history ? INT64_MIN : e->received - SEEN_HOURS * CLOCK_HOUR;
  return e->id_given ? aliases_recent(l->api->aliases, e->user, since, out, ALIASES_RECENT) : 0;
}

static void look_in_lane(struct job *j, struct flow *f) {
  const struct looks *all = j->owner;
  for (size_t i = 0; i < all->count && j->err.kind == ERR_NONE; i++) {
    struct look *look = &all->at[i];
    const struct event *e = &all->all->events[look->event];
    struct user *u = volume_user(flow_volume(f), look->id, false, &j->err); /* erased meanwhile: nobody */
    if (u) look->found = volume_duplicate(flow_volume(f), u, e->source, e->id, e->body, e->received, &j->err);
  }
}

static void ended(struct elsewhere *l) {
  if (l->err.kind == ERR_NONE && l->api->draining) err_set(&l->err, ERR_STORAGE, "the engine is stopping: send again in a second");
  l->then(l);
}

static void looked(struct job *j) {
  const struct looks *all = j->owner;
  struct elsewhere *l = all->all;
  if (j->err.kind != ERR_NONE) l->err = j->err;
  for (size_t i = 0; i < all->count; i++)
    if (all->at[i].found != DUPLICATE_NO) l->found[all->at[i].event] = all->at[i].found;
  job_free(j);
  if (--l->waiting == 0) ended(l);
}

static struct job *look_job(struct elsewhere *l, uint32_t volume, size_t most) {
  struct job *j = job_new(volume);
  struct looks *all = j ? ARENA_NEW(&j->arena, struct looks) : NULL;
  if (all && (all->at = ARENA_ARRAY(&j->arena, struct look, most))) {
    all->all = l;
    j->owner = all;
    j->call = look_in_lane;
    j->done = looked;
    return j;
  }
  job_free(j);
  return NULL;
}

static bool add_look(struct job *j, size_t event, struct str id) {
  struct looks *all = j->owner;
  const char *copy = arena_text(&j->arena, id.at, id.len);
  if (copy) all->at[all->count++] = (struct look){(uint32_t)event, DUPLICATE_NO, {copy, id.len}};
  return copy != NULL;
}

static bool make_jobs(struct elsewhere *l, const size_t counts[BOOK_VOLUMES_MOST], struct job *jobs[BOOK_VOLUMES_MOST]) {
  const struct alias *others[ALIASES_RECENT];
  for (uint32_t v = 0; v < BOOK_VOLUMES_MOST; v++)
    if (counts[v] && !(jobs[v] = look_job(l, v, counts[v]))) return false;
  for (size_t i = 0; i < l->count; i++)
    for (size_t k = 0, n = other_ids(l, i, others); k < n; k++)
      if (!add_look(jobs[volume_for(l->api, others[k]->from)], i, others[k]->from)) return false;
  return true;
}

static void submit_all(struct elsewhere *l, struct job *jobs[BOOK_VOLUMES_MOST]) {
  l->waiting = 1; /* ours, so that a quick lane cannot end it before all are sent */
  for (uint32_t v = 0; v < BOOK_VOLUMES_MOST; v++) {
    if (!jobs[v]) continue;
    l->waiting++;
    if (lanes_submit(l->api->lanes, jobs[v])) continue;
    l->waiting--;
    job_free(jobs[v]);
    err_set(&l->err, ERR_BUSY, "every place in the queue is taken: send again in a second");
  }
  if (--l->waiting == 0) ended(l);
}

bool elsewhere_look(struct elsewhere *l, struct arena *a) {
  const struct alias *others[ALIASES_RECENT];
  struct job *jobs[BOOK_VOLUMES_MOST] = {0};
  size_t counts[BOOK_VOLUMES_MOST] = {0}, all = 0;
  if (!aliases_count(l->api->aliases)) return false;
  for (size_t i = 0; i < l->count; i++)
    for (size_t k = 0, n = other_ids(l, i, others); k < n; k++, all++) counts[volume_for(l->api, others[k]->from)]++;
  if (!all) return false;
  l->found = ARENA_ARRAY(a, enum duplicate, l->count);
  if (l->found && make_jobs(l, counts, jobs)) {
    submit_all(l, jobs);
    return true;
  }
  for (uint32_t v = 0; v < BOOK_VOLUMES_MOST; v++) job_free(jobs[v]);
  err_set(&l->err, ERR_BUSY, "no memory for this request: send again in a second");
  return false;
}
