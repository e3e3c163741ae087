/* events: POST /v1/events. Events go to the lanes of their users, one job a volume, and the answer (events_answer.c) is
 * given when every volume has committed. Room is looked at before anything is handed over. Main thread. */
#include "events.h"
#include <string.h>
#include <strings.h>

static void volume_done(struct job *j) {
  struct posting *p = j->owner;
  if (--p->waiting == 0) posting_answer(p);
}

static bool make_job(struct posting *p, uint32_t volume, size_t most) {
  struct job *j = job_new(volume);
  if (!j) return false;
  p->jobs[volume] = j;
  j->owner = p;
  j->done = volume_done;
  j->items = ARENA_ARRAY(&j->arena, struct item, most);
  p->places[volume] = ARENA_ARRAY(&j->arena, uint32_t, most);
  return j->items && p->places[volume];
}

/* A decision that was made elsewhere is booked only for senders that may speak for a backend: a public write key could make them up. */
static enum entry_kind kind_of(const struct event *e, bool may_identify) {
  return may_identify && str_is(e->type, "logged_decision") ? ENTRY_IMPORTED : ENTRY_EVENT;
}

static void find_people(struct posting *p) {
  for (size_t i = 0; aliases_count(p->api->aliases) && i < p->batch.count; i++)
    p->batch.events[i].user = person_meant(p->request, p->api, p->batch.events[i].user);
}

static bool share_out(struct posting *p, bool may_identify) {
  const struct trace *trace = request_trace(p->request);
  uint32_t of[EVENTS_MOST];
  size_t counts[BOOK_VOLUMES_MOST] = {0};
  for (size_t i = 0; i < p->batch.count; i++) {
    of[i] = book_volume_of(p->api->book, book_partition_of(p->api->book, p->batch.events[i].user));
    counts[of[i]]++;
  }
  for (size_t i = 0; i < p->batch.count; i++) {
    uint32_t v = of[i];
    if (!p->jobs[v] && !make_job(p, v, counts[v])) return false;
    struct job *j = p->jobs[v];
    p->places[v][j->item_count] = (uint32_t)i;
    j->items[j->item_count++] = (struct item){.kind = kind_of(&p->batch.events[i], may_identify),
                                              .event = p->batch.events[i],
                                              .may_identify = may_identify,
                                              .elsewhere = p->elsewhere.found ? p->elsewhere.found[i] : DUPLICATE_NO,
                                              .asked = NO_ONE,
                                              .trace = trace,
                                              .results = &j->arena};
  }
  return true;
}

static void free_jobs(struct posting *p) {
  for (size_t v = 0; v < BOOK_VOLUMES_MOST; v++) job_free(p->jobs[v]);
}

static void refuse_busy(struct request *r) {
  struct err busy;
  err_set(&busy, ERR_BUSY, "every place in the queue is taken: send again in a second");
  request_refuse(r, &busy);
}

static void submit_all(struct posting *p) {
  uint64_t volumes = 0;
  size_t held = p->request->arena.total;
  for (uint32_t v = 0; v < BOOK_VOLUMES_MOST; v++)
    if (p->jobs[v]) {
      volumes |= UINT64_C(1) << v;
      p->jobs[v]->held = held; /* the events lie in the request: counted once */
      held = 0;
    }
  if (!lanes_room(p->api->lanes, volumes)) {
    free_jobs(p);
    refuse_busy(p->request);
    return;
  }
  p->waiting = 1; /* ours, so that a quick lane cannot finish before all are sent */
  for (uint32_t v = 0; v < BOOK_VOLUMES_MOST; v++) {
    if (!p->jobs[v]) continue;
    p->waiting++;
    if (lanes_submit(p->api->lanes, p->jobs[v])) continue;
    err_set(&p->jobs[v]->err, ERR_BUSY, "this volume's queue is full: send again in a second");
    p->waiting--;
  }
  if (--p->waiting == 0) posting_answer(p);
}

static void hand_over(struct posting *p) {
  if (share_out(p, scope_allows(p->request->scopes, SCOPE_INGEST))) {
    submit_all(p);
    return;
  }
  free_jobs(p);
  request_problem(p->request, 503, "memory", NULL, "no memory for %zu events", p->batch.count);
}

static void looked_elsewhere(struct elsewhere *l) {
  struct posting *p = l->own;
  if (l->err.kind != ERR_NONE) request_refuse(p->request, &l->err);
  else hand_over(p);
}

/* A media type is the same in any letters, and has what it likes behind a `;`. */
static bool says_lines(struct str content_type) {
  static const char lines[] = "application/x-ndjson";
  const size_t length = sizeof lines - 1;
  if (content_type.len < length || strncasecmp(content_type.at, lines, length) != 0) return false;
  return content_type.len == length || memchr("; \t", content_type.at[length], 3);
}

void api_events(struct request *r, void *context) {
  bool history;
  struct err e = {0};
  if (!asked_clock(r, &history)) return;
  if (lanes_full(((struct api *)context)->lanes)) { /* before the work of reading it */
    refuse_busy(r);
    return;
  }
  struct posting *p = ARENA_NEW(&r->arena, struct posting);
  if (!p) {
    request_problem(r, 503, "memory", NULL, "no memory for this request");
    return;
  }
  p->api = context;
  p->request = r;
  const bool ndjson = says_lines(r->content_type);
  struct str source = r->key_name.len ? r->key_name : STR("local");
  if (!event_batch_parse(&r->arena, r->body, ndjson, r->received, source, history, &p->batch, &e)) {
    request_refuse_as(r, 400, "event-invalid", &e);
    return;
  }
  find_people(p);
  p->elsewhere = (struct elsewhere){.api = p->api, .events = p->batch.events, .count = p->batch.count, .then = looked_elsewhere, .own = p};
  if (!elsewhere_look(&p->elsewhere, &r->arena)) looked_elsewhere(&p->elsewhere);
}
