/* elsewhere: was an event of somebody who was two people a short while ago stored under another of their ids? The chains of merged ids are
 * closed, so what they remember does not change: their lanes are asked before the event goes to the lane of the one who stays. Promises a
 * bound: only events that bring an id, only merges within the duplicates' window (history is not forgotten by the wall clock: all), only
 * the newest of them, and nothing at all where nobody was merged. A large batch of people with many ids means tens of thousands of looks:
 * they count as work of their lane, and go there in pieces, each when the one before is back, so that others have their turns between
 * them. Handlers on the main thread, functions named *_in_lane on the lane. */
#include "inside.h"
#include "kit/clock.h"

#define PIECE_LOOKS 1024 /* a quarter of a lane's turn */

struct look {
  uint32_t event;
  enum duplicate found;
  struct str id; /* a copy: the alias may go meanwhile */
};
struct looks { /* of one volume; in the request's arena */
  struct elsewhere *all;
  uint32_t volume;
  struct look *at;
  size_t count, looked;
  size_t held; /* the request's bytes, in one volume's pieces */
};

static size_t other_ids(const struct elsewhere *l, size_t event, const struct alias **out) {
  const struct event *e = &l->events[event];
  const int64_t since = e->history ? INT64_MIN : e->received - SEEN_HOURS * CLOCK_HOUR;
  return e->id_given ? aliases_recent(l->api->aliases, e->user, since, out, ALIASES_RECENT) : 0;
}

static size_t piece_of(const struct looks *l) {
  const size_t left = l->count - l->looked;
  return left < PIECE_LOOKS ? left : PIECE_LOOKS;
}

static void look_in_lane(struct job *j, struct flow *f) {
  const struct looks *all = j->owner;
  for (size_t i = all->looked; i < all->looked + j->work && j->err.kind == ERR_NONE; i++) {
    struct look *look = &all->at[i];
    const struct event *e = &all->all->events[look->event];
    struct user *u = volume_user(flow_volume(f), look->id, false, &j->err); /* erased meanwhile: nobody */
    if (u) look->found = volume_duplicate(flow_volume(f), u, e->source, e->id, e->body, e->received, &j->err);
  }
}

static void ended(struct elsewhere *l) {
  if (l->err.kind == ERR_NONE && l->api->draining) err_set(&l->err, ERR_STOPPING, "the engine is stopping: send again in a second");
  l->then(l);
}

static void looked(struct job *j);

/* False: the error is set, and nothing is under way. */
static bool submit_piece(struct looks *all) {
  struct elsewhere *l = all->all;
  struct job *j = job_new(all->volume);
  if (j) {
    j->owner = all;
    j->work = piece_of(all);
    j->held = all->held;
    j->call = look_in_lane;
    j->done = looked;
    if (lanes_submit(l->api->lanes, j)) return true;
  }
  job_free(j);
  return err_set(&l->err, ERR_BUSY, "every place in the queue is taken: send again in a second");
}

static void looked(struct job *j) {
  struct looks *all = j->owner;
  struct elsewhere *l = all->all;
  if (j->err.kind != ERR_NONE) l->err = j->err;
  for (size_t i = all->looked; i < all->looked + j->work; i++)
    if (all->at[i].found != DUPLICATE_NO) l->found[all->at[i].event] = all->at[i].found;
  all->looked += j->work;
  job_free(j);
  if (l->err.kind == ERR_NONE && !l->api->draining && all->looked < all->count && submit_piece(all)) return;
  if (--l->waiting == 0) ended(l);
}

static bool add_look(struct looks *all, size_t event, struct str id, struct arena *a) {
  const char *copy = arena_text(a, id.at, id.len);
  if (copy) all->at[all->count++] = (struct look){(uint32_t)event, DUPLICATE_NO, {copy, id.len}};
  return copy != NULL;
}

static bool gather(struct elsewhere *l, const size_t counts[BOOK_VOLUMES_MOST], struct looks *of[BOOK_VOLUMES_MOST], struct arena *a) {
  const struct alias *others[ALIASES_RECENT];
  size_t *held = NULL;
  for (uint32_t v = 0; v < BOOK_VOLUMES_MOST; v++) {
    if (!counts[v]) continue;
    struct look *at = ARENA_ARRAY(a, struct look, counts[v]);
    if (!at || !(of[v] = ARENA_NEW(a, struct looks))) return false;
    *of[v] = (struct looks){.all = l, .volume = v, .at = at};
    if (!held) held = &of[v]->held;
  }
  for (size_t i = 0; i < l->count; i++)
    for (size_t k = 0, n = other_ids(l, i, others); k < n; k++)
      if (!add_look(of[volume_for(l->api, others[k]->from)], i, others[k]->from, a)) return false;
  if (held) *held = a->total; /* the events lie there too: counted once */
  return true;
}

static void submit_all(struct elsewhere *l, struct looks *of[BOOK_VOLUMES_MOST]) {
  l->waiting = 1; /* ours, so that a quick lane cannot end it before all are sent */
  for (uint32_t v = 0; v < BOOK_VOLUMES_MOST; v++)
    if (of[v] && submit_piece(of[v])) l->waiting++;
  if (--l->waiting == 0) ended(l);
}

bool elsewhere_look(struct elsewhere *l, struct arena *a) {
  const struct alias *others[ALIASES_RECENT];
  struct looks *of[BOOK_VOLUMES_MOST] = {0};
  size_t counts[BOOK_VOLUMES_MOST] = {0}, all = 0;
  if (!aliases_count(l->api->aliases)) return false;
  for (size_t i = 0; i < l->count; i++)
    for (size_t k = 0, n = other_ids(l, i, others); k < n; k++, all++) counts[volume_for(l->api, others[k]->from)]++;
  if (!all) return false;
  l->found = ARENA_ARRAY(a, enum duplicate, l->count);
  if (l->found && gather(l, counts, of, a)) {
    submit_all(l, of);
    return true;
  }
  err_set(&l->err, ERR_BUSY, "no memory for this request: send again in a second");
  return false;
}
